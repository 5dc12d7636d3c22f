//! A feed as the page shows it, and what identifies it.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Failures, Run, Totals};
use crate::config::FeedRule;
use crate::expectations::Expected;
use crate::jobs::{State, Table};

/// A feed of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId {
    /// The table's name.
    pub table: Arc<str>,
    /// The feed's id.
    pub feed: Arc<str>,
}

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
    pub last_run: Option<Arc<Run>>,
    /// The latest finished runs, oldest first: the last 20, preceded by some
    /// unsuccessful ones.
    pub recent_runs: Arc<[Arc<Run>]>,
    /// The end of the newest succeeded run.
    pub last_success: Option<Timestamp>,
    /// Failed, stopped and canceled runs since the newest succeeded one.
    pub failures_since_success: u64,
    /// What is expected of it.
    pub expected: Expected,
    /// What a person knows about it, by `feeds.expect`.
    pub rule: Option<Arc<FeedRule>>,
    /// What was counted.
    pub totals: Totals,
    /// Why runs failed; empty for a feed.
    pub failures: Failures,
    /// When the counters began.
    pub created: Timestamp,
}

impl FeedId {
    pub(crate) fn new(table: &Arc<str>, feed: &Arc<str>) -> Self {
        Self {
            table: Arc::clone(table),
            feed: Arc::clone(feed),
        }
    }

    pub(super) fn of(table: &Table) -> Self {
        Self::new(&table.table, &table.feed)
    }
}
