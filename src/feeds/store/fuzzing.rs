//! Rows that were tampered with or damaged, for the fuzzer of that name.

#![expect(clippy::expect_used, reason = "a panic is what a fuzzer looks for")]

use std::fmt::Write;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::connection;
use super::error::DatabaseError;
use super::read::{self, Histories};
use crate::feeds::{HistoryKind, RunHistory};
use crate::jobs::Job;
use crate::wire;

/// Jobs and runs of workflows that fill every column.
const JOBS: &str = include_str!("../../../fuzz/seeds/jobs/finished_and_running.json");
const WORKFLOWS: &str = include_str!("../../../fuzz/seeds/workflows/failed_and_succeeded.json");

const TABLES: [&str; 5] = ["tenants", "feeds", "runs", "open_runs", "workflow_failures"];

thread_local! {
    static DATABASE: Connection = database().expect("a database in memory");
}

/// Changes one column of all rows of a table as `data` says. The change is
/// noticed, or nothing that counts has changed.
pub(crate) fn check_changed_row(data: &[u8]) {
    DATABASE.with(|connection| {
        let unchanged = describe(&read::histories(connection, true).expect("unchanged rows"));
        let transaction = connection.unchecked_transaction().expect("a transaction");
        if change(connection, data).is_ok()
            && let Ok(histories) = read::histories(connection, true)
        {
            assert_eq!(describe(&histories), unchanged);
        }
        transaction.rollback().expect("a rollback");
    });
}

fn change(connection: &Connection, data: &[u8]) -> rusqlite::Result<()> {
    let [table, column, kind, value @ ..] = data else {
        return Ok(());
    };
    let table = TABLES[usize::from(*table) % TABLES.len()];
    let select = connection.prepare(&format!("SELECT * FROM {table}"))?;
    let columns: Vec<&str> = select.column_names().collect();
    let column = columns[usize::from(*column) % columns.len()];
    let value = match kind % 3 {
        0 => Value::Null,
        1 => {
            let mut bytes = [0; 8];
            let length = value.len().min(8);
            bytes[..length].copy_from_slice(&value[..length]);
            Value::Integer(i64::from_le_bytes(bytes))
        }
        _ => Value::Text(String::from_utf8_lossy(value).into_owned()),
    };
    let update = format!("UPDATE {table} SET {column} = ?1");
    connection.execute(&update, params_from_iter([value]))?;
    Ok(())
}

fn database() -> Result<Connection, DatabaseError> {
    let mut jobs = Vec::new();
    let read_jobs = wire::read_list(JOBS.as_bytes(), |job| {
        jobs.extend(job.and_then(Job::from_wire));
    });
    let mut runs = Vec::new();
    let read_runs = wire::read_workflows(WORKFLOWS.as_bytes(), |run| {
        runs.extend(run.and_then(Job::from_wire_workflow));
    });
    assert!(read_jobs.is_ok() && read_runs.is_ok() && !jobs.is_empty() && !runs.is_empty());
    let mut histories = Histories::new();
    for (kind, mut history, jobs) in [
        (HistoryKind::Feeds, RunHistory::new(), jobs),
        (HistoryKind::Workflows, RunHistory::of_workflows(), runs),
    ] {
        history.observe([], jiff::Timestamp::UNIX_EPOCH);
        history.observe(&jobs, jiff::Timestamp::constant(4_102_444_800, 0));
        histories.insert(("acme".into(), kind), history);
    }
    let mut connection = Connection::open_in_memory()?;
    connection::create(&mut connection, &histories)?;
    Ok(connection)
}

fn describe(histories: &Histories) -> String {
    let mut text = String::new();
    for ((tenant, kind), history) in histories {
        let _infallible = writeln!(text, "{tenant} {kind:?} {:?}", history.feeds());
    }
    text
}
