//! The open database: found or made, locked, verified, and set aside if it is
//! damaged. Everything here blocks.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::check::stored;
use super::connection::{configure, create, open_existing};
use super::durations;
use super::error::{DatabaseError, StoreError};
use super::file::{self, Contents};
use super::import;
use super::read::{self, Histories};
use super::write::{self, Capacity};
use crate::feeds::changes::Changes;
use crate::feeds::{FeedId, HistoryKind, Run, RunHistory};

/// The connection, if there is one now, and what is needed to make another.
pub(in crate::feeds) struct Database {
    /// Dropped before the lock, which another process waits for.
    open: Option<Open>,
    /// `None`: in memory.
    path: Option<PathBuf>,
    /// Names files that are set aside.
    now: Timestamp,
    capacity: Capacity,
}

struct Open {
    connection: Connection,
    /// Held until the process ends. On the database itself: a lock file could be deleted.
    /// Closing it would end the locks that `SQLite` has on the same file.
    lock: Option<File>,
}

impl Database {
    pub(in crate::feeds) fn in_memory() -> Self {
        Self {
            open: None,
            path: None,
            now: Timestamp::UNIX_EPOCH,
            capacity: Capacity::MEMORY,
        }
    }

    /// Opens the file, or makes it. On a disk that is full or cannot be
    /// written to there is no connection yet.
    pub(super) fn open(path: &Path, now: Timestamp) -> Result<(Self, Histories), StoreError> {
        let mut database = Self {
            open: None,
            path: Some(path.to_path_buf()),
            now,
            capacity: Capacity::FILE,
        };
        let histories = match database.connect() {
            Ok((open, histories)) => {
                database.open = Some(open);
                histories
            }
            // Not from zero: what is stored can be read all the same.
            Err(error) if error.may_pass() => {
                let histories = stored(path).map_err(|_| error.clone())?;
                tracing::warn!("{error}; counting continues in memory");
                histories
            }
            Err(error) => return Err(error),
        };
        Ok((database, histories))
    }

    /// Whether the file could not be opened for writing.
    pub(super) fn is_unavailable(&self) -> bool {
        self.path.is_some() && self.open.is_none()
    }

    /// Makes sure that there is a connection to the file that the path leads
    /// to. Returns whether it is a new one, to which everything must be
    /// written.
    pub(in crate::feeds) fn ensure_open(&mut self) -> Result<bool, StoreError> {
        if let (Some(open), Some(path)) = (&self.open, &self.path)
            && !open.is_at(path)
        {
            tracing::warn!(file = %path.display(), "the state file was moved or deleted; it is written again");
            self.open = None;
        }
        if self.open.is_some() {
            return Ok(false);
        }
        let (open, _) = self.connect()?;
        self.open = Some(open);
        Ok(true)
    }

