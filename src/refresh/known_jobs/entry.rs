//! What is known of one job.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::before;
use crate::jobs::{Job, State};
use crate::telemetry::Reason;

/// For this long after its end a job that did not succeed is watched: people
/// retry such jobs, and they run again under the same id.
const RETRY_WATCH: Duration = Duration::from_hours(2);

/// One job.
#[derive(Clone, Debug, Default)]
pub(in crate::refresh) struct Entry {
    /// The last good answer.
    pub(in crate::refresh) job: Option<Arc<Job>>,
    /// Whether the configuration names it.
    pub(in crate::refresh) configured: bool,
    /// Whether it was unfinished when the exporter last stopped, and is
    /// requested until its end is known.
    pub(super) followed: bool,
    /// When an answer first named it.
    pub(super) first_seen: Option<Timestamp>,
    /// When it was last requested or listed, successfully or not.
    pub(in crate::refresh) requested_at: Option<Timestamp>,
    /// Why the last request failed.
    pub(in crate::refresh) failure: Option<Reason>,
    /// When the first one failed since the last good answer.
    pub(super) failing_since: Option<Timestamp>,
}

impl Entry {
    /// Whether it is finished and the last request was answered.
    pub(in crate::refresh) fn is_settled(&self) -> bool {
        self.failure.is_none() && self.job.as_ref().is_some_and(|job| job.is_finished())
    }

    /// Whether it is known, or will be once it was requested.
    pub(super) fn is_expected(&self) -> bool {
        self.job.is_some() || self.configured || self.followed
    }

    /// Its age: by its start, or else by when it was first seen.
    pub(super) fn start(&self) -> Option<Timestamp> {
        let job = self.job.as_ref();
        job.and_then(|job| job.started_at()).or(self.first_seen)
    }

    /// Whether it did not succeed and ended lately, so that somebody may retry
    /// it.
    pub(in crate::refresh) fn may_be_retried(&self, now: Timestamp) -> bool {
        let Some(job) = &self.job else { return false };
        let failed =
            |state: &State| matches!(state, State::Failed | State::Stopped | State::Canceled);
        let mut states = job.tables.iter().filter_map(|table| table.state.as_ref());
        let watched_from = before(now, RETRY_WATCH);
        job.ended_at().is_some_and(|end| end >= watched_from) && states.any(failed)
    }

    /// The start of a job that is not finished, or may be retried.
    pub(super) fn open_start(&self, now: Timestamp) -> Option<Timestamp> {
        let job = self.job.as_ref()?;
        let is_open = !job.is_finished() || self.may_be_retried(now);
        job.started_at().filter(|_| is_open)
    }

    /// The time that says how old it is: the end of a finished job, the start
    /// of a running one. If neither is plausible, when it was first seen.
    pub(super) fn dated(&self, now: Timestamp) -> Option<Timestamp> {
        let job = self.job.as_ref()?;
        let date = job.ended_at().or(job.started_at());
        date.filter(|date| *date <= now).or(self.first_seen)
    }

    pub(super) fn answered(&mut self, job: Job, now: Timestamp) -> Arc<Job> {
        self.first_seen.get_or_insert(now);
        self.requested_at = Some(now);
        self.failure = None;
        self.failing_since = None;
        match &self.job {
            // The same allocation says that nothing changed.
            Some(known) if **known == job => Arc::clone(known),
            _ => Arc::clone(self.job.insert(Arc::new(job))),
        }
    }
}
