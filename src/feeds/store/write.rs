//! Writes what has changed, as one transaction, and deletes old runs in it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Transaction, params};

use super::durations;
use super::error::DatabaseError;
use super::row::{count, insert, optional_count, optional_text, optional_time, text, time};
use crate::feeds::changes::{Changes, FeedChange};
use crate::feeds::record::{self, FeedRecord};
use crate::feeds::{Failures, FeedId, HistoryKind, Run, RunHistory};
use crate::jobs::{Attribution, State};

/// How long before a feed's latest run its earlier runs are kept. Not before now:
/// the clock may be wrong for a while.
const KEPT_MS: i64 = 35 * 24 * 3_600_000;

/// This many runs of a feed are kept, however old they are.
const LEAST_RUNS: u64 = 100;

/// At most this many runs of a feed are kept, except for those that the API
/// can still list.
pub(super) const MOST_RUNS: u64 = 2000;

/// How many runs of one tenant are kept. Divided among its feeds, with 20 for
/// each at the least.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity(pub(super) u64);

impl Capacity {
    /// About one gigabyte.
    pub(super) const FILE: Self = Self(10_000_000);
    /// About 30 megabytes.
    pub(super) const MEMORY: Self = Self(200_000);

    fn of_each(self, feeds: usize) -> u64 {
        (self.0 / (feeds as u64).max(1)).clamp(20, MOST_RUNS)
    }
}

/// Writes the changes of one tenant.
pub(super) fn write(
    transaction: &Transaction<'_>,
    tenant: &str,
    history: &RunHistory,
    changes: &Changes,
    capacity: Capacity,
) -> Result<(), DatabaseError> {
    if changes.rewrite {
        delete_history(transaction, tenant, history.kind)?;
    }
    let tenant = write_tenant(transaction, tenant, history)?;
    let feeds = history.tables.values().map(BTreeMap::len).sum();
    let limits = Limits {
        runs: capacity.of_each(feeds),
        kept_from: history.keys_kept_from().map(midnight),
    };
    for (id, change) in &changes.feeds {
        write_feed(transaction, tenant, id, history, change, limits)?;
    }
    Ok(())
}

/// Deletes all that is stored of a tenant's history.
pub(super) fn delete_history(
    transaction: &Transaction<'_>,
    tenant: &str,
    kind: HistoryKind,
) -> Result<(), DatabaseError> {
    let Some(id) = super::read::history(transaction, tenant, kind)? else {
        return Ok(());
    };
    for table in ["runs", "open_runs", "workflow_failures", "run_durations"] {
        let feeds = "SELECT id FROM feeds WHERE tenant = ?1";
        let delete = format!("DELETE FROM {table} WHERE feed IN ({feeds})");
        transaction.execute(&delete, [id])?;
    }
    transaction.execute("DELETE FROM feeds WHERE tenant = ?1", [id])?;
    transaction.execute("DELETE FROM tenants WHERE id = ?1", [id])?;
    Ok(())
}

#[derive(Clone, Copy)]
struct Limits {
    runs: u64,
    /// Keys of runs since then are needed, in milliseconds.
    kept_from: Option<i64>,
}

fn write_tenant(
    transaction: &Transaction<'_>,
    tenant: &str,
    history: &RunHistory,
) -> Result<i64, DatabaseError> {
    let id = match super::read::history(transaction, tenant, history.kind)? {
        Some(id) => id,
        None => next_id(transaction, "tenants")?,
    };
    write_history(transaction, id, tenant, history)?;
    Ok(id)
}

/// Writes what is stored of a history besides its feeds.
pub(super) fn write_history(
    transaction: &Transaction<'_>,
    id: i64,
    tenant: &str,
    history: &RunHistory,
) -> Result<(), DatabaseError> {
    let columns = vec![
        Value::Integer(id),
        text(tenant),
        text(history.kind.as_str()),
        optional_time(history.history_until),
        optional_time(history.covered_since),
        optional_time(history.covered_until),
    ];
    let statement = "REPLACE INTO tenants VALUES (?, ?, ?, ?, ?, ?, ?)";
    insert(transaction, statement, columns)
}

