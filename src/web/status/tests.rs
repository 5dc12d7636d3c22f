//! The tenants, feeds and jobs that the pages are tested with.

use std::time::Duration;

use super::*;
use crate::config::{FeedRule, Severity};
use crate::expectations::Expected;
use crate::feeds::{Failures, Feed, Run, Totals};
use crate::jobs::{Files, Job, Rows, State, Table};
use crate::snapshot::{Failure, Status};
use crate::telemetry::Reason;

mod conditions;
mod documented_workflows;
mod failed_workflows;
mod feed_pages;
mod job_pages;
mod overviews;
mod policies;
mod sizes;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2024-07-01T12:00:00Z")
}

fn hours_ago(hours: u64) -> Timestamp {
    now() - Duration::from_hours(hours)
}

/// A run that started this many hours ago and took this many minutes.
fn run(hours: u64, minutes: u64, state: State, read: u64) -> Arc<Run> {
    let started_at = hours_ago(hours);
    let ended_at = started_at + Duration::from_mins(minutes);
    Arc::new(Run {
        job: format!("isj-{hours}").into(),
        ordered_at: ended_at,
        started_at: Some(started_at),
        ended_at: Some(ended_at),
        state: Some(state),
        rows: rows(read),
        files: 1,
        workflow_id: None,
    })
}

fn rows(read: u64) -> Rows {
    Rows {
        read: Some(read),
        inserted: Some(read / 2),
        updated: Some(read / 4),
        rejected: Some(3),
        errors: Some(0),
    }
}

/// A feed with these runs, oldest first, of which nothing is expected.
fn feed(table: &str, runs: Vec<Arc<Run>>) -> Feed {
    let last_success = runs.iter().rev().find(|run| run.succeeded());
    let later = runs.iter().rev().take_while(|run| !run.succeeded());
    Feed {
        table: table.into(),
        feed: format!("df-{table}").into(),
        state: runs.last().and_then(|run| run.state.clone()),
        running_since: None,
        last_run: runs.last().cloned(),
        last_success: last_success.and_then(|run| run.ended_at),
        failures_since_success: later.filter(|run| run.failed()).count() as u64,
        recent_runs: runs.into(),
        expected: Expected::default(),
        rule: None,
        totals: Totals::default(),
        failures: Failures::default(),
        created: hours_ago(1_000),
    }
}

/// A feed that ran on this many nights, and is due in the next one.
fn nightly(table: &str, runs: u64) -> Feed {
    let runs = (0..runs).rev();
    let runs = runs.map(|day| {
        run(
            10 + 24 * day,
            30 + day,
            State::Succeeded,
            10_000 + 100 * day,
        )
    });
    Feed {
        expected: Expected {
            due: Some(at("2024-07-02T04:10:00Z")),
            usual_duration: Some(1_900.0),
            duration_limit: Some(4_000.0),
            usual_read_rows: Some(10_500.0),
            low_read_rows: Some(8_000.0),
            high_read_rows: Some(14_000.0),
            history_runs: 20,
            ..Expected::default()
        },
        ..feed(table, runs.collect())
    }
}

/// A feed with one more run than `nightly`, which ended two hours ago.
fn nightly_and(table: &str, state: State, read: u64) -> Feed {
    let before = nightly(table, 19);
    let runs = before.recent_runs.iter().cloned();
    let runs = runs.chain([run(2, 20, state, read)]).collect();
    Feed {
        expected: before.expected,
        ..feed(table, runs)
    }
}

fn failed(table: &str) -> Feed {
    nightly_and(table, State::Failed, 120)
}

fn late(table: &str) -> Feed {
    let mut feed = nightly(table, 3);
    feed.expected.due = Some(at("2024-07-01T09:50:00Z"));
    feed
}

fn running(table: &str) -> Feed {
    let mut feed = nightly(table, 5);
    feed.state = Some(State::Running);
    feed.running_since = Some(at("2024-07-01T11:51:30Z"));
    feed
}

fn with_rule(feed: Feed, change: impl FnOnce(&mut FeedRule)) -> Feed {
    let mut rule = FeedRule::default();
    change(&mut rule);
    Feed {
        rule: Some(Arc::new(rule)),
        ..feed
    }
}

fn muted(feed: Feed) -> Feed {
    with_rule(feed, |rule| rule.severity = Some(Severity::None))
}

fn named(feed: Feed, name: &str, team: &str) -> Feed {
    with_rule(feed, |rule| {
        rule.name = Some(name.to_owned());
        rule.team = Some(team.to_owned());
    })
}

fn job(id: &str, table: &str, state: State, started: &str) -> Arc<Job> {
    let finished = state.is_terminal();
    let started_at = at(started);
    Arc::new(Job {
        id: id.into(),
        workflow_id: None,
        merged: 0,
        failure: None,
        tables: vec![Table {
            table: table.into(),
            feed: format!("df-{table}").into(),
            state: Some(state),
            finished,
            rows: rows(1_204_331),
            started_at: Some(started_at),
            ended_at: finished.then(|| started_at + Duration::from_secs(395)),
            files: Files::default(),
        }],
    })
}

fn tenant(name: &str, feeds: Vec<Feed>, jobs: Vec<Arc<Job>>) -> Snapshot {
    Snapshot {
        tenant: name.into(),
        status: Status {
            up: true,
            last_success: Some(at("2024-07-01T11:59:42Z")),
            refresh_duration: Some(Duration::from_millis(1_240)),
            requests: 3,
            jobs: jobs.len(),
            token_expiry: Some(at("2024-07-09T08:00:00Z")),
            ..Status::default()
        },
        jobs: jobs.into(),
        feeds: feeds.into(),
        ..Snapshot::empty(name.into())
    }
}

