//! The client of Amperity's API. It makes four kinds of requests
//! ([`Client::job`], [`Client::jobs`], [`Client::workflow_run`] and
//! [`Client::workflow_runs`]) with the tenant's credentials, at the tenant's
//! request rate, with one layer of retries, and reports errors of one type whose
//! reason is a metric label.
//!
//! A request gets its token from `auth` and then goes through the
//! `request_queue`: `pacing` delays it until the request rate allows it,
//! `transport` sends it, `headers` reads what the response headers say and
//! `failure` classifies what went wrong. The body is parsed by [`crate::wire`]
//! and returned as [`crate::jobs::Job`]s.

use std::sync::{Arc, Once};

use bytes::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION};
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::{self, Credentials};
use crate::jobs::label;
use crate::telemetry::{Endpoint, Reason, TenantTelemetry};
use crate::wire;

use auth::Auth;
use failure::Failure;
use pacing::Priority;
use request_queue::{ApiRequest, RequestQueue};
use token::Token;

mod advice;
mod auth;
mod failure;
pub(crate) mod grant;
mod headers;
mod jobs;
mod pacing;
mod parse;
mod redact;
mod request_queue;
#[cfg(test)]
mod tests;
mod token;
mod transport;
mod workflows;

pub use parse::{Listing, WorkflowPage};
pub use transport::{Exchange, Transport, TransportError, network};
pub use workflows::{WorkflowTime, WorkflowWindow};

/// A response at its size limit may hold one object per this many bytes; real
/// tables and files are larger.
const BYTES_PER_OBJECT: u64 = 64;

/// The client of one tenant.
#[derive(Debug)]
pub struct Client {
    tenant: Arc<str>,
    base_url: Url,
    version: String,
    credentials: Credentials,
    auth: Auth,
    queue: RequestQueue,
    /// The most objects a response may hold.
    max_objects: u64,
    /// Whether the series of single files are wanted.
    files: bool,
    telemetry: TenantTelemetry,
    shortened_logged: Once,
}

/// The result of one call, and what else its responses showed.
#[derive(Debug)]
pub struct Reply<T> {
    /// The answer, or why there was none.
    pub outcome: Result<T, ApiError>,
    /// What was observed on the way.
    pub observed: Observed,
}

/// What the requests of one call showed apart from the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observed {
    /// Requests sent, retries and token requests included.
    pub requests: u64,
    /// The API's clock minus ours, from the last `Date` header.
    pub clock_offset: Option<SignedDuration>,
    /// Whether an access token was sent.
    pub token_sent: bool,
    /// When that token expires, if known.
    pub token_expiry: Option<Timestamp>,
    /// From the `Deprecation` header.
    pub deprecation: Option<Timestamp>,
    /// From the `Sunset` header.
    pub sunset: Option<Timestamp>,
}

/// The parameters of one call, and what has been observed so far.
#[derive(Clone, Copy, Debug)]
struct Call {
    deadline: Instant,
    priority: Priority,
    observed: Observed,
}

/// A request without a usable answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Why, as a label value.
    pub reason: Reason,
    /// What happened, with the vendor's `message`, `request_id` and `trace_id`,
    /// and what to do about it if that is known. Contains no secret.
    pub message: String,
    /// Whether the caller's deadline ended the request. Such an error says
    /// nothing about the API.
    pub deadline_exceeded: bool,
}

impl ApiError {
    /// An error of the API or of our own settings.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            deadline_exceeded: false,
        }
    }
}

impl Call {
    fn new(deadline: Instant, priority: Priority) -> Self {
        Self {
            deadline,
            priority,
            observed: Observed::default(),
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
            queue: RequestQueue::new(tenant, transport, telemetry.clone(), clock),
            max_objects: (tenant.api.response_bytes / BYTES_PER_OBJECT).max(1),
            files: tenant.collect.files,
            telemetry,
            shortened_logged: Once::new(),
        }
    }

    /// The most objects an answer may hold.
    pub(crate) fn max_objects(&self) -> u64 {
        self.max_objects
    }

    fn count_shortened(&self, strings: u64) {
        if strings == 0 {
            return;
        }
        self.telemetry.shortened_labels.inc_by(strings);
        self.shortened_logged.call_once(|| {
            tracing::warn!(
                tenant = &*self.tenant,
                strings,
                limit = label::MAX_BYTES,
                "strings from the API are too long for label values and are shortened; see \
                 amperity_exporter_shortened_labels_total"
            );
        });
    }

    /// Requests with a token; if the API refuses that, once more with another.
    async fn get(
        &self,
        name: &str,
        endpoint: Endpoint,
        url: &Url,
        call: &mut Call,
    ) -> Result<Bytes, ApiError> {
        let token = self.auth.token(&self.queue, call).await?;
        let answer = self.get_with(&token, endpoint, url, call).await;
        let failure = match answer {
            Ok(body) => return Ok(body),
            Err(failure) => failure,
        };
        self.auth.failed(&token, endpoint, &failure);
        if failure.reason == Reason::Unauthorized
            && let Some(other) = self.auth.after_refusal(&token, &self.queue, call).await?
        {
            let answer = self.get_with(&other, endpoint, url, call).await;
            return answer.map_err(|failure| self.explained(name, endpoint, &failure, call));
        }
        Err(self.explained(name, endpoint, &failure, call))
    }

    async fn get_with(
        &self,
        token: &Arc<Token>,
        endpoint: Endpoint,
        url: &Url,
        call: &mut Call,
    ) -> Result<Bytes, Failure> {
        call.observed.token_sent = true;
        call.observed.token_expiry = token.expiry;
        let request = hyper::Request::get(url.as_str())
            .header(AUTHORIZATION, token.header())
            .header("amperity-tenant", &*self.tenant)
            .header("api-version", &self.version)
            .header(ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|error| Failure::permanent(Reason::BadRequest, error.to_string()))?;
        let request = ApiRequest {
            endpoint,
            request,
            secrets: vec![&token.secret],
        };
        let body = self.queue.send(&request, call).await?;
        self.auth.accepted(token);
        let objects = wire::objects(&body);
        if objects > self.max_objects {
            let text = format!(
                "the response has {objects} objects, more than limits.response_bytes allows ({})",
                self.max_objects
            );
            return Err(Failure::permanent(Reason::TooLarge, text));
        }
        Ok(body)
    }

    fn url(&self, segments: &[&str]) -> Result<Url, Failure> {
        let mut url = self.base_url.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::permanent(Reason::BadRequest, "base_url cannot have a path"))?
            .pop_if_empty()
            .extend(segments);
        Ok(url)
    }

    fn explained(
        &self,
        name: &str,
        endpoint: Endpoint,
        failure: &Failure,
        call: &Call,
    ) -> ApiError {
        let advice = failure.advice.map_or_else(
            || self.advice(endpoint, failure.reason, call.observed.token_expiry),
            str::to_owned,
        );
        ApiError {
            deadline_exceeded: failure.deadline_exceeded,
            ..ApiError::new(
                failure.reason,
                format!("{name}: {}. {advice}", failure.text),
            )
        }
    }
}
