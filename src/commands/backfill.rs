//! `amperity_exporter backfill`: writes the past as OpenMetrics.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;

use crate::backfill::{self, END, JobsError, JobsFile, Labels, Records, Replay, ReplayOptions};
use crate::cli::Backfill;
use crate::clock::{Clock, after};
use crate::config::{self, DEFAULT_FORGET_AFTER, DEFAULT_WINDOW, Settings, Tenant};
use crate::jobs::Job;

mod listed;
mod progress;

use listed::{Listed, listed};
use progress::Progress;

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
        let runs = options.workflow_runs.as_deref();
        if file == Path::new("-") && runs == Some(file) {
            bail!("--jobs and --workflow-runs cannot both be read from standard input");
        }
        let runs = runs.map(|file| read_file("--workflow-runs", file, Records::WorkflowRuns));
        let jobs = read_file("--jobs", file, Records::Jobs)?;
        replays.push(Replay::new(tenant, jobs, runs.transpose()?));
    } else {
        let settings = settings.context("give --config.file, or a file of jobs with --jobs")?;
        let now = clock.now();
        until = Some(now);
        for tenant in &settings.tenants {
            let Listed {
                jobs,
                workflow_runs,
            } = listed(tenant, clock, now).await?;
            let boxed = |jobs: Vec<Job>| -> Jobs { Box::new(jobs.into_iter().map(Ok)) };
            let options = replay_options(tenant, settings.forget_after);
            replays.push(Replay::new(options, boxed(jobs), workflow_runs.map(boxed)));
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
        let tenant = name.context("name the tenant of these jobs with --tenant")?;
        return Ok(ReplayOptions {
            reads_evenly: false,
            tenant: tenant.into(),
            window: DEFAULT_WINDOW,
            jobs: true,
            files: false,
            workflow_types: Arc::default(),
            forget_after: DEFAULT_FORGET_AFTER,
            rules: Arc::default(),
        });
    };
    let tenant = match (name, settings.tenants.as_slice()) {
        (None, [tenant]) => tenant,
        (None, _) => {
            bail!(
                "the configuration has several tenants: name the tenant of these jobs with --tenant"
            )
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
        reads_evenly: false,
        tenant: Arc::clone(&tenant.tenant),
        window: tenant.discovery.unwrap_or(DEFAULT_WINDOW),
        jobs: tenant.collect.jobs,
        files: tenant.collect.files,
        workflow_types: Arc::clone(&tenant.workflow_types),
        forget_after,
        rules: Arc::clone(&tenant.feed_rules),
    }
}

fn read_file(flag: &str, file: &Path, records: Records) -> anyhow::Result<Jobs> {
    let reader: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let opened = File::open(file).with_context(|| format!("{flag}: {}", file.display()))?;
        Box::new(BufReader::with_capacity(1 << 16, opened))
    };
    Ok(Box::new(JobsFile::new(reader, records)))
}
