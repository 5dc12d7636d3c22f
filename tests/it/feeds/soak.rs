//! Hours over sockets: the exporter as a process against the simulated API, with
//! runs that come and go, outages of the API, new tokens, reloads, tenants that
//! leave and return, restarts, and requests of every kind. Memory, descriptors,
//! threads and the size of the database are sampled. In the end the counters must
//! be what the simulator says.
//!
//! `tests/soak.sh` runs it for an hour; in the test suite it is short.
//! `AMPERITY_SOAK_SECONDS` sets for how long, `EXPORTER` names another binary.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use amperity_exporter::clock::Clock;
use amperity_simulator::{Fault, FaultKind, SimulatedTenant, World};
use fastrand::Rng;
use hyper::StatusCode;
use jiff::SignedDuration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::script::{self, LONGEST, Samples, Watch, counters, later, number, sum, truth};
use crate::support::Page;
use crate::support::process::{Ended, Process, TIMEOUT, binary, binary_at};
use crate::support::upstream::Upstream;
use samples::{Life, Sample};

mod samples;

const SECONDS: u64 = 20;

/// The first one leaves and returns.
const TENANTS: [&str; 3] = ["argyle", "harbor", "socktown"];

const TEXT: &str = "text/plain;version=0.0.4";
const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";
const PROTOBUF: &str = "application/vnd.google.protobuf;\
    proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// One request each second, in turn: path, format and coding.
const REQUESTS: [(&str, &str, &str); 12] = [
    ("/metrics", TEXT, "identity"),
    ("/metrics", OPENMETRICS, "gzip"),
    ("/metrics", PROTOBUF, "zstd"),
    ("/", "text/html", "gzip"),
    ("/metrics", TEXT, "gzip"),
    ("/metrics", OPENMETRICS, "identity"),
    ("/metrics?tenant=socktown", OPENMETRICS, "zstd"),
    ("/sd", "application/json", "identity"),
    ("/metrics", PROTOBUF, "identity"),
    ("/metrics", TEXT, "zstd"),
    ("/?tenant=harbor", "text/html", "identity"),
    ("/-/healthy", "*/*", "identity"),
];

/// How a process ends, and the share of the time for which it runs, in percent.
const LIVES: [(End, u64); 6] = [
    (End::Killed, 25),
    (End::Killed, 2),
    (End::Terminated, 2),
    (End::Killed, 2),
    (End::Terminated, 61),
    (End::Killed, 2),
];

