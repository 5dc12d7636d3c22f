//! The end of the mission: someone is told, in time and in plain words, and
//! told again when it is mended.

use std::time::Duration;

use amperity_exporter::clock::Clock;
use amperity_simulator::{Incident, Outcome, World, WorldParameters};

use super::chain::Chain;
use super::demo::ask;
use super::inbox::Told;
use super::text;

const TENANT: &str = "tenant-0";

/// Two feeds, each with a run of a second every four.
fn world() -> World {
    World::generated(&WorldParameters {
        seed: 1,
        start: Clock::system().now(),
        tenants: 1,
        feeds: 2,
        period: Duration::from_secs(4),
        duration: Duration::from_secs(1),
        history: Duration::from_mins(1),
    })
}

const THRESHOLDS: [(&str, &str); 3] = [
    ("late_floor_seconds", "vector(12)"),
    ("late_young_seconds", "vector(12)"),
    ("late_unlearned_seconds", "vector(60)"),
];

impl Chain {
    /// The alert that begins after the first `since` messages.
    async fn told(&self, since: usize, name: &str, status: &str) -> Told {
        let found = self.inbox.wait(since, |told| told.is(name, status)).await;
        found.unwrap_or_else(|| {
            let arrived: Vec<_> = self.inbox.after(since);
            panic!(
                "no {name} {status} in three minutes, only {arrived:#?}\n{}",
                self.logs()
            )
        })
    }

    async fn read(&self, words: &str) -> String {
        let found = self.inbox.wait_for_words(words).await;
        found.unwrap_or_else(|| panic!("no message says {words:?}\n{}", self.logs()))
    }
}

/// A failed job, a late feed, a revoked key and a stopped exporter, one after
/// the other: each is told of, in words, with the right labels, alone, and
/// its end too.
#[tokio::test]
async fn what_goes_wrong_is_told_and_so_is_its_end() {
    let _turn = crate::support::alone().await;
    let mut chain = Chain::start(world(), TENANT, &THRESHOLDS).await;
    let feeds = chain.simulator.feeds(TENANT);
    let [(first_table, first), (second_table, second)] = &feeds[..] else {
        panic!("{feeds:?}");
    };

    a_failed_job(&chain, first_table, first).await;
    a_late_feed(&chain, second_table, second).await;
    a_revoked_key(&chain).await;
    a_stopped_exporter(&mut chain).await;
}

/// The demo world on a good day, with the shipped thresholds.
#[tokio::test]
async fn nobody_is_told_of_a_healthy_world() {
    let _turn = crate::support::alone().await;
    let world = World::healthy(1, Clock::system().now());
    let chain = Chain::start(world, "socktown", &[]).await;
    tokio::time::sleep(Duration::from_secs(45)).await;
    let told = chain.inbox.after(0);
    assert!(told.iter().all(is_down), "{told:#?}");
    let states = r#"sum(amperity:feed_state{state="succeeded"}) > 0"#;
    assert!(
        !ask(&chain.prometheus, states).is_empty(),
        "{}",
        chain.logs()
    );
}

/// Prometheus takes seconds to know whom to scrape, and the copy of the rules
/// is less patient with it than what ships.
fn is_down(told: &Told) -> bool {
    told.label("alertname") == "AmperityExporterDown"
}

async fn a_failed_job(chain: &Chain, table: &str, feed: &str) {
    // Prometheus has to have seen the feed before.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let others = chain.inbox.after(0);
    assert!(others.iter().all(is_down), "{others:#?}");
    let failure = Incident::Ends(Outcome::Failed);
    assert!(
        chain
            .simulator
            .schedule_incident(TENANT, feed, failure)
            .is_some()
    );

    let told = chain.told(0, "AmperityFeedFailed", "firing").await;
    assert_eq!(told.label("tenant"), TENANT);
    assert_eq!((told.label("table"), told.label("feed")), (table, feed));
    assert_eq!(told.label("severity"), "warning");
    let summary = format!("{TENANT}: a job of feed {feed} for table {table} failed");
    assert_eq!(text(&told.annotations, "summary"), summary);
    let description = text(&told.annotations, "description");
    assert!(
        description.starts_with("The newest finished run read "),
        "{description}"
    );
    assert!(!description.contains("error expanding"), "{description}");
    let words = chain.read(&format!("[1 firing] {summary}")).await;
    assert!(
        words.starts_with(&format!("[1 firing] {summary}\nWARNING, since 20")),
        "{words}"
    );
    assert!(
        words.contains("What to do: docs/RUNBOOK.md#amperityfeedfailed"),
        "{words}"
    );
    assert!(
        words.contains("In Amperity: https://tenant-0.amperity.com/"),
        "{words}"
    );

    // The next run succeeds by itself.
    chain.told(0, "AmperityFeedFailed", "resolved").await;
    chain.read(&format!("[resolved] {summary}")).await;
}

async fn a_late_feed(chain: &Chain, table: &str, feed: &str) {
    let since = chain.inbox.len();
    assert!(chain.simulator.pause_feed(TENANT, feed));
    let told = chain.told(since, "AmperityFeedLate", "firing").await;
    assert_eq!((told.label("table"), told.label("feed")), (table, feed));
    assert_eq!(told.label("severity"), "critical");
    let description = text(&told.annotations, "description");
    assert!(
        description.contains("usually there is one every 4"),
        "{description}"
    );

    assert!(chain.simulator.resume_feed(TENANT, feed));
    chain.told(since, "AmperityFeedLate", "resolved").await;
    let others = chain.inbox.after(since);
    let late =
        |told: &Told| told.label("alertname") == "AmperityFeedLate" && told.label("feed") == feed;
    assert!(others.iter().all(late), "{others:#?}");
}

async fn a_revoked_key(chain: &Chain) {
    let since = chain.inbox.len();
    chain.simulator.revoke_tokens(TENANT);
    let told = chain
        .told(since, "AmperityCredentialsRejected", "firing")
        .await;
    assert_eq!(told.label("tenant"), TENANT);
    let summary = "tenant-0: Amperity rejects the credentials";
    assert_eq!(text(&told.annotations, "summary"), summary);
    // Long enough for every feed to look late: nobody is told of that.
    tokio::time::sleep(Duration::from_secs(16)).await;

    chain.new_token(TENANT);
    chain
        .told(since, "AmperityCredentialsRejected", "resolved")
        .await;
    let others = chain.inbox.after(since);
    let credentials = |told: &Told| told.label("alertname") == "AmperityCredentialsRejected";
    assert!(others.iter().all(credentials), "{others:#?}");
}

async fn a_stopped_exporter(chain: &mut Chain) {
    let since = chain.inbox.len();
    chain.stop_exporter().await;
    let told = chain.told(since, "AmperityExporterDown", "firing").await;
    assert_eq!(told.label("instance"), chain.instance());
    assert_eq!(told.label("severity"), "critical");
    tokio::time::sleep(Duration::from_secs(16)).await;

    chain.start_exporter();
    chain.told(since, "AmperityExporterDown", "resolved").await;
    let others = chain.inbox.after(since);
    assert!(others.iter().all(is_down), "{others:#?}");
}
