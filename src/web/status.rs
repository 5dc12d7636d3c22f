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

/// The page of all tenants, or of the one asked for; `None` if there is no
/// such tenant.
pub(super) fn page(
    snapshots: &[Arc<Snapshot>],
    asked: Option<&str>,
    _telemetry_path: &str,
    _now: Timestamp,
) -> Option<StatusPage> {
    if let Some(asked) = asked {
        snapshots
            .iter()
            .find(|snapshot| *snapshot.tenant == *asked)?;
    }
    Some(StatusPage {
        html: String::new(),
        content_security_policy: "default-src 'none'".to_owned(),
    })
}
