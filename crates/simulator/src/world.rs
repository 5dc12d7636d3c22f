//! The world behind the simulated API: tenants with their pipelines and jobs.
//! A pure function of its making and the time: it is never advanced, only
//! asked how things stand at a given moment.
//!
//! [`super::http`] asks it and writes what it learns as answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

mod answer;
mod demo;
mod generated;
mod job;
mod tenant;

pub(super) use answer::JobAnswer;
pub use demo::Parametric;
pub use generated::Incident;
pub use job::{Counts, Job, Outcome, Rows, State, Table};
pub use tenant::{Tally, Tenant};

/// Tenants by name. Cloning gives a world that goes its own way.
#[derive(Clone, Debug, Default)]
pub struct World {
    tenants: BTreeMap<Arc<str>, Tenant>,
}

impl World {
    /// A world without tenants.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// One more tenant; it takes the place of one with the same name.
    #[must_use]
    pub fn tenant(mut self, tenant: Tenant) -> Self {
        self.tenants.insert(Arc::clone(&tenant.name), tenant);
        self
    }

    pub(super) fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.values()
    }

    pub(super) fn get(&self, tenant: &str) -> Option<&Tenant> {
        self.tenants.get(tenant)
    }

    pub(super) fn get_mut(&mut self, tenant: &str) -> Option<&mut Tenant> {
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
