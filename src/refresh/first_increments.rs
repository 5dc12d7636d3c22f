//! Counters are published at 0 before their first value. Pure.
//!
//! Prometheus' `increase()` ignores the first value of a series: a feed whose
//! first run is finished when the exporter first sees it would have no increase.
//! So a counter that is new is published at 0 for one refresh. Only what is
//! published is held back; the history counts at once. What may have been
//! published before, by this process or another, is never set to 0, since
//! Prometheus would take that for a restart and count it twice.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::feeds::{Feed, FeedId, RunHistory, Totals};
use crate::jobs::State;

/// Undocumented states of feeds that are remembered. Each has a counter of its
/// own, and the API could send any number.
const MAX_STATES: usize = 50_000;

/// The counters of the feeds, or workflows, of a tenant that were published.
#[derive(Debug, Default)]
pub(super) struct PublishedCounters {
    /// The latest creation of a feed.
    created_until: Option<Timestamp>,
    /// Undocumented states. Those of a feed are published when they first occur.
    states: HashSet<(FeedId, State)>,
}

impl PublishedCounters {
    /// Those of a history, which an earlier process may have published.
    pub(super) fn of(history: &RunHistory) -> Self {
        let mut published = Self::default();
        published.note(&history.feeds());
        published
    }

    /// Sets the counters to 0 that were not published before.
    pub(super) fn hold_back_first(&self, feeds: &mut [Feed]) {
        for feed in feeds {
            if Some(feed.created) > self.created_until {
                let states = std::mem::take(&mut feed.totals.runs).into_keys();
                feed.totals = Totals::default();
                feed.totals.runs.extend(states.map(|state| (state, 0)));
                feed.failures = feed.failures.uncounted();
            } else if self.states.len() < MAX_STATES {
                let id = id(feed);
                let runs = feed.totals.runs.iter_mut();
                let new = runs.filter(|(state, _)| {
                    !state.is_terminal() && !self.states.contains(&(id.clone(), (*state).clone()))
                });
                new.for_each(|(_, count)| *count = 0);
            }
        }
    }

    /// Notes that these are on the page until the next refresh.
    pub(super) fn note(&mut self, feeds: &[Feed]) {
        for feed in feeds {
            self.created_until = self.created_until.max(Some(feed.created));
            let states = feed.totals.runs.keys();
            for state in states.filter(|state| !state.is_terminal()) {
                if self.states.len() < MAX_STATES {
                    self.states.insert((id(feed), state.clone()));
                }
            }
        }
    }
}

fn id(feed: &Feed) -> FeedId {
    FeedId::new(&feed.table, &feed.feed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{Job, Table};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_719_835_200 + minute * 60).unwrap()
    }

    fn run(job: &str, feed: &str, state: &str, ended: i64) -> Job {
        Job {
            id: job.into(),
            workflow_id: None,
            merged: 0,
            failure: None,
            tables: vec![Table {
                table: "Customers".into(),
                feed: feed.into(),
                state: State::parse(state),
                finished: true,
                rows: crate::jobs::Rows {
                    read: Some(5),
                    ..crate::jobs::Rows::default()
                },
                started_at: Some(at(ended - 1)),
                ended_at: Some(at(ended)),
                files: crate::jobs::Files::default(),
            }],
        }
    }

    /// Runs and rows of the feeds, as they are published next.
    fn next(published: &mut PublishedCounters, history: &RunHistory) -> Vec<(u64, u64)> {
        let mut feeds = history.feeds();
        published.hold_back_first(&mut feeds);
        published.note(&feeds);
        let counted = feeds.iter().map(|feed| {
            let totals = &feed.totals;
            assert_eq!(totals.duration_histogram.count(), totals.durations);
            (totals.runs.values().sum(), totals.read)
        });
        counted.collect()
    }

    #[test]
    fn the_first_run_of_a_new_feed_is_published_at_zero_once() {
        let mut history = RunHistory::new();
        let mut published = PublishedCounters::of(&history);
        history.observe([], at(0));
        assert_eq!(next(&mut published, &history), []);
        history.observe(&[run("isj-1", "df-1", "succeeded", 1)], at(2));
        assert_eq!(next(&mut published, &history), [(0, 0)]);
        assert_eq!(next(&mut published, &history), [(1, 5)]);
        // A second feed holds back its own counters only.
        history.observe(&[run("isj-2", "df-2", "failed", 3)], at(4));
        assert_eq!(next(&mut published, &history), [(1, 5), (0, 0)]);
        assert_eq!(next(&mut published, &history), [(1, 5), (1, 5)]);
    }

    #[test]
    fn an_undocumented_state_is_published_at_zero_once() {
        let mut history = RunHistory::new();
        let mut published = PublishedCounters::of(&history);
        history.observe([], at(0));
        history.observe(&[run("isj-1", "df-1", "succeeded", 1)], at(2));
        next(&mut published, &history);
        history.observe(&[run("isj-2", "df-1", "half_done", 3)], at(4));
        assert_eq!(next(&mut published, &history), [(1, 10)]);
        assert_eq!(next(&mut published, &history), [(2, 10)]);
    }

    #[test]
    fn what_may_have_been_published_never_goes_down() {
        let mut history = RunHistory::new();
        history.observe([], at(0));
        history.observe(&[run("isj-1", "df-1", "half_done", 1)], at(2));
        // After a restart.
        let mut published = PublishedCounters::of(&history);
        assert_eq!(next(&mut published, &history), [(1, 5)]);
        // Feeds that were not on the page for a while.
        published.note(&[]);
        assert_eq!(next(&mut published, &history), [(1, 5)]);
    }
}
