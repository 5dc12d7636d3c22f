//! Runs that follow from a seed. A pipeline has a slot per period; whether a
//! run starts in it, when exactly and what becomes of it is thrown with dice
//! named after pipeline and slot. So any window of any length can be listed
//! at the cost of its own slots, and nothing is remembered but what a test
//! changed by hand.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::at;
use super::job::{Job, Outcome, Rows, Table};
use crate::chance::{around, dice, digits, lower, mixed};

/// What can happen to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incident {
    /// The run ends in another way than succeeded.
    Ends(Outcome),
    /// The run takes so many times the usual.
    Slow(u32),
    /// More than half of the rows are rejected.
    Rejects,
    /// The run does not come at all.
    Absent,
}

/// An incident that comes again and again: in the slots `first`,
/// `first + every`, … and, for [`Incident::Absent`], the following ones up to
/// `slots`. A slow run leaves out the rest of its `slots`, which it covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recurring {
    pub(super) incident: Incident,
    pub(super) first: i64,
    pub(super) every: i64,
    pub(super) slots: i64,
}

/// What loads one table or some that are loaded together.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    pub(super) seed: u64,
    /// Table name, feed id and usual number of rows.
    pub(super) tables: Vec<(String, String, u64)>,
    /// Slot 0 begins here; milliseconds since the epoch, as all that follows.
    pub(super) anchor: i64,
    pub(super) period: i64,
    /// The usual duration.
    pub(super) duration: u64,
    /// The first slot there is; history begins with it.
    pub(super) first_slot: i64,
    pub(super) recurring: Vec<Recurring>,
    /// What a test ordered for single slots, and for which of the tables.
    pub(super) ordered: BTreeMap<i64, (Incident, usize)>,
    /// While no run may start; milliseconds.
    pub(super) held_back: Vec<Range<i64>>,
}

impl Pipeline {
    /// The runs that start within `window`, in this order.
    pub(super) fn runs(&self, window: Range<i64>) -> impl Iterator<Item = Job> {
        let slots = self.slots(&window);
        slots
            .filter(move |slot| window.contains(&self.start(*slot)))
            .filter_map(|slot| self.run(slot))
    }

    /// The first slot whose run starts at `now` or later and is not left out.
    pub(super) fn next_slot(&self, now: i64) -> Option<i64> {
        let horizon = now.saturating_add(self.period().saturating_mul(10_000));
        self.slots(&(now..horizon))
            .find(|slot| self.start(*slot) >= now && self.comes(*slot))
    }

    /// The run of a slot, if it comes.
    pub(super) fn run(&self, slot: i64) -> Option<Job> {
        let start = self.start(slot);
        let incident = self.incident(slot);
        if !self.comes(slot) {
            return None;
        }
        let started = at(start);
        let mut dice = self.dice(slot, 1);
        let day = started.strftime("%Y%m%d").to_string();
        // The second of the day is part of the id: so an id says where to
        // look for its run.
        let second = start.div_euclid(1000).rem_euclid(24 * 60 * 60);
        let id = format!("isj-{day}-{second:05}-{}", mixed(&mut dice, 6));
        let workflow = format!("wf-{day}-{}-{}", digits(&mut dice, 4), lower(&mut dice, 3));
        let job = Job::new(id, started).workflow(workflow);
        let tables = self.tables.iter().zip(0..).zip(0..);
        Some(
            tables.fold(job, |job, (((name, feed, usual), index), turn)| {
                let incident = incident.filter(|(_, met)| *met == index);
                let table = Table::new(name.as_str(), feed.as_str())
                    .after(Duration::from_millis(self.duration / 8) * turn);
                job.table(self.fate(
                    table,
                    *usual,
                    incident.map(|(incident, _)| incident),
                    &mut dice,
                ))
            }),
        )
    }

    fn fate(
        &self,
        table: Table,
        usual: u64,
        incident: Option<Incident>,
        dice: &mut fastrand::Rng,
    ) -> Table {
        let mut duration = around(dice, self.duration, 12);
        let mut rows = rows(around(dice, usual, 10), dice);
        let files = 1 + usual / 20_000;
        let mut ending = Outcome::Succeeded;
        match incident {
            Some(Incident::Slow(times)) => duration = duration.saturating_mul(times.into()),
            Some(Incident::Rejects) => rows = rows.mostly_rejected(),
            Some(Incident::Ends(outcome)) => {
                ending = outcome;
                rows = rows.cut_short(outcome);
            }
            Some(Incident::Absent) | None => {}
        }
        table
            .lasting(Duration::from_millis(duration))
            .ending(ending)
            .rows(rows)
            .files(files)
    }

    /// Whether the run of a slot comes at all.
    fn comes(&self, slot: i64) -> bool {
        let start = self.start(slot);
        let held_back = self.held_back.iter().any(|held| held.contains(&start));
        !held_back && !matches!(self.incident(slot), Some((Incident::Absent, _)))
    }

    /// What happens to the run of a slot, and to which of its tables; of the
    /// recurring troubles it is the first one, and the others come through.
    fn incident(&self, slot: i64) -> Option<(Incident, usize)> {
        let ordered = self.ordered.get(&slot).copied();
        ordered.or_else(|| {
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

    /// When the run of a slot starts: up to a twentieth of a period after the
    /// slot's begin.
    fn start(&self, slot: i64) -> i64 {
        let late = self.dice(slot, 0).i64(0..=self.period() / 20);
        let begin = self.period().saturating_mul(slot);
        self.anchor.saturating_add(begin).saturating_add(late)
    }

    fn slots(&self, window: &Range<i64>) -> Range<i64> {
        let slot_of = |time: i64| time.saturating_sub(self.anchor).div_euclid(self.period());
        slot_of(window.start).max(self.first_slot)..slot_of(window.end).saturating_add(1)
    }

    /// At least a second, so that a window always has an end.
    fn period(&self) -> i64 {
        self.period.max(1000)
    }

    fn dice(&self, slot: i64, purpose: u64) -> fastrand::Rng {
        dice(&[self.seed, slot.cast_unsigned(), purpose])
    }
}

/// A good run's rows: a third is new, one in a hundred is a duplicate, two in
/// a thousand are broken.
fn rows(read: u64, dice: &mut fastrand::Rng) -> Rows {
    let rejected = around(dice, read / 100, 30);
    let errors = around(dice, read / 500, 30);
    let good = read.saturating_sub(rejected + errors);
    let inserted = around(dice, good / 3, 10);
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
