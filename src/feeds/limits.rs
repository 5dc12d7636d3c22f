//! Limits of what is remembered of one tenant, whatever its API answers.
//!
//! - [`MAX_FEEDS`]: a new feed beyond it replaces one that answers showed only
//!   once, the one seen longest ago. A feed that was left out and is seen again
//!   may replace any feed that has run for less than a week and is not in the
//!   present answers; the one with the fewest runs is chosen. A feed that was
//!   replaced starts from zero when it comes back.
//! - [`MAX_KEY_BYTES`]: the keys of the oldest days are dropped. A run of that
//!   time that is not known is not taken in any more, so that none is counted
//!   twice.
//! - [`MAX_OPEN_RUNS`]: those seen longest ago end uncounted. One that comes
//!   back is treated as new.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::observed::{JobTimes, ObservedRun};
use super::record::{FeedRecord, midnight};
use super::{FeedId, LISTED, RunHistory, just_after};
use crate::jobs::{Job, Table};

/// Feeds of one tenant, almost three million series. No tenant is known to have
/// a hundredth of them; a hostile API could have any number.
pub(super) const MAX_FEEDS: usize = 50_000;

/// Keys of finished runs of one tenant, in memory: about 700,000.
pub(super) const MAX_KEY_BYTES: usize = 64 << 20;

/// Open runs of one tenant.
pub(super) const MAX_OPEN_RUNS: usize = 50_000;

/// A feed whose runs cover this much time is not replaced.
const PROTECTED_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// When answers showed the feeds of a tenant that has very many.
#[derive(Clone, Debug, Default)]
pub(super) struct Sightings {
    /// Of the feeds that are kept.
    kept: HashMap<FeedId, Sighting>,
    /// Hashes of the feeds that were left out.
    left_out: HashSet<u64>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Sighting {
    last: Timestamp,
    again: bool,
}

/// A feed that may be replaced. The greatest one goes last.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Replaceable {
    seen_again: bool,
    runs: usize,
    last_seen: Timestamp,
    id: FeedId,
}

impl Sightings {
    fn see(&mut self, id: FeedId, now: Timestamp) {
        let first = Sighting {
            last: now,
            again: false,
        };
        let sighting = self.kept.entry(id).or_insert(first);
        sighting.again |= sighting.last < now;
        sighting.last = now;
    }

    fn hash(&self, table: &Table) -> u64 {
        self.hasher.hash_one((&table.table, &table.feed))
    }

    /// Notes the feeds that an observation left out.
    fn leave_out(&mut self, feeds: HashSet<u64>) {
        if self.left_out.len() > 2 * MAX_FEEDS {
            self.left_out.clear();
        }
        self.left_out.extend(feeds);
    }

    fn replaceable(&self, id: FeedId, record: &FeedRecord, now: Timestamp) -> Option<Replaceable> {
        let runs = record.recent.len() + record.open.len();
        let sighting = self.kept.get(&id);
        let last_seen = sighting.map_or(Timestamp::MIN, |sighting| sighting.last);
        (last_seen < now && record.covers() < PROTECTED_AFTER).then(|| Replaceable {
            seen_again: runs > 1 || sighting.is_some_and(|sighting| sighting.again),
            runs,
            last_seen,
            id,
        })
    }
}

