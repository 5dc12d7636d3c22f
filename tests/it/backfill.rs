//! The backfill command, and what Prometheus makes of its output.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use amperity_exporter::clock::Clock;
use amperity_simulator::{
    Job, SimulatedTenant, Table, WorkflowError, WorkflowOutcome, WorkflowRun, World,
};
use tempfile::TempDir;

use crate::support::process::binary;
use crate::support::prometheus::Prometheus;
use crate::support::upstream::Upstream;

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

#[tokio::test(flavor = "multi_thread")]
async fn workflow_runs_of_the_api_are_included_if_the_key_has_the_policy() {
    let now = Clock::system().now();
    let ago = |minutes: i64| now - jiff::SignedDuration::from_mins(minutes);
    let run =
        |id: &str, minutes| WorkflowRun::new(id, "Nightly", "courier.group/run", ago(minutes));
    let missing = WorkflowOutcome::Failed(WorkflowError::missing_file());
    let tenant = SimulatedTenant::new("socktown")
        .job(Job::new("isj-1", ago(200)).table(Table::new("Orders", "df-1")))
        // Longer than a step: what had ended before the first one is not counted.
        .workflow_run(run("wf-1", 200).lasting(Duration::from_mins(10)))
        .workflow_run(run("wf-2", 100).ending(missing));
    let upstream = Upstream::serve(World::empty().tenant(tenant)).await;
    // The error of a run is then requested by its id.
    upstream
        .simulator
        .set(|options| options.workflow_overviews = true);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("exporter.yml");
    std::fs::write(&file, upstream.configuration("")).unwrap();
    let written = async || {
        let mut command = tokio::process::Command::from(binary());
        command.arg("backfill").arg("--step=5m");
        command.arg(format!("--config.file={}", file.display()));
        let output = command.output().await.unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{message}");
        (String::from_utf8(output.stdout).unwrap(), message)
    };

    let (text, message) = written().await;
    assert_eq!(message, "");
    let labels = r#"tenant="socktown",workflow="Nightly",type="courier_group""#;
    let last = |series: &str| text.lines().rfind(|line| line.starts_with(series)).unwrap();
    let value = |series: &str| last(series).split(' ').nth(1).unwrap().to_owned();
    let failures = format!("amperity_workflow_failures_total{{{labels},attribution=\"customer\"}}");
    assert_eq!(value(&failures), "1");
    let runs = format!("amperity_workflow_runs_total{{{labels},state=\"succeeded\"}}");
    assert_eq!(value(&runs), "1");

    assert!(upstream.simulator.set_workflow_policy("socktown", false));
    let (text, message) = written().await;
    assert!(
        message.starts_with("tenant socktown: workflow runs are left out: "),
        "{message}"
    );
    assert!(!text.contains("amperity_workflow") && text.contains("amperity_feed_runs_total"));
}

#[test]
fn errors_of_the_backfill_say_what_to_do() {
    let folder = TempDir::new().unwrap();
    let error = |jobs: &str, arguments: &[&str]| {
        let output = backfill(folder.path(), jobs, arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        format!("{}: {message}", output.status.code().unwrap())
    };
    insta::assert_snapshot!(error(JOBS, &[]), @"1: amperity_exporter: name the tenant of these jobs with --tenant");
    insta::assert_snapshot!(error("{\"data\": []}", &["--tenant=t"]), @"1: amperity_exporter: job 1 is not in the format of the Amperity API: it has no id; the file must contain jobs, as a JSON array or one per line, such as the elements of `data` in the response to GET /ingest/jobs");
}
