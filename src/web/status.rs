//! The status page at `/`, for people.

use std::sync::Arc;

use jiff::Timestamp;

use crate::snapshot::Snapshot;

/// A page and the policy it can be shown under.
#[derive(Debug)]
pub(super) struct StatusPage {
    pub(super) html: String,
    pub(super) content_security_policy: String,
}

/// The page of all tenants, or of one alone.
pub(super) fn page(
    _snapshots: &[Arc<Snapshot>],
    _only: Option<&str>,
    _telemetry_path: &str,
    _now: Timestamp,
) -> StatusPage {
    StatusPage {
        html: String::new(),
        content_security_policy: "default-src 'none'".to_owned(),
    }
}
