//! The counters of a feed, and how a run is added to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::jobs::{MAX_COUNT, State, Table};

/// Final states of a feed that have a counter of their own; each of them stays
/// on the page for good.
const MAX_STATES: usize = 20;

/// The counters of a feed. A sum saturates at [`crate::jobs::MAX_COUNT`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Finished runs by final state; every terminal state is present.
    #[serde(deserialize_with = "super::format::runs")]
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

impl Totals {
    pub(super) fn count(&mut self, table: &Table) {
        // A run without a state that has ended: its sum must not lack it.
        let state = table.state.clone();
        let mut state = state.unwrap_or_else(unknown);
        if self.runs.len() >= MAX_STATES && !self.runs.contains_key(&state) {
            state = unknown();
        }
        add(self.runs.entry(state).or_default(), Some(1));
        add(&mut self.read, table.rows.read);
        add(&mut self.inserted, table.rows.inserted);
        add(&mut self.updated, table.rows.updated);
        add(&mut self.rejected, table.rows.rejected);
        add(&mut self.errors, table.rows.errors);
        let duration = table.duration_ms();
        add(&mut self.duration_ms, duration);
        add(&mut self.durations, duration.map(|_| 1));
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
        }
    }
}

fn unknown() -> State {
    State::Other("unknown".into())
}

fn add(sum: &mut u64, count: Option<u64>) {
    *sum = sum.saturating_add(count.unwrap_or(0)).min(MAX_COUNT);
}
