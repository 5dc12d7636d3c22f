//! Six weeks of operation in paused time: in the end every run is counted once,
//! and what is kept has stopped growing.

use std::path::Path;

use amperity_exporter::config::{Mode, Settings};
use amperity_exporter::feeds::store::Store;
use amperity_simulator::{Fault, FaultKind, Job, Outcome, SimulatedTenant, Simulator, World};
use fastrand::Rng;
use hyper::StatusCode;
use jiff::SignedDuration;
use tempfile::TempDir;

use super::job_of;
use crate::feeds::script::{self, Samples, Watch, counters, sum, truth};
use crate::support::{Page, Stage, hours, minutes, settings, start, tenant};

const DAYS: i32 = 42;

/// Two hours here are a second there.
const SLOWER: u32 = 7200;

/// The second one leaves and returns.
const TENANTS: [&str; 2] = ["socktown", "harbor"];

/// A feed that runs in the first week only.
const GONE: &str =
    r#"amperity_feed_read_rows_total{tenant="socktown",table="Customers",feed="df-gone"}"#;

/// Rows of the state file.
#[derive(Debug)]
struct Kept {
    feeds: i64,
    runs: i64,
    open_runs: i64,
    jobs_on_page: f64,
}

#[tokio::test(start_paused = true)]
async fn six_weeks_are_counted_exactly_and_state_stops_growing() {
    let folder = TempDir::new().unwrap();
    let database = folder.path().join("state.db");
    let store = Store::open(&database, start()).unwrap();
    let mut stage = Stage::with(world(), of_tenants(2), Some(store), |_| {}).await;
    let mut watch = Watch::default();
    let mut weeks = Vec::new();
    for day in 0..DAYS {
        disturb(&mut stage, day, &database).await;
        stage.pass(hours(24)).await;
        let page = stage.page().await;
        watch.check(counters(&page));
        if day % 7 == 6 {
            weeks.push(kept(&database, &page));
        }
        if day == 7 {
            assert_eq!(page.value(GONE), Some(700.0), "seven runs of 100 rows");
        }
    }
    stage.restart(of_tenants(2), &database, hours(5)).await;
    stage.pass(hours(25)).await;

    let page = stage.page().await;
    let mut expected: Samples = TENANTS
        .iter()
        .flat_map(|tenant| truth(&stage.simulator, tenant))
        .collect();
    expected.retain(|series, _| !series.contains("df-gone"));
    assert_eq!(counters(&page), expected);
    let runs = sum(&expected, "amperity_feed_runs_total");
    println!("{runs} runs counted; at the end of each week: {weeks:#?}");
    check_bounds(&weeks);
}

/// Runs are kept for 35 days: after six weeks as many as after five.
fn check_bounds(weeks: &[Kept]) {
    let [.., fifth, sixth] = weeks else {
        panic!("{weeks:#?}")
    };
    assert!(sixth.runs * 10 < fifth.runs * 11, "{weeks:#?}");
    // Eight pipelines of up to three feeds, three workflows, and the daily feed.
    assert!(sixth.feeds <= 8 * 3 + 3 + 1, "{weeks:#?}");
    for week in weeks {
        assert!(week.open_runs <= 8 * 3 * 2 + 3 * 2 + 1, "{weeks:#?}");
        // The window is half a day, in which a pipeline starts at most 24 jobs.
        assert!(week.jobs_on_page <= 8.0 * 24.0 + 1.0, "{weeks:#?}");
    }
}

/// One tenant with many runs, and one with a run a day. Two days are history.
fn world() -> World {
    let mut dice = Rng::with_seed(7);
    let day = SignedDuration::from_hours(24);
    let started = start() - day * 2..start() + day * (DAYS - 1);
    let jobs = script::jobs(&mut dice, started.clone(), SLOWER);
    let runs = script::workflow_runs(&mut dice, started, start() + day, SLOWER);
    let busy = SimulatedTenant::new(TENANTS[0]);
    let busy = daily("df-gone", 7)
        .chain(jobs)
        .fold(busy, SimulatedTenant::job);
    let busy = runs.into_iter().fold(busy, SimulatedTenant::workflow_run);
    let calm = SimulatedTenant::new(TENANTS[1]);
    let calm = daily("df-daily", DAYS - 1).fold(calm, SimulatedTenant::job);
    World::empty().tenant(busy).tenant(calm)
}

/// A run of 100 rows on each of the first days.
fn daily(feed: &str, days: i32) -> impl Iterator<Item = Job> {
    (0..i64::from(days)).map(move |day| {
        let id = format!("isj-{feed}-{day}");
        let offset = (day * 24 + 1) * 3600;
        job_of(&id, feed, offset, minutes(9), Outcome::Succeeded)
    })
}

/// So many of the tenants, refreshed every four hours: more often would take the test
/// too long.
fn of_tenants(number: usize) -> Settings {
    let tenants = TENANTS[..number].iter().map(|name| {
        let mut tenant = tenant(name);
        tenant.collect.workflows = true;
        tenant.discovery = Some(hours(12));
        tenant
    });
    let mut settings = settings(tenants);
    settings.refresh.mode = Mode::Interval(hours(4));
    settings.refresh.stale_after = hours(13);
    settings.forget_after = hours(8 * 24);
    settings
}

/// What happens at the beginning of a day: outages, of hours and once of three days;
/// a tenant that leaves and returns; a restart.
async fn disturb(stage: &mut Stage, day: i32, database: &Path) {
    let down = |simulator: &Simulator, kind: FaultKind, hours: i64| {
        let now = simulator.now();
        let fault = Fault::new(kind).between(now, now + SignedDuration::from_hours(hours));
        simulator.clear_faults();
        simulator.inject(fault);
    };
    match day % 7 {
        _ if day == 27 => down(&stage.simulator, FaultKind::Reset, 72),
        1 if day != 29 => {
            let status = FaultKind::Status(StatusCode::SERVICE_UNAVAILABLE, None);
            down(&stage.simulator, status, 9);
        }
        2 => stage.exporter.apply(of_tenants(1)).await.unwrap(),
        4 => stage.exporter.apply(of_tenants(2)).await.unwrap(),
        5 => down(&stage.simulator, FaultKind::Hang, 4),
        6 => stage.restart(of_tenants(2), database, hours(5)).await,
        _ => {}
    }
}

fn kept(file: &Path, page: &Page) -> Kept {
    let database = rusqlite::Connection::open(file).unwrap();
    let rows = |table: &str| {
        let query = format!("SELECT count(*) FROM {table}");
        database.query_row(&query, [], |row| row.get(0)).unwrap()
    };
    Kept {
        feeds: rows("feeds"),
        runs: rows("runs"),
        open_runs: rows("open_runs"),
        jobs_on_page: page.family("amperity_exporter_jobs").values().sum(),
    }
}
