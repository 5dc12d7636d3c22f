//! The task that applies configurations, one after the other: it starts,
//! reconfigures and stops the tasks of tenants, and changes the page once.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::publisher::Publisher;
use super::tenant_state::TenantState;
use super::tenant_task::{TenantConfig, TenantTask};
use super::{Environment, Member, Tenants};
use crate::amperity::{ApiError, Client, Transport};
use crate::clock;
use crate::config::{self, Settings};
use crate::feeds::RunHistory;
use crate::telemetry::Reason;

/// A command to the supervisor.
#[derive(Debug)]
enum Message {
    /// Apply a configuration, whole or not at all.
    Apply(Box<Settings>, oneshot::Sender<Result<(), ApiError>>),
    /// End all tenants' tasks permanently.
    Stop(oneshot::Sender<()>),
}

/// The sending end of the supervisor's task. Cloning gives the same one.
#[derive(Clone, Debug)]
pub(super) struct Supervisor(mpsc::Sender<Message>);

impl Supervisor {
    /// Starts the task; the receiver shows the present tenants.
    pub(super) fn start(
        environment: Environment,
        publisher: Publisher,
    ) -> (Self, watch::Receiver<Arc<Tenants>>) {
        let (sender, mut inbox) = mpsc::channel(8);
        let (tenants, current) = watch::channel(Arc::new(Tenants::default()));
        let task = Task {
            environment,
            publisher,
            tenants,
        };
        tokio::spawn(async move {
            while let Some(message) = inbox.recv().await {
                match message {
                    Message::Apply(settings, reply) => {
                        // The receiver may be gone.
                        let _ = reply.send(task.apply(&settings).await);
                    }
                    Message::Stop(reply) => {
                        task.stop().await;
                        let _ = reply.send(());
                        return;
                    }
                }
            }
        });
        (Self(sender), current)
    }

    /// Applies a configuration. It is applied to its end even if the caller
    /// stops waiting.
    pub(super) async fn apply(&self, settings: Settings) -> Result<(), ApiError> {
        let (reply, applied) = oneshot::channel();
        let message = Message::Apply(Box::new(settings), reply);
        let _ = self.0.send(message).await;
        let stopped = || ApiError::new(Reason::Unreachable, "the exporter has stopped");
        applied.await.unwrap_or_else(|_| Err(stopped()))
    }

    pub(super) async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        let _ = self.0.send(Message::Stop(reply)).await;
        let _ = stopped.await;
    }
}

struct Task {
    environment: Environment,
    publisher: Publisher,
    tenants: watch::Sender<Arc<Tenants>>,
}

impl Task {
    async fn stop(&self) {
        let tenants = Arc::clone(&self.tenants.borrow());
        for member in tenants.members.values() {
            member.handle.stop().await;
        }
    }

    async fn apply(&self, settings: &Settings) -> Result<(), ApiError> {
        let before = Arc::clone(&self.tenants.borrow());
        let mut clients = self.connect(settings, &before)?;

        let mut members = BTreeMap::new();
        let mut snapshots = Vec::new();
        // Tasks that go on, or begin, when the page has changed.
        let mut paused = Vec::new();
        let mut new = Vec::new();
        for tenant in &settings.tenants {
            let name = Arc::clone(&tenant.tenant);
            let config = TenantConfig::new(settings, tenant);
            let client = clients.remove(&name);
            let member = match (before.members.get(&name), client) {
                (Some(former), None) if former.config == config => former.clone(),
                (Some(former), client) => {
                    let client = client.unwrap_or_else(|| Arc::clone(&former.client));
                    let reconfigured = former
                        .handle
                        .reconfigure(config.clone(), Arc::clone(&client));
                    let (snapshot, resume) = reconfigured.await;
                    snapshots.extend(snapshot);
                    paused.push(resume);
                    Member::new(config, client, former.handle.clone())
                }
                (None, Some(client)) => {
                    let (task, handle) = self.tenant_task(&config, &client);
                    new.push(task);
                    Member::new(config, client, handle)
                }
                // A tenant without a task always got a client.
                (None, None) => continue,
            };
            members.insert(name, member);
        }
        let after = Arc::new(Tenants {
            mode: Some(settings.refresh.mode),
            members,
            were_ready: before.are_ready(),
        });
        self.tenants.send_replace(Arc::clone(&after));
        for (name, gone) in &before.members {
            if !after.members.contains_key(name) {
                gone.handle.stop().await;
                self.environment.telemetry.remove_tenant(name);
            }
        }
        let names = after.members.keys().cloned().collect();
        self.publisher
            .publish(snapshots, Some(Arc::new(names)))
            .await;
        let horizon = clock::before(self.environment.clock.now(), settings.forget_after);
        let store = &self.environment.store;
        store.forget_tenants(horizon, |name| after.members.contains_key(name));
        for task in new {
            tokio::spawn(task.run());
        }
        drop(paused);
        Ok(())
    }

    /// The clients of the tenants that are new or have new settings. All are
    /// connected before anything changes.
    fn connect(
        &self,
        settings: &Settings,
        before: &Tenants,
    ) -> Result<BTreeMap<Arc<str>, Arc<Client>>, ApiError> {
        let mut transports = Vec::new();
        for tenant in &settings.tenants {
            let former = before.members.get(&tenant.tenant);
            if former.is_none_or(|former| former.config.settings != *tenant) {
                transports.push((tenant, (self.environment.connect)(&tenant.api)?));
            }
        }
        let clients = transports.into_iter().map(|(tenant, transport)| {
            let client = self.client(tenant, transport);
            (Arc::clone(&tenant.tenant), client)
        });
        Ok(clients.collect())
    }

    fn client(&self, tenant: &config::Tenant, transport: Arc<dyn Transport>) -> Arc<Client> {
        let telemetry = self.environment.telemetry.tenant(&tenant.tenant);
        let clock = self.environment.clock.clone();
        Arc::new(Client::with_transport(tenant, transport, telemetry, clock))
    }

    fn tenant_task(
        &self,
        config: &TenantConfig,
        client: &Arc<Client>,
    ) -> (TenantTask, super::TenantHandle) {
        let environment = self.environment.clone();
        let name = &config.settings.tenant;
        let feeds = environment.store.history(name);
        let workflows = environment.store.workflow_history(name);
        let state = TenantState::new(
            Arc::clone(&config.settings),
            config.times,
            Arc::clone(client),
            feeds.unwrap_or_default(),
            workflows.unwrap_or_else(RunHistory::of_workflows),
            environment.telemetry.tenant(name),
        );
        TenantTask::new(state, config.mode, environment, self.publisher.clone())
    }
}
