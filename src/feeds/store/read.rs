//! Reads histories and runs back, and verifies the checksum of each row.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::DatabaseError;
use super::row::{Columns, required, state_named};
use crate::feeds::limits::MAX_KEY_BYTES;
use crate::feeds::record::{FeedRecord, Newest, OpenRun, RECENT, day};
use crate::feeds::{FailedRun, FeedId, HistoryKind, Run, RunHistory, Totals};
use crate::jobs::{Attribution, Rows, State, WorkflowFailure};

/// The histories by tenant and what they are about.
pub(in crate::feeds) type Histories = BTreeMap<(Arc<str>, HistoryKind), RunHistory>;

/// The tenants and their histories without feeds, by their ids in the database.
type Tenants = BTreeMap<i64, (Arc<str>, RunHistory)>;

const RUN_COLUMNS: usize = 13;

/// The id of a tenant's history, if it is stored.
pub(super) fn history(
    connection: &Connection,
    tenant: &str,
    kind: HistoryKind,
) -> Result<Option<i64>, DatabaseError> {
    let mut find =
        connection.prepare_cached("SELECT id FROM tenants WHERE tenant = ?1 AND kind = ?2")?;
    let key = params![tenant, kind.as_str()];
    Ok(find.query_row(key, |row| row.get(0)).optional()?)
}

/// The id of a feed, if it is stored.
pub(super) fn feed(
    connection: &Connection,
    tenant: i64,
    id: &FeedId,
) -> Result<Option<i64>, DatabaseError> {
    let mut find = connection.prepare_cached(
        "SELECT id FROM feeds WHERE tenant = ?1 AND table_name = ?2 AND feed = ?3",
    )?;
    let key = params![tenant, &*id.table, &*id.feed];
    Ok(find.query_row(key, |row| row.get(0)).optional()?)
}

/// All histories. Reads each table whole, so that every row is verified; an
/// index that is damaged could hide some.
///
/// `workflows` says whether the format has workflows.
pub(super) fn histories(
    connection: &Connection,
    workflows: bool,
) -> Result<Histories, DatabaseError> {
    let mut tenants = tenants(connection, workflows)?;
    let mut feeds = read_feeds(connection)?;
    if workflows {
        read_failures(connection, &mut feeds)?;
    }
    read_open_runs(connection, &mut feeds)?;
    let mut durations = super::durations::read(connection)?;
    let mut ids = FeedIds::new();
    for (
        key,
        StoredFeed {
            tenant,
            id,
            mut record,
        },
    ) in feeds
    {
        let totals = &mut record.totals;
        totals.duration_histogram = durations.remove(&key).unwrap_or_default();
        totals.complete_histogram();
        let (_, history) = required(tenants.get_mut(&tenant))?;
        let feeds = history.tables.entry(Arc::clone(&id.table)).or_default();
        feeds.insert(Arc::clone(&id.feed), Arc::new(record));
        ids.insert(key, (tenant, id));
    }
    read_runs(connection, &ids, &mut tenants)?;
    let histories = tenants.into_values();
    let histories = histories.map(|(tenant, history)| ((tenant, history.kind), history));
    Ok(histories.collect())
}

/// The tenants, and what is stored of their histories besides the feeds.
pub(super) fn tenants(connection: &Connection, workflows: bool) -> Result<Tenants, DatabaseError> {
    let mut tenants = BTreeMap::new();
    let mut select = connection.prepare("SELECT * FROM tenants NOT INDEXED")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let mut columns = Columns::read(row, if workflows { 6 } else { 5 })?;
        let id = required(columns.integer()?)?;
        let tenant = required(columns.text()?)?;
        let kind = if workflows {
            columns.kind()?
        } else {
            HistoryKind::Feeds
        };
        let history = RunHistory {
            kind,
            history_until: columns.time()?,
            covered_since: columns.time()?,
            covered_until: columns.time()?,
            ..RunHistory::default()
        };
        tenants.insert(id, (tenant, history));
    }
    Ok(tenants)
}

struct StoredFeed {
    tenant: i64,
    id: FeedId,
    record: FeedRecord,
}

