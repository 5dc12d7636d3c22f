//! Runs generated from a seed. A pipeline has one slot per period. Whether a
//! run starts in a slot, when, and how it ends follows from random numbers
//! seeded by pipeline and slot. So the cost of listing a window depends on its
//! own slots only, and only the changes made by tests are stored.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::at;
use super::job::{Job, Outcome, Rows, Table, milliseconds};
use super::workflow::{Attribution, Principal, WorkflowError, WorkflowOutcome, WorkflowRun};
use crate::random::{around, mixed, rng};

/// In milliseconds after the start of a slot.
const LATEST_START: i64 = 600_000;

/// What can go wrong with a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incident {
    /// The run ends with this outcome.
    Ends(Outcome),
    /// The run takes this many times the usual duration.
    Slow(u32),
    /// More than half of the rows are rejected.
    Rejects,
    /// The run does not start, nor does its workflow.
    Absent,
    /// The run does not start, because its workflow fails before.
    FailsBeforeIngest(Attribution),
    /// The workflow fails before the run, somebody retries it, and the run
    /// starts late.
    Retried(Attribution),
}

/// An incident in the slots `first`, `first + every`, … No runs start in the
/// following `slots - 1` slots: a slow run covers them, an absent run lasts
/// that long.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecurringIncident {
    pub(super) incident: Incident,
    pub(super) first: i64,
    pub(super) every: i64,
    pub(super) slots: i64,
}

/// A scheduled workflow that runs an ingest job for one table, or for several
/// tables together.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    pub(super) seed: u64,
    /// The workflow's name and type.
    pub(super) name: String,
    pub(super) workflow_type: &'static str,
    /// Table name, feed id and usual number of rows. Without tables there is no
    /// ingest job.
    pub(super) tables: Vec<(String, String, u64)>,
    /// The start of slot 0 in milliseconds since the epoch. All times here are
    /// in milliseconds.
    pub(super) anchor: i64,
    pub(super) period: i64,
    /// The usual duration.
    pub(super) duration: u64,
    /// The oldest slot.
    pub(super) first_slot: i64,
    pub(super) recurring: Vec<RecurringIncident>,
    /// Incidents of single slots set by tests, with the table's index.
    pub(super) scheduled: BTreeMap<i64, (Incident, usize)>,
    /// Periods in which no run starts.
    pub(super) paused: Vec<Range<i64>>,
}

impl Pipeline {
    /// The runs that start within `window`, in order.
    pub(super) fn runs(&self, window: Range<i64>) -> impl Iterator<Item = Job> {
        let earliest = window.start.saturating_sub(self.retry_delay());
        let slots = self.slots(&(earliest..window.end));
        slots
            .filter(move |slot| window.contains(&self.job_start(*slot)))
            .filter_map(|slot| self.run(slot))
    }

    /// The runs of the workflow that start within `window`, in order.
    pub(super) fn workflow_runs(&self, window: Range<i64>) -> impl Iterator<Item = WorkflowRun> {
        let lead = self.lead();
        let shifted = window.start.saturating_add(lead)..window.end.saturating_add(lead);
        self.workflow_runs_by_slot_start(shifted)
    }

    /// The runs of the workflow in slots that start within `window`.
    pub(super) fn workflow_runs_by_slot_start(
        &self,
        window: Range<i64>,
    ) -> impl Iterator<Item = WorkflowRun> {
        let slots = self.slots(&window);
        slots
            .filter(move |slot| window.contains(&self.start(*slot)))
            .filter_map(|slot| self.workflow_run(slot))
    }

    /// The first slot with a run that starts at `now` or later.
    pub(super) fn next_slot(&self, now: i64) -> Option<i64> {
        let horizon = now.saturating_add(self.period().saturating_mul(10_000));
        self.slots(&(now..horizon))
            .find(|slot| self.start(*slot) - self.lead() >= now && self.has_run(*slot))
    }

