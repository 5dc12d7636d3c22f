use std::sync::Arc;
use std::time::Duration;

use super::*;

/// Customers waits until Orders is loaded.
const JOB: &str = r#"{"id": "isj-1", "workflow_id": "wf-1", "tables": [
    {"table_name": "Orders", "feed_id": "df-1", "state": "succeeded", "read": 1000, "errors": 5,
     "started_at": "2026-06-01T04:00:30Z", "ended_at": "2026-06-01T04:02:10Z"},
    {"table_name": "Customers", "feed_id": "df-2", "state": "failed", "read": 7,
     "started_at": "2026-06-01T04:02:10Z", "ended_at": "2026-06-01T04:03:00Z"}]}"#;

/// The workflow that ran the job, and failed with its second table.
const WORKFLOW: &str = r#"{"id": "wf-1", "name": "Nightly", "type": "courier.group/run",
    "state": "failed", "created_at": "2026-06-01T04:00:00Z", "ended_at": "2026-06-01T04:03:00Z",
    "error": {"attribution": "customer", "type": "task.ingest/threshold", "message": "Too many."}}"#;

type FileReplay = Replay<JobsFile<std::io::Cursor<String>>>;

fn replay(jobs: &[&str]) -> FileReplay {
    replay_with(jobs, None)
}

fn replay_with(jobs: &[&str], workflow_runs: Option<&[&str]>) -> FileReplay {
    let file =
        |lines: &[&str], records| JobsFile::new(std::io::Cursor::new(lines.join("\n")), records);
    let runs = workflow_runs.map(|runs| file(runs, Records::WorkflowRuns));
    let options = ReplayOptions {
        reads_evenly: false,
        tenant: Arc::from("socktown"),
        window: Duration::from_hours(1),
        jobs: true,
        files: false,
        workflow_types: Arc::default(),
        forget_after: Duration::from_hours(35 * 24),
        rules: Arc::default(),
    };
    Replay::new(options, file(jobs, Records::Jobs), runs)
}

