//! One run as one answer shows it, with the times it is judged by.
//! [`super::record`] takes it in.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Run;
use crate::jobs::{Job, Table};

/// How far in the future a time may be and still be plausible: clocks differ,
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
pub(super) struct ObservedRun<'a> {
    pub(super) job: &'a Job,
    pub(super) table: &'a Table,
    /// When it started, if that is plausible.
    pub(super) start: Option<Timestamp>,
    /// When it ended at the latest, if that is plausible.
    pub(super) end: Option<Timestamp>,
    /// The same, plausible or not.
    stated_end: Option<Timestamp>,
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

impl<'a> ObservedRun<'a> {
    pub(super) fn new(job: &'a Job, table: &'a Table, times: JobTimes, now: Timestamp) -> Self {
        let believable = |time: &Timestamp| time.duration_since(now) <= TOLERANCE;
        let stated_end = latest_time(table).or(times.latest);
        Self {
            job,
            table,
            start: table.started_at.or(times.start).filter(believable),
            end: stated_end.filter(believable),
            stated_end,
            now,
        }
    }

    /// The id of its job.
    pub(super) fn id(&self) -> &'a Arc<str> {
        &self.job.id
    }

    /// Its job, table and feed.
    pub(super) fn key(&self) -> (&'a str, &'a str, &'a str) {
        (&self.job.id, &self.table.table, &self.table.feed)
    }

    /// Whether it ended before `time`, as far as its times say.
    pub(super) fn ended_before(&self, time: Timestamp) -> bool {
        self.stated_end.is_some_and(|end| end < time)
    }

    /// Its place in the order of finished runs.
    pub(super) fn ordered_at(&self) -> Timestamp {
        self.end.unwrap_or(self.now)
    }

    /// The run, if it is finished.
    pub(super) fn run(&self) -> Run {
        Run {
            job: Arc::clone(&self.job.id),
            ordered_at: self.ordered_at(),
            started_at: self.table.started_at,
            ended_at: self.table.ended_at,
            state: self.table.state.clone(),
            rows: self.table.rows,
            files: self.table.files.count,
            workflow_id: self.job.workflow_id.clone(),
        }
    }
}

/// The later of a table's two times.
fn latest_time(table: &Table) -> Option<Timestamp> {
    table.started_at.max(table.ended_at)
}
