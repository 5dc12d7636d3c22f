//! The closed sets of values that labels of the own metrics may have.

use std::fmt;

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
