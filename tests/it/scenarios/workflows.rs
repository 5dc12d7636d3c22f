//! Workflows, from the API to the page.

use std::collections::BTreeMap;

use amperity_exporter::config::WorkflowTypes;
use amperity_exporter::feeds::store::Store;
use amperity_simulator::{
    Attribution, Endpoint, Entry, Incident, Principal, SimulatedTenant, Simulator, WorkflowError,
    WorkflowOutcome, WorkflowRun, World, WorldParameters,
};
use jiff::{SignedDuration, Timestamp};

use super::job;
use crate::support::{Page, Stage, hours, label, minutes, seconds, settings, start, tenant};

pub(super) const GROUP: &str = "courier.group/run";

pub(super) fn with_workflows(name: &str) -> amperity_exporter::config::Tenant {
    let mut tenant = tenant(name);
    tenant.collect.workflows = true;
    tenant
}

pub(super) fn at(offset: i64) -> Timestamp {
    start() + SignedDuration::from_secs(offset)
}

/// `socktown` with these runs and a quiet feed.
pub(super) fn with_runs(runs: impl IntoIterator<Item = WorkflowRun>) -> World {
    let mut tenant = SimulatedTenant::new("socktown").job(job("isj-1", -600, minutes(1)));
    for run in runs {
        tenant = tenant.workflow_run(run);
    }
    World::empty().tenant(tenant)
}

pub(super) fn workflow_requests(simulator: &Simulator) -> Vec<Entry> {
    let mut log = simulator.log();
    log.retain(|entry| {
        matches!(
            entry.endpoint,
            Some(Endpoint::WorkflowRun | Endpoint::WorkflowRuns)
        )
    });
    log
}

/// Counters of runs and failures by workflow and by state or attribution.
pub(super) fn counters(page: &Page) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    for (family, by) in [
        ("amperity_workflow_runs_total", "state"),
        ("amperity_workflow_failures_total", "attribution"),
    ] {
        for (labels, value) in page.family(family) {
            if value > 0.0 {
                let (name, by) = (label(&labels, "workflow"), label(&labels, by));
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                counted.insert(format!("{name} {by}"), value as u64);
            }
        }
    }
    counted
}

const STATES: [&str; 4] = ["succeeded", "failed", "stopped", "canceled"];

/// Sums of counters by workflow.
fn sums(counters: &BTreeMap<String, u64>, of: &[&str]) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (key, count) in counters {
        let (workflow, by) = key.rsplit_once(' ').unwrap();
        if of.contains(&by) {
            *sums.entry(workflow.to_owned()).or_default() += count;
        }
    }
    sums
}

/// The runs of courier groups that ended by a time, as the simulator knows it.
fn truth(simulator: &Simulator, by: Timestamp) -> BTreeMap<String, u64> {
    let ever = Timestamp::MIN..Timestamp::MAX;
    let totals = simulator.workflow_totals("socktown", ever, by);
    let groups = totals.into_iter().filter(|((_, kind), _)| kind == GROUP);
    let sums = groups.map(|((name, _), totals)| (name, totals.runs.into_values().sum()));
    sums.collect()
}

