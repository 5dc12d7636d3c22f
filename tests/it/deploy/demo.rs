//! Every query of every rule and panel, asked of a real Prometheus that
//! watches the demo world: none is refused, and none finds nothing unless
//! finding nothing is good.

use std::time::Duration;

use amperity_exporter::clock::Clock;
use serde_json::Value;
use tokio::time::Instant;

use super::chain::{free_port, prometheus, start};
use super::{panel_queries, rules, run, text};

/// Queries of panels that find something only when something is wrong, or
/// when it happens to happen.
const EMPTY_PANELS: [(&str, &str); 20] = [
    ("Firing alerts", "A"),
    ("Running now", "A"),
    ("Running now", "B"),
    ("Failed, stopped or canceled", "A"),
    ("Failed, stopped or canceled", "B"),
    ("Failed, stopped or canceled", "C"),
    ("Failed, stopped or canceled", "D"),
    ("Late", "A"),
    ("Late", "B"),
    ("Late", "C"),
    // Of the one feed that is looked at.
    ("Running for", "A"),
    ("Duration against usual", "B"),
    // The demo's API version is not about to end, its jobs are few and known.
    ("API version ends in", "A"),
    ("API version deprecated", "A"),
    ("Jobs on the page", "B"),
    ("Jobs on the page", "C"),
    ("Configured jobs that cannot be fetched", "A"),
    // No request of the demo is refused.
    ("Refreshes that failed", "A"),
    ("Requests over the rate limit", "A"),
    ("Entries merged or left out", "A"),
];

/// Recorded series that are there only while something is wrong or runs, or
/// after a week.
const EMPTY_RECORDS: [&str; 6] = [
    "amperity:feed_bad_end_timestamp_seconds",
    "amperity:feed_unmended_timestamp_seconds",
    "amperity:feed_running_seconds",
    "amperity:tenant_rate_limited_ratio",
    "amperity:tenant_rejected_ratio",
    "amperity:feed_longest_interval_seconds",
];

/// What a query finds now; the test fails with one that is refused.
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

/// What a graph of one point a day shows of today: Grafana asks for midnights.
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

/// Asks until every query found something; what did not in three minutes.
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
        .replace("=\"$tenant\"", "=\"socktown\"")
        .replace("$tenant", ".+")
        .replace("$table", "Store transactions")
        .replace("$feed", feed)
}

#[tokio::test]
async fn every_rule_and_panel_finds_something_in_the_demo_world() {
    let _turn = crate::support::alone().await;
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let address = format!("--web.listen-address=127.0.0.1:{port}");
    let program = env!("CARGO_BIN_EXE_amperity_exporter");
    let _demo = start(program, &["demo".to_owned(), address], folder.path());
    let (_prometheus, server) = prometheus(folder.path(), port, free_port(), &[]);

    // The first answer is a long time coming.
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
        .filter(|query| !EMPTY_PANELS.contains(&(&query.title, &query.reference)) && !query.daily)
        .map(|query| (query.title, in_the_demo(&query.expression, &feed)));
    let empty = ask_all(&server, records.chain(panels).collect()).await;
    assert!(empty.is_empty(), "nothing found by {empty:#?}");

    // The others need not find anything, but may not be refused either.
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
    let host = address
        .trim_start_matches("http://")
        .split('/')
        .next()
        .unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while tokio::net::TcpStream::connect(host).await.is_err() {
        assert!(Instant::now() < deadline, "nobody listens at {host}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn every_query_that_may_be_empty_exists() {
    let queries = panel_queries();
    for (title, reference) in EMPTY_PANELS {
        let known = queries
            .iter()
            .any(|query| query.title == title && query.reference == reference);
        assert!(known, "{title} has no query {reference}");
    }
    for record in EMPTY_RECORDS {
        assert!(
            rules().iter().any(|rule| text(rule, "record") == record),
            "{record}"
        );
    }
}
