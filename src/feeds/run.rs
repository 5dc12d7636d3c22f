//! One finished run of a feed.

use std::sync::Arc;

use jiff::Timestamp;

use crate::jobs::{Rows, State, duration_ms};

/// One finished run of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The id of its job.
    pub job: Arc<str>,
    /// Its place in the order of runs: the later of its two times, else the
    /// latest time of its job, else when it was last seen.
    pub ordered_at: Timestamp,
    /// When it started, if the API said so.
    pub started_at: Option<Timestamp>,
    /// When it ended, if the API said so.
    pub ended_at: Option<Timestamp>,
    /// Its final state, if the API gave one.
    pub state: Option<State>,
    /// Its rows.
    pub rows: Rows,
    /// The number of files it read.
    pub files: u64,
    /// The workflow that ran its job.
    pub workflow_id: Option<Arc<str>>,
}

impl Run {
    /// Whether it succeeded.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.state == Some(State::Succeeded)
    }

    /// Whether it counts as a failure. A run that was skipped had nothing to
    /// do, which is neither a success nor a failure.
    #[must_use]
    pub fn failed(&self) -> bool {
        !matches!(self.state, Some(State::Succeeded | State::Skipped))
    }

    /// Milliseconds from start to end; `None` if either is unknown or the end
    /// lies before the start.
    #[must_use]
    pub fn duration_ms(&self) -> Option<u64> {
        duration_ms(self.started_at, self.ended_at)
    }

    /// The order of finished runs: by end, then start, then job id.
    pub(super) fn order(&self) -> (Timestamp, Option<Timestamp>, &str) {
        (self.ordered_at, self.started_at, &self.job)
    }
}