/// A tenant whose token expired two and a half hours ago.
fn unreachable(name: &str, feeds: Vec<Feed>) -> Snapshot {
    let mut snapshot = tenant(name, feeds, Vec::new());
    snapshot.status.up = false;
    snapshot.status.token_expiry = Some(at("2024-07-01T09:30:00Z"));
    snapshot.status.last_success = Some(at("2024-07-01T09:29:40Z"));
    snapshot.status.failure = Some(Failure {
        reason: Reason::Unauthorized,
        message: "401 from GET /ingest/jobs: token expired (request_id 7f3a): make a new token, or use oauth2".to_owned(),
        since: at("2024-07-01T09:30:10Z"),
    });
    snapshot
}

/// A tenant with problems, one that cannot be reached, and a new one.
fn example() -> Vec<Arc<Snapshot>> {
    let recovered = {
        let runs = nightly("Returns", 19).recent_runs;
        let mut runs: Vec<_> = runs.iter().cloned().collect();
        runs[7] = run(10 + 24 * 11, 4, State::Failed, 17);
        runs[12] = run(10 + 24 * 6, 9, State::Canceled, 4_000);
        runs[15] = run(10 + 24 * 3, 1, State::Skipped, 0);
        Feed {
            expected: nightly("Returns", 1).expected,
            ..feed("Returns", runs)
        }
    };
    let feeds = vec![
        nightly("Customers", 20),
        feed("Ad hoc upload", vec![run(200, 3, State::Succeeded, 12)]),
        late("Inventory"),
        named(failed("Loyalty_Members"), "Loyalty members, nightly", "crm"),
        nightly_and("Prices", State::Succeeded, 900),
        recovered,
        running("Web_Events"),
        muted(failed("Sandbox")),
        nightly_and("Stores", State::Canceled, 40),
    ];
    let jobs = vec![
        job(
            "isj-1",
            "Customers",
            State::Succeeded,
            "2024-07-01T10:00:00Z",
        ),
        job(
            "isj-2",
            "Web_Events",
            State::Running,
            "2024-07-01T11:51:30Z",
        ),
        job(
            "isj-3",
            "Loyalty_Members",
            State::Failed,
            "2024-07-01T10:00:00Z",
        ),
        job("isj-4", "Returns", State::Failed, "2024-06-20T02:00:00Z"),
    ];
    let new = Snapshot::empty("shoes".into());
    vec![
        Arc::new(unreachable("acme-sb-12345", vec![nightly("Orders", 8)])),
        Arc::new(new),
        Arc::new(tenant("socktown", feeds, jobs)),
    ]
}

fn html(snapshots: &[Arc<Snapshot>], view: &View) -> String {
    page(snapshots, view, "/metrics", now())
}

/// The page of all tenants.
fn overview(snapshots: &[Arc<Snapshot>]) -> String {
    html(snapshots, &View::Overview(0))
}

/// The page of the only tenant.
fn tenant_page(snapshot: Snapshot) -> String {
    let tenant = Arc::clone(&snapshot.tenant);
    html(&[Arc::new(snapshot)], &View::Tenant(tenant, 0))
}

/// The page of a feed of the only tenant.
fn feed_page(snapshot: &Arc<Snapshot>, table: &str) -> String {
    let feed = snapshot.feeds.iter().find(|feed| *feed.table == *table);
    let feed = feed.unwrap();
    let id = FeedId {
        table: Arc::clone(&feed.table),
        feed: Arc::clone(&feed.feed),
    };
    let view = View::Feed(Arc::clone(&snapshot.tenant), id);
    html(std::slice::from_ref(snapshot), &view)
}

/// The text of the page's body, one line per element that has any.
fn text(html: &str) -> String {
    let body = html.split_once("<body>").unwrap().1;
    let blocks = [
        "<tr>",
        "<p",
        "<h1>",
        "<h2>",
        "<h3>",
        "<li>",
        "<section",
        "<div",
        "<caption>",
        "<footer>",
    ];
    let mut text = body.to_owned();
    for block in blocks {
        text = text.replace(block, &format!("\n{block}"));
    }
    let text = text.replace("<td", " | <td").replace("<th", " | <th");
    let mut plain = String::new();
    let mut in_tag = false;
    for letter in text.chars() {
        match letter {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            _ if !in_tag => plain.push(letter),
            _ => {}
        }
    }
    let lines = plain.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

fn title(html: &str) -> &str {
    let after = html.split_once("<title>").unwrap().1;
    after.split_once("</title>").unwrap().0
}

fn positions(html: &str, words: &[&str]) -> Vec<usize> {
    words.iter().map(|word| html.find(word).unwrap()).collect()
}

/// To view the pages: `STATUS_PAGES=/tmp/pages cargo test status -- --ignored`
#[test]
#[ignore = "writes the pages to files"]
fn the_example_is_written_to_files() {
    let folder = std::path::PathBuf::from(std::env::var("STATUS_PAGES").unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, html: String| std::fs::write(folder.join(name), html).unwrap();
    let example = example();
    write("overview.html", overview(&example));
    let socktown = &example[2];
    let name = Arc::clone(&socktown.tenant);
    write(
        "tenant.html",
        html(&example, &View::Tenant(Arc::clone(&name), 0)),
    );
    write("jobs.html", html(&example, &View::Jobs(name, 0)));
    for table in ["Loyalty_Members", "Web_Events", "Returns"] {
        write(&format!("{table}.html"), feed_page(socktown, table));
    }
    write("many.html", overview(&sizes::many_tenants(200)));
}