    /// Writes changes as one transaction.
    pub(in crate::feeds) fn write(
        &mut self,
        tenants: &[(&str, &RunHistory, &Changes)],
        deleted: &[(&str, HistoryKind)],
    ) -> Result<(), DatabaseError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let written = open.write(tenants, deleted, self.capacity);
        if written.as_ref().is_err_and(DatabaseError::is_damage) {
            // The next write sets it aside and makes a new one.
            self.open = None;
        }
        written
    }

    /// All stored runs of a feed, oldest first.
    pub(super) fn runs(
        &self,
        tenant: &str,
        kind: HistoryKind,
        feed: &FeedId,
    ) -> Result<Vec<Run>, DatabaseError> {
        match &self.open {
            Some(open) => read::runs(&open.connection, tenant, kind, feed),
            None => Ok(Vec::new()),
        }
    }

    #[cfg(test)]
    pub(in crate::feeds) fn histories(&self) -> Result<Histories, DatabaseError> {
        self.open.as_ref().map_or_else(
            || Ok(Histories::new()),
            |open| read::histories(&open.connection, true),
        )
    }

    /// As on a disk with room for this many pages of the database.
    #[cfg(test)]
    pub(super) fn limit_disk(&mut self, pages: u32) {
        let connection = &self.open.as_ref().unwrap().connection;
        let set = connection.pragma_update(None, "max_page_count", pages);
        set.unwrap();
    }

    #[cfg(test)]
    pub(super) fn limit(&mut self, runs: u64) {
        self.capacity = Capacity(runs);
    }

    fn connect(&self) -> Result<(Open, Histories), StoreError> {
        let Some(path) = &self.path else {
            let connection = Connection::open_in_memory().map_err(DatabaseError::from);
            let open = connection.and_then(|mut connection| {
                create(&mut connection, &Histories::new())?;
                let lock = None;
                Ok(Open { connection, lock })
            });
            let open = open.map_err(|error| StoreError::write(Path::new(":memory:"), &error))?;
            return Ok((open, Histories::new()));
        };
        let contents = file::inspect(path)?;
        file::try_folder(path)?;
        let lock = lock(path)?;
        match contents {
            Contents::Missing | Contents::Empty => Self::make(path, lock, true),
            Contents::Database => match open_existing(path) {
                Ok((connection, histories)) => {
                    let lock = Some(lock);
                    Ok((Open { connection, lock }, histories))
                }
                Err(error) if error.is_damage() => {
                    self.set_aside(path, &error)?;
                    drop(lock);
                    Self::make(path, self::lock(path)?, false)
                }
                Err(error) => Err(refusal(path, &error)),
            },
            Contents::Json => {
                file::keep_json(path)
                    .map_err(|cause| StoreError::unusable("rename", path, cause))?;
                drop(lock);
                Self::make(path, self::lock(path)?, true)
            }
            Contents::Damaged(problem) => {
                self.set_aside(path, &problem)?;
                drop(lock);
                Self::make(path, self::lock(path)?, false)
            }
        }
    }

    fn set_aside(&self, path: &Path, problem: &dyn std::fmt::Display) -> Result<(), StoreError> {
        let aside = file::set_aside(path, self.now)
            .map_err(|cause| StoreError::unusable("set aside", path, cause))?;
        tracing::error!(
            file = %path.display(),
            set_aside = %aside.display(),
            error = %problem,
            "the state file is damaged: it was set aside and the counters start at 0"
        );
        Ok(())
    }

    /// Makes a new database in an empty file, with what a JSON file of the
    /// earlier version has.
    fn make(path: &Path, lock: File, import: bool) -> Result<(Open, Histories), StoreError> {
        let earlier = if import {
            file::earlier_json(path)
        } else {
            None
        };
        let histories = earlier
            .as_ref()
            .and_then(|earlier| Self::import(earlier))
            .unwrap_or_default();
        let made = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut connection = Connection::open_with_flags(path, flags)?;
            // Before the log: what marks the file as ours must be in the file.
            create(&mut connection, &histories)?;
            configure(&connection)?;
            Ok::<_, DatabaseError>(connection)
        };
        let connection = made().map_err(|error| refusal(path, &error))?;
        file::sync_folder(path);
        if let Some(earlier) = earlier {
            file::mark_imported(&earlier);
        }
        let lock = Some(lock);
        Ok((Open { connection, lock }, histories))
    }

    fn import(earlier: &Path) -> Option<Histories> {
        let read = std::fs::read(earlier).map_err(|error| error.to_string());
        let parsed = read.and_then(|contents| import::parse(&contents).map_err(|e| e.to_string()));
        match parsed {
            Ok(histories) => {
                tracing::info!(file = %earlier.display(), "the state file of an earlier version was imported");
                Some(histories)
            }
            Err(error) => {
                tracing::error!(file = %earlier.display(), error, "the state file of an earlier version cannot be imported; the counters start at 0");
                None
            }
        }
    }
}

impl Open {
    /// Whether the path still leads to the file that is open.
    fn is_at(&self, path: &Path) -> bool {
        let Some(lock) = &self.lock else { return true };
        let (Ok(ours), Ok(theirs)) = (lock.metadata(), path.metadata()) else {
            return false;
        };
        (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())
    }

    fn write(
        &mut self,
        tenants: &[(&str, &RunHistory, &Changes)],
        deleted: &[(&str, HistoryKind)],
        capacity: Capacity,
    ) -> Result<(), DatabaseError> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        durations::create(&transaction)?;
        for (tenant, kind) in deleted {
            write::delete_history(&transaction, tenant, *kind)?;
        }
        for (tenant, history, changes) in tenants {
            write::write(&transaction, tenant, history, changes, capacity)?;
        }
        Ok(transaction.commit()?)
    }
}

/// Takes the lock, or says who has it. Makes an empty file if there is none.
fn lock(path: &Path) -> Result<File, StoreError> {
    let unusable = |cause| StoreError::unusable("open", path, cause);
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    let file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => File::open(path),
        opened => opened,
    };
    let file = file.map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_path_buf())),
        Err(TryLockError::Error(cause)) => Err(unusable(cause)),
    }
}

/// The error of a database that cannot be used but is not damaged.
pub(super) fn refusal(path: &Path, error: &DatabaseError) -> StoreError {
    let path_buf = path.to_path_buf();
    match error {
        DatabaseError::Foreign => StoreError::Foreign(path_buf),
        DatabaseError::Newer(version) => StoreError::Newer {
            path: path_buf,
            version: *version,
        },
        error => match error.disk_error() {
            Some(kind) => {
                let cause = io::Error::new(kind, error.to_string());
                StoreError::unusable("write", path, cause)
            }
            None => StoreError::unusable("open", path, io::Error::other(error.to_string())),
        },
    }
}
