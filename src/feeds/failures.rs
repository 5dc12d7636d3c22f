//! The failures of a workflow, by attribution, and the latest one.

use std::sync::Arc;

use super::Run;
use crate::jobs::{Attribution, MAX_COUNT, WorkflowFailure};

/// The failures of a workflow; empty for a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    counts: [u64; Attribution::ALL.len()],
    /// The run that failed last.
    pub(super) latest: Option<Arc<FailedRun>>,
}

/// A run that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRun {
    /// The run's id.
    pub run: Arc<str>,
    /// Why it failed.
    pub failure: WorkflowFailure,
}

impl Failures {
    /// Failed runs of an attribution, each counted once.
    #[must_use]
    pub fn count(&self, attribution: Attribution) -> u64 {
        self.counts[attribution as usize]
    }

    /// The failure of a run, if it is the latest one.
    #[must_use]
    pub fn of_run(&self, run: &str) -> Option<&WorkflowFailure> {
        let latest = self.latest.as_ref().filter(|latest| *latest.run == *run);
        latest.map(|latest| &latest.failure)
    }

    /// The same without the counts.
    pub(crate) fn uncounted(&self) -> Self {
        Self {
            latest: self.latest.clone(),
            ..Self::default()
        }
    }

    pub(super) fn set_count(&mut self, attribution: Attribution, count: u64) {
        self.counts[attribution as usize] = count;
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Counts a run.
    pub(super) fn add(&mut self, failure: &WorkflowFailure) {
        let count = &mut self.counts[failure.attribution as usize];
        *count = count.saturating_add(1).min(MAX_COUNT);
    }

    /// Whether a failure says something about a run that was not known. An
    /// answer without an error does not replace one with an error.
    pub(super) fn is_news(&self, run: &Run, failure: &WorkflowFailure) -> bool {
        let known = self.of_run(&run.job);
        known.is_none_or(|known| known != failure && !failure.is_unexplained())
    }

    /// Notes why a run failed.
    pub(super) fn note(&mut self, run: &Run, failure: &WorkflowFailure) {
        self.latest = Some(Arc::new(FailedRun {
            run: Arc::clone(&run.job),
            failure: failure.clone(),
        }));
    }
}
