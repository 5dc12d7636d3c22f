//! The exporter's own counters and histograms, in a private registry of the
//! `prometheus` crate, and the closed sets of values their labels may have.
//!
//! A leaf: it knows nothing of the modules that report to it. What it gathers
//! is written by [`crate::exposition`] like every other family.

use std::fmt;
use std::time::Duration;

/// Why a refresh or a request failed: the values of the `reason` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// No connection, or it broke.
    Unreachable,
    /// The TLS handshake failed.
    Tls,
    /// No answer in time.
    Timeout,
    /// 401: the token is wrong, expired or revoked.
    Unauthorized,
    /// 403: the key lacks the policy.
    Forbidden,
    /// 404: no such job.
    NotFound,
    /// 429: too many requests.
    RateLimited,
    /// Any other 4xx, or a redirect.
    BadRequest,
    /// 5xx.
    ServerError,
    /// The answer could not be read.
    Malformed,
    /// The answer was larger than `limits.response_bytes`.
    TooLarge,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Self; 11] = [
        Self::Unreachable,
        Self::Tls,
        Self::Timeout,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::RateLimited,
        Self::BadRequest,
        Self::ServerError,
        Self::Malformed,
        Self::TooLarge,
    ];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::BadRequest => "bad_request",
            Self::ServerError => "server_error",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What was asked of the API: the values of the `endpoint` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST …/oauth2/token`
    Token,
    /// `GET /ingest/jobs/{id}`
    IngestJob,
    /// `GET /ingest/jobs`
    IngestJobs,
}

impl Endpoint {
    /// Every endpoint there is.
    pub const ALL: [Self; 3] = [Self::Token, Self::IngestJob, Self::IngestJobs];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::IngestJob => "ingest_job",
            Self::IngestJobs => "ingest_jobs",
        }
    }
}

/// All of the exporter's own metrics. Cloning gives the same ones.
#[derive(Clone, Debug)]
pub struct Telemetry {}

/// The own metrics of one tenant. Cloning gives the same ones.
#[derive(Clone, Debug)]
pub struct TenantTelemetry {}

impl Telemetry {
    /// Makes and registers every metric.
    ///
    /// # Errors
    /// If two metrics have one name: a mistake in this file, found by its tests.
    pub fn new() -> Result<Self, prometheus::Error> {
        Ok(Self {})
    }

    /// The metrics of a tenant, all counters present at 0 from now on.
    #[must_use]
    pub fn tenant(&self, _tenant: &str) -> TenantTelemetry {
        TenantTelemetry {}
    }

    /// Takes every series of a tenant off the page.
    pub fn remove_tenant(&self, _tenant: &str) {}

    /// Counts an answered request for the metrics page by its status code.
    pub fn scrape(&self, _code: u16) {}

    /// Notes how the last reading of the configuration went.
    pub fn config_reload(&self, _successful: bool, _now: jiff::Timestamp) {}

    /// Counts a state file that could not be written.
    pub fn state_write_failure(&self) {}

    /// The present values of everything, process metrics included.
    #[must_use]
    pub fn gather(&self) -> Vec<prometheus::proto::MetricFamily> {
        Vec::new()
    }
}

impl TenantTelemetry {
    /// Counts a request: `code` is the HTTP status, `None` if there was none.
    pub fn request(&self, _endpoint: Endpoint, _code: Option<u16>, _elapsed: Duration) {}

    /// Counts a request that is made once more.
    pub fn retry(&self) {}

    /// Adds time spent waiting for the rate limit.
    pub fn rate_limit_wait(&self, _waited: Duration) {}

    /// Counts a refresh, and why it failed if it did.
    pub fn refresh(&self, _failure: Option<Reason>) {}

    /// Counts table entries that were merged into another of their job.
    pub fn merged_tables(&self, _entries: u64) {}

    /// The number of requests made so far, of all endpoints.
    #[must_use]
    pub fn requests(&self) -> u64 {
        0
    }
}
