//! One refresh of one tenant: the list of jobs, then the jobs that have to be
//! requested by id, then the feed history and its file, then the conclusions, then
//! the same for workflows.
//!
//! [`super::plan`] and [`super::discovery`] decide what to request,
//! [`super::known_jobs`] remembers the answers; this is the code that awaits
//! between them. [`super::tenant_task`] runs it.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Environment;
use super::discovery::Window;
use super::outcome::{Listed, RefreshOutcome};
use super::plan;
use super::tenant_state::TenantState;
use crate::amperity::{ApiError, Client, Listing, Reply};
use crate::clock::before;
use crate::jobs::Job;
use crate::telemetry::Reason;

impl TenantState {
    /// The part of a refresh that began at `started` which is about ingest jobs:
    /// its requests, and what follows from them.
    pub(super) async fn refresh_jobs(
        &mut self,
        environment: &Environment,
        started: Instant,
    ) -> RefreshOutcome {
        let deadline = started + self.times.budget;
        let now = self.clock.translate(environment.clock.now());
        let mut outcome = RefreshOutcome::new(now, self.all_jobs_failed);
        self.list(environment, started, &mut outcome).await;
        self.fetch_jobs(deadline, &mut outcome).await;
        self.check_credentials(deadline, &mut outcome).await;
        self.clock.end_refresh(outcome.has_answer());
        self.all_jobs_failed = outcome.all_jobs_failed();
        self.known.expire(&self.settings, outcome.now);
        let began = self.translate_start(environment, started);
        self.update_feeds(environment, &outcome, began).await;
        outcome.decide(&self.known, self.status.up);
        self.report(&outcome);
        self.conclude(outcome.failure.take(), environment.clock.now());
        self.note_costs(&outcome, started);
        outcome
    }

    /// The part about workflows, which ends the refresh.
    pub(super) async fn refresh_workflows(
        &mut self,
        environment: &Environment,
        started: Instant,
        mut outcome: RefreshOutcome,
    ) {
        let deadline = started + self.times.budget;
        let complete = self.request_workflows(deadline, &mut outcome).await;
        let began = self.translate_start(environment, started);
        self.update_workflows(environment, complete, began).await;
        self.note_costs(&outcome, started);
    }

    /// When the refresh began, by the API's clock.
    fn translate_start(&self, environment: &Environment, started: Instant) -> Timestamp {
        let now = self.clock.translate(environment.clock.now());
        before(now, started.elapsed())
    }

    fn note_costs(&mut self, outcome: &RefreshOutcome, started: Instant) {
        self.status.refresh_duration = Some(started.elapsed());
        self.status.requests = outcome.requests;
    }

    /// Lists what is to be listed, the newest first. What there is no time for
    /// stays in the backlog.
    async fn list(
        &mut self,
        environment: &Environment,
        started: Instant,
        outcome: &mut RefreshOutcome,
    ) {
        let Some(window) = self.plan_list(outcome) else {
            return;
        };
        outcome.listed = Listed::Incomplete;
        let asked = environment.clock.now();
        let deadline = started + self.times.budget;
        let mut current = false;
        while let Some(piece) = self.discovery.next() {
            // The rest of the budget is for the requests by id.
            let half_is_over = started.elapsed() >= self.times.budget / 2;
            if current && (half_is_over || self.has_full_answer()) {
                self.discovery.put_back(piece);
                return;
            }
            let reply = self.client.jobs(piece.from, piece.to, deadline).await;
            self.observe(&reply.observed, outcome);
            self.version_end
                .list_observed(&self.settings.tenant, &reply.observed);
            match reply.outcome {
                Ok(listing) if current => self.note_list(piece, listing, outcome),
                Ok(listing) => {
                    current = true;
                    outcome.now = self.clock.translate(environment.clock.now());
                    self.note_list(piece, listing, outcome);
                    // The first answer shows how far the two clocks are apart. A
                    // list by the wrong time may have missed the newest jobs.
                    if !window.contains(self.clock.translate(asked)) {
                        self.plan_list(outcome);
                    }
                }
                Err(error) => {
                    if !self.list_failed(piece, error, current, outcome) {
                        return;
                    }
                }
            }
        }
        outcome.listed = if self.discovery.last_full == Some(outcome.now) {
            Listed::Whole
        } else {
            Listed::Recent
        };
    }

    fn plan_list(&mut self, outcome: &RefreshOutcome) -> Option<Window> {
        let (known, discovery) = (&self.known, &self.discovery);
        let window = plan::window(known, discovery, &self.settings, outcome.now)?;
        if window.full {
            self.known.full_list_begins();
        }
        self.discovery.add(window);
        Some(window)
    }

    fn note_list(&mut self, piece: Window, listing: Listing, outcome: &mut RefreshOutcome) {
        let Listing {
            jobs, malformed, ..
        } = listing;
        let merged: Vec<(Arc<str>, u64)> = jobs
            .iter()
            .map(|job| (Arc::clone(&job.id), self.newly_merged(job)))
            .collect();
        let listed = self.known.listed(piece, jobs, malformed == 0, outcome.now);
        // Jobs that are not kept would be counted again with each list.
        let merged = merged.iter().filter(|(id, _)| self.known.contains(id));
        outcome.merged += merged.map(|(_, merged)| merged).sum::<u64>();
        outcome.malformed += malformed;
        outcome.list_answered();
        self.unobserved.extend(listed);
        self.discovery.listed(piece, outcome.now);
        self.log_pieces();
    }

