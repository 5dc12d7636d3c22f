//! What an outage of the API does to the page, to the log and to the API.

use amperity_simulator::{Fault, FaultKind, RetryAfter, Simulator};
use hyper::StatusCode;
use jiff::{SignedDuration, Timestamp};

use super::{job, world};
use crate::support::{Stage, hours, minutes, settings, start, tenant};

const UP: &str = r#"amperity_up{tenant="socktown"}"#;

fn failures(reason: &str) -> String {
    format!(r#"amperity_refresh_failures_total{{tenant="socktown",reason="{reason}"}}"#)
}

/// A fault from the tenth minute on, for this many minutes.
fn from_minute_ten(trouble: FaultKind, minutes: i64) -> Fault {
    let from = start() + SignedDuration::from_mins(10);
    Fault::new(trouble).between(from, from + SignedDuration::from_mins(minutes))
}

/// The most requests that arrived in any one second.
fn peak(simulator: &Simulator) -> usize {
    let times: Vec<Timestamp> = simulator.log().into_iter().map(|entry| entry.at).collect();
    let second = SignedDuration::from_secs(1);
    let windows = times.iter().map(|from| {
        let window = *from..*from + second;
        times.iter().filter(|time| window.contains(time)).count()
    });
    windows.max().unwrap_or(0)
}

async fn with_fault(fault: Fault) -> Stage {
    let jobs = [job("isj-1", -600, minutes(1)), job("isj-2", -30, hours(2))];
    let inject = |simulator: &Simulator| simulator.inject(fault);
    Stage::with(world(jobs), settings([tenant("socktown")]), None, inject).await
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_of_500_leave_the_data_on_the_page_and_two_lines_in_the_log() {
    let fault = from_minute_ten(
        FaultKind::Status(StatusCode::INTERNAL_SERVER_ERROR, None),
        10,
    );
    let stage = with_fault(fault).await;
    stage.pass(minutes(9)).await;
    assert_eq!(stage.page().await.value(UP), Some(1.0));

    stage.pass(minutes(5)).await;
    let page = stage.page().await;
    assert_eq!(page.value(UP), Some(0.0));
    assert_eq!(page.jobs(), ["isj-1", "isj-2"], "the last good data stays");

    stage.pass(minutes(10)).await;
    let page = stage.page().await;
    assert_eq!(page.value(UP), Some(1.0));
    assert!(page.value(&failures("server_error")).unwrap() >= 5.0);
    let log = stage.log();
    assert_eq!(log.len(), 2, "{log:#?}");
    assert!(
        log[0].contains("refresh failed") && log[0].contains("request_id"),
        "{}",
        log[0]
    );
    assert!(log[1].contains("refresh succeeded again"), "{}", log[1]);
}

#[tokio::test(start_paused = true)]
async fn data_that_is_stale_leaves_the_page_and_the_feeds_stay() {
    let fault = from_minute_ten(FaultKind::Status(StatusCode::SERVICE_UNAVAILABLE, None), 60);
    let stage = with_fault(fault).await;
    stage.pass(minutes(23)).await;
    assert_eq!(stage.page().await.jobs().len(), 2, "not stale yet");
    stage.pass(minutes(5)).await;
    let page = stage.page().await;
    assert_eq!(page.jobs(), [""; 0]);
    assert_eq!(page.value(UP), Some(0.0));
    assert_eq!(page.family("amperity_feed_read_rows_total").len(), 1);
    stage.pass(minutes(50)).await;
    assert_eq!(
        stage.page().await.jobs().len(),
        2,
        "it is back with the API"
    );
}

#[tokio::test(start_paused = true)]
async fn requests_slow_down_while_429s_come_and_recover_afterwards() {
    // No list: 120 running jobs, each requested by its id.
    let jobs: Vec<String> = (0..120).map(|n| format!("isj-{n}")).collect();
    let running = jobs.iter().map(|id| job(id, -60, hours(5)));
    let mut tenant = tenant("socktown");
    tenant.jobs = jobs.iter().map(|id| id.as_str().into()).collect();
    tenant.discovery = None;
    let storm = from_minute_ten(FaultKind::Status(StatusCode::TOO_MANY_REQUESTS, None), 10);
    let inject = |simulator: &Simulator| simulator.inject(storm);
    let stage = Stage::with(world(running), settings([tenant]), None, inject).await;

    let mut requests = Vec::new();
    for _ in 0..6 {
        stage.simulator.clear_log();
        stage.pass(minutes(10)).await;
        assert!(peak(&stage.simulator) <= 10, "the API's own limit was met");
        requests.push(stage.simulator.count(|_| true));
    }
    let (before, during, after) = (requests[0], requests[1], requests[5]);
    assert!(before > 1000, "{requests:?}");
    assert!(during * 4 < before, "{requests:?}");
    assert!(after * 10 > before * 9, "{requests:?}");
    let page = stage.page().await;
    assert_eq!(page.value(UP), Some(1.0));
    assert!(page.value(&failures("rate_limited")).unwrap() >= 1.0);
    let waited = r#"amperity_api_rate_limit_wait_seconds_total{tenant="socktown"}"#;
    assert!(page.value(waited).unwrap() > 0.0);
    let log = stage.log();
    assert!(log.len() <= 6, "{log:#?}");
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_within_a_cap() {
    let trouble = FaultKind::Status(StatusCode::TOO_MANY_REQUESTS, Some(RetryAfter::Seconds(20)));
    let stage = with_fault(from_minute_ten(trouble, 1).times(1)).await;
    stage.pass(minutes(12)).await;
    let log = stage.simulator.log();
    let refused = log
        .iter()
        .position(|entry| entry.status == Some(429))
        .unwrap();
    let pause = log[refused + 1].at.duration_since(log[refused].at);
    assert!(pause >= SignedDuration::from_secs(20), "{pause}");
    assert!(pause <= SignedDuration::from_secs(61), "{pause}");
    assert_eq!(
        stage.page().await.value(UP),
        Some(1.0),
        "the retry was in time"
    );
}

#[tokio::test(start_paused = true)]
async fn every_way_to_break_a_connection_is_a_counted_reason() {
    let troubles = [
        (FaultKind::Hang, "timeout"),
        (FaultKind::Reset, "unreachable"),
        (FaultKind::ResetInBody, "unreachable"),
        (FaultKind::TruncatedJson, "malformed"),
        (FaultKind::Html, "malformed"),
        (FaultKind::WrongContent, "malformed"),
        (
            FaultKind::Redirect("https://elsewhere.test/".to_owned()),
            "bad_request",
        ),
        (FaultKind::Status(StatusCode::FORBIDDEN, None), "forbidden"),
        (FaultKind::Status(StatusCode::NOT_FOUND, None), "not_found"),
    ];
    for (trouble, reason) in troubles {
        let stage = with_fault(from_minute_ten(trouble.clone(), 5)).await;
        stage.pass(minutes(14)).await;
        let page = stage.page().await;
        assert!(
            page.value(&failures(reason)).unwrap() >= 1.0,
            "{trouble:?}\n{:#?}",
            stage.log()
        );
        assert_eq!(page.value(UP), Some(0.0), "{trouble:?}");
        assert_eq!(page.jobs().len(), 2, "{trouble:?}");
        stage.pass(minutes(6)).await;
        let page = stage.page().await;
        assert_eq!(page.value(UP), Some(1.0), "{trouble:?}");
        assert!(stage.log().len() <= 3, "{trouble:?}: {:#?}", stage.log());
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_changes_its_reason_is_three_lines_in_the_log() {
    let stage = with_fault(from_minute_ten(FaultKind::Reset, 5)).await;
    let later = start() + SignedDuration::from_mins(15);
    let then =
        Fault::status(StatusCode::FORBIDDEN).between(later, later + SignedDuration::from_mins(5));
    stage.simulator.inject(then);
    stage.pass(minutes(30)).await;
    let log = stage.log();
    assert_eq!(log.len(), 3, "{log:#?}");
    assert!(
        log[1].contains("for another reason") && log[1].contains("forbidden"),
        "{}",
        log[1]
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_cannot_be_read_does_not_hide_the_others() {
    let mut tenant = tenant("socktown");
    tenant.discovery = None;
    tenant.jobs = vec!["isj-1".into(), "isj-2".into(), "isj-3".into()];
    let jobs = [
        job("isj-1", -600, minutes(1)),
        job("isj-2", -600, minutes(1)),
    ];
    let prepare = |simulator: &Simulator| {
        simulator.inject(Fault::new(FaultKind::Html).job("isj-2"));
    };
    let stage = Stage::with(world(jobs), settings([tenant]), None, prepare).await;
    stage.pass(minutes(5)).await;
    let page = stage.page().await;
    assert_eq!(page.jobs(), ["isj-1"]);
    assert_eq!(page.value(UP), Some(1.0));
    let up = page
        .family("amperity_ingest_job_up")
        .into_values()
        .collect::<Vec<_>>();
    assert_eq!(up, [1.0, 0.0, 0.0]);
    let log = stage.log();
    assert_eq!(log.len(), 1, "{log:#?}");
    assert!(log[0].contains("isj-2, isj-3"), "{}", log[0]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_api_version_is_on_the_page_and_logged_once() {
    let sunset: Timestamp = "2025-01-31T00:00:00Z".parse().unwrap();
    let prepare = |simulator: &Simulator| {
        simulator.set(|options| {
            options.deprecation = Some(start());
            options.sunset = Some(sunset);
        });
    };
    let jobs = [job("isj-1", -600, minutes(1))];
    let stage = Stage::with(world(jobs), settings([tenant("socktown")]), None, prepare).await;
    stage.pass(hours(2)).await;
    let page = stage.page().await;
    let value = |family: &str| page.value(&format!(r#"{family}{{tenant="socktown"}}"#));
    assert_eq!(
        value("amperity_api_sunset_timestamp_seconds"),
        Some(1_738_281_600.0)
    );
    assert_eq!(
        value("amperity_api_deprecation_timestamp_seconds"),
        Some(1_719_835_200.0)
    );
    let log = stage.log();
    assert_eq!(log.len(), 1, "{log:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_whose_entries_all_become_unreadable_is_malformed() {
    let stage = with_fault(Fault::new(FaultKind::Hang).times(0)).await;
    stage.pass(minutes(5)).await;
    assert_eq!(stage.page().await.value(UP), Some(1.0));
    let list = r#"{"data":[{"tables":[]},{"id":null},17]}"#;
    stage.simulator.override_list("socktown", list);
    stage.pass(minutes(2)).await;
    let page = stage.page().await;
    assert_eq!(page.value(UP), Some(0.0));
    assert!(page.value(&failures("malformed")) > Some(0.0));
    assert_eq!(page.jobs().len(), 2, "the last good data stays");
    stage.pass(minutes(20)).await;
    assert_eq!(stage.page().await.jobs(), [""; 0], "stale after 15 minutes");
}

#[tokio::test(start_paused = true)]
async fn lists_that_were_too_large_for_a_while_are_whole_again_soon_after() {
    let jobs = [job("isj-1", -600, minutes(1)), job("isj-2", -30, hours(2))];
    // As many as a week can be halved, down to pieces of an hour.
    let too_large = Fault::new(FaultKind::Oversized(1 << 20)).times(9);
    let slow = Fault::new(FaultKind::Delay(std::time::Duration::from_millis(600)));
    let mut tenant = tenant("socktown");
    tenant.api.response_bytes = 1 << 19;
    let prepare = |simulator: &Simulator| {
        simulator.inject(too_large);
        simulator.inject(slow);
    };
    let stage = Stage::with(world(jobs), settings([tenant]), None, prepare).await;
    stage.pass(minutes(3)).await;
    let page = stage.page().await;
    assert_eq!(page.value(UP), Some(1.0), "{:#?}", stage.log());
    assert_eq!(page.jobs(), ["isj-1", "isj-2"]);
    stage.pass(minutes(58)).await;
    stage.simulator.clear_log();
    stage.pass(minutes(10)).await;
    let requests = stage.simulator.count(|_| true);
    assert!(
        requests <= 15,
        "{requests} requests in ten refreshes, one of all"
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_configured_jobs_that_all_fail_cost_few_requests_per_refresh() {
    let ids: Vec<String> = (0..1000).map(|n| format!("isj-{n:04}")).collect();
    let mut tenant = tenant("socktown");
    tenant.jobs = ids.iter().map(|id| id.as_str().into()).collect();
    for discovery in [None, Some(hours(24))] {
        tenant.discovery = discovery;
        let jobs = ids.iter().map(|id| job(id, -90 * 24 * 3600, minutes(1)));
        let fault = Fault::status(StatusCode::INTERNAL_SERVER_ERROR)
            .endpoint(amperity_simulator::Endpoint::IngestJob);
        let inject = |simulator: &Simulator| simulator.inject(fault);
        let settings = settings([tenant.clone()]);
        let stage = Stage::with(world(jobs), settings, None, inject).await;
        stage.pass(minutes(2)).await;
        stage.simulator.clear_log();
        stage.pass(minutes(10)).await;
        let requests = stage.simulator.count(|_| true);
        assert!(requests <= 10 * 6, "{requests} requests in ten refreshes");
        stage.simulator.clear_faults();
        stage.pass(minutes(10)).await;
        let up = stage.page().await.family("amperity_ingest_job_up");
        assert!(up.len() == 1000 && up.values().all(|up| *up == 1.0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_flapping_api_does_not_fill_the_log() {
    let stage = with_fault(Fault::new(FaultKind::Hang).times(0)).await;
    for minute in 0..120 {
        let status = [StatusCode::FORBIDDEN, StatusCode::BAD_REQUEST][minute % 2];
        stage.simulator.clear_faults();
        stage.simulator.inject(Fault::status(status));
        stage.pass(minutes(1)).await;
    }
    let log = stage.log();
    assert!(log.len() <= 10 + 12, "{} lines", log.len());
}
