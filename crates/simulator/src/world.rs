//! The tenants of the simulated API, with their pipelines and jobs. The state
//! of a job is a pure function of the world and the time; nothing has to be
//! advanced.
//!
//! [`super::http`] reads it to answer requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

mod body;
mod demo;
mod generated;
mod job;
mod tenant;
mod workflow;
mod workflow_body;

pub(super) use body::JobBody;
pub use demo::WorldParameters;
pub use generated::Incident;
pub use job::{Counts, Job, Outcome, Rows, Table, TableState};
pub use tenant::{FeedTotals, SimulatedTenant, WorkflowTotals};
pub use workflow::{Attribution, Principal, WorkflowError, WorkflowOutcome, WorkflowRun};
pub(super) use workflow_body::{View, WorkflowBody};

/// Tenants by name. A clone is independent of the original.
#[derive(Clone, Debug, Default)]
pub struct World {
    tenants: BTreeMap<Arc<str>, SimulatedTenant>,
}

impl World {
    /// A world without tenants.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds a tenant or replaces the one with the same name.
    #[must_use]
    pub fn tenant(mut self, tenant: SimulatedTenant) -> Self {
        self.tenants.insert(Arc::clone(&tenant.name), tenant);
        self
    }

    pub(super) fn tenants(&self) -> impl Iterator<Item = &SimulatedTenant> {
        self.tenants.values()
    }

    pub(super) fn get(&self, tenant: &str) -> Option<&SimulatedTenant> {
        self.tenants.get(tenant)
    }

    pub(super) fn get_mut(&mut self, tenant: &str) -> Option<&mut SimulatedTenant> {
        self.tenants.get_mut(tenant)
    }
}

/// A time from milliseconds since the epoch.
fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap_or(if millisecond < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}
