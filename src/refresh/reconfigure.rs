//! A configuration, the first or a new one, taken in one step: tenants begin,
//! go on with new settings, or end, and the page changes once.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use tokio::task::JoinHandle;

use super::core::Core;
use super::known::Known;
use super::tenant::Tenant;
use super::{Exporter, Fleet, terms};
use crate::amperity::{ApiError, Client};
use crate::config::{self, Mode, Settings};
use crate::snapshot::Status;

impl Exporter {
    /// Takes a configuration, the first or a new one, whole or not at all.
    /// Tenants that stay keep their data; one whose settings did not change is
    /// not disturbed.
    ///
    /// # Errors
    /// If a tenant's client cannot be made; then nothing has changed.
    pub async fn apply(&self, settings: Settings) -> Result<(), ApiError> {
        let mut loops = self.0.loops.lock().await;
        let before = self.fleet();
        let settings = Arc::new(settings);
        let mut clients = BTreeMap::new();
        for tenant in &settings.tenants {
            let same = before.settings_of(&tenant.tenant) == Some(tenant);
            if !same {
                let client = self.client_of(tenant).inspect_err(|_| {
                    self.forget_strangers(&settings, &before);
                })?;
                clients.insert(Arc::clone(&tenant.tenant), Arc::new(client));
            }
        }

        let mut tenants = BTreeMap::new();
        let mut snapshots = Vec::new();
        for tenant in &settings.tenants {
            let name = Arc::clone(&tenant.tenant);
            let terms = terms(&settings, tenant);
            let running = match (before.tenants.get(&name), clients.remove(&name)) {
                (Some(running), Some(client)) => {
                    let snapshot = running.adopt(Arc::clone(tenant), client, terms).await;
                    if running.is_ready() {
                        snapshots.push(snapshot);
                    }
                    Arc::clone(running)
                }
                (Some(running), None) => Arc::clone(running),
                (None, Some(client)) => Arc::new(self.begin(tenant, client)),
                (None, None) => continue,
            };
            tenants.insert(name, running);
        }
        let roster = tenants.keys().cloned().collect();
        let after = Arc::new(Fleet {
            settings: Some(Arc::clone(&settings)),
            tenants,
        });
        *self.0.fleet.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&after);
        self.0.publisher.publish(snapshots, Some(roster)).await;
        for (name, gone) in &before.tenants {
            if !after.tenants.contains_key(name) {
                gone.ground().await;
                self.0.common.telemetry.remove_tenant(name);
            }
        }
        if let Some(store) = &self.0.common.store
            && let Ok(horizon) = self.clock().now().checked_sub(settings.forget_after)
        {
            store.forget_tenants(horizon, |name| after.tenants.contains_key(name));
        }
        relaunch(&mut loops, &before, &after, &settings);
        Ok(())
    }

    /// Takes the counters of tenants off the page whose configuration was
    /// refused: they came with their clients.
    fn forget_strangers(&self, refused: &Settings, present: &Fleet) {
        for tenant in &refused.tenants {
            if !present.tenants.contains_key(&tenant.tenant) {
                self.0.common.telemetry.remove_tenant(&tenant.tenant);
            }
        }
    }

    fn client_of(&self, tenant: &config::Tenant) -> Result<Client, ApiError> {
        let environment = &self.0.environment;
        let telemetry = environment.telemetry.tenant(&tenant.tenant);
        (environment.connect)(tenant, telemetry, environment.clock.clone())
    }

    /// A tenant that was not there before.
    fn begin(&self, settings: &Arc<config::Tenant>, client: Arc<Client>) -> Tenant {
        let common = self.0.common.clone();
        let ledger = common
            .store
            .as_ref()
            .and_then(|store| store.ledger(&settings.tenant))
            .unwrap_or_default();
        let mut core = Core {
            settings: Arc::clone(settings),
            client,
            known: Known::default(),
            ledger,
            status: Status::default(),
            telemetry: common.telemetry.tenant(&settings.tenant),
            unaccounted: Vec::new(),
            unreachable: Vec::new(),
            unreadable: 0,
            limited: false,
        };
        if settings.discovery.is_some() {
            core.known.follow(core.ledger.unfinished());
        }
        core.known.configure(settings);
        Tenant::new(core, common, Arc::clone(&self.0.publisher))
    }
}

/// Starts a loop for each tenant that is new or changed, or whose terms are;
/// in scrape mode one refresh, so that the exporter gets ready.
fn relaunch(
    loops: &mut BTreeMap<Arc<str>, JoinHandle<()>>,
    before: &Fleet,
    after: &Fleet,
    settings: &Settings,
) {
    let same_terms = before.settings.as_ref().is_some_and(|before| {
        before.refresh == settings.refresh && before.forget_after == settings.forget_after
    });
    let same = |name: &Arc<str>| same_terms && before.settings_of(name) == after.settings_of(name);
    loops.retain(|name, task| {
        let stays = same(name);
        if !stays {
            task.abort();
        }
        stays
    });
    for tenant in &settings.tenants {
        let Some(running) = after.tenants.get(&tenant.tenant) else {
            continue;
        };
        if same(&tenant.tenant) {
            continue;
        }
        let terms = terms(settings, tenant);
        match settings.refresh.mode {
            Mode::Interval(interval) => {
                let task = tokio::spawn(Arc::clone(running).every(interval, terms));
                loops.insert(Arc::clone(&tenant.tenant), task);
            }
            Mode::Scrape { .. } => drop(running.refresh(terms)),
        }
    }
}
