//! The ledger of runs: what is known of each feed, and counters in which
//! every finished run is counted exactly once. Pure; the file it is kept in
//! stands beside it in [`store`].
//!
//! [`crate::refresh`] shows it every job it fetched, [`crate::snapshot`]
//! takes the feeds from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::jobs::{Job, Rows, State};

pub mod store;

/// One feed of one table, as the page shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    /// The table's name.
    pub table: Arc<str>,
    /// The feed's id.
    pub feed: Arc<str>,
    /// The state of the newest run, finished or not.
    pub state: Option<State>,
    /// The start of the newest unfinished run.
    pub running_since: Option<Timestamp>,
    /// The newest finished run.
    pub last_run: Option<LastRun>,
    /// The end of the newest succeeded run.
    pub last_success: Option<Timestamp>,
    /// What was counted.
    pub totals: Totals,
    /// When the counters began.
    pub created: Timestamp,
}

/// The newest finished run of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// Its rows.
    pub rows: Rows,
    /// The number of files it read.
    pub files: u64,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// The counters of a feed. A sum of rows saturates at [`crate::jobs::MAX_COUNT`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Finished runs by final state; every terminal state is present.
    pub runs: BTreeMap<State, u64>,
    /// Rows read.
    pub read: u64,
    /// Rows inserted.
    pub inserted: u64,
    /// Rows updated.
    pub updated: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Rows with an error.
    pub errors: u64,
    /// Sum of the known durations, in milliseconds.
    pub duration_ms: u64,
    /// Runs whose duration is known.
    pub durations: u64,
}

/// What is known of one tenant's feeds and runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {}

impl Ledger {
    /// A ledger that knows nothing: runs that finished before its first
    /// [`observe`](Self::observe) are history and are not counted.
    #[must_use]
    pub fn new() -> Self {
        Self {}
    }

    /// Takes in the jobs of one successful refresh, in any order, however
    /// often each was seen before. `now` is the time by the API's clock.
    pub fn observe<'a>(&mut self, _jobs: impl IntoIterator<Item = &'a Job>, _now: Timestamp) {}

    /// Drops feeds without a run since `horizon`.
    pub fn forget(&mut self, _horizon: Timestamp) {}

    /// Notes that the API does not know an unfinished job any more.
    pub fn gone(&mut self, _job_id: &str) {}

    /// Time the ledger could not cover.
    #[must_use]
    pub fn state_gap(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    /// The feeds, ordered by table and feed.
    #[must_use]
    pub fn feeds(&self) -> Vec<Feed> {
        Vec::new()
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}