fn next_id(transaction: &Transaction<'_>, table: &str) -> Result<i64, DatabaseError> {
    let next = format!("SELECT coalesce(max(id), 0) + 1 FROM {table}");
    let mut next = transaction.prepare_cached(&next)?;
    Ok(next.query_row([], |row| row.get(0))?)
}

fn write_feed(
    transaction: &Transaction<'_>,
    tenant: i64,
    id: &FeedId,
    history: &RunHistory,
    change: &FeedChange,
    limits: Limits,
) -> Result<(), DatabaseError> {
    let mut known = super::read::feed(transaction, tenant, id)?;
    let record = history.record(id);
    if let Some(feed) = known
        && (change.removed || record.is_none())
    {
        for delete in [
            "DELETE FROM runs WHERE feed = ?1",
            "DELETE FROM open_runs WHERE feed = ?1",
            "DELETE FROM workflow_failures WHERE feed = ?1",
            "DELETE FROM run_durations WHERE feed = ?1",
            "DELETE FROM feeds WHERE id = ?1",
        ] {
            transaction.prepare_cached(delete)?.execute([feed])?;
        }
        known = None;
    }
    let Some(record) = record else {
        return Ok(());
    };
    let feed = match known {
        Some(feed) => feed,
        None => next_id(transaction, "feeds")?,
    };
    write_record(transaction, tenant, feed, id, record)?;
    durations::write(transaction, feed, &record.totals.duration_histogram)?;
    write_open_runs(transaction, feed, record)?;
    if !record.failures.is_empty() {
        write_failures(transaction, feed, &record.failures)?;
    }
    for run in change.runs.values() {
        write_run(transaction, feed, run)?;
    }
    if change.all_keys {
        for run in &*record.recent {
            write_run(transaction, feed, run)?;
        }
        write_keys(transaction, feed, record)?;
    }
    if change.all_keys || !change.runs.is_empty() {
        delete_old_runs(transaction, feed, limits)?;
    }
    Ok(())
}

fn write_record(
    transaction: &Transaction<'_>,
    tenant: i64,
    feed: i64,
    id: &FeedId,
    record: &FeedRecord,
) -> Result<(), DatabaseError> {
    let newest = record.newest.as_ref();
    let totals = &record.totals;
    let runs: serde_json::Map<String, serde_json::Value> = totals
        .runs
        .iter()
        .map(|(state, runs)| (state.as_str().to_owned(), (*runs).into()))
        .collect();
    let has_run = !record.recent.is_empty() || !record.finished.is_empty();
    let columns = vec![
        Value::Integer(feed),
        Value::Integer(tenant),
        text(&id.table),
        text(&id.feed),
        time(record.created),
        optional_time(has_run.then_some(record.active_at)),
        optional_time(record.last_success),
        count(record.failures_since_success),
        optional_time(newest.map(|newest| newest.place)),
        optional_text(newest.map(|newest| &*newest.job)),
        optional_text(newest.and_then(|newest| newest.state.as_ref().map(State::as_str))),
        Value::Text(serde_json::Value::Object(runs).to_string()),
        count(totals.read),
        count(totals.inserted),
        count(totals.updated),
        count(totals.rejected),
        count(totals.errors),
        count(totals.duration_ms),
        count(totals.durations),
    ];
    let statement = "REPLACE INTO feeds VALUES \
                     (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    insert(transaction, statement, columns)
}

fn write_open_runs(
    transaction: &Transaction<'_>,
    feed: i64,
    record: &FeedRecord,
) -> Result<(), DatabaseError> {
    let mut delete = transaction.prepare_cached("DELETE FROM open_runs WHERE feed = ?1")?;
    delete.execute([feed])?;
    for (job, run) in &record.open {
        let columns = vec![
            Value::Integer(feed),
            text(job),
            optional_text(run.state.as_ref().map(State::as_str)),
            optional_time(run.started_at),
            time(run.place),
            time(run.last_seen),
        ];
        let statement = "INSERT INTO open_runs VALUES (?, ?, ?, ?, ?, ?, ?)";
        insert(transaction, statement, columns)?;
    }
    Ok(())
}