/// The samples of a step that are not 0, without those of other families.
fn samples(snapshot: &Snapshot, families: &[&str], time: Timestamp) -> String {
    let labels = Labels::new(&[("job".to_owned(), "amperity".to_owned())]);
    let mut out = Vec::new();
    write_step(&mut out, snapshot, &Families::new(families), &labels, time).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines = text.lines().filter(|line| !line.contains("} 0 "));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn time(text: &str) -> Timestamp {
    format!("2026-06-01T{text}Z").parse().unwrap()
}

#[tokio::test]
async fn each_step_shows_what_was_known_then_and_nothing_later() {
    let mut replay = replay(&[JOB]);
    assert_eq!(replay.first().unwrap(), Some(time("04:00:30")));
    let mut out = String::new();
    for minute in ["04:00:00", "04:01:00", "04:02:00", "04:03:00"].map(time) {
        let snapshot = replay.refresh(minute).await.unwrap();
        let families = [
            "amperity_ingest_state",
            "*_run_read_rows",
            "amperity_feed_runs_total",
        ];
        out += &samples(&snapshot, &families, minute);
    }
    insta::assert_snapshot!(out, @r#"
    amperity_ingest_state{job="amperity",tenant="socktown",job_id="isj-1",table="Customers",feed="df-2",state="scheduled"} 1 1780286460
    amperity_ingest_state{job="amperity",tenant="socktown",job_id="isj-1",table="Orders",feed="df-1",state="running"} 1 1780286460
    amperity_ingest_state{job="amperity",tenant="socktown",job_id="isj-1",table="Customers",feed="df-2",state="scheduled"} 1 1780286520
    amperity_ingest_state{job="amperity",tenant="socktown",job_id="isj-1",table="Orders",feed="df-1",state="running"} 1 1780286520
    amperity_feed_last_run_read_rows{job="amperity",tenant="socktown",table="Customers",feed="df-2"} 7 1780286580
    amperity_feed_last_run_read_rows{job="amperity",tenant="socktown",table="Orders",feed="df-1"} 1000 1780286580
    amperity_feed_runs_total{job="amperity",tenant="socktown",table="Customers",feed="df-2",state="failed"} 1 1780286580
    amperity_feed_runs_total{job="amperity",tenant="socktown",table="Orders",feed="df-1",state="succeeded"} 1 1780286580
    amperity_ingest_state{job="amperity",tenant="socktown",job_id="isj-1",table="Customers",feed="df-2",state="failed"} 1 1780286580
    amperity_ingest_state{job="amperity",tenant="socktown",job_id="isj-1",table="Orders",feed="df-1",state="succeeded"} 1 1780286580
    "#);
    assert!(replay.is_over());
}

#[tokio::test]
async fn workflows_are_shown_as_they_were_known_then() {
    let other = WORKFLOW.replace("courier.group", "campaign.send");
    let mut replay = replay_with(&[JOB], Some(&[WORKFLOW, &other.replace("wf-1", "wf-2")]));
    assert_eq!(replay.first().unwrap(), Some(time("04:00:00")));
    let mut out = String::new();
    for minute in ["03:59:00", "04:02:00", "04:03:00"].map(time) {
        let snapshot = replay.refresh(minute).await.unwrap();
        let families = ["amperity_workflow*", "amperity_ingest_job_info"];
        out += &samples(&snapshot, &families, minute);
    }
    insta::assert_snapshot!(out, @r#"
    amperity_workflows_up{job="amperity",tenant="socktown"} 1 1780286340
    amperity_ingest_job_info{job="amperity",tenant="socktown",job_id="isj-1",workflow_id="wf-1",workflow="Nightly"} 1 1780286520
    amperity_workflow_info{job="amperity",tenant="socktown",workflow="Nightly",type="courier_group",workflow_id="",error_type="",attribution=""} 1 1780286520
    amperity_workflow_running_since_timestamp_seconds{job="amperity",tenant="socktown",workflow="Nightly",type="courier_group"} 1780286400 1780286520
    amperity_workflow_state{job="amperity",tenant="socktown",workflow="Nightly",type="courier_group",state="running"} 1 1780286520
    amperity_workflows_up{job="amperity",tenant="socktown"} 1 1780286520
    amperity_ingest_job_info{job="amperity",tenant="socktown",job_id="isj-1",workflow_id="wf-1",workflow="Nightly"} 1 1780286580
    amperity_workflow_failures_since_success{job="amperity",tenant="socktown",workflow="Nightly",type="courier_group"} 1 1780286580
    amperity_workflow_failures_total{job="amperity",tenant="socktown",workflow="Nightly",type="courier_group",attribution="customer"} 1 1780286580
    amperity_workflow_history_runs{job="amperity",tenant="socktown",workflow="Nightly",type="courier_group"} 1 1780286580
    amperity_workflow_info{job="amperity",tenant="socktown",workflow="Nightly",type="courier_group",workflow_id="wf-1",error_type="task.ingest/threshold",attribution="customer"} 1 1780286580
    amperity_workflow_last_run_duration_seconds{job="amperity",tenant="socktown",workflow="Nightly",type="courier_group"} 180 1780286580
    amperity_workflow_last_run_ended_timestamp_seconds{job="amperity",tenant="socktown",workflow="Nightly",type="courier_group"} 1780286580 1780286580
    amperity_workflow_last_run_started_timestamp_seconds{job="amperity",tenant="socktown",workflow="Nightly",type="courier_group"} 1780286400 1780286580
    amperity_workflow_runs_total{job="amperity",tenant="socktown",workflow="Nightly",type="courier_group",state="failed"} 1 1780286580
    amperity_workflow_state{job="amperity",tenant="socktown",workflow="Nightly",type="courier_group",state="failed"} 1 1780286580
    amperity_workflows_up{job="amperity",tenant="socktown"} 1 1780286580
    "#);
    assert!(replay.is_over());
}

#[tokio::test]
async fn without_workflow_runs_there_are_no_families_of_workflows() {
    let mut replay = replay(&[JOB]);
    let now = time("04:10:00");
    let snapshot = replay.refresh(now).await.unwrap();
    let families = ["amperity_workflow*"];
    assert_eq!(samples(&snapshot, &families, now), "");
}

#[tokio::test]
async fn jobs_leave_the_page_after_the_window_and_feeds_stay() {
    let mut replay = replay(&[JOB]);
    replay.refresh(time("04:10:00")).await.unwrap();
    let snapshot = replay.refresh(time("05:10:00")).await.unwrap();
    assert!(snapshot.jobs.is_empty());
    assert_eq!(snapshot.feeds.len(), 2);
}

#[tokio::test]
async fn a_run_without_an_end_runs_on_and_has_no_counts() {
    let running = JOB
        .replace("\"failed\"", "\"running\"")
        .replace(r#", "ended_at": "2026-06-01T04:03:00Z""#, "");
    let mut replay = replay(&[&running]);
    let later = time("09:00:00");
    let snapshot = replay.refresh(later).await.unwrap();
    let families = [
        "amperity_ingest_read_rows",
        "amperity_feed_running_since_timestamp_seconds",
    ];
    insta::assert_snapshot!(samples(&snapshot, &families, later), @r#"
    amperity_feed_running_since_timestamp_seconds{job="amperity",tenant="socktown",table="Customers",feed="df-2"} 1780286530 1780304400
    amperity_ingest_read_rows{job="amperity",tenant="socktown",job_id="isj-1",table="Orders",feed="df-1"} 1000 1780304400
    "#);
    assert!(replay.is_over());
}

#[tokio::test]
async fn during_an_outage_the_page_keeps_what_was_known() {
    let mut replay = replay(&[JOB]);
    replay.refresh(time("04:01:00")).await.unwrap();
    let snapshot = replay.failed_refresh(time("04:05:00"));
    assert!(!snapshot.status.up);
    assert_eq!(snapshot.status.last_success, Some(time("04:01:00")));
    assert!(!snapshot.jobs[0].is_finished());
    let snapshot = replay.refresh(time("04:06:00")).await.unwrap();
    assert!(snapshot.status.up && snapshot.jobs[0].is_finished());
}
