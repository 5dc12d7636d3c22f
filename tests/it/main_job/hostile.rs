//! Broken answers for one job beside a good answer for another, which must not be affected.

use serde_json::json;

use super::{Api, TOKEN, by_environment, started, with_file};
use crate::support::Page;
use crate::support::process::Process;

/// A good job, with some fields of its table and of itself overwritten.
pub(super) fn job(id: &str, table: &serde_json::Value, whole: &serde_json::Value) -> String {
    let mut job = json!({
        "id": id,
        "workflow_id": "wf-1",
        "tables": [{
            "feed_id": "df-1", "job_id": id, "table_name": "Customers",
            "state": "succeeded", "read": 10, "errors": 1, "rejected": 2,
            "inserted": 3, "updated": 4,
            "started_at": "2024-06-01T04:02:54.433Z",
            "ended_at": "2024-06-01T04:02:57.433Z",
            "files": [{"file_id": "f-1", "name": "a.csv", "read": 10, "errors": 1}],
        }],
    });
    let entries = |value: &serde_json::Value| value.as_object().unwrap().clone();
    job["tables"][0]
        .as_object_mut()
        .unwrap()
        .extend(entries(table));
    job.as_object_mut().unwrap().extend(entries(whole));
    job.to_string()
}

/// The page with this answer for `isj-bad` beside a good `isj-good`.
async fn page_with(answer: String) -> Page {
    let api = Api::start().await;
    api.job("isj-good", job("isj-good", &json!({}), &json!({})));
    api.job("isj-bad", answer);
    let exporter = started(by_environment(&api, "isj-good,isj-bad")).await;
    let page = exporter.page().await;
    let good = r#"amperity_ingest_read_rows{tenant="socktown",job_id="isj-good",table="Customers",feed="df-1"}"#;
    assert_eq!(page.value(good), Some(10.0), "the good job suffered");
    assert_eq!(page.value(r#"amperity_up{tenant="socktown"}"#), Some(1.0));
    let mut series: Vec<&str> = page
        .0
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit_once(' ').unwrap().0)
        .collect();
    let all = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), all, "a series is there twice");
    page
}

