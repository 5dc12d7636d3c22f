//! `OpenMetrics` 2.0.

use super::*;
use crate::exposition::parser::composite::Histogram;
use crate::telemetry::Endpoint;

/// The metadata and samples of families whose names begin like this.
fn lines(page: &str, prefix: &str) -> String {
    let shown = page.split_inclusive('\n').filter(|line| {
        let position = if line.starts_with("# ") { 2 } else { 0 };
        let name = line.split(' ').nth(position);
        name.is_some_and(|name| name.starts_with(prefix))
    });
    shown.collect()
}

#[test]
fn a_feed_in_openmetrics_2() {
    let mut snapshot = snapshot("socktown", vec![], vec![documented_feed()]);
    // Has no effect on this version.
    snapshot.created_series = true;
    let page = read(&page(&[snapshot]), Format::OpenMetrics2);
    assert_snapshot!(lines(&page, "amperity_feed_r"), @r#"
    # TYPE amperity_feed_runs_total counter
    # HELP amperity_feed_runs_total Finished runs of the feed by final state, each counted once, since the exporter first saw the feed.
    amperity_feed_runs_total{tenant="socktown",table="My table",feed="df-5L6d1veh",state="succeeded"} 1 st@1717200000.5
    amperity_feed_runs_total{tenant="socktown",table="My table",feed="df-5L6d1veh",state="stopped"} 0 st@1717200000.5
    amperity_feed_runs_total{tenant="socktown",table="My table",feed="df-5L6d1veh",state="failed"} 0 st@1717200000.5
    amperity_feed_runs_total{tenant="socktown",table="My table",feed="df-5L6d1veh",state="skipped"} 0 st@1717200000.5
    amperity_feed_runs_total{tenant="socktown",table="My table",feed="df-5L6d1veh",state="canceled"} 0 st@1717200000.5
    # TYPE amperity_feed_read_rows_total counter
    # UNIT amperity_feed_read_rows_total rows
    # HELP amperity_feed_read_rows_total Rows read by the finished runs of the feed.
    amperity_feed_read_rows_total{tenant="socktown",table="My table",feed="df-5L6d1veh"} 1000 st@1717200000.5
    # TYPE amperity_feed_rejected_rows_total counter
    # UNIT amperity_feed_rejected_rows_total rows
    # HELP amperity_feed_rejected_rows_total Duplicate rows rejected by the finished runs of the feed.
    amperity_feed_rejected_rows_total{tenant="socktown",table="My table",feed="df-5L6d1veh"} 200 st@1717200000.5
    # TYPE amperity_feed_run_duration_seconds histogram
    # UNIT amperity_feed_run_duration_seconds seconds
    # HELP amperity_feed_run_duration_seconds Durations of the feed's finished runs, not including runs of unknown duration: their sum and number, and in protobuf and OpenMetrics 2.0 a native histogram.
    amperity_feed_run_duration_seconds{tenant="socktown",table="My table",feed="df-5L6d1veh"} {count:1,sum:3,schema:3,zero_threshold:2.938735877055719e-39,zero_count:0,positive_spans:[13:1],positive_buckets:[1]} st@1717200000.5
    "#);
    assert!(page.ends_with("# EOF\n"));
    assert!(!page.contains("_created"));
}

#[test]
fn a_histogram_of_requests_has_native_and_classic_buckets() {
    let telemetry = Telemetry::new().unwrap();
    let tenant = telemetry.tenant("socktown");
    for milliseconds in [0, 3, 300, 310, 99_000] {
        let elapsed = Duration::from_millis(milliseconds);
        tenant.request(Endpoint::IngestJob, Some(200), elapsed);
    }
    let own = telemetry.gather(|_| true);
    let body = Page::default().body(Format::OpenMetrics2, Encoding::Identity, &own);
    let durations = lines(&text(&body), "amperity_api_request_duration");
    // The start timestamp is the time of the test.
    let (durations, start) = durations.rsplit_once(" st@").unwrap();
    assert!(start.trim_end().parse::<f64>().unwrap() > 1.7e9);
    assert_snapshot!(durations, @r#"
    # TYPE amperity_api_request_duration_seconds histogram
    # UNIT amperity_api_request_duration_seconds seconds
    # HELP amperity_api_request_duration_seconds Time from sending a request to the Amperity API to the end of its response, not including the wait for the rate limit. No series before the first request.
    amperity_api_request_duration_seconds{tenant="socktown",endpoint="ingest_job"} {count:5,sum:99.613,schema:3,zero_threshold:2.938735877055719e-39,zero_count:1,positive_spans:[-67:1,53:1,66:1],positive_buckets:[1,2,1],bucket:[0.05:2,0.1:2,0.25:2,0.5:4,1.0:4,2.5:4,5.0:4,10.0:4,30.0:4,+Inf:5]}
    "#);
}

#[test]
fn native_buckets_are_written_in_spans_and_counts() {
    let mut feed = documented_feed();
    let totals = &mut feed.totals;
    // Two neighbours, one alone, and one that took no time.
    for (seconds, runs) in [(0.0, 2), (60.0, 7), (64.5, 3), (3600.0, 300)] {
        totals.duration_histogram.add(seconds, runs);
    }
    totals.durations = totals.duration_histogram.count();
    let mut uncounted = documented_feed();
    uncounted.feed = "df-2".into();
    uncounted.totals.durations = 7;
    let page = read(
        &page(&[snapshot("t", vec![], vec![feed, uncounted])]),
        Format::OpenMetrics2,
    );
    let durations = lines(&page, "amperity_feed_run_duration_seconds");
    assert_snapshot!(durations, @r#"
    # TYPE amperity_feed_run_duration_seconds histogram
    # UNIT amperity_feed_run_duration_seconds seconds
    # HELP amperity_feed_run_duration_seconds Durations of the feed's finished runs, not including runs of unknown duration: their sum and number, and in protobuf and OpenMetrics 2.0 a native histogram.
    amperity_feed_run_duration_seconds{tenant="t",table="My table",feed="df-5L6d1veh"} {count:313,sum:3,schema:3,zero_threshold:2.938735877055719e-39,zero_count:2,positive_spans:[13:1,34:2,45:1],positive_buckets:[1,7,3,300]} st@1717200000.5
    amperity_feed_run_duration_seconds{tenant="t",table="My table",feed="df-2"} {count:7,sum:3,bucket:[+Inf:7]} st@1717200000.5
    "#);
    let (_, value) = durations.split_once("} {").unwrap();
    let (value, _) = value.split_once("} st@").unwrap();
    let buckets = Histogram::parse(value).unwrap().native;
    assert_eq!(buckets, [(13, 1), (48, 7), (49, 3), (95, 300)]);
}
