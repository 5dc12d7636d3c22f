//! What is known of one feed: its open runs, the keys of its finished ones,
//! the latest of them whole, and the counters. The rules are in [`super`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::finished::FinishedJobs;
use super::observed::ObservedRun;
use super::{Failures, Feed, HistoryKind, Run, Totals};
use crate::expectations::Expected;
use crate::jobs::State;

/// `last_seen` of an open run is updated at most this often, so that a feed
/// in which nothing else happens need not be written.
const SEEN_INTERVAL: SignedDuration = SignedDuration::from_mins(30);

mod recent;

pub(super) use recent::RECENT;

/// What is known of one feed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FeedRecord {
    /// When the counters began.
    pub(super) created: Timestamp,
    /// The latest end of its finished runs.
    pub(super) active_at: Timestamp,
    /// The unfinished runs, by job.
    pub(super) open: BTreeMap<Arc<str>, OpenRun>,
    /// The jobs of finished runs.
    pub(super) finished: FinishedJobs,
    /// Those of them of which only the key is stored.
    pub(super) keys_only: BTreeSet<Arc<str>>,
    /// The finished run that started last.
    pub(super) newest: Option<Newest>,
    /// The latest finished runs, in the order of [`Run::order`].
    pub(super) recent: Arc<[Arc<Run>]>,
    pub(super) last_success: Option<Timestamp>,
    pub(super) failures_since_success: u64,
    pub(super) totals: Totals,
    pub(super) failures: Failures,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct OpenRun {
    pub(super) state: Option<State>,
    pub(super) started_at: Option<Timestamp>,
    /// Its place in the order of starts: its start, or what comes closest.
    pub(super) place: Timestamp,
    pub(super) last_seen: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Newest {
    /// Its place in the order of starts.
    pub(super) place: Timestamp,
    pub(super) job: Arc<str>,
    pub(super) state: Option<State>,
}

/// What happens to a finished run that was never seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// It is counted.
    New,
    /// It is kept and not counted.
    History,
    /// It may be one that was counted, whose key was dropped.
    Ignored,
}

/// What an observation changed.
#[derive(Debug)]
pub(super) enum Recorded {
    Nothing,
    Record,
    Run(Arc<Run>),
}

impl Recorded {
    fn of_record(changed: bool) -> Self {
        if changed { Self::Record } else { Self::Nothing }
    }
}