type Feeds = BTreeMap<i64, StoredFeed>;

/// The tenants and ids of feeds, by their keys in the database.
type FeedIds = BTreeMap<i64, (i64, FeedId)>;

fn read_feeds(connection: &Connection) -> Result<Feeds, DatabaseError> {
    let mut select = connection.prepare("SELECT * FROM feeds NOT INDEXED")?;
    let mut rows = select.query([])?;
    let mut feeds = Feeds::new();
    while let Some(row) = rows.next()? {
        let mut columns = Columns::read(row, 19)?;
        let key = required(columns.integer()?)?;
        let feed = StoredFeed {
            tenant: required(columns.integer()?)?,
            id: FeedId {
                table: required(columns.text()?)?,
                feed: required(columns.text()?)?,
            },
            record: read_record(&mut columns)?,
        };
        feeds.insert(key, feed);
    }
    Ok(feeds)
}

fn read_record(columns: &mut Columns) -> Result<FeedRecord, DatabaseError> {
    let created = required(columns.time()?)?;
    let mut record = FeedRecord::new(created);
    record.active_at = columns.time()?.unwrap_or(Timestamp::MIN);
    record.last_success = columns.time()?;
    record.failures_since_success = required(columns.count()?)?;
    let place = columns.time()?;
    let job = columns.text()?;
    let state = columns.state()?;
    record.newest = place
        .zip(job)
        .map(|(place, job)| Newest { place, job, state });
    let runs = required(columns.text()?)?;
    let runs: BTreeMap<String, u64> =
        serde_json::from_str(&runs).map_err(|error| DatabaseError::damaged(&error.to_string()))?;
    let runs = runs
        .into_iter()
        .map(|(name, runs)| (state_named(&name), runs));
    let mut totals = Totals::default();
    totals.runs.extend(runs);
    for sum in [
        &mut totals.read,
        &mut totals.inserted,
        &mut totals.updated,
        &mut totals.rejected,
        &mut totals.errors,
        &mut totals.duration_ms,
        &mut totals.durations,
    ] {
        *sum = required(columns.count()?)?;
    }
    record.totals = totals;
    Ok(record)
}

fn read_failures(connection: &Connection, feeds: &mut Feeds) -> Result<(), DatabaseError> {
    let mut select = connection.prepare("SELECT * FROM workflow_failures NOT INDEXED")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let mut columns = Columns::read(row, 8)?;
        let feed = required(columns.integer()?)?;
        let failures = &mut required(feeds.get_mut(&feed))?.record.failures;
        for attribution in Attribution::ALL {
            failures.set_count(attribution, required(columns.count()?)?);
        }
        let Some(run) = columns.text()? else { continue };
        let failure = WorkflowFailure {
            attribution: columns.attribution()?,
            error_type: required(columns.text()?)?,
            message: required(columns.text()?)?,
        };
        failures.latest = Some(Arc::new(FailedRun { run, failure }));
    }
    Ok(())
}

fn read_open_runs(connection: &Connection, feeds: &mut Feeds) -> Result<(), DatabaseError> {
    let mut select = connection.prepare("SELECT * FROM open_runs NOT INDEXED")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let mut columns = Columns::read(row, 6)?;
        let feed = required(columns.integer()?)?;
        let job = required(columns.text()?)?;
        let run = OpenRun {
            state: columns.state()?,
            started_at: columns.time()?,
            place: required(columns.time()?)?,
            last_seen: required(columns.time()?)?,
        };
        let feed = required(feeds.get_mut(&feed))?;
        feed.record.open.insert(job, run);
    }
    Ok(())
}

