//! One tenant between two refreshes: what it knows, and what follows from the
//! last one: counters in the ledger, the verdict for `amperity_up`, one log
//! line where an operator wants to hear of it, the snapshot for the page.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Environment;
use super::harvest::{Harvest, Listed};
use super::known::{Known, Selection};
use crate::amperity::{ApiError, Client};
use crate::clock::before;
use crate::config;
use crate::feeds::RunHistory;
use crate::jobs::Job;
use crate::snapshot::{Failure, Snapshot, Status};
use crate::telemetry::{Reason, TenantTelemetry};

/// Everything one refresh works with; the memory it leaves for the next one.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) settings: Arc<config::Tenant>,
    pub(super) client: Arc<Client>,
    pub(super) known: Known,
    pub(super) history: RunHistory,
    pub(super) status: Status,
    pub(super) telemetry: TenantTelemetry,
    /// Answers the ledger has not seen yet. Kept here, so that a refresh that
    /// is given up leaves them to the next one.
    pub(super) unaccounted: Vec<Arc<Job>>,
    /// Configured jobs whose last question failed, as far as they were logged.
    pub(super) unreachable: Vec<Arc<str>>,
    /// Entries of the last list that were no jobs, as far as they were logged.
    pub(super) unreadable: usize,
    /// Whether `limits.jobs` leaves jobs out, as it was last logged.
    pub(super) limited: bool,
}

/// The times that the configuration sets for a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) stale_after: Duration,
    pub(super) forget_after: Duration,
    /// The longest a refresh may take.
    pub(super) budget: Duration,
}

impl Core {
    /// Enters the answers in the ledger and saves it before anything of it is
    /// on the page: a crash must not take back what a scrape has seen.
    /// The refresh began at `began` by the API's clock.
    pub(super) async fn account(
        &mut self,
        environment: &Environment,
        terms: Terms,
        harvest: &Harvest,
        began: Timestamp,
    ) {
        let answered = std::mem::take(&mut self.unaccounted);
        let silent = answered.is_empty() && harvest.failure.is_some();
        if !self.settings.collect.feeds || silent {
            return;
        }
        if self.client.observations().clocks_disputed {
            // By a wrong time runs would be taken for history, and feeds
            // forgotten. When the time is right, all are asked for again.
            self.known.last_full = None;
            return;
        }
        let jobs = answered.iter().map(|job| &**job);
        if harvest.listed == Listed::Failed {
            self.history.observe_part(jobs, began);
        } else {
            self.history.observe(jobs, began);
        }
        let tenant = &*self.settings.tenant;
        let forgotten = self.history.forget(before(began, terms.forget_after));
        if forgotten > 0 {
            tracing::info!(
                tenant,
                feeds = forgotten,
                "feeds without a run for feeds.forget_after leave the page"
            );
        }
        let gap = self.history.state_gap();
        if gap > self.status.state_gap {
            let gap = humantime::format_duration(Duration::from_secs(gap.as_secs()));
            tracing::warn!(tenant, %gap, "the API's list reaches back seven days only; runs that finished in the time before are not counted");
        }
        self.status.state_gap = gap;
        self.note_dropped_feeds(harvest.listed == Listed::Whole);
        self.save(environment).await;
    }

    /// Notes the feeds there is no room for, and logs when there are some and
    /// when there are none any more. A short list shows but few of them.
    fn note_dropped_feeds(&mut self, full: bool) {
        let before = self.status.feeds_dropped;
        let now = self.history.dropped();
        self.status.feeds_dropped = if full { now } else { now.max(before) };
        let tenant = &*self.settings.tenant;
        match (before, self.status.feeds_dropped) {
            (0, dropped @ 1..) => tracing::warn!(
                tenant,
                dropped,
                "more feeds than there is room for; their runs are not counted"
            ),
            (1.., 0) => tracing::info!(tenant, "there is room for every feed again"),
            _ => {}
        }
    }

    async fn save(&mut self, environment: &Environment) {
        let store = &environment.store;
        let saved = store.save(&self.settings.tenant, &mut self.history).await;
        if saved.is_err() {
            environment.telemetry.state_write_failures.inc();
        }
    }

    /// Draws the conclusion for `amperity_up`, and logs an outage when it
    /// begins, when its reason changes and when it ends.
    pub(super) fn conclude(&mut self, failure: Option<ApiError>, now: Timestamp) {
        let tenant = &*self.settings.tenant;
        let observed = self.client.observations();
        self.status.token_expiry = observed.token_expiry;
        self.status.deprecation = observed.deprecation;
        self.status.sunset = observed.sunset;
        self.status.up = failure.is_none();
        let before = self.status.failure.take();
        let Some(error) = failure else {
            self.status.last_success = Some(now);
            if let Some(before) = before {
                let lasted = humantime::format_duration(seconds_between(before.since, now));
                tracing::info!(tenant, reason = %before.reason, lasted = %lasted, "the API answers again");
            }
            return;
        };
        match &before {
            None => {
                tracing::warn!(tenant, reason = %error.reason, error = %error, "refresh failed; the last good data stays on the page until refresh.stale_after");
            }
            Some(before) if before.reason != error.reason => {
                tracing::warn!(tenant, reason = %error.reason, error = %error, "refresh still fails, for another reason");
            }
            Some(_) => {}
        }
        self.status.failure = Some(Failure {
            reason: error.reason,
            message: error.message,
            since: before.map_or(now, |before| before.since),
        });
    }

