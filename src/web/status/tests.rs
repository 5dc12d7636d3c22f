use std::time::Duration;

use super::*;
use crate::jobs::{Job, Rows, State, Table};
use crate::snapshot::Failure;
use crate::telemetry::Reason;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2024-07-01T12:00:00Z")
}

fn job(id: &str, table: &str, state: State, started: &str) -> Arc<Job> {
    let finished = state.is_terminal();
    let started_at = at(started);
    Arc::new(Job {
        id: id.into(),
        workflow_id: None,
        merged: 0,
        tables: vec![Table {
            table: table.into(),
            feed: "df-5xJ2k".into(),
            state: Some(state),
            finished,
            rows: Rows {
                read: Some(1_204_331),
                inserted: Some(1_180_002),
                updated: Some(20_118),
                rejected: Some(0),
                errors: Some(17),
            },
            started_at: Some(started_at),
            ended_at: finished.then(|| started_at + Duration::from_secs(395)),
            files: Vec::new(),
        }],
    })
}

fn snapshot(tenant: &str, jobs: Vec<Arc<Job>>) -> Snapshot {
    Snapshot {
        tenant: tenant.into(),
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
        configured: Arc::new([]),
        feeds: Arc::new([]),
        files: false,
    }
}

/// A healthy, a failing and a new tenant.
fn example() -> Vec<Arc<Snapshot>> {
    let mut jobs = vec![
        job(
            "isj-20240701-48815-6dcXdk",
            "Customers",
            State::Succeeded,
            "2024-07-01T10:00:00Z",
        ),
        job(
            "isj-20240701-50120-9KqLmm",
            "Orders",
            State::Running,
            "2024-07-01T11:51:30Z",
        ),
        job(
            "isj-20240630-41000-aaBBcc",
            "Loyalty_Members",
            State::Failed,
            "2024-06-30T22:00:00Z",
        ),
        job(
            "isj-20240701-49000-xYz012",
            "Web_Events",
            State::Skipped,
            "2024-07-01T09:00:00Z",
        ),
        job(
            "isj-20240701-49001-xYz013",
            "Returns",
            State::Canceled,
            "2024-07-01T08:00:00Z",
        ),
    ];
    jobs.push(Arc::new(Job {
        id: "isj-20240701-51000-QrStUv".into(),
        workflow_id: None,
        merged: 0,
        tables: Vec::new(),
    }));
    let healthy = snapshot("socktown", jobs);
    let mut failing = snapshot("acme-sb-12345", Vec::new());
    failing.status.up = false;
    failing.status.token_expiry = Some(at("2024-07-01T09:30:00Z"));
    failing.status.last_success = Some(at("2024-07-01T09:29:40Z"));
    failing.status.failure = Some(Failure {
        reason: Reason::Unauthorized,
        message: "401 from GET /ingest/jobs: token expired (request_id 7f3a): make a new token, or use oauth2".to_owned(),
        since: at("2024-07-01T09:30:10Z"),
    });
    let mut fresh = snapshot("shoes", Vec::new());
    fresh.status = Status::default();
    vec![Arc::new(failing), Arc::new(fresh), Arc::new(healthy)]
}

fn view() -> View<'static> {
    View {
        telemetry_path: "/metrics",
        ..View::default()
    }
}

fn html(snapshots: &[Arc<Snapshot>], view: View<'_>) -> String {
    page(snapshots, view, now())
}

fn positions(html: &str, words: &[&str]) -> Vec<usize> {
    words.iter().map(|word| html.find(word).unwrap()).collect()
}

#[test]
fn failed_jobs_come_first_and_then_the_newest() {
    let html = html(&example(), view());
    let tables = [
        "Loyalty_Members",
        "no tables yet",
        "Orders",
        "Customers",
        "Web_Events",
        "Returns",
    ];
    assert!(positions(&html, &tables).is_sorted());
}

#[test]
fn states_and_failures_have_a_symbol_and_words() {
    let html = html(&example(), view());
    for words in [
        "✕ <bdi>failed",
        "✓ <bdi>succeeded",
        "▶ <bdi>running",
        "■ <bdi>canceled",
        "✕ <bdi>failing",
        "○ <bdi>first refresh in progress",
        "The API rejected the access token.",
        "token expired (request_id 7f3a)",
        "expired 2 h ago",
        "8 min 30 s so far",
        "6 min 35 s",
        "1,204,331",
        "1 of 3 tenants up",
    ] {
        assert!(html.contains(words), "{words}");
    }
}

