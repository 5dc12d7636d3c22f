//! One feed's account in the ledger: its open runs, the keys of its settled
//! ones, what is known of the latest, and the sums. The rules stand in
//! [`super`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::sighting::Sighting;
use super::{Feed, LastRun, Totals};
use crate::jobs::State;

/// An open run is noted as heard of at most this often, so that an account
/// in which nothing else happens need not be copied.
const HEARING: SignedDuration = SignedDuration::from_mins(30);

/// What the ledger keeps of one feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Account {
    created: Timestamp,
    /// The latest end of its settled runs.
    active_at: Timestamp,
    /// The unfinished runs, by job.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    open: BTreeMap<Arc<str>, OpenRun>,
    /// The jobs of settled runs, by the day the run ended. By the day, since
    /// all that a time is needed for is to drop them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    settled: BTreeMap<Date, BTreeSet<Arc<str>>>,
    /// The finished run that started last.
    newest: Option<Newest>,
    /// The finished run that ended last.
    last_run: Option<Last>,
    last_success: Option<Timestamp>,
    totals: Totals,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OpenRun {
    state: Option<State>,
    started_at: Option<Timestamp>,
    /// Its place in the order of runs: its start, or what comes closest.
    place: Timestamp,
    heard_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newest {
    place: Timestamp,
    job: Arc<str>,
    state: Option<State>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Last {
    /// Its place in the order of finished runs: its end, or what comes closest.
    place: Timestamp,
    job: Arc<str>,
    #[serde(flatten)]
    run: LastRun,
}

impl Account {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            created: now,
            active_at: Timestamp::MIN,
            open: BTreeMap::new(),
            settled: BTreeMap::new(),
            newest: None,
            last_run: None,
            last_success: None,
            totals: Totals::default(),
        }
    }

    /// Takes in a run seen unfinished.
    pub(super) fn open(self: &mut Arc<Self>, run: &Sighting<'_>) {
        if self.settled.values().any(|jobs| jobs.contains(run.job)) {
            return;
        }
        let known = self.open.get(run.job);
        let place = run.start.or(known.map(|known| known.place));
        let fresh = OpenRun {
            state: run.table.state.clone(),
            started_at: run.table.started_at,
            place: place.unwrap_or(run.now),
            heard_at: known
                .map(|known| known.heard_at)
                .filter(|heard_at| run.now.duration_since(*heard_at).abs() < HEARING)
                .unwrap_or(run.now),
        };
        if known != Some(&fresh) {
            let account = Arc::make_mut(self);
            account.open.insert(Arc::clone(run.job), fresh);
        }
    }

    /// Takes in a run seen finished; `new` says whether to count it if it was
    /// never seen before. Returns whether it was counted now.
    pub(super) fn settle(self: &mut Arc<Self>, run: &Sighting<'_>, new: bool) -> bool {
        let ended_on = day(run.end.unwrap_or(run.now));
        let holds_it = |jobs: &BTreeSet<Arc<str>>| jobs.contains(run.job);
        // Where it usually is.
        let filed = if self.settled.get(&ended_on).is_some_and(holds_it) {
            Some(ended_on)
        } else {
            let mut days = self.settled.iter();
            days.find_map(|(day, jobs)| holds_it(jobs).then_some(*day))
        };
        let Some(filed_on) = filed else {
            return Arc::make_mut(self).enter(run, ended_on, new);
        };
        if filed_on < ended_on {
            Arc::make_mut(self).refile(run, filed_on, ended_on);
        }
        if self.is_told_otherwise(run) {
            Arc::make_mut(self).keep_latest(run, None);
        }
        false
    }

    /// Whether a run that is shown as the latest was told of otherwise before:
    /// what was counted of it stays counted, but what is shown follows.
    fn is_told_otherwise(&self, run: &Sighting<'_>) -> bool {
        let last = self.last_run.as_ref();
        let last = last.filter(|last| last.job == *run.job);
        let newest = self.newest.as_ref();
        let newest = newest.filter(|newest| newest.job == *run.job);
        last.is_some_and(|last| last.run != run.last_run())
            || newest.is_some_and(|newest| newest.state != run.table.state)
    }

    /// Files the key of a settled run under the latest day known for it, so
    /// that it is not dropped while the run could be taken for a new one.
    fn refile(&mut self, run: &Sighting<'_>, from: Date, to: Date) {
        if let Some(jobs) = self.settled.get_mut(&from) {
            jobs.remove(run.job);
        }
        self.settled.retain(|_, jobs| !jobs.is_empty());
        self.file(run, to);
    }

    fn file(&mut self, run: &Sighting<'_>, ended_on: Date) {
        let jobs = self.settled.entry(ended_on).or_default();
        jobs.insert(Arc::clone(run.job));
        self.active_at = self.active_at.max(run.end.unwrap_or(run.now));
    }

    fn enter(&mut self, run: &Sighting<'_>, ended_on: Date, new: bool) -> bool {
        let open = self.open.remove(run.job);
        let counted = new || open.is_some();
        self.file(run, ended_on);
        self.keep_latest(run, open.map(|open| open.place));
        if counted {
            self.totals.count(run.table);
        }
        counted
    }

    fn keep_latest(&mut self, run: &Sighting<'_>, place_when_open: Option<Timestamp>) {
        let Sighting { table, now, .. } = *run;
        let place = run.start.or(place_when_open).or(run.end).unwrap_or(now);
        let newest = self.newest.as_ref().map(|run| (run.place, &run.job));
        if newest <= Some((place, run.job)) {
            self.newest = Some(Newest {
                place,
                job: Arc::clone(run.job),
                state: table.state.clone(),
            });
        }
        let place = run.end.unwrap_or(now);
        let last = self.last_run.as_ref();
        let last = last.map(|last| (last.place, last.run.started_at, &last.job));
        if last <= Some((place, table.started_at, run.job)) {
            self.last_run = Some(Last {
                place,
                job: Arc::clone(run.job),
                run: run.last_run(),
            });
        }
        if table.state == Some(State::Succeeded) {
            let end = run.end.and(table.ended_at);
            self.last_success = self.last_success.max(end);
        }
    }

    pub(super) fn open_jobs(&self) -> impl Iterator<Item = &Arc<str>> {
        self.open.keys()
    }

    /// Ends, uncounted, the open runs of some jobs.
    pub(super) fn end_open_runs(self: &mut Arc<Self>, ended: impl Fn(&str) -> bool) {
        if self.open.keys().any(|job| ended(job)) {
            Arc::make_mut(self).open.retain(|job, _| !ended(job));
        }
    }

    /// Ends, uncounted, the open runs not heard of since `horizon`.
    pub(super) fn end_unheard(self: &mut Arc<Self>, horizon: Timestamp) {
        let unheard = |run: &OpenRun| run.heard_at < horizon;
        if self.open.values().any(unheard) {
            Arc::make_mut(self).open.retain(|_, run| !unheard(run));
        }
    }

    /// Drops the keys of runs that ended on earlier days.
    pub(super) fn drop_keys_before(self: &mut Arc<Self>, kept_from: Date) {
        let oldest = self.settled.first_key_value();
        if oldest.is_some_and(|(day, _)| *day < kept_from) {
            let settled = &mut Arc::make_mut(self).settled;
            *settled = settled.split_off(&kept_from);
        }
    }

    /// When it last had a run, if it has no open one.
    pub(super) fn idle_since(&self) -> Option<Timestamp> {
        self.open.is_empty().then_some(self.active_at)
    }

    /// The account as the page shows it.
    pub(super) fn feed(&self, table: &Arc<str>, feed: &Arc<str>) -> Feed {
        let newest = self.newest.as_ref();
        let newest = newest.map(|run| (run.place, &run.job, &run.state));
        let open = self.open.iter();
        let newest_open = open.clone().map(|(job, run)| (run.place, job, &run.state));
        let running = open.filter_map(|(job, run)| Some((run.place, job, run.started_at?)));
        Feed {
            table: Arc::clone(table),
            feed: Arc::clone(feed),
            state: newest
                .into_iter()
                .chain(newest_open)
                .max()
                .and_then(|(_, _, state)| state.clone()),
            running_since: running.max().map(|(_, _, started_at)| started_at),
            last_run: self.last_run.as_ref().map(|last| last.run.clone()),
            last_success: self.last_success,
            totals: self.totals.clone(),
            created: self.created,
        }
    }
}

/// The day of a time, in UTC.
pub(super) fn day(time: Timestamp) -> Date {
    jiff::tz::Offset::UTC.to_datetime(time).date()
}
