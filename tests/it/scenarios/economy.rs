//! The requests an exporter makes, counted by the simulator.

use std::time::Duration;

use amperity_exporter::config::Mode;
use amperity_simulator::{Endpoint, Entry, World};

use super::{job, world};
use crate::support::{Stage, hours, minutes, seconds, settings, start, tenant};

fn bytes(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| entry.bytes).sum()
}

#[tokio::test(start_paused = true)]
async fn a_refresh_of_a_thousand_discovered_jobs_is_one_small_request() {
    // A job every 86 s of the last day; the last ten run on.
    let jobs = (0..1000).map(|n| {
        let duration = if n < 10 { hours(2) } else { minutes(1) };
        job(&format!("isj-{n:04}"), -120 - 86 * n, duration)
    });
    let stage = Stage::open(world(jobs), settings([tenant("socktown")])).await;
    stage.pass(seconds(10)).await;
    let first = stage.simulator.log();
    assert_eq!(first.len(), 1);
    stage.simulator.clear_log();
    stage.pass(minutes(10)).await;
    let refreshes = stage.simulator.log();
    assert_eq!(refreshes.len(), 10, "one request per refresh");
    let (whole, part) = (bytes(&first), bytes(&refreshes) / 10);
    assert!(
        part * 20 < whole,
        "{part} bytes per refresh, {whole} for the whole list"
    );
    println!(
        "1,000 known jobs, 10 running, discovery: 1 request and {part} bytes per refresh; the first list {whole} bytes"
    );
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_configured_jobs_only_the_ten_running_ones_are_requested() {
    let ids: Vec<String> = (0..1000).map(|n| format!("isj-{n:04}")).collect();
    let jobs = ids.iter().zip(0..).map(|(id, n)| {
        let duration = if n < 10 { hours(2) } else { minutes(1) };
        job(id, -120 - 86 * n, duration)
    });
    let mut tenant = tenant("socktown");
    tenant.discovery = None;
    tenant.jobs = ids.iter().map(|id| id.as_str().into()).collect();
    let stage = Stage::open(world(jobs), settings([tenant])).await;
    // At five a second it takes some refreshes to learn them all.
    stage.pass(minutes(10)).await;
    assert_eq!(stage.page().await.jobs().len(), 1000);
    stage.simulator.clear_log();
    stage.pass(minutes(10)).await;
    let asked = stage.simulator.log();
    assert_eq!(asked.len(), 100, "ten per refresh");
    println!(
        "1,000 known jobs, 10 running, configured: 10 requests and {} bytes per refresh",
        bytes(&asked) / 10
    );

    stage.simulator.clear_log();
    stage.pass(minutes(60)).await;
    let asked = stage.simulator.log().len();
    assert!(
        (1590..=1610).contains(&asked),
        "{asked}: 600 for the running, 990 rechecks"
    );
}

#[tokio::test(start_paused = true)]
async fn a_scrape_in_interval_mode_costs_no_request() {
    let stage = Stage::open(
        world([job("isj-1", -60, hours(1))]),
        settings([tenant("socktown")]),
    )
    .await;
    stage.pass(seconds(10)).await;
    stage.simulator.clear_log();
    for _ in 0..100 {
        stage.page().await;
        // A refresh that a scrape had begun would ask now.
        stage.pass(Duration::from_millis(10)).await;
    }
    assert_eq!(stage.simulator.log(), []);
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_the_demo_world_costs_a_fraction_of_fetching_every_job_by_id() {
    for mode in [
        Mode::Interval(minutes(1)),
        Mode::Scrape {
            max_age: seconds(0),
        },
    ] {
        let world = World::demo(7, start());
        let credentials = amperity_simulator::Simulator::new(world.clone(), start).credentials();
        let mut tenant = tenant("socktown");
        tenant.discovery = Some(hours(1));
        tenant.credentials = crate::support::oauth2(&credentials[0]);
        let mut settings = settings([tenant]);
        settings.refresh.mode = mode;
        let stage = Stage::open(world, settings).await;
        let mut by_id = 0;
        for _ in 0..60 {
            stage.pass(minutes(1)).await;
            by_id += stage.page().await.jobs().len();
        }
        let log = stage.simulator.log();
        let tokens = log
            .iter()
            .filter(|entry| entry.endpoint == Some(Endpoint::Token))
            .count();
        println!(
            "an hour of the demo world, {mode:?}: {} requests ({tokens} for tokens), {} bytes; every job by id every time: {by_id} requests",
            log.len(),
            bytes(&log),
        );
        assert!(log.len() <= 70, "{}", log.len());
        assert!(by_id > 50 * log.len(), "{by_id}");
    }
}
