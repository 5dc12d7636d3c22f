//! A configuration, the first or a new one, taken in one step: tenants begin,
//! go on with new settings, or end, and the page changes once.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use tokio::task::JoinHandle;

use super::core::{Core, Terms};
use super::known::Known;
use super::tenant::{Tenant, budget};
use super::{Exporter, Fleet, Member};
use crate::amperity::{ApiError, Client, Transport};
use crate::clock;
use crate::config::{self, Mode, Settings};
use crate::snapshot::Status;

impl Exporter {
    /// Takes a configuration, the first or a new one, whole or not at all.
    /// Tenants that stay keep their data; one whose settings did not change is
    /// not disturbed.
    ///
    /// # Errors
    /// If a tenant's API cannot be connected to by its settings; then nothing
    /// has changed.
    pub async fn apply(&self, settings: Settings) -> Result<(), ApiError> {
        let mut loops = self.0.loops.lock().await;
        let before = self.fleet();
        let mut transports = BTreeMap::new();
        for tenant in &settings.tenants {
            if !before.has(tenant) {
                let transport = (self.0.environment.connect)(&tenant.api)?;
                transports.insert(Arc::clone(&tenant.tenant), transport);
            }
        }

        let mut members = BTreeMap::new();
        let mut snapshots = Vec::new();
        for tenant in &settings.tenants {
            let name = &tenant.tenant;
            let terms = terms(&settings, tenant);
            let running = before.members.get(name).map(|member| &member.tenant);
            let client = transports
                .remove(name)
                .map(|transport| self.client(tenant, transport));
            let running = match (running, client) {
                (Some(running), Some(client)) => {
                    let snapshot = running.adopt(Arc::clone(tenant), client, terms).await;
                    if running.is_ready() {
                        snapshots.push(snapshot);
                    }
                    Arc::clone(running)
                }
                (Some(running), None) => Arc::clone(running),
                (None, Some(client)) => Arc::new(self.begin(tenant, client)),
                // Who does not run has no settings that could be the same.
                (None, None) => continue,
            };
            let member = Member {
                settings: Arc::clone(tenant),
                terms,
                tenant: running,
            };
            members.insert(Arc::clone(name), member);
        }
        let roster = members.keys().cloned().collect();
        let after = Arc::new(Fleet {
            mode: Some(settings.refresh.mode),
            members,
        });
        *self.0.fleet.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&after);
        self.0.publisher.publish(snapshots, Some(roster)).await;
        for (name, gone) in &before.members {
            if !after.members.contains_key(name) {
                gone.tenant.ground().await;
                self.telemetry().remove_tenant(name);
            }
        }
        let horizon = clock::before(self.clock().now(), settings.forget_after);
        let store = &self.0.environment.store;
        store.forget_tenants(horizon, |name| after.members.contains_key(name));
        relaunch(&mut loops, &before, &after, settings.refresh.mode);
        Ok(())
    }

    fn client(&self, tenant: &config::Tenant, transport: Arc<dyn Transport>) -> Arc<Client> {
        let telemetry = self.telemetry().tenant(&tenant.tenant);
        let clock = self.clock().clone();
        Arc::new(Client::with_transport(tenant, transport, telemetry, clock))
    }

    /// A tenant that was not there before.
    fn begin(&self, settings: &Arc<config::Tenant>, client: Arc<Client>) -> Tenant {
        let environment = &self.0.environment;
        let history = environment.store.history(&settings.tenant);
        let mut core = Core {
            settings: Arc::clone(settings),
            client,
            known: Known::default(),
            history: history.unwrap_or_default(),
            status: Status::default(),
            telemetry: environment.telemetry.tenant(&settings.tenant),
            unaccounted: Vec::new(),
            unreachable: Vec::new(),
            unreadable: 0,
            limited: false,
        };
        if settings.discovery.is_some() {
            core.known.follow(core.history.unfinished());
        }
        core.known.configure(settings);
        Tenant::new(core, environment.clone(), Arc::clone(&self.0.publisher))
    }
}

impl Fleet {
    /// Whether a tenant runs by just these settings.
    fn has(&self, settings: &config::Tenant) -> bool {
        let member = self.members.get(&settings.tenant);
        member.is_some_and(|member| *member.settings == *settings)
    }
}

fn terms(settings: &Settings, tenant: &config::Tenant) -> Terms {
    Terms {
        stale_after: settings.refresh.stale_after,
        forget_after: settings.forget_after,
        budget: budget(settings.refresh, tenant.api.timeout),
    }
}

/// Starts a loop for each tenant that is new or changed, or whose terms are;
/// in scrape mode one refresh, so that the exporter gets ready.
fn relaunch(
    loops: &mut BTreeMap<Arc<str>, JoinHandle<()>>,
    before: &Fleet,
    after: &Fleet,
    mode: Mode,
) {
    let stays = |name: &Arc<str>, member: &Member| {
        let former = before.members.get(name);
        before.mode == Some(mode)
            && former.is_some_and(|former| {
                former.settings == member.settings && former.terms == member.terms
            })
    };
    loops.retain(|name, task| {
        let stays = after
            .members
            .get(name)
            .is_some_and(|member| stays(name, member));
        if !stays {
            task.abort();
        }
        stays
    });
    for (name, member) in &after.members {
        if stays(name, member) {
            continue;
        }
        match mode {
            Mode::Interval(interval) => {
                let running = Arc::clone(&member.tenant);
                let task = tokio::spawn(running.every(interval, member.terms));
                loops.insert(Arc::clone(name), task);
            }
            Mode::Scrape { .. } => drop(member.tenant.refresh(member.terms)),
        }
    }
}
