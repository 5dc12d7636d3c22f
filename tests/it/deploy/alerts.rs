//! Alerts end to end: from what happens in the API to the message that people
//! receive, and its end.

use std::time::Duration;

use amperity_exporter::clock::Clock;
use amperity_simulator::{Attribution, Incident, Outcome, World, WorldParameters};
use jiff::Timestamp;
use tokio::time::Instant;

use super::chain::{Chain, Waits};
use super::demo::ask;
use super::inbox::ReceivedAlert;
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

/// Both feeds are late a minute and a half after a success, the shortest time
/// that can be configured.
const EXPECTED: &str = "[{table: '*', every: 1m, team: crm}]";

impl Chain {
    /// The first alert like this after the first `since`.
    async fn alert(&self, since: usize, name: &str, status: &str) -> ReceivedAlert {
        let found = self.inbox.wait(since, |alert| alert.is(name, status)).await;
        found.unwrap_or_else(|| {
            let arrived: Vec<_> = self.inbox.after(since);
            panic!(
                "no {name} {status} in four minutes, only {arrived:#?}\n{}",
                self.logs()
            )
        })
    }

    async fn message(&self, wanted: &str) -> String {
        let found = self.inbox.wait_for_text(wanted).await;
        found.unwrap_or_else(|| panic!("no message contains {wanted:?}\n{}", self.logs()))
    }
}

/// A failed job, a late feed, a revoked key and a stopped exporter, one after
/// the other. Each is one alert, with its labels and texts, and it resolves.
#[tokio::test]
async fn alerts_fire_and_resolve() {
    let _permit = crate::support::permit().await;
    let mut chain = Chain::start(world(), TENANT, EXPECTED).await;
    let feeds = chain.simulator.feeds(TENANT);
    let [(first_table, first), (second_table, second)] = &feeds[..] else {
        panic!("{feeds:?}");
    };

    a_failed_job(&chain, first_table, first).await;
    a_late_feed(&chain, second_table, second).await;
    a_revoked_key(&chain).await;
    a_stopped_exporter(&mut chain).await;
}

/// A courier group that fails before ingest: one alert at once, and none about
/// its feed, which is late because of it.
#[tokio::test]
async fn a_workflow_that_fails_before_ingest_is_one_alert() {
    let _permit = crate::support::permit().await;
    let chain = Chain::start(world(), TENANT, EXPECTED).await;
    let (_, feed) = chain.simulator.feeds(TENANT)[0].clone();
    // Prometheus has to have seen the feed before.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let since = chain.inbox.len();
    let incident = Incident::FailsBeforeIngest(Attribution::Customer);
    let job = chain.simulator.schedule_incident(TENANT, &feed, incident);
    assert_eq!(job, None, "there is no job");
    while !has_failed(&chain) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let failed_at = Instant::now();
    assert!(chain.simulator.pause_feed(TENANT, &feed));

    let alert = chain.alert(since, "AmperityWorkflowFailed", "firing").await;
    // Two refreshes, a scrape, an evaluation, the wait for others of the group,
    // and a slow machine.
    let delay = failed_at.elapsed();
    assert!(delay < Duration::from_secs(15), "{delay:?}");
    println!("the alert came {delay:?} after the failure");
    assert_eq!(alert.label("tenant"), TENANT);
    assert_eq!(alert.label("workflow"), "Group 0");
    assert_eq!(alert.label("type"), "courier_group");
    assert_eq!(alert.label("attribution"), "customer");
    assert_eq!(alert.label("severity"), "critical");
    let description = text(&alert.annotations, "description");
    assert!(description.contains("missing-files"), "{description}");
    assert!(!description.contains("error expanding"), "{description}");

    // The feed is late by then, and no alert for it is sent.
    tokio::time::sleep(Duration::from_mins(2)).await;
    let late = r#"ALERTS{alertname="AmperityFeedLate",alertstate="firing",workflow="Group 0"}"#;
    assert!(!ask(&chain.prometheus, late).is_empty(), "{}", chain.logs());
    let others = chain.inbox.after(since);
    let failed = |alert: &ReceivedAlert| alert.label("alertname") == "AmperityWorkflowFailed";
    assert!(others.iter().all(failed), "{others:#?}");

    assert!(chain.simulator.resume_feed(TENANT, &feed));
    chain
        .alert(since, "AmperityWorkflowFailed", "resolved")
        .await;
}

/// Sixty feeds fail within ten seconds and succeed with their next run. Waiting
/// times are to scale, a second for a minute.
#[tokio::test]
async fn many_feeds_that_fail_at_once_are_about_three_messages() {
    let _permit = crate::support::permit().await;
    let world = World::generated(&WorldParameters {
        seed: 1,
        start: Clock::system().now(),
        tenants: 1,
        feeds: 60,
        period: Duration::from_secs(10),
        duration: Duration::from_secs(1),
        history: Duration::from_mins(1),
    });
    let chain = Chain::start_with(world, TENANT, "[]", Waits::ToScale).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let feeds = chain.simulator.feeds(TENANT);
    assert_eq!(feeds.len(), 60);
    for (_, feed) in &feeds {
        let failure = Incident::Ends(Outcome::Failed);
        assert!(
            chain
                .simulator
                .schedule_incident(TENANT, feed, failure)
                .is_some()
        );
    }
    chain.alert(0, "AmperityManyFeedsFailed", "firing").await;
    chain.alert(0, "AmperityManyFeedsFailed", "resolved").await;
    // What is left would follow now.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let mut messages = chain.inbox.messages();
    // Prometheus takes seconds until its first scrape.
    messages.retain(|text| !text.contains("amperity_exporter"));
    assert!((2..=4).contains(&messages.len()), "{messages:#?}");
}

