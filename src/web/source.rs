//! What the routes ask of the exporter: the seam at which tests put their own.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::amperity::ApiError;
use crate::exposition::Page;
use crate::jobs::Job;
use crate::refresh::Exporter;
use crate::snapshot::Snapshot;
use crate::telemetry::Telemetry;

/// Something to serve; see the methods of [`Exporter`] of the same names.
pub trait Source: Send + Sync + 'static {
    /// The page of all tenants.
    fn page(&self, budget: Option<Duration>) -> impl Future<Output = Arc<Page>> + Send;

    /// The page of these tenants, or `None` if one of them does not exist.
    fn page_of(
        &self,
        tenants: &[&str],
        budget: Option<Duration>,
    ) -> impl Future<Output = Option<Arc<Page>>> + Send;

    /// One job, fetched now, or `None` if there is no such tenant.
    fn probe(
        &self,
        tenant: &str,
        job: &str,
        budget: Duration,
    ) -> impl Future<Output = Option<Result<Job, ApiError>>> + Send;

    /// The published snapshots, ordered by tenant.
    fn snapshots(&self) -> Vec<Arc<Snapshot>>;

    /// The exporter's own metrics.
    fn telemetry(&self) -> &Telemetry;

    /// Whether every tenant had its first refresh.
    fn is_ready(&self) -> bool;

    /// Whether the refresh loops make progress.
    fn is_healthy(&self) -> bool;
}

impl Source for Exporter {
    async fn page(&self, budget: Option<Duration>) -> Arc<Page> {
        self.page(budget).await
    }

    async fn page_of(&self, tenants: &[&str], budget: Option<Duration>) -> Option<Arc<Page>> {
        self.page_of(tenants, budget).await
    }

    async fn probe(
        &self,
        tenant: &str,
        job: &str,
        budget: Duration,
    ) -> Option<Result<Job, ApiError>> {
        self.probe(tenant, job, budget).await
    }

    fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        self.snapshots()
    }

    fn telemetry(&self) -> &Telemetry {
        self.telemetry()
    }

    fn is_ready(&self) -> bool {
        self.is_ready()
    }

    fn is_healthy(&self) -> bool {
        self.is_healthy()
    }
}