    /// The run of a slot, if there is one.
    pub(super) fn run(&self, slot: i64) -> Option<Job> {
        let start = self.job_start(slot);
        let incident = self.incident(slot);
        if !self.has_run(slot) {
            return None;
        }
        let started = at(start);
        let mut rng = self.rng(slot, 1);
        let day = started.strftime("%Y%m%d").to_string();
        // The id contains the second of the day, so that a run can be found
        // by its id.
        let second = start.div_euclid(1000).rem_euclid(24 * 60 * 60);
        let id = format!("isj-{day}-{second:05}-{}", mixed(&mut rng, 6));
        let job = Job::new(id, started).workflow(self.workflow_id(slot));
        let tables = self.tables.iter().zip(0..).zip(0..);
        Some(
            tables.fold(job, |job, (((name, feed, usual), index), turn)| {
                let incident = incident.filter(|(_, affected)| *affected == index);
                let table = Table::new(name.as_str(), feed.as_str())
                    .after(Duration::from_millis(self.duration / 8) * turn);
                job.table(self.table_with_outcome(
                    table,
                    *usual,
                    incident.map(|(incident, _)| incident),
                    &mut rng,
                ))
            }),
        )
    }

    /// The run of the workflow in a slot, if there is one.
    fn workflow_run(&self, slot: i64) -> Option<WorkflowRun> {
        let incident = self.incident(slot).map(|(incident, _)| incident);
        if self.is_paused(slot) || incident == Some(Incident::Absent) {
            return None;
        }
        let lead = Duration::from_millis(self.lead().unsigned_abs());
        let started = at(self.start(slot).saturating_sub(self.lead()));
        let name = self.name.as_str();
        let run = WorkflowRun::new(self.workflow_id(slot), name, self.workflow_type, started);
        let run = run.started_by(principal(slot));
        let outcome = match incident {
            Some(Incident::FailsBeforeIngest(attribution)) => {
                let error = error_before_ingest(attribution);
                return Some(run.lasting(lead).ending(WorkflowOutcome::Failed(error)));
            }
            Some(Incident::Ends(Outcome::Failed)) => {
                WorkflowOutcome::Failed(WorkflowError::error_threshold())
            }
            Some(Incident::Ends(Outcome::Stopped)) => WorkflowOutcome::Stopped,
            Some(Incident::Ends(Outcome::Canceled)) => WorkflowOutcome::Canceled,
            _ => WorkflowOutcome::Succeeded,
        };
        let job_duration = self.run(slot).map_or(self.duration, |job| {
            let ends = job
                .tables
                .iter()
                .map(|table| milliseconds(table.delay + table.duration));
            ends.max().unwrap_or(self.duration)
        });
        let whole = lead * 2 + Duration::from_millis(job_duration);
        let run = match incident {
            Some(Incident::Retried(attribution)) => {
                let error = error_before_ingest(attribution);
                let run = run.lasting(lead).ending(WorkflowOutcome::Failed(error));
                run.resuming_after(Duration::from_millis(self.duration))
            }
            _ => run,
        };
        Some(run.lasting(whole).ending(outcome))
    }

    /// The id contains the second of the day at which the slot starts.
    fn workflow_id(&self, slot: i64) -> String {
        let start = self.start(slot);
        let day = at(start).strftime("%Y%m%d").to_string();
        let second = start.div_euclid(1000).rem_euclid(24 * 60 * 60);
        format!("wf-{day}-{second:05}-{}", mixed(&mut self.rng(slot, 2), 6))
    }

    fn table_with_outcome(
        &self,
        table: Table,
        usual: u64,
        incident: Option<Incident>,
        rng: &mut fastrand::Rng,
    ) -> Table {
        let mut duration = around(rng, self.duration, 12);
        let mut rows = rows(around(rng, usual, 10), rng);
        let files = 1 + usual / 20_000;
        let mut outcome = Outcome::Succeeded;
        match incident {
            Some(Incident::Slow(times)) => duration = duration.saturating_mul(times.into()),
            Some(Incident::Rejects) => rows = rows.mostly_rejected(),
            Some(Incident::Ends(ends)) => {
                outcome = ends;
                rows = rows.cut_short(ends);
            }
            Some(Incident::Absent | Incident::FailsBeforeIngest(_) | Incident::Retried(_))
            | None => {}
        }
        table
            .lasting(Duration::from_millis(duration))
            .ending(outcome)
            .rows(rows)
            .files(files)
    }

