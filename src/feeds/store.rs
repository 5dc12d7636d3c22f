//! The state file: the ledgers of all tenants, so that counters survive a
//! restart. Written whole and atomically, locked against a second process.
//!
//! Tenants save when they like. A save that brings a counted run returns once
//! it is on disk; saves that wait at the same time share one write. What can
//! be lost without harm (how far the ledger reached, what runs just now) goes
//! along, and is written by itself every five minutes at most.
//!
//! A tenant in the file that is not configured stays there, for it may come
//! back, until [`Store::forget_tenants`] finds it too old.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use jiff::Timestamp;
use tokio::time::Instant;

use super::Ledger;

pub(super) mod file;
#[cfg(test)]
mod tests;

/// How long a change that can be lost without harm may wait.
const UNHURRIED: Duration = Duration::from_mins(5);

/// A write that takes longer is stuck. It goes on, but nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The open, locked state file. Cloning gives the same file.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    /// Held for life; `None` while a full or read-only disk has no room for it.
    lock: Mutex<Option<File>>,
    book: Mutex<Book>,
    /// Whether the last save failed, to log it once.
    failing: AtomicBool,
    /// Whose turn it is to write.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What the file is to hold, and how far that has got. Every change that must
/// not be lost draws a ticket; a write takes in all tickets drawn before it.
#[derive(Default)]
struct Book {
    tenants: BTreeMap<Arc<str>, Entry>,
    drawn: u64,
    attempted: u64,
    written: u64,
    /// How the last attempt failed.
    failure: Option<StoreError>,
    attempted_at: Option<Instant>,
}

struct Entry {
    ledger: Ledger,
    ticket: u64,
}

/// Why a state file cannot be used or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the lock.
    #[error(
        "the state file {} is in use by another amperity_exporter; give each its own state.file",
        .0.display()
    )]
    InUse(PathBuf),
    /// Setting it aside would lose what a later version can still read.
    #[error(
        "the state file {} was written by a newer amperity_exporter (format {version}, this one \
         knows {}); run the newer one, or move the file away to start the counters anew",
        path.display(), file::VERSION
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format it says it has.
        version: u64,
    },
    /// A start would set it aside.
    #[error(
        "the state file {} is not one of amperity_exporter's or is damaged ({problem}); a start \
         sets it aside and begins the counters anew",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The folder or the file cannot be used; the exporter should not start.
    #[error(
        "cannot {action} the state file {}: {cause}; its folder must exist and belong to the \
         user the exporter runs as (state.file)",
        path.display()
    )]
    Unusable {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: Arc<io::Error>,
    },
    /// It could not be written this time.
    #[error(
        "cannot write the state file {}: {cause}; the counters go on in memory and the next \
         refresh tries again, but a restart before that would count from the last state written",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: Arc<io::Error>,
    },
}

