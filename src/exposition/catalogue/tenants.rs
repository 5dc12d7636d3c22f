//! The families of a tenant: how its refreshes go.

use super::super::text::Value;
use super::{Family, Gauge, gauge};
use crate::snapshot::Status;

const TENANT: &[&str] = &["tenant"];

/// One series per tenant, each.
pub(in crate::exposition) static TENANT_GAUGES: [Gauge<Status>; 12] = [
    gauge(
        "amperity_up",
        TENANT,
        |status| Some(Value::Count(status.up.into())),
        "1 if the last refresh of the tenant's data from the Amperity API succeeded, 0 if it \
         failed. No series until the first refresh has completed.",
    ),
    gauge(
        "amperity_last_success_timestamp_seconds",
        TENANT,
        |status| status.last_success.map(Value::timestamp),
        "Unix time at which the tenant's data on this page was fetched. No series before the first \
         successful refresh.",
    ),
    gauge(
        "amperity_refresh_duration_seconds",
        TENANT,
        |status| {
            status
                .refresh_duration
                .map(|elapsed| Value::Float(elapsed.as_secs_f64()))
        },
        "Duration of the tenant's last refresh, including waits and retries.",
    ),
    gauge(
        "amperity_access_token_expiry_timestamp_seconds",
        TENANT,
        |status| status.token_expiry.map(Value::timestamp),
        "Unix time at which the tenant's access token expires, from its exp claim or the token \
         endpoint's expires_in. No series if unknown.",
    ),
    gauge(
        "amperity_api_deprecation_timestamp_seconds",
        TENANT,
        |status| status.deprecation.map(Value::timestamp),
        "Unix time at which the configured version of the Amperity API is deprecated, from the \
         Deprecation header. No series until one has been received.",
    ),
    gauge(
        "amperity_api_sunset_timestamp_seconds",
        TENANT,
        |status| status.sunset.map(Value::timestamp),
        "Unix time at which the configured version of the Amperity API is switched off, from the \
         Sunset header. No series until one has been received.",
    ),
    gauge(
        "amperity_exporter_jobs",
        TENANT,
        |status| Some(Value::Count(status.jobs as u64)),
        "Ingest jobs of the tenant on this page.",
    ),
    gauge(
        "amperity_exporter_jobs_dropped",
        TENANT,
        |status| Some(Value::Count(status.jobs_dropped as u64)),
        "Ingest jobs of the tenant left out because of limits.jobs or limits.page_bytes, or \
         because the page holds at most 50,000 tables per tenant. The oldest are left out.",
    ),
    gauge(
        "amperity_exporter_feeds_dropped",
        TENANT,
        |status| Some(Value::Count(status.feeds_dropped as u64)),
        "Feeds of the tenant that have no series, because of limits.page_bytes or because the \
         exporter keeps at most 50,000. The newest are left out.",
    ),
    gauge(
        "amperity_workflows_up",
        TENANT,
        |status| status.workflows_up.map(|up| Value::Count(up.into())),
        "1 if the last requests for the tenant's workflows succeeded, 0 if one failed, for example \
         because the API key lacks the policy. Ingest jobs do not depend on it. No series without \
         collect.workflows.",
    ),
    gauge(
        "amperity_exporter_workflows_dropped",
        TENANT,
        |status| Some(Value::Count(status.workflows_dropped as u64)),
        "Workflows of the tenant that have no series, because of limits.page_bytes or because the \
         exporter keeps at most 50,000. The newest are left out.",
    ),
    gauge(
        "amperity_exporter_state_gap_seconds",
        TENANT,
        |status| Some(Value::duration(status.state_gap)),
        "Time in which runs may have finished without being counted, because no jobs were listed \
         for longer than the Amperity API lists them.",
    ),
];

/// The families of a tenant.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    TENANT_GAUGES.iter().map(|gauge| &gauge.family)
}
