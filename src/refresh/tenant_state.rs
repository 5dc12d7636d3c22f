//! The state of one tenant between two refreshes, and what follows from one:
//! counters in the feed history, `amperity_up`, and the snapshot for the page.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Environment;
use super::api_clock::{ApiClock, VersionEnd};
use super::discovery::Discovery;
use super::expectations::FeedExpectations;
use super::first_increments::PublishedCounters;
use super::known_jobs::{KnownJobs, Selection};
use super::outcome::{Listed, RefreshOutcome};
use super::state_log::StateLog;
use super::workflows::Workflows;
use crate::amperity::{ApiError, Client, Observed};
use crate::clock::before;
use crate::config;
use crate::exposition::limit_page;
use crate::feeds::RunHistory;
use crate::jobs::Job;
use crate::snapshot::{Failure, Snapshot, Status};
use crate::telemetry::TenantTelemetry;

/// Everything one refresh works with and leaves for the next one.
#[derive(Debug)]
pub(super) struct TenantState {
    pub(super) settings: Arc<config::Tenant>,
    pub(super) times: RefreshTimes,
    pub(super) client: Arc<Client>,
    pub(super) known: KnownJobs,
    pub(super) discovery: Discovery,
    pub(super) feeds: RunHistory,
    pub(super) expectations: FeedExpectations,
    pub(super) workflows: Workflows,
    pub(super) feed_counters: PublishedCounters,
    pub(super) workflow_counters: PublishedCounters,
    pub(super) status: Status,
    pub(super) telemetry: TenantTelemetry,
    pub(super) clock: ApiClock,
    pub(super) version_end: VersionEnd,
    pub(super) log: StateLog,
    /// Answers the feed history has not seen yet. Kept here, so that a refresh
    /// that is cancelled leaves them to the next one.
    pub(super) unobserved: Vec<Arc<Job>>,
    /// Whether the last refresh requested single jobs and all failed.
    pub(super) all_jobs_failed: bool,
}

/// The times that the configuration sets for a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RefreshTimes {
    pub(super) stale_after: Duration,
    pub(super) forget_after: Duration,
    /// The longest a refresh may take.
    pub(super) budget: Duration,
}

impl TenantState {
    pub(super) fn new(
        settings: Arc<config::Tenant>,
        times: RefreshTimes,
        client: Arc<Client>,
        feeds: RunHistory,
        workflows: RunHistory,
        telemetry: TenantTelemetry,
    ) -> Self {
        let mut known = KnownJobs::default();
        known.configure(&settings);
        if settings.discovery.is_some() {
            known.follow(feeds.unfinished());
        }
        Self {
            settings,
            times,
            client,
            known,
            discovery: Discovery::default(),
            feed_counters: PublishedCounters::of(&feeds),
            workflow_counters: PublishedCounters::of(&workflows),
            feeds,
            expectations: FeedExpectations::default(),
            workflows: Workflows::new(workflows),
            status: Status::default(),
            telemetry,
            clock: ApiClock::default(),
            version_end: VersionEnd::default(),
            log: StateLog::default(),
            unobserved: Vec::new(),
            all_jobs_failed: false,
        }
    }

    /// Takes over new settings with everything that is known.
    pub(super) fn reconfigure(
        &mut self,
        settings: Arc<config::Tenant>,
        times: RefreshTimes,
        client: Arc<Client>,
    ) {
        self.known.configure(&settings);
        // A longer window has more to find.
        self.discovery = Discovery::default();
        if settings.collect.feeds && !self.settings.collect.feeds {
            // The feed history has not seen what was found meanwhile.
            self.unobserved = self.known.answered();
        }
        self.workflows.start_over();
        if !settings.collect.workflows {
            self.status.workflows_up = None;
            self.status.workflows_dropped = 0;
        }
        self.settings = settings;
        self.times = times;
        self.client = client;
    }

    /// Notes what a call showed besides its answer.
    pub(super) fn observe(&mut self, observed: &Observed, outcome: &mut RefreshOutcome) {
        outcome.requests += observed.requests;
        self.clock.observe(&self.settings.tenant, observed);
        if observed.token_sent {
            self.status.token_expiry = observed.token_expiry;
        }
    }

