//! What the database is to hold, and how far that has got.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::StoreError;
use super::write;
use crate::feeds::changes::Changes;
use crate::feeds::{FeedId, HistoryKind, Run, RunHistory};

/// What the database is to hold, and how far that has got. Saves are numbered; a
/// write covers all saves up to its number.
#[derive(Default)]
pub(super) struct Histories {
    pub(super) tenants: BTreeMap<HistoryId, Entry>,
    /// Histories to be deleted.
    pub(super) deleted: BTreeSet<HistoryId>,
    pub(super) saves: u64,
    pub(super) attempted: u64,
    pub(super) written: u64,
    /// How the last attempt failed.
    pub(super) failure: Option<StoreError>,
}

/// The tenant of a history, and what it is about.
pub(super) type HistoryId = (Arc<str>, HistoryKind);

#[derive(Default)]
pub(super) struct Entry {
    pub(super) history: RunHistory,
    /// What the database does not have yet.
    pub(super) changes: Changes,
    pub(super) is_changed: bool,
}

/// What one transaction writes.
pub(super) struct Batch {
    pub(super) tenants: Vec<(Arc<str>, RunHistory, Changes)>,
    pub(super) deleted: BTreeSet<HistoryId>,
    pub(super) saves: u64,
}

impl Histories {
    /// Takes in a tenant's history. Returns the number of the save.
    pub(super) fn take(&mut self, tenant: &str, history: &mut RunHistory) -> u64 {
        let changes = std::mem::take(&mut history.changes);
        let updated = std::mem::take(&mut history.updated);
        let sightings = std::mem::take(&mut history.sightings);
        let id = (tenant.into(), history.kind);
        let entry = self.tenants.entry(id).or_default();
        entry.history = history.clone();
        history.updated = updated;
        history.sightings = sightings;
        entry.changes.merge(changes);
        entry.is_changed = true;
        self.saves += 1;
        self.saves
    }

    pub(super) fn unwritten(&self, history: &HistoryId, feed: &FeedId) -> Vec<Arc<Run>> {
        let entry = self.tenants.get(history);
        let change = entry.and_then(|entry| entry.changes.feeds.get(feed));
        change.map_or_else(Vec::new, |change| change.runs.values().cloned().collect())
    }

    /// How the write that took in a save ended, if there was one.
    pub(super) fn outcome(&self, number: u64) -> Option<Result<(), StoreError>> {
        if number <= self.written {
            return Some(Ok(()));
        }
        let failure = self.failure.clone();
        failure.filter(|_| number <= self.attempted).map(Err)
    }

    /// What is to be written: what has changed, or `everything`.
    pub(super) fn batch(&mut self, everything: bool) -> Batch {
        let tenants = self.tenants.iter_mut();
        let tenants = tenants.filter(|(_, entry)| everything || entry.is_changed);
        let tenants = tenants.map(|((tenant, _), entry)| {
            let mut changes = std::mem::take(&mut entry.changes);
            if everything || changes.rewrite {
                changes.merge(write::everything(&entry.history));
            }
            entry.is_changed = false;
            (Arc::clone(tenant), entry.history.clone(), changes)
        });
        Batch {
            tenants: tenants.collect(),
            deleted: std::mem::take(&mut self.deleted),
            saves: self.saves,
        }
    }

    /// Notes how a write ended. What was not written is kept.
    pub(super) fn attempted(&mut self, batch: Batch, outcome: &Result<(), StoreError>) {
        self.attempted = batch.saves;
        self.failure = outcome.as_ref().err().cloned();
        if outcome.is_ok() {
            self.written = batch.saves;
            return;
        }
        self.deleted.extend(batch.deleted);
        for (tenant, history, mut changes) in batch.tenants {
            if let Some(entry) = self.tenants.get_mut(&(tenant, history.kind)) {
                changes.merge(std::mem::take(&mut entry.changes));
                entry.changes = changes;
                entry.is_changed = true;
            }
        }
    }
}
