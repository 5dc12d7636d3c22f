//! The tenants by one configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::tenant_task::{TenantConfig, TenantHandle};
use super::{MAX_PROBES, UnknownTenant};
use crate::amperity::Client;
use crate::config::Mode;

/// The tenants by one configuration.
#[derive(Debug, Default)]
pub(super) struct Tenants {
    /// `None` before the first configuration.
    pub(super) mode: Option<Mode>,
    pub(super) members: BTreeMap<Arc<str>, Member>,
    /// Whether all tenants of an earlier configuration were ready.
    pub(super) were_ready: bool,
}

/// A tenant: its configuration, its client and its task.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) config: TenantConfig,
    pub(super) client: Arc<Client>,
    pub(super) handle: TenantHandle,
    pub(super) probes: Arc<Semaphore>,
}

impl Member {
    pub(super) fn new(config: TenantConfig, client: Arc<Client>, handle: TenantHandle) -> Self {
        Self {
            config,
            client,
            handle,
            probes: Arc::new(Semaphore::new(MAX_PROBES)),
        }
    }
}

impl Tenants {
    pub(super) fn name(&self, name: &str) -> Result<Arc<str>, UnknownTenant> {
        let known = self.members.get_key_value(name);
        let known = known.map(|(name, _)| Arc::clone(name));
        known.ok_or_else(|| UnknownTenant(name.to_owned()))
    }

    pub(super) fn are_ready(&self) -> bool {
        let mut members = self.members.values();
        self.were_ready || self.mode.is_some() && members.all(|member| member.handle.is_ready())
    }
}
