//! The run history of each feed, and counters in which every finished run is
//! counted exactly once. Pure; [`store`] keeps it in a database.
//!
//! [`crate::refresh`] passes in every job it fetched, [`crate::snapshot`]
//! takes the feeds from it.
//!
//! # What is counted, and when
//!
//! A *run* is one table entry of one job: its key is the job's id, the table
//! and the feed. It is *open* while unfinished, and *finished* once an answer
//! showed it finished. When it is first seen finished, it is either counted
//! or *history*:
//!
//! - A run that was seen open is counted, whatever its times say.
//! - A run first seen finished is history if the very first observation shows
//!   it, or if it ended before `history_until`; otherwise it is counted. So a
//!   run that began and ended between two refreshes, or while the exporter
//!   was down, is counted. One that had ended before the exporter first ran
//!   is not, even if it could not be fetched at first.
//!
//! `history_until` begins as the time of the first observation and then
//! follows the oldest end that the API's list can still show, seven days and
//! an hour ago. A key is needed only until `history_until` has passed the
//! run's end: a run that turns up after that is history, as a configured job
//! does every hour. `history_until` never passes the latest end seen, so that
//! a clock that is wrong for a while cannot make future runs history. While
//! the API's clock contradicts ours, nothing is observed at all; see
//! [`crate::refresh`].
//!
//! A run's end is the later of its two times; without any, the latest time of
//! its job. An end in the future is ignored. A run without a plausible
//! time counts as new unless the first observation shows it, and its key is
//! kept for as long as answers show it, and a week longer.
//!
//! # Runs that change after they finished
//!
//! Somebody may retry a failed task, and its run goes on:
//! failed → running → succeeded.
//!
//! - A finished run that is shown unfinished again is open again, and the
//!   feed shows it as running. What was counted stays counted. A run that
//!   succeeded does not resume: an answer that shows it unfinished is old.
//! - When it ends again, its rows and its duration are counted as far as they
//!   exceed what was counted before. Its final state is counted if it differs
//!   from the one counted before: a run that failed and succeeded after a
//!   retry is one failed and one succeeded run, and its rows are counted once.
//!   The same holds if it ended later than before without having been seen
//!   open in between. A run that ends in the same state again adds no run.
//! - Rows that appear after the run finished are counted in the same way.
//!   Counters never fall.
//! - If one refresh shows a run both finished and unfinished, it is finished.
//!
//! This holds for the feed's latest 20 runs and 30 unsuccessful ones before
//! them. Of older runs only the key is in memory, and nothing more is counted.
//!
//! # What else is shown
//!
//! Runs of history are not counted, but they are part of the history: they
//! make the feed's last run, last success and state, and expectations are
//! learned from them. The *newest* run is the one that started last, the
//! *last* run the finished one that ended last; ties go to the later start and
//! then to the greater job id. A run without a start is placed by its job's
//! start, else by the time it was first seen.
//!
//! # Workflows
//!
//! The runs of workflows have a history of their own, of
//! [`HistoryKind::Workflows`]: a workflow is kept as a feed whose table is the
//! workflow's name and whose feed is its type, and a run as a job with this one
//! table. A run that goes on after it failed is counted once, in the state in
//! which it first ended.
//!
//! # Open runs that end uncounted
//!
//! An open run ends uncounted when its job is [`gone`](RunHistory::gone), when
//! its job finished without naming it again, or when no answer showed it until
//! the feed's horizon passed ([`forget`](RunHistory::forget)). Should it come
//! back, it is treated as new.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::after;
use crate::jobs::Table;
use changes::Changes;
use limits::Sightings;
use record::FeedRecord;

mod changes;
mod failures;
mod feed;
mod finished;
mod forgetting;
mod kind;
mod limits;
mod observation;
mod observed;
mod record;
mod run;
pub mod store;
#[cfg(test)]
mod tests;
mod totals;

pub use failures::{FailedRun, Failures};
pub use feed::{Feed, FeedId};
pub use kind::HistoryKind;
pub use run::Run;
pub use totals::Totals;

/// How far back the API lists jobs, and an hour for the time a refresh takes.
const LISTED: SignedDuration = SignedDuration::from_hours(7 * 24 + 1);

/// What is known about one tenant's feeds and runs.
#[derive(Clone, Debug, Default)]
pub struct RunHistory {
    kind: HistoryKind,
    /// A run first seen finished that ended before this is history. `None`
    /// before the first observation. Never falls.
    history_until: Option<Timestamp>,
    /// The last time all runs were requested.
    covered_until: Option<Timestamp>,
    /// Since when there has been no gap in which runs could be missed.
    covered_since: Option<Timestamp>,
    /// The records, by table and feed. Shared, so that a copy for the store
    /// costs little.
    tables: Tables,
    /// The last observation of this process.
    observed_at: Option<Timestamp>,
    /// See [`RunHistory::state_gap`].
    gap: Duration,
    /// See [`RunHistory::dropped`].
    dropped: usize,
    /// Keys of runs that ended before this may have been dropped because of
    /// their number.
    keys_dropped_until: Option<Timestamp>,
    sightings: Sightings,
    /// What has not been stored yet.
    changes: Changes,
    /// See [`RunHistory::take_updated`].
    updated: BTreeSet<FeedId>,
}

