//! The refreshes: which requests to make next, and the tasks that make them,
//! one for each tenant, so that none delays or breaks another.
//!
//! [`Exporter`] is what the web side uses: the published page and snapshots, a
//! probe, health, and new configurations. The `supervisor` applies a
//! configuration by messages to the tenants' tasks (`tenant_task`). Such a task
//! owns its `tenant_state` and runs one refresh at a time: `cycle` makes the
//! requests that `plan` and `discovery` choose, `outcome` decides what a failure
//! counts against, `known_jobs` remembers the answers, and the `publisher` puts
//! the result on the page. `workflow_cycle` and `workflows` do the same for
//! workflows, after the ingest jobs.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::amperity::{ApiError, Transport};
use crate::clock::Clock;
use crate::config::{self, Mode};
use crate::exposition::Page;
use crate::feeds::RunHistory;
use crate::feeds::store::Store;
use crate::jobs::Job;
use crate::snapshot::Snapshot;
use crate::telemetry::Telemetry;

mod api_clock;
mod cycle;
mod discovery;
pub(crate) mod expectations;
mod first_increments;
mod known_jobs;
mod outcome;
mod plan;
mod publisher;
mod remembered;
mod state_log;
mod supervisor;
mod tenant_state;
mod tenant_task;
mod tenants;
#[cfg(test)]
mod tests;
mod workflow_cycle;
pub(crate) mod workflows;

use publisher::{Published, Publisher};
use supervisor::Supervisor;
use tenant_task::TenantHandle;
use tenants::{Member, Tenants};

/// Probes of one tenant that may be in flight or wait at the same time.
const MAX_PROBES: usize = 100;

/// Scrapes that may wait for refreshes at the same time. Further ones get the
/// last good data at once.
const MAX_WAITING_SCRAPES: usize = 256;

/// How long a scrape waits for a refresh if the client does not say.
const DEFAULT_BUDGET: Duration = Duration::from_secs(10);

/// The longest a scrape or probe may wait, whatever the client says.
const LONGEST_BUDGET: Duration = Duration::from_mins(2);

/// Connects to a tenant's API; [`amperity::network`] but for tests.
///
/// [`amperity::network`]: crate::amperity::network
pub type Connect = dyn Fn(&config::Api) -> Result<Arc<dyn Transport>, ApiError> + Send + Sync;

/// What the exporter depends on.
#[derive(Clone)]
pub struct Environment {
    /// The wall clock.
    pub clock: Clock,
    /// The exporter's own metrics.
    pub telemetry: Telemetry,
    /// Where run histories are kept.
    pub store: Store,
    /// How the API is reached.
    pub connect: Arc<Connect>,
}

impl Environment {
    /// Saves a history of a tenant. A failure is counted; the store logs it.
    async fn save(&self, tenant: &str, history: &mut RunHistory) {
        if self.store.save(tenant, history).await.is_err() {
            self.telemetry.state_write_failures.inc();
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Environment")
            .finish_non_exhaustive()
    }
}

/// Everything that is exported. Cloning gives the same one.
#[derive(Clone, Debug)]
pub struct Exporter {
    environment: Environment,
    supervisor: Supervisor,
    tenants: watch::Receiver<Arc<Tenants>>,
    published: watch::Receiver<Arc<Published>>,
    waiting_scrapes: Arc<Semaphore>,
}

/// The names of tenants.
pub type TenantNames = Arc<BTreeSet<Arc<str>>>;

/// No tenant of this name is configured.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no tenant {0:?} is configured; /sd lists those that are")]
pub struct UnknownTenant(String);

/// Why a job was not probed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProbeError {
    /// The tenant is not configured.
    #[error(transparent)]
    UnknownTenant(#[from] UnknownTenant),
    /// Too many probes of the tenant wait.
    #[error(
        "{MAX_PROBES} probes of tenant {0:?} are waiting already: probe fewer jobs or less often, \
         or raise requests_per_second"
    )]
    TooMany(String),
}

/// The result of a probe of one job.
#[derive(Debug)]
pub struct Probed {
    /// The job, or why it could not be fetched.
    pub outcome: Result<Job, ApiError>,
    /// Whether the families of single files are wanted for this tenant.
    pub files: bool,
}

