//! The requests for workflows at the end of a refresh, after those for ingest
//! jobs. A failure of these requests is no failure of the refresh.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Environment;
use super::outcome::RefreshOutcome;
use super::tenant_state::TenantState;
use crate::amperity::{ApiError, WorkflowTime, WorkflowWindow};
use crate::clock::before;
use crate::jobs::Job;
use crate::telemetry::Reason;

/// Failed runs of one list that are logged.
const LOGGED: usize = 10;

/// Pages of one list. A list with more is requested in shorter pieces.
const MAX_PAGES: usize = 50;

/// Pages of all lists of one refresh; the rest is listed by the next ones.
const MAX_PAGES_OF_REFRESH: usize = 200;

impl TenantState {
    /// Requests what has changed, if there is time and the API answers. Returns
    /// whether all runs that may have changed were listed.
    pub(super) async fn request_workflows(
        &mut self,
        deadline: Instant,
        outcome: &mut RefreshOutcome,
    ) -> bool {
        let now = outcome.now;
        if !self.settings.collect.workflows
            || !outcome.has_answer()
            || !self.workflows.may_request(now)
        {
            return false;
        }
        // The page and the next refresh of ingest jobs wait for this.
        let deadline = deadline.min(Instant::now() + self.times.budget / 2);
        let requested = self.request_changed_workflows(now, deadline, outcome).await;
        let failure = requested.as_ref().err();
        self.workflows
            .concluded(failure.map(|error| error.reason), now);
        self.status.workflows_up = Some(failure.is_none());
        self.log.workflows(&self.settings.tenant, failure);
        failure.is_none() && self.workflows.discovery.is_complete()
    }

    async fn request_changed_workflows(
        &mut self,
        now: Timestamp,
        deadline: Instant,
        outcome: &mut RefreshOutcome,
    ) -> Result<(), ApiError> {
        let mut seen = HashSet::new();
        self.workflows.plan_list(now);
        let mut pages = 0;
        while pages < MAX_PAGES_OF_REFRESH
            && let Some(piece) = self.workflows.discovery.next()
        {
            let window = WorkflowWindow {
                time: WorkflowTime::Created,
                from: piece.from,
                to: piece.to,
            };
            match self.list_pages(window, deadline, &mut pages, outcome).await {
                Ok(runs) => {
                    self.note_workflows(runs, &mut seen, now, deadline, outcome)
                        .await;
                    self.workflows.discovery.listed(piece, now);
                }
                Err(error) => {
                    // Where time runs out, a shorter piece may fit.
                    let reason = if error.deadline_exceeded {
                        Reason::TooLarge
                    } else {
                        error.reason
                    };
                    let shorter = self.workflows.discovery.failed(piece, reason);
                    if shorter.is_none() || error.deadline_exceeded {
                        return Err(error);
                    }
                }
            }
        }
        if let Some(window) = self.workflows.ended_window(now) {
            let runs = self
                .list_pages(window, deadline, &mut pages, outcome)
                .await?;
            self.note_workflows(runs, &mut seen, now, deadline, outcome)
                .await;
            self.workflows.ended_listed(now);
        }
        for id in self.workflows.due(&seen, now) {
            if let Some(run) = self.request_workflow(&id, now, deadline, outcome).await? {
                let types = Arc::clone(&self.settings.workflow_types);
                let failed = self.workflows.answered(vec![run], &types, now);
                log_failed(&self.settings.tenant, &failed);
            }
        }
        Ok(())
    }

    /// All pages of a list. The same run may be on two of them.
    async fn list_pages(
        &mut self,
        window: WorkflowWindow,
        deadline: Instant,
        pages: &mut usize,
        outcome: &mut RefreshOutcome,
    ) -> Result<Vec<Job>, ApiError> {
        let mut runs = Vec::new();
        let mut token: Option<String> = None;
        let mut malformed = 0;
        for _ in 0..MAX_PAGES {
            *pages += 1;
            let client = Arc::clone(&self.client);
            let reply = client
                .workflow_runs(window, token.as_deref(), deadline)
                .await;
            self.observe(&reply.observed, outcome);
            let page = reply.outcome?;
            malformed += page.malformed;
            runs.extend(page.runs);
            token = page.next_token;
            if token.is_none() {
                self.log
                    .malformed_workflows(&self.settings.tenant, malformed);
                return Ok(runs);
            }
        }
        let message = format!("GET workflow/runs: the list has more than {MAX_PAGES} pages");
        Err(ApiError::new(Reason::TooLarge, message))
    }

