//! What has changed in a history since it was last stored. It names the
//! feeds whose records must be written, and has the finished runs, of which
//! the records keep the latest only.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{FeedId, Run};

/// Runs of one tenant that wait to be written. Beyond this, while the store
/// cannot write, only their keys are kept, which the records have anyway.
const MAX_RUNS: usize = 100_000;

/// Changed feeds that wait to be written: with more of them, many of which have
/// been replaced since, the whole history is written anew.
const MAX_CHANGED: usize = 4 * super::limits::MAX_FEEDS;

/// What has changed in a tenant's history.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    pub(super) feeds: BTreeMap<FeedId, FeedChange>,
    /// Whether everything stored of the history is obsolete, and all of it must be
    /// written.
    pub(super) rewrite: bool,
    runs: usize,
}

/// What has changed of one feed, besides its record.
#[derive(Clone, Debug, Default)]
pub(super) struct FeedChange {
    /// Whether everything stored of it before is obsolete.
    pub(super) removed: bool,
    /// Whether the keys of all finished runs are to be written.
    pub(super) all_keys: bool,
    /// Finished runs, by job.
    pub(super) runs: BTreeMap<Arc<str>, Arc<Run>>,
}

impl Changes {
    /// Notes that a feed's record changed.
    pub(super) fn feed(&mut self, feed: FeedId) -> &mut FeedChange {
        self.feeds.entry(feed).or_default()
    }

    /// Notes a finished run.
    pub(super) fn run(&mut self, feed: FeedId, run: Arc<Run>) {
        let full = self.runs >= MAX_RUNS;
        let change = self.feeds.entry(feed).or_default();
        if full {
            change.all_keys = true;
        } else if change.runs.insert(Arc::clone(&run.job), run).is_none() {
            self.runs += 1;
        }
    }

    /// Notes that a feed was forgotten.
    pub(super) fn remove(&mut self, feed: FeedId) {
        let change = self.feeds.entry(feed).or_default();
        self.runs -= change.runs.len();
        *change = FeedChange {
            removed: true,
            ..FeedChange::default()
        };
        if self.feeds.len() > MAX_CHANGED {
            *self = Self {
                rewrite: true,
                ..Self::default()
            };
        }
    }

    /// Adds what changed later.
    pub(super) fn merge(&mut self, later: Self) {
        if later.rewrite {
            *self = later;
            return;
        }
        for (feed, change) in later.feeds {
            if change.removed {
                self.remove(feed.clone());
            }
            self.feed(feed.clone()).all_keys |= change.all_keys;
            for run in change.runs.into_values() {
                self.run(feed.clone(), run);
            }
        }
    }
}