    /// Notes that a piece could not be listed. Returns whether to try a shorter
    /// one in this refresh. `current` says that newer jobs were listed already:
    /// then it is no failure to list the older ones later.
    fn list_failed(
        &mut self,
        piece: Window,
        error: ApiError,
        current: bool,
        outcome: &mut RefreshOutcome,
    ) -> bool {
        if error.deadline_exceeded {
            self.discovery.put_back(piece);
        } else if self.discovery.failed(piece, error.reason).is_some() {
            self.log_pieces();
            if error.reason == Reason::TooLarge {
                return true;
            }
        } else {
            outcome.failure = Some(error);
            return false;
        }
        if !current {
            outcome.failure = Some(error);
        }
        false
    }

    /// Whether as much is waiting for the feed history as one answer may hold:
    /// the answers of one refresh together need no more memory.
    fn has_full_answer(&self) -> bool {
        let objects: usize = self.unobserved.iter().map(|job| 1 + job.tables.len()).sum();
        objects as u64 >= self.client.max_objects()
    }

    fn log_pieces(&mut self) {
        let length = self.discovery.piece_length();
        self.log.piece_length(&self.settings.tenant, length);
    }

    /// Requests by id what the list did not show. What has too little time left
    /// for a whole answer is left to the next refresh.
    async fn fetch_jobs(&mut self, deadline: Instant, outcome: &mut RefreshOutcome) {
        if outcome.should_stop() {
            return;
        }
        let limit = self.affordable(deadline);
        let mut due = plan::due(&self.known, outcome.now, limit).into_iter();
        let mut in_flight = JoinSet::new();
        let timeout = self.settings.api.timeout;
        loop {
            while in_flight.len() < outcome.concurrency()
                && !outcome.should_stop()
                && deadline.saturating_duration_since(Instant::now()) >= timeout
                && let Some(id) = due.next()
            {
                in_flight.spawn(fetch_job(Arc::clone(&self.client), id, deadline));
            }
            match in_flight.join_next().await {
                Some(Ok((id, reply))) => self.note_job(&id, reply, outcome),
                Some(Err(_)) => {}
                None => return,
            }
        }
    }

    fn note_job(&mut self, id: &str, reply: Reply<Job>, outcome: &mut RefreshOutcome) {
        self.observe(&reply.observed, outcome);
        self.version_end
            .job_observed(&self.settings.tenant, &reply.observed);
        match reply.outcome {
            Ok(job) => {
                outcome.job_answered();
                outcome.merged += self.newly_merged(&job);
                self.unobserved.push(self.known.fetched(job, outcome.now));
            }
            Err(error) => {
                let failed = !error.deadline_exceeded;
                if failed && self.known.failed(id, error.reason, outcome.now) {
                    self.feeds.gone(id);
                }
                outcome.job_failed(error);
            }
        }
    }

    /// Lists the last minute if there was nothing else to request: a revoked key
    /// must show although all jobs are finished.
    async fn check_credentials(&mut self, deadline: Instant, outcome: &mut RefreshOutcome) {
        if !outcome.is_empty() {
            return;
        }
        let window = plan::last_minute(outcome.now);
        let reply = self.client.jobs(window.from, window.to, deadline).await;
        self.observe(&reply.observed, outcome);
        self.version_end
            .list_observed(&self.settings.tenant, &reply.observed);
        match reply.outcome {
            Ok(_) => outcome.list_answered(),
            Err(error) => outcome.failure = Some(error),
        }
    }

    /// How many requests the request rate allows until the deadline.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a product of two small positive numbers; the conversion saturates"
    )]
    fn affordable(&self, deadline: Instant) -> usize {
        let left = deadline.saturating_duration_since(Instant::now());
        let affordable = left.as_secs_f64() * self.settings.api.requests_per_second;
        (affordable as usize).max(1)
    }

    /// Merged table entries that were not counted when the job was last seen.
    fn newly_merged(&self, job: &Job) -> u64 {
        job.merged.saturating_sub(self.known.merged(&job.id))
    }

    /// Counts and logs what came of a refresh.
    fn report(&mut self, outcome: &RefreshOutcome) {
        self.telemetry.merged_tables.inc_by(outcome.merged);
        self.telemetry
            .malformed_jobs
            .inc_by(outcome.malformed as u64);
        let reason = outcome.failure.as_ref().map(|error| error.reason);
        self.telemetry.refresh(reason);
        let tenant = &*self.settings.tenant;
        // A list of a short time may not show the malformed entries again.
        if outcome.malformed > 0 || outcome.listed == Listed::Whole {
            self.log.malformed_entries(tenant, outcome.malformed);
        }
        // In an outage of the tenant the single jobs add nothing.
        if outcome.failure.is_none() {
            let error = outcome.job_failure.as_ref();
            self.log.failing_jobs(tenant, self.known.failing(), error);
        }
    }
}

async fn fetch_job(client: Arc<Client>, id: Arc<str>, deadline: Instant) -> (Arc<str>, Reply<Job>) {
    let reply = client.job(&id, deadline).await;
    (id, reply)
}
