//! A slow API.

use amperity_exporter::config::Mode;
use amperity_simulator::{Endpoint, Entry, Fault, FaultKind, Simulator};

use super::{job, world};
use crate::support::{Stage, hours, minutes, seconds, settings, tenant};

fn slow(simulator: &Simulator, endpoint: Endpoint, delay: u64) {
    let delay = FaultKind::Delay(seconds(delay));
    simulator.inject(Fault::new(delay).endpoint(endpoint));
}

#[tokio::test(start_paused = true)]
async fn more_running_jobs_than_one_refresh_can_request_take_turns() {
    let ids: Vec<String> = (0..400).map(|n| format!("isj-{n:03}")).collect();
    let world = world(ids.iter().map(|id| job(id, -60, hours(5))));
    let mut tenant = tenant("socktown");
    tenant.discovery = None;
    tenant.jobs = ids.iter().map(|id| id.as_str().into()).collect();
    let prepare = |simulator: &Simulator| slow(simulator, Endpoint::IngestJob, 2);
    let stage = Stage::with(world, settings([tenant]), None, prepare).await;
    stage.pass(minutes(10)).await;
    let page = stage.page().await;
    assert_eq!(page.jobs(), ids);
    assert_eq!(page.value(r#"amperity_up{tenant="socktown"}"#), Some(1.0));
    assert_eq!(stage.log(), [""; 0]);
    let asked = stage.simulator.log();
    let times = |id: &String| {
        asked
            .iter()
            .filter(|entry| entry.target.ends_with(id))
            .count()
    };
    let least = ids.iter().map(times).min();
    assert!(least >= Some(2), "of 1,200 questions: {least:?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_takes_over_a_minute_does_not_look_like_a_wrong_clock() {
    let mut tenant = tenant("socktown");
    tenant.api.timeout = seconds(100);
    let mut settings = settings([tenant]);
    settings.refresh.mode = Mode::Interval(minutes(5));
    let prepare = |simulator: &Simulator| slow(simulator, Endpoint::IngestJobs, 63);
    let world = world([job("isj-1", -60, hours(1))]);
    let stage = Stage::with(world, settings, None, prepare).await;
    stage.pass(minutes(3)).await;
    assert_eq!(stage.simulator.count(|_: &Entry| true), 1);
    assert_eq!(stage.page().await.jobs(), ["isj-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_scrape_after_a_long_pause_shows_no_stale_jobs_while_the_api_hangs() {
    let mut settings = settings([tenant("socktown")]);
    settings.refresh.mode = Mode::Scrape {
        max_age: seconds(0),
    };
    let stage = Stage::open(world([job("isj-1", -60, hours(5))]), settings).await;
    stage.pass(seconds(5)).await;
    assert_eq!(stage.page().await.jobs(), ["isj-1"]);
    stage.pass(minutes(16)).await;
    stage.simulator.inject(Fault::new(FaultKind::Hang));
    let page = stage.page_within(seconds(9)).await;
    assert_eq!(page.jobs(), [""; 0]);
    assert_eq!(page.family("amperity_feed_state").len(), 11, "feeds stay");
}
