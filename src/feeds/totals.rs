//! The counters of a feed, and how a run is added to them.

use std::collections::BTreeMap;

use super::Run;
use crate::jobs::{MAX_COUNT, State};
use crate::telemetry::NativeHistogram;

/// Final states of a feed that have a counter of their own. Each of them is a
/// series that never ends, and the API could send any number.
const MAX_STATES: usize = 20;

/// The counters of a feed. A sum saturates at [`crate::jobs::MAX_COUNT`].
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Their durations in seconds.
    pub duration_histogram: NativeHistogram,
}

impl Totals {
    /// Adds a run that was not counted before.
    pub(super) fn count(&mut self, run: &Run) {
        self.count_outcome(run);
        self.count_amounts(None, run);
        if let Some(duration) = run.duration_ms() {
            self.count_duration(duration);
        }
    }

    /// Adds what a finished run has more than it was counted with.
    /// `ended_again` says whether it resumed and then ended another time.
    pub(super) fn count_growth(&mut self, counted: &Run, now: &Run, ended_again: bool) {
        let outcome = ended_again && counted.state != now.state && !counted.succeeded();
        if outcome {
            self.count_outcome(now);
        }
        if let Some(duration) = now.duration_ms()
            && (outcome || counted.duration_ms().is_none())
        {
            self.count_duration(duration - counted.duration_ms().unwrap_or(0).min(duration));
        }
        self.count_amounts(Some(counted), now);
    }

    fn count_duration(&mut self, milliseconds: u64) {
        if self.durations < MAX_COUNT {
            self.durations += 1;
            self.duration_histogram.observe(seconds(milliseconds));
        }
    }

    /// Makes the histogram have as many values as were counted. Those of which
    /// only the sum is known, since an earlier version counted them, are taken
    /// to have the mean duration.
    pub(super) fn complete_histogram(&mut self) {
        let mean = seconds(self.duration_ms.checked_div(self.durations).unwrap_or(0));
        let known = self.duration_histogram.count();
        if known > self.durations {
            self.duration_histogram = NativeHistogram::default();
        }
        let known = self.duration_histogram.count();
        self.duration_histogram.add(mean, self.durations - known);
    }

    fn count_outcome(&mut self, run: &Run) {
        // A run that ended without a state is counted, too: the sum over all
        // states is the number of runs.
        let mut state = run.state.clone().unwrap_or_else(unknown);
        if self.runs.len() >= MAX_STATES && !self.runs.contains_key(&state) {
            state = unknown();
        }
        add(self.runs.entry(state).or_default(), Some(1));
    }

    fn count_amounts(&mut self, counted: Option<&Run>, run: &Run) {
        let growth = |count: fn(&Run) -> Option<u64>| {
            let before = counted.and_then(count).unwrap_or(0);
            count(run).map(|now| now.saturating_sub(before))
        };
        add(&mut self.read, growth(|run| run.rows.read));
        add(&mut self.inserted, growth(|run| run.rows.inserted));
        add(&mut self.updated, growth(|run| run.rows.updated));
        add(&mut self.rejected, growth(|run| run.rows.rejected));
        add(&mut self.errors, growth(|run| run.rows.errors));
        add(&mut self.duration_ms, growth(Run::duration_ms));
    }
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            runs: State::TERMINAL.map(|state| (state, 0)).into(),
            read: 0,
            inserted: 0,
            updated: 0,
            rejected: 0,
            errors: 0,
            duration_ms: 0,
            durations: 0,
            duration_histogram: NativeHistogram::default(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a bucket is wider")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

fn unknown() -> State {
    State::Other("unknown".into())
}

fn add(sum: &mut u64, count: Option<u64>) {
    *sum = sum.saturating_add(count.unwrap_or(0)).min(MAX_COUNT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_that_were_not_kept_are_taken_to_be_the_mean() {
        let mut totals = Totals {
            duration_ms: 40_000,
            durations: 4,
            ..Totals::default()
        };
        totals.complete_histogram();
        let mean = NativeHistogram::new(0, [(27, 4)]);
        assert_eq!(totals.duration_histogram, mean);
        totals.complete_histogram();
        assert_eq!(totals.duration_histogram, mean);
        // A file that contradicts itself.
        totals.durations = 1;
        totals.complete_histogram();
        assert_eq!(totals.duration_histogram.count(), 1);
        totals.durations = 0;
        totals.complete_histogram();
        assert_eq!(totals.duration_histogram, NativeHistogram::default());
    }
}
