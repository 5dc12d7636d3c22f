//! The state file as an operator sees it.

use std::path::PathBuf;
use std::time::Duration;

use amperity_exporter::clock::Clock;
use amperity_simulator::{Job, Rows, SimulatedTenant, Table, World};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::script::{counters, later};
use crate::support::process::{Process, TIMEOUT};
use crate::support::upstream::Upstream;

const RUNS: &str =
    r#"amperity_feed_runs_total{tenant="acme",table="Customers",feed="df-1",state="succeeded"}"#;
const WRITE_FAILURES: &str = "amperity_exporter_state_write_failures_total";

/// An upstream with a run that ends every second, a configuration and a folder
/// for the state file.
struct Place {
    _upstream: Upstream,
    folder: TempDir,
    arguments: Vec<String>,
}

impl Place {
    async fn new() -> Self {
        let now = Clock::system().now();
        let jobs = (-10..120).map(|second| {
            let started = later(now, second * 1000);
            let table = Table::new("Customers", "df-1").lasting(Duration::from_millis(300));
            let rows = Rows {
                inserted: 7,
                ..Rows::default()
            };
            Job::new(format!("isj-{second}"), started).table(table.rows(rows))
        });
        let tenant = jobs.fold(SimulatedTenant::new("acme"), SimulatedTenant::job);
        let upstream = Upstream::serve(World::empty().tenant(tenant)).await;
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("amperity_exporter.yml");
        std::fs::write(&file, upstream.configuration("state: {file: state.db}")).unwrap();
        Self {
            arguments: vec![format!("--config.file={}", file.display())],
            _upstream: upstream,
            folder,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The lines of a log, without what differs from run to run.
    fn logged(&self, log: &[String], level: &str) -> String {
        let level = format!("level={level} ");
        let lines = log.iter().filter(|line| line.contains(&level));
        let lines = lines.map(|line| line.split_once(&level).unwrap().1);
        let folder = self.folder.path().display().to_string();
        lines.collect::<Vec<_>>().join("\n").replace(&folder, "DIR")
    }
}

/// Waits until one more run was counted than there were.
async fn one_more_run(process: &Process) -> f64 {
    let before = runs(process).await;
    let more = async {
        loop {
            let runs = runs(process).await;
            if runs > before {
                return runs;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let more = timeout(TIMEOUT, more).await;
    more.unwrap_or_else(|_| panic!("nothing is counted: {:#?}", process.log()))
}

async fn runs(process: &Process) -> f64 {
    let page = process.page().await;
    page.value(RUNS).unwrap()
}

async fn write_failures(process: &Process) -> f64 {
    let page = process.page().await;
    page.value(WRITE_FAILURES).unwrap()
}

#[tokio::test]
async fn a_second_process_with_the_same_state_file_ends_and_says_why() {
    let place = Place::new().await;
    let first = Process::start(&place.arguments).await;
    let second = Process::spawn(&place.arguments).ended().await;
    assert_eq!(second.code, Some(1), "{second:#?}");
    let message = second.log.last().unwrap();
    let message = message.replace(&place.folder.path().display().to_string(), "DIR");
    insta::assert_snapshot!(message, @"amperity_exporter: the state file DIR/state.db is in use by another amperity_exporter; give each its own state.file");
    one_more_run(&first).await;

    // The lock of a killed process does not keep a new one from starting.
    first.kill().await;
    let third = Process::start(&place.arguments).await;
    one_more_run(&third).await;
}

#[tokio::test]
async fn a_damaged_state_file_is_set_aside_and_counters_start_again() {
    let place = Place::new().await;
    let first = Process::start(&place.arguments).await;
    one_more_run(&first).await;
    first.terminate().await;
    let whole = std::fs::read(place.file("state.db")).unwrap();
    let torn = &whole[..30];
    std::fs::write(place.file("state.db"), torn).unwrap();

    let process = Process::start(&place.arguments).await;
    let logged = place.logged(&process.log(), "error");
    let (logged, aside) = logged.split_once(".corrupt-").unwrap();
    let (stamp, rest) = aside.split_once(' ').unwrap();
    insta::assert_snapshot!(format!("{logged}.corrupt-TIME {rest}"), @r#"msg="the state file is damaged: it was set aside and the counters start at 0" file=DIR/state.db set_aside=DIR/state.db.corrupt-TIME error="its header is damaged""#);
    let aside = place.file(&format!("state.db.corrupt-{stamp}"));
    assert_eq!(std::fs::read(aside).unwrap(), torn);

    // What had finished by now is history again, and the new file is good.
    let counted = one_more_run(&process).await;
    process.kill().await;
    let after = Process::start(&place.arguments).await;
    assert_eq!(place.logged(&after.log(), "error"), "");
    assert!(runs(&after).await >= counted);
}

#[tokio::test]
async fn a_state_file_that_cannot_be_written_costs_one_warning_and_a_metric() {
    let place = Place::new().await;
    let process = Process::start(&place.arguments).await;
    one_more_run(&process).await;
    assert_eq!(write_failures(&process).await, 0.0);

    let shell = rusqlite::Connection::open(place.file("state.db")).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let failures = async {
        while write_failures(&process).await < 3.0 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(TIMEOUT, failures).await.unwrap();
    // The exporter continues: counting, serving, healthy.
    one_more_run(&process).await;
    let (health, _) = process.get("/-/healthy").await.unwrap();
    assert_eq!(health, 200);
    insta::assert_snapshot!(place.logged(&process.log(), "warn"), @r#"msg="cannot write the state file DIR/state.db: database is locked; counting continues in memory and the next refresh tries again, but a restart before that would count from the last state written""#);

    drop(shell);
    let written = async {
        while !place
            .logged(&process.log(), "info")
            .contains("written again")
        {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(TIMEOUT, written).await.unwrap();
    // Nothing is lost of what was counted meanwhile.
    let seen = counters(&process.page().await);
    process.kill().await;
    let after = Process::start(&place.arguments).await;
    for (series, value) in counters(&after.page().await) {
        assert!(value >= seen[&series], "{series}");
    }
}

#[tokio::test]
async fn a_pipe_as_state_file_is_refused_at_once() {
    let place = Place::new().await;
    let made = std::process::Command::new("mkfifo")
        .arg(place.file("state.db"))
        .status();
    assert!(made.unwrap().success());
    let process = Process::spawn(&place.arguments).ended().await;
    assert_eq!(process.code, Some(1), "{process:#?}");
    let message = process.log.last().unwrap();
    let message = message.replace(&place.folder.path().display().to_string(), "DIR");
    insta::assert_snapshot!(message, @"amperity_exporter: the state file DIR/state.db is a pipe, not a regular file; set state.file to the path of a file");
}
