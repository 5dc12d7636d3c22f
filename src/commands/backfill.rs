//! `amperity_exporter backfill`: writes the past as OpenMetrics.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::amperity::Client;
use crate::backfill::{self, END, JobsError, JobsFile, Labels, Replay, ReplayOptions};
use crate::cli::Backfill;
use crate::clock::{Clock, after, before};
use crate::config::{self, DEFAULT_FORGET_AFTER, DEFAULT_WINDOW, Settings, Tenant};
use crate::jobs::Job;
use crate::telemetry::Telemetry;

/// How far back the API lists jobs.
const LISTED: i64 = 7;

/// As many jobs as are listed in one request are those of a day.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Steps between two progress lines.
const PROGRESS: u64 = 500;

type Jobs = Box<dyn Iterator<Item = Result<Job, JobsError>>>;

/// Writes the past of the tenants of the configuration, or of a file.
///
/// # Errors
/// If the configuration is bad, the jobs cannot be had or read, or the output
/// cannot be written.
pub(super) async fn run(
    options: Backfill,
    clock: &Clock,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let settings = options
        .settings
        .as_ref()
        .map(config::Source::load)
        .transpose()?;
    let mut replays = Vec::new();
    // A file ends when its last job does.
    let mut until = None;
    if let Some(file) = &options.jobs {
        let tenant = tenant_of_file(settings.as_ref(), options.tenant.as_deref())?;
        let jobs: Jobs = Box::new(JobsFile::new(open(file)?));
        replays.push(Replay::new(tenant, jobs));
    } else {
        let settings = settings.context("give --config.file, or a file of jobs by --jobs")?;
        let now = clock.now();
        until = Some(now);
        for tenant in &settings.tenants {
            let jobs = listed(tenant, clock, now).await?;
            let jobs: Jobs = Box::new(jobs.into_iter().map(Ok));
            replays.push(Replay::new(
                replay_options(tenant, settings.forget_after),
                jobs,
            ));
        }
    }
    write(&options, replays, until, out).await
}

async fn write(
    options: &Backfill,
    mut replays: Vec<Replay<Jobs>>,
    until: Option<Timestamp>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let labels = Labels::new(&options.labels);
    let mut progress = Progress::new(until);
    let mut first: Option<Timestamp> = None;
    for replay in &mut replays {
        first = first.into_iter().chain(replay.first()?).min();
    }
    if let Some(first) = first {
        let mut time = next_multiple(first, options.step);
        loop {
            let is_over = replays.iter_mut().all(Replay::is_over);
            if until.map_or(is_over, |until| time > until) {
                break;
            }
            for replay in &mut replays {
                let snapshot = replay.refresh(time).await?;
                progress.samples +=
                    backfill::write_step(&mut out, &snapshot, &options.families, &labels, time)
                        .context("cannot write the samples")?;
            }
            progress.step(time);
            time = after(time, options.step);
        }
    }
    out.write_all(END)?;
    out.flush().context("cannot write the samples")?;
    progress.end();
    Ok(())
}

/// The first multiple of `step` since 1970 that is not before `time`.
fn next_multiple(time: Timestamp, step: Duration) -> Timestamp {
    let step = i64::try_from(step.as_secs()).unwrap_or(i64::MAX);
    let second = time.as_second() + 1;
    let rest = second.rem_euclid(step);
    let next = if rest == 0 {
        second
    } else {
        second + (step - rest)
    };
    Timestamp::from_second(next).unwrap_or(Timestamp::MAX)
}

fn tenant_of_file(
    settings: Option<&Settings>,
    name: Option<&str>,
) -> anyhow::Result<ReplayOptions> {
    let Some(settings) = settings else {
        let tenant = name.context("say by --tenant whose jobs these are")?;
        return Ok(ReplayOptions {
            tenant: tenant.into(),
            window: DEFAULT_WINDOW,
            jobs: true,
            files: false,
            forget_after: DEFAULT_FORGET_AFTER,
            rules: Arc::default(),
        });
    };
    let tenant = match (name, settings.tenants.as_slice()) {
        (None, [tenant]) => tenant,
        (None, _) => {
            bail!("the configuration has several tenants: say by --tenant whose jobs these are")
        }
        (Some(name), tenants) => {
            let tenant = tenants.iter().find(|tenant| &*tenant.tenant == name);
            tenant
                .with_context(|| format!("--tenant={name}: the configuration has no such tenant"))?
        }
    };
    Ok(replay_options(tenant, settings.forget_after))
}

fn replay_options(tenant: &Tenant, forget_after: Duration) -> ReplayOptions {
    ReplayOptions {
        tenant: Arc::clone(&tenant.tenant),
        window: tenant.discovery.unwrap_or(DEFAULT_WINDOW),
        jobs: tenant.collect.jobs,
        files: tenant.collect.files,
        forget_after,
        rules: Arc::clone(&tenant.feed_rules),
    }
}

fn open(file: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let opened = File::open(file).with_context(|| format!("--jobs: {}", file.display()))?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, opened)))
}

/// What the API lists, by the day: one answer for all could be too large.
async fn listed(tenant: &Tenant, clock: &Clock, now: Timestamp) -> anyhow::Result<Vec<Job>> {
    let telemetry = Telemetry::new()?;
    let client = Client::new(tenant, telemetry.tenant(&tenant.tenant), clock.clone())?;
    let mut jobs = Vec::new();
    for days in (0..LISTED).rev() {
        let to = before(now, DAY * i32::try_from(days)?);
        let deadline = Instant::now() + 4 * tenant.api.timeout;
        let answer = client.jobs(before(to, DAY), to, deadline).await.outcome;
        let listing = answer.with_context(|| format!("tenant {}", tenant.tenant))?;
        jobs.extend(listing.jobs);
    }
    // Jobs that have not begun have no place in the past.
    jobs.retain(|job| job.started_at().is_some());
    jobs.sort_by_key(Job::started_at);
    Ok(jobs)
}

/// A line on the terminal that says how far it is.
struct Progress {
    until: Option<Timestamp>,
    is_shown: bool,
    steps: u64,
    samples: u64,
}

impl Progress {
    fn new(until: Option<Timestamp>) -> Self {
        Self {
            until,
            is_shown: io::stderr().is_terminal(),
            steps: 0,
            samples: 0,
        }
    }

    fn step(&mut self, time: Timestamp) {
        self.steps += 1;
        if self.is_shown && self.steps.is_multiple_of(PROGRESS) {
            let until = self
                .until
                .map_or(String::new(), |until| format!(" of {until:.0}"));
            let samples = self.samples;
            // A terminal that is gone does not matter.
            let _ = write!(io::stderr(), "\r{time:.0}{until}, {samples} samples ");
        }
    }

    fn end(&self) {
        if self.is_shown {
            let (steps, samples) = (self.steps, self.samples);
            let _ = writeln!(
                io::stderr(),
                "\r{samples} samples in {steps} steps            "
            );
        }
    }
}