impl Store {
    /// Opens and locks the file and reads what it holds; a missing file is an
    /// empty one. A corrupt or foreign one is set aside, named after `now`,
    /// with a log line that says so. Blocks: call it before the runtime is
    /// busy.
    ///
    /// # Errors
    /// If another process holds the lock, a newer version wrote the file, or
    /// the folder or file cannot be used. A disk that is full or read-only is
    /// no error yet: [`save`](Self::save) will tell.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, StoreError> {
        let path = file::resolved(path);
        let lock = match file::lock(&path) {
            Ok(lock) => Some(lock),
            Err(StoreError::Unusable { cause, .. }) if file::may_pass(&cause) => None,
            Err(error) => return Err(error),
        };
        let ledgers = file::read(&path, now)?;
        let tenants = ledgers.into_iter().map(|(tenant, ledger)| {
            let entry = Entry { ledger, ticket: 0 };
            (tenant, entry)
        });
        let book = Book {
            tenants: tenants.collect(),
            ..Book::default()
        };
        Ok(Self {
            shared: Arc::new(Shared {
                path,
                lock: Mutex::new(lock),
                book: Mutex::new(book),
                failing: AtomicBool::new(false),
                turn: Arc::default(),
            }),
        })
    }

    /// Whether [`open`](Self::open) would find a file and a folder it can use,
    /// as far as can be seen without changing anything or taking the lock.
    ///
    /// # Errors
    /// As those of `open`, or if it would set the file aside.
    pub fn check(path: &Path) -> Result<(), StoreError> {
        file::check(&file::resolved(path))
    }

    /// The ledger of a tenant, as last saved or as the file has it.
    #[must_use]
    pub fn ledger(&self, tenant: &str) -> Option<Ledger> {
        let book = self.shared.book();
        book.tenants.get(tenant).map(|entry| entry.ledger.clone())
    }

    /// Replaces a tenant's ledger and writes the file if anything that must
    /// not be lost has changed. On return it is on disk.
    ///
    /// # Errors
    /// If the file cannot be written, or not in half a minute, which is logged
    /// when it begins and when it ends; the next call tries again.
    pub async fn save(&self, tenant: &str, ledger: &Ledger) -> Result<(), StoreError> {
        let saved = tokio::time::timeout(PATIENCE, self.save_in_turn(tenant, ledger)).await;
        let saved = saved.unwrap_or_else(|_| {
            let stuck = io::Error::new(io::ErrorKind::TimedOut, "it takes over half a minute");
            Err(file::write_error(&self.shared.path, stuck))
        });
        let failed_before = self.shared.failing.swap(saved.is_err(), Ordering::Relaxed);
        match &saved {
            Err(error) if !failed_before => tracing::warn!("{error}"),
            Ok(()) if failed_before => tracing::info!("the state file is written again"),
            _ => {}
        }
        saved
    }

    async fn save_in_turn(&self, tenant: &str, ledger: &Ledger) -> Result<(), StoreError> {
        let Some(ticket) = self.shared.book().take(tenant, ledger) else {
            return Ok(());
        };
        let turn = Arc::clone(&self.shared.turn).lock_owned().await;
        if let Some(outcome) = self.shared.book().outcome(ticket) {
            return outcome;
        }
        let shared = Arc::clone(&self.shared);
        // The turn goes along: should this future be dropped, the write still
        // ends before another one begins.
        let write = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            shared.write()
        });
        write.await.unwrap_or_else(|error| {
            Err(file::write_error(
                &self.shared.path,
                io::Error::other(error),
            ))
        })
    }

    /// Drops tenants that are not configured and had no refresh since
    /// `horizon`. The file follows with its next write.
    pub fn forget_tenants(&self, horizon: Timestamp, is_configured: impl Fn(&str) -> bool) {
        self.shared.book().tenants.retain(|tenant, entry| {
            is_configured(tenant) || entry.ledger.covered_until >= Some(horizon)
        });
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.shared.path;
        formatter.debug_tuple("Store").field(path).finish()
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> Result<(), StoreError> {
        let (ledgers, drawn) = self.book().contents();
        let outcome = self.replace(&ledgers);
        let mut book = self.book();
        book.attempted = drawn;
        book.attempted_at = Some(Instant::now());
        book.failure = outcome.clone().err();
        if outcome.is_ok() {
            book.written = drawn;
        }
        outcome
    }

    fn replace(&self, ledgers: &file::Ledgers) -> Result<(), StoreError> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() {
            *lock = Some(file::lock(&self.path)?);
        }
        file::write(&self.path, ledgers)
    }
}

impl Book {
    /// Notes a tenant's ledger. Returns the ticket to wait for, if any.
    fn take(&mut self, tenant: &str, ledger: &Ledger) -> Option<u64> {
        let known = self.tenants.get(tenant);
        let (revision, ticket) = known
            .map(|entry| (entry.ledger.revision, entry.ticket))
            .unzip();
        let unwritten = ticket.filter(|ticket| *ticket > self.written);
        let is_new = revision != Some(ledger.revision);
        let failed = unwritten.is_some_and(|ticket| ticket <= self.attempted);
        let waited = self.attempted_at.map(|at| at.elapsed());
        let is_due = waited.is_none_or(|waited| waited >= UNHURRIED);
        let ticket = if is_new || failed || is_due {
            self.draw()
        } else {
            ticket.unwrap_or_default()
        };
        let entry = Entry {
            ledger: ledger.clone(),
            ticket,
        };
        self.tenants.insert(tenant.into(), entry);
        (ticket > self.written).then_some(ticket)
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    /// How the write that took in a ticket ended, if there was one.
    fn outcome(&self, ticket: u64) -> Option<Result<(), StoreError>> {
        if ticket <= self.written {
            return Some(Ok(()));
        }
        let failure = self.failure.clone();
        failure.filter(|_| ticket <= self.attempted).map(Err)
    }

    fn contents(&self) -> (file::Ledgers, u64) {
        let tenants = self.tenants.iter();
        let ledgers = tenants.map(|(tenant, entry)| (Arc::clone(tenant), entry.ledger.clone()));
        (ledgers.collect(), self.drawn)
    }
}
