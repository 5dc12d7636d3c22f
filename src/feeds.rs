//! The ledger of runs: what is known of each feed, and counters in which
//! every finished run is counted exactly once. Pure; the file it is kept in
//! stands beside it in [`store`].
//!
//! [`crate::refresh`] shows it every job it fetched, [`crate::snapshot`]
//! takes the feeds from it.
//!
//! # What is counted, and when
//!
//! A *run* is one table entry of one job: its key is the job's id, the table
//! and the feed. It is *open* while unfinished and *settled* once it was seen
//! finished. Settling happens once; whatever answers say of a settled run
//! later, in whatever order they come, no counter changes any more. A run that
//! settles is either counted or *history*:
//!
//! - A run that was seen open is counted when it is seen finished, whatever
//!   its times say.
//! - A run first seen finished is history if the ledger's very first
//!   observation shows it, or if it ended before `history_until`; otherwise
//!   it is counted. So a run that began and ended between two refreshes, or
//!   while the exporter was down, is counted, and one that had ended before
//!   the exporter first ran is not, even if its fetch failed at first.
//!
//! `history_until` begins as the time of the first observation and then
//! follows, seven days and an hour behind, what the API's list can still
//! show. That is what allows the ledger to forget the keys of settled runs: a
//! key is dropped only once `history_until` has passed the run's end, so a
//! run whose key is gone is history if it is ever seen again, as a configured
//! job is every hour. Nor does it ever pass the latest end the answers show:
//! a clock gone wild for a refresh cannot declare runs to come to be history.
//! By a clock that the API's contradicts nothing is observed at all; see
//! [`crate::refresh`].
//!
//! A run's end is the later of its two times; without any, the latest time of
//! its job. An end that lies in the future is not believed. A run without a
//! believable time is taken for a new one unless the first observation shows
//! it, and its key is kept for as long as answers show it, and a week longer.
//!
//! # What is shown besides
//!
//! Runs of history are not counted but are known: they make the feed's last
//! run, last success and state. The *newest* run is the one that started
//! last, the *last* run the finished one that ended last; ties go to the
//! later start and then to the greater job id. A run without a start takes
//! the place of its job's start, else of the time it was first seen.
//!
//! An open run is no more when its job is [`gone`](Ledger::gone), when its
//! job finished without naming it again, or when nothing was heard of it
//! until the feed's horizon passed ([`forget`](Ledger::forget)). It is not
//! counted then; should it come back, it is judged anew.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::{after, before};
use crate::jobs::{Job, Rows, State, Table};
use account::Account;
use sighting::{JobTimes, Sighting};

mod account;
mod format;
mod sighting;
pub mod store;
#[cfg(test)]
mod tests;
mod totals;

pub use totals::Totals;

/// How far back the API lists jobs, and an hour for the time a refresh takes.
const LISTED: SignedDuration = SignedDuration::from_hours(7 * 24 + 1);

/// Further apart than this, two observations leave runs that nobody can ask
/// for any more.
const COVERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Feeds of one tenant, about one and a half million series. No tenant is
/// known to have a hundredth of them; an API gone wild could have any number.
const MAX_FEEDS: usize = 50_000;

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
    pub last_run: Option<LastRun>,
    /// The end of the newest succeeded run.
    pub last_success: Option<Timestamp>,
    /// What was counted.
    pub totals: Totals,
    /// When the counters began.
    pub created: Timestamp,
}

/// The newest finished run of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// Its rows.
    #[serde(with = "format::RowsFormat")]
    pub rows: Rows,
    /// The number of files it read.
    pub files: u64,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What is known of one tenant's feeds and runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// A run first seen finished that ended before this is history. `None`
    /// before the first observation. Never falls.
    history_until: Option<Timestamp>,
    /// The last time all runs were asked for.
    covered_until: Option<Timestamp>,
    /// The accounts, by table and feed. Shared, so that a copy for the state
    /// file costs little.
    tables: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Arc<Account>>>,
    /// The last observation of this process.
    #[serde(skip)]
    observed_at: Option<Timestamp>,
    /// See [`Ledger::state_gap`].
    #[serde(skip)]
    gap: Duration,
    /// See [`Ledger::dropped`].
    #[serde(skip)]
    dropped: usize,
    /// Counts the changes that must not be lost.
    #[serde(skip)]
    revision: u64,
}

