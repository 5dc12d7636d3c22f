//! The refreshes: which requests to make next, and the tenants that make
//! them, each by itself, so that none delays or breaks another.
//!
//! [`Exporter`] is what the web side holds: the published page and snapshots,
//! a probe, health, and a new configuration taken in one step. Behind it a
//! tenant runs one refresh at a time: `plan` decides what to ask, `cycle`
//! asks, `harvest` holds what came of it, `core` concludes, `known` remembers,
//! `publisher` puts the outcome on the page; `reconfigure` changes who the
//! tenants are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::amperity::{ApiError, Client};
use crate::clock::Clock;
use crate::config::{self, Mode, Settings};
use crate::exposition::Page;
use crate::feeds::store::Store;
use crate::jobs::Job;
use crate::snapshot::Snapshot;
use crate::telemetry::{Telemetry, TenantTelemetry};

mod core;
mod cycle;
mod harvest;
mod known;
mod plan;
mod publisher;
mod reconfigure;
mod tenant;
#[cfg(test)]
mod tests;

use core::{Common, Terms};
pub use publisher::Roster;
use publisher::{Published, Publisher};
use tenant::Tenant;

/// Makes the client of a tenant.
pub type Connect =
    dyn Fn(&config::Tenant, TenantTelemetry, Clock) -> Result<Client, ApiError> + Send + Sync;

/// What the exporter is given by its surroundings.
#[derive(Clone)]
pub struct Environment {
    /// The wall clock.
    pub clock: Clock,
    /// The exporter's own metrics.
    pub telemetry: Telemetry,
    /// Where ledgers are kept.
    pub store: Option<Store>,
    /// How clients are made; [`Client::new`] but for tests.
    pub connect: Arc<Connect>,
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
pub struct Exporter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    environment: Environment,
    common: Common,
    publisher: Arc<Publisher>,
    fleet: RwLock<Arc<Fleet>>,
    /// The loops of interval mode; held while a configuration is taken.
    loops: tokio::sync::Mutex<BTreeMap<Arc<str>, JoinHandle<()>>>,
    /// Whether there was a moment at which every tenant was ready.
    ready: AtomicBool,
}

/// The tenants by one configuration.
#[derive(Debug, Default)]
struct Fleet {
    settings: Option<Arc<Settings>>,
    tenants: BTreeMap<Arc<str>, Arc<Tenant>>,
}

