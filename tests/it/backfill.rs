//! The backfill command, and what Prometheus makes of its output.

use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use crate::support::process::binary;
use crate::support::prometheus::Prometheus;

/// Three nights of one feed, the second one failed; the newest job first.
const JOBS: &str = r#"[
{"id": "isj-3", "tables": [{"table_name": "Orders", "feed_id": "df-1", "state": "succeeded", "read": 300,
  "started_at": "2026-06-03T02:00:10Z", "ended_at": "2026-06-03T02:20:00Z"}]},
{"id": "isj-2", "tables": [{"table_name": "Orders", "feed_id": "df-1", "state": "failed", "read": 0,
  "started_at": "2026-06-02T02:00:10Z", "ended_at": "2026-06-02T02:03:00Z"}]},
{"id": "isj-1", "tables": [{"table_name": "Orders", "feed_id": "df-1", "state": "succeeded", "read": 100,
  "started_at": "2026-06-01T02:00:10Z", "ended_at": "2026-06-01T02:30:00Z"}]}]"#;

fn backfill(folder: &Path, jobs: &str, arguments: &[&str]) -> Output {
    let file = folder.join("jobs.json");
    std::fs::write(&file, jobs).unwrap();
    let mut command = binary();
    command
        .arg("backfill")
        .arg(format!("--jobs={}", file.display()));
    command.args(arguments).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_shows_the_past_that_was_backfilled() {
    let folder = TempDir::new().unwrap();
    let arguments = [
        "--tenant=socktown",
        "--label=job=amperity",
        "--label=instance=localhost:10109",
    ];
    let output = backfill(folder.path(), JOBS, &arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && message.is_empty(), "{message}");
    let history = folder.path().join("history.om");
    std::fs::write(&history, &output.stdout).unwrap();

    let data = TempDir::new().unwrap();
    let made = std::process::Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
        .args([&history, data.path()])
        .output()
        .expect("promtool is not on PATH; tests/run.sh puts it there");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let prometheus = Prometheus::start_in(data, "global: {}\n").await;

    let value = async |expression: &str, at: &str| {
        let at: jiff::Timestamp = at.parse().unwrap();
        #[expect(clippy::cast_precision_loss, reason = "far less than 2^53")]
        let series = prometheus
            .query(expression, Some(at.as_second() as f64))
            .await;
        assert!(series.len() <= 1, "{series:?}");
        series.first().map(|series| series.last().1)
    };
    let read = "amperity_feed_last_run_read_rows{job=\"amperity\",instance=\"localhost:10109\",tenant=\"socktown\"}";
    assert_eq!(value(read, "2026-06-01T02:29:00Z").await, None);
    assert_eq!(value(read, "2026-06-01T02:30:00Z").await, Some(100.0));
    assert_eq!(value(read, "2026-06-03T02:19:00Z").await, Some(0.0));
    assert_eq!(value(read, "2026-06-03T02:20:00Z").await, Some(300.0));
    let failed = "increase(amperity_feed_runs_total{state=\"failed\"}[2m])";
    assert_eq!(value(failed, "2026-06-02T02:02:00Z").await, Some(0.0));
    assert!(value(failed, "2026-06-02T02:03:00Z").await > Some(0.9));
    let running = "sum(amperity_ingest_state{state=\"running\",job_id=\"isj-2\"})";
    assert_eq!(value(running, "2026-06-02T02:02:00Z").await, Some(1.0));
    assert_eq!(value(running, "2026-06-02T02:03:00Z").await, Some(0.0));
}

#[test]
fn errors_of_the_backfill_say_what_to_do() {
    let folder = TempDir::new().unwrap();
    let error = |jobs: &str, arguments: &[&str]| {
        let output = backfill(folder.path(), jobs, arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        format!("{}: {message}", output.status.code().unwrap())
    };
    insta::assert_snapshot!(error(JOBS, &[]), @"1: amperity_exporter: say by --tenant whose jobs these are");
    insta::assert_snapshot!(error("{\"data\": []}", &["--tenant=t"]), @"1: amperity_exporter: job 1 is not an ingest job as the Amperity API gives it: it has no id; the file must hold jobs, as a JSON array or one per line, such as the elements of `data` in the answer of GET /ingest/jobs");
}