fn write_failures(
    transaction: &Transaction<'_>,
    feed: i64,
    failures: &Failures,
) -> Result<(), DatabaseError> {
    let latest = failures.latest.as_deref();
    let failure = latest.map(|latest| &latest.failure);
    let counts = Attribution::ALL.map(|attribution| count(failures.count(attribution)));
    let mut columns = vec![Value::Integer(feed)];
    columns.extend(counts);
    columns.extend([
        optional_text(latest.map(|latest| &*latest.run)),
        optional_text(failure.map(|failure| failure.attribution.as_str())),
        optional_text(failure.map(|failure| &*failure.error_type)),
        optional_text(failure.map(|failure| &*failure.message)),
    ]);
    let statement = "REPLACE INTO workflow_failures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    insert(transaction, statement, columns)
}

fn write_run(transaction: &Transaction<'_>, feed: i64, run: &Run) -> Result<(), DatabaseError> {
    let columns = vec![
        Value::Integer(feed),
        text(&run.job),
        time(run.ordered_at),
        optional_time(run.started_at),
        optional_time(run.ended_at),
        optional_text(run.state.as_ref().map(State::as_str)),
        optional_count(run.rows.read),
        optional_count(run.rows.inserted),
        optional_count(run.rows.updated),
        optional_count(run.rows.rejected),
        optional_count(run.rows.errors),
        count(run.files),
        optional_text(run.workflow_id.as_deref()),
    ];
    let statement = "REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    insert(transaction, statement, columns)
}

/// Writes the keys of all finished runs, but for those that are there.
fn write_keys(
    transaction: &Transaction<'_>,
    feed: i64,
    record: &FeedRecord,
) -> Result<(), DatabaseError> {
    for (day, job) in record.finished.iter() {
        let nothing = std::iter::repeat_n(Value::Null, 8);
        let columns = [
            Value::Integer(feed),
            text(job),
            Value::Integer(midnight(day)),
        ];
        let columns = columns.into_iter().chain(nothing);
        let columns = columns.chain([Value::Integer(0), Value::Null]).collect();
        let statement = "INSERT OR IGNORE INTO runs VALUES \
                         (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        insert(transaction, statement, columns)?;
    }
    Ok(())
}

fn delete_old_runs(
    transaction: &Transaction<'_>,
    feed: i64,
    limits: Limits,
) -> Result<(), DatabaseError> {
    let mut at = transaction.prepare_cached(
        "SELECT ordered_at FROM runs WHERE feed = ?1 ORDER BY ordered_at DESC LIMIT 1 OFFSET ?2",
    )?;
    let mut nth = |number: u64| -> rusqlite::Result<Option<i64>> {
        let offset = number.saturating_sub(1);
        at.query_row(params![feed, offset.cast_signed()], |row| row.get(0))
            .optional()
    };
    let month_ago = nth(1)?.map(|latest| latest.saturating_sub(KEPT_MS));
    // Only an older run than the one at a limit exceeds it.
    let by_age = nth(LEAST_RUNS.min(limits.runs))?.min(month_ago);
    let by_number = nth(limits.runs)?;
    let kept_from = by_age.max(by_number);
    let kept_from = kept_from
        .zip(limits.kept_from)
        .map(|(one, two)| one.min(two));
    if let Some(kept_from) = kept_from {
        let mut delete =
            transaction.prepare_cached("DELETE FROM runs WHERE feed = ?1 AND ordered_at < ?2")?;
        delete.execute([feed, kept_from])?;
    }
    Ok(())
}

/// The first millisecond of a day, in UTC.
pub(super) fn midnight(day: Date) -> i64 {
    record::midnight(day).as_millisecond()
}

/// All of a history, as changes to an empty database.
pub(super) fn everything(history: &RunHistory) -> Changes {
    let mut changes = Changes::default();
    for id in history.ids() {
        changes.feed(id).all_keys = true;
    }
    changes
}
