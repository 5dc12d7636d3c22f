//! One refresh of one tenant: the list, then what has to be asked by id, then
//! the ledger and its file, then the new snapshot.
//!
//! The decisions are [`super::plan`]'s, the memory is [`super::known`]'s; this
//! is the shell that awaits between them. [`super::tenant`] runs it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::core::{Common, Core, Terms};
use super::known::Known;
use super::plan;
use crate::amperity::{ApiError, Client, Listing};
use crate::jobs::Job;
use crate::telemetry::Reason;

/// Questions by id that are under way at once; the pace is the client's.
const CONCURRENCY: usize = 8;

/// What the questions of one refresh brought.
#[derive(Debug)]
pub(super) struct Harvest {
    /// The time by the API's clock that the answers are noted with.
    pub(super) now: Timestamp,
    pub(super) answered: Vec<Arc<Job>>,
    pub(super) failure: Option<ApiError>,
    /// Whether other jobs may have changed than those that were answered.
    pub(super) partial: bool,
    /// The first failure that speaks of one job alone.
    pub(super) job_failure: Option<ApiError>,
    merged: u64,
}

impl Core {
    /// Runs one refresh to its end. The result is in `self`.
    pub(super) async fn refresh(&mut self, common: &Common, terms: Terms) {
        let started = Instant::now();
        let requests = self.telemetry.requests();
        let deadline = started + terms.budget;

        let mut harvest = self.list(common, deadline).await;
        self.fetch(deadline, &mut harvest).await;
        self.known.expire(&self.settings, harvest.now);
        let began = earlier(self.now(common), started.elapsed());
        self.account(common, terms, &harvest, began).await;
        self.telemetry.merged_tables(harvest.merged);
        self.log_unreachable(&harvest);
        let failure = harvest.verdict(&self.known);
        self.telemetry
            .refresh(failure.as_ref().map(|error| error.reason));
        self.conclude(failure, common.clock.now());
        self.status.refresh_duration = Some(started.elapsed());
        self.status.requests = self.telemetry.requests() - requests;
    }

    /// The time by the API's clock.
    fn now(&self, common: &Common) -> Timestamp {
        let offset = jiff::SignedDuration::from_millis(self.client.observations().clock_offset_ms);
        let now = common.clock.now();
        now.checked_add(offset).unwrap_or(now)
    }

    async fn list(&mut self, common: &Common, deadline: Instant) -> Harvest {
        let mut harvest = Harvest::new(self.now(common));
        let Some(mut window) = plan::window(&self.known, &self.settings, harvest.now) else {
            return harvest;
        };
        let mut answer = self.client.jobs(window.from, window.to, deadline).await;
        // The first answer tells how far the two clocks are apart. A list by
        // the wrong time may have missed the newest jobs: ask once more.
        let now = self.now(common);
        harvest.now = now;
        if answer.is_ok()
            && !window.contains(now)
            && let Some(corrected) = plan::window(&self.known, &self.settings, now)
        {
            window = corrected;
            answer = self.client.jobs(window.from, window.to, deadline).await;
        }
        match answer {
            Ok(Listing { jobs, malformed }) => {
                harvest.merged = jobs.iter().map(|job| self.newly_merged(job)).sum();
                harvest.answered = self.known.listed(window, jobs, malformed == 0, now);
                harvest.partial = malformed > 0;
                if malformed > 0 {
                    harvest.job_failure = Some(ApiError::malformed_entries(malformed));
                }
            }
            Err(error) => {
                harvest.partial = true;
                harvest.failure = Some(error);
            }
        }
        harvest
    }

    /// Asks by id for what the list did not show.
    async fn fetch(&mut self, deadline: Instant, harvest: &mut Harvest) {
        // An address at which there is no list will not know any job either.
        let wrong_address = |error: &ApiError| {
            error.is_of_tenant() || matches!(error.reason, Reason::NotFound | Reason::BadRequest)
        };
        let mut hopeless = harvest.failure.as_ref().is_some_and(wrong_address);
        if hopeless {
            return;
        }
        let now = harvest.now;
        let mut due = plan::due(&self.known, now, self.affordable(deadline)).into_iter();
        let mut under_way = JoinSet::new();
        let mut ask = |under_way: &mut JoinSet<_>, client: &Arc<Client>| {
            let Some(id) = due.next() else { return };
            let client = Arc::clone(client);
            under_way.spawn(async move {
                let answer = client.job(&id, deadline).await;
                (id, answer)
            });
        };
        for _ in 0..CONCURRENCY {
            ask(&mut under_way, &self.client);
        }
        while let Some(joined) = under_way.join_next().await {
            let Ok((id, answer)) = joined else { continue };
            match answer {
                Ok(job) => {
                    harvest.merged += self.newly_merged(&job);
                    harvest.answered.push(self.known.fetched(job, now));
                }
                Err(error) => {
                    if self.known.failed(&id, error.reason, now) {
                        self.ledger.gone(&id);
                    }
                    hopeless |= error.is_of_tenant();
                    harvest.failed(error);
                }
            }
            if !hopeless {
                ask(&mut under_way, &self.client);
            }
        }
    }

    /// How many requests the pace allows until the deadline.
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
}

impl Harvest {
    fn new(now: Timestamp) -> Self {
        Self {
            now,
            answered: Vec::new(),
            failure: None,
            partial: false,
            job_failure: None,
            merged: 0,
        }
    }

    fn failed(&mut self, error: ApiError) {
        let slot = if error.is_of_tenant() {
            &mut self.failure
        } else {
            &mut self.job_failure
        };
        if slot.is_none() {
            *slot = Some(error);
        }
    }

    /// Why the refresh failed, if it did. A failure that speaks of one job
    /// fails the refresh only if no job at all is known; an unknown id is an
    /// answer.
    fn verdict(self, known: &Known) -> Option<ApiError> {
        let job_failure = self
            .job_failure
            .filter(|error| error.reason != Reason::NotFound && known.is_empty());
        self.failure.or(job_failure)
    }
}

impl ApiError {
    /// Whether the next question would meet the same failure.
    fn is_of_tenant(&self) -> bool {
        match self.reason {
            Reason::Unreachable
            | Reason::Tls
            | Reason::Timeout
            | Reason::Unauthorized
            | Reason::Forbidden
            | Reason::RateLimited => true,
            Reason::NotFound
            | Reason::BadRequest
            | Reason::ServerError
            | Reason::Malformed
            | Reason::TooLarge => false,
        }
    }

    fn malformed_entries(count: usize) -> Self {
        Self {
            reason: Reason::Malformed,
            message: format!("{count} entries of GET ingest/jobs could not be read as jobs"),
        }
    }
}

fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_sub(by).unwrap_or(time)
}
