//! What is published: the snapshots of all tenants and the page made of them,
//! replaced together in one step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::Roster;
use crate::exposition::{Page, RenderedSnapshot};
use crate::snapshot::Snapshot;

/// One published state of affairs; immutable.
#[derive(Clone, Debug)]
pub(super) struct Published {
    /// The page of all tenants.
    pub(super) page: Arc<Page>,
    /// Who may be on the page; some may have nothing to tell yet.
    pub(super) roster: Roster,
    tenants: BTreeMap<Arc<str>, Part>,
}

#[derive(Clone, Debug)]
struct Part {
    snapshot: Arc<Snapshot>,
    blocks: Arc<RenderedSnapshot>,
    /// Its place in the order in which snapshots were handed in.
    ticket: u64,
}

impl Published {
    fn new(tenants: BTreeMap<Arc<str>, Part>, roster: Roster) -> Self {
        let blocks: Vec<_> = tenants
            .values()
            .map(|part| Arc::clone(&part.blocks))
            .collect();
        Self {
            page: Arc::new(Page::assemble(&blocks)),
            roster,
            tenants,
        }
    }

    /// The snapshots, ordered by tenant.
    pub(super) fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        let snapshots = self.tenants.values();
        snapshots.map(|part| Arc::clone(&part.snapshot)).collect()
    }

    /// The page of some of the tenants, with no word about the others.
    pub(super) fn page_of(&self, tenants: &BTreeSet<Arc<str>>) -> Arc<Page> {
        let chosen = self
            .tenants
            .iter()
            .filter(|(name, _)| tenants.contains(*name));
        let blocks: Vec<_> = chosen.map(|(_, part)| Arc::clone(&part.blocks)).collect();
        Arc::new(Page::assemble(&blocks))
    }
}

/// The writing side of what is published.
#[derive(Debug)]
pub(super) struct Publisher {
    current: RwLock<Arc<Published>>,
    /// Who may be published: a refresh that outlives its tenant must not bring
    /// it back. Held from reading the old state to writing the new one.
    roster: Mutex<Roster>,
    tickets: AtomicU64,
}

impl Publisher {
    pub(super) fn new() -> Self {
        Self {
            current: RwLock::new(Arc::new(Published::new(BTreeMap::new(), Roster::default()))),
            roster: Mutex::default(),
            tickets: AtomicU64::new(0),
        }
    }

    pub(super) fn current(&self) -> Arc<Published> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces what is published of some tenants, in one step. With a new
    /// `roster`, all who are not on it vanish in the same step. A snapshot that
    /// was handed in later is never replaced by one that took longer to write,
    /// as that of a refresh which was given up meanwhile may.
    pub(super) async fn publish(
        self: &Arc<Self>,
        snapshots: Vec<Snapshot>,
        roster: Option<BTreeSet<Arc<str>>>,
    ) {
        let publisher = Arc::clone(self);
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        // Takes time in proportion to the page: not for an async thread.
        let written =
            tokio::task::spawn_blocking(move || publisher.write(snapshots, roster, ticket));
        if let Err(error) = written.await {
            tracing::error!(error = %error, "a page could not be written; the last one stays: please report this");
        }
    }

    fn write(&self, snapshots: Vec<Snapshot>, new_roster: Option<BTreeSet<Arc<str>>>, ticket: u64) {
        let parts: Vec<Part> = snapshots
            .into_iter()
            .map(|snapshot| Part {
                blocks: Arc::new(RenderedSnapshot::render(&snapshot)),
                snapshot: Arc::new(snapshot),
                ticket,
            })
            .collect();
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(new) = new_roster {
            *roster = Arc::new(new);
        }
        let mut tenants = self.current().tenants.clone();
        for part in parts {
            let name = &part.snapshot.tenant;
            if tenants
                .get(name)
                .is_none_or(|present| present.ticket < ticket)
            {
                tenants.insert(Arc::clone(name), part);
            }
        }
        tenants.retain(|name, _| roster.contains(name));
        let published = Arc::new(Published::new(tenants, Arc::clone(&roster)));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = published;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Status;

    fn snapshot(jobs: usize) -> Snapshot {
        Snapshot {
            tenant: "socktown".into(),
            status: Status {
                jobs,
                ..Status::default()
            },
            jobs: [].into(),
            configured: [].into(),
            feeds: [].into(),
            files: false,
        }
    }

    #[test]
    fn a_snapshot_that_was_overtaken_while_it_was_written_is_not_published() {
        let publisher = Publisher::new();
        let roster = BTreeSet::from(["socktown".into()]);
        publisher.write(vec![snapshot(2)], Some(roster), 2);
        publisher.write(vec![snapshot(1)], None, 1);
        let jobs = |publisher: &Publisher| publisher.current().snapshots()[0].status.jobs;
        assert_eq!(jobs(&publisher), 2);
        publisher.write(vec![snapshot(3)], None, 3);
        assert_eq!(jobs(&publisher), 3);
    }
}
