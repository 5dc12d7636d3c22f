//! Connections to a database: its tables are made, its format is verified and
//! upgraded.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::durations;
use super::error::DatabaseError;
use super::file;
use super::read::{self, Histories};
use super::write::{self, Capacity};

/// The format that is written, and the latest that is read. Version 1 was a
/// JSON file; version 2 had no workflows and is upgraded in place.
pub(super) const VERSION: u64 = 3;
const WITHOUT_WORKFLOWS: u64 = 2;

/// The tables that are the same since version 2, and those of version 3.
const SCHEMA: &str = include_str!("schema.sql");
const SCHEMA_3: &str = include_str!("schema_3.sql");

/// How long to wait for a person's shell that holds a lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads and verifies a database without changing anything.
pub(super) fn read_only(path: &Path) -> Result<Histories, DatabaseError> {
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

/// Opens a database to write to; where that cannot be, to read from it.
pub(super) fn open_existing(path: &Path) -> Result<(Connection, Histories), DatabaseError> {
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

pub(super) fn configure(connection: &Connection) -> Result<(), DatabaseError> {
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
pub(super) fn create(
    connection: &mut Connection,
    histories: &Histories,
) -> Result<(), DatabaseError> {
    let behavior = TransactionBehavior::Immediate;
    let transaction = connection.transaction_with_behavior(behavior)?;
    transaction.execute_batch(SCHEMA_3)?;
    transaction.execute_batch(SCHEMA)?;
    durations::create(&transaction)?;
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
