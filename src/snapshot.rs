//! The result of one refresh of a tenant, complete and immutable: what the page
//! shows until the next refresh replaces it in one step. Pure.
//!
//! [`crate::refresh`] makes it, [`crate::exposition`] renders it, and the status
//! page of [`crate::web`] shows it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::feeds::Feed;
use crate::jobs::{Job, label};
use crate::telemetry::Reason;

/// One tenant as of its last refresh.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The tenant's id, value of the `tenant` label.
    pub tenant: Arc<str>,
    /// The status of the refreshes.
    pub status: Status,
    /// The jobs on the page, ordered by id, each id once. Empty with
    /// `collect.jobs: false` and once the data is stale.
    pub jobs: Arc<[Arc<Job>]>,
    /// Whether the last fetch of each configured job succeeded, ordered by id.
    pub configured: Arc<[(Arc<str>, bool)]>,
    /// The feeds, ordered by table and feed. Empty with `collect.feeds: false`.
    pub feeds: Arc<[Feed]>,
    /// The workflows, ordered by name and type: `table` and `feed`. Empty with
    /// `collect.workflows: false`.
    pub workflows: Arc<[Feed]>,
    /// The names of the workflows that jobs and feeds refer to, by the ids of
    /// their runs.
    pub workflow_names: Arc<BTreeMap<Arc<str>, Arc<str>>>,
    /// The address of a run of a workflow in Amperity, with the placeholders
    /// `{tenant}` and `{workflow_id}`.
    pub ui_url: Option<Arc<str>>,
    /// Whether the families of single files are on the page.
    pub files: bool,
    /// Whether counters have `_created` series in `OpenMetrics`.
    pub created_series: bool,
}

impl Snapshot {
    /// A tenant before its first refresh.
    #[must_use]
    pub fn empty(tenant: Arc<str>) -> Self {
        Self {
            tenant,
            status: Status::default(),
            jobs: [].into(),
            configured: [].into(),
            feeds: [].into(),
            workflows: [].into(),
            workflow_names: Arc::default(),
            ui_url: None,
            files: false,
            created_series: false,
        }
    }

    /// The address of a run of a workflow in Amperity, by `ui_url`. None if it
    /// would be too long for a label value.
    pub(crate) fn run_address(&self, run: &str) -> Option<String> {
        // Like this it is right in a path and in a query.
        let encode = |text: &str| {
            let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            encoded.replace('+', "%20")
        };
        let template = self.ui_url.as_deref().filter(|_| !run.is_empty())?;
        let address = template.replace("{tenant}", &encode(&self.tenant));
        let address = address.replace("{workflow_id}", &encode(run));
        (address.len() <= label::MAX_BYTES).then_some(address)
    }
}

/// The status of a tenant's refreshes.
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
    /// Feeds left out because there are more than the limit.
    pub feeds_dropped: usize,
    /// Whether the last requests for workflows succeeded; `None` before the
    /// first one.
    pub workflows_up: Option<bool>,
    /// Workflows left out because there are more than the limit.
    pub workflows_dropped: usize,
    /// Time whose runs could not be counted: the exporter did not run for longer
    /// than the API's list reaches back.
    pub state_gap: Duration,
    /// When the access token expires, if known.
    pub token_expiry: Option<Timestamp>,
    /// From the `Deprecation` header, once seen.
    pub deprecation: Option<Timestamp>,
    /// From the `Sunset` header, once seen.
    pub sunset: Option<Timestamp>,
    /// The failure of the last refresh; `None` if it succeeded.
    pub failure: Option<Failure>,
}

/// Why a refresh failed, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The reason, a label value.
    pub reason: Reason,
    /// What happened and what to do. Contains no secret.
    pub message: String,
    /// When the first refresh failed since the last success.
    pub since: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_run_is_encoded_and_bounded() {
        let mut snapshot = Snapshot::empty("sock town".into());
        assert_eq!(snapshot.run_address("wf-1"), None);
        snapshot.ui_url = Some("https://a.example/{tenant}/{workflow_id}?{tenant}".into());
        assert_eq!(
            snapshot.run_address("wf/1").as_deref(),
            Some("https://a.example/sock%20town/wf%2F1?sock%20town")
        );
        assert_eq!(snapshot.run_address(""), None);
        assert_eq!(snapshot.run_address(&"w".repeat(1024)), None);
    }
}
