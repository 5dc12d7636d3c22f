//! The open database: found or made, locked, verified, and set aside if it is
//! damaged. Everything here blocks.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::{DatabaseError, StoreError};
use super::file::{self, Contents};
use super::import;
use super::read::{self, Histories};
use super::write::{self, Capacity};
use crate::feeds::changes::Changes;
use crate::feeds::{FeedId, HistoryKind, Run, RunHistory};

/// The format that is written, and the latest that is read. Version 1 was a
/// JSON file; version 2 had no workflows and is upgraded in place.
pub(super) const VERSION: u64 = 3;
const WITHOUT_WORKFLOWS: u64 = 2;

/// The tables that are the same since version 2, and those of version 3.
const SCHEMA: &str = include_str!("schema.sql");
const SCHEMA_3: &str = include_str!("schema_3.sql");

/// How long to wait for a person's shell that holds a lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

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
    /// Held for life. On the database itself: a lock file could be deleted.
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

    /// Makes sure that there is a connection to the file that the path leads
    /// to. Returns whether it is a new one, to which everything must be
    /// written.
    pub(in crate::feeds) fn ensure_open(&mut self) -> Result<bool, StoreError> {
        if let (Some(open), Some(path)) = (&self.open, &self.path)
            && !open.is_at(path)
        {
            tracing::warn!(file = %path.display(), "the state file was moved or deleted; it is written anew");
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
            "the state file is damaged: it was set aside and the counters start anew"
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
                tracing::error!(file = %earlier.display(), error, "the state file of an earlier version cannot be imported; the counters start anew");
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
        for (tenant, kind) in deleted {
            write::delete_history(&transaction, tenant, *kind)?;
        }
        for (tenant, history, changes) in tenants {
            write::write(&transaction, tenant, history, changes, capacity)?;
        }
        Ok(transaction.commit()?)
    }
}

/// Whether a start would find a file that it can use, as far as can be seen
/// without changing anything or taking the lock.
pub(super) fn check(path: &Path) -> Result<(), StoreError> {
    let contents = file::inspect(path)?;
    file::try_folder(path)?;
    let problem = match contents {
        Contents::Missing | Contents::Empty | Contents::Json => return Ok(()),
        Contents::Damaged(problem) => problem,
        Contents::Database => match read_only(path) {
            Ok(_) => return Ok(()),
            Err(error) if error.is_damage() => error.to_string(),
            Err(error) => return Err(refusal(path, &error)),
        },
    };
    Err(StoreError::Damaged {
        path: path.to_path_buf(),
        problem,
    })
}

/// What is stored where nothing can be written.
pub(super) fn stored(path: &Path) -> Result<Histories, StoreError> {
    match file::inspect(path)? {
        Contents::Database => read_only(path).map_err(|error| refusal(path, &error)),
        Contents::Missing | Contents::Empty => Ok(Histories::new()),
        Contents::Json => {
            let contents = std::fs::read(path);
            let contents = contents.map_err(|cause| StoreError::unusable("read", path, cause))?;
            import::parse(&contents)
                .map_err(|error| StoreError::unusable("read", path, error.into()))
        }
        Contents::Damaged(problem) => Err(StoreError::Damaged {
            path: path.to_path_buf(),
            problem,
        }),
    }
}

/// Reads and verifies a database without changing anything.
fn read_only(path: &Path) -> Result<Histories, DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // Unless another process has it open, or was killed, SQLite would make
    // the files beside it.
    let connection = if file::has_log(path) {
        Connection::open_with_flags(path, flags)?
    } else {
        let uri = file::immutable_uri(path);
        Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?
    };
    verified(&connection)
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

/// Opens a database to write to; where that cannot be, to read from it.
fn open_existing(path: &Path) -> Result<(Connection, Histories), DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    // Before anything is configured, which would write to a foreign file.
    let version = version(&connection)?;
    configure(&connection)?;
    let histories = verified(&connection)?;
    if version == WITHOUT_WORKFLOWS {
        add_workflows(&mut connection)?;
        tracing::info!(file = %path.display(), "the state file of an earlier version was upgraded");
    }
    Ok((connection, histories))
}

/// The format of a database that is ours.
fn version(connection: &Connection) -> Result<u64, DatabaseError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != file::APPLICATION_ID {
        return Err(DatabaseError::Foreign);
    }
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match u64::try_from(version) {
        Ok(known @ WITHOUT_WORKFLOWS..=VERSION) => Ok(known),
        Ok(newer) if newer > VERSION => Err(DatabaseError::Newer(newer)),
        _ => Err(DatabaseError::damaged("its format is not known")),
    }
}

fn configure(connection: &Connection) -> Result<(), DatabaseError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Where the file system has no shared memory, SQLite keeps its rollback
    // journal, which is as safe.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
    Ok(())
}

/// The histories, once everything that counts was verified.
fn verified(connection: &Connection) -> Result<Histories, DatabaseError> {
    let version = version(connection)?;
    let problem: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if problem != "ok" {
        return Err(DatabaseError::Damaged(problem));
    }
    read::histories(connection, version != WITHOUT_WORKFLOWS)
}

/// Makes the tables, and writes the first contents.
fn create(connection: &mut Connection, histories: &Histories) -> Result<(), DatabaseError> {
    let behavior = TransactionBehavior::Immediate;
    let transaction = connection.transaction_with_behavior(behavior)?;
    transaction.execute_batch(SCHEMA_3)?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", file::APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION.cast_signed())?;
    for ((tenant, _), history) in histories {
        let everything = write::everything(history);
        write::write(&transaction, tenant, history, &everything, Capacity::FILE)?;
    }
    Ok(transaction.commit()?)
}

/// Upgrades a database of version 2: its tenants get a history of feeds.
fn add_workflows(connection: &mut Connection) -> Result<(), DatabaseError> {
    let behavior = TransactionBehavior::Immediate;
    let transaction = connection.transaction_with_behavior(behavior)?;
    let tenants = read::tenants(&transaction, false)?;
    transaction.execute_batch("DROP VIEW run_history; DROP TABLE tenants;")?;
    transaction.execute_batch(SCHEMA_3)?;
    for (id, (tenant, history)) in &tenants {
        write::write_history(&transaction, *id, tenant, history)?;
    }
    transaction.pragma_update(None, "user_version", VERSION.cast_signed())?;
    Ok(transaction.commit()?)
}

/// The error of a database that cannot be used but is not damaged.
fn refusal(path: &Path, error: &DatabaseError) -> StoreError {
    let path_buf = path.to_path_buf();
    match error {
        DatabaseError::Foreign => StoreError::Foreign(path_buf),
        DatabaseError::Newer(version) => StoreError::Newer {
            path: path_buf,
            version: *version,
        },
        error if error.may_pass() => {
            let full = io::Error::new(io::ErrorKind::StorageFull, error.to_string());
            StoreError::unusable("write", path, full)
        }
        error => StoreError::unusable("open", path, io::Error::other(error.to_string())),
    }
}
