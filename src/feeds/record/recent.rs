//! The latest finished runs of a feed, which are known whole, and what follows
//! from them: the last success, the failures since then and their reasons.

use std::sync::Arc;

use jiff::Timestamp;

use super::{FeedRecord, Newest};
use crate::feeds::Run;
use crate::feeds::observed::ObservedRun;

/// Finished runs kept in memory with all they have: enough for the status
/// page, and to count the rest of a run that resumes.
pub(in crate::feeds) const RECENT: usize = 20;

/// Unsuccessful runs kept in addition, because people resume these.
const RECENT_FAILED: usize = 30;

impl FeedRecord {
    pub(super) fn recent(&self, job: &str) -> Option<&Arc<Run>> {
        self.recent.iter().find(|run| *run.job == *job)
    }

    /// Notes what is shown of a finished run, and keeps it among the recent.
    pub(super) fn keep(
        &mut self,
        observed: &ObservedRun<'_>,
        run: Run,
        place_when_open: Option<Timestamp>,
    ) -> Arc<Run> {
        let place = observed.start.or(place_when_open);
        let place = place.unwrap_or(run.ordered_at);
        let newest = self.newest.as_ref().map(|run| (run.place, &run.job));
        if newest <= Some((place, &run.job)) {
            self.newest = Some(Newest {
                place,
                job: Arc::clone(&run.job),
                state: run.state.clone(),
            });
        }
        let run = Arc::new(run);
        let known = self.recent(&run.job).cloned();
        self.keep_recent(Arc::clone(&run));
        self.note_outcome(&run, known.is_some_and(|known| known.failed()));
        if self.is_news(observed, &run)
            && let Some(failure) = &observed.job.failure
        {
            self.failures.note(&run, failure);
        }
        run
    }

    /// Notes why the last run failed, if an answer says more than is known.
    /// Returns whether it does.
    pub(super) fn note_failure(
        self: &mut Arc<Self>,
        observed: &ObservedRun<'_>,
        run: &Run,
    ) -> bool {
        let is_news = self.is_news(observed, run);
        if is_news && let Some(failure) = &observed.job.failure {
            Arc::make_mut(self).failures.note(run, failure);
        }
        is_news
    }

    fn is_news(&self, observed: &ObservedRun<'_>, run: &Run) -> bool {
        let is_last = self.recent.last().is_some_and(|last| last.job == run.job);
        let failure = observed.job.failure.as_ref();
        is_last && failure.is_some_and(|failure| self.failures.is_news(run, failure))
    }

    /// Adds a finished run to the recent ones, in the place of what was known
    /// of it before.
    pub(in crate::feeds) fn keep_recent(&mut self, run: Arc<Run>) {
        let mut recent: Vec<_> = self.recent.iter().cloned().collect();
        recent.retain(|other| other.job != run.job);
        let place = recent.partition_point(|other| other.order() < run.order());
        recent.insert(place, run);
        let older = recent.len().saturating_sub(RECENT);
        let latest = recent.split_off(older);
        recent.retain(|run| run.failed());
        let surplus = recent.len().saturating_sub(RECENT_FAILED);
        self.recent = recent.into_iter().skip(surplus).chain(latest).collect();
    }

    fn note_outcome(&mut self, run: &Run, counted_as_failure: bool) {
        if run.succeeded() {
            let end = run.ended_at.filter(|end| *end <= run.ordered_at);
            self.last_success = self.last_success.max(end);
            let last = self.recent.iter().rposition(|run| run.succeeded());
            let since = last.map_or(0, |last| last + 1);
            let failed = self.recent.iter().skip(since).filter(|run| run.failed());
            self.failures_since_success = failed.count() as u64;
        } else if run.failed() && !counted_as_failure {
            let is_later = |other: &Arc<Run>| other.succeeded() && other.order() > run.order();
            let superseded =
                self.last_success > Some(run.ordered_at) || self.recent.iter().any(is_later);
            self.failures_since_success += u64::from(!superseded);
        }
    }
}
