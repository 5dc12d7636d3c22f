//! One run as one answer shows it, with the times the ledger judges it by.
//! [`super::account`] takes it in.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::LastRun;
use crate::jobs::{Job, Table};

/// How far a time may lie in the future and still be believed: clocks differ,
/// and a refresh takes a while.
const TOLERANCE: SignedDuration = SignedDuration::from_hours(1);

/// The times of a whole job, for tables that have none.
#[derive(Clone, Copy, Debug)]
pub(super) struct JobTimes {
    start: Option<Timestamp>,
    latest: Option<Timestamp>,
}

/// One run as one answer shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting<'a> {
    pub(super) job: &'a Arc<str>,
    pub(super) table: &'a Table,
    /// When it started, if that can be believed.
    pub(super) start: Option<Timestamp>,
    /// When it ended at the latest, if that can be believed.
    pub(super) end: Option<Timestamp>,
    /// The same, believable or not.
    told_end: Option<Timestamp>,
    pub(super) now: Timestamp,
}

impl JobTimes {
    pub(super) fn new(job: &Job) -> Self {
        let tables = job.tables.iter();
        Self {
            start: job.started_at(),
            latest: tables.filter_map(latest_time).max(),
        }
    }
}

impl<'a> Sighting<'a> {
    pub(super) fn new(job: &'a Job, table: &'a Table, times: JobTimes, now: Timestamp) -> Self {
        let believed = |time: &Timestamp| time.duration_since(now) <= TOLERANCE;
        let told_end = latest_time(table).or(times.latest);
        Self {
            job: &job.id,
            table,
            start: table.started_at.or(times.start).filter(believed),
            end: told_end.filter(believed),
            told_end,
            now,
        }
    }

    /// Whether it ended before `time`, as far as it can be told.
    pub(super) fn ended_before(&self, time: Timestamp) -> bool {
        self.told_end.is_some_and(|end| end < time)
    }

    pub(super) fn last_run(&self) -> LastRun {
        LastRun {
            rows: self.table.rows,
            files: self.table.files.len() as u64,
            started_at: self.table.started_at,
            ended_at: self.table.ended_at,
        }
    }
}

/// The later of a table's two times.
fn latest_time(table: &Table) -> Option<Timestamp> {
    table.started_at.max(table.ended_at)
}
