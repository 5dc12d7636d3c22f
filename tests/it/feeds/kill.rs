//! `kill -9` at random moments, again and again, and whatever else ends a
//! process: afterwards the counters of feeds and workflows are what the simulator
//! says.
//!
//! `AMPERITY_KILL_SECONDS` sets for how long, `AMPERITY_KILL_SEED` repeats a
//! failure (as far as real time can be repeated).

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use amperity_exporter::clock::Clock;
use amperity_simulator::{SimulatedTenant, World};
use fastrand::Rng;
use jiff::SignedDuration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::script::{self, LONGEST, Samples, Watch, counters, later, number, sum, truth};
use crate::support::process::{Ended, Process, TIMEOUT};
use crate::support::upstream::Upstream;

const SECONDS: u64 = 25;
const TENANTS: [&str; 2] = ["harbor", "socktown"];
const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";

/// How a process ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// By SIGKILL, this many milliseconds after it was started.
    Killed(u64),
    /// By SIGKILL, while it writes the state file.
    KilledWriting,
    /// By SIGTERM, this many milliseconds after it was ready.
    Terminated(u64),
}

/// What happened so far.
#[derive(Debug, Default)]
struct Course {
    kills: usize,
    /// Kills at the moment in which the state file changed.
    kills_writing: usize,
    terminations: usize,
    watch: Watch,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_run_is_counted_exactly_once_across_kills() {
    let _permit = crate::support::permit().await;
    let seed = number("AMPERITY_KILL_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let seconds = number("AMPERITY_KILL_SECONDS").unwrap_or(SECONDS);
    println!("seed {seed}, {seconds} seconds");
    let mut dice = Rng::with_seed(seed);
    let upstream = Upstream::serve(world(&mut dice, seconds)).await;
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state.db");
    let arguments = arguments(&folder, &upstream);

    // The first process runs until its page shows what is history.
    let first = Process::start(&arguments).await;
    let created = creation_times(&first).await;
    first.kill().await;

    let mut course = Course::default();
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        course.one_life(&mut dice, &arguments, &state).await;
        time_down(&mut dice, &state).await;
    }

    let expected: Samples = TENANTS
        .iter()
        .flat_map(|tenant| truth(&upstream.simulator, tenant))
        .collect();
    let last = Process::start(&arguments).await;
    course
        .watch
        .until_counters_are(&expected, &last, LONGEST + TIMEOUT)
        .await;
    last.kill().await;
    // It does not count anything again either.
    let after = Process::start(&arguments).await;
    assert_eq!(counters(&after.page().await), expected);
    let created_still = creation_times(&after).await;
    for (series, time) in created {
        assert_eq!(created_still.get(&series), Some(&time), "{series}");
    }

    let runs: f64 = sum(&expected, "amperity_feed_runs_total");
    let rows: f64 = sum(&expected, "amperity_feed_read_rows_total");
    println!(
        "{} kills, {} of them during a write, {} terminations, {} scrapes; \
         {runs} runs and {rows} rows counted in {} series",
        course.kills,
        course.kills_writing,
        course.terminations,
        course.watch.scrapes,
        expected.len()
    );
}

impl Course {
    /// From start to end of one process.
    async fn one_life(&mut self, dice: &mut Rng, arguments: &[String], state: &Path) {
        let end = match dice.u8(..10) {
            0..2 => End::Killed(dice.u64(..300)),
            2..6 => End::Killed(dice.u64(..3000)),
            6..9 => End::KilledWriting,
            _ => End::Terminated(dice.u64(..1500)),
        };
        let mut process = Process::spawn(arguments);
        let ended = match end {
            End::Killed(milliseconds) => {
                let life = Duration::from_millis(milliseconds);
                let _ = timeout(life, self.scrape(&mut process)).await;
                process.kill().await
            }
            End::KilledWriting => {
                let life = Duration::from_secs(4);
                let log = log_of(state);
                tokio::select! {
                    _ = timeout(life, self.scrape(&mut process)) => {}
                    () = until_written(&log) => self.kills_writing += 1,
                }
                process.kill().await
            }
            End::Terminated(milliseconds) => {
                process.until_ready().await;
                let life = Duration::from_millis(milliseconds);
                let _ = timeout(life, self.scrape(&mut process)).await;
                process.terminate().await
            }
        };
        self.check_end(end, &ended);
    }