type Tables = BTreeMap<Arc<str>, BTreeMap<Arc<str>, Arc<FeedRecord>>>;

impl RunHistory {
    /// An empty history: runs that finished before its first
    /// [`observe`](Self::observe) are not counted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`new`](Self::new), for workflows.
    #[must_use]
    pub fn of_workflows() -> Self {
        Self {
            kind: HistoryKind::Workflows,
            ..Self::default()
        }
    }

    /// Whether it is about feeds or workflows.
    #[must_use]
    pub fn kind(&self) -> HistoryKind {
        self.kind
    }

    /// The jobs with open runs, ordered by id: those to be fetched by id once
    /// they left the list, and after a restart.
    #[must_use]
    pub fn unfinished(&self) -> BTreeSet<Arc<str>> {
        self.open_runs().map(|(job, _)| Arc::clone(job)).collect()
    }

    /// The open runs of all feeds, and when they began: the ids of their jobs,
    /// in any order.
    pub(crate) fn open_runs(&self) -> impl Iterator<Item = (&Arc<str>, Timestamp)> {
        let records = self.records();
        records.flat_map(|record| record.open.iter().map(|(job, run)| (job, run.place)))
    }

    /// The feeds, ordered by table and feed.
    #[must_use]
    pub fn feeds(&self) -> Vec<Feed> {
        let tables = self.tables.iter();
        tables
            .flat_map(|(table, feeds)| feeds.iter().map(move |entry| (table, entry)))
            .map(|(table, (feed, record))| record.feed(table, feed))
            .collect()
    }

    /// The feeds whose stored runs changed since this was last called; the
    /// first time all of them.
    pub fn take_updated(&mut self) -> BTreeSet<FeedId> {
        std::mem::take(&mut self.updated)
    }

    /// All kept runs of a feed, oldest first, if they are few enough to be in
    /// memory; otherwise [`Store::runs`](store::Store::runs) reads them.
    #[must_use]
    pub(crate) fn runs_in_memory(&self, feed: &FeedId) -> Option<Arc<[Arc<Run>]>> {
        let record = self.record(feed)?;
        (record.recent.len() < record::RECENT).then(|| Arc::clone(&record.recent))
    }

    /// Names all feeds as updated.
    fn update_all(&mut self) {
        self.updated = self.ids().collect();
    }

    fn ids(&self) -> impl Iterator<Item = FeedId> {
        let tables = self.tables.iter();
        tables.flat_map(|(table, feeds)| feeds.keys().map(|feed| FeedId::new(table, feed)))
    }

    /// When all runs were last requested, in this process or before it.
    #[must_use]
    pub fn covered_until(&self) -> Option<Timestamp> {
        self.covered_until
    }

    /// For how long, since this process began, runs may have finished that
    /// could not be counted: time between two observations beyond the seven
    /// days the API lists. Zero in ordinary operation.
    #[must_use]
    pub fn state_gap(&self) -> Duration {
        self.gap
    }

    /// Feeds of the last observation beyond the limit, and those that were
    /// replaced by others.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Whether a feed is kept.
    #[must_use]
    pub(crate) fn knows_feed(&self, feed: &FeedId) -> bool {
        self.record(feed).is_some()
    }

    fn knows(&self, table: &Table) -> bool {
        let feeds = self.tables.get(&table.table);
        feeds.is_some_and(|feeds| feeds.contains_key(&table.feed))
    }

    fn record(&self, id: &FeedId) -> Option<&Arc<FeedRecord>> {
        self.tables.get(&id.table)?.get(&id.feed)
    }

    fn record_mut(&mut self, table: &str, feed: &str) -> Option<&mut Arc<FeedRecord>> {
        self.tables.get_mut(table)?.get_mut(feed)
    }

    fn records(&self) -> impl Iterator<Item = &Arc<FeedRecord>> {
        self.tables.values().flat_map(BTreeMap::values)
    }

    fn records_mut(&mut self) -> impl Iterator<Item = &mut Arc<FeedRecord>> {
        self.tables.values_mut().flat_map(BTreeMap::values_mut)
    }
}

/// The millisecond after `time`.
fn just_after(time: Timestamp) -> Timestamp {
    after(time, Duration::from_millis(1))
}
