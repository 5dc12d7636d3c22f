//! The log lines about the state of a tenant: one when a condition begins or
//! changes, one when it ends.

use std::sync::Arc;
use std::time::Duration;

use crate::amperity::ApiError;
use crate::config;
use crate::log_once::LogOnChange;
use crate::snapshot::Status;
use crate::telemetry::Reason;

/// What was logged last about each condition.
#[derive(Debug, Default)]
pub(super) struct StateLog {
    failure: LogOnChange<Option<Reason>>,
    failing_jobs: LogOnChange<Vec<Arc<str>>>,
    malformed: LogOnChange<bool>,
    jobs_dropped: LogOnChange<bool>,
    feeds_dropped: LogOnChange<bool>,
    page_limited: LogOnChange<bool>,
    pieces: LogOnChange<Option<Duration>>,
    workflows: LogOnChange<Option<Reason>>,
    malformed_workflows: LogOnChange<bool>,
}

impl StateLog {
    pub(super) fn refresh_succeeded(&mut self, tenant: &str, lasted: Duration) {
        if let Some(Some(reason)) = self.failure.update(None) {
            let lasted = humantime::format_duration(lasted);
            tracing::info!(tenant, %reason, %lasted, "refresh succeeded again");
        }
    }

    pub(super) fn refresh_failed(&mut self, tenant: &str, error: &ApiError) {
        let reason = error.reason;
        match self.failure.update(Some(reason)) {
            Some(None) => {
                tracing::warn!(tenant, %reason, %error, "refresh failed; the last good data stays on the page until refresh.stale_after");
            }
            Some(Some(_)) => {
                tracing::warn!(tenant, %reason, %error, "refresh still fails, for another reason");
            }
            None => {}
        }
    }

    /// Logs which configured jobs cannot be fetched; `error` is that of one.
    pub(super) fn failing_jobs(
        &mut self,
        tenant: &str,
        failing: Vec<Arc<str>>,
        error: Option<&ApiError>,
    ) {
        if failing.is_empty() {
            if self.failing_jobs.update(failing).is_some() {
                tracing::info!(tenant, "every configured job can be fetched again");
            }
        } else if let Some(error) = error {
            let jobs = first_few(&failing);
            if self.failing_jobs.update(failing).is_some() {
                tracing::warn!(tenant, jobs, reason = %error.reason, %error, "configured jobs cannot be fetched; their amperity_ingest_job_up is 0");
            }
        }
    }

    pub(super) fn malformed_entries(&mut self, tenant: &str, entries: usize) {
        match self.malformed.update(entries > 0) {
            Some(false) => {
                tracing::warn!(tenant, entries, reason = %Reason::Malformed, "entries of GET ingest/jobs cannot be read as jobs and are left out");
            }
            Some(true) => {
                tracing::info!(tenant, "every entry of GET ingest/jobs can be read again");
            }
            None => {}
        }
    }

    /// Logs that workflows cannot be requested, and that they can again.
    pub(super) fn workflows(&mut self, tenant: &str, error: Option<&ApiError>) {
        let before = self.workflows.update(error.map(|error| error.reason));
        match (before, error) {
            (Some(_), Some(error)) => {
                let reason = error.reason;
                tracing::warn!(tenant, %reason, %error, "workflows cannot be requested; ingest jobs are exported without them");
            }
            (Some(Some(reason)), None) => {
                tracing::info!(tenant, %reason, "workflows can be requested again");
            }
            _ => {}
        }
    }

    pub(super) fn malformed_workflows(&mut self, tenant: &str, entries: usize) {
        match self.malformed_workflows.update(entries > 0) {
            Some(false) => {
                tracing::warn!(tenant, entries, reason = %Reason::Malformed, "entries of GET workflow/runs cannot be read and are left out");
            }
            Some(true) => {
                tracing::info!(tenant, "every entry of GET workflow/runs can be read again");
            }
            None => {}
        }
    }

    pub(super) fn jobs_dropped(&mut self, settings: &config::Tenant, dropped: usize) {
        let (tenant, limit) = (&*settings.tenant, settings.max_jobs);
        match self.jobs_dropped.update(dropped > 0) {
            Some(false) => {
                tracing::warn!(
                    tenant,
                    limit,
                    dropped,
                    "more jobs than limits.jobs, or more than 50000 tables; the oldest are left out: raise limits.jobs or shorten discovery.window"
                );
            }
            Some(true) => tracing::info!(tenant, limit, "all jobs fit in limits.jobs again"),
            None => {}
        }
    }

    pub(super) fn feeds_dropped(&mut self, tenant: &str, dropped: usize) {
        match self.feeds_dropped.update(dropped > 0) {
            Some(false) => tracing::warn!(
                tenant,
                dropped,
                "more feeds than the limit; the runs of those left out are not counted"
            ),
            Some(true) => tracing::info!(tenant, "all feeds fit in the limit again"),
            None => {}
        }
    }

    pub(super) fn page_limit(&mut self, settings: &config::Tenant, over: bool, status: &Status) {
        let (tenant, limit) = (&*settings.tenant, settings.page_bytes);
        match self.page_limited.update(over) {
            Some(false) => tracing::warn!(
                tenant,
                limit,
                jobs_dropped = status.jobs_dropped,
                feeds_dropped = status.feeds_dropped,
                workflows_dropped = status.workflows_dropped,
                "the tenant's page would be larger than limits.page_bytes; the oldest jobs and \
                 the newest feeds and workflows are left out: raise the limit or shorten discovery.window"
            ),
            Some(true) => {
                tracing::info!(tenant, limit, "the page fits in limits.page_bytes again");
            }
            None => {}
        }
    }

    /// Logs the length of the pieces in which jobs are listed; `None` for one
    /// list of all.
    pub(super) fn piece_length(&mut self, tenant: &str, length: Option<Duration>) {
        if self.pieces.update(length).is_none() {
            return;
        }
        if let Some(length) = length {
            let length = humantime::format_duration(Duration::from_secs(length.as_secs()));
            tracing::info!(
                tenant,
                %length,
                "the list of jobs is too large or too slow for one response; it is requested in pieces"
            );
        } else {
            tracing::info!(tenant, "the list of jobs is requested as a whole again");
        }
    }
}

/// The first few of many ids.
fn first_few(ids: &[Arc<str>]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = ids.iter().take(SHOWN).map(|id| &**id).collect();
    let more = ids.len().saturating_sub(SHOWN);
    let list = shown.join(", ");
    if more == 0 {
        list
    } else {
        format!("{list} and {more} more")
    }
}
