//! The client of Amperity's API: two questions ([`Client::job`],
//! [`Client::jobs`]), asked with the tenant's credentials, at the tenant's
//! pace, with one layer of retries, and one error type whose reason is a
//! metric label.
//!
//! A question goes from here to `auth` for a token, then down the `line`:
//! `pacing` makes it wait for its turn, `transport` sends it, `observer` reads
//! the headers and `failure` tells what went wrong. The answer is read by
//! [`crate::wire`] and handed on as the domain's [`crate::jobs::Job`]s.

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
use crate::wire;

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

pub use transport::{Exchange, Transport, TransportError, network};

/// An answer of more bytes takes longer to read than a turn should last.
const LARGE: usize = 256 << 10;

/// An answer at its size limit has room for one object per so many bytes; no
/// table or file the API tells of is as small.
const BYTES_PER_OBJECT: u64 = 64;

/// The client of one tenant.
#[derive(Debug)]
pub struct Client {
    tenant: Arc<str>,
    base_url: Url,
    version: String,
    credentials: Credentials,
    auth: Auth,
    line: Line,
    /// The most objects an answer may hold.
    max_objects: u64,
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
    /// Whether the two clocks are so far apart that one of them is wrong and
    /// nobody can say which. Ours is taken for right, for want of a better one.
    pub clocks_disputed: bool,
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
    /// Whether the caller's deadline ended it, and not the API: that tells
    /// nothing of what was asked for.
    pub cut_short: bool,
}

impl ApiError {
    /// A failure that is the API's, or our own settings'.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            cut_short: false,
        }
    }
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
        let transport = network(&tenant.api)?;
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
            max_objects: (tenant.api.response_bytes / BYTES_PER_OBJECT).max(1),
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
        if matches!(id, "" | "." | "..") || id.contains(char::is_control) {
            return Err(explained(Failure::lasting(
                Reason::NotFound,
                "not the id of a job",
            )));
        }
        let url = self.address(&["ingest", "jobs", id]).map_err(explained)?;
        let body = self.ask(&name, Endpoint::IngestJob, &url, deadline).await?;
        let malformed = |text: String| explained(Failure::lasting(Reason::Malformed, text));
        let read = |body: &[u8]| wire::read_job(body, Job::from_wire);
        let job = reading(body, read)
            .await
            .map_err(malformed)?
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
        reading(body, Listing::parse)
            .await
            .map_err(|text| explained(Failure::lasting(Reason::Malformed, text)))
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
        let answer = self.line.ask(&question, deadline).await?;
        token.accept();
        let objects = wire::objects(&answer);
        if objects > self.max_objects {
            let text = format!(
                "the answer holds {objects} objects, more than limits.response_bytes has room for \
                 ({})",
                self.max_objects
            );
            return Err(Failure::lasting(Reason::TooLarge, text));
        }
        Ok(answer)
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
            cut_short: failure.cut_short,
            ..ApiError::new(
                failure.reason,
                format!("{name}: {}. {advice}", failure.text),
            )
        }
    }
}

impl Listing {
    fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        let mut listing = Self::default();
        wire::read_list(body, |entry| listing.push(entry))?;
        Ok(listing)
    }

    fn push(&mut self, entry: Option<&wire::Job<'_>>) {
        match entry.and_then(Job::from_wire) {
            Some(job) => self.jobs.push(job),
            None => self.malformed += 1,
        }
    }
}

/// Reads an answer, a large one away from the asynchronous threads: the other
/// tenants' turn must not wait for it. An error is a text that can be shown.
async fn reading<T: Send + 'static>(
    body: Bytes,
    read: fn(&[u8]) -> Result<T, serde_json::Error>,
) -> Result<T, String> {
    let read = if body.len() < LARGE {
        read(&body)
    } else {
        tokio::task::spawn_blocking(move || read(&body))
            .await
            .map_err(|error| format!("reading the answer broke off: {error}"))?
    };
    read.map_err(|error| unreadable(&error))
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
