//! `/probe`: one job, fetched now with a configured tenant's credentials.

use std::sync::Arc;
use std::time::Duration;

use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;

use crate::amperity::ApiError;
use crate::exposition::{self, Encoding, Format, Page};
use crate::jobs::Job;

/// The time a probe may take when the client does not say.
pub(super) const DEFAULT_BUDGET: Duration = Duration::from_secs(30);

/// The answer: the job's series if it was found, and how the probe went.
pub(super) fn body(
    tenant: &str,
    outcome: Result<Job, ApiError>,
    elapsed: Duration,
    format: Format,
    encoding: Encoding,
) -> exposition::Body {
    let own = gauges(outcome.is_ok(), elapsed).unwrap_or_default();
    job_page(tenant, outcome.ok()).body(format, encoding, &own)
}

/// The page with the series of this job only.
fn job_page(_tenant: &str, job: Option<Job>) -> Page {
    // The one line to change once the exposition can write a single job.
    let _job = job.map(Arc::new);
    Page::assemble(&[])
}

fn gauges(success: bool, elapsed: Duration) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let probe_success = prometheus::Gauge::new(
        "probe_success",
        "Whether the job was fetched: 1 if so, 0 if not.",
    )?;
    probe_success.set(if success { 1.0 } else { 0.0 });
    let probe_duration = prometheus::Gauge::new(
        "probe_duration_seconds",
        "How long fetching the job took, retries and waits included.",
    )?;
    probe_duration.set(elapsed.as_secs_f64());
    let mut families = probe_duration.collect();
    families.extend(probe_success.collect());
    Ok(families)
}
