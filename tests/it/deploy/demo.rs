//! Every query of every rule and panel, evaluated by a real Prometheus that
//! scrapes the demo: none fails, and none is empty unless it may be.

use std::time::Duration;

use amperity_exporter::clock::Clock;
use serde_json::Value;
use tokio::time::Instant;

use super::chain::{Waits, free_port, prometheus, start};
use super::{PanelQuery, panel_queries, rules, run, text};

/// Queries of panels whose result may be empty: while nothing is wrong, or by
/// chance.
const EMPTY_PANELS: [(&str, &str); 25] = [
    // No client is refused.
    ("Scrapes", "B"),
    ("Feeds with problems", "ABCDEFGH"),
    ("Other firing alerts", "A"),
    ("Running now", "ABC"),
    ("Problems over time", "A"),
    // What is expected is learned first.
    ("All feeds", "BEI"),
    ("Feeds without an expectation", "AB"),
    ("Due", "A"),
    ("Late by", "A"),
    ("Usual duration", "A"),
    ("Usual rows", "A"),
    ("Rows of a run", "ABC"),
    ("Errors", "BC"),
    ("Rejections", "BC"),
    ("Duration", "BCD"),
    ("Time since the last success", "B"),
    ("Running for", "A"),
    // The demo's API version is not deprecated, its jobs are few and known.
    ("API version ends in", "A"),
    ("API version deprecated", "A"),
    ("Jobs", "B"),
    ("Configured jobs that cannot be fetched", "A"),
    ("Failed workflows by attribution", "A"),
    ("All workflows", "BCDE"),
    ("Feeds", "B"),
    // No request of the demo is refused.
    ("Failed refreshes", "A"),
];

/// Recorded series that exist only while something is wrong or running, or with a
/// `team` in the configuration.
const EMPTY_RECORDS: [&str; 7] = [
    "amperity:workflow_problem",
    "amperity:workflow_team",
    "amperity:feed_problem",
    "amperity:feed_running_seconds",
    "amperity:job_progress",
    "amperity:tenant_rate_limited_ratio",
    "amperity:tenant_rejected_ratio",
];

fn may_be_empty(query: &PanelQuery) -> bool {
    let mut panels = EMPTY_PANELS.iter();
    panels.any(|(title, references)| *title == query.title && references.contains(&query.reference))
}

/// The result of a query now. Fails the test if the query is refused.
pub(super) fn ask(server: &str, query: &str) -> Vec<Value> {
    let answer = run(
        "promtool",
        &["query", "instant", "--format=json", server, query],
    );
    match serde_json::from_str(&answer).unwrap() {
        Value::Array(found) => found,
        found => panic!("{query}: {found}"),
    }
}

/// Today's point of a graph with one point a day, which Grafana puts at midnight.
fn ask_daily(server: &str, query: &str) -> Vec<Value> {
    let day = 86_400;
    let today = Clock::system().now().as_second() / day * day;
    // promtool wants an end after the start.
    let (start, end) = (format!("--start={today}"), format!("--end={}", today + 1));
    let arguments = ["query", "range", "--format=json", "--step=24h"];
    let answer = run(
        "promtool",
        &[&arguments[..], &[&start, &end, server, query]].concat(),
    );
    serde_json::from_str(&answer).unwrap()
}

/// Repeats queries until each has a result; those that had none in three minutes.
async fn ask_all(server: &str, mut queries: Vec<(String, String)>) -> Vec<(String, String)> {
    let deadline = Instant::now() + Duration::from_mins(3);
    while !queries.is_empty() && Instant::now() < deadline {
        queries.retain(|(_, query)| ask(server, query).is_empty());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    queries
}

fn in_the_demo(query: &str, feed: &str) -> String {
    query
        .replace("$__rate_interval", "1m")
        .replace("$__interval", "10s")
        .replace("$__range", "10m")
        .replace("=\"$tenant\"", "=\"socktown\"")
        .replace("$tenant", ".+")
        .replace("$table", "Store transactions")
        .replace("$workflow", "Point of sale")
        .replace("$type", "courier_group")
        .replace("$feed", feed)
}

#[tokio::test]
async fn every_rule_and_panel_has_results_in_the_demo() {
    let _permit = crate::support::permit().await;
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let address = format!("--web.listen-address=127.0.0.1:{port}");
    let program = env!("CARGO_BIN_EXE_amperity_exporter");
    let _demo = start(program, &["demo".to_owned(), address], folder.path());
    let (_prometheus, server) = prometheus(folder.path(), port, free_port(), Waits::Least);

    let state = r#"amperity_feed_state{table="Store transactions"}"#;
    let ready = format!("{server}/-/ready");
    wait_for(&ready).await;
    let left = ask_all(&server, vec![("the exporter".to_owned(), state.to_owned())]).await;
    assert_eq!(left, []);
    let feed = text(&ask(&server, state)[0]["metric"], "feed").to_owned();

    let records = rules()
        .into_iter()
        .map(|rule| text(&rule, "record").to_owned())
        .filter(|record| !record.is_empty() && !EMPTY_RECORDS.contains(&record.as_str()))
        .map(|record| (record.clone(), record));
    let panels = panel_queries()
        .into_iter()
        .filter(|query| !may_be_empty(query) && !query.daily)
        .map(|query| (query.title, in_the_demo(&query.expression, &feed)));
    let empty = ask_all(&server, records.chain(panels).collect()).await;
    assert!(empty.is_empty(), "no result for {empty:#?}");

    // The others may be empty, but must not fail.
    for query in panel_queries() {
        let expression = in_the_demo(&query.expression, &feed);
        if query.daily {
            let found = ask_daily(&server, &expression);
            assert!(!found.is_empty(), "{} shows nothing of today", query.title);
            continue;
        }
        let found = ask(&server, &expression);
        // Rows with different names are not merged.
        let named = found
            .iter()
            .any(|row| row["metric"].get("__name__").is_some());
        assert!(
            !(query.merged && named),
            "{}, {}",
            query.title,
            query.reference
        );
    }
    let failures = "sum(prometheus_rule_evaluation_failures_total) > 0";
    assert_eq!(ask(&server, failures), [Value::Null; 0], "a rule failed");
}

/// Waits for a server to listen.
async fn wait_for(address: &str) {
    let deadline = Instant::now() + Duration::from_mins(1);
    let is_ready = || {
        let mut curl = std::process::Command::new("curl");
        let curl = curl.args(["--silent", "--fail", "--output", "/dev/null", address]);
        curl.status().is_ok_and(|status| status.success())
    };
    while !is_ready() {
        assert!(Instant::now() < deadline, "{address} does not get ready");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn every_query_that_may_be_empty_exists() {
    let queries = panel_queries();
    for (title, references) in EMPTY_PANELS {
        for reference in references.chars() {
            let known = queries
                .iter()
                .any(|query| query.title == title && query.reference.contains(reference));
            assert!(known, "{title} has no query {reference}");
        }
    }
    for record in EMPTY_RECORDS {
        assert!(
            rules().iter().any(|rule| text(rule, "record") == record),
            "{record}"
        );
    }
}
