//! Whole pages.

use super::*;

#[test]
fn the_documented_job_in_text() {
    let page = page(&[snapshot("socktown", vec![documented_job()], vec![])]);
    assert_snapshot!(read(&page, Format::Text), @r#"
    # HELP amperity_up 1 if the last refresh of the tenant's data from the Amperity API succeeded, 0 if it failed. No series until the first refresh has completed.
    # TYPE amperity_up gauge
    amperity_up{tenant="socktown"} 1
    # HELP amperity_last_success_timestamp_seconds Unix time at which the tenant's data on this page was fetched. No series before the first successful refresh.
    # TYPE amperity_last_success_timestamp_seconds gauge
    amperity_last_success_timestamp_seconds{tenant="socktown"} 1717214600
    # HELP amperity_refresh_duration_seconds Duration of the tenant's last refresh, including waits and retries.
    # TYPE amperity_refresh_duration_seconds gauge
    amperity_refresh_duration_seconds{tenant="socktown"} 0.234
    # HELP amperity_exporter_jobs Ingest jobs of the tenant on this page.
    # TYPE amperity_exporter_jobs gauge
    amperity_exporter_jobs{tenant="socktown"} 1
    # HELP amperity_exporter_jobs_dropped Ingest jobs of the tenant left out because of limits.jobs or limits.page_bytes, or because the page holds at most 50,000 tables per tenant. The oldest are left out.
    # TYPE amperity_exporter_jobs_dropped gauge
    amperity_exporter_jobs_dropped{tenant="socktown"} 0
    # HELP amperity_exporter_feeds_dropped Feeds of the tenant that have no series, because of limits.page_bytes or because the exporter keeps at most 50,000. The newest are left out.
    # TYPE amperity_exporter_feeds_dropped gauge
    amperity_exporter_feeds_dropped{tenant="socktown"} 0
    # HELP amperity_exporter_workflows_dropped Workflows of the tenant that have no series, because of limits.page_bytes or because the exporter keeps at most 50,000. The newest are left out.
    # TYPE amperity_exporter_workflows_dropped gauge
    amperity_exporter_workflows_dropped{tenant="socktown"} 0
    # HELP amperity_exporter_state_gap_seconds Time in which runs may have finished without being counted, because no jobs were listed for longer than the Amperity API lists them.
    # TYPE amperity_exporter_state_gap_seconds gauge
    amperity_exporter_state_gap_seconds{tenant="socktown"} 0
    # HELP amperity_ingest_read_rows Rows that the ingest job has read from the feed for this table so far (read in the Amperity API).
    # TYPE amperity_ingest_read_rows gauge
    amperity_ingest_read_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 1000
    # HELP amperity_ingest_inserted_rows Rows that the ingest job has inserted into the table so far (inserted in the Amperity API).
    # TYPE amperity_ingest_inserted_rows gauge
    amperity_ingest_inserted_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 400
    # HELP amperity_ingest_updated_rows Rows of the table that the ingest job has updated so far (updated in the Amperity API).
    # TYPE amperity_ingest_updated_rows gauge
    amperity_ingest_updated_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 200
    # HELP amperity_ingest_rejected_rows Duplicate rows that the ingest job has rejected so far (rejected in the Amperity API).
    # TYPE amperity_ingest_rejected_rows gauge
    amperity_ingest_rejected_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 200
    # HELP amperity_ingest_error_rows Rows that the ingest job has failed to load so far, for example because a value does not match its column's type (errors in the Amperity API).
    # TYPE amperity_ingest_error_rows gauge
    amperity_ingest_error_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 200
    # HELP amperity_ingest_files Number of files that the ingest job lists for this table.
    # TYPE amperity_ingest_files gauge
    amperity_ingest_files{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 1
    # HELP amperity_ingest_duration_seconds Time from start to end of loading the table. No series until loading has ended.
    # TYPE amperity_ingest_duration_seconds gauge
    amperity_ingest_duration_seconds{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 3
    # HELP amperity_ingest_started_timestamp_seconds Unix time at which loading the table started. No series until it has.
    # TYPE amperity_ingest_started_timestamp_seconds gauge
    amperity_ingest_started_timestamp_seconds{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 1717214574.433
    # HELP amperity_ingest_ended_timestamp_seconds Unix time at which loading the table ended. No series until it has.
    # TYPE amperity_ingest_ended_timestamp_seconds gauge
    amperity_ingest_ended_timestamp_seconds{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 1717214577.433
    # HELP amperity_ingest_state 1 for the current state of this table of the ingest job, 0 for the others. A state that the Amperity API does not document has a series of its own while a table is in it.
    # TYPE amperity_ingest_state gauge
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
    # HELP amperity_ingest_file_read_rows Rows the ingest job has read from this file so far. Only with collect.files.
    # TYPE amperity_ingest_file_read_rows gauge
    amperity_ingest_file_read_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",file="cb-20240618-71992-SF3Uz/part0.avro"} 1000
    # HELP amperity_ingest_file_error_rows Rows of this file that the ingest job has failed to load so far. Only with collect.files.
    # TYPE amperity_ingest_file_error_rows gauge
    amperity_ingest_file_error_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",file="cb-20240618-71992-SF3Uz/part0.avro"} 200
    # HELP amperity_ingest_job_info Always 1. Labels: workflow_id, the id of the workflow that ran the ingest job, for looking it up in Amperity, and workflow, its name. Empty if not known. With ui_url in the configuration, url is the address of the run in Amperity.
    # TYPE amperity_ingest_job_info gauge
    amperity_ingest_job_info{tenant="socktown",job_id="isj-1f73r9u2",workflow_id="wf-20240618-3423-b45",workflow=""} 1
    "#);
}

#[test]
fn the_documented_job_in_openmetrics() {
    let page = page(&[snapshot("socktown", vec![documented_job()], vec![])]);
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
    amperity_exporter_jobs{tenant="socktown"} 1
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
    # TYPE amperity_ingest_read_rows gauge
    # UNIT amperity_ingest_read_rows rows
    # HELP amperity_ingest_read_rows Rows that the ingest job has read from the feed for this table so far (read in the Amperity API).
    amperity_ingest_read_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 1000
    # TYPE amperity_ingest_inserted_rows gauge
    # UNIT amperity_ingest_inserted_rows rows
    # HELP amperity_ingest_inserted_rows Rows that the ingest job has inserted into the table so far (inserted in the Amperity API).
    amperity_ingest_inserted_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 400
    # TYPE amperity_ingest_updated_rows gauge
    # UNIT amperity_ingest_updated_rows rows
    # HELP amperity_ingest_updated_rows Rows of the table that the ingest job has updated so far (updated in the Amperity API).
    amperity_ingest_updated_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 200
    # TYPE amperity_ingest_rejected_rows gauge
    # UNIT amperity_ingest_rejected_rows rows
    # HELP amperity_ingest_rejected_rows Duplicate rows that the ingest job has rejected so far (rejected in the Amperity API).
    amperity_ingest_rejected_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 200
    # TYPE amperity_ingest_error_rows gauge
    # UNIT amperity_ingest_error_rows rows
    # HELP amperity_ingest_error_rows Rows that the ingest job has failed to load so far, for example because a value does not match its column's type (errors in the Amperity API).
    amperity_ingest_error_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 200
    # TYPE amperity_ingest_files gauge
    # UNIT amperity_ingest_files files
    # HELP amperity_ingest_files Number of files that the ingest job lists for this table.
    amperity_ingest_files{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 1
    # TYPE amperity_ingest_duration_seconds gauge
    # UNIT amperity_ingest_duration_seconds seconds
    # HELP amperity_ingest_duration_seconds Time from start to end of loading the table. No series until loading has ended.
    amperity_ingest_duration_seconds{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 3
    # TYPE amperity_ingest_started_timestamp_seconds gauge
    # UNIT amperity_ingest_started_timestamp_seconds seconds
    # HELP amperity_ingest_started_timestamp_seconds Unix time at which loading the table started. No series until it has.
    amperity_ingest_started_timestamp_seconds{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 1717214574.433
    # TYPE amperity_ingest_ended_timestamp_seconds gauge
    # UNIT amperity_ingest_ended_timestamp_seconds seconds
    # HELP amperity_ingest_ended_timestamp_seconds Unix time at which loading the table ended. No series until it has.
    amperity_ingest_ended_timestamp_seconds{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh"} 1717214577.433
    # TYPE amperity_ingest_state gauge
    # HELP amperity_ingest_state 1 for the current state of this table of the ingest job, 0 for the others. A state that the Amperity API does not document has a series of its own while a table is in it.
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
    # TYPE amperity_ingest_file_read_rows gauge
    # UNIT amperity_ingest_file_read_rows rows
    # HELP amperity_ingest_file_read_rows Rows the ingest job has read from this file so far. Only with collect.files.
    amperity_ingest_file_read_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",file="cb-20240618-71992-SF3Uz/part0.avro"} 1000
    # TYPE amperity_ingest_file_error_rows gauge
    # UNIT amperity_ingest_file_error_rows rows
    # HELP amperity_ingest_file_error_rows Rows of this file that the ingest job has failed to load so far. Only with collect.files.
    amperity_ingest_file_error_rows{tenant="socktown",job_id="isj-1f73r9u2",table="My table",feed="df-5L6d1veh",file="cb-20240618-71992-SF3Uz/part0.avro"} 200
    # TYPE amperity_ingest_job_info gauge
    # HELP amperity_ingest_job_info Always 1. Labels: workflow_id, the id of the workflow that ran the ingest job, for looking it up in Amperity, and workflow, its name. Empty if not known. With ui_url in the configuration, url is the address of the run in Amperity.
    amperity_ingest_job_info{tenant="socktown",job_id="isj-1f73r9u2",workflow_id="wf-20240618-3423-b45",workflow=""} 1
    # EOF
    "#);
}

#[test]
fn families_of_several_tenants_are_contiguous() {
    let page = page(&[
        snapshot("apples", vec![], vec![]),
        snapshot("bananas", vec![], vec![]),
    ]);
    assert_snapshot!(read(&page, Format::Text), @r#"
    # HELP amperity_up 1 if the last refresh of the tenant's data from the Amperity API succeeded, 0 if it failed. No series until the first refresh has completed.
    # TYPE amperity_up gauge
    amperity_up{tenant="apples"} 1
    amperity_up{tenant="bananas"} 1
    # HELP amperity_last_success_timestamp_seconds Unix time at which the tenant's data on this page was fetched. No series before the first successful refresh.
    # TYPE amperity_last_success_timestamp_seconds gauge
    amperity_last_success_timestamp_seconds{tenant="apples"} 1717214600
    amperity_last_success_timestamp_seconds{tenant="bananas"} 1717214600
    # HELP amperity_refresh_duration_seconds Duration of the tenant's last refresh, including waits and retries.
    # TYPE amperity_refresh_duration_seconds gauge
    amperity_refresh_duration_seconds{tenant="apples"} 0.234
    amperity_refresh_duration_seconds{tenant="bananas"} 0.234
    # HELP amperity_exporter_jobs Ingest jobs of the tenant on this page.
    # TYPE amperity_exporter_jobs gauge
    amperity_exporter_jobs{tenant="apples"} 0
    amperity_exporter_jobs{tenant="bananas"} 0
    # HELP amperity_exporter_jobs_dropped Ingest jobs of the tenant left out because of limits.jobs or limits.page_bytes, or because the page holds at most 50,000 tables per tenant. The oldest are left out.
    # TYPE amperity_exporter_jobs_dropped gauge
    amperity_exporter_jobs_dropped{tenant="apples"} 0
    amperity_exporter_jobs_dropped{tenant="bananas"} 0
    # HELP amperity_exporter_feeds_dropped Feeds of the tenant that have no series, because of limits.page_bytes or because the exporter keeps at most 50,000. The newest are left out.
    # TYPE amperity_exporter_feeds_dropped gauge
    amperity_exporter_feeds_dropped{tenant="apples"} 0
    amperity_exporter_feeds_dropped{tenant="bananas"} 0
    # HELP amperity_exporter_workflows_dropped Workflows of the tenant that have no series, because of limits.page_bytes or because the exporter keeps at most 50,000. The newest are left out.
    # TYPE amperity_exporter_workflows_dropped gauge
    amperity_exporter_workflows_dropped{tenant="apples"} 0
    amperity_exporter_workflows_dropped{tenant="bananas"} 0
    # HELP amperity_exporter_state_gap_seconds Time in which runs may have finished without being counted, because no jobs were listed for longer than the Amperity API lists them.
    # TYPE amperity_exporter_state_gap_seconds gauge
    amperity_exporter_state_gap_seconds{tenant="apples"} 0
    amperity_exporter_state_gap_seconds{tenant="bananas"} 0
    "#);
}

#[test]
fn the_exporters_own_families_are_at_the_end_of_the_page() {
    let telemetry = Telemetry::new().unwrap();
    let tenant = telemetry.tenant("socktown");
    tenant.request(
        crate::telemetry::Endpoint::IngestJob,
        Some(200),
        Duration::from_millis(300),
    );
    tenant.rate_limit_wait.inc_by(1.5);
    let mut own = telemetry.gather(|_| true);
    let shown = "amperity_api_r";
    own.families
        .retain(|family| family.name().starts_with(shown));
    let page = Page::default();
    assert_snapshot!(text(&page.body(Format::OpenMetrics, Encoding::Identity, &own)), @r#"
    # TYPE amperity_api_rate_limit_wait_seconds counter
    # UNIT amperity_api_rate_limit_wait_seconds seconds
    # HELP amperity_api_rate_limit_wait_seconds Time that requests waited in the exporter to stay within api.requests_per_second, or because the Amperity API asked for fewer requests.
    amperity_api_rate_limit_wait_seconds_total{tenant="socktown"} 1.5
    # TYPE amperity_api_request_duration_seconds histogram
    # UNIT amperity_api_request_duration_seconds seconds
    # HELP amperity_api_request_duration_seconds Time from sending a request to the Amperity API to the end of its response, not including the wait for the rate limit. No series before the first request.
    amperity_api_request_duration_seconds_bucket{tenant="socktown",endpoint="ingest_job",le="0.05"} 0
    amperity_api_request_duration_seconds_bucket{tenant="socktown",endpoint="ingest_job",le="0.1"} 0
    amperity_api_request_duration_seconds_bucket{tenant="socktown",endpoint="ingest_job",le="0.25"} 0
    amperity_api_request_duration_seconds_bucket{tenant="socktown",endpoint="ingest_job",le="0.5"} 1
    amperity_api_request_duration_seconds_bucket{tenant="socktown",endpoint="ingest_job",le="1.0"} 1
    amperity_api_request_duration_seconds_bucket{tenant="socktown",endpoint="ingest_job",le="2.5"} 1
    amperity_api_request_duration_seconds_bucket{tenant="socktown",endpoint="ingest_job",le="5.0"} 1
    amperity_api_request_duration_seconds_bucket{tenant="socktown",endpoint="ingest_job",le="10.0"} 1
    amperity_api_request_duration_seconds_bucket{tenant="socktown",endpoint="ingest_job",le="30.0"} 1
    amperity_api_request_duration_seconds_bucket{tenant="socktown",endpoint="ingest_job",le="+Inf"} 1
    amperity_api_request_duration_seconds_sum{tenant="socktown",endpoint="ingest_job"} 0.3
    amperity_api_request_duration_seconds_count{tenant="socktown",endpoint="ingest_job"} 1
    # TYPE amperity_api_requests counter
    # HELP amperity_api_requests HTTP requests sent to the Amperity API, including retries, by endpoint and HTTP status code; code is error if there was no response.
    amperity_api_requests_total{tenant="socktown",endpoint="ingest_job",code="200"} 1
    amperity_api_requests_total{tenant="socktown",endpoint="ingest_jobs",code="200"} 0
    amperity_api_requests_total{tenant="socktown",endpoint="token",code="200"} 0
    amperity_api_requests_total{tenant="socktown",endpoint="workflow_run",code="200"} 0
    amperity_api_requests_total{tenant="socktown",endpoint="workflow_runs",code="200"} 0
    amperity_api_requests_total{tenant="socktown",endpoint="ingest_job",code="error"} 0
    amperity_api_requests_total{tenant="socktown",endpoint="ingest_jobs",code="error"} 0
    amperity_api_requests_total{tenant="socktown",endpoint="token",code="error"} 0
    amperity_api_requests_total{tenant="socktown",endpoint="workflow_run",code="error"} 0
    amperity_api_requests_total{tenant="socktown",endpoint="workflow_runs",code="error"} 0
    # TYPE amperity_api_retries counter
    # HELP amperity_api_retries Requests to the Amperity API that were repeated after a temporary failure.
    amperity_api_retries_total{tenant="socktown"} 0
    # EOF
    "#);
    let body = page.body(Format::Text, Encoding::Gzip, &own);
    assert_eq!(
        gunzip(&body),
        text(&page.body(Format::Text, Encoding::Identity, &own)).as_bytes()
    );
    assert_eq!(body.length(), body.chunks.concat().len());
}

#[test]
fn a_probe_shows_one_job_and_its_result() {
    let mut job = documented_job();
    job.tables.clear();
    let elapsed = Duration::from_millis(120);
    let found = RenderedSnapshot::probe(
        "socktown",
        "isj-1f73r9u2",
        Some(&Arc::new(job)),
        elapsed,
        false,
    );
    assert_snapshot!(read(&Page::new(vec![found.into()]), Format::Text), @r#"
    # HELP amperity_ingest_job_info Always 1. Labels: workflow_id, the id of the workflow that ran the ingest job, for looking it up in Amperity, and workflow, its name. Empty if not known. With ui_url in the configuration, url is the address of the run in Amperity.
    # TYPE amperity_ingest_job_info gauge
    amperity_ingest_job_info{tenant="socktown",job_id="isj-1f73r9u2",workflow_id="wf-20240618-3423-b45",workflow=""} 1
    # HELP probe_success Only on /probe: 1 if the job was fetched, 0 if not.
    # TYPE probe_success gauge
    probe_success{tenant="socktown",job_id="isj-1f73r9u2"} 1
    # HELP probe_duration_seconds Only on /probe: time taken to fetch the job.
    # TYPE probe_duration_seconds gauge
    probe_duration_seconds{tenant="socktown",job_id="isj-1f73r9u2"} 0.12
    "#);
    let missing = RenderedSnapshot::probe("socktown", "isj-1f73r9u2", None, elapsed, false);
    assert_snapshot!(read(&Page::new(vec![missing.into()]), Format::Text), @r#"
    # HELP probe_success Only on /probe: 1 if the job was fetched, 0 if not.
    # TYPE probe_success gauge
    probe_success{tenant="socktown",job_id="isj-1f73r9u2"} 0
    # HELP probe_duration_seconds Only on /probe: time taken to fetch the job.
    # TYPE probe_duration_seconds gauge
    probe_duration_seconds{tenant="socktown",job_id="isj-1f73r9u2"} 0.12
    "#);
}