impl Exporter {
    /// An exporter without tenants; [`apply`](Self::apply) gives it some. Call
    /// it within a tokio runtime.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        let (publisher, current) = Publisher::start();
        let (supervisor, tenants) = Supervisor::start(environment.clone(), publisher);
        Self {
            environment,
            supervisor,
            tenants,
            published: current,
            waiting_scrapes: Arc::new(Semaphore::new(MAX_WAITING_SCRAPES)),
        }
    }

    /// Applies a configuration, the first or a new one, whole or not at all, to
    /// its end even if the caller stops waiting. Tenants that stay keep their
    /// data; one whose settings did not change is not disturbed.
    ///
    /// # Errors
    /// If a tenant's API cannot be connected to by its settings; then nothing
    /// has changed.
    pub async fn apply(&self, settings: config::Settings) -> Result<(), ApiError> {
        self.supervisor.apply(settings).await
    }

    /// Ends all refreshes permanently. One in flight is cancelled; a write of the
    /// state file that has begun ends by itself. There must be no more scrapes.
    pub async fn stop(&self) {
        self.supervisor.stop().await;
    }

    /// The page to answer a scrape with, of all tenants or of some, and the
    /// names of the tenants it is about: the exporter's own series of others,
    /// just added or removed, are not for it.
    ///
    /// In scrape mode this first refreshes the tenants, or joins the refresh
    /// in flight, and waits for `budget` at most (by default 10 s, never over two
    /// minutes). What is not refreshed by then goes on for the next scrape. If
    /// too many scrapes wait already, it does not wait.
    ///
    /// # Errors
    /// If one of the tenants is not configured.
    pub async fn page(
        &self,
        tenants: Option<&[&str]>,
        budget: Option<Duration>,
    ) -> Result<(Arc<Page>, TenantNames), UnknownTenant> {
        let configured = self.configured();
        let names = tenants.map(|some| some.iter().map(|name| configured.name(name)).collect());
        let chosen: Option<BTreeSet<_>> = names.transpose()?;
        if let Some(Mode::Scrape { max_age }) = configured.mode
            && let Ok(_permit) = self.waiting_scrapes.try_acquire()
        {
            let is_chosen =
                |name: &Arc<str>| chosen.as_ref().is_none_or(|some| some.contains(name));
            let members = configured.members.iter();
            let stale: Vec<_> = members
                .filter(|(name, member)| is_chosen(name) && !member.handle.is_fresh(max_age))
                .map(|(_, member)| member.handle.clone())
                .collect();
            let all = refresh_all(stale);
            let budget = budget.unwrap_or(DEFAULT_BUDGET).min(LONGEST_BUDGET);
            let _ = tokio::time::timeout(budget, all).await;
        }
        let published = Arc::clone(&self.published.borrow());
        Ok(match chosen {
            Some(chosen) => (published.page_of(&chosen), Arc::new(chosen)),
            None => (Arc::clone(&published.page), Arc::clone(&published.names)),
        })
    }

    /// The names of the configured tenants, ordered.
    #[must_use]
    pub fn tenants(&self) -> Vec<Arc<str>> {
        self.configured().members.keys().cloned().collect()
    }

    /// The configured tenant of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn tenant(&self, name: &str) -> Result<Arc<str>, UnknownTenant> {
        self.configured().name(name)
    }

    /// The published snapshots, ordered by tenant.
    #[must_use]
    pub fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        self.published.borrow().snapshots()
    }

    /// The exporter's own metrics.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.environment.telemetry
    }

    /// The wall clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.environment.clock
    }

    /// Fetches one job now with a tenant's credentials.
    ///
    /// # Errors
    /// If the tenant is not configured, or too many of its probes wait.
    pub async fn probe(
        &self,
        tenant: &str,
        job: &str,
        budget: Duration,
    ) -> Result<Probed, ProbeError> {
        let configured = self.configured();
        let name = configured.name(tenant)?;
        let member = &configured.members[&name];
        let Ok(_permit) = member.probes.try_acquire() else {
            return Err(ProbeError::TooMany(tenant.to_owned()));
        };
        let deadline = Instant::now() + budget.min(LONGEST_BUDGET);
        Ok(Probed {
            outcome: member.client.probe(job, deadline).await.outcome,
            files: member.config.settings.collect.files,
        })
    }

    /// Whether every tenant had its first refresh, successful or not. Once
    /// true it stays true, also when a new configuration adds a tenant.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.configured().are_ready()
    }

    /// Whether the refreshes of every tenant make progress. A failing API is
    /// not a lack of progress.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let configured = self.configured();
        let Some(mode) = configured.mode else {
            return false;
        };
        configured.members.values().all(|member| {
            let timeout = member.config.times.budget.saturating_mul(3);
            member.handle.is_alive(mode, timeout)
        })
    }

    fn configured(&self) -> Arc<Tenants> {
        Arc::clone(&self.tenants.borrow())
    }
}

/// Asks for a refresh of each, then waits for all of them.
async fn refresh_all(tenants: Vec<TenantHandle>) {
    let mut refreshes = Vec::new();
    for tenant in tenants {
        refreshes.push(tenant.refresh().await);
    }
    for refresh in refreshes {
        refresh.await;
    }
}