fn has_failed(chain: &Chain) -> bool {
    let ever = Timestamp::MIN..Timestamp::MAX;
    let now = chain.simulator.now();
    let totals = chain.simulator.workflow_totals(TENANT, ever, now);
    totals.values().any(|totals| !totals.failures.is_empty())
}

/// The demo world on a good day.
#[tokio::test]
async fn a_healthy_world_sends_no_alert() {
    let _permit = crate::support::permit().await;
    let world = World::healthy(1, Clock::system().now());
    let chain = Chain::start(world, "socktown", "[]").await;
    tokio::time::sleep(Duration::from_secs(45)).await;
    let alerts = chain.inbox.after(0);
    assert!(alerts.iter().all(is_down), "{alerts:#?}");
    let feeds = ask(&chain.prometheus, "amperity:feed_info");
    assert!(!feeds.is_empty(), "{}", chain.logs());
}

/// Prometheus takes seconds until its first scrape, longer than the shortened
/// rule waits.
fn is_down(alert: &ReceivedAlert) -> bool {
    alert.label("alertname") == "AmperityExporterDown"
}

async fn a_failed_job(chain: &Chain, table: &str, feed: &str) {
    // Prometheus has to have seen the feed before.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let others = chain.inbox.after(0);
    assert!(others.iter().all(is_down), "{others:#?}");
    let failure = Incident::Ends(Outcome::Failed);
    let scheduled = chain.simulator.schedule_incident(TENANT, feed, failure);
    assert!(scheduled.is_some());

    let alert = chain.alert(0, "AmperityFeedFailed", "firing").await;
    assert_eq!(alert.label("tenant"), TENANT);
    assert_eq!((alert.label("table"), alert.label("feed")), (table, feed));
    assert_eq!(alert.label("severity"), "warning");
    assert_eq!(alert.label("team"), "crm");
    let summary = format!("{TENANT}: a run of {table} ({feed}) failed");
    assert_eq!(text(&alert.annotations, "summary"), summary);
    let description = text(&alert.annotations, "description");
    assert!(!description.contains("error expanding"), "{description}");
    let message = chain.message(&format!("[1 firing] {summary}")).await;
    assert!(
        message.starts_with(&format!("[1 firing] {summary}\nWARNING, since 20")),
        "{message}"
    );
    assert!(
        message.contains("What to do: AmperityFeedFailed in docs/RUNBOOK.md"),
        "{message}"
    );
    assert!(
        message.contains("In Amperity: https://tenant-0.amperity.com/"),
        "{message}"
    );

    // The next run succeeds.
    chain.alert(0, "AmperityFeedFailed", "resolved").await;
    chain.message(&format!("[resolved] {summary}")).await;
}

async fn a_late_feed(chain: &Chain, table: &str, feed: &str) {
    let since = chain.inbox.len();
    assert!(chain.simulator.pause_feed(TENANT, feed));
    let alert = chain.alert(since, "AmperityFeedLate", "firing").await;
    assert_eq!((alert.label("table"), alert.label("feed")), (table, feed));
    assert_eq!(alert.label("severity"), "warning");
    let description = text(&alert.annotations, "description");
    assert!(
        description.starts_with("A success was due by 20"),
        "{description}"
    );

    assert!(chain.simulator.resume_feed(TENANT, feed));
    chain.alert(since, "AmperityFeedLate", "resolved").await;
    let others = chain.inbox.after(since);
    let late = |alert: &ReceivedAlert| {
        alert.label("alertname") == "AmperityFeedLate" && alert.label("feed") == feed
    };
    assert!(others.iter().all(late), "{others:#?}");
}

async fn a_revoked_key(chain: &Chain) {
    let since = chain.inbox.len();
    chain.simulator.revoke_tokens(TENANT);
    let alert = chain
        .alert(since, "AmperityCredentialsRejected", "firing")
        .await;
    assert_eq!(alert.label("tenant"), TENANT);
    let summary = "tenant-0: Amperity rejects the credentials";
    assert_eq!(text(&alert.annotations, "summary"), summary);
    // Longer than a feed may go without a success: none of them is late.
    tokio::time::sleep(Duration::from_secs(110)).await;

    chain.new_token(TENANT);
    chain
        .alert(since, "AmperityCredentialsRejected", "resolved")
        .await;
    let others = chain.inbox.after(since);
    let credentials =
        |alert: &ReceivedAlert| alert.label("alertname") == "AmperityCredentialsRejected";
    assert!(others.iter().all(credentials), "{others:#?}");
}

async fn a_stopped_exporter(chain: &mut Chain) {
    let since = chain.inbox.len();
    chain.stop_exporter().await;
    let alert = chain.alert(since, "AmperityExporterDown", "firing").await;
    assert_eq!(alert.label("instance"), chain.instance());
    assert_eq!(alert.label("severity"), "critical");
    tokio::time::sleep(Duration::from_secs(16)).await;

    chain.start_exporter();
    chain.alert(since, "AmperityExporterDown", "resolved").await;
    let others = chain.inbox.after(since);
    assert!(others.iter().all(is_down), "{others:#?}");
}
