//! What leaves the history: feeds without runs, open runs that end uncounted,
//! and the keys of runs that can no longer be listed.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{FeedId, LISTED, RunHistory, just_after, record};
use crate::clock::before;

impl RunHistory {
    /// Ends the open runs of a job that the API does not know any more.
    pub fn gone(&mut self, job: &str) {
        self.end_open_runs(|open| open == job);
    }

    /// Drops feeds without a run since `horizon`, but nothing that the API
    /// may still list, and nothing if there was a time since `horizon` of
    /// which the runs are not known. Call it after an observation: before the
    /// first one it does nothing, for a run that went on while the exporter
    /// was down was not seen yet. Returns how many feeds it dropped.
    pub fn forget(&mut self, horizon: Timestamp) -> usize {
        let Some(observed_at) = self.observed_at else {
            return 0;
        };
        if self.covered_since.is_some_and(|since| since >= horizon) {
            return 0;
        }
        let mut forgotten = 0;
        let horizon = horizon.min(before(observed_at, LISTED));
        let history_until = &mut self.history_until;
        let changes = &mut self.changes;
        self.tables.retain(|table, feeds| {
            feeds.retain(|feed, record| {
                let id = || FeedId::new(table, feed);
                if record.end_unseen(horizon) {
                    changes.feed(id());
                }
                let idle_since = record.idle_since().filter(|since| *since < horizon);
                // Its keys go with it, so all its runs must be history.
                *history_until = (*history_until).max(idle_since.map(just_after));
                if idle_since.is_some() {
                    changes.remove(id());
                    forgotten += 1;
                }
                idle_since.is_none()
            });
            !feeds.is_empty()
        });
        forgotten
    }

    /// Ends, uncounted, the open runs of some jobs.
    pub(super) fn end_open_runs(&mut self, ended: impl Fn(&str) -> bool) {
        for (table, feeds) in &mut self.tables {
            for (feed, record) in feeds {
                if record.end_open_runs(&ended) {
                    self.changes.feed(FeedId::new(table, feed));
                }
            }
        }
    }

    /// The first day of which the keys of finished runs are needed: a run of
    /// an earlier one could not be taken for a new one.
    pub(super) fn keys_kept_from(&self) -> Option<Date> {
        let listed_from = self.observed_at.or(self.covered_until);
        let listed_from = listed_from.map(|now| before(now, LISTED));
        let history_until = self.history_until?;
        let kept_from = listed_from.unwrap_or(history_until).min(history_until);
        Some(record::day(
            kept_from.max(self.keys_dropped_until.unwrap_or(kept_from)),
        ))
    }
}