#[tokio::test(start_paused = true)]
async fn a_group_that_fails_before_ingest_shows_in_the_next_refresh() {
    let world = World::generated(&WorldParameters {
        seed: 1,
        start: start(),
        tenants: 1,
        feeds: 2,
        period: minutes(10),
        duration: minutes(2),
        history: hours(2),
    });
    let stage = Stage::open(world, settings([with_workflows("tenant-0")])).await;
    stage.pass(seconds(90)).await;
    let (_, feed) = stage.simulator.feeds("tenant-0")[0].clone();
    let incident = Incident::FailsBeforeIngest(Attribution::Customer);
    let scheduled = stage
        .simulator
        .schedule_incident("tenant-0", &feed, incident);
    assert_eq!(scheduled, None, "there is no job");
    let labels = r#"tenant="tenant-0",workflow="Group 0",type="courier_group""#;
    let failed = format!("amperity_workflow_state{{{labels},state=\"failed\"}}");
    let mut failed_at = None;
    for second in 0..1200 {
        stage.pass(seconds(1)).await;
        let ever = Timestamp::MIN..Timestamp::MAX;
        let now = stage.simulator.now();
        let totals = stage.simulator.workflow_totals("tenant-0", ever, now);
        if totals.values().any(|totals| !totals.failures.is_empty()) {
            failed_at.get_or_insert(second);
        }
        if stage.page().await.value(&failed) == Some(1.0) {
            let delay = second - failed_at.unwrap();
            assert!(delay <= 61, "{delay} s");
            break;
        }
        assert!(second < 1199, "never on the page");
    }
    let page = stage.page().await;
    let info = page.family("amperity_workflow_info").into_keys();
    let info: Vec<String> = info
        .filter(|info| label(info, "workflow") == "Group 0")
        .collect();
    assert_eq!(
        (
            label(&info[0], "error_type"),
            label(&info[0], "attribution")
        ),
        (
            "amperity.workflow.task.courier/missing-files".to_owned(),
            "customer".to_owned()
        )
    );
    assert_eq!(counters(&page)["Group 0 customer"], 1);
    // Jobs and feeds have the name of their workflow, also the failed one's feed.
    for family in ["amperity_ingest_job_info", "amperity_feed_info"] {
        let names: Vec<String> = page
            .family(family)
            .into_keys()
            .map(|labels| label(&labels, "workflow"))
            .collect();
        assert!(names.contains(&"Group 0".to_owned()), "{family}: {names:?}");
        assert!(
            names.iter().all(|name| name.starts_with("Group ")),
            "{names:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn runs_are_counted_exactly_once_across_restarts_retries_and_pages() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let world = World::demo(3, start());
    let credentials = Simulator::new(world.clone(), start).credentials();
    let mut tenant = with_workflows("socktown");
    tenant.credentials = crate::support::oauth2(&credentials[0]);
    tenant.discovery = Some(hours(1));
    let mut stage = Stage::with(
        world,
        settings([tenant.clone()]),
        Some(Store::open(&path, start()).unwrap()),
        |_| {},
    )
    .await;
    for minute in 1..=150 {
        stage.pass(minutes(1)).await;
        if minute % 37 == 0 {
            // The process ends; runs go on meanwhile.
            let settings = settings([tenant.clone()]);
            stage.restart(settings, &path, minutes(minute % 20)).await;
        }
    }
    for (_, feed) in stage.simulator.feeds("socktown") {
        assert!(stage.simulator.pause_feed("socktown", &feed));
    }
    stage.pass(minutes(10)).await;
    let counted = counters(&stage.page().await);
    // Runs that had ended before the first refresh are not counted.
    let before = truth(&stage.simulator, start());
    let mut expected = truth(&stage.simulator, stage.simulator.now());
    for (workflow, runs) in &mut expected {
        *runs -= before[workflow];
    }
    // The nightly one has not run.
    expected.retain(|_, runs| *runs > 0);
    assert_eq!(sums(&counted, &STATES), expected);
    // The failures are attributed, but for a run that failed and went on between
    // two refreshes.
    let failures = sums(&counted, &["customer", "platform"]);
    assert_eq!(failures, sums(&counted, &["failed"]));
    assert!(failures["Loyalty program"] >= 4, "{failures:?}");
    assert!(failures["Email service"] >= 4, "{failures:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_retried_hours_later_is_one_run() {
    let failed = WorkflowOutcome::Failed(WorkflowError::service_unavailable());
    let run = WorkflowRun::new("wf-1", "Nightly", GROUP, at(60))
        .ending(failed)
        .resuming_after(hours(9))
        .lasting(minutes(90));
    let stage = Stage::open(with_runs([run]), settings([with_workflows("socktown")])).await;
    let newest_state = |page: &Page| {
        let states = page.family("amperity_workflow_state").into_iter();
        let mut current = states.filter(|(_, value)| *value == 1.0);
        current.next().map(|(labels, _)| label(&labels, "state"))
    };
    stage.pass(minutes(5)).await;
    let page = stage.page().await;
    assert_eq!(newest_state(&page).as_deref(), Some("failed"));
    assert_eq!(counters(&page)["Nightly platform"], 1);
    // Two hours after the failure it is not watched any more; the hourly list
    // of runs that ended shows it.
    stage.pass(hours(12)).await;
    let page = stage.page().await;
    assert_eq!(newest_state(&page).as_deref(), Some("succeeded"));
    let expected = [("Nightly failed", 1), ("Nightly platform", 1)];
    assert_eq!(
        counters(&page),
        expected.map(|(key, n)| (key.to_owned(), n)).into()
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_retried_soon_shows_as_running() {
    let failed = WorkflowOutcome::Failed(WorkflowError::missing_file());
    let run = WorkflowRun::new("wf-1", "Nightly", GROUP, at(60))
        .ending(failed)
        .resuming_after(minutes(50))
        .lasting(minutes(30));
    let stage = Stage::open(with_runs([run]), settings([with_workflows("socktown")])).await;
    stage.pass(minutes(60)).await;
    let running = r#"amperity_workflow_running_since_timestamp_seconds{tenant="socktown",workflow="Nightly",type="courier_group"}"#;
    assert!(stage.page().await.value(running).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_run_without_end_is_followed() {
    let run = WorkflowRun::new("wf-1", "Endless", GROUP, at(-156 * 3600)).lasting(hours(30 * 24));
    let stage = Stage::open(with_runs([run]), settings([with_workflows("socktown")])).await;
    // It leaves the first list after twelve hours.
    stage.pass(hours(14)).await;
    let running = r#"amperity_workflow_running_since_timestamp_seconds{tenant="socktown",workflow="Endless",type="courier_group"}"#;
    assert!(stage.page().await.value(running).is_some());
    stage.simulator.clear_log();
    stage.pass(minutes(10)).await;
    let requests = workflow_requests(&stage.simulator);
    let by_id = requests
        .iter()
        .filter(|entry| entry.endpoint == Some(Endpoint::WorkflowRun));
    assert_eq!(by_id.count(), 10, "one request per refresh");
}

#[tokio::test(start_paused = true)]
async fn a_key_without_the_policy_is_logged_once_and_jobs_are_exported() {
    let prepare = |simulator: &Simulator| assert!(simulator.set_workflow_policy("socktown", false));
    let run = WorkflowRun::new("wf-1", "Nightly", GROUP, at(-600));
    let settings = settings([with_workflows("socktown")]);
    let stage = Stage::with(with_runs([run]), settings, None, prepare).await;
    stage.pass(hours(1)).await;
    let page = stage.page().await;
    assert_eq!(page.value(r#"amperity_up{tenant="socktown"}"#), Some(1.0));
    assert_eq!(
        page.value(r#"amperity_workflows_up{tenant="socktown"}"#),
        Some(0.0)
    );
    assert_eq!(page.jobs(), ["isj-1"]);
    let log = stage.log();
    let about: Vec<&String> = log
        .iter()
        .filter(|line| line.contains("workflow"))
        .collect();
    assert_eq!(about.len(), 1, "{log:?}");
    assert!(about[0].contains("DataGrid Operator"), "{about:?}");
    let requests = workflow_requests(&stage.simulator).len();
    assert!(requests <= 7, "{requests} in an hour");

    assert!(stage.simulator.set_workflow_policy("socktown", true));
    stage.pass(minutes(12)).await;
    let page = stage.page().await;
    assert_eq!(
        page.value(r#"amperity_workflows_up{tenant="socktown"}"#),
        Some(1.0)
    );
    assert_eq!(page.family("amperity_workflow_info").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_the_configured_types_are_collected() {
    let types = [
        "courier.group/run",
        "courier",
        "campaign.send",
        "amperity.stitch/run",
    ];
    let runs = types
        .iter()
        .map(|kind| WorkflowRun::new(format!("wf-{kind}"), *kind, *kind, at(-900)));
    let mut all = with_workflows("socktown");
    let runs: Vec<WorkflowRun> = runs.collect();
    let stage = Stage::open(with_runs(runs.clone()), settings([all.clone()])).await;
    stage.pass(seconds(30)).await;
    let shown = |page: &Page| -> Vec<String> {
        let info = page.family("amperity_workflow_info").into_keys();
        let mut types: Vec<String> = info.map(|labels| label(&labels, "type")).collect();
        types.sort();
        types
    };
    assert_eq!(shown(&stage.page().await), ["courier", "courier_group"]);
    all.workflow_types = std::sync::Arc::new(WorkflowTypes::new(["*"]));
    stage.exporter.apply(settings([all])).await.unwrap();
    stage.pass(seconds(30)).await;
    let every = ["campaign_send", "courier", "courier_group", "stitch"];
    assert_eq!(shown(&stage.page().await), every);
}

/// Who started a workflow is not on the page, in the log, in what the status
/// page is made of, or in the state file.
#[tokio::test(start_paused = true)]
async fn no_personal_data_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let person = Principal {
        id: "google-apps|grace.hopper@socktown.com".to_owned(),
        name: "Grace Hopper".to_owned(),
        email: Some("grace.hopper@socktown.com".to_owned()),
    };
    let error = WorkflowError {
        message: "Stopped by Grace Hopper <grace.hopper@socktown.com> for alan@example.com\nGrace"
            .to_owned(),
        ..WorkflowError::missing_file()
    };
    let runs = (0..20).map(|n| {
        WorkflowRun::new(format!("wf-{n}"), "Nightly", GROUP, at(-1000 + 200 * n))
            .ending(WorkflowOutcome::Failed(error.clone()))
            .started_by(person.clone())
    });
    let store = Store::open(&path, start()).unwrap();
    let world = with_runs(runs);
    let stage = Stage::with(
        world,
        settings([with_workflows("socktown")]),
        Some(store),
        |_| {},
    )
    .await;
    stage.pass(hours(1)).await;
    assert!(stage.page().await.family("amperity_workflow_info").len() == 1);
    let mut kept = format!("{:?}", stage.exporter.snapshots());
    assert!(kept.contains("Stopped by <redacted>"), "{kept}");
    kept += &stage.page().await.0;
    kept += &stage.log().join("\n");
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        kept += &String::from_utf8_lossy(&bytes);
    }
    assert!(
        kept.contains("missing-files"),
        "the state file is read, too"
    );
    let kept = kept.to_lowercase();
    for personal in ["grace", "hopper", "alan@", "google-apps", "@socktown"] {
        assert!(!kept.contains(personal), "{personal}");
    }
}