impl FeedRecord {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            created: now,
            active_at: Timestamp::MIN,
            open: BTreeMap::new(),
            finished: FinishedJobs::default(),
            keys_only: BTreeSet::new(),
            newest: None,
            recent: Arc::default(),
            last_success: None,
            failures_since_success: 0,
            totals: Totals::default(),
            failures: Failures::default(),
        }
    }

    /// Records a run seen unfinished. Returns whether anything changed.
    pub(super) fn record_open(self: &mut Arc<Self>, run: &ObservedRun<'_>) -> bool {
        let resumes = self.recent(run.id()).is_some_and(|run| !run.succeeded());
        if !resumes && (self.day_of(run).is_some() || self.recent(run.id()).is_some()) {
            return false;
        }
        let known = self.open.get(run.id());
        let place = run.start.or(known.map(|known| known.place));
        let fresh = OpenRun {
            state: run.table.state.clone(),
            started_at: run.table.started_at,
            place: place.unwrap_or(run.now),
            last_seen: known
                .map(|known| known.last_seen)
                .filter(|last| run.now.duration_since(*last).abs() < SEEN_INTERVAL)
                .unwrap_or(run.now),
        };
        if known == Some(&fresh) {
            return false;
        }
        let record = Arc::make_mut(self);
        record.open.insert(Arc::clone(run.id()), fresh);
        true
    }

    /// Records a run seen finished.
    pub(super) fn record_finished(
        self: &mut Arc<Self>,
        observed: &ObservedRun<'_>,
        unknown: Unknown,
        kind: HistoryKind,
    ) -> Recorded {
        let filed_on = self.day_of(observed);
        let known = self.recent(observed.id()).cloned();
        match (filed_on, known) {
            (None, None) => {
                let was_open = self.open.contains_key(observed.id());
                if unknown == Unknown::Ignored && !was_open {
                    return Recorded::Nothing;
                }
                Arc::make_mut(self).first_finish(observed, unknown == Unknown::New)
            }
            (_, Some(known)) => self.finish_again(observed, filed_on, &known, kind),
            (Some(filed_on), None) => self.finish_of_old_run(observed, filed_on),
        }
    }

    fn first_finish(&mut self, observed: &ObservedRun<'_>, new: bool) -> Recorded {
        let run = observed.run();
        let open = self.open.remove(&run.job);
        if new || open.is_some() {
            self.totals.count(&run);
            if let Some(failure) = &observed.job.failure {
                self.failures.add(failure);
            }
        }
        self.file(&run.job, run.ordered_at);
        Recorded::Run(self.keep(observed, run, open.map(|open| open.place)))
    }

    /// A run that was seen finished before and is known whole.
    fn finish_again(
        self: &mut Arc<Self>,
        observed: &ObservedRun<'_>,
        filed_on: Option<Date>,
        known: &Arc<Run>,
        kind: HistoryKind,
    ) -> Recorded {
        let refiled = filed_on.is_some_and(|filed_on| self.refile(observed, filed_on));
        let mut run = observed.run();
        run.rows = known.rows.max(run.rows);
        if observed.end.is_none() {
            run.ordered_at = known.ordered_at;
        }
        if run.ordered_at == known.ordered_at {
            // Answers that alternate between two times do not add up.
            run.started_at = known.started_at.into_iter().chain(run.started_at).min();
            run.ended_at = run.ended_at.max(known.ended_at);
        }
        let resumed = self.open.contains_key(&run.job);
        let is_old = run.ordered_at < known.ordered_at && !resumed;
        if **known == run && !resumed || is_old || known.succeeded() && !run.succeeded() {
            return Recorded::of_record(self.note_failure(observed, known) || refiled);
        }
        let record = Arc::make_mut(self);
        record.open.remove(&run.job);
        record.keys_only.remove(&run.job);
        let ended_again = resumed || run.ordered_at > known.ordered_at;
        let counts_again = ended_again && kind.counts_outcome_again();
        record.totals.count_growth(known, &run, counts_again);
        Recorded::Run(record.keep(observed, run, None))
    }

    /// A run that was seen finished before, of which only the key is known.
    fn finish_of_old_run(
        self: &mut Arc<Self>,
        observed: &ObservedRun<'_>,
        filed_on: Date,
    ) -> Recorded {
        let refiled = self.refile(observed, filed_on);
        if !self.keys_only.contains(observed.id()) {
            return Recorded::of_record(refiled);
        }
        let record = Arc::make_mut(self);
        record.keys_only.remove(observed.id());
        Recorded::Run(record.keep(observed, observed.run(), None))
    }

    /// The day a finished run is filed under.
    fn day_of(&self, observed: &ObservedRun<'_>) -> Option<Date> {
        let likely = day(observed.ordered_at());
        self.finished.day_of(observed.id(), likely)
    }

    fn file(&mut self, job: &Arc<str>, at: Timestamp) {
        self.finished.insert(day(at), job);
        self.active_at = self.active_at.max(at);
    }

    /// Files the key of a finished run under the latest day known for it, so
    /// that it is not dropped while the run could be taken for a new one. For
    /// a run without a time that is the day it was last seen. Returns whether
    /// anything changed.
    fn refile(self: &mut Arc<Self>, observed: &ObservedRun<'_>, filed_on: Date) -> bool {
        let later = day(observed.ordered_at()) > filed_on;
        if later {
            let record = Arc::make_mut(self);
            record.finished.remove(filed_on, observed.id());
            record.file(observed.id(), observed.ordered_at());
        }
        later
    }

    /// Ends, uncounted, the open runs of some jobs. Returns whether there were
    /// any.
    pub(super) fn end_open_runs(self: &mut Arc<Self>, ended: impl Fn(&str) -> bool) -> bool {
        let any = self.open.keys().any(|job| ended(job));
        if any {
            Arc::make_mut(self).open.retain(|job, _| !ended(job));
        }
        any
    }

    /// Ends, uncounted, the open runs not seen since `horizon`. Returns
    /// whether there were any.
    pub(super) fn end_unseen(self: &mut Arc<Self>, horizon: Timestamp) -> bool {
        let unseen = |run: &OpenRun| run.last_seen < horizon;
        let any = self.open.values().any(unseen);
        if any {
            Arc::make_mut(self).open.retain(|_, run| !unseen(run));
        }
        any
    }

    /// Drops the keys of runs that ended on earlier days.
    pub(super) fn drop_keys_before(self: &mut Arc<Self>, kept_from: Date) {
        if self.finished.first_day().is_some_and(|day| day < kept_from) {
            let record = Arc::make_mut(self);
            for job in record.finished.drop_before(kept_from) {
                record.keys_only.remove(&job);
            }
        }
    }

    /// The time from its first known run to its last one.
    pub(super) fn covers(&self) -> SignedDuration {
        let first = self
            .recent
            .first()
            .map_or(self.created, |run| run.ordered_at);
        self.active_at.duration_since(first.min(self.created))
    }

    /// When it last had a run, if it has no open one.
    pub(super) fn idle_since(&self) -> Option<Timestamp> {
        self.open.is_empty().then_some(self.active_at)
    }

    /// The feed as the page shows it.
    pub(super) fn feed(&self, table: &Arc<str>, feed: &Arc<str>) -> Feed {
        // Of a run that was resumed, the open one is the present one.
        let newest = self.newest.as_ref();
        let newest = newest.map(|run| (run.place, &run.job, false, &run.state));
        let open = self.open.iter();
        let newest_open = open
            .clone()
            .map(|(job, run)| (run.place, job, true, &run.state));
        let running = open.filter_map(|(job, run)| Some((run.place, job, run.started_at?)));
        Feed {
            table: Arc::clone(table),
            feed: Arc::clone(feed),
            state: newest
                .into_iter()
                .chain(newest_open)
                .max()
                .and_then(|(_, _, _, state)| state.clone()),
            running_since: running.max().map(|(_, _, started_at)| started_at),
            last_run: self.recent.last().cloned(),
            recent_runs: Arc::clone(&self.recent),
            last_success: self.last_success,
            failures_since_success: self.failures_since_success,
            expected: Expected::default(),
            rule: None,
            totals: self.totals.clone(),
            failures: self.failures.clone(),
            created: self.created,
        }
    }
}

/// The day of a time, in UTC.
pub(super) fn day(time: Timestamp) -> Date {
    jiff::tz::Offset::UTC.to_datetime(time).date()
}

/// The first moment of a day, in UTC.
pub(super) fn midnight(day: Date) -> Timestamp {
    let midnight =
        jiff::tz::Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight()));
    midnight.unwrap_or(Timestamp::MIN)
}
