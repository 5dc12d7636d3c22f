//! Whether a failure counts against a job or its tenant.

use amperity_simulator::{Fault, FaultKind, Simulator};
use hyper::StatusCode;
use jiff::SignedDuration;

use super::{job, world};
use crate::support::{Stage, hours, minutes, settings, start, tenant};

const UP: &str = r#"amperity_up{tenant="socktown"}"#;

/// A fault from the tenth minute to the twentieth.
fn ten_minutes_of(trouble: FaultKind) -> impl FnOnce(&Simulator) {
    let from = start() + SignedDuration::from_mins(10);
    let fault = Fault::new(trouble).between(from, from + SignedDuration::from_mins(10));
    |simulator| simulator.inject(fault)
}

fn configured(ids: &[&str]) -> amperity_exporter::config::Tenant {
    let mut tenant = tenant("socktown");
    tenant.discovery = None;
    tenant.jobs = ids.iter().map(|id| (*id).into()).collect();
    tenant
}

#[tokio::test(start_paused = true)]
async fn a_tenant_whose_configured_jobs_all_fail_is_down_and_logged_once() {
    let troubles = [
        FaultKind::Status(StatusCode::INTERNAL_SERVER_ERROR, None),
        FaultKind::Html,
    ];
    for trouble in troubles {
        let jobs = ["isj-1", "isj-2", "isj-3"];
        let world = world([
            job("isj-1", -600, minutes(1)),
            job("isj-2", -30, hours(2)),
            job("isj-3", -30, hours(2)),
        ]);
        let prepare = ten_minutes_of(trouble.clone());
        let stage = Stage::with(world, settings([configured(&jobs)]), None, prepare).await;
        stage.pass(minutes(9)).await;
        assert_eq!(stage.page().await.value(UP), Some(1.0));
        stage.pass(minutes(5)).await;
        let page = stage.page().await;
        assert_eq!(page.value(UP), Some(0.0), "{trouble:?}");
        assert_eq!(page.jobs(), jobs, "the last good data stays");
        stage.pass(minutes(10)).await;
        assert_eq!(stage.page().await.value(UP), Some(1.0), "{trouble:?}");
        let log = stage.log();
        assert_eq!(log.len(), 2, "{trouble:?}: {log:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_only_configured_job_counts_against_the_tenant() {
    let world = world([job("isj-1", -30, hours(2))]);
    let prepare = ten_minutes_of(FaultKind::Html);
    let stage = Stage::with(world, settings([configured(&["isj-1"])]), None, prepare).await;
    stage.pass(minutes(14)).await;
    assert_eq!(stage.page().await.value(UP), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_500s_costs_the_same_few_requests_however_many_jobs_run() {
    let jobs = (0..100).map(|n| job(&format!("isj-{n:03}"), -60, hours(5)));
    let prepare = ten_minutes_of(FaultKind::Status(StatusCode::INTERNAL_SERVER_ERROR, None));
    let stage = Stage::with(world(jobs), settings([tenant("socktown")]), None, prepare).await;
    stage.pass(minutes(10)).await;
    stage.simulator.clear_log();
    stage.pass(minutes(10)).await;
    // Of each refresh: the list, and as many jobs as are under way at once.
    let requests = stage.simulator.count(|_| true);
    assert!(requests <= 11 * 5 * (1 + 8), "{requests}");
}

#[tokio::test(start_paused = true)]
async fn only_the_job_that_fails_for_longer_than_stale_after_leaves_the_page() {
    for trouble in [FaultKind::Html, FaultKind::Hang, FaultKind::Reset] {
        let jobs = ["isj-1", "isj-2", "isj-3"];
        let world = world(jobs.map(|id| job(id, -30, hours(2))));
        let from = start() + SignedDuration::from_mins(10);
        let fault = Fault::new(trouble.clone()).job("isj-2");
        let fault = fault.between(from, from + SignedDuration::from_mins(30));
        let prepare = |simulator: &Simulator| simulator.inject(fault);
        let stage = Stage::with(world, settings([configured(&jobs)]), None, prepare).await;
        stage.pass(minutes(20)).await;
        let page = stage.page().await;
        assert_eq!(page.jobs(), jobs, "{trouble:?}");
        assert_eq!(page.value(UP), Some(1.0), "{trouble:?}");
        let job_up = r#"amperity_ingest_job_up{tenant="socktown",job_id="isj-2"}"#;
        assert_eq!(page.value(job_up), Some(0.0), "{trouble:?}");
        stage.pass(minutes(10)).await;
        let page = stage.page().await;
        assert_eq!(page.jobs(), ["isj-1", "isj-3"], "{trouble:?}");
        assert_eq!(page.value(UP), Some(1.0), "{trouble:?}");
        stage.pass(minutes(15)).await;
        assert_eq!(stage.page().await.jobs(), jobs, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_hangs_from_the_start_does_not_hide_the_others() {
    let jobs = ["isj-1", "isj-2", "isj-3"];
    let world = world(jobs.map(|id| job(id, -30, hours(2))));
    let hang = Fault::new(FaultKind::Hang).job("isj-1");
    let prepare = |simulator: &Simulator| simulator.inject(hang);
    let stage = Stage::with(world, settings([configured(&jobs)]), None, prepare).await;
    stage.pass(minutes(5)).await;
    let page = stage.page().await;
    assert_eq!(page.jobs(), ["isj-2", "isj-3"]);
    assert_eq!(page.value(UP), Some(1.0));
    let log = stage.log();
    assert_eq!(log.len(), 1, "{log:#?}");
    assert!(
        log[0].contains(r#"jobs="isj-1" reason=timeout"#),
        "{}",
        log[0]
    );
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_and_an_outage_show_although_all_jobs_are_finished() {
    let jobs = ["isj-1", "isj-2"];
    let world = world(jobs.map(|id| job(id, -600, minutes(1))));
    let stage = Stage::open(world, settings([configured(&jobs)])).await;
    stage.pass(minutes(5)).await;
    stage.simulator.clear_log();
    stage.pass(minutes(10)).await;
    assert_eq!(stage.simulator.count(|_| true), 10, "one small list each");
    stage.simulator.revoke_tokens("socktown");
    stage.pass(minutes(1)).await;
    let page = stage.page().await;
    assert_eq!(page.value(UP), Some(0.0));
    let reason = r#"amperity_refresh_failures_total{tenant="socktown",reason="unauthorized"}"#;
    assert_eq!(page.value(reason), Some(1.0));
    stage.simulator.inject(Fault::new(FaultKind::Reset));
    stage.pass(minutes(2)).await;
    let reason = r#"amperity_refresh_failures_total{tenant="socktown",reason="unreachable"}"#;
    assert!(stage.page().await.value(reason) > Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn malformed_entries_of_a_list_are_logged_when_they_begin_and_end() {
    let stage = Stage::open(
        world([job("isj-1", -600, minutes(1))]),
        settings([tenant("socktown")]),
    )
    .await;
    stage.pass(minutes(5)).await;
    let list = r#"{"data":[{"id":"isj-2","tables":[]},{"tables":[]},17]}"#;
    stage.simulator.override_list("socktown", list);
    stage.pass(minutes(5)).await;
    let page = stage.page().await;
    assert_eq!(page.value(UP), Some(1.0));
    assert_eq!(page.jobs(), ["isj-1", "isj-2"]);
    let malformed = r#"amperity_exporter_malformed_jobs_total{tenant="socktown"}"#;
    assert_eq!(page.value(malformed), Some(10.0), "two in each of five");
    stage.simulator.override_list("socktown", r#"{"data":[]}"#);
    stage.pass(hours(2)).await;
    let log = stage.log();
    assert_eq!(log.len(), 2, "{log:#?}");
    assert!(log[0].contains("entries=2"), "{}", log[0]);
    assert!(log[1].contains("can be read again"), "{}", log[1]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_log_that_all_jobs_fit_in_the_limit_again() {
    let jobs = (0..5).map(|n| job(&format!("isj-{n}"), -60, hours(5)));
    let mut tenant = tenant("socktown");
    tenant.max_jobs = 3;
    let from = start() + SignedDuration::from_mins(10);
    let fault = Fault::new(FaultKind::Reset).between(from, from + SignedDuration::from_hours(1));
    let prepare = |simulator: &Simulator| simulator.inject(fault);
    let stage = Stage::with(world(jobs), settings([tenant]), None, prepare).await;
    stage.pass(hours(2)).await;
    assert_eq!(stage.page().await.jobs().len(), 3);
    let log = stage.log();
    let about_it = log.iter().filter(|line| line.contains("limits.jobs"));
    assert_eq!(about_it.count(), 1, "{log:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_without_job_series_has_no_jobs_on_the_page_and_none_dropped() {
    let jobs = (0..5).map(|n| job(&format!("isj-{n}"), -60, hours(5)));
    let mut tenant = tenant("socktown");
    tenant.collect.jobs = false;
    tenant.max_jobs = 3;
    let stage = Stage::open(world(jobs), settings([tenant])).await;
    stage.pass(minutes(2)).await;
    let page = stage.page().await;
    let value = |family: &str| page.value(&format!(r#"{family}{{tenant="socktown"}}"#));
    assert_eq!(value("amperity_exporter_jobs"), Some(0.0));
    assert_eq!(value("amperity_exporter_jobs_dropped"), Some(0.0));
    assert_eq!(stage.log(), [""; 0]);
}
