//! The vendor's documented example, and what a user does with it.

use std::process::{Command, Stdio};

use super::{Api, TOKEN, by_environment, started, with_file};

const EXAMPLE: &str = include_str!("../../fixtures/example-ingest-job.json");

async fn documented() -> Api {
    let api = Api::start().await;
    api.job("isj-1f73r9u2", EXAMPLE);
    api
}

/// The lines of the families of jobs, without comments.
fn job_series(page: &str) -> String {
    let lines = page
        .lines()
        .filter(|line| line.starts_with("amperity_ingest_"));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_documented_example_gives_exactly_the_documented_numbers() {
    let api = documented().await;
    let exporter = started(by_environment(&api, "isj-1f73r9u2")).await;
    let page = exporter.page().await;
    insta::assert_snapshot!(job_series(&page.0), @r#"
    amperity_ingest_read_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 1000
    amperity_ingest_inserted_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 400
    amperity_ingest_updated_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 200
    amperity_ingest_rejected_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 200
    amperity_ingest_error_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 200
    amperity_ingest_files{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 1
    amperity_ingest_duration_seconds{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 3
    amperity_ingest_started_timestamp_seconds{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 1717214574.433
    amperity_ingest_ended_timestamp_seconds{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 1717214577.433
    amperity_ingest_state{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",state="scheduled"} 0
    amperity_ingest_state{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",state="started"} 0
    amperity_ingest_state{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",state="in_progress"} 0
    amperity_ingest_state{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",state="running"} 0
    amperity_ingest_state{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",state="finalizing"} 0
    amperity_ingest_state{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",state="succeeded"} 1
    amperity_ingest_state{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",state="stopping"} 0
    amperity_ingest_state{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",state="stopped"} 0
    amperity_ingest_state{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",state="failed"} 0
    amperity_ingest_state{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",state="skipped"} 0
    amperity_ingest_state{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",state="canceled"} 0
    amperity_ingest_job_info{tenant="socktown",job_id="isj-1f73r9u2",workflow_id="wf-20240618-3423-b45",workflow=""} 1
    amperity_ingest_job_up{tenant="socktown",job_id="isj-1f73r9u2"} 1
    "#);
    assert_eq!(page.value(r#"amperity_up{tenant="socktown"}"#), Some(1.0));
}

#[tokio::test]
async fn a_file_with_a_token_file_and_job_ids_gives_the_same_as_the_environment() {
    let api = documented().await;
    let by_environment = started(by_environment(&api, "isj-1f73r9u2")).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token.jwt"), format!("{TOKEN}\n")).unwrap();
    let written = format!(
        "api: {{base_url: {}}}\ntenants:\n  - tenant: socktown\n    \
         authorization: {{credentials_file: token.jwt}}\n    jobs: [isj-1f73r9u2]\n",
        api.base_url()
    );
    let by_file = started(with_file(folder.path(), &written)).await;
    let (one, two) = (by_environment.page().await, by_file.page().await);
    assert_eq!(job_series(&one.0), job_series(&two.0));
    assert!(job_series(&one.0).lines().count() > 20);
}

#[tokio::test]
async fn promtool_has_nothing_to_say_against_the_page() {
    let api = documented().await;
    let exporter = started(by_environment(&api, "isj-1f73r9u2,isj-unknown")).await;
    let page = exporter.page().await;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool on PATH: run ./tests/run.sh");
    let mut stdin = promtool.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, page.0.as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    assert_eq!(String::from_utf8(printed).unwrap(), "");
    assert!(output.status.success());
}

#[tokio::test]
async fn both_formats_carry_the_same_series_and_say_what_they_are() {
    let api = documented().await;
    let exporter = started(by_environment(&api, "isj-1f73r9u2")).await;
    let accept = [
        ("text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.9,text/plain;q=0.5",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
    ];
    let mut pages = Vec::new();
    for (accept, content_type) in accept {
        let answer = exporter.get_as("/metrics", accept).await.unwrap();
        assert_eq!(answer.headers()["content-type"], content_type);
        let text = answer.into_body();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let series = samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned());
        let series: std::collections::BTreeSet<String> = series.collect();
        pages.push(series);
    }
    assert_eq!(pages[0], pages[1]);
}

#[tokio::test]
async fn each_scrape_fetches_in_scrape_mode() {
    let api = documented().await;
    let unfinished = EXAMPLE
        .replace("succeeded", "running")
        .replace(r#""ended_at""#, r#""was""#);
    api.job("isj-2", unfinished.replace("isj-1f73r9u2", "isj-2"));
    let mut command = by_environment(&api, "isj-2");
    command.arg("--refresh.mode=scrape");
    let exporter = started(command).await;
    let read = r#"amperity_ingest_read_rows{tenant="socktown",job_id="isj-2",table="My table",feed="df-5L6d1veh"}"#;
    assert_eq!(exporter.page().await.value(read), Some(1000.0));
    let more = unfinished
        .replace("isj-1f73r9u2", "isj-2")
        .replace("1000", "2000");
    api.job("isj-2", more);
    assert_eq!(exporter.page().await.value(read), Some(2000.0));
}

#[tokio::test]
async fn an_api_on_this_machine_is_reached_past_the_proxy_of_the_environment() {
    let api = documented().await;
    let mut command = by_environment(&api, "isj-1f73r9u2");
    // Nobody listens there.
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    let page = started(command).await.page().await;
    assert_eq!(page.value(r#"amperity_up{tenant="socktown"}"#), Some(1.0));
}
