//! One tenant's past, refresh by refresh: what the exporter would have known
//! at each time, by the code that serves.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::JobsError;
use super::jobs_in_time::JobsInTime;
use crate::clock::before;
use crate::config::{DEFAULT_STALE_AFTER, FeedRules, WorkflowTypes};
use crate::feeds::RunHistory;
use crate::feeds::store::Store;
use crate::jobs::Job;
use crate::refresh::expectations::FeedExpectations;
use crate::refresh::workflows::Workflows;
use crate::snapshot::{Failure, Snapshot, Status};
use crate::telemetry::Reason;

/// How a tenant is replayed.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// The value of the `tenant` label.
    pub tenant: Arc<str>,
    /// How long jobs stay on the page, as `discovery.window`.
    pub window: Duration,
    /// Whether the families of jobs are written.
    pub jobs: bool,
    /// Whether those of single files are.
    pub files: bool,
    /// The types of workflows that are written, as `workflows.types`.
    pub workflow_types: Arc<WorkflowTypes>,
    /// As `feeds.forget_after`.
    pub forget_after: Duration,
    /// Whether unfinished tables are taken to read their rows evenly. Final records do
    /// not say how a run progressed.
    pub reads_evenly: bool,
    /// What is configured about the feeds, as `feeds.expect`.
    pub rules: Arc<FeedRules>,
}

/// One tenant from one refresh to the next.
pub struct Replay<I: Iterator> {
    options: ReplayOptions,
    jobs: JobsInTime<I>,
    feeds: RunHistory,
    expectations: FeedExpectations,
    /// `None` if workflow runs are not collected.
    workflows: Option<ReplayedWorkflows<I>>,
    store: Store,
    status: Status,
}

struct ReplayedWorkflows<I: Iterator> {
    runs: JobsInTime<I>,
    known: Workflows,
}

impl<I: Iterator<Item = Result<Job, JobsError>>> Replay<I> {
    /// A tenant about which nothing is known yet. `jobs` and `workflow_runs` are in
    /// the order in which they started.
    pub fn new(options: ReplayOptions, jobs: I, workflow_runs: Option<I>) -> Self {
        let workflows = workflow_runs.map(|runs| ReplayedWorkflows {
            runs: JobsInTime::new(runs, options.window, false),
            known: Workflows::new(RunHistory::of_workflows()),
        });
        Self {
            jobs: JobsInTime::new(jobs, options.window, options.reads_evenly),
            options,
            feeds: RunHistory::new(),
            expectations: FeedExpectations::default(),
            workflows,
            store: Store::in_memory(),
            status: Status::default(),
        }
    }

    /// When the first job or workflow run started.
    ///
    /// # Errors
    /// If the first one cannot be read.
    pub fn first(&mut self) -> Result<Option<Timestamp>, JobsError> {
        let mut first = self.jobs.first()?;
        if let Some(workflows) = &mut self.workflows {
            first = first.into_iter().chain(workflows.runs.first()?).min();
        }
        Ok(first)
    }

    /// Whether nothing more happens.
    pub fn is_over(&mut self) -> bool {
        let workflows = self.workflows.as_mut();
        self.jobs.is_over() && workflows.is_none_or(|workflows| workflows.runs.is_over())
    }

    /// A refresh that succeeds at a time later than that of the last one.
    ///
    /// # Errors
    /// If the next job or workflow run cannot be read.
    pub async fn refresh(&mut self, now: Timestamp) -> Result<Snapshot, JobsError> {
        self.refresh_feeds(now).await?;
        self.status = Status {
            up: true,
            last_success: Some(now),
            state_gap: self.feeds.state_gap(),
            feeds_dropped: self.feeds.dropped(),
            ..Status::default()
        };
        self.refresh_workflows(now).await?;
        Ok(self.snapshot(now))
    }

    async fn refresh_feeds(&mut self, now: Timestamp) -> Result<(), JobsError> {
        let changed = self.jobs.advance(now)?;
        let ReplayOptions { tenant, rules, .. } = &self.options;
        self.expectations
            .observe(self.feeds.covered_until(), now, DEFAULT_STALE_AFTER);
        self.feeds.observe(changed.iter().map(|job| &**job), now);
        self.feeds.forget(before(now, self.options.forget_after));
        if !changed.is_empty() {
            self.store.save(tenant, &mut self.feeds).await?;
            self.expectations
                .learn(tenant, rules, &mut self.feeds, &self.store)
                .await;
        }
        Ok(())
    }

    async fn refresh_workflows(&mut self, now: Timestamp) -> Result<(), JobsError> {
        let Some(ReplayedWorkflows { runs, known }) = &mut self.workflows else {
            return Ok(());
        };
        let ReplayOptions {
            tenant,
            workflow_types,
            forget_after,
            ..
        } = &self.options;
        let changed: Vec<Job> = runs
            .advance(now)?
            .iter()
            .map(|run| (**run).clone())
            .collect();
        let has_changed = !changed.is_empty();
        known.answered(changed, workflow_types, now);
        known.update_history(true, now, DEFAULT_STALE_AFTER, before(now, *forget_after));
        if has_changed {
            self.store.save(tenant, &mut known.history).await?;
            let history = &mut known.history;
            known
                .expectations
                .learn(tenant, &Arc::default(), history, &self.store)
                .await;
        }
        self.status.workflows_up = Some(true);
        self.status.workflows_dropped = known.history.dropped();
        Ok(())
    }

    /// A refresh that fails: the page keeps what was known.
    pub fn failed_refresh(&mut self, now: Timestamp) -> Snapshot {
        self.status.up = false;
        self.status.failure.get_or_insert_with(|| Failure {
            reason: Reason::Unreachable,
            message: String::new(),
            since: now,
        });
        self.snapshot(now)
    }

    fn snapshot(&mut self, now: Timestamp) -> Snapshot {
        let mut feeds = self.feeds.feeds();
        let mut jobs = self.jobs.shown();
        self.expectations
            .add_to(&mut feeds, &jobs, now, DEFAULT_STALE_AFTER);
        if !self.options.jobs {
            jobs.clear();
        }
        self.status.jobs = jobs.len();
        let mut snapshot = Snapshot {
            status: self.status.clone(),
            jobs: jobs.into(),
            feeds: feeds.into(),
            files: self.options.files,
            ..Snapshot::empty(Arc::clone(&self.options.tenant))
        };
        if let Some(ReplayedWorkflows { known, .. }) = &mut self.workflows {
            let types = &self.options.workflow_types;
            let names = known.names(&snapshot.jobs, &snapshot.feeds);
            snapshot.workflow_names = names.into();
            snapshot.workflows = known.shown(types, now, DEFAULT_STALE_AFTER).into();
        }
        snapshot
    }
}
