//! Several tenants, several scrapes, a new configuration.

use std::time::Duration;

use amperity_exporter::config::Mode;
use amperity_simulator::{Fault, FaultKind, SimulatedTenant, Simulator, World};
use tokio::time::Instant;

use super::{job, world};
use crate::support::{Stage, hours, minutes, seconds, settings, tenant};

fn name(number: usize) -> String {
    format!("tenant-{number:02}")
}

fn fifty() -> World {
    let tenants =
        (0..50).map(|n| SimulatedTenant::new(name(n)).job(job("isj-1", -600, minutes(1))));
    tenants.fold(World::empty(), World::tenant)
}

#[tokio::test(start_paused = true)]
async fn one_of_fifty_tenants_hanging_delays_no_other_and_not_the_page() {
    let settings = settings((0..50).map(|n| tenant(&name(n))));
    let hang =
        |simulator: &Simulator| simulator.inject(Fault::new(FaultKind::Hang).tenant(name(7)));
    let stage = Stage::with(fifty(), settings, None, hang).await;
    stage.pass(seconds(5)).await;
    let page = stage.page().await;
    let up = page.family("amperity_up");
    assert_eq!(up.len(), 49, "the hanging one has nothing to tell yet");
    assert!(up.values().all(|up| *up == 1.0));
    assert!(!stage.exporter.is_ready());
    stage.pass(minutes(5)).await;
    let page = stage.page().await;
    assert_eq!(page.value(r#"amperity_up{tenant="tenant-07"}"#), Some(0.0));
    assert_eq!(page.jobs().len(), 49);
    assert!(stage.exporter.is_ready() && stage.exporter.is_healthy());
}

#[tokio::test(start_paused = true)]
async fn concurrent_scrapes_share_one_refresh() {
    let mut settings = settings([tenant("socktown")]);
    settings.refresh.mode = Mode::Scrape {
        max_age: Duration::ZERO,
    };
    let slow = |simulator: &Simulator| simulator.inject(Fault::new(FaultKind::Delay(seconds(2))));
    let stage = Stage::with(
        world([job("isj-1", -600, minutes(1))]),
        settings,
        None,
        slow,
    )
    .await;
    stage.pass(minutes(1)).await;
    stage.simulator.clear_log();
    let scrapes: Vec<_> = (0..20)
        .map(|_| {
            let exporter = stage.exporter.clone();
            tokio::spawn(async move { exporter.page(None, None).await.unwrap().0 })
        })
        .collect();
    for scrape in scrapes {
        scrape.await.unwrap();
    }
    assert_eq!(stage.simulator.log().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_younger_than_max_age_is_reused() {
    let mut settings = settings([tenant("socktown")]);
    settings.refresh.mode = Mode::Scrape {
        max_age: seconds(30),
    };
    let stage = Stage::open(world([job("isj-1", -600, minutes(1))]), settings).await;
    stage.pass(seconds(10)).await;
    stage.simulator.clear_log();
    stage.page().await;
    assert_eq!(stage.simulator.log().len(), 0);
    stage.pass(seconds(21)).await;
    stage.page().await;
    assert_eq!(stage.simulator.log().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn when_the_budget_runs_out_the_last_good_page_is_served_and_the_refresh_goes_on() {
    let mut settings = settings([tenant("socktown")]);
    settings.refresh.mode = Mode::Scrape {
        max_age: Duration::ZERO,
    };
    let stage = Stage::open(world([job("isj-1", 30, minutes(1))]), settings).await;
    stage.pass(minutes(5)).await;
    stage
        .simulator
        .inject(Fault::new(FaultKind::Delay(seconds(12))));
    let asked = Instant::now();
    stage.exporter.page(None, Some(seconds(9))).await.unwrap();
    assert_eq!(asked.elapsed(), seconds(9));
    let success = r#"amperity_last_success_timestamp_seconds{tenant="socktown"}"#;
    stage.simulator.clear_log();
    stage.pass(seconds(4)).await;
    // The refresh has ended meanwhile: its page is there without another one.
    let snapshot = stage.exporter.snapshots().remove(0);
    assert_eq!(snapshot.jobs.len(), 1);
    assert!(snapshot.status.up && snapshot.status.refresh_duration == Some(seconds(12)));
    assert_eq!(stage.simulator.log().len(), 0, "{success}");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_removed_on_reload_leaves_the_page_and_the_others_undisturbed() {
    let stage = Stage::open(fifty(), settings((0..3).map(|n| tenant(&name(n))))).await;
    stage.pass(seconds(10)).await;
    assert_eq!(stage.page().await.jobs().len(), 3);
    stage.simulator.clear_log();
    stage
        .exporter
        .apply(settings((1..3).map(|n| tenant(&name(n)))))
        .await
        .unwrap();
    let page = stage.page().await;
    assert!(!page.0.contains("tenant-00"), "{}", page.0);
    assert_eq!(page.jobs().len(), 2);
    assert_eq!(stage.simulator.log().len(), 0, "who stays is not disturbed");
    stage.pass(minutes(10)).await;
    assert!(!stage.page().await.0.contains("tenant-00"));
    assert_eq!(
        stage.simulator.count(|entry| &*entry.tenant == "tenant-00"),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn a_changed_tenant_keeps_its_data_while_the_new_settings_are_tried() {
    let jobs = [
        job("isj-1", -600, minutes(1)),
        job("isj-2", -30, minutes(3)),
    ];
    let stage = Stage::open(world(jobs), settings([tenant("socktown")])).await;
    stage.pass(seconds(10)).await;
    stage.simulator.inject(Fault::new(FaultKind::Hang));
    let mut changed = tenant("socktown");
    changed.discovery = Some(hours(48));
    changed.collect.feeds = false;
    stage.exporter.apply(settings([changed])).await.unwrap();
    let page = stage.page().await;
    assert_eq!(page.jobs(), ["isj-1", "isj-2"]);
    assert_eq!(page.family("amperity_feed_read_rows_total").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_in_flight_does_not_bring_a_removed_tenant_back() {
    let stage = Stage::open(
        fifty(),
        settings([tenant("tenant-00"), tenant("tenant-01")]),
    )
    .await;
    stage.pass(seconds(50)).await;
    stage
        .simulator
        .inject(Fault::new(FaultKind::Delay(seconds(20))));
    stage.pass(seconds(30)).await;
    stage
        .exporter
        .apply(settings([tenant("tenant-01")]))
        .await
        .unwrap();
    stage.pass(minutes(5)).await;
    let page = stage.page().await;
    assert!(!page.0.contains("tenant-00"), "{}", page.0);
}

#[tokio::test(start_paused = true)]
async fn without_a_timeout_header_a_scrape_waits_ten_seconds_for_a_hanging_tenant() {
    let mut settings = settings((0..3).map(|n| tenant(&name(n))));
    settings.refresh.mode = Mode::Scrape {
        max_age: Duration::ZERO,
    };
    let stage = Stage::open(fifty(), settings).await;
    stage.pass(minutes(1)).await;
    let hang = Fault::new(FaultKind::Hang).tenant(name(1));
    stage.simulator.inject(hang);
    stage.pass(minutes(1)).await;
    for budget in [None, Some(hours(1))] {
        let asked = Instant::now();
        let page = stage.exporter.page(None, budget).await.unwrap().0;
        let waited = asked.elapsed();
        let expected = if budget.is_none() { 10 } else { 60 };
        assert!(waited <= seconds(expected), "{budget:?}: {waited:?}");
        drop(page);
        let page = stage.page().await;
        let fetched = page.family("amperity_last_success_timestamp_seconds");
        let newest = fetched.values().copied().fold(0.0, f64::max);
        let fresh = fetched.values().filter(|at| newest - **at < 1.0).count();
        assert_eq!(fresh, 2, "{fetched:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_waiting_probes_are_refused_and_delay_no_refresh() {
    let world = world([job("isj-1", -60, hours(5))]);
    let stage = Stage::open(world, settings([tenant("socktown")])).await;
    stage.pass(seconds(10)).await;
    let probe = || {
        let exporter = stage.exporter.clone();
        async move { exporter.probe("socktown", "isj-1", hours(1)).await }
    };
    let mut probes = tokio::task::JoinSet::new();
    let mut refused = 0;
    for _ in 0..300 {
        while probes.len() < 450 {
            probes.spawn(probe());
        }
        stage.pass(seconds(1)).await;
        while let Some(probed) = probes.try_join_next() {
            if let Err(error) = probed.unwrap() {
                refused += 1;
                assert!(error.to_string().contains("probes of tenant"), "{error}");
            }
        }
    }
    probes.abort_all();
    assert!(refused > 0);
    let snapshot = stage.exporter.snapshots().remove(0);
    assert!(snapshot.status.up);
    // It waits for the next turn of the rate limit at most: five a second.
    let duration = snapshot.status.refresh_duration.unwrap();
    assert!(duration <= Duration::from_millis(200), "{duration:?}");
    assert_eq!(snapshot.status.requests, 1, "probes are not counted");
}
