//! The client of Amperity's API: two questions ([`Client::job`],
//! [`Client::jobs`]), asked with the tenant's credentials, at the tenant's
//! pace, with one layer of retries, and one error type whose reason is a
//! metric label.
//!
//! Answers are handed on as the domain's [`crate::jobs::Job`]s.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config;
use crate::jobs::Job;
use crate::telemetry::{Reason, TenantTelemetry};

mod transport;
pub mod wire;

pub use transport::{Exchange, Transport, TransportError};

/// The client of one tenant.
#[derive(Debug)]
pub struct Client {}

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
        _tenant: &config::Tenant,
        _transport: Arc<dyn Transport>,
        _telemetry: TenantTelemetry,
        _clock: Clock,
    ) -> Self {
        Self {}
    }

    /// `GET /ingest/jobs/{id}`. Retries and waits until `deadline` at most.
    ///
    /// # Errors
    /// If there was no usable answer in time.
    pub async fn job(&self, _id: &str, _deadline: Instant) -> Result<Job, ApiError> {
        std::future::pending().await
    }

    /// `GET /ingest/jobs` for the jobs started from `from` (inclusive) to
    /// `to` (exclusive). Retries and waits until `deadline` at most.
    ///
    /// # Errors
    /// If there was no usable answer in time.
    pub async fn jobs(
        &self,
        _from: Timestamp,
        _to: Timestamp,
        _deadline: Instant,
    ) -> Result<Listing, ApiError> {
        std::future::pending().await
    }

    /// What was learned so far.
    #[must_use]
    pub fn observations(&self) -> Observations {
        Observations::default()
    }
}
