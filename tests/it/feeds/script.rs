//! Random runs of a simulated tenant, and what the counters must be in the end.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use amperity_simulator::{
    Endpoint, FeedTotals, Job, Outcome, Rows, Simulator, Table, WorkflowError, WorkflowOutcome,
    WorkflowRun,
};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use crate::support::process::Process;
use crate::support::{Page, label};

/// Samples by series, as written on a page in text 0.0.4.
pub(crate) type Samples = BTreeMap<String, f64>;

/// The longest run of [`jobs`] that are not slowed down.
pub(crate) const LONGEST: Duration = Duration::from_secs(8);

const STATES: [&str; 5] = ["canceled", "failed", "skipped", "stopped", "succeeded"];

/// Jobs of eight pipelines of one to three feeds each, which start within
/// `started`: every one to five seconds, most of them short, some longer than
/// the time to the next, with every outcome and any number of rows. Every time is
/// `slower` times as long.
pub(crate) fn jobs(dice: &mut Rng, started: Range<Timestamp>, slower: u32) -> Vec<Job> {
    let factor = i64::from(slower);
    let mut jobs = Vec::new();
    for pipeline in 0..8_usize {
        let feeds = dice.usize(1..=3);
        let period = dice.i64(1000..5000) * factor;
        let mut start = later(started.start, dice.i64(0..period));
        while start < started.end {
            let id = format!("isj-{}-{pipeline}-{}", start.as_millisecond(), jobs.len());
            let job = (0..feeds).fold(Job::new(id, start), |job, feed| {
                job.table(table(dice, pipeline, feed, slower))
            });
            jobs.push(job);
            start = later(start, dice.i64(period / 2..period * 3 / 2));
        }
    }
    jobs
}

/// Runs of three workflows, which start within `started`: with every outcome, and
/// from `retried_from` on some that go on after they failed. Every time is `slower`
/// times as long.
pub(crate) fn workflow_runs(
    dice: &mut Rng,
    started: Range<Timestamp>,
    retried_from: Timestamp,
    slower: u32,
) -> Vec<WorkflowRun> {
    let factor = i64::from(slower);
    let duration = |dice: &mut Rng| Duration::from_millis(dice.u64(50..1500)) * slower;
    let mut runs = Vec::new();
    for workflow in 0..3 {
        let mut start = later(started.start, dice.i64(0..3000) * factor);
        while start < started.end {
            let id = format!("wf-{}-{workflow}", start.as_millisecond());
            let name = format!("workflow {workflow}");
            let run = WorkflowRun::new(id, name, "courier.group/run", start);
            let run = run.lasting(duration(dice));
            let failed = WorkflowOutcome::Failed(WorkflowError::missing_file());
            runs.push(match dice.u8(..10) {
                0 => run.ending(failed),
                1 => run.ending(WorkflowOutcome::Stopped),
                2 => run.ending(WorkflowOutcome::Canceled),
                3..5 if start >= retried_from => run
                    .ending(failed)
                    .resuming_after(duration(dice))
                    .lasting(duration(dice)),
                _ => run,
            });
            start = later(start, dice.i64(500..4000) * factor);
        }
    }
    runs
}

fn table(dice: &mut Rng, pipeline: usize, feed: usize, slower: u32) -> Table {
    let longest = if dice.u8(..10) == 0 { 7000 } else { 1500 };
    let outcome = match dice.u8(..20) {
        0 => Outcome::Failed,
        1 => Outcome::Stopped,
        2 => Outcome::Canceled,
        3 => Outcome::Skipped,
        _ => Outcome::Succeeded,
    };
    let rows = Rows {
        inserted: dice.u64(..500),
        updated: dice.u64(..500),
        rejected: dice.u64(..50),
        errors: dice.u64(..5),
    };
    Table::new(format!("table {pipeline}"), format!("df-{pipeline}-{feed}"))
        .after(Duration::from_millis(dice.u64(..1000)) * slower)
        .lasting(Duration::from_millis(dice.u64(50..longest)) * slower)
        .ending(outcome)
        .rows(rows)
}