#[test]
fn every_value_is_escaped() {
    let evil = "<script>alert(1)</script>\"'&";
    let mut tenant = snapshot(
        evil,
        vec![job(
            evil,
            evil,
            State::Other(evil.into()),
            "2024-07-01T10:00:00Z",
        )],
    );
    tenant.status.failure = Some(Failure {
        reason: Reason::Malformed,
        message: evil.to_owned(),
        since: now(),
    });
    tenant.configured = Arc::new([(evil.into(), false)]);
    let html = html(&[Arc::new(tenant)], view());
    assert!(!html.contains("<script"), "{html}");
    assert!(!html.contains("\"'&"), "{html}");
}

#[test]
fn names_are_isolated_from_the_direction_of_the_text_and_visible_if_blank() {
    let reversed = "Orders\u{202e}sredrO";
    let started = "2024-07-01T10:00:00Z";
    let jobs = vec![
        job("isj-1", reversed, State::Succeeded, started),
        job("isj-2", "", State::Succeeded, started),
        job("isj-3", "\u{a0} ", State::Other(reversed.into()), started),
    ];
    let html = html(&[Arc::new(snapshot(reversed, jobs))], view());
    let isolated = format!("<bdi>{reversed}</bdi>");
    assert_eq!(html.matches(&isolated).count(), 3, "{html}");
    assert_eq!(html.matches(reversed).count(), 3, "{html}");
    assert!(
        html.contains("<b><i class=\"quiet\">(empty)</i></b>"),
        "{html}"
    );
    assert!(
        html.contains("<b><i class=\"quiet\">(blank)</i></b>"),
        "{html}"
    );
}

#[test]
fn a_large_tenant_is_paginated() {
    let jobs = (0..1_000)
        .map(|index| {
            job(
                &format!("isj-{index:04}"),
                "Orders",
                State::Succeeded,
                "2024-07-01T10:00:00Z",
            )
        })
        .collect();
    let large = [Arc::new(snapshot("sock town", jobs))];
    let rows = |html: &str| html.matches("<tr>").count() - 1;
    let overview = html(&large, view());
    assert_eq!(rows(&overview), 25);
    assert!(overview.contains("Rows 1 to 25 of 1,000, failed ones first"));
    let all = r#"<a href="/?tenant=sock+town">All rows</a>"#;
    assert!(overview.contains(all) && !overview.contains("page="));
    let third = View {
        tenant: Some("sock town"),
        page: 2,
        ..view()
    };
    let third = html(&large, third);
    assert_eq!(rows(&third), 200);
    assert!(third.contains("Rows 401 to 600 of 1,000"));
    assert!(third.contains("/?tenant=sock+town&amp;page=2") && third.contains("page=4"));
    let beyond = View {
        tenant: Some("sock town"),
        page: usize::MAX,
        ..view()
    };
    assert!(html(&large, beyond).contains("Rows 801 to 1,000 of 1,000"));
}

#[test]
fn the_policy_allows_the_style_by_its_hash_and_nothing_else() {
    let policy = policy();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"));
}

#[test]
fn a_configured_policy_is_extended_by_the_style_of_the_page() {
    let style = STYLE_SOURCE.as_str();
    let cases = [
        (
            "default-src 'self'",
            format!("default-src 'self'; style-src 'self' {style}"),
        ),
        (
            "default-src 'none'; img-src *",
            format!("default-src 'none'; img-src *; style-src {style}"),
        ),
        ("Style-Src 'none'", format!("style-src {style}")),
        (
            "style-src-elem a; default-src b",
            format!("style-src-elem a {style}; default-src b"),
        ),
        (
            "default-src a, style-src b",
            format!("default-src a; style-src a {style}, style-src b {style}"),
        ),
        ("img-src *", "img-src *".to_owned()),
    ];
    for (configured, expected) in cases {
        assert_eq!(allowing_style(configured), expected);
    }
}

/// To view the page: `STATUS_PAGE=/tmp/status.html cargo test status -- --ignored`
#[test]
#[ignore = "writes the page to a file"]
fn the_example_is_written_to_a_file() {
    let path = std::env::var("STATUS_PAGE").unwrap();
    std::fs::write(path, html(&example(), view())).unwrap();
}