    fn check_end(&mut self, end: End, ended: &Ended) {
        let Ended { code, signal, log } = ended;
        if let End::Terminated(_) = end {
            assert_eq!(*code, Some(0), "{end:?}: {log:#?}");
            self.terminations += 1;
        } else {
            assert_eq!(*signal, Some(9), "{end:?}: {log:#?}");
            self.kills += 1;
        }
        let unexpected = log.iter().find(|line| !line.contains("level=info"));
        assert_eq!(unexpected, None, "{end:?}: {log:#?}");
    }

    /// Scrapes until it is dropped: no counter may ever decrease.
    async fn scrape(&mut self, process: &mut Process) {
        process.listening().await;
        loop {
            if let Some((_, body)) = process.get("/metrics").await {
                self.watch.check(counters(&crate::support::Page(body)));
            }
            sleep(Duration::from_millis(40)).await;
        }
    }
}

/// Two minutes of history, and runs until the killing ends.
fn world(dice: &mut Rng, seconds: u64) -> World {
    let now = Clock::system().now();
    let begin = later(now, -120_000);
    let end = now + SignedDuration::from_secs(seconds.cast_signed());
    TENANTS.iter().fold(World::empty(), |world, name| {
        let jobs = script::jobs(dice, begin..end, 1);
        let tenant = SimulatedTenant::new(*name);
        let tenant = jobs.into_iter().fold(tenant, SimulatedTenant::job);
        // A run that goes on while the first list is answered could be either
        // history or not.
        let retried_from = later(now, 10_000);
        let runs = script::workflow_runs(dice, begin..end, retried_from, 1);
        world.tenant(runs.into_iter().fold(tenant, SimulatedTenant::workflow_run))
    })
}

fn arguments(folder: &TempDir, upstream: &Upstream) -> Vec<String> {
    let file = folder.path().join("amperity_exporter.yml");
    std::fs::write(
        &file,
        upstream.configuration("state: {file: state.db}\nexposition: {created_series: true}"),
    )
    .unwrap();
    vec![format!("--config.file={}", file.display())]
}

/// The time between two processes: often none, sometimes several periods, and
/// sometimes a part of a transaction is left at the end of the log.
async fn time_down(dice: &mut Rng, state: &Path) {
    let milliseconds = match dice.u8(..10) {
        0..6 => 0,
        6..9 => dice.u64(..1000),
        _ => dice.u64(2000..6000),
    };
    sleep(Duration::from_millis(milliseconds)).await;
    if dice.u8(..5) == 0 {
        let log = OpenOptions::new().append(true).open(log_of(state));
        if let Ok(mut log) = log {
            let bytes: Vec<u8> = (0..dice.usize(..9000)).map(|_| dice.u8(..)).collect();
            log.write_all(&bytes).unwrap();
        }
    }
}

/// The log of transactions that `SQLite` keeps beside the database.
fn log_of(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

async fn until_written(log: &Path) {
    let changed = || std::fs::metadata(log).and_then(|log| log.modified()).ok();
    // The first write is that of the start.
    sleep(Duration::from_millis(300)).await;
    let before = changed();
    while changed() == before {
        sleep(Duration::from_millis(1)).await;
    }
}

/// When each counter was created, by the OpenMetrics page.
async fn creation_times(process: &Process) -> Samples {
    let answer = process.get_as("/metrics", OPENMETRICS).await.unwrap();
    let body = answer.into_body();
    let created = body.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let is_one = series.starts_with("amperity_feed_") && series.contains("_created{");
        is_one.then(|| (series.to_owned(), value.parse().unwrap()))
    });
    let created: Samples = created.collect();
    assert!(!created.is_empty(), "{body}");
    created
}