    /// Whether a slot has a job.
    fn has_run(&self, slot: i64) -> bool {
        let absent =
            |incident| matches!(incident, Incident::Absent | Incident::FailsBeforeIngest(_));
        let incident = self.incident(slot);
        let is_absent = incident.is_some_and(|(incident, _)| absent(incident));
        !self.tables.is_empty() && !self.is_paused(slot) && !is_absent
    }

    fn is_paused(&self, slot: i64) -> bool {
        let start = self.start(slot);
        self.paused.iter().any(|pause| pause.contains(&start))
    }

    /// The incident of a slot and the index of the table it affects; recurring
    /// incidents affect the first table.
    fn incident(&self, slot: i64) -> Option<(Incident, usize)> {
        let scheduled = self.scheduled.get(&slot).copied();
        scheduled.or_else(|| {
            self.recurring.iter().find_map(|recurring| {
                let since = (slot - recurring.first).rem_euclid(recurring.every.max(1));
                match since {
                    0 => Some((recurring.incident, 0)),
                    since if since < recurring.slots => Some((Incident::Absent, 0)),
                    _ => None,
                }
            })
        })
    }

    /// When the run of a slot starts: at most a twentieth of a period, and ten
    /// minutes, after the start of the slot.
    fn start(&self, slot: i64) -> i64 {
        let latest = (self.period() / 20).min(LATEST_START);
        let delay = self.rng(slot, 0).i64(0..=latest);
        let begin = self.period().saturating_mul(slot);
        self.anchor.saturating_add(begin).saturating_add(delay)
    }

    /// When the job of a slot starts: late if the workflow was retried.
    fn job_start(&self, slot: i64) -> i64 {
        let retried = matches!(self.incident(slot), Some((Incident::Retried(_), _)));
        let delay = if retried { self.retry_delay() } else { 0 };
        self.start(slot).saturating_add(delay)
    }

    /// The time between the start of the workflow and that of its job, in which
    /// files are collected.
    fn lead(&self) -> i64 {
        i64::try_from(self.duration / 10)
            .unwrap_or(i64::MAX)
            .clamp(100, 30_000)
    }

    /// How long after its time a job starts if its workflow is retried.
    fn retry_delay(&self) -> i64 {
        self.lead().saturating_add_unsigned(self.duration)
    }

    fn slots(&self, window: &Range<i64>) -> Range<i64> {
        let slot_of = |time: i64| time.saturating_sub(self.anchor).div_euclid(self.period());
        slot_of(window.start).max(self.first_slot)..slot_of(window.end).saturating_add(1)
    }

    /// At least one second, so that a window has a bounded number of slots.
    fn period(&self) -> i64 {
        self.period.max(1000)
    }

    fn rng(&self, slot: i64, purpose: u64) -> fastrand::Rng {
        rng(&[self.seed, slot.cast_unsigned(), purpose])
    }
}

/// Some runs are started by a person.
fn principal(slot: i64) -> Principal {
    if slot.rem_euclid(4) == 1 {
        Principal::person("socktown")
    } else {
        Principal::schedule()
    }
}

fn error_before_ingest(attribution: Attribution) -> WorkflowError {
    match attribution {
        Attribution::Customer => WorkflowError::missing_file(),
        Attribution::Platform => WorkflowError::service_unavailable(),
    }
}

/// The rows of a successful run: one third is new, 1 % are duplicates, 0.2 %
/// have errors.
fn rows(read: u64, rng: &mut fastrand::Rng) -> Rows {
    let rejected = around(rng, read / 100, 30);
    let errors = around(rng, read / 500, 30);
    let good = read.saturating_sub(rejected + errors);
    let inserted = around(rng, good / 3, 10);
    Rows {
        inserted,
        updated: good - inserted,
        rejected,
        errors,
    }
}

impl Rows {
    fn mostly_rejected(self) -> Self {
        let (inserted, updated) = (self.inserted / 5, self.updated / 5);
        let rejected = self.read() - inserted - updated - self.errors;
        Self {
            inserted,
            updated,
            rejected,
            ..self
        }
    }

    fn cut_short(self, outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => self,
            Outcome::Canceled | Outcome::Skipped => Self::default(),
            Outcome::Failed | Outcome::Stopped => Self {
                inserted: self.inserted / 2,
                updated: self.updated / 3,
                rejected: self.rejected / 2,
                errors: self.errors,
            },
        }
    }
}
