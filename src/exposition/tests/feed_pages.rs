//! Whole pages of feeds.

use super::*;

#[test]
fn both_text_formats_have_the_same_lines_by_default() {
    let page = page(&[snapshot(
        "socktown",
        vec![documented_job()],
        vec![documented_feed()],
    )]);
    let samples = |format| {
        let page = read(&page, format);
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(samples(Format::Text), samples(Format::OpenMetrics));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a whole page")]
fn a_feed_in_openmetrics_with_created_series() {
    let mut snapshot = snapshot("socktown", vec![], vec![documented_feed()]);
    snapshot.created_series = true;
    let page = page(&[snapshot]);
    assert_snapshot!(read(&page, Format::OpenMetrics), @r#"
    # TYPE amperity_up gauge
    # HELP amperity_up 1 if the last refresh of the tenant's data from the Amperity API succeeded, 0 if it failed. No series until the first refresh has completed.
    amperity_up{tenant="socktown"} 1
    # TYPE amperity_last_success_timestamp_seconds gauge
    # UNIT amperity_last_success_timestamp_seconds seconds
    # HELP amperity_last_success_timestamp_seconds Unix time at which the tenant's data on this page was fetched. No series before the first successful refresh.
    amperity_last_success_timestamp_seconds{tenant="socktown"} 1717214600
    # TYPE amperity_refresh_duration_seconds gauge
    # UNIT amperity_refresh_duration_seconds seconds
    # HELP amperity_refresh_duration_seconds Duration of the tenant's last refresh, including waits and retries.
    amperity_refresh_duration_seconds{tenant="socktown"} 0.234
    # TYPE amperity_exporter_jobs gauge
    # HELP amperity_exporter_jobs Ingest jobs of the tenant on this page.
    amperity_exporter_jobs{tenant="socktown"} 0
    # TYPE amperity_exporter_jobs_dropped gauge
    # HELP amperity_exporter_jobs_dropped Ingest jobs of the tenant left out because of limits.jobs or limits.page_bytes, or because the page holds at most 50,000 tables per tenant. The oldest are left out.
    amperity_exporter_jobs_dropped{tenant="socktown"} 0
    # TYPE amperity_exporter_feeds_dropped gauge
    # HELP amperity_exporter_feeds_dropped Feeds of the tenant that have no series, because of limits.page_bytes or because the exporter keeps at most 50,000. The newest are left out.
    amperity_exporter_feeds_dropped{tenant="socktown"} 0
    # TYPE amperity_exporter_workflows_dropped gauge
    # HELP amperity_exporter_workflows_dropped Workflows of the tenant that have no series, because of limits.page_bytes or because the exporter keeps at most 50,000. The newest are left out.
    amperity_exporter_workflows_dropped{tenant="socktown"} 0
    # TYPE amperity_exporter_state_gap_seconds gauge
    # UNIT amperity_exporter_state_gap_seconds seconds
    # HELP amperity_exporter_state_gap_seconds Time in which runs may have finished without being counted, because no jobs were listed for longer than the Amperity API lists them.
    amperity_exporter_state_gap_seconds{tenant="socktown"} 0
    # TYPE amperity_feed_state gauge
    # HELP amperity_feed_state 1 for the state of the feed's latest run, finished or not, 0 for the others.
    amperity_feed_state{tenant="socktown",table="My table",feed="df-5L6d1veh",state="scheduled"} 0
    amperity_feed_state{tenant="socktown",table="My table",feed="df-5L6d1veh",state="started"} 0
    amperity_feed_state{tenant="socktown",table="My table",feed="df-5L6d1veh",state="in_progress"} 0
    amperity_feed_state{tenant="socktown",table="My table",feed="df-5L6d1veh",state="running"} 0
    amperity_feed_state{tenant="socktown",table="My table",feed="df-5L6d1veh",state="finalizing"} 0
    amperity_feed_state{tenant="socktown",table="My table",feed="df-5L6d1veh",state="succeeded"} 1
    amperity_feed_state{tenant="socktown",table="My table",feed="df-5L6d1veh",state="stopping"} 0
    amperity_feed_state{tenant="socktown",table="My table",feed="df-5L6d1veh",state="stopped"} 0
    amperity_feed_state{tenant="socktown",table="My table",feed="df-5L6d1veh",state="failed"} 0
    amperity_feed_state{tenant="socktown",table="My table",feed="df-5L6d1veh",state="skipped"} 0
    amperity_feed_state{tenant="socktown",table="My table",feed="df-5L6d1veh",state="canceled"} 0
    # TYPE amperity_feed_last_run_read_rows gauge
    # UNIT amperity_feed_last_run_read_rows rows
    # HELP amperity_feed_last_run_read_rows Rows read by the feed's latest finished run.
    amperity_feed_last_run_read_rows{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1000
    # TYPE amperity_feed_last_run_inserted_rows gauge
    # UNIT amperity_feed_last_run_inserted_rows rows
    # HELP amperity_feed_last_run_inserted_rows Rows inserted into the table by the feed's latest finished run.
    amperity_feed_last_run_inserted_rows{tenant="socktown",table="My table",feed="df-5L6d1veh"} 400
    # TYPE amperity_feed_last_run_updated_rows gauge
    # UNIT amperity_feed_last_run_updated_rows rows
    # HELP amperity_feed_last_run_updated_rows Rows of the table updated by the feed's latest finished run.
    amperity_feed_last_run_updated_rows{tenant="socktown",table="My table",feed="df-5L6d1veh"} 200
    # TYPE amperity_feed_last_run_rejected_rows gauge
    # UNIT amperity_feed_last_run_rejected_rows rows
    # HELP amperity_feed_last_run_rejected_rows Duplicate rows rejected by the feed's latest finished run.
    amperity_feed_last_run_rejected_rows{tenant="socktown",table="My table",feed="df-5L6d1veh"} 200
    # TYPE amperity_feed_last_run_error_rows gauge
    # UNIT amperity_feed_last_run_error_rows rows
    # HELP amperity_feed_last_run_error_rows Rows that the feed's latest finished run failed to load.
    amperity_feed_last_run_error_rows{tenant="socktown",table="My table",feed="df-5L6d1veh"} 200
    # TYPE amperity_feed_last_run_files gauge
    # UNIT amperity_feed_last_run_files files
    # HELP amperity_feed_last_run_files Number of files read by the feed's latest finished run.
    amperity_feed_last_run_files{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1
    # TYPE amperity_feed_last_run_duration_seconds gauge
    # UNIT amperity_feed_last_run_duration_seconds seconds
    # HELP amperity_feed_last_run_duration_seconds Duration of the feed's latest finished run.
    amperity_feed_last_run_duration_seconds{tenant="socktown",table="My table",feed="df-5L6d1veh"} 3
    # TYPE amperity_feed_last_run_started_timestamp_seconds gauge
    # UNIT amperity_feed_last_run_started_timestamp_seconds seconds
    # HELP amperity_feed_last_run_started_timestamp_seconds Unix time at which the feed's latest finished run started.
    amperity_feed_last_run_started_timestamp_seconds{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1717214574.433
    # TYPE amperity_feed_last_run_ended_timestamp_seconds gauge
    # UNIT amperity_feed_last_run_ended_timestamp_seconds seconds
    # HELP amperity_feed_last_run_ended_timestamp_seconds Unix time at which the feed's latest finished run ended.
    amperity_feed_last_run_ended_timestamp_seconds{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1717214577.433
    # TYPE amperity_feed_last_success_timestamp_seconds gauge
    # UNIT amperity_feed_last_success_timestamp_seconds seconds
    # HELP amperity_feed_last_success_timestamp_seconds Unix time at which the feed's latest successful run ended. Alert on its age.
    amperity_feed_last_success_timestamp_seconds{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1717214577.433
    # TYPE amperity_feed_runs counter
    # HELP amperity_feed_runs Finished runs of the feed by final state, each counted once, since the exporter first saw the feed.
    amperity_feed_runs_total{tenant="socktown",table="My table",feed="df-5L6d1veh",state="succeeded"} 1
    amperity_feed_runs_created{tenant="socktown",table="My table",feed="df-5L6d1veh",state="succeeded"} 1717200000.5
    amperity_feed_runs_total{tenant="socktown",table="My table",feed="df-5L6d1veh",state="stopped"} 0
    amperity_feed_runs_created{tenant="socktown",table="My table",feed="df-5L6d1veh",state="stopped"} 1717200000.5
    amperity_feed_runs_total{tenant="socktown",table="My table",feed="df-5L6d1veh",state="failed"} 0
    amperity_feed_runs_created{tenant="socktown",table="My table",feed="df-5L6d1veh",state="failed"} 1717200000.5
    amperity_feed_runs_total{tenant="socktown",table="My table",feed="df-5L6d1veh",state="skipped"} 0
    amperity_feed_runs_created{tenant="socktown",table="My table",feed="df-5L6d1veh",state="skipped"} 1717200000.5
    amperity_feed_runs_total{tenant="socktown",table="My table",feed="df-5L6d1veh",state="canceled"} 0
    amperity_feed_runs_created{tenant="socktown",table="My table",feed="df-5L6d1veh",state="canceled"} 1717200000.5
    # TYPE amperity_feed_read_rows counter
    # UNIT amperity_feed_read_rows rows
    # HELP amperity_feed_read_rows Rows read by the finished runs of the feed.
    amperity_feed_read_rows_total{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1000
    amperity_feed_read_rows_created{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1717200000.5
    # TYPE amperity_feed_inserted_rows counter
    # UNIT amperity_feed_inserted_rows rows
    # HELP amperity_feed_inserted_rows Rows inserted into the table by the finished runs of the feed.
    amperity_feed_inserted_rows_total{tenant="socktown",table="My table",feed="df-5L6d1veh"} 400
    amperity_feed_inserted_rows_created{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1717200000.5
    # TYPE amperity_feed_updated_rows counter
    # UNIT amperity_feed_updated_rows rows
    # HELP amperity_feed_updated_rows Rows of the table updated by the finished runs of the feed.
    amperity_feed_updated_rows_total{tenant="socktown",table="My table",feed="df-5L6d1veh"} 200
    amperity_feed_updated_rows_created{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1717200000.5
    # TYPE amperity_feed_rejected_rows counter
    # UNIT amperity_feed_rejected_rows rows
    # HELP amperity_feed_rejected_rows Duplicate rows rejected by the finished runs of the feed.
    amperity_feed_rejected_rows_total{tenant="socktown",table="My table",feed="df-5L6d1veh"} 200
    amperity_feed_rejected_rows_created{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1717200000.5
    # TYPE amperity_feed_error_rows counter
    # UNIT amperity_feed_error_rows rows
    # HELP amperity_feed_error_rows Rows that the finished runs of the feed failed to load.
    amperity_feed_error_rows_total{tenant="socktown",table="My table",feed="df-5L6d1veh"} 200
    amperity_feed_error_rows_created{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1717200000.5
    # TYPE amperity_feed_run_duration_seconds summary
    # UNIT amperity_feed_run_duration_seconds seconds
    # HELP amperity_feed_run_duration_seconds Durations of the feed's finished runs, not including runs of unknown duration: their sum and number, and in protobuf and OpenMetrics 2.0 a native histogram.
    amperity_feed_run_duration_seconds_sum{tenant="socktown",table="My table",feed="df-5L6d1veh"} 3
    amperity_feed_run_duration_seconds_count{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1
    amperity_feed_run_duration_seconds_created{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1717200000.5
    # TYPE amperity_feed_info gauge
    # HELP amperity_feed_info Always 1. Labels: name, team and severity of the feed from feeds.expect in the configuration, and workflow, the name of the workflow that ran its latest finished run. Empty if not known.
    amperity_feed_info{tenant="socktown",table="My table",feed="df-5L6d1veh",name="",team="",severity="",workflow=""} 1
    # TYPE amperity_feed_failures_since_success gauge
    # HELP amperity_feed_failures_since_success Failed, stopped and canceled runs of the feed since its latest successful one.
    amperity_feed_failures_since_success{tenant="socktown",table="My table",feed="df-5L6d1veh"} 0
    # TYPE amperity_feed_history_runs gauge
    # HELP amperity_feed_history_runs Number of finished runs of the feed from which the expected values are learned.
    amperity_feed_history_runs{tenant="socktown",table="My table",feed="df-5L6d1veh"} 0
    # EOF
    "#);
}
