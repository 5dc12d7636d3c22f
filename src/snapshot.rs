//! What one refresh of a tenant knows, complete and immutable: what the page
//! shows until the next one replaces it in a single step. Pure.
//!
//! [`crate::refresh`] makes it, [`crate::exposition`] writes it, the status
//! page of [`crate::web`] shows it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::feeds::Feed;
use crate::jobs::Job;
use crate::telemetry::Reason;

/// One tenant as of its last refresh.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The tenant's id, value of the `tenant` label.
    pub tenant: Arc<str>,
    /// How the refreshes go.
    pub status: Status,
    /// The jobs on the page, ordered by id, each id once. Empty with
    /// `collect.jobs: false` and once the data is stale.
    pub jobs: Arc<[Arc<Job>]>,
    /// Whether the last fetch of each configured job succeeded, ordered by id.
    pub configured: Arc<[(Arc<str>, bool)]>,
    /// The feeds, ordered by table and feed. Empty with `collect.feeds: false`.
    pub feeds: Arc<[Feed]>,
    /// Whether the families of single files are on the page.
    pub files: bool,
}

impl Snapshot {
    /// What is known of a tenant before its first refresh: nothing.
    #[must_use]
    pub fn empty(tenant: Arc<str>) -> Self {
        Self {
            tenant,
            status: Status::default(),
            jobs: [].into(),
            configured: [].into(),
            feeds: [].into(),
            files: false,
        }
    }
}

/// How the refreshes of a tenant go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Whether the last refresh succeeded.
    pub up: bool,
    /// When the data was fetched; `None` before the first success.
    pub last_success: Option<Timestamp>,
    /// How long the last refresh took; `None` before the first one ended.
    pub refresh_duration: Option<Duration>,
    /// Requests the last refresh made.
    pub requests: u64,
    /// Jobs on the page.
    pub jobs: usize,
    /// Jobs left out by `limits.jobs`.
    pub jobs_dropped: usize,
    /// Feeds left out because the exporter has no room for more.
    pub feeds_dropped: usize,
    /// Time the ledger of runs could not cover, between two runs of the
    /// exporter further apart than the API's list reaches back.
    pub state_gap: Duration,
    /// When the access token ends, if that is known.
    pub token_expiry: Option<Timestamp>,
    /// From the `Deprecation` header, once seen.
    pub deprecation: Option<Timestamp>,
    /// From the `Sunset` header, once seen.
    pub sunset: Option<Timestamp>,
    /// The last refresh's failure, while it lasts.
    pub failure: Option<Failure>,
}

/// A failed refresh, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The reason, a label value.
    pub reason: Reason,
    /// What happened, what to do; no secret in it.
    pub message: String,
    /// When it began: the first failure since the last success.
    pub since: Timestamp,
}
