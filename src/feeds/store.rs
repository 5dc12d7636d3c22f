//! The run histories of all tenants in an `SQLite` database, so that counters
//! survive a restart and expectations have runs to learn from.
//!
//! The histories in memory decide what counts; the database follows. A save
//! returns once its changes are on disk; saves that wait at the same time
//! share a transaction. What could not be written is written by the next save.
//! If the database is gone or damaged, all that is in memory is written anew.
//!
//! A tenant in the database that is not configured stays there, because it may
//! come back, until [`Store::forget_tenants`] removes it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::{FeedId, HistoryKind, Run, RunHistory};
pub(in crate::feeds) use database::Database;
pub use error::StoreError;
#[cfg(any(test, fuzzing))]
pub(crate) use fuzzing::check_changed_row;
use pending::{Entry, Histories, HistoryId};

mod check;
mod connection;
mod database;
mod durations;
mod error;
mod file;
#[cfg(any(test, fuzzing))]
mod fuzzing;
mod import;
mod pending;
mod read;
mod row;
#[cfg(test)]
mod tests;
mod write;

/// How long a refresh waits for a disk. The write goes on, but until it
/// ends nobody waits for the disk again.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The open, locked database. Cloning gives the same one.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    /// [`TIMEOUT`], unless the database is in memory: it waits for no disk, and a
    /// replay on a busy machine must not end.
    timeout: Option<Duration>,
    histories: Mutex<Histories>,
    /// Whether the last access for writing failed, to log it once.
    failing: AtomicBool,
    /// Whether the last access took longer than [`TIMEOUT`].
    stuck: AtomicBool,
    /// One access at a time, off the async threads.
    database: Arc<tokio::sync::Mutex<Database>>,
}

impl Store {
    /// A database in memory, for an exporter without a state file.
    #[must_use]
    pub fn in_memory() -> Self {
        let path = Path::new(":memory:");
        Self::new(path, None, Database::in_memory(), read::Histories::new())
    }

