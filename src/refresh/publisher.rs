//! What is published: the snapshots of all tenants and the page made of them,
//! replaced together in one step. One task does it, so that a page is rendered
//! by one thread at a time, and tenants whose refreshes end at the same moment
//! cost one page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::TenantNames;
use crate::exposition::{Page, RenderedSnapshot};
use crate::snapshot::Snapshot;

/// How long the task waits for more snapshots after one has come.
const COLLECT: Duration = Duration::from_millis(10);

/// Publications that may wait for the task.
const INBOX: usize = 64;

/// Everything that is published at a time; immutable.
#[derive(Clone, Debug)]
pub(super) struct Published {
    /// The page of all tenants.
    pub(super) page: Arc<Page>,
    /// The tenants that may be on the page; some may have no data yet.
    pub(super) names: TenantNames,
    tenants: BTreeMap<Arc<str>, Arc<RenderedSnapshot>>,
}

impl Published {
    /// Nothing of any tenant.
    fn empty() -> Self {
        Self {
            page: Arc::default(),
            names: TenantNames::default(),
            tenants: BTreeMap::new(),
        }
    }

    /// The snapshots, ordered by tenant.
    pub(super) fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        let tenants = self.tenants.values();
        tenants
            .map(|rendered| Arc::clone(rendered.snapshot()))
            .collect()
    }

    /// The page of some of the tenants.
    pub(super) fn page_of(&self, tenants: &BTreeSet<Arc<str>>) -> Arc<Page> {
        let chosen = self
            .tenants
            .iter()
            .filter(|(name, _)| tenants.contains(*name));
        let rendered = chosen.map(|(_, rendered)| Arc::clone(rendered));
        Arc::new(self.page.with_tenants(rendered.collect()))
    }

    /// Takes time in proportion to what is new: not for an async thread.
    fn updated(&self, snapshots: Vec<Snapshot>, names: TenantNames) -> Self {
        let mut tenants = self.tenants.clone();
        for snapshot in snapshots {
            let name = Arc::clone(&snapshot.tenant);
            let previous = tenants.get(&name).map(|previous| &**previous);
            let rendered = RenderedSnapshot::new(snapshot.into(), previous);
            tenants.insert(name, rendered.into());
        }
        tenants.retain(|name, _| names.contains(name));
        let rendered = tenants.values().cloned().collect();
        Self {
            page: Arc::new(self.page.succeeded_by(rendered)),
            names,
            tenants,
        }
    }
}

/// What is to be published together.
#[derive(Debug)]
struct Publication {
    snapshots: Vec<Snapshot>,
    names: Option<TenantNames>,
    done: oneshot::Sender<()>,
}

/// The sending end of the publisher task. Cloning gives the same one.
#[derive(Clone, Debug)]
pub(super) struct Publisher(mpsc::Sender<Publication>);

impl Publisher {
    /// Starts the task; the receiver shows what is published.
    pub(super) fn start() -> (Self, watch::Receiver<Arc<Published>>) {
        let (sender, inbox) = mpsc::channel(INBOX);
        let (published, current) = watch::channel(Arc::new(Published::empty()));
        tokio::spawn(run(inbox, published));
        (Self(sender), current)
    }

    /// Replaces what is published of some tenants, in one step. With new
    /// `names`, all other tenants vanish in the same step. Returns when it is
    /// published.
    pub(super) async fn publish(&self, snapshots: Vec<Snapshot>, names: Option<TenantNames>) {
        let (done, published) = oneshot::channel();
        let publication = Publication {
            snapshots,
            names,
            done,
        };
        let _ = self.0.send(publication).await;
        let _ = published.await;
    }
}

async fn run(mut inbox: mpsc::Receiver<Publication>, published: watch::Sender<Arc<Published>>) {
    while let Some(first) = inbox.recv().await {
        let mut batch = vec![first];
        tokio::time::sleep(COLLECT).await;
        while let Ok(next) = inbox.try_recv() {
            batch.push(next);
        }
        let before = Arc::clone(&published.borrow());
        let mut names = Arc::clone(&before.names);
        // Of two snapshots of a tenant the later one counts.
        let mut snapshots = BTreeMap::new();
        let mut waiting = Vec::new();
        for publication in batch {
            let of_batch = publication.snapshots.into_iter();
            snapshots.extend(of_batch.map(|snapshot| (Arc::clone(&snapshot.tenant), snapshot)));
            names = publication.names.unwrap_or(names);
            waiting.push(publication.done);
        }
        let snapshots = snapshots.into_values().collect();
        let rendered = tokio::task::spawn_blocking(move || before.updated(snapshots, names));
        match rendered.await {
            Ok(updated) => drop(published.send_replace(Arc::new(updated))),
            Err(error) => {
                tracing::error!(%error, "cannot render the page, the previous one stays in use; please report this");
            }
        }
        for done in waiting {
            // A refresh that was cancelled does not wait any more.
            let _ = done.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Status;

    fn snapshot(tenant: &str, jobs: usize) -> Snapshot {
        Snapshot {
            status: Status {
                jobs,
                ..Status::default()
            },
            ..Snapshot::empty(tenant.into())
        }
    }

    fn all_of(names: &[&str]) -> TenantNames {
        Arc::new(names.iter().map(|name| (*name).into()).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn snapshots_that_come_together_are_published_once() {
        let (publisher, mut current) = Publisher::start();
        let all: Vec<String> = (0..50).map(|n| format!("tenant-{n}")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        publisher.publish(vec![], Some(all_of(&all))).await;
        current.mark_unchanged();
        let mut tasks = tokio::task::JoinSet::new();
        for tenant in &all {
            let (publisher, snapshot) = (publisher.clone(), snapshot(tenant, 1));
            tasks.spawn(async move { publisher.publish(vec![snapshot], None).await });
        }
        let mut times = 0;
        while current.borrow_and_update().snapshots().len() < all.len() {
            current.changed().await.unwrap();
            times += 1;
        }
        tasks.join_all().await;
        assert_eq!(times, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_snapshot_replaces_an_earlier_one_and_removed_tenants_stay_removed() {
        let (publisher, current) = Publisher::start();
        publisher.publish(vec![], Some(all_of(&["a", "b"]))).await;
        let (early, late) = (snapshot("a", 1), snapshot("a", 2));
        tokio::join!(
            publisher.publish(vec![early, snapshot("b", 1)], None),
            publisher.publish(vec![late], Some(all_of(&["a"]))),
            publisher.publish(vec![snapshot("b", 2)], None),
        );
        let snapshots = current.borrow().snapshots();
        assert_eq!(snapshots.len(), 1);
        assert_eq!((&*snapshots[0].tenant, snapshots[0].status.jobs), ("a", 2));
    }
}
