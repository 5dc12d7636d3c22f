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
    /// Entries of the list that are no jobs; `None` if that cannot be said.
    pub(super) unreadable: Option<usize>,
    /// The first failure that speaks of one job alone.
    pub(super) job_failure: Option<ApiError>,
    /// How many there were, unknown ids left out.
    job_failures: usize,
    /// Whether there was an answer, of whatever content.
    heard: bool,
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
        let began = earlier(self.api_time(common.clock.now()), started.elapsed());
        self.account(common, terms, &harvest, began).await;
        self.telemetry.merged_tables(harvest.merged);
        harvest.judge(&self.known);
        self.log_unreadable(&harvest);
        self.log_unreachable(&harvest);
        let reason = harvest.failure.as_ref().map(|error| error.reason);
        self.telemetry.refresh(reason);
        self.conclude(harvest.failure, common.clock.now());
        self.status.refresh_duration = Some(started.elapsed());
        self.status.requests = self.telemetry.requests() - requests;
    }

    async fn list(&mut self, common: &Common, deadline: Instant) -> Harvest {
        let mut harvest = Harvest::new(self.api_time(common.clock.now()));
        let Some(mut window) = plan::window(&self.known, &self.settings, harvest.now) else {
            return harvest;
        };
        let mut answer = self.client.jobs(window.from, window.to, deadline).await;
        // The first answer tells how far the two clocks are apart. A list by
        // the wrong time may have missed the newest jobs: ask once more.
        let now = self.api_time(common.clock.now());
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
                harvest.heard = true;
                // A short window may have left the bad ones out.
                harvest.unreadable = (malformed > 0 || window.full).then_some(malformed);
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
                    harvest.heard = true;
                    harvest.merged += self.newly_merged(&job);
                    harvest.answered.push(self.known.fetched(job, now));
                }
                Err(error) => {
                    if self.known.failed(&id, error.reason, now) {
                        self.ledger.gone(&id);
                    }
                    // What fails as the list did is not this job's affair.
                    let list = harvest.failure.as_ref().map(|list| list.reason);
                    hopeless |= error.is_of_tenant() || list == Some(error.reason);
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
            unreadable: None,
            job_failure: None,
            job_failures: 0,
            heard: false,
            merged: 0,
        }
    }

    fn failed(&mut self, error: ApiError) {
        if error.is_of_tenant() {
            self.failure.get_or_insert(error);
        } else if error.reason == Reason::NotFound {
            // An unknown id is an answer.
            self.heard = true;
            self.job_failure.get_or_insert(error);
        } else {
            if self.job_failures == 0 {
                self.job_failure = Some(error);
            }
            self.job_failures += 1;
        }
    }

    /// Decides whether the refresh failed. Failures that speak of one job
    /// alone fail it if no job at all is known, or if nothing else was heard
    /// and they are more than one, the server's, or those of all known jobs.
    fn judge(&mut self, known: &Known) {
        if self.failure.is_some() {
            return;
        }
        let server = |error: &ApiError| error.reason == Reason::ServerError;
        let of_all = self.job_failures > 1
            || self.job_failure.as_ref().is_some_and(server)
            || known.all_fail();
        if self.job_failures > 0 && (known.is_empty() || !self.heard && of_all) {
            self.failure = self.job_failure.take();
        } else if known.is_empty() {
            let unreadable = self.unreadable.filter(|count| *count > 0);
            self.failure = unreadable.map(ApiError::malformed_entries);
        }
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
