//! Prometheus over restarts of the exporter: `increase()` is what was read, and
//! a restart leaves no trace.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use amperity_exporter::clock::Clock;
use amperity_simulator::{Job, Rows, SimulatedTenant, Simulator, Table, World};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::feeds::script::later;
use crate::support::process::{Process, TIMEOUT, free_address};
use crate::support::prometheus::{Prometheus, Series};
use crate::support::upstream::Upstream;

const TENANT: &str = "socktown";
const FEEDS: usize = 4;
const READ: &str = "amperity_feed_read_rows_total";

/// How long runs go on, and between two runs of a feed.
const RUNS_GO_ON: Duration = Duration::from_secs(24);
const PERIOD_MS: i64 = 2000;

/// How many seconds a page may be behind: an interval and a refresh, on a busy
/// machine.
const LAG: f64 = 5.0;

/// More than all runs together, so that counting history shows.
const ROWS_OF_HISTORY: u64 = 1_000_000_000;
const MOST_ROWS: u64 = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn increase_over_restarts_is_what_was_read_and_no_restart_makes_a_spike() {
    let _permit = crate::support::permit().await;
    let seed = fastrand::u64(..1_000_000);
    println!("seed {seed}");
    let mut dice = Rng::with_seed(seed);
    let upstream = Upstream::serve(history()).await;
    let folder = TempDir::new().unwrap();
    let address = free_address([127, 0, 0, 1]);
    let arguments = arguments(&folder, &upstream, address);
    let mut exporter = Process::start(&arguments).await;
    let prometheus = Prometheus::start(&format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 900ms}}\n\
         scrape_configs: [{{job_name: amperity, static_configs: [{{targets: [\"{address}\"]}}]}}]\n"
    ))
    .await;
    // The counters begin at zero, so `increase()` must show everything.
    until(&prometheus, READ, |series| series.len() == FEEDS).await;

    let read = script(&mut dice, &upstream);
    let end = Instant::now() + RUNS_GO_ON;
    let mut restarts = 0;
    while Instant::now() < end {
        sleep(Duration::from_millis(dice.u64(1500..5000))).await;
        if restarts % 3 == 2 {
            exporter.terminate().await;
        } else {
            exporter.kill().await;
        }
        sleep(Duration::from_millis(dice.u64(..4000))).await;
        exporter = Process::start(&arguments).await;
        restarts += 1;
    }
    // Until the last run was counted and scraped.
    let is_all = |series: &[Series]| {
        let scraped = series.iter().map(|one| (feed(one), one.last().1));
        scraped.collect::<BTreeMap<_, _>>() == read
    };
    until(&prometheus, READ, is_all).await;

    check_increase(&prometheus, &read).await;
    check_spikes(&prometheus, &upstream.simulator).await;
    let down = prometheus.query("count_over_time((up == 0)[5m:1s])", None);
    assert!(
        !down.await.is_empty(),
        "no scrape met an exporter that was down"
    );
    println!("{restarts} restarts");
}

/// At the time of its last sample `increase()` has nothing to extrapolate: the
/// counters begin at zero, which it knows to be the lowest they can be, and
/// end with the range. A little later it extrapolates to the end of the range,
/// by 1.1 times the usual time between two samples at most.
async fn check_increase(prometheus: &Prometheus, read: &BTreeMap<String, f64>) {
    let mut exact = BTreeMap::new();
    for series in prometheus.query(&format!("{READ}[5m]"), None).await {
        let (from, first) = series.samples[0];
        let (to, _) = series.last();
        assert_eq!(first, 0.0, "{series:?}");
        let name = feed(&series);
        let increase = format!("sum by (table, feed) (increase({READ}{{feed=\"{name}\"}}[5m]))");
        let answer = prometheus.query(&increase, Some(to)).await;
        let increased = answer[0].last().1;
        assert!(
            (increased - read[&name]).abs() < 0.01,
            "{increased}: {read:?}"
        );

        let answer = prometheus.query(&increase, None).await;
        let extrapolated = answer[0].last().1 / read[&name];
        let interval = (to - from) / precise(series.samples.len() as u64 - 1);
        let most = 1.0 + 1.1 * interval / (to - from) + 0.001;
        assert!(
            (0.999..=most).contains(&extrapolated),
            "{extrapolated} > {most}"
        );
        exact.insert(name, increased);
    }
    assert_eq!(exact.len(), FEEDS);
    println!("increase() {exact:?}");
}

/// No counter was ever reset, and each sample is what had been read by then,
/// or a little earlier. So neither is there a spike at a restart: `increase()`
/// over ten seconds is at most what was read in ten seconds and that little,
/// extrapolated by 1.1 times the time between samples at both ends.
async fn check_spikes(prometheus: &Prometheus, simulator: &Simulator) {
    let resets = prometheus.query(&format!("resets({READ}[5m])"), None).await;
    assert_eq!(resets.len(), FEEDS);
    assert!(resets.iter().all(|one| one.last().1 == 0.0), "{resets:?}");

    let mut most = 0.0_f64;
    for series in prometheus.query(&format!("{READ}[5m]"), None).await {
        let name = feed(&series);
        let read = |time: f64| read_by(simulator, &name, time);
        for (time, value) in series.samples {
            let (least, now) = (read(time - LAG), read(time));
            assert!((least..=now).contains(&value), "{name}: {value} at {time}");
            most = most.max(now - read(time - 10.0 - LAG));
        }
    }
    most *= 1.0 + 2.0 * 1.1;

    let spikes = format!("max_over_time(increase({READ}[10s])[5m:1s])");
    let spikes = prometheus.query(&spikes, None).await;
    assert_eq!(spikes.len(), FEEDS);
    let highest = spikes.iter().map(|series| series.last().1);
    let highest = highest.fold(0.0, f64::max);
    println!("at most {highest} rows in ten seconds; {most} possible");
    assert!(highest <= most);
}

/// What a feed had read by some time, without its history.
fn read_by(simulator: &Simulator, feed: &str, time: f64) -> f64 {
    let by = Timestamp::from_second(0).unwrap() + SignedDuration::from_secs_f64(time);
    let tallies = simulator.feed_totals(TENANT, Timestamp::UNIX_EPOCH..Timestamp::MAX, by);
    let mut tallies = tallies.into_iter().filter(|((_, id), _)| id == feed);
    let read = tallies.next().unwrap().1.counts.read - ROWS_OF_HISTORY;
    precise(read)
}

/// Feeds with a past.
fn history() -> World {
    let long_ago = later(Clock::system().now(), -3_600_000);
    let rows = Rows {
        inserted: ROWS_OF_HISTORY,
        ..Rows::default()
    };
    let jobs = (0..FEEDS).map(|feed| {
        let job = Job::new(format!("isj-history-{feed}"), long_ago);
        job.table(table(feed).rows(rows))
    });
    World::empty().tenant(jobs.fold(SimulatedTenant::new(TENANT), SimulatedTenant::job))
}

/// Starts runs from now on; returns how many rows each feed will read.
fn script(dice: &mut Rng, upstream: &Upstream) -> BTreeMap<String, f64> {
    let now = Clock::system().now();
    let mut read = BTreeMap::new();
    for feed in 0..FEEDS {
        let mut sum = 0;
        let mut offset = dice.i64(0..PERIOD_MS);
        while u128::from(offset.unsigned_abs()) < RUNS_GO_ON.as_millis() {
            let rows = Rows {
                inserted: dice.u64(1..MOST_ROWS / 2),
                rejected: dice.u64(1..MOST_ROWS / 2),
                ..Rows::default()
            };
            sum += rows.inserted + rows.rejected;
            let job = Job::new(format!("isj-{feed}-{offset}"), later(now, offset));
            let added = upstream
                .simulator
                .add_job(TENANT, job.table(table(feed).rows(rows)));
            assert!(added);
            offset += PERIOD_MS;
        }
        read.insert(format!("df-{feed}"), precise(sum));
    }
    read
}

fn table(feed: usize) -> Table {
    let lasts = Duration::from_secs(1);
    Table::new(format!("table {feed}"), format!("df-{feed}")).lasting(lasts)
}

fn arguments(folder: &TempDir, upstream: &Upstream, address: SocketAddr) -> [String; 2] {
    let file = folder.path().join("amperity_exporter.yml");
    std::fs::write(&file, upstream.configuration("state: {file: state.db}")).unwrap();
    [
        format!("--config.file={}", file.display()),
        format!("--web.listen-address={address}"),
    ]
}

/// Waits until the answer to an expression is as wanted.
async fn until(prometheus: &Prometheus, expression: &str, wanted: impl Fn(&[Series]) -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let answer = prometheus.query(expression, None).await;
        if wanted(&answer) {
            return;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        sleep(Duration::from_millis(200)).await;
    }
}

fn feed(series: &Series) -> String {
    series.labels["feed"].clone()
}

#[expect(clippy::cast_precision_loss, reason = "far less than 2^53")]
fn precise(number: u64) -> f64 {
    number as f64
}