/// Takes the keys of the runs that could be taken for new ones, and the latest
/// runs whole.
fn read_runs(
    connection: &Connection,
    feeds: &FeedIds,
    tenants: &mut Tenants,
) -> Result<(), DatabaseError> {
    let mut select = connection.prepare("SELECT * FROM runs NOT INDEXED")?;
    let mut rows = select.query([])?;
    // The rows are in the order of feeds.
    let mut runs: (i64, Vec<Run>) = (0, Vec::new());
    let mut key_bytes: BTreeMap<i64, usize> = BTreeMap::new();
    loop {
        let row = rows.next()?.map(|row| Columns::read(row, RUN_COLUMNS));
        let row = row.transpose()?.map(|mut columns| {
            let feed = required(columns.integer()?)?;
            Ok::<_, DatabaseError>((feed, read_run(&mut columns)?))
        });
        let row = row.transpose()?;
        if row.as_ref().is_none_or(|(feed, _)| *feed != runs.0) && !runs.1.is_empty() {
            let (tenant, id) = required(feeds.get(&runs.0))?;
            let (_, history) = required(tenants.get_mut(tenant))?;
            let bytes = key_bytes.entry(*tenant).or_default();
            *bytes += take_runs(history, id, std::mem::take(&mut runs.1));
            if *bytes > MAX_KEY_BYTES {
                history.enforce_limits();
                *bytes = history.key_bytes();
            }
        }
        let Some((feed, run)) = row else {
            return Ok(());
        };
        runs.0 = feed;
        runs.1.push(run);
    }
}

/// Returns what the keys of the feed take in memory.
fn take_runs(history: &mut RunHistory, id: &FeedId, mut runs: Vec<Run>) -> usize {
    let (kept_from, covered_until) = (history.keys_kept_from(), history.covered_until);
    let record = history.record_mut(&id.table, &id.feed);
    let Some((record, kept_from)) = record.zip(kept_from) else {
        return 0;
    };
    let record = Arc::make_mut(record);
    runs.sort_by(|one, two| one.order().cmp(&two.order()));
    let latest = runs.len().saturating_sub(RECENT);
    for (number, run) in runs.into_iter().enumerate() {
        let mut filed_on = day(run.ordered_at);
        // A run without a plausible time is needed for as long as answers
        // show it, and it may be in the next one.
        if run
            .started_at
            .max(run.ended_at)
            .is_none_or(|end| end > run.ordered_at)
            && let Some(covered_until) = covered_until
        {
            filed_on = filed_on.max(day(covered_until));
        }
        if filed_on >= kept_from {
            record.finished.insert(filed_on, &run.job);
        }
        if is_only_key(&run) {
            record.keys_only.insert(run.job);
        } else if number >= latest || run.failed() {
            record.keep_recent(Arc::new(run));
        }
    }
    record.finished.bytes()
}

fn read_run(columns: &mut Columns) -> Result<Run, DatabaseError> {
    Ok(Run {
        job: required(columns.text()?)?,
        ordered_at: required(columns.time()?)?,
        started_at: columns.time()?,
        ended_at: columns.time()?,
        state: columns.state()?,
        rows: Rows {
            read: columns.count()?,
            inserted: columns.count()?,
            updated: columns.count()?,
            rejected: columns.count()?,
            errors: columns.count()?,
        },
        files: required(columns.count()?)?,
        workflow_id: columns.text()?,
    })
}

/// Whether nothing but the key was stored: a run without a final state is
/// finished only if it has an end.
fn is_only_key(run: &Run) -> bool {
    let is_final = run.state.as_ref().is_some_and(State::is_terminal);
    !is_final && run.ended_at.is_none()
}

/// All stored runs of a feed, oldest first.
pub(super) fn runs(
    connection: &Connection,
    tenant: &str,
    kind: HistoryKind,
    id: &FeedId,
) -> Result<Vec<Run>, DatabaseError> {
    let tenant = history(connection, tenant, kind)?;
    let Some(tenant) = tenant else {
        return Ok(Vec::new());
    };
    let Some(feed) = feed(connection, tenant, id)? else {
        return Ok(Vec::new());
    };
    let mut select = connection
        .prepare_cached("SELECT * FROM runs WHERE feed = ?1 ORDER BY ordered_at DESC LIMIT ?2")?;
    let mut rows = select.query(params![feed, super::write::MOST_RUNS.cast_signed()])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        let mut columns = Columns::read(row, RUN_COLUMNS)?;
        columns.integer()?;
        let run = read_run(&mut columns)?;
        if !is_only_key(&run) {
            runs.push(run);
        }
    }
    runs.sort_by(|one, two| one.order().cmp(&two.order()));
    Ok(runs)
}
