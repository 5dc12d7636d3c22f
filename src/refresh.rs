//! The refreshes: which requests to make next, and the tenants that make
//! them, each by itself, so that none delays or breaks another.
//!
//! [`Exporter`] is what the web side holds: the published page and snapshots,
//! a probe, health, and a new configuration taken in one step. Behind it a
//! tenant runs one refresh at a time: `plan` decides what to ask, `cycle`
//! asks, `harvest` holds what came of it, `core` concludes, `known` remembers,
//! `publisher` puts the outcome on the page; `reconfigure` changes who the
//! tenants are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::amperity::{ApiError, Transport};
use crate::clock::Clock;
use crate::config::{self, Mode};
use crate::exposition::Page;
use crate::feeds::store::Store;
use crate::jobs::Job;
use crate::snapshot::Snapshot;
use crate::telemetry::Telemetry;

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

use core::Terms;
use publisher::Publisher;
use tenant::Tenant;

/// Connects to a tenant's API; [`amperity::network`] but for tests.
///
/// [`amperity::network`]: crate::amperity::network
pub type Connect = dyn Fn(&config::Api) -> Result<Arc<dyn Transport>, ApiError> + Send + Sync;

/// What the exporter is given by its surroundings.
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
    /// `None` before the first configuration.
    mode: Option<Mode>,
    members: BTreeMap<Arc<str>, Member>,
}

/// A tenant and the settings it runs by.
#[derive(Debug)]
struct Member {
    settings: Arc<config::Tenant>,
    terms: Terms,
    tenant: Arc<Tenant>,
}

/// The tenants that were configured when a page was published, or those that
/// were asked for.
pub type Roster = Arc<BTreeSet<Arc<str>>>;

/// No tenant of this name is configured.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no tenant {0:?} is configured; /sd lists those that are")]
pub struct UnknownTenant(String);

/// What a probe of one job brought.
#[derive(Debug)]
pub struct Probed {
    /// The job, or why it could not be fetched.
    pub outcome: Result<Job, ApiError>,
    /// Whether the tenant's families of single files are wanted.
    pub files: bool,
}

impl Exporter {
    /// An exporter without tenants; [`apply`](Self::apply) gives it some.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        Self(Arc::new(Inner {
            environment,
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
        for member in self.fleet().members.values() {
            member.tenant.ground().await;
        }
    }

    /// The page to answer a scrape with, of all tenants or of some, and whose
    /// series are for it: the exporter's own ones of tenants that are about to
    /// come or to go are not.
    ///
    /// In scrape mode this refreshes the tenants first, or joins the refresh
    /// under way, and waits for it `budget` at most; then the refresh goes on
    /// for the next scrape.
    ///
    /// # Errors
    /// If one of the tenants is not configured.
    pub async fn page(
        &self,
        tenants: Option<&[&str]>,
        budget: Option<Duration>,
    ) -> Result<(Arc<Page>, Roster), UnknownTenant> {
        let fleet = self.fleet();
        let names = tenants.map(|some| some.iter().map(|name| fleet.name(name)).collect());
        let chosen: Option<BTreeSet<_>> = names.transpose()?;
        if let Some(Mode::Scrape { max_age }) = fleet.mode {
            let members = fleet.members.iter();
            let concerned = members.filter(|(name, _)| {
                let chosen = chosen.as_ref();
                chosen.is_none_or(|chosen| chosen.contains(*name))
            });
            let flights: Vec<_> = concerned
                .filter(|(_, member)| !member.tenant.is_fresh(max_age))
                .map(|(_, member)| member.tenant.refresh(member.terms))
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
        let published = self.0.publisher.current();
        Ok(match chosen {
            Some(chosen) => (published.page_of(&chosen), Arc::new(chosen)),
            None => (Arc::clone(&published.page), Arc::clone(&published.roster)),
        })
    }

    /// The names of the configured tenants, ordered.
    #[must_use]
    pub fn tenants(&self) -> Vec<Arc<str>> {
        self.fleet().members.keys().cloned().collect()
    }

    /// The configured tenant of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn tenant(&self, name: &str) -> Result<Arc<str>, UnknownTenant> {
        self.fleet().name(name)
    }

    /// The published snapshots, ordered by tenant.
    #[must_use]
    pub fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        self.0.publisher.current().snapshots()
    }

    /// The exporter's own metrics.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.0.environment.telemetry
    }

    /// The wall clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.environment.clock
    }

    /// Fetches one job now with a tenant's credentials.
    ///
    /// # Errors
    /// If the tenant is not configured.
    pub async fn probe(
        &self,
        tenant: &str,
        job: &str,
        budget: Duration,
    ) -> Result<Probed, UnknownTenant> {
        let fleet = self.fleet();
        let name = fleet.name(tenant)?;
        let member = &fleet.members[&name];
        let client = member.tenant.client();
        Ok(Probed {
            outcome: client.job(job, Instant::now() + budget).await,
            files: member.settings.collect.files,
        })
    }

    /// Whether every tenant had its first refresh, successful or not. Once
    /// true it stays true, also when a new configuration adds a tenant.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        if self.0.ready.load(Ordering::Acquire) {
            return true;
        }
        let fleet = self.fleet();
        let mut members = fleet.members.values();
        let ready = fleet.mode.is_some() && members.all(|member| member.tenant.is_ready());
        self.0.ready.fetch_or(ready, Ordering::AcqRel);
        ready
    }

    /// Whether the refreshes of every tenant make progress. A failing API is
    /// not a lack of progress.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let fleet = self.fleet();
        let Some(mode) = fleet.mode else {
            return false;
        };
        fleet.members.values().all(|member| {
            let patience = member.terms.budget.saturating_mul(3);
            member.tenant.is_alive(mode, patience)
        })
    }

    fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.0.fleet.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Fleet {
    fn name(&self, name: &str) -> Result<Arc<str>, UnknownTenant> {
        let known = self.members.get_key_value(name);
        let known = known.map(|(name, _)| Arc::clone(name));
        known.ok_or_else(|| UnknownTenant(name.to_owned()))
    }
}
