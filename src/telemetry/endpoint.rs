//! The endpoints of the API that requests are counted by.

/// The part of the API a request was for: the values of the `endpoint` label.
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
    /// Every endpoint.
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
