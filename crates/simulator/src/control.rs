//! Changes while the simulator runs (jobs, incidents, credentials), and the
//! true totals to compare an exporter with.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{
    FeedTotals, Incident, Job, SimulatedTenant, Simulator, WorkflowRun, WorkflowTotals, just_after,
    token,
};

/// The credentials of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The tenant.
    pub tenant: Arc<str>,
    /// A long-lived access token; empty when revoked.
    pub token: String,
    /// The OAuth2 client.
    pub client_id: String,
    /// The OAuth2 client's secret.
    pub client_secret: String,
}

impl Simulator {
    /// Adds a job or replaces the one with the same id. `false`: no such
    /// tenant.
    #[must_use]
    pub fn add_job(&self, tenant: &str, job: Job) -> bool {
        let (mut inner, _) = self.lock();
        let tenant = inner.world.get_mut(tenant);
        tenant.map(|tenant| tenant.add(job)).is_some()
    }

    /// Adds a run of a workflow or replaces the one with the same id. `false`:
    /// no such tenant.
    #[must_use]
    pub fn add_workflow_run(&self, tenant: &str, run: WorkflowRun) -> bool {
        let (mut inner, _) = self.lock();
        let tenant = inner.world.get_mut(tenant);
        tenant.map(|tenant| tenant.add_workflow_run(run)).is_some()
    }

    /// Sets whether the tenant's API key has the policy to read workflows.
    /// `false`: no such tenant.
    #[must_use]
    pub fn set_workflow_policy(&self, tenant: &str, allowed: bool) -> bool {
        let (mut inner, _) = self.lock();
        let tenant = inner.world.get_mut(tenant);
        tenant
            .map(|tenant| tenant.workflow_policy = allowed)
            .is_some()
    }

    /// The totals of workflows, per name and type, of runs that started in
    /// `started` and ended by `by`.
    #[must_use]
    pub fn workflow_totals(
        &self,
        tenant: &str,
        started: Range<Timestamp>,
        by: Timestamp,
    ) -> BTreeMap<(String, String), WorkflowTotals> {
        let (inner, _) = self.lock();
        let tenant = inner.world.get(tenant);
        tenant
            .map(|tenant| tenant.workflow_totals(started, by))
            .unwrap_or_default()
    }

    /// Applies an incident to the next run of a feed and returns the job's id.
    /// An absent run removes the job with all its tables; the id is the one
    /// the job would have had. `None`: no such tenant or feed.
    #[must_use]
    pub fn schedule_incident(
        &self,
        tenant: &str,
        feed: &str,
        incident: Incident,
    ) -> Option<String> {
        let (mut inner, now) = self.lock();
        inner
            .world
            .get_mut(tenant)?
            .schedule_incident(feed, incident, now)
    }

    /// Stops runs of a feed, and of tables loaded by the same jobs, from
    /// starting. `false`: no such tenant or feed.
    #[must_use]
    pub fn pause_feed(&self, tenant: &str, feed: &str) -> bool {
        let (mut inner, now) = self.lock();
        let tenant = inner.world.get_mut(tenant);
        tenant.is_some_and(|tenant| tenant.pause_feed(feed, now))
    }

    /// Lets runs of a feed start again. `false`: no such tenant or feed.
    #[must_use]
    pub fn resume_feed(&self, tenant: &str, feed: &str) -> bool {
        let (mut inner, now) = self.lock();
        let tenant = inner.world.get_mut(tenant);
        tenant.is_some_and(|tenant| tenant.resume_feed(feed, now))
    }

    /// Revokes all access tokens of a tenant. The token endpoint still issues
    /// new ones.
    pub fn revoke_tokens(&self, tenant: &str) {
        let (mut inner, _) = self.lock();
        inner.tokens.revoke(tenant);
        if let Some(tenant) = inner.world.get_mut(tenant) {
            tenant.tokens.clear();
        }
    }

    /// Creates another access token that is valid for `lifetime`. `None`: no
    /// such tenant.
    #[must_use]
    pub fn make_token(&self, tenant: &str, lifetime: Duration) -> Option<String> {
        let (mut inner, now) = self.lock();
        inner.serial += 1;
        let serial = inner.serial;
        let tenant = inner.world.get_mut(tenant)?;
        let name = Arc::clone(&tenant.name);
        let expiry = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
        let token = token::jwt(&name, "api-key", now, expiry, serial);
        tenant.tokens.push((token.clone(), Some(expiry)));
        inner.tokens.add(token.clone(), &name, Some(expiry));
        Some(token)
    }

    /// Changes the OAuth2 client's secret. Tokens stay valid. `false`: no such
    /// tenant.
    #[must_use]
    pub fn set_client_secret(&self, tenant: &str, secret: &str) -> bool {
        let (mut inner, _) = self.lock();
        let tenant = inner.world.get_mut(tenant);
        tenant
            .map(|tenant| secret.clone_into(&mut tenant.client_secret))
            .is_some()
    }

    /// The credentials of every tenant.
    #[must_use]
    pub fn credentials(&self) -> Vec<Credentials> {
        let (inner, _) = self.lock();
        let credentials = inner.world.tenants().map(|tenant| {
            let token = tenant.tokens.last().map(|(token, _)| token.clone());
            Credentials {
                tenant: Arc::clone(&tenant.name),
                token: token.unwrap_or_default(),
                client_id: tenant.client_id.clone(),
                client_secret: tenant.client_secret.clone(),
            }
        });
        credentials.collect()
    }

    /// Table names and feed ids of a tenant.
    #[must_use]
    pub fn feeds(&self, tenant: &str) -> Vec<(String, String)> {
        let (inner, _) = self.lock();
        let feeds = inner
            .world
            .get(tenant)
            .into_iter()
            .flat_map(SimulatedTenant::feeds);
        feeds
            .map(|(table, feed)| (table.to_owned(), feed.to_owned()))
            .collect()
    }

    /// The ids of jobs that started within `window` and not after now, oldest
    /// first.
    #[must_use]
    pub fn job_ids(&self, tenant: &str, window: Range<Timestamp>) -> Vec<String> {
        let (inner, now) = self.lock();
        let window = window.start..window.end.min(just_after(now));
        let jobs = inner.world.get(tenant).map(|tenant| tenant.jobs(window));
        let ids = jobs.into_iter().flatten().map(|job| job.id);
        ids.collect()
    }

    /// The totals, per table name and feed id, of runs that started in
    /// `started` and finished by `by`.
    #[must_use]
    pub fn feed_totals(
        &self,
        tenant: &str,
        started: Range<Timestamp>,
        by: Timestamp,
    ) -> BTreeMap<(String, String), FeedTotals> {
        let (inner, _) = self.lock();
        let tenant = inner.world.get(tenant);
        tenant
            .map(|tenant| tenant.feed_totals(started, by))
            .unwrap_or_default()
    }
}
