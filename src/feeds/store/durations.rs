//! The durations of finished runs. A file of an earlier version has no table of
//! them; it gets one when something is written to it.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, Transaction};

use super::error::DatabaseError;
use super::row::{Columns, count, insert, required};
use crate::telemetry::NativeHistogram;

const TABLE: &str = include_str!("durations.sql");

/// Makes the table if it is not there.
pub(super) fn create(transaction: &Transaction<'_>) -> Result<(), DatabaseError> {
    Ok(transaction.execute_batch(TABLE)?)
}

pub(super) fn write(
    transaction: &Transaction<'_>,
    feed: i64,
    durations: &NativeHistogram,
) -> Result<(), DatabaseError> {
    let buckets: BTreeMap<i32, u64> = durations.buckets().collect();
    let buckets = serde_json::to_string(&buckets);
    let buckets = buckets.map_err(|error| DatabaseError::damaged(&error.to_string()))?;
    let columns = vec![
        Value::Integer(feed),
        count(durations.zero()),
        Value::Text(buckets),
    ];
    let statement = "REPLACE INTO run_durations VALUES (?, ?, ?, ?)";
    insert(transaction, statement, columns)
}

/// The durations of each feed, by its key.
pub(super) fn read(
    connection: &Connection,
) -> Result<BTreeMap<i64, NativeHistogram>, DatabaseError> {
    let mut durations = BTreeMap::new();
    if !connection.table_exists(None, "run_durations")? {
        return Ok(durations);
    }
    let mut select = connection.prepare("SELECT * FROM run_durations NOT INDEXED")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let mut columns = Columns::read(row, 3)?;
        let feed = required(columns.integer()?)?;
        let zero = required(columns.count()?)?;
        let buckets = required(columns.text()?)?;
        let buckets: BTreeMap<i32, u64> = serde_json::from_str(&buckets)
            .map_err(|error| DatabaseError::damaged(&error.to_string()))?;
        durations.insert(feed, NativeHistogram::new(zero, buckets));
    }
    Ok(durations)
}