impl Exporter {
    /// An exporter without tenants; [`apply`](Self::apply) gives it some.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        let common = Common {
            clock: environment.clock.clone(),
            store: environment.store.clone(),
            telemetry: environment.telemetry.clone(),
            state_failing: Arc::default(),
        };
        Self(Arc::new(Inner {
            environment,
            common,
            publisher: Arc::new(Publisher::new()),
            fleet: RwLock::default(),
            loops: tokio::sync::Mutex::default(),
            ready: AtomicBool::new(false),
        }))
    }

    /// Ends all refreshes, for good. One under way is given up; a write of the
    /// state file that has begun ends by itself. Nobody may scrape any more.
    pub async fn stop(&self) {
        let mut loops = self.0.loops.lock().await;
        for (_, task) in std::mem::take(&mut *loops) {
            task.abort();
            let _ = task.await;
        }
        for tenant in self.fleet().tenants.values() {
            tenant.ground().await;
        }
    }

    /// What is published, after a refresh in scrape mode: by one that begins
    /// now, or the one under way. Waits for it `budget` at most; then the
    /// refresh goes on for the next scrape. `tenants` limits whom it concerns.
    async fn scrape(
        &self,
        tenants: Option<&[Arc<str>]>,
        budget: Option<Duration>,
    ) -> Arc<Published> {
        let fleet = self.fleet();
        if let Some(settings) = &fleet.settings
            && let Mode::Scrape { max_age } = settings.refresh.mode
        {
            let flights: Vec<_> = settings
                .tenants
                .iter()
                .filter(|tenant| tenants.is_none_or(|some| some.contains(&tenant.tenant)))
                .filter_map(|tenant| Some((fleet.tenants.get(&tenant.tenant)?, tenant)))
                .filter(|(running, _)| !running.is_fresh(max_age))
                .map(|(running, tenant)| running.refresh(terms(settings, tenant)))
                .collect();
            let all = async {
                for mut landed in flights {
                    let _ = landed.changed().await;
                }
            };
            match budget {
                Some(budget) => drop(tokio::time::timeout(budget, all).await),
                None => all.await,
            }
        }
        self.0.publisher.current()
    }

    /// The page to answer a scrape with. In scrape mode this refreshes first,
    /// or joins the refresh under way, and waits for it `budget` at most.
    pub async fn page(&self, budget: Option<Duration>) -> Arc<Page> {
        self.page_and_roster(budget).await.0
    }

    /// The same, with the tenants that were configured when it was published:
    /// the exporter's own series of others, who are about to come or to go,
    /// are not for this page.
    pub async fn page_and_roster(&self, budget: Option<Duration>) -> (Arc<Page>, Roster) {
        let published = self.scrape(None, budget).await;
        (Arc::clone(&published.page), Arc::clone(&published.roster))
    }

    /// The names of the configured tenants, ordered.
    #[must_use]
    pub fn tenants(&self) -> Vec<Arc<str>> {
        self.fleet().tenants.keys().cloned().collect()
    }

    /// The page of some tenants only; `None` if one of them does not exist.
    /// In scrape mode only these are refreshed, within `budget`.
    pub async fn page_of(&self, tenants: &[&str], budget: Option<Duration>) -> Option<Arc<Page>> {
        let known = self.tenants();
        let mut chosen = Vec::with_capacity(tenants.len());
        for tenant in tenants {
            chosen.push(Arc::clone(known.iter().find(|name| &***name == *tenant)?));
        }
        Some(self.scrape(Some(&chosen), budget).await.page_of(&chosen))
    }

    /// The published snapshots, ordered by tenant.
    #[must_use]
    pub fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        self.0.publisher.current().snapshots()
    }

    /// The exporter's own metrics.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.0.common.telemetry
    }

    /// The wall clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.common.clock
    }

    /// Fetches one job now with a tenant's credentials; `None` if there is no
    /// such tenant.
    pub async fn probe(
        &self,
        tenant: &str,
        job: &str,
        budget: Duration,
    ) -> Option<Result<Job, ApiError>> {
        let client = self.fleet().tenants.get(tenant)?.client();
        Some(client.job(job, Instant::now() + budget).await)
    }

    /// Whether every tenant had its first refresh, successful or not. Once
    /// true it stays true, also when a new configuration adds a tenant.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        if self.0.ready.load(Ordering::Acquire) {
            return true;
        }
        let fleet = self.fleet();
        let ready = fleet.settings.is_some() && fleet.tenants.values().all(|t| t.is_ready());
        self.0.ready.fetch_or(ready, Ordering::AcqRel);
        ready
    }

    /// Whether the refreshes of every tenant make progress. A failing API is
    /// not a lack of progress.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let fleet = self.fleet();
        let Some(settings) = &fleet.settings else {
            return false;
        };
        settings.tenants.iter().all(|tenant| {
            let patience = terms(settings, tenant).budget.saturating_mul(3);
            let running = fleet.tenants.get(&tenant.tenant);
            running.is_some_and(|running| running.is_alive(settings.refresh.mode, patience))
        })
    }

    fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.0.fleet.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Fleet {
    fn settings_of(&self, tenant: &str) -> Option<&Arc<config::Tenant>> {
        let tenants = &self.settings.as_ref()?.tenants;
        tenants.iter().find(|settings| *settings.tenant == *tenant)
    }
}

fn terms(settings: &Settings, tenant: &config::Tenant) -> Terms {
    Terms {
        stale_after: settings.refresh.stale_after,
        forget_after: settings.forget_after,
        budget: tenant::budget(settings.refresh, tenant.api.timeout),
    }
}