    /// Logs once which configured jobs cannot be fetched, and once when they
    /// can again. In an outage of the tenant there is nothing to add.
    pub(super) fn log_unreachable(&mut self, harvest: &Harvest) {
        if harvest.failure.is_some() {
            return;
        }
        let configured = self.known.configured();
        let asked = |id: &Arc<str>| self.known.jobs.get(id).is_some_and(|e| e.failure.is_some());
        let failing: Vec<Arc<str>> = configured
            .into_iter()
            .filter(|(id, up)| !up && asked(id))
            .map(|(id, _)| id)
            .collect();
        if failing == self.unreachable {
            return;
        }
        let tenant = &*self.settings.tenant;
        if failing.is_empty() {
            tracing::info!(tenant, "every configured job can be fetched again");
        } else if let Some(error) = &harvest.job_failure {
            let jobs = abridged(&failing);
            tracing::warn!(tenant, jobs, reason = %error.reason, error = %error, "configured jobs cannot be fetched; their amperity_ingest_job_up is 0");
        }
        self.unreachable = failing;
    }

    /// Logs once that a list had entries that are no jobs, and once when it
    /// has none any more.
    pub(super) fn log_unreadable(&mut self, harvest: &Harvest) {
        let Some(unreadable) = harvest.unreadable else {
            return;
        };
        let tenant = &*self.settings.tenant;
        match (self.unreadable, unreadable) {
            (0, 1..) => {
                tracing::warn!(tenant, entries = unreadable, reason = %Reason::Malformed, "entries of GET ingest/jobs cannot be read as jobs and are left out");
            }
            (1.., 0) => tracing::info!(tenant, "every entry of GET ingest/jobs can be read again"),
            _ => {}
        }
        self.unreadable = unreadable;
    }

    /// Whether there was no success for so long that jobs leave the page.
    pub(super) fn is_stale(&self, terms: Terms, now: Timestamp) -> bool {
        let fresh = |success: Timestamp| seconds_between(success, now) <= terms.stale_after;
        !self.status.last_success.is_some_and(fresh)
    }

    /// What the page is to show now.
    pub(super) fn snapshot(&mut self, terms: Terms, now: Timestamp) -> Snapshot {
        let selection = if !self.settings.collect.jobs {
            Selection::default()
        } else if !self.is_stale(terms, now) {
            let stale_before = before(self.api_time(now), terms.stale_after);
            let selection = self.known.select(self.settings.max_jobs, stale_before);
            self.log_limit(selection.dropped);
            selection
        } else {
            Selection::default()
        };
        self.status.jobs_dropped = selection.dropped;
        self.status.jobs = selection.jobs.len();
        let settings = &self.settings;
        let feeds = if settings.collect.feeds {
            self.history.feeds()
        } else {
            Vec::new()
        };
        Snapshot {
            tenant: Arc::clone(&settings.tenant),
            status: self.status.clone(),
            jobs: selection.jobs.into(),
            configured: self.known.configured().into(),
            feeds: feeds.into(),
            files: settings.collect.files,
        }
    }

    /// Logs once that jobs are left out, and once when they fit again.
    fn log_limit(&mut self, dropped: usize) {
        let (tenant, limit) = (&*self.settings.tenant, self.settings.max_jobs);
        match (self.limited, dropped > 0) {
            (false, true) => {
                tracing::warn!(
                    tenant,
                    limit,
                    dropped,
                    "more jobs than limits.jobs, or than 50000 tables; the oldest are left out: raise the limit or shorten discovery.window"
                );
            }
            (true, false) => tracing::info!(tenant, limit, "all jobs fit in limits.jobs again"),
            _ => {}
        }
        self.limited = dropped > 0;
    }

    /// A time of our clock as the API's clock has it.
    pub(super) fn api_time(&self, time: Timestamp) -> Timestamp {
        let offset = SignedDuration::from_millis(self.client.observations().clock_offset_ms);
        time.checked_add(offset).unwrap_or(time)
    }
}

/// The first few of many.
fn abridged(ids: &[Arc<str>]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = ids.iter().take(SHOWN).map(|id| &**id).collect();
    let more = ids.len().saturating_sub(SHOWN);
    let list = shown.join(", ");
    if more == 0 {
        list
    } else {
        format!("{list} and {more} more")
    }
}

/// Zero if time ran backwards.
fn seconds_between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(to.as_second() - from.as_second()).unwrap_or(0))
}
