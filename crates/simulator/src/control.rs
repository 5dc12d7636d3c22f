//! The strings to pull while the simulator runs: jobs and incidents on order,
//! credentials that change, and the truth to compare an exporter with.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Incident, Job, Simulator, Tally, Tenant, a_millisecond_after, token};

/// How to get in as a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The tenant.
    pub tenant: Arc<str>,
    /// An access token made by hand; empty when revoked.
    pub token: String,
    /// The OAuth2 client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

impl Simulator {
    /// Adds a run, or puts it in the place of the one with the same id.
    /// `false`: no such tenant.
    #[must_use]
    pub fn add_job(&self, tenant: &str, job: Job) -> bool {
        let (mut inner, _) = self.lock();
        let tenant = inner.world.get_mut(tenant);
        tenant.map(|tenant| tenant.add(job)).is_some()
    }

    /// Has something happen to the next run of a feed and tells which job
    /// that will be. An absent run takes the other tables of its job with it;
    /// of absent runs it is the id that would have been. `None`: no such
    /// tenant or feed.
    #[must_use]
    pub fn order(&self, tenant: &str, feed: &str, incident: Incident) -> Option<String> {
        let (mut inner, now) = self.lock();
        inner.world.get_mut(tenant)?.order(feed, incident, now)
    }

    /// Lets no run of a feed start from now on, nor of the tables that are
    /// loaded with it. `false`: no such tenant or feed.
    #[must_use]
    pub fn hold_back(&self, tenant: &str, feed: &str) -> bool {
        let (mut inner, now) = self.lock();
        let tenant = inner.world.get_mut(tenant);
        tenant.is_some_and(|tenant| tenant.hold_back(feed, now))
    }

    /// Lets the runs of a feed start again. `false`: no such tenant or feed.
    #[must_use]
    pub fn let_go(&self, tenant: &str, feed: &str) -> bool {
        let (mut inner, now) = self.lock();
        let tenant = inner.world.get_mut(tenant);
        tenant.is_some_and(|tenant| tenant.let_go(feed, now))
    }

    /// Makes every access token of a tenant worthless; new ones can be had
    /// from the token endpoint.
    pub fn revoke_tokens(&self, tenant: &str) {
        let (mut inner, _) = self.lock();
        inner.tokens.revoke(tenant);
        if let Some(tenant) = inner.world.get_mut(tenant) {
            tenant.tokens.clear();
        }
    }

    /// Makes a new access token, good for `lifetime`, and lets the others be.
    /// `None`: no such tenant.
    #[must_use]
    pub fn make_token(&self, tenant: &str, lifetime: Duration) -> Option<String> {
        let (mut inner, now) = self.lock();
        inner.serial += 1;
        let serial = inner.serial;
        let tenant = inner.world.get_mut(tenant)?;
        let name = Arc::clone(&tenant.name);
        let expiry = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
        let token = token::jwt(&name, "made-by-hand", now, expiry, serial);
        tenant.tokens.push((token.clone(), Some(expiry)));
        inner.tokens.add(token.clone(), &name, Some(expiry));
        Some(token)
    }

    /// Gives the OAuth2 client another secret. Tokens live on. `false`: no
    /// such tenant.
    #[must_use]
    pub fn set_client_secret(&self, tenant: &str, secret: &str) -> bool {
        let (mut inner, _) = self.lock();
        let tenant = inner.world.get_mut(tenant);
        tenant
            .map(|tenant| secret.clone_into(&mut tenant.client_secret))
            .is_some()
    }

    /// How to get in, tenant by tenant.
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

    /// Table names and feed ids of a tenant's pipelines.
    #[must_use]
    pub fn feeds(&self, tenant: &str) -> Vec<(String, String)> {
        let (inner, _) = self.lock();
        let feeds = inner.world.get(tenant).into_iter().flat_map(Tenant::feeds);
        feeds
            .map(|(table, feed)| (table.to_owned(), feed.to_owned()))
            .collect()
    }

    /// The jobs that started within `window` and by now, oldest first.
    #[must_use]
    pub fn job_ids(&self, tenant: &str, window: Range<Timestamp>) -> Vec<String> {
        let (inner, now) = self.lock();
        let window = window.start..window.end.min(a_millisecond_after(now));
        let jobs = inner.world.get(tenant).map(|tenant| tenant.jobs(window));
        let ids = jobs.into_iter().flatten().map(|job| job.id);
        ids.collect()
    }

    /// The truth per table name and feed id: what the runs that started in
    /// `started` (from inclusive, to exclusive) and finished by `by` add up
    /// to.
    #[must_use]
    pub fn tally(
        &self,
        tenant: &str,
        started: Range<Timestamp>,
        by: Timestamp,
    ) -> BTreeMap<(String, String), Tally> {
        let (inner, _) = self.lock();
        let tenant = inner.world.get(tenant);
        tenant
            .map(|tenant| tenant.tally(started, by))
            .unwrap_or_default()
    }
}