impl RunHistory {
    /// The runs of all jobs, but for those of new feeds beyond the limit.
    pub(super) fn runs_of_kept_feeds<'a>(
        &mut self,
        jobs: &[&'a Job],
        now: Timestamp,
    ) -> Vec<ObservedRun<'a>> {
        let mut number: usize = self.tables.values().map(BTreeMap::len).sum();
        if number > MAX_FEEDS / 2 {
            for table in jobs.iter().flat_map(|job| &job.tables) {
                if self.knows(table) {
                    self.sightings.see(FeedId::of(table), now);
                }
            }
        }
        let mut replaceable = None;
        let mut left_out = HashSet::new();
        let mut replaced = 0;
        let mut runs = Vec::new();
        for job in jobs {
            let times = JobTimes::new(job);
            for table in &job.tables {
                if !self.knows(table) {
                    if number < MAX_FEEDS {
                        number += 1;
                    } else if self.replace_feed(table, now, &mut replaceable) {
                        replaced += 1;
                    } else {
                        left_out.insert(self.sightings.hash(table));
                        continue;
                    }
                    self.add_feed(table, now);
                }
                runs.push(ObservedRun::new(job, table, times, now));
            }
        }
        self.dropped = left_out.len() + replaced;
        self.sightings.leave_out(left_out);
        runs
    }

    fn add_feed(&mut self, table: &Table, now: Timestamp) {
        let feeds = self.tables.entry(Arc::clone(&table.table)).or_default();
        let record = Arc::new(FeedRecord::new(now));
        feeds.insert(Arc::clone(&table.feed), record);
        let id = FeedId::of(table);
        self.changes.feed(id.clone());
        self.sightings.see(id, now);
    }

    /// Removes a feed in favour of a new one. Returns whether there was one that
    /// may be replaced.
    fn replace_feed(
        &mut self,
        new: &Table,
        now: Timestamp,
        replaceable: &mut Option<Vec<Replaceable>>,
    ) -> bool {
        let seen_again = self.sightings.left_out.contains(&self.sightings.hash(new));
        let candidates = replaceable.get_or_insert_with(|| self.replaceable(now));
        let candidate = candidates.pop_if(|candidate| seen_again || !candidate.seen_again);
        let Some(Replaceable { id, .. }) = candidate else {
            return false;
        };
        if let Some(feeds) = self.tables.get_mut(&id.table) {
            feeds.remove(&id.feed);
            if feeds.is_empty() {
                self.tables.remove(&id.table);
            }
        }
        self.sightings.kept.remove(&id);
        self.updated.remove(&id);
        self.changes.remove(id);
        true
    }

    /// The feeds that may be replaced, the first one last.
    fn replaceable(&self, now: Timestamp) -> Vec<Replaceable> {
        let feeds = self.ids().zip(self.records());
        let mut replaceable: Vec<_> = feeds
            .filter_map(|(id, record)| self.sightings.replaceable(id, record, now))
            .collect();
        replaceable.sort_unstable_by(|one, two| two.cmp(one));
        replaceable
    }

    /// What the keys of finished runs take in memory.
    pub(super) fn key_bytes(&self) -> usize {
        self.records().map(|record| record.finished.bytes()).sum()
    }

    /// Drops keys and open runs beyond the limits.
    pub(super) fn enforce_limits(&mut self) {
        let bytes = self.key_bytes();
        if bytes > MAX_KEY_BYTES {
            self.drop_oldest_keys(bytes, MAX_KEY_BYTES / 2);
        }
        let open: usize = self.records().map(|record| record.open.len()).sum();
        if open > MAX_OPEN_RUNS {
            self.drop_open_runs(open - MAX_OPEN_RUNS / 2);
        }
    }

    /// Drops the keys of the oldest days until `wanted` bytes are left, of now
    /// `bytes`.
    fn drop_oldest_keys(&mut self, mut bytes: usize, wanted: usize) {
        let mut days: BTreeMap<Date, usize> = BTreeMap::new();
        let by_day = self
            .records()
            .flat_map(|record| record.finished.bytes_by_day());
        by_day.for_each(|(day, bytes)| *days.entry(day).or_default() += bytes);
        let mut kept_from = Date::MIN;
        for (day, of_day) in days {
            if bytes <= wanted {
                break;
            }
            bytes -= of_day;
            kept_from = day.tomorrow().unwrap_or(Date::MAX);
        }
        // Of the present day only what has ended by now.
        let latest = self.records().map(|record| record.active_at).max();
        let dropped_until = midnight(kept_from).min(latest.map_or(Timestamp::MIN, just_after));
        self.keys_dropped_until = self.keys_dropped_until.max(Some(dropped_until));
        self.history_until = self.history_until.max(Some(dropped_until));
        for record in self.records_mut() {
            record.drop_keys_before(kept_from);
        }
    }

    /// Whether the key of an unknown finished run may have been dropped.
    pub(super) fn may_be_dropped(&self, run: &ObservedRun<'_>) -> bool {
        self.keys_dropped_until.is_some_and(|until| match run.end {
            Some(end) => end < until,
            None => run.now.duration_since(until) < LISTED,
        })
    }

    /// Ends, uncounted, the open runs seen longest ago.
    fn drop_open_runs(&mut self, number: usize) {
        let open = self.records().flat_map(|record| &record.open);
        let mut open: Vec<(Timestamp, Timestamp, Arc<str>)> = open
            .map(|(job, run)| (run.last_seen, run.place, Arc::clone(job)))
            .collect();
        open.sort_unstable();
        open.truncate(number);
        let dropped: HashSet<Arc<str>> = open.into_iter().map(|(_, _, job)| job).collect();
        self.end_open_runs(|job| dropped.contains(job));
    }
}