/// The bad job's lines of a family, from the label after its id.
fn bad(page: &Page, family: &str) -> Vec<String> {
    let start = format!(r#"{family}{{tenant="socktown",job_id="isj-bad","#);
    let lines = page.0.lines().filter_map(|line| line.strip_prefix(&start));
    lines.map(str::to_owned).collect()
}

fn is_up(page: &Page) -> bool {
    page.value(r#"amperity_ingest_job_up{tenant="socktown",job_id="isj-bad"}"#) == Some(1.0)
}

#[tokio::test]
async fn label_values_with_quotes_backslashes_newlines_and_emoji_are_escaped() {
    let name = "say \"hi\"\\\n\u{1f600}";
    let page = page_with(job("isj-bad", &json!({"table_name": name}), &json!({}))).await;
    insta::assert_snapshot!(bad(&page, "amperity_ingest_read_rows").join("\n"), @r#"table="say \"hi\"\\\n😀",feed="df-1"} 10"#);
}

#[tokio::test]
async fn a_label_value_of_ten_thousand_characters_is_shortened() {
    let name = "é".repeat(10_000);
    let page = page_with(job("isj-bad", &json!({"table_name": name}), &json!({}))).await;
    let lines = bad(&page, "amperity_ingest_read_rows");
    let beginning = format!(r#"table="{}~"#, "é".repeat(503));
    assert!(lines[0].starts_with(&beginning), "{lines:?}");
    assert!(lines[0].ends_with(r#"",feed="df-1"} 10"#), "{lines:?}");
    let shortened = r#"amperity_exporter_shortened_labels_total{tenant="socktown"}"#;
    assert!(page.value(shortened) >= Some(1.0));
}

#[tokio::test]
async fn two_entries_of_one_table_and_feed_are_merged_and_counted() {
    let entry = json!({
        "feed_id": "df-1", "table_name": "Customers", "read": 5,
        "started_at": "2024-06-01T04:02:54Z", "ended_at": "2024-06-01T04:03:54Z",
    });
    let with = |state: &str| {
        let mut entry = entry.clone();
        entry["state"] = json!(state);
        entry
    };
    let tables = json!({"tables": [with("succeeded"), with("failed")]});
    let page = page_with(job("isj-bad", &json!({}), &tables)).await;
    assert_eq!(
        bad(&page, "amperity_ingest_read_rows"),
        [r#"table="Customers",feed="df-1"} 10"#]
    );
    let failed = r#"table="Customers",feed="df-1",state="failed"} 1"#;
    assert!(bad(&page, "amperity_ingest_state").contains(&failed.to_owned()));
    let merged = r#"amperity_exporter_merged_tables_total{tenant="socktown"}"#;
    assert_eq!(page.value(merged), Some(1.0));
}

#[tokio::test]
async fn an_end_that_is_null_absent_or_before_the_start_gives_no_duration() {
    let mut absent: serde_json::Value =
        serde_json::from_str(&job("isj-bad", &json!({}), &json!({}))).unwrap();
    absent["tables"][0]
        .as_object_mut()
        .unwrap()
        .remove("ended_at");
    let answers = [
        job("isj-bad", &json!({"ended_at": null}), &json!({})),
        job(
            "isj-bad",
            &json!({"ended_at": "2024-06-01T04:02:53Z"}),
            &json!({}),
        ),
        absent.to_string(),
    ];
    for answer in answers {
        let page = page_with(answer).await;
        assert_eq!(bad(&page, "amperity_ingest_duration_seconds"), [""; 0]);
        assert_eq!(bad(&page, "amperity_ingest_read_rows").len(), 1);
    }
}

#[tokio::test]
async fn counts_that_cannot_be_trusted_have_no_series_and_the_others_do() {
    let counts = json!({"read": 9_223_372_036_854_775_808_u64, "errors": null, "rejected": -1, "inserted": "3"});
    let answer = job("isj-bad", &counts, &json!({})).replace(r#""updated":4"#, r#""updated":1e3"#);
    let page = page_with(answer).await;
    for family in ["read", "error", "rejected", "inserted"] {
        assert_eq!(
            bad(&page, &format!("amperity_ingest_{family}_rows")),
            [""; 0],
            "{family}"
        );
    }
    assert_eq!(
        bad(&page, "amperity_ingest_updated_rows"),
        [r#"table="Customers",feed="df-1"} 1000"#]
    );
}

#[tokio::test]
async fn states_in_other_spellings_are_the_same_and_an_unknown_one_has_its_own_series() {
    let spellings = [
        ("In Progress", "in_progress"),
        ("CANCELED", "canceled"),
        ("Rewinding", "rewinding"),
    ];
    for (written, state) in spellings {
        let page = page_with(job("isj-bad", &json!({"state": written}), &json!({}))).await;
        let states = bad(&page, "amperity_ingest_state");
        let current: Vec<_> = states.iter().filter(|line| line.ends_with(" 1")).collect();
        assert_eq!(
            current,
            [&format!(
                r#"table="Customers",feed="df-1",state="{state}"}} 1"#
            )]
        );
        assert_eq!(states.len(), if state == "rewinding" { 12 } else { 11 });
    }
}

#[tokio::test]
async fn an_undocumented_field_and_missing_or_empty_tables_change_nothing_else() {
    let odd = json!({"anything": {"nested": [1, {"deep": null}]}});
    let page = page_with(job("isj-bad", &odd, &odd)).await;
    assert_eq!(bad(&page, "amperity_ingest_read_rows").len(), 1);
    for tables in [
        json!({"tables": []}),
        json!({"tables": null}),
        json!({"tables": "none"}),
    ] {
        let page = page_with(job("isj-bad", &json!({}), &tables)).await;
        assert_eq!(bad(&page, "amperity_ingest_read_rows"), [""; 0]);
        assert!(is_up(&page), "{tables}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_a_job_that_is_down() {
    let whole = job("isj-bad", &json!({}), &json!({}));
    let truncated = whole[..whole.len() / 2].to_owned();
    let answers = [
        "<!DOCTYPE html><title>Log in</title>".to_owned(),
        truncated,
        "[]".to_owned(),
        String::new(),
    ];
    for answer in answers {
        let page = page_with(answer.clone()).await;
        assert!(!is_up(&page), "{answer}");
        assert_eq!(bad(&page, "amperity_ingest_read_rows"), [""; 0]);
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_job_that_is_down() {
    let padding = json!({"padding": "x".repeat(65 << 20)});
    let page = page_with(job("isj-bad", &json!({}), &padding)).await;
    assert!(!is_up(&page));
}

#[tokio::test]
async fn an_unknown_id_is_a_job_that_is_down_beside_others_that_are_up() {
    let api = Api::start().await;
    api.job("isj-good", job("isj-good", &json!({}), &json!({})));
    let exporter = started(by_environment(&api, "isj-good,isj-bad")).await;
    let page = exporter.page().await;
    let up: Vec<f64> = page
        .family("amperity_ingest_job_up")
        .into_values()
        .collect();
    assert_eq!(up, [0.0, 1.0]);
}

#[tokio::test]
async fn a_job_that_is_never_answered_delays_neither_the_page_nor_another_tenant() {
    let api = Api::start().await;
    api.job("isj-good", job("isj-good", &json!({}), &json!({})));
    api.hang("isj-bad");
    let folder = tempfile::tempdir().unwrap();
    let written = format!(
        "api: {{base_url: {}}}\ntenants:\n  \
         - {{tenant: hanging, authorization: {{credentials: {token}}}, jobs: [isj-bad]}}\n  \
         - {{tenant: socktown, authorization: {{credentials: {token}}}, jobs: [isj-good]}}\n",
        api.base_url(),
        token = TOKEN,
    );
    let mut exporter = Process::of(with_file(folder.path(), &written));
    exporter.listening().await;
    let good = r#"amperity_ingest_read_rows{tenant="socktown",job_id="isj-good",table="Customers",feed="df-1"}"#;
    for _ in 0..100 {
        if exporter.page().await.value(good).is_some() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the good tenant is not on the page after five seconds");
}
