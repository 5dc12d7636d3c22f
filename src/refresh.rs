//! The refreshes: which requests to make next, and the tenants that make
//! them, each by itself, so that none delays or breaks another.
//!
//! [`Exporter`] is what the web side holds: the published page and snapshots,
//! a probe, health, and a new configuration taken in one step.

use std::sync::Arc;
use std::time::Duration;

use crate::amperity::ApiError;
use crate::exposition::Page;
use crate::jobs::Job;
use crate::snapshot::Snapshot;
use crate::telemetry::Telemetry;

/// Everything that is exported. Cloning gives the same one.
#[derive(Clone, Debug)]
pub struct Exporter {}

impl Exporter {
    /// The page to answer a scrape with. In scrape mode this refreshes first,
    /// or joins the refresh under way, and waits for it `budget` at most.
    pub async fn page(&self, _budget: Option<Duration>) -> Arc<Page> {
        std::future::pending().await
    }

    /// The published snapshots, ordered by tenant.
    #[must_use]
    pub fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        Vec::new()
    }

    /// The exporter's own metrics.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        unreachable!()
    }

    /// Fetches one job now with a tenant's credentials; `None` if there is no
    /// such tenant.
    pub async fn probe(
        &self,
        _tenant: &str,
        _job: &str,
        _budget: Duration,
    ) -> Option<Result<Job, ApiError>> {
        None
    }

    /// Whether every tenant had its first refresh, successful or not.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        false
    }

    /// Whether the refresh loops make progress.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        false
    }
}
