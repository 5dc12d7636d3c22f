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
    /// `GET /workflow/runs/{id}`
    WorkflowRun,
    /// `GET /workflow/runs`
    WorkflowRuns,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 5] = [
        Self::Token,
        Self::IngestJob,
        Self::IngestJobs,
        Self::WorkflowRun,
        Self::WorkflowRuns,
    ];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::IngestJob => "ingest_job",
            Self::IngestJobs => "ingest_jobs",
            Self::WorkflowRun => "workflow_run",
            Self::WorkflowRuns => "workflow_runs",
        }
    }
}
