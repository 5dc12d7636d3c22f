//! The tenants of a page with what is wrong with their feeds, and the sentence
//! that sums it up. Pure.

use crate::snapshot::Snapshot;

use super::condition::{AssessedFeed, Condition};
use super::words::{count, number};

/// How many feeds are in each condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts([usize; 7]);

impl Counts {
    pub(super) fn of(self, condition: Condition) -> usize {
        self.0.get(condition as usize).copied().unwrap_or_default()
    }

    pub(super) fn feeds(self) -> usize {
        self.0.iter().sum()
    }

    pub(super) fn add(&mut self, other: Self) {
        for (count, other) in self.0.iter_mut().zip(other.0) {
            *count += other;
        }
    }

    fn note(&mut self, condition: Condition) {
        if let Some(count) = self.0.get_mut(condition as usize) {
            *count += 1;
        }
    }

    /// Such as `1 feed failed, 2 late`, or that nothing is wrong. `before` is
    /// worse than any feed.
    pub(super) fn sentence(self, before: Option<String>) -> String {
        let conditions = Condition::TROUBLE.into_iter();
        let troubles = conditions
            .filter(|condition| self.of(*condition) > 0)
            .enumerate()
            .map(|(index, condition)| {
                let feeds = self.of(condition) as u64;
                let feeds = match index {
                    0 => count(feeds, "feed"),
                    _ => number(feeds),
                };
                format!("{feeds} {}", condition.word())
            });
        let parts: Vec<String> = before.into_iter().chain(troubles).collect();
        let (feeds, muted) = (self.feeds(), self.of(Condition::Muted));
        match (parts.is_empty(), feeds, muted) {
            (false, _, _) => parts.join(", "),
            (true, 0, _) => "No feeds yet".to_owned(),
            (true, _, 0) if feeds > 1 => format!("All {} feeds fine", number(feeds as u64)),
            (true, _, 0) => "1 feed fine".to_owned(),
            (true, _, _) => {
                let fine = count((feeds - muted) as u64, "feed");
                format!("{fine} fine, {} without alerts", number(muted as u64))
            }
        }
    }
}

/// A tenant, its feeds worst first.
#[derive(Debug)]
pub(super) struct AssessedTenant<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) feeds: Vec<AssessedFeed<'a>>,
    pub(super) counts: Counts,
}

impl<'a> AssessedTenant<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        let data_time = snapshot.status.last_success;
        let feeds = snapshot.feeds.iter();
        let mut feeds: Vec<_> = feeds
            .map(|feed| AssessedFeed::new(feed, data_time))
            .collect();
        let mut counts = Counts::default();
        for feed in &feeds {
            counts.note(feed.condition);
        }
        // Within a condition those that are late as well, then by name.
        feeds.sort_by_key(|feed| (feed.condition, feed.late_by().is_none()));
        Self {
            snapshot,
            feeds,
            counts,
        }
    }

    /// Whether the last refresh failed.
    pub(super) fn is_failing(&self) -> bool {
        self.snapshot.status.failure.is_some()
    }

    /// Worst first.
    pub(super) fn rank(&self) -> (bool, Condition) {
        let worst = self.feeds.first().map(|feed| feed.condition);
        (!self.is_failing(), worst.unwrap_or(Condition::Fine))
    }

    /// How many of its feeds need attention. They are the first.
    pub(super) fn troubles(&self) -> usize {
        let conditions = Condition::TROUBLE.into_iter();
        conditions.map(|condition| self.counts.of(condition)).sum()
    }

    /// Its state in one sentence.
    pub(super) fn sentence(&self) -> String {
        let failing = self.is_failing().then(|| "No data".to_owned());
        self.counts.sentence(failing)
    }
}
