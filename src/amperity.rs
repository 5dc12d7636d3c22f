//! The client of Amperity's API: two questions ([`Client::job`],
//! [`Client::jobs`]), asked with the tenant's credentials, at the tenant's
//! pace, with one layer of retries, and one error type whose reason is a
//! metric label.
//!
//! A question goes from here to `auth` for a token, then down the `line`:
//! `pacing` makes it wait for its turn, `transport` sends it, `observer` reads
//! the headers and `failure` tells what went wrong. The answer is read by
//! [`wire`] and handed on as the domain's [`crate::jobs::Job`]s.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION};
use jiff::Timestamp;
use reqwest::Url;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::{self, Credentials};
use crate::jobs::Job;
use crate::telemetry::{Endpoint, Reason, TenantTelemetry};

use auth::Auth;
use failure::{Failure, safe};
use line::{Line, Question};
use token::Token;

mod advice;
mod auth;
mod failure;
mod grant;
mod line;
mod observer;
mod pacing;
#[cfg(test)]
mod tests;
mod token;
mod transport;
pub mod wire;

pub use transport::{Exchange, Transport, TransportError};

/// The client of one tenant.
#[derive(Debug)]
pub struct Client {
    tenant: Arc<str>,
    base_url: Url,
    version: String,
    credentials: Credentials,
    auth: Auth,
    line: Line,
}

/// The jobs of a window.
#[derive(Debug, Default)]
pub struct Listing {
    /// Those that could be read, in the answer's order.
    pub jobs: Vec<Job>,
    /// How many entries could not be read.
    pub malformed: usize,
}

/// What the client has learned besides answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observations {
    /// When the access token ends.
    pub token_expiry: Option<Timestamp>,
    /// From the `Deprecation` header.
    pub deprecation: Option<Timestamp>,
    /// From the `Sunset` header.
    pub sunset: Option<Timestamp>,
    /// The API's clock less ours, in milliseconds, from its `Date` header; 0 while
    /// they agree to a few seconds.
    pub clock_offset_ms: i64,
}

/// A question that got no usable answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Why, as a label value.
    pub reason: Reason,
    /// What happened, in words: the vendor's `message`, `request_id` and
    /// `trace_id` included, what to do where that is known, no secret.
    pub message: String,
}

impl Client {
    /// A client over the network.
    ///
    /// # Errors
    /// If the CA file or the proxy address cannot be used.
    pub fn new(
        tenant: &config::Tenant,
        telemetry: TenantTelemetry,
        clock: Clock,
    ) -> Result<Self, ApiError> {
        let transport = transport::network(&tenant.api)?;
        Ok(Self::with_transport(tenant, transport, telemetry, clock))
    }

    /// A client over any transport.
    #[must_use]
    pub fn with_transport(
        tenant: &config::Tenant,
        transport: Arc<dyn Transport>,
        telemetry: TenantTelemetry,
        clock: Clock,
    ) -> Self {
        Self {
            tenant: Arc::clone(&tenant.tenant),
            base_url: tenant.api.base_url.clone(),
            version: tenant.api.version.clone(),
            credentials: tenant.credentials.clone(),
            auth: Auth::new(tenant),
            line: Line::new(tenant, transport, telemetry, clock),
        }
    }

    /// `GET /ingest/jobs/{id}`. Retries and waits until `deadline` at most.
    ///
    /// # Errors
    /// If there was no usable answer in time.
    pub async fn job(&self, id: &str, deadline: Instant) -> Result<Job, ApiError> {
        let name = format!("GET ingest/jobs/{}", safe(id, 100, &[]));
        let explained = |failure| self.explained(&name, Endpoint::IngestJob, &failure);
        // An address drops these as path segments, and would ask for a list.
        if matches!(id, "" | "." | "..") {
            return Err(explained(Failure::lasting(
                Reason::NotFound,
                "not the id of a job",
            )));
        }
        let url = self.address(&["ingest", "jobs", id]).map_err(explained)?;
        let body = self.ask(&name, Endpoint::IngestJob, &url, deadline).await?;
        let malformed = |text: String| explained(Failure::lasting(Reason::Malformed, text));
        let answer = wire::Job::parse(&body).map_err(|error| malformed(unreadable(&error)))?;
        let job = Job::from_wire(&answer)
            .ok_or_else(|| malformed("the answer is a job without an id".to_owned()))?;
        if &*job.id != id {
            let other = safe(&job.id, 100, &[]);
            return Err(malformed(format!("the answer is another job, {other}")));
        }
        Ok(job)
    }