/// What all counters of a tenant's feeds and workflows must be once everything
/// that was scripted has finished and was counted: all runs but those that were
/// history when the first list was answered.
pub(crate) fn truth(simulator: &Simulator, tenant: &str) -> Samples {
    let log = simulator.log();
    let first_list = |endpoint: Endpoint| {
        let first = log.iter().find(|entry| {
            let listed = entry.endpoint == Some(endpoint) && entry.status == Some(200);
            listed && *entry.tenant == *tenant
        });
        first.expect("a list was answered").at
    };
    let first = first_list(Endpoint::IngestJobs);
    let always = Timestamp::UNIX_EPOCH..Timestamp::MAX;
    let history = simulator.feed_totals(tenant, always.clone(), first);
    let mut samples = Samples::new();
    for ((table, feed), all) in simulator.feed_totals(tenant, always, Timestamp::MAX) {
        let before = history.get(&(table.clone(), feed.clone()));
        let before = before.cloned().unwrap_or_default();
        let labels = format!("tenant=\"{tenant}\",table=\"{table}\",feed=\"{feed}\"");
        enter(&mut samples, &labels, &all, &before);
    }
    let ended = |by: Timestamp| {
        let always = Timestamp::UNIX_EPOCH..Timestamp::MAX;
        let totals = simulator.workflow_totals(tenant, always, by).into_iter();
        let runs = totals.map(|((name, _), totals)| (name, totals.runs.into_values().sum::<u64>()));
        runs.collect::<BTreeMap<_, _>>()
    };
    let history = ended(first_list(Endpoint::WorkflowRuns));
    for (name, runs) in ended(Timestamp::MAX) {
        let counted = runs - history.get(&name).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "far less than 2^53")]
        samples.insert(workflow_series(tenant, &name), counted as f64);
    }
    samples
}

#[expect(clippy::cast_precision_loss, reason = "far less than 2^53")]
fn enter(samples: &mut Samples, labels: &str, all: &FeedTotals, before: &FeedTotals) {
    let mut runs = 0;
    for state in STATES {
        let of = |tally: &FeedTotals| tally.runs.get(state).copied().unwrap_or_default();
        let counted = of(all) - of(before);
        runs += counted;
        let series = format!("amperity_feed_runs_total{{{labels},state=\"{state}\"}}");
        samples.insert(series, counted as f64);
    }
    let duration_ms = all.duration_ms - before.duration_ms;
    let (all, before) = (all.counts, before.counts);
    let counters = [
        ("read_rows_total", all.read - before.read),
        (
            "inserted_rows_total",
            all.rows.inserted - before.rows.inserted,
        ),
        ("updated_rows_total", all.rows.updated - before.rows.updated),
        (
            "rejected_rows_total",
            all.rows.rejected - before.rows.rejected,
        ),
        ("error_rows_total", all.rows.errors - before.rows.errors),
        ("run_duration_seconds_count", runs),
    ];
    for (name, value) in counters {
        samples.insert(format!("amperity_feed_{name}{{{labels}}}"), value as f64);
    }
    let series = format!("amperity_feed_run_duration_seconds_sum{{{labels}}}");
    samples.insert(series, duration_ms as f64 / 1000.0);
}

/// Finished runs of a workflow, in any state: one that fails and goes on while
/// the exporter is down is first seen in its last state.
fn workflow_series(tenant: &str, name: &str) -> String {
    format!("runs of {name} of {tenant}")
}

/// The counters of all feeds and workflows on a page.
pub(crate) fn counters(page: &Page) -> Samples {
    let counters = page.0.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, _) = series.split_once('{')?;
        let counts = ["_total", "_sum", "_count"]
            .iter()
            .any(|end| name.ends_with(end));
        let is_one = name.starts_with("amperity_feed_") && counts;
        is_one.then(|| (series.to_owned(), value.parse().unwrap()))
    });
    let mut counters: Samples = counters.collect();
    for (labels, runs) in page.family("amperity_workflow_runs_total") {
        let series = workflow_series(&label(&labels, "tenant"), &label(&labels, "workflow"));
        *counters.entry(series).or_default() += runs;
    }
    counters
}

/// `time`, this many milliseconds later.
pub(crate) fn later(time: Timestamp, milliseconds: i64) -> Timestamp {
    time + SignedDuration::from_millis(milliseconds)
}

/// Watches that no counter ever falls.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) scrapes: usize,
    /// The highest value seen of each counter.
    highest: Samples,
}

impl Watch {
    pub(crate) fn check(&mut self, seen: Samples) -> Samples {
        self.scrapes += 1;
        for (series, value) in &seen {
            let highest = self.highest.entry(series.clone()).or_insert(*value);
            assert!(value >= highest, "{series} fell from {highest} to {value}");
            *highest = *value;
        }
        seen
    }

    /// Scrapes until the counters have the expected values.
    pub(crate) async fn until_counters_are(
        &mut self,
        expected: &Samples,
        process: &Process,
        limit: Duration,
    ) {
        let deadline = Instant::now() + limit;
        loop {
            let seen = self.check(counters(&process.page().await));
            if seen == *expected {
                return;
            }
            if Instant::now() > deadline {
                let differs = |(series, value): &(&String, &f64)| seen.get(*series) != Some(*value);
                let expected: Vec<_> = expected.iter().filter(differs).collect();
                panic!("expected {expected:#?}, seen {seen:#?}");
            }
            sleep(Duration::from_millis(200)).await;
        }
    }
}

pub(crate) fn sum(samples: &Samples, family: &str) -> f64 {
    let of_family = samples
        .iter()
        .filter(|(series, _)| series.starts_with(family));
    of_family.map(|(_, value)| value).sum()
}

/// The number in a variable of the environment, if it is set.
pub(crate) fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap())
}