#[derive(Clone, Copy, Debug)]
enum End {
    /// By SIGKILL.
    Killed,
    /// By SIGTERM.
    Terminated,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exporter_in_operation_stays_small_and_counts_every_run() {
    let _permit = crate::support::permit().await;
    let seconds = number("AMPERITY_SOAK_SECONDS").unwrap_or(SECONDS);
    let seed = number("AMPERITY_SOAK_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("seed {seed}, {seconds} seconds");
    let mut soak = Soak::prepare(seconds, seed).await;
    let mut lives = Vec::new();
    for (end, share) in LIVES {
        let life = Duration::from_millis(seconds * 10 * share);
        lives.push(soak.one_life(life, end).await);
        println!("{:?} after {} s", end, life.as_secs());
    }
    let expected = soak.finish().await;

    let runs = sum(&expected, "amperity_feed_runs_total");
    println!(
        "{} outages, {} new tokens, {} reloads, {} requests; {runs} runs of {} rows counted in \
         {} series, as many as the simulator's",
        soak.outages,
        soak.rotations,
        soak.reloads,
        soak.requests,
        sum(&expected, "amperity_feed_read_rows_total"),
        expected.len(),
    );
    println!("{}", samples::table(&lives));
    assert!(soak.problems.is_empty(), "{:#?}", soak.problems);
    for life in &lives {
        life.check();
    }
}

struct Soak {
    dice: Rng,
    upstream: Upstream,
    folder: TempDir,
    /// The time between two disturbances.
    interval: Duration,
    /// How much longer everything takes than in a test of seconds.
    slower: u32,
    watch: Watch,
    requests: usize,
    outages: usize,
    rotations: usize,
    reloads: usize,
    /// What must not have happened.
    problems: Vec<String>,
}

impl Soak {
    async fn prepare(seconds: u64, seed: u64) -> Self {
        let mut dice = Rng::with_seed(seed);
        let slower = u32::try_from(seconds / 240).unwrap().clamp(1, 15);
        let upstream = Upstream::serve(world(&mut dice, seconds, slower)).await;
        let soak = Self {
            dice,
            upstream,
            folder: TempDir::new().unwrap(),
            interval: Duration::from_secs((seconds / 180).clamp(1, 20)),
            slower,
            watch: Watch::default(),
            requests: 0,
            outages: 0,
            rotations: 0,
            reloads: 0,
            problems: Vec::new(),
        };
        for tenant in TENANTS {
            soak.write_token(tenant, &format!("token-of-{tenant}"));
        }
        soak.configure(&TENANTS);
        // What had ended before the first lists is not counted.
        let first = soak.start();
        soak.until_all_are_listed(&first).await;
        first.kill().await;
        soak
    }

    fn start(&self) -> Process {
        let other = std::env::var_os("EXPORTER");
        let mut command = other.map_or_else(binary, binary_at);
        let file = self.file("amperity_exporter.yml");
        command.arg(format!("--config.file={}", file.display()));
        Process::of(command)
    }

    async fn until_all_are_listed(&self, process: &Process) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some((200, body)) = process.get("/metrics").await {
                let page = Page(body);
                let are_up = |family: &str| {
                    let up = page.family(family);
                    up.len() == TENANTS.len() && up.values().all(|up| *up == 1.0)
                };
                if are_up("amperity_up") && are_up("amperity_workflows_up") {
                    return;
                }
            }
            assert!(Instant::now() < deadline, "{:#?}", process.log());
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// From start to end of one process.
    async fn one_life(&mut self, length: Duration, end: End) -> Life {
        let begin = Instant::now();
        let mut process = self.start();
        process.listening().await;
        let mut life = Life::default();
        let (mut next_sample, mut next_disturbance) = (begin, begin + self.interval);
        let mut turn = REQUESTS.iter().cycle();
        while begin.elapsed() < length {
            sleep(Duration::from_secs(1)).await;
            if let Some(request) = turn.next() {
                self.request(&process, request).await;
            }
            let now = Instant::now();
            if now >= next_sample {
                next_sample += Duration::from_secs(5);
                let page = process.page().await;
                self.watch.check(counters(&page));
                life.samples
                    .push(Sample::take(&process, begin, &self.database()));
            }
            if now >= next_disturbance {
                next_disturbance += self.interval;
                self.disturb(&process).await;
            }
        }
        life.length = begin.elapsed();
        let ended = match end {
            End::Killed => process.kill().await,
            End::Terminated => process.terminate().await,
        };
        self.check_end(end, &ended);
        life
    }

    async fn request(&mut self, process: &Process, request: &(&str, &str, &str)) {
        let (path, accept, coding) = *request;
        let headers = [("accept", accept), ("accept-encoding", coding)];
        let answer = process.get_bytes(path, &headers).await;
        let status = answer.map(|answer| answer.status());
        self.requests += 1;
        if status != Some(StatusCode::OK) {
            let problem = format!("{request:?}: {status:?}: {:#?}", process.log().last());
            self.problems.push(problem);
        }
    }

    /// Something that happens in operation.
    async fn disturb(&mut self, process: &Process) {
        match self.dice.u8(..4) {
            0 => {
                self.rotate_token();
                self.rotations += 1;
            }
            1 => {
                let present = &TENANTS[self.dice.usize(..2)..];
                self.configure(present);
                process.hang_up().await;
                self.reloads += 1;
            }
            _ => {
                self.outage();
                self.outages += 1;
            }
        }
    }

    /// A fault of all requests or of those of a tenant, which replaces the last one.
    fn outage(&mut self) {
        let status = |status| FaultKind::Status(status, None);
        let kinds = [
            status(StatusCode::INTERNAL_SERVER_ERROR),
            status(StatusCode::SERVICE_UNAVAILABLE),
            status(StatusCode::TOO_MANY_REQUESTS),
            FaultKind::Delay(Duration::from_millis(1500)),
            FaultKind::Hang,
            FaultKind::Reset,
            FaultKind::ResetInBody,
            FaultKind::TruncatedJson,
            FaultKind::Html,
        ];
        let kind = kinds[self.dice.usize(..kinds.len())].clone();
        let simulator = &self.upstream.simulator;
        let now = simulator.now();
        let longest = i64::try_from(self.interval.as_millis()).unwrap() * 2;
        let fault = Fault::new(kind).between(now, later(now, self.dice.i64(0..longest)));
        simulator.clear_faults();
        simulator.inject(match TENANTS.get(self.dice.usize(..6)) {
            Some(tenant) => fault.tenant(*tenant),
            None => fault,
        });
    }

    fn rotate_token(&mut self) {
        let tenant = TENANTS[self.dice.usize(..TENANTS.len())];
        let simulator = &self.upstream.simulator;
        simulator.revoke_tokens(tenant);
        let token = simulator.make_token(tenant, Duration::from_hours(24));
        self.write_token(tenant, &token.unwrap());
    }

    fn write_token(&self, tenant: &str, token: &str) {
        let file = self.file(&format!("{tenant}.token"));
        let new = file.with_extension("new");
        std::fs::write(&new, token).unwrap();
        std::fs::rename(new, file).unwrap();
    }

    fn configure(&self, tenants: &[&str]) {
        let mut text = format!(
            "refresh: {{interval: 1s}}\n\
             api: {{base_url: \"{}\", timeout: 5s}}\n\
             state: {{file: state.db}}\n\
             tenants:\n",
            self.upstream.base_url()
        );
        for tenant in tenants {
            writeln!(
                text,
                "  - {{tenant: {tenant}, authorization: {{credentials_file: {tenant}.token}}, \
                 discovery: {{window: 10m}}, collect: {{files: true, workflows: true}}}}"
            )
            .unwrap();
        }
        std::fs::write(self.file("amperity_exporter.yml"), text).unwrap();
    }

    /// Ends all disturbances and waits until everything is counted, by a process
    /// and by its successor. Returns the counters.
    async fn finish(&mut self) -> Samples {
        self.upstream.simulator.clear_faults();
        self.configure(&TENANTS);
        let totals = |tenant: &&str| truth(&self.upstream.simulator, tenant);
        let expected: Samples = TENANTS.iter().flat_map(totals).collect();
        let mut last = self.start();
        last.until_ready().await;
        let limit = LONGEST * self.slower + TIMEOUT;
        self.watch.until_counters_are(&expected, &last, limit).await;
        let ended = last.terminate().await;
        self.check_end(End::Terminated, &ended);
        let mut after = self.start();
        after.until_ready().await;
        assert_eq!(counters(&after.page().await), expected);
        expected
    }

    fn check_end(&mut self, end: End, ended: &Ended) {
        match end {
            End::Killed => assert_eq!(ended.signal, Some(9)),
            End::Terminated => assert_eq!(ended.code, Some(0)),
        }
        let is_problem = |line: &&String| {
            line.contains("level=error") || line.contains("eyJ") || line.contains("token-of-")
        };
        let lines = ended.log.iter().filter(is_problem);
        self.problems.extend(lines.cloned());
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn database(&self) -> PathBuf {
        self.file("state.db")
    }
}

/// A sixth of the time is history. In each twentieth other feeds take part.
fn world(dice: &mut Rng, seconds: u64, slower: u32) -> World {
    let now = Clock::system().now();
    let step = SignedDuration::from_millis((seconds * 50).cast_signed());
    TENANTS.iter().fold(World::empty(), |world, name| {
        let mut tenant = SimulatedTenant::new(*name);
        for piece in -3..19 {
            let begin = now + step * piece;
            let jobs = script::jobs(dice, begin..begin + step, slower);
            tenant = jobs.into_iter().fold(tenant, SimulatedTenant::job);
        }
        // A run that goes on while the first list is answered could be either
        // history or not.
        let retried_from = later(now, 10_000) + step;
        let started = now - step * 3..now + step * 19;
        let runs = script::workflow_runs(dice, started, retried_from, slower);
        world.tenant(runs.into_iter().fold(tenant, SimulatedTenant::workflow_run))
    })
}
