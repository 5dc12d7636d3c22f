//! The jobs of a tenant as they were at each time.

use std::iter::Peekable;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::jobs_file::first_time;
use crate::clock::before;
use crate::jobs::{Files, Job, Rows, State, Table};

/// A job that has begun, and what is visible of it.
struct Begun {
    /// As it was when it had finished.
    job: Arc<Job>,
    shown: Arc<Job>,
    /// When there is more to see; `None` if never.
    changes_at: Option<Timestamp>,
}

/// The jobs or workflow runs of a tenant at each time, from one pass over them.
pub(super) struct JobsInTime<I: Iterator> {
    upcoming: Peekable<I>,
    begun: Vec<Begun>,
    /// How long a job stays once it is over.
    window: Duration,
    /// Whether unfinished tables are taken to read their rows evenly.
    reads_evenly: bool,
}

impl<E, I: Iterator<Item = Result<Job, E>>> JobsInTime<I> {
    /// `jobs` in the order in which they started.
    pub(super) fn new(jobs: I, window: Duration, reads_evenly: bool) -> Self {
        Self {
            upcoming: jobs.peekable(),
            begun: Vec::new(),
            window,
            reads_evenly,
        }
    }

    /// When the first job started.
    pub(super) fn first(&mut self) -> Result<Option<Timestamp>, E> {
        if let Some(Err(error)) = self.upcoming.next_if(Result::is_err) {
            return Err(error);
        }
        let first = self.upcoming.peek().and_then(|job| job.as_ref().ok());
        Ok(first.and_then(first_time))
    }

    /// Whether nothing will change any more.
    pub(super) fn is_over(&mut self) -> bool {
        self.upcoming.peek().is_none() && self.begun.iter().all(|begun| begun.changes_at.is_none())
    }

    /// Advances to a later time. Returns the jobs that have changed since, and
    /// those that are unfinished.
    pub(super) fn advance(&mut self, now: Timestamp) -> Result<Vec<Arc<Job>>, E> {
        let horizon = before(now, self.window);
        self.begun
            .retain(|begun| !begun.shown.is_finished() || first_time(&begun.job) >= Some(horizon));
        let mut changed = Vec::new();
        for begun in &mut self.begun {
            let is_different = |at| self.reads_evenly || at <= now;
            if begun.changes_at.is_some_and(is_different) {
                (begun.shown, begun.changes_at) = as_of(&begun.job, now, self.reads_evenly);
                changed.push(Arc::clone(&begun.shown));
            } else if !begun.shown.is_finished() {
                changed.push(Arc::clone(&begun.shown));
            }
        }
        let has_begun = |job: &Result<Job, E>| {
            job.as_ref().map_or(true, |job| {
                first_time(job).is_some_and(|start| start <= now)
            })
        };
        while let Some(job) = self.upcoming.next_if(has_begun) {
            let job = Arc::new(job?);
            let (shown, changes_at) = as_of(&job, now, self.reads_evenly);
            changed.push(Arc::clone(&shown));
            self.begun.push(Begun {
                job,
                shown,
                changes_at,
            });
        }
        Ok(changed)
    }

    /// The jobs on the page, ordered by id.
    pub(super) fn shown(&self) -> Vec<Arc<Job>> {
        let mut jobs: Vec<_> = self
            .begun
            .iter()
            .map(|begun| Arc::clone(&begun.shown))
            .collect();
        jobs.sort_by(|one, two| one.id.cmp(&two.id));
        jobs
    }
}

/// A job as it was at a time, and when it changed next.
fn as_of(job: &Arc<Job>, now: Timestamp, reads_evenly: bool) -> (Arc<Job>, Option<Timestamp>) {
    let last = job
        .tables
        .iter()
        .filter_map(|table| table.ended_at.max(table.started_at))
        .max();
    let mut next: Option<Timestamp> = None;
    let mut is_final = true;
    let tables = job.tables.iter().map(|table| {
        // What ended without a time had ended by the time the job was over.
        let end = table.finished.then(|| table.ended_at.or(last)).flatten();
        let start = table.started_at.or(end);
        let changes = [start, end].into_iter().flatten().filter(|at| *at > now);
        next = next.into_iter().chain(changes).min();
        if end.is_some_and(|end| end <= now) {
            return table.clone();
        }
        is_final = false;
        let mut shown = unfinished(table, start.is_some_and(|start| start <= now));
        if reads_evenly {
            shown.rows.read = read_by(table, now);
        }
        shown
    });
    let tables: Vec<Table> = tables.collect();
    if is_final {
        return (Arc::clone(job), None);
    }
    let shown = Job {
        id: Arc::clone(&job.id),
        workflow_id: job.workflow_id.clone(),
        tables,
        merged: job.merged,
        failure: None,
    };
    (Arc::new(shown), next)
}

/// The rows that a table has read by `now` if it reads them evenly.
fn read_by(table: &Table, now: Timestamp) -> Option<u64> {
    let (start, end) = table.started_at.zip(table.ended_at)?;
    let milliseconds = |time: Timestamp| time.duration_since(start).as_millis();
    let (passed, all) = (milliseconds(now), milliseconds(end).max(1));
    let read = i128::from(table.rows.read?) * passed.clamp(0, all) / all;
    u64::try_from(read).ok()
}

/// A table before its end. Its progress at that time is not known.
fn unfinished(table: &Table, started: bool) -> Table {
    let state = if started {
        State::Running
    } else {
        State::Scheduled
    };
    Table {
        table: Arc::clone(&table.table),
        feed: Arc::clone(&table.feed),
        state: Some(state),
        finished: false,
        rows: Rows::default(),
        started_at: table.started_at.filter(|_| started),
        ended_at: None,
        files: Files::default(),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn an_unfinished_table_may_read_its_rows_evenly() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let table = Table {
            table: "Orders".into(),
            feed: "df-1".into(),
            state: Some(State::Succeeded),
            finished: true,
            rows: Rows {
                read: Some(1_000),
                ..Rows::default()
            },
            started_at: Some(at(0)),
            ended_at: Some(at(100)),
            files: Files::default(),
        };
        let job = Job {
            tables: vec![table],
            ..Job::default()
        };
        for (reads_evenly, expected) in [
            (true, [Some(0), Some(250), Some(1_000)]),
            (false, [None, None, Some(1_000)]),
        ] {
            let jobs = std::iter::once(Ok::<_, Infallible>(job.clone()));
            let mut jobs = JobsInTime::new(jobs, Duration::from_hours(1), reads_evenly);
            let read = [0, 25, 100].map(|second| {
                let Ok(changed) = jobs.advance(at(second));
                changed[0].tables[0].rows.read
            });
            assert_eq!(read, expected);
        }
    }
}
