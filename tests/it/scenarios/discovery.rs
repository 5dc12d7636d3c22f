//! Discovery of jobs.

use amperity_exporter::config::Mode;
use amperity_simulator::{Endpoint, Entry, Options, Outcome, Simulator};
use jiff::SignedDuration;

use super::{job, job_of, world};
use crate::support::{Stage, hours, minutes, seconds, settings, tenant};

#[tokio::test(start_paused = true)]
async fn a_job_appears_progresses_and_ends_without_being_configured() {
    let stage = Stage::open(
        world([job("isj-1", 90, minutes(5))]),
        settings([tenant("socktown")]),
    )
    .await;
    stage.pass(seconds(30)).await;
    assert_eq!(stage.page().await.jobs(), [""; 0]);

    stage.pass(minutes(3)).await;
    let page = stage.page().await;
    assert_eq!(page.jobs(), ["isj-1"]);
    assert_ne!(page.state("isj-1").as_deref(), Some("succeeded"));
    assert_eq!(
        page.family("amperity_ingest_ended_timestamp_seconds").len(),
        0
    );

    stage.pass(minutes(5)).await;
    let page = stage.page().await;
    assert_eq!(page.state("isj-1").as_deref(), Some("succeeded"));
    let labels = r#"{tenant="socktown",job_id="isj-1",table="Customers",feed="df-1"}"#;
    let value = |family: &str| page.value(&format!("{family}{labels}"));
    assert_eq!(value("amperity_ingest_read_rows"), Some(100.0));
    assert_eq!(value("amperity_ingest_duration_seconds"), Some(300.0));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_runs_eight_days_stays_on_the_page_until_its_end_is_known() {
    let week = hours(8 * 24);
    let mut settings = settings([tenant("socktown")]);
    settings.refresh.mode = Mode::Interval(minutes(20));
    let stage = Stage::open(world([job("isj-long", 60, week)]), settings).await;
    stage.pass(hours(7 * 24 + 12)).await;
    let page = stage.page().await;
    assert_eq!(page.jobs(), ["isj-long"], "no list shows it any more");
    assert_ne!(page.state("isj-long").as_deref(), Some("succeeded"));

    stage.pass(hours(12) + minutes(22)).await;
    let page = stage.page().await;
    let runs = r#"amperity_feed_runs_total{tenant="socktown",table="Customers",feed="df-1",state="succeeded"}"#;
    assert_eq!(page.value(runs), Some(1.0));
    assert_eq!(page.state("isj-long").as_deref(), Some("succeeded"));
    stage.pass(hours(24)).await;
    assert_eq!(stage.page().await.jobs(), [""; 0], "it ended a window ago");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_never_begins_is_followed_for_a_window_and_no_longer() {
    let stage = Stage::open(world([]), settings([tenant("socktown")])).await;
    let list = r#"{"data":[{"id":"isj-1","tables":[]}]}"#;
    stage.simulator.override_list("socktown", list);
    stage.pass(minutes(5)).await;
    stage.simulator.override_list("socktown", r#"{"data":[]}"#);
    stage
        .simulator
        .override_job("socktown", "isj-1", r#"{"id":"isj-1","tables":[]}"#);
    stage.pass(hours(23)).await;
    assert_eq!(stage.page().await.jobs(), ["isj-1"]);
    stage.pass(hours(2)).await;
    assert_eq!(stage.page().await.jobs(), [""; 0]);
    stage.simulator.clear_log();
    stage.pass(hours(1)).await;
    let by_id = |entry: &Entry| entry.endpoint == Some(Endpoint::IngestJob);
    assert_eq!(stage.simulator.count(by_id), 0);
}

#[tokio::test(start_paused = true)]
async fn two_jobs_on_one_feed_are_two_jobs_and_one_feed() {
    let jobs = [
        job_of("isj-1", "df-1", 30, minutes(4), Outcome::Failed),
        job_of("isj-2", "df-1", 60, minutes(2), Outcome::Succeeded),
    ];
    let stage = Stage::open(world(jobs), settings([tenant("socktown")])).await;
    stage.pass(minutes(10)).await;
    let page = stage.page().await;
    assert_eq!(page.jobs(), ["isj-1", "isj-2"]);
    assert_eq!(page.family("amperity_feed_read_rows_total").len(), 1);
    let runs = |state| {
        let labels = r#"tenant="socktown",table="Customers",feed="df-1""#;
        page.value(&format!(
            r#"amperity_feed_runs_total{{{labels},state="{state}"}}"#
        ))
    };
    assert_eq!((runs("failed"), runs("succeeded")), (Some(1.0), Some(1.0)));
}

#[tokio::test(start_paused = true)]
async fn no_job_is_lost_or_doubled_at_midnight() {
    // The scenario begins at noon: jobs around the midnight to come.
    let midnight = 12 * 3600;
    let jobs = [
        job("isj-20240701-1", midnight - 90, minutes(3)),
        job("isj-20240702-1", midnight, minutes(1)),
        job("isj-20240702-2", midnight + 1, minutes(1)),
    ];
    let stage = Stage::open(world(jobs), settings([tenant("socktown")])).await;
    stage.pass(hours(12) + minutes(10)).await;
    let page = stage.page().await;
    assert_eq!(
        page.jobs(),
        ["isj-20240701-1", "isj-20240702-1", "isj-20240702-2"]
    );
    let read = r#"amperity_feed_read_rows_total{tenant="socktown",table="Customers",feed="df-1"}"#;
    assert_eq!(page.value(read), Some(300.0));
}

#[tokio::test(start_paused = true)]
async fn a_clock_an_hour_off_misses_no_job_in_either_direction() {
    for skew in [-3600, 3600] {
        // By the API's clock the first has just begun and the second will.
        let jobs = [
            job("isj-1", skew - 20, minutes(2)),
            job("isj-2", skew + 60, minutes(2)),
        ];
        let prepare = |simulator: &Simulator| {
            simulator.set(|options| options.clock_skew = SignedDuration::from_secs(skew));
        };
        let stage = Stage::with(world(jobs), settings([tenant("socktown")]), None, prepare).await;
        stage.pass(seconds(10)).await;
        assert_eq!(stage.page().await.jobs(), ["isj-1"], "skew {skew}");
        stage.pass(minutes(6)).await;
        let page = stage.page().await;
        assert_eq!(page.jobs(), ["isj-1", "isj-2"], "skew {skew}");
        let runs = r#"amperity_feed_runs_total{tenant="socktown",table="Customers",feed="df-1",state="succeeded"}"#;
        assert_eq!(page.value(runs), Some(2.0), "skew {skew}");
        let log = stage.log();
        assert_eq!(log.len(), 1, "{log:#?}");
        assert!(log[0].contains("apart=1h"), "{}", log[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_clock_is_logged_when_it_begins_and_when_it_ends() {
    let skew = |hours: i64| {
        move |options: &mut Options| options.clock_skew = SignedDuration::from_hours(hours)
    };
    let prepare = |simulator: &Simulator| simulator.set(skew(-48));
    let stage = Stage::with(world([]), settings([tenant("socktown")]), None, prepare).await;
    stage.pass(minutes(10)).await;
    stage.simulator.set(skew(0));
    stage.pass(minutes(10)).await;
    insta::assert_snapshot!(stage.log().join("\n"), @r#"
    WARN this machine's clock is ahead of the API's by too much to correct for: jobs may be missed, and no run is counted until the two agree; check the time synchronization of this machine tenant="socktown" apart=2days
    INFO this machine's clock and the API's agree again tenant="socktown"
    "#);
}

#[tokio::test(start_paused = true)]
async fn no_run_is_lost_or_forgotten_because_of_a_wrong_clock() {
    for skew in [-40 * 24, 40 * 24] {
        let jobs = [job("isj-1", 30, minutes(2)), job("isj-2", 600, minutes(2))];
        let stage = Stage::open(world(jobs), settings([tenant("socktown")])).await;
        stage.pass(minutes(5)).await;
        let runs = r#"amperity_feed_runs_total{tenant="socktown",table="Customers",feed="df-1",state="succeeded"}"#;
        assert_eq!(stage.page().await.value(runs), Some(1.0));
        let set = |hours| {
            let skew = SignedDuration::from_hours(hours);
            stage.simulator.set(|options| options.clock_skew = skew);
        };
        set(skew);
        stage.pass(minutes(20)).await;
        let page = stage.page().await;
        assert_eq!(page.value(runs), Some(1.0), "skew {skew}");
        set(0);
        stage.pass(minutes(2)).await;
        let page = stage.page().await;
        assert_eq!(page.value(runs), Some(2.0), "skew {skew}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_week_that_is_too_large_for_one_answer_is_listed_in_pieces() {
    // One every twenty minutes, of three objects each; a day of them fits.
    let jobs = (0..504).map(|n| {
        let feed = format!("df-{n}");
        let start = -60 - 20 * 60 * n;
        job_of(
            &format!("isj-{n:03}"),
            &feed,
            start,
            minutes(1),
            Outcome::Succeeded,
        )
    });
    let mut tenant = tenant("socktown");
    // For about 150 of them.
    tenant.api.response_bytes = 52_000;
    let stage = Stage::open(world(jobs), settings([tenant])).await;
    stage.pass(seconds(30)).await;
    let page = stage.page().await;
    assert_eq!(page.value(r#"amperity_up{tenant="socktown"}"#), Some(1.0));
    assert_eq!(page.jobs().len(), 72, "a day of them");
    let feeds = page.family("amperity_feed_last_success_timestamp_seconds");
    assert_eq!(feeds.len(), 504, "and all feeds");
    let log = stage.log();
    let length = |line: &String| line.split("length=").nth(1).map(str::to_owned);
    let lengths: Vec<_> = log.iter().filter_map(length).collect();
    // After four pieces a longer one is tried again.
    assert_eq!(lengths, ["3days 12h", "1day 18h", "3days 12h"]);
    stage.simulator.clear_log();
    stage.pass(hours(3)).await;
    assert_eq!(stage.simulator.count(|_| true), 180, "one request each");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_jobs_in_a_window_are_all_on_the_page() {
    let jobs = (0..10_000).map(|n| job(&format!("isj-{n:05}"), -60 - 8 * n, minutes(1)));
    let stage = Stage::open(world(jobs), settings([tenant("socktown")])).await;
    stage.pass(seconds(5)).await;
    let page = stage.page().await;
    assert_eq!(page.jobs().len(), 10_000);
    assert_eq!(
        page.value(r#"amperity_exporter_jobs_dropped{tenant="socktown"}"#),
        Some(0.0)
    );
}

#[tokio::test(start_paused = true)]
async fn jobs_over_the_limit_are_counted_and_logged_once() {
    let jobs = (0..50).map(|n| job(&format!("isj-{n:02}"), -60 - 60 * n, minutes(1)));
    let mut tenant = tenant("socktown");
    tenant.max_jobs = 20;
    let stage = Stage::open(world(jobs), settings([tenant])).await;
    stage.pass(minutes(10)).await;
    let page = stage.page().await;
    assert_eq!(page.jobs().first().unwrap(), "isj-00", "the newest stay");
    assert_eq!(page.jobs().len(), 20);
    assert_eq!(
        page.value(r#"amperity_exporter_jobs_dropped{tenant="socktown"}"#),
        Some(30.0)
    );
    let about_it = stage
        .log()
        .into_iter()
        .filter(|line| line.contains("limits.jobs"));
    assert_eq!(about_it.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_configured_and_discovered_has_its_series_once() {
    let mut tenant = tenant("socktown");
    tenant.jobs = vec!["isj-1".into(), "isj-old".into(), "isj-unknown".into()];
    let jobs = [
        job("isj-1", -600, minutes(1)),
        job("isj-2", -500, minutes(1)),
        job("isj-old", -90 * 24 * 3600, minutes(1)),
    ];
    let stage = Stage::open(world(jobs), settings([tenant])).await;
    stage.pass(minutes(3)).await;
    let page = stage.page().await;
    assert_eq!(page.jobs(), ["isj-1", "isj-2", "isj-old"]);
    let up: Vec<(String, f64)> = page.family("amperity_ingest_job_up").into_iter().collect();
    let expected = [("isj-1", 1.0), ("isj-old", 1.0), ("isj-unknown", 0.0)];
    let expected = expected.map(|(id, up)| (format!(r#"tenant="socktown",job_id="{id}""#), up));
    assert_eq!(up, expected);
    assert_eq!(page.value(r#"amperity_up{tenant="socktown"}"#), Some(1.0));
    let mut series: Vec<&str> = page
        .0
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(s, _)| s)
        .collect();
    let all = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), all, "a series is there twice");
}

#[tokio::test(start_paused = true)]
async fn runs_before_the_first_refresh_are_not_counted_and_later_ones_are() {
    let jobs = [
        job("isj-before", -600, minutes(1)),
        job("isj-across", -60, minutes(3)),
        job("isj-after", 120, seconds(20)),
    ];
    let stage = Stage::open(world(jobs), settings([tenant("socktown")])).await;
    let runs = r#"amperity_feed_runs_total{tenant="socktown",table="Customers",feed="df-1",state="succeeded"}"#;
    stage.pass(seconds(5)).await;
    assert_eq!(stage.page().await.value(runs), Some(0.0));
    stage.pass(minutes(5)).await;
    assert_eq!(stage.page().await.value(runs), Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_retried_after_it_failed_shows_its_present_state() {
    let stage = Stage::open(world([]), settings([tenant("socktown")])).await;
    let list = |state: &str, times: &str| {
        format!(
            r#"{{"data":[{{"id":"isj-1","tables":[{{"feed_id":"df-1","table_name":"Customers",
            "state":"{state}","read":100,{times}}}]}}]}}"#
        )
    };
    let started = r#""started_at":"2024-07-01T11:00:00Z""#;
    let failed = format!(r#"{started},"ended_at":"2024-07-01T11:30:00Z""#);
    let ended = format!(r#"{started},"ended_at":"2024-07-01T12:20:00Z""#);
    for (state, times) in [
        ("failed", failed.as_str()),
        ("running", started),
        ("succeeded", ended.as_str()),
    ] {
        stage
            .simulator
            .override_list("socktown", list(state, times));
        stage.pass(minutes(10)).await;
        assert_eq!(stage.page().await.state("isj-1").as_deref(), Some(state));
    }
}