    /// Opens, locks and verifies the database, and reads what it holds; a
    /// missing file is made. A damaged one is set aside, named after `now`,
    /// with a log line that says so. Blocks: call it before the runtime is
    /// busy.
    ///
    /// # Errors
    /// If another process holds the lock, a newer version wrote the file, it
    /// is not ours, or the folder or file cannot be used. A disk that is full
    /// or read-only is no error yet: [`save`](Self::save) will return it.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, StoreError> {
        let path = file::resolved(path);
        let (database, histories) = Database::open(&path, now)?;
        Ok(Self::new(&path, Some(TIMEOUT), database, histories))
    }

    fn new(
        path: &Path,
        timeout: Option<Duration>,
        database: Database,
        histories: read::Histories,
    ) -> Self {
        let tenants = histories.into_iter().map(|(id, history)| {
            let entry = Entry {
                history,
                ..Entry::default()
            };
            (id, entry)
        });
        let histories = Histories {
            tenants: tenants.collect(),
            ..Histories::default()
        };
        Self {
            shared: Arc::new(Shared {
                path: path.to_path_buf(),
                timeout,
                histories: Mutex::new(histories),
                failing: AtomicBool::new(database.is_unavailable()),
                stuck: AtomicBool::new(false),
                database: Arc::new(tokio::sync::Mutex::new(database)),
            }),
        }
    }

    /// Whether [`open`](Self::open) would find a file and a folder it can use,
    /// as far as can be seen without changing anything or taking the lock.
    ///
    /// # Errors
    /// As those of `open`, or if it would set the file aside.
    pub fn check(path: &Path) -> Result<(), StoreError> {
        check::check(&file::resolved(path))
    }

    /// The history of a tenant's feeds, as last saved or as the database has it.
    #[must_use]
    pub fn history(&self, tenant: &str) -> Option<RunHistory> {
        self.history_of(tenant, HistoryKind::Feeds)
    }

    /// The history of a tenant's workflows, as last saved or as the database
    /// has it.
    #[must_use]
    pub fn workflow_history(&self, tenant: &str) -> Option<RunHistory> {
        self.history_of(tenant, HistoryKind::Workflows)
    }

    fn history_of(&self, tenant: &str, kind: HistoryKind) -> Option<RunHistory> {
        let histories = self.shared.histories();
        let mut history = histories
            .tenants
            .get(&(tenant.into(), kind))?
            .history
            .clone();
        history.update_all();
        Some(history)
    }

    /// Writes what has changed in a tenant's history. On return it is on disk.
    ///
    /// # Errors
    /// If it cannot be written, or not in five seconds, which is logged when
    /// it begins and when it ends. The next call tries again.
    pub async fn save(&self, tenant: &str, history: &mut RunHistory) -> Result<(), StoreError> {
        let number = self.shared.histories().take(tenant, history);
        let shared = Arc::clone(&self.shared);
        let saved = self
            .access(move |database| shared.write(database, number))
            .await;
        let saved = saved.and_then(|outcome| outcome);
        let failed_before = self.shared.failing.swap(saved.is_err(), Ordering::Relaxed);
        match &saved {
            Err(error) if !failed_before => tracing::warn!("{error}"),
            Ok(()) if failed_before => tracing::info!("the state file is written again"),
            _ => {}
        }
        saved
    }

    /// All stored runs of a feed, oldest first, at most 2,000. With the runs
    /// of the last [`save`](Self::save), whether or not they could be written.
    ///
    /// # Errors
    /// If the database cannot be read, or not in five seconds.
    pub async fn runs(
        &self,
        tenant: &str,
        kind: HistoryKind,
        feed: &FeedId,
    ) -> Result<Vec<Arc<Run>>, StoreError> {
        let history: HistoryId = (tenant.into(), kind);
        let unwritten = self.shared.histories().unwritten(&history, feed);
        let id = feed.clone();
        let stored = self
            .access(move |database| database.runs(&history.0, kind, &id))
            .await?;
        let stored = stored.map_err(|error| StoreError::Read {
            path: self.shared.path.clone(),
            cause: error.to_string(),
        })?;
        let mut runs: Vec<_> = stored.into_iter().map(Arc::new).collect();
        if !unwritten.is_empty() {
            runs.retain(|run| !unwritten.iter().any(|other| other.job == run.job));
            runs.extend(unwritten);
            runs.sort_by(|one, two| one.order().cmp(&two.order()));
        }
        Ok(runs)
    }

    /// Drops tenants that are not configured and had no refresh since
    /// `horizon`. The database follows with the next save.
    pub fn forget_tenants(&self, horizon: Timestamp, is_configured: impl Fn(&str) -> bool) {
        let mut histories = self.shared.histories();
        let Histories {
            tenants, deleted, ..
        } = &mut *histories;
        tenants.retain(|id, entry| {
            let kept = is_configured(&id.0) || entry.history.covered_until >= Some(horizon);
            if !kept {
                deleted.insert(id.clone());
            }
            kept
        });
    }

    /// Runs `work` on the database off the async threads, for [`TIMEOUT`] at
    /// most if it is on a disk. Work that takes longer goes on without its caller.
    async fn access<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let stuck = || {
            let cause = format_args!("an access takes more than {} s", TIMEOUT.as_secs());
            StoreError::write(&self.shared.path, &cause)
        };
        let database = Arc::clone(&self.shared.database);
        if self.shared.stuck.load(Ordering::Relaxed) && database.try_lock().is_err() {
            return Err(stuck());
        }
        let access = async {
            let mut database = database.lock_owned().await;
            // The guard goes along: should this future be dropped, the access
            // still ends before another one begins.
            let work = tokio::task::spawn_blocking(move || work(&mut database));
            let outcome = work.await;
            outcome.map_err(|error| StoreError::write(&self.shared.path, &error))
        };
        let Some(timeout) = self.shared.timeout else {
            return access.await;
        };
        let outcome = tokio::time::timeout(timeout, access).await;
        self.shared.stuck.store(outcome.is_err(), Ordering::Relaxed);
        outcome.unwrap_or_else(|_| Err(stuck()))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.shared.path;
        formatter.debug_tuple("Store").field(path).finish()
    }
}

impl Shared {
    fn histories(&self) -> MutexGuard<'_, Histories> {
        self.histories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all changes, unless a write since the save drew its number has.
    fn write(&self, database: &mut Database, number: u64) -> Result<(), StoreError> {
        if let Some(outcome) = self.histories().outcome(number) {
            return outcome;
        }
        let is_new = database.ensure_open();
        let batch = self.histories().batch(*is_new.as_ref().unwrap_or(&false));
        let outcome = is_new.and_then(|_| {
            let tenants = batch.tenants.iter();
            let tenants: Vec<_> = tenants
                .map(|(tenant, history, changes)| (&**tenant, history, changes))
                .collect();
            let deleted: Vec<_> = batch
                .deleted
                .iter()
                .map(|(tenant, kind)| (&**tenant, *kind))
                .collect();
            let written = database.write(&tenants, &deleted);
            written.map_err(|error| StoreError::write(&self.path, &error))
        });
        self.histories().attempted(batch, &outcome);
        outcome
    }
}

/// A history as the next process has it.
#[cfg(test)]
pub(super) fn reopened(history: &RunHistory) -> RunHistory {
    let mut database = Database::in_memory();
    database.ensure_open().unwrap();
    let mut changes = history.changes.clone();
    changes.merge(write::everything(history));
    database.write(&[("acme", history, &changes)], &[]).unwrap();
    let id = ("acme".into(), history.kind);
    database.histories().unwrap().remove(&id).unwrap()
}
