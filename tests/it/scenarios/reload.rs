//! Configuration reloads at inconvenient moments.

use std::sync::Arc;
use std::time::Duration;

use amperity_exporter::amperity::{self, ApiError};
use amperity_exporter::clock::Clock;
use amperity_exporter::config::Mode;
use amperity_exporter::refresh::{Environment, Exporter};
use amperity_exporter::telemetry::{Reason, Telemetry};
use amperity_simulator::{Entry, Fault, FaultKind, SimulatedTenant, World};

use super::{job, world};
use crate::support::{Stage, hours, minutes, seconds, settings, start, tenant};

#[tokio::test(start_paused = true)]
async fn removing_a_tenant_ends_its_requests_at_once() {
    let ids: Vec<String> = (0..12).map(|n| format!("isj-{n:02}")).collect();
    let jobs = ids.iter().map(|id| job(id, -60, hours(5)));
    let removed = jobs.fold(SimulatedTenant::new("removed"), SimulatedTenant::job);
    let world = World::empty()
        .tenant(removed)
        .tenant(SimulatedTenant::new("stays").job(job("isj-1", -60, hours(5))));
    let mut leaving = tenant("removed");
    leaving.discovery = None;
    leaving.jobs = ids.iter().map(|id| id.as_str().into()).collect();
    let slow = Fault::new(FaultKind::Delay(seconds(20))).tenant("removed");
    let stage = Stage::with(
        world,
        settings([leaving, tenant("stays")]),
        None,
        |simulator| simulator.inject(slow),
    )
    .await;
    stage.pass(seconds(5)).await;
    let asked = || stage.simulator.count(|entry| &*entry.tenant == "removed");
    assert_eq!(asked(), 8, "as many as are under way at once");
    let after = settings([tenant("stays")]);
    stage.exporter.apply(after).await.unwrap();
    stage.pass(minutes(5)).await;
    assert_eq!(asked(), 8);
}

#[tokio::test(start_paused = true)]
async fn answers_of_a_refresh_that_a_reload_cancelled_are_counted() {
    let world = world([job("isj-1", -30, minutes(5)), job("isj-2", -30, hours(5))]);
    let mut tenant = tenant("socktown");
    tenant.discovery = None;
    tenant.jobs = ["isj-1".into(), "isj-2".into()].into();
    let stage = Stage::open(world, settings([tenant.clone()])).await;
    stage.pass(seconds(250)).await;
    let slow = Fault::new(FaultKind::Delay(seconds(20))).job("isj-2");
    stage.simulator.inject(slow);
    let by_id = |entry: &Entry| entry.target.ends_with("isj-1");
    let before = stage.simulator.count(by_id);
    while stage.simulator.count(by_id) < before + 2 {
        stage.pass(seconds(1)).await;
    }
    // The end of the first is known, the answer about the second is awaited.
    stage.pass(seconds(1)).await;
    tenant.max_jobs = 9;
    stage.exporter.apply(settings([tenant])).await.unwrap();
    stage.simulator.clear_faults();
    stage.pass(minutes(2)).await;
    let page = stage.page().await;
    assert_eq!(page.state("isj-1").as_deref(), Some("succeeded"));
    let runs = r#"amperity_feed_runs_total{tenant="socktown",table="Customers",feed="df-1",state="succeeded"}"#;
    assert_eq!(page.value(runs), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn feeds_switched_on_by_a_reload_know_the_finished_jobs_at_once() {
    let world = world([job("isj-1", -600, minutes(1)), job("isj-2", -30, hours(5))]);
    let mut tenant = tenant("socktown");
    tenant.discovery = None;
    tenant.jobs = ["isj-1".into(), "isj-2".into()].into();
    tenant.collect.feeds = false;
    let stage = Stage::open(world, settings([tenant.clone()])).await;
    stage.pass(minutes(2)).await;
    tenant.collect.feeds = true;
    stage.exporter.apply(settings([tenant])).await.unwrap();
    stage.pass(seconds(5)).await;
    let last =
        r#"amperity_feed_last_run_read_rows{tenant="socktown",table="Customers",feed="df-1"}"#;
    assert_eq!(stage.page().await.value(last), Some(100.0));
}

#[tokio::test(start_paused = true)]
async fn a_refused_configuration_leaves_no_series_of_its_tenants() {
    let exporter = Exporter::new(Environment {
        clock: Clock::starting_at(start()),
        telemetry: Telemetry::new().unwrap(),
        store: amperity_exporter::feeds::store::Store::in_memory(),
        connect: Arc::new(|api| match api.base_url.host_str() {
            Some("broken.test") => Err(ApiError::new(Reason::Tls, "no certificate in it")),
            _ => amperity::network(api),
        }),
    });
    let names = || format!("{:?}", exporter.telemetry().gather(|_| true));
    exporter.apply(settings([tenant("stays")])).await.unwrap();
    let mut broken = tenant("broken");
    broken.api.base_url = "https://broken.test/api".parse().unwrap();
    let refused = settings([tenant("stays"), tenant("newcomer"), broken]);
    exporter.apply(refused).await.unwrap_err();
    assert_eq!(exporter.tenants(), ["stays".into()]);
    assert!(names().contains("stays"));
    assert!(!names().contains("newcomer") && !names().contains("broken"));
}

#[tokio::test(start_paused = true)]
async fn a_new_forget_after_alone_takes_effect_without_a_restart() {
    let mut present = settings([tenant("socktown")]);
    present.refresh.mode = Mode::Interval(hours(1));
    present.refresh.stale_after = hours(3);
    let stage = Stage::open(world([job("isj-1", -600, minutes(1))]), present.clone()).await;
    let feeds = || async {
        stage
            .page()
            .await
            .family("amperity_feed_read_rows_total")
            .len()
    };
    stage.pass(hours(9 * 24)).await;
    assert_eq!(feeds().await, 1);
    present.forget_after = hours(8 * 24);
    stage.exporter.apply(present).await.unwrap();
    stage.pass(minutes(1)).await;
    assert_eq!(feeds().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_from_scrape_to_interval_mode_is_healthy_from_the_start() {
    let mut present = settings([tenant("socktown")]);
    present.refresh.mode = Mode::Scrape {
        max_age: Duration::ZERO,
    };
    let stage = Stage::open(world([job("isj-1", -600, minutes(1))]), present.clone()).await;
    stage.pass(hours(1)).await;
    stage.simulator.inject(Fault::new(FaultKind::Hang));
    present.refresh.mode = Mode::Interval(minutes(1));
    stage.exporter.apply(present).await.unwrap();
    stage.pass(seconds(1)).await;
    assert!(stage.exporter.is_healthy());
    stage.pass(hours(1)).await;
    assert!(stage.exporter.is_healthy(), "an outage is no ill health");
}