impl Ledger {
    /// A ledger that knows nothing: runs that finished before its first
    /// [`observe`](Self::observe) are history and are not counted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the jobs of one successful refresh, in any order, however
    /// often each was seen before. All of them: one left out because the page
    /// has no room for it would not be counted.
    ///
    /// `now` is the time by the API's clock at which the refresh *began*: a
    /// run that ends while the answers travel has then ended after it.
    pub fn observe<'a>(&mut self, jobs: impl IntoIterator<Item = &'a Job>, now: Timestamp) {
        self.observe_part(jobs, now);
        if let Some(covered_until) = self.covered_until {
            let uncovered = now.duration_since(covered_until) - COVERED;
            let uncovered = Duration::try_from(uncovered).unwrap_or_default();
            self.gap = self.gap.saturating_add(uncovered);
        }
        self.covered_until = Some(now);
    }

    /// As [`observe`](Self::observe), for a refresh whose list of jobs could
    /// not be had: other runs than these may have finished as well.
    pub fn observe_part<'a>(&mut self, jobs: impl IntoIterator<Item = &'a Job>, now: Timestamp) {
        let first = self.history_until.is_none();
        let history_until = self.history_until.unwrap_or(now);
        let listed_from = before(now, LISTED);
        let mut latest_end = Timestamp::MIN;
        let mut finished = HashSet::new();
        let mut dropped = HashSet::new();
        let mut known: usize = self.tables.values().map(BTreeMap::len).sum();
        for job in jobs {
            let times = JobTimes::new(job);
            for table in &job.tables {
                let run = Sighting::new(job, table, times, now);
                if !self.knows(table) {
                    if known >= MAX_FEEDS {
                        dropped.insert((&*table.table, &*table.feed));
                        continue;
                    }
                    known += 1;
                }
                if table.finished {
                    latest_end = latest_end.max(run.end.unwrap_or(latest_end));
                    let new = !first && !run.ended_before(history_until);
                    let counted = self.account(table, now).settle(&run, new);
                    self.revision += u64::from(counted);
                } else {
                    self.account(table, now).open(&run);
                }
            }
            if job.is_finished() {
                finished.insert(&*job.id);
            }
        }
        self.dropped = dropped.len();
        self.revision += u64::from(first);
        self.observed_at = Some(now);
        self.history_until = Some(history_until.max(listed_from.min(latest_end)));
        self.end_open_runs(|job| finished.contains(job));
        self.drop_old_keys(listed_from);
    }

    /// Ends the open runs of a job that the API does not know any more.
    pub fn gone(&mut self, job: &str) {
        self.end_open_runs(|open| open == job);
    }

    /// The jobs with open runs, ordered by id: those to be followed by id,
    /// once they left the list, and after a restart.
    #[must_use]
    pub fn unfinished(&self) -> BTreeSet<Arc<str>> {
        let accounts = self.tables.values().flat_map(BTreeMap::values);
        accounts
            .flat_map(|account| account.open_jobs())
            .cloned()
            .collect()
    }

    /// Drops feeds without a run since `horizon`, but nothing that the API
    /// may still list. Call it after an observation: before the first one it
    /// does nothing, for a run that went on while the exporter was down has
    /// not been heard of yet. Returns how many feeds it dropped.
    pub fn forget(&mut self, horizon: Timestamp) -> usize {
        let Some(observed_at) = self.observed_at else {
            return 0;
        };
        let mut forgotten = 0;
        let horizon = horizon.min(before(observed_at, LISTED));
        let history_until = &mut self.history_until;
        self.tables.retain(|_, feeds| {
            feeds.retain(|_, account| {
                account.end_unheard(horizon);
                let idle_since = account.idle_since().filter(|since| *since < horizon);
                // Its keys go with it, so all its runs must be history.
                *history_until = (*history_until).max(idle_since.map(just_after));
                forgotten += usize::from(idle_since.is_some());
                idle_since.is_none()
            });
            !feeds.is_empty()
        });
        forgotten
    }

    /// The feeds, ordered by table and feed.
    #[must_use]
    pub fn feeds(&self) -> Vec<Feed> {
        let tables = self.tables.iter();
        tables
            .flat_map(|(table, feeds)| feeds.iter().map(move |entry| (table, entry)))
            .map(|(table, (feed, account))| account.feed(table, feed))
            .collect()
    }

    /// For how long, since this process began, runs may have finished that
    /// could not be counted: time between two observations beyond the seven
    /// days the API lists. Zero in ordinary life.
    #[must_use]
    pub fn state_gap(&self) -> Duration {
        self.gap
    }

    /// Feeds the last observation showed that there was no room for.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    fn knows(&self, table: &Table) -> bool {
        let feeds = self.tables.get(&table.table);
        feeds.is_some_and(|feeds| feeds.contains_key(&table.feed))
    }

    /// The account of a table entry's feed, made if there is none.
    fn account(&mut self, table: &Table, now: Timestamp) -> &mut Arc<Account> {
        let feeds = self.tables.entry(Arc::clone(&table.table)).or_default();
        let account = feeds.entry(Arc::clone(&table.feed));
        account.or_insert_with(|| Arc::new(Account::new(now)))
    }

    /// Ends, uncounted, the open runs of some jobs.
    fn end_open_runs(&mut self, ended: impl Fn(&str) -> bool) {
        for account in self.tables.values_mut().flat_map(BTreeMap::values_mut) {
            account.end_open_runs(&ended);
        }
    }

    /// Drops the keys of settled runs that could not be taken for new ones.
    fn drop_old_keys(&mut self, listed_from: Timestamp) {
        let history_until = self.history_until.unwrap_or(listed_from);
        let kept_from = account::day(history_until.min(listed_from));
        for account in self.tables.values_mut().flat_map(BTreeMap::values_mut) {
            account.drop_keys_before(kept_from);
        }
    }
}

/// The millisecond after `time`.
fn just_after(time: Timestamp) -> Timestamp {
    after(time, Duration::from_millis(1))
}