    /// Notes listed runs. Failed ones without an error are requested by id.
    async fn note_workflows(
        &mut self,
        mut runs: Vec<Job>,
        seen: &mut HashSet<Arc<str>>,
        now: Timestamp,
        deadline: Instant,
        outcome: &mut RefreshOutcome,
    ) {
        let types = Arc::clone(&self.settings.workflow_types);
        for id in self.workflows.unexplained(&mut runs, &types, now) {
            let Some(place) = runs.iter().position(|run| run.id == id) else {
                continue;
            };
            // Without an answer the failure stays unexplained.
            if let Ok(Some(run)) = self.request_workflow(&id, now, deadline, outcome).await {
                self.workflows.explained(&run);
                runs[place] = run;
            }
        }
        seen.extend(runs.iter().map(|run| Arc::clone(&run.id)));
        let failed = self.workflows.answered(runs, &types, now);
        log_failed(&self.settings.tenant, &failed);
    }

    /// Requests one run; `None` if the API does not know it.
    async fn request_workflow(
        &mut self,
        id: &Arc<str>,
        now: Timestamp,
        deadline: Instant,
        outcome: &mut RefreshOutcome,
    ) -> Result<Option<Job>, ApiError> {
        self.workflows.requested(id, now);
        let client = Arc::clone(&self.client);
        let reply = client.workflow_run(id, deadline).await;
        self.observe(&reply.observed, outcome);
        match reply.outcome {
            Ok(run) => Ok(Some(run)),
            Err(error) if error.reason == Reason::NotFound => {
                self.workflows.gone(id);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Enters the answers in the history and saves it before anything of it is
    /// on the page. The refresh began at `began` by the API's clock; `complete`
    /// says whether it listed all runs that may have changed.
    pub(super) async fn update_workflows(
        &mut self,
        environment: &Environment,
        complete: bool,
        began: Timestamp,
    ) {
        let nothing_new = self.workflows.unobserved.is_empty();
        if !self.settings.collect.workflows || !complete && nothing_new {
            self.workflows.unobserved.clear();
            return;
        }
        if self.clock.is_disputed() {
            // As for feeds: when the time is right, all are listed again.
            self.workflows.unobserved.clear();
            self.workflows.start_over();
            return;
        }
        let stale_after = self.times.stale_after;
        let forget_before = before(began, self.times.forget_after);
        let workflows = &mut self.workflows;
        let forgotten = workflows.update_history(complete, began, stale_after, forget_before);
        let tenant = &self.settings.tenant;
        if forgotten > 0 {
            tracing::info!(
                tenant = &**tenant,
                workflows = forgotten,
                "removed workflows without a run for feeds.forget_after"
            );
        }
        self.status.workflows_dropped = workflows.history.dropped();
        environment.save(tenant, &mut workflows.history).await;
        let rules = Arc::default();
        workflows
            .expectations
            .learn(tenant, &rules, &mut workflows.history, &environment.store)
            .await;
    }
}

/// Logs runs that failed.
fn log_failed(tenant: &str, failed: &[Job]) {
    for run in failed.iter().take(LOGGED) {
        let (Some(failure), Some(table)) = (&run.failure, run.tables.first()) else {
            continue;
        };
        tracing::info!(
            tenant,
            workflow = &*table.table,
            run = &*run.id,
            attribution = failure.attribution.as_str(),
            error_type = &*failure.error_type,
            error = &*failure.message,
            "a workflow failed"
        );
    }
    if let Some(more) = failed.len().checked_sub(LOGGED).filter(|more| *more > 0) {
        tracing::info!(tenant, more, "more workflows failed");
    }
}
