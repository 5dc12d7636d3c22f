//! `/probe`: one job, fetched now with a configured tenant's credentials.

use std::sync::Arc;
use std::time::Duration;

use crate::amperity::ApiError;
use crate::exposition::{Body, Encoding, Format, Page, RenderedSnapshot};
use crate::jobs::Job;
use crate::telemetry::Gathered;

/// The budget of a probe whose client sends no scrape timeout.
pub(super) const DEFAULT_BUDGET: Duration = Duration::from_secs(30);

/// A probe and its outcome.
#[derive(Debug)]
pub(super) struct Probe<'a> {
    pub(super) tenant: &'a str,
    pub(super) job: &'a str,
    pub(super) outcome: Result<Job, ApiError>,
    pub(super) elapsed: Duration,
    /// Whether the tenant's configuration includes single files.
    pub(super) files: bool,
}

impl Probe<'_> {
    /// The job's series if it was fetched, and the outcome.
    pub(super) fn body(self, format: Format, encoding: Encoding) -> Body {
        let job = self.outcome.ok().map(Arc::new);
        let blocks = RenderedSnapshot::probe(
            self.tenant,
            self.job,
            job.as_ref(),
            self.elapsed,
            self.files,
        );
        Page::new(vec![Arc::new(blocks)]).body(format, encoding, &Gathered::default())
    }
}