    /// `GET /ingest/jobs` for the jobs started from `from` (inclusive) to
    /// `to` (exclusive). Retries and waits until `deadline` at most.
    ///
    /// # Errors
    /// If there was no usable answer in time.
    pub async fn jobs(
        &self,
        from: Timestamp,
        to: Timestamp,
        deadline: Instant,
    ) -> Result<Listing, ApiError> {
        let name = "GET ingest/jobs";
        let explained = |failure| self.explained(name, Endpoint::IngestJobs, &failure);
        let mut url = self.address(&["ingest", "jobs"]).map_err(explained)?;
        url.query_pairs_mut()
            .append_pair("created_from", &format!("{from:.3}"))
            .append_pair("created_to", &format!("{to:.3}"));
        let body = self.ask(name, Endpoint::IngestJobs, &url, deadline).await?;
        Listing::parse(&body)
            .map_err(|error| explained(Failure::lasting(Reason::Malformed, unreadable(&error))))
    }

    /// What was learned so far.
    #[must_use]
    pub fn observations(&self) -> Observations {
        self.line.observer.seen()
    }

    /// Asks with a token; if that is refused, once more with another.
    async fn ask(
        &self,
        name: &str,
        endpoint: Endpoint,
        url: &Url,
        deadline: Instant,
    ) -> Result<Bytes, ApiError> {
        let explained = |failure| self.explained(name, endpoint, &failure);
        let token = self.auth.token(&self.line, deadline).await?;
        match self.ask_with(&token, endpoint, url, deadline).await {
            Err(failure) if failure.reason == Reason::Unauthorized => {
                let other = self
                    .auth
                    .after_refusal(&token, &self.line, deadline)
                    .await?;
                let Some(other) = other else {
                    return Err(explained(failure));
                };
                self.ask_with(&other, endpoint, url, deadline)
                    .await
                    .map_err(explained)
            }
            answer => answer.map_err(explained),
        }
    }

    async fn ask_with(
        &self,
        token: &Token,
        endpoint: Endpoint,
        url: &Url,
        deadline: Instant,
    ) -> Result<Bytes, Failure> {
        let request = hyper::Request::get(url.as_str())
            .header(AUTHORIZATION, token.header())
            .header("amperity-tenant", &*self.tenant)
            .header("api-version", &self.version)
            .header(ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|error| Failure::lasting(Reason::BadRequest, error.to_string()))?;
        let question = Question {
            endpoint,
            request,
            secrets: vec![&token.secret],
        };
        let answer = self.line.ask(&question, deadline).await;
        if answer.is_ok() {
            token.accept();
        }
        answer
    }

    fn address(&self, segments: &[&str]) -> Result<Url, Failure> {
        let mut url = self.base_url.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::lasting(Reason::BadRequest, "base_url cannot have a path"))?
            .pop_if_empty()
            .extend(segments);
        Ok(url)
    }

    fn explained(&self, name: &str, endpoint: Endpoint, failure: &Failure) -> ApiError {
        let advice = self.advice(endpoint, failure.reason);
        ApiError {
            reason: failure.reason,
            message: format!("{name}: {}. {advice}", failure.text),
        }
    }
}

impl Listing {
    /// Reads every entry by itself only if they cannot be read together.
    fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        let mut listing = Self::default();
        if let Ok(list) = serde_json::from_slice::<wire::JobList<'_>>(body) {
            for wire::OneOf(job) in &list.data {
                listing.push(job.as_ref());
            }
            return Ok(listing);
        }
        let list = serde_json::from_slice::<wire::RawJobList<'_>>(body)?;
        for entry in list.data {
            listing.push(wire::Job::parse(entry.get().as_bytes()).ok().as_ref());
        }
        Ok(listing)
    }

    fn push(&mut self, entry: Option<&wire::Job<'_>>) {
        match entry.and_then(Job::from_wire) {
            Some(job) => self.jobs.push(job),
            None => self.malformed += 1,
        }
    }
}

/// Where the answer stops making sense; what stands there is not told.
fn unreadable(error: &serde_json::Error) -> String {
    let problem = match error.classify() {
        serde_json::error::Category::Eof => "the answer ends too early",
        serde_json::error::Category::Data => "the answer is JSON of another shape",
        _ => "the answer is not JSON",
    };
    format!(
        "{problem} (line {} column {})",
        error.line(),
        error.column()
    )
}
