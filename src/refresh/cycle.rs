//! One refresh of one tenant: the list, then what has to be asked by id, then
//! the ledger and its file, then the new snapshot.
//!
//! The decisions are [`super::plan`]'s, the memory is [`super::known`]'s; this
//! is the shell that awaits between them. [`super::tenant`] runs it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Environment;
use super::core::{Core, Terms};
use super::harvest::{Harvest, Listed};
use super::known::Window;
use super::plan;
use crate::amperity::{ApiError, Client, Listing};
use crate::clock::before;
use crate::jobs::Job;
use crate::telemetry::Reason;

/// Questions by id that are under way at once; the pace is the client's.
const CONCURRENCY: usize = 8;

impl Core {
    /// Runs one refresh to its end. The result is in `self`.
    pub(super) async fn refresh(&mut self, environment: &Environment, terms: Terms) {
        let started = Instant::now();
        let requests = self.telemetry.requests();
        let deadline = started + terms.budget;

        let mut harvest = self.list(environment, deadline).await;
        self.fetch(deadline, &mut harvest).await;
        self.knock(deadline, &mut harvest).await;
        self.known.expire(&self.settings, harvest.now);
        let began = before(self.api_time(environment.clock.now()), started.elapsed());
        self.account(environment, terms, &harvest, began).await;
        self.telemetry.merged_tables.inc_by(harvest.merged);
        let unreadable = harvest.unreadable.unwrap_or_default();
        self.telemetry.malformed_jobs.inc_by(unreadable as u64);
        harvest.judge(&self.known);
        self.log_unreadable(&harvest);
        self.log_unreachable(&harvest);
        let reason = harvest.failure.as_ref().map(|error| error.reason);
        self.telemetry.refresh(reason);
        self.conclude(harvest.failure, environment.clock.now());
        self.status.refresh_duration = Some(started.elapsed());
        self.status.requests = self.telemetry.requests() - requests;
    }

    async fn list(&mut self, environment: &Environment, deadline: Instant) -> Harvest {
        let mut harvest = Harvest::new(self.api_time(environment.clock.now()));
        let Some(mut window) = plan::window(&self.known, &self.settings, harvest.now) else {
            return harvest;
        };
        let asked = environment.clock.now();
        let mut answer = self.listing(window, deadline).await;
        // The first answer tells how far the two clocks are apart. A list by
        // the wrong time may have missed the newest jobs: ask once more.
        let corrected = self.api_time(asked);
        if answer.is_ok()
            && !window.contains(corrected)
            && let Some(other) = plan::window(&self.known, &self.settings, corrected)
        {
            window = other;
            answer = self.listing(window, deadline).await;
        }
        let now = self.api_time(environment.clock.now());
        harvest.now = now;
        match answer {
            Ok(Listing { jobs, malformed }) => {
                harvest.merged = jobs.iter().map(|job| self.newly_merged(job)).sum();
                let listed = self.known.listed(window, jobs, malformed == 0, now);
                self.unaccounted.extend(listed);
                harvest.heard();
                harvest.listed = if window.full {
                    Listed::Whole
                } else {
                    Listed::Part
                };
                // A short window may have left the bad ones out.
                harvest.unreadable = (malformed > 0 || window.full).then_some(malformed);
            }
            Err(error) => harvest.list_failed(error),
        }
        harvest
    }

    /// Lists a window; in pieces, if one answer cannot hold all of it.
    async fn listing(&mut self, window: Window, deadline: Instant) -> Result<Listing, ApiError> {
        let mut listing = Listing::default();
        let mut pieces = plan::pieces(window, self.known.piece);
        while let Some(piece) = pieces.pop() {
            let error = match self.client.jobs(piece.from, piece.to, deadline).await {
                Ok(part) => {
                    listing.jobs.extend(part.jobs);
                    listing.malformed += part.malformed;
                    continue;
                }
                Err(error) => error,
            };
            let Some(length) = plan::shorter(piece, error.reason).filter(|_| !error.cut_short)
            else {
                return Err(error);
            };
            self.known.piece = Some(length);
            let tenant = &*self.settings.tenant;
            let length = humantime::format_duration(Duration::from_secs(length.as_secs()));
            tracing::info!(tenant, reason = %error.reason, %length, "the list of jobs is too much for one answer; it is asked for in pieces from now on");
            if error.reason == Reason::Timeout {
                return Err(error);
            }
            pieces.push(piece);
            let cut = |whole| plan::pieces(whole, self.known.piece);
            pieces = pieces.into_iter().flat_map(cut).collect();
        }
        Ok(listing)
    }

    /// Asks by id for what the list did not show. What has too little time
    /// left for a whole answer is left to the next refresh.
    async fn fetch(&mut self, deadline: Instant, harvest: &mut Harvest) {
        if harvest.is_hopeless() {
            return;
        }
        let now = harvest.now;
        let mut due = plan::due(&self.known, now, self.affordable(deadline)).into_iter();
        let mut under_way = JoinSet::new();
        let timeout = self.settings.api.timeout;
        let mut ask = |under_way: &mut JoinSet<_>, client: &Arc<Client>| {
            if deadline.saturating_duration_since(Instant::now()) < timeout {
                return;
            }
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
                    harvest.heard();
                    harvest.merged += self.newly_merged(&job);
                    self.unaccounted.push(self.known.fetched(job, now));
                }
                Err(error) => {
                    if !error.cut_short && self.known.failed(&id, error.reason, now) {
                        self.history.gone(&id);
                    }
                    harvest.job_failed(error);
                }
            }
            if !harvest.is_hopeless() {
                ask(&mut under_way, &self.client);
            }
        }
    }

    /// Asks for a list of the last moments if there was nothing else to ask:
    /// a revoked key must show though all jobs are settled.
    async fn knock(&self, deadline: Instant, harvest: &mut Harvest) {
        if !harvest.is_untouched() {
            return;
        }
        let window = plan::moments(harvest.now);
        match self.client.jobs(window.from, window.to, deadline).await {
            Ok(_) => harvest.heard(),
            Err(error) => harvest.failure = Some(error),
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