    /// Enters the answers in the feed history and saves it before anything of
    /// it is on the page: a crash must not take back what a scrape has seen.
    /// The refresh began at `began` by the API's clock.
    pub(super) async fn update_feeds(
        &mut self,
        environment: &Environment,
        outcome: &RefreshOutcome,
        began: Timestamp,
    ) {
        let answered = std::mem::take(&mut self.unobserved);
        let nothing_new = answered.is_empty() && outcome.failure.is_some();
        if !self.settings.collect.feeds || nothing_new {
            return;
        }
        if self.clock.is_disputed() {
            // With a wrong time, runs would be taken for history and feeds
            // would be forgotten. Once the time is right, all are listed again.
            self.discovery.last_full = None;
            return;
        }
        if outcome.failure.is_none() {
            let covered_until = self.feeds.covered_until();
            self.expectations
                .observe(covered_until, began, self.times.stale_after);
        }
        let jobs = answered.iter().map(|job| &**job);
        if outcome.listed == Listed::Incomplete {
            self.feeds.observe_part(jobs, began);
        } else {
            self.feeds.observe(jobs, began);
        }
        let tenant = &*self.settings.tenant;
        let forgotten = self.feeds.forget(before(began, self.times.forget_after));
        if forgotten > 0 {
            tracing::info!(
                tenant,
                feeds = forgotten,
                "removed feeds without a run for feeds.forget_after"
            );
        }
        let gap = self.feeds.state_gap();
        if gap > self.status.state_gap {
            let gap = humantime::format_duration(Duration::from_secs(gap.as_secs()));
            tracing::warn!(tenant, %gap, "no jobs were listed for more than seven days, which is as far back as the API lists them; runs that finished in the gap are not counted");
        }
        self.status.state_gap = gap;
        // A list of a short window shows only a few of the feeds that were dropped.
        let dropped = self.feeds.dropped();
        self.status.feeds_dropped = match outcome.listed {
            Listed::Whole => dropped,
            _ => dropped.max(self.status.feeds_dropped),
        };
        self.log.feeds_dropped(tenant, self.status.feeds_dropped);
        let (tenant, rules) = (&self.settings.tenant, &self.settings.feed_rules);
        environment.save(tenant, &mut self.feeds).await;
        self.expectations
            .learn(tenant, rules, &mut self.feeds, &environment.store)
            .await;
    }

    /// Sets `amperity_up` and the status that belongs to it.
    pub(super) fn conclude(&mut self, failure: Option<ApiError>, now: Timestamp) {
        let tenant = &*self.settings.tenant;
        self.status.deprecation = self.version_end.deprecation();
        self.status.sunset = self.version_end.sunset();
        self.status.up = failure.is_none();
        let since = self.status.failure.take().map(|failure| failure.since);
        let Some(error) = failure else {
            self.status.last_success = Some(now);
            let lasted = since.map(|since| seconds_between(since, now));
            self.log
                .refresh_succeeded(tenant, lasted.unwrap_or_default());
            return;
        };
        self.log.refresh_failed(tenant, &error);
        self.status.failure = Some(Failure {
            reason: error.reason,
            message: error.message,
            since: since.unwrap_or(now),
        });
    }

    /// Whether the last success was so long ago that jobs leave the page.
    pub(super) fn is_stale(&self, now: Timestamp) -> bool {
        let stale_after = self.times.stale_after;
        let fresh = |success: Timestamp| seconds_between(success, now) <= stale_after;
        !self.status.last_success.is_some_and(fresh)
    }

    /// What the page shows from now on.
    pub(super) fn snapshot(&mut self, now: Timestamp) -> Snapshot {
        let shows_jobs = self.settings.collect.jobs && !self.is_stale(now);
        let selection = if shows_jobs {
            let stale_before = before(self.clock.translate(now), self.times.stale_after);
            let selection = self.known.select(stale_before);
            self.log.jobs_dropped(&self.settings, selection.dropped);
            selection
        } else {
            Selection::default()
        };
        self.status.jobs_dropped = selection.dropped;
        self.status.jobs = selection.jobs.len();
        let settings = &self.settings;
        let mut feeds = Vec::new();
        if settings.collect.feeds {
            feeds = self.feeds.feeds();
            let now = self.clock.translate(now);
            let stale_after = self.times.stale_after;
            self.expectations
                .add_to(&mut feeds, &self.known.answered(), now, stale_after);
            self.feed_counters.hold_back_first(&mut feeds);
        }
        let (mut workflows, mut workflow_names) = (Vec::new(), BTreeMap::new());
        if settings.collect.workflows {
            let now = self.clock.translate(now);
            let (types, stale_after) = (&settings.workflow_types, self.times.stale_after);
            workflows = self.workflows.shown(types, now, stale_after);
            self.workflow_counters.hold_back_first(&mut workflows);
            workflow_names = self.workflows.names(&selection.jobs, &feeds);
        }
        let mut snapshot = Snapshot {
            tenant: Arc::clone(&settings.tenant),
            status: self.status.clone(),
            jobs: selection.jobs.into(),
            configured: self.known.configured().into(),
            feeds: feeds.into(),
            workflows: workflows.into(),
            workflow_names: workflow_names.into(),
            ui_url: settings.ui_url.clone(),
            files: settings.collect.files,
            created_series: settings.created_series,
        };
        let over = limit_page(&mut snapshot, settings.page_bytes);
        self.log.page_limit(settings, over, &snapshot.status);
        snapshot
    }

    /// Notes what is on the page until the next refresh.
    pub(super) fn note_published(&mut self, snapshot: &Snapshot) {
        self.feed_counters.note(&snapshot.feeds);
        self.workflow_counters.note(&snapshot.workflows);
    }
}

/// Zero if the clock was set back.
fn seconds_between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(to.as_second() - from.as_second()).unwrap_or(0))
}
