//! How an observation of jobs enters the history: which runs are counted, by the
//! rules in [`super`].

use std::collections::HashSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::observed::ObservedRun;
use super::record::{Recorded, Unknown};
use super::{FeedId, LISTED, RunHistory};
use crate::clock::before;
use crate::jobs::Job;

/// Between two observations further apart than this, runs may have finished
/// that the API does not list any more.
const COVERED: SignedDuration = SignedDuration::from_hours(7 * 24);

impl RunHistory {
    /// Takes in the jobs of one successful refresh, in any order, however
    /// often each was seen before. All of them: one left out because the page
    /// has no room for it would not be counted.
    ///
    /// `now` is the time by the API's clock at which the refresh *began*: a
    /// run that ends during the refresh has then ended after it.
    pub fn observe<'a>(&mut self, jobs: impl IntoIterator<Item = &'a Job>, now: Timestamp) {
        self.observe_part(jobs, now);
        if let Some(covered_until) = self.covered_until {
            let uncovered = now.duration_since(covered_until) - COVERED;
            let uncovered = Duration::try_from(uncovered).unwrap_or_default();
            self.gap = self.gap.saturating_add(uncovered);
            if uncovered > Duration::ZERO {
                self.covered_since = Some(now);
            }
        }
        // Not later than now: the clock may have been set back.
        self.covered_since = Some(self.covered_since.map_or(now, |since| since.min(now)));
        self.covered_until = Some(now);
    }

    /// As [`observe`](Self::observe), for a refresh whose list of jobs could
    /// not be fetched: other runs than these may have finished as well.
    pub fn observe_part<'a>(&mut self, jobs: impl IntoIterator<Item = &'a Job>, now: Timestamp) {
        let first = self.history_until.is_none();
        let history_until = self.history_until.unwrap_or(now);
        let listed_from = before(now, LISTED);
        let jobs: Vec<&Job> = jobs.into_iter().collect();
        let finished_jobs = jobs.iter().filter(|job| job.is_finished());
        let finished_jobs: HashSet<&str> = finished_jobs.map(|job| &*job.id).collect();
        let runs = self.runs_of_kept_feeds(&jobs, now);
        let (finished, open): (Vec<&ObservedRun<'_>>, Vec<_>) =
            runs.iter().partition(|run| run.table.finished);
        let mut latest_end = Timestamp::MIN;
        let mut finished_runs = HashSet::new();
        for run in finished {
            finished_runs.insert(run.key());
            latest_end = latest_end.max(run.end.unwrap_or(latest_end));
            let unknown = if self.may_be_dropped(run) {
                Unknown::Ignored
            } else if first || run.ended_before(history_until) {
                Unknown::History
            } else {
                Unknown::New
            };
            self.record_finished(run, unknown);
        }
        for run in open {
            if !finished_runs.contains(&run.key()) {
                self.record_open(run);
            }
        }
        self.observed_at = Some(now);
        self.history_until = Some(history_until.max(listed_from.min(latest_end)));
        self.end_open_runs(|job| finished_jobs.contains(job));
        if let Some(kept_from) = self.keys_kept_from() {
            for record in self.records_mut() {
                record.drop_keys_before(kept_from);
            }
        }
        self.enforce_limits();
    }

    fn record_open(&mut self, run: &ObservedRun<'_>) {
        if let Some(record) = self.record_mut(&run.table.table, &run.table.feed)
            && record.record_open(run)
        {
            self.changes.feed(FeedId::of(run.table));
        }
    }

    fn record_finished(&mut self, observed: &ObservedRun<'_>, unknown: Unknown) {
        let kind = self.kind;
        let Some(record) = self.record_mut(&observed.table.table, &observed.table.feed) else {
            return;
        };
        let feed = || FeedId::of(observed.table);
        match record.record_finished(observed, unknown, kind) {
            Recorded::Nothing => {}
            Recorded::Record => {
                self.changes.feed(feed());
            }
            Recorded::Run(run) => {
                self.updated.insert(feed());
                self.changes.run(feed(), run);
            }
        }
    }
}
