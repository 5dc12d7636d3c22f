//! When workflows are requested, and what these requests may not disturb.

use amperity_simulator::{
    Endpoint, Entry, Fault, FaultKind, Simulator, WorkflowError, WorkflowOutcome, WorkflowRun,
    World, WorldParameters,
};
use hyper::StatusCode;

use super::workflows::{GROUP, at, counters, with_runs, with_workflows, workflow_requests};
use super::{job, world};
use crate::support::{Stage, hours, minutes, seconds, settings, start, tenant};

#[tokio::test(start_paused = true)]
async fn the_first_page_has_the_jobs_before_all_workflows_are_listed() {
    let hang = |simulator: &Simulator| {
        simulator.inject(Fault::new(FaultKind::Hang).endpoint(Endpoint::WorkflowRuns));
    };
    let settings = settings([with_workflows("socktown")]);
    let stage = Stage::with(with_runs([]), settings, None, hang).await;
    stage.pass(seconds(1)).await;
    let page = stage.page().await;
    assert_eq!(page.jobs(), ["isj-1"]);
    assert_eq!(page.family("amperity_feed_info").len(), 1);
    assert_eq!(page.value(r#"amperity_up{tenant="socktown"}"#), Some(1.0));
    assert!(!stage.exporter.is_ready(), "the refresh goes on");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_or_fails_takes_no_job_down() {
    for fault in [
        FaultKind::Hang,
        FaultKind::Html,
        FaultKind::WrongContent,
        FaultKind::TruncatedJson,
        FaultKind::Status(StatusCode::INTERNAL_SERVER_ERROR, None),
    ] {
        let prepare = |simulator: &Simulator| {
            simulator.inject(Fault::new(fault.clone()).endpoint(Endpoint::WorkflowRuns));
        };
        let run = WorkflowRun::new("wf-1", "Nightly", GROUP, at(-600));
        let settings = settings([with_workflows("socktown")]);
        let stage = Stage::with(with_runs([run]), settings, None, prepare).await;
        stage.pass(minutes(30)).await;
        let page = stage.page().await;
        assert_eq!(
            page.value(r#"amperity_up{tenant="socktown"}"#),
            Some(1.0),
            "{fault:?}"
        );
        assert_eq!(page.jobs(), ["isj-1"], "{fault:?}");
        let warnings = stage.log().into_iter().filter(|line| line.contains("WARN"));
        assert!(warnings.count() <= 2, "{fault:?}: {:?}", stage.log());
        stage.simulator.clear_faults();
        stage.pass(minutes(15)).await;
        let page = stage.page().await;
        assert_eq!(page.family("amperity_workflow_info").len(), 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn errors_that_the_list_leaves_out_are_requested_once() {
    let failed = WorkflowOutcome::Failed(WorkflowError::missing_file());
    let run = WorkflowRun::new("wf-1", "Nightly", GROUP, at(120)).ending(failed);
    let overviews =
        |simulator: &Simulator| simulator.set(|options| options.workflow_overviews = true);
    let settings = settings([with_workflows("socktown")]);
    let stage = Stage::with(with_runs([run]), settings, None, overviews).await;
    stage.pass(minutes(10)).await;
    let page = stage.page().await;
    assert_eq!(counters(&page)["Nightly customer"], 1);
    let verbose = workflow_requests(&stage.simulator);
    let verbose = verbose
        .iter()
        .filter(|entry| entry.target.contains("view=verbose"));
    // Later ones look whether somebody retries it.
    assert!(verbose.count() <= 3);
}

/// The requests and bytes of an hour, with 1,000 runs of workflows a day.
#[tokio::test(start_paused = true)]
async fn an_hour_with_a_thousand_runs_a_day_is_two_small_requests_per_refresh() {
    let world = World::generated(&WorldParameters {
        seed: 1,
        start: start(),
        tenants: 1,
        feeds: 42,
        period: hours(1),
        duration: minutes(15),
        history: hours(8 * 24),
    });
    let stage = Stage::open(world, settings([with_workflows("tenant-0")])).await;
    stage.pass(minutes(10)).await;
    let first = workflow_requests(&stage.simulator);
    let page = stage.page().await;
    assert_eq!(page.family("amperity_workflow_info").len(), 42);
    stage.simulator.clear_log();
    stage.pass(hours(1)).await;
    let requests = workflow_requests(&stage.simulator);
    let bytes = |entries: &[Entry]| entries.iter().map(|entry| entry.bytes).sum::<usize>();
    println!(
        "1,000 runs of workflows a day: {} requests and {} bytes (plain) an hour; the first {} requests, {} bytes",
        requests.len(),
        bytes(&requests),
        first.len(),
        bytes(&first)
    );
    assert!(requests.len() <= 63, "{} requests", requests.len());
    assert!(bytes(&requests) < 1_500_000, "{} bytes", bytes(&requests));
    assert!(first.len() < 120, "{} requests", first.len());
}

#[tokio::test(start_paused = true)]
async fn a_refresh_of_a_quiet_tenant_is_two_requests() {
    let run = WorkflowRun::new("wf-1", "Nightly", GROUP, at(-7200));
    let stage = Stage::open(with_runs([run]), settings([with_workflows("socktown")])).await;
    stage.pass(minutes(5)).await;
    stage.simulator.clear_log();
    stage.pass(minutes(10)).await;
    assert_eq!(stage.simulator.log().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn workflows_are_not_requested_unless_they_are_collected() {
    let stage = Stage::open(
        world([job("isj-1", -60, hours(1))]),
        settings([tenant("socktown")]),
    )
    .await;
    stage.pass(hours(2)).await;
    assert!(workflow_requests(&stage.simulator).is_empty());
    let page = stage.page().await;
    assert_eq!(
        page.value(r#"amperity_workflows_up{tenant="socktown"}"#),
        None
    );
}
