//! The JSON state file of version 0.1, read once to begin a database with.
//! It has the counters, the open runs and the keys of finished ones; of the
//! runs themselves it has the last one of each feed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use super::read::Histories;
use super::row::state_named;
use crate::feeds::record::{FeedRecord, Newest, OpenRun};
use crate::feeds::{HistoryKind, Run, RunHistory, Totals};
use crate::jobs::Rows;

/// What the file begins with.
pub(super) const MARK: &[u8] = br#"{"amperity_exporter_state":"#;

#[derive(Deserialize)]
struct StateFile {
    tenants: BTreeMap<Arc<str>, Tenant>,
}

#[derive(Deserialize)]
struct Tenant {
    history_until: Option<Timestamp>,
    covered_until: Option<Timestamp>,
    tables: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Feed>>,
}

#[derive(Deserialize)]
struct Feed {
    created: Timestamp,
    active_at: Timestamp,
    #[serde(default)]
    open: BTreeMap<Arc<str>, Open>,
    #[serde(default)]
    settled: BTreeMap<Date, BTreeSet<Arc<str>>>,
    newest: Option<Start>,
    last_run: Option<Last>,
    last_success: Option<Timestamp>,
    totals: Sums,
}

#[derive(Deserialize)]
struct Open {
    state: Option<String>,
    started_at: Option<Timestamp>,
    place: Timestamp,
    heard_at: Timestamp,
}

#[derive(Deserialize)]
struct Start {
    place: Timestamp,
    job: Arc<str>,
    state: Option<String>,
}

#[derive(Deserialize)]
struct Last {
    place: Timestamp,
    job: Arc<str>,
    rows: Counts,
    files: u64,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Counts {
    read: Option<u64>,
    inserted: Option<u64>,
    updated: Option<u64>,
    rejected: Option<u64>,
    errors: Option<u64>,
}

#[derive(Deserialize)]
struct Sums {
    runs: BTreeMap<String, u64>,
    read: u64,
    inserted: u64,
    updated: u64,
    rejected: u64,
    errors: u64,
    duration_ms: u64,
    durations: u64,
}

/// Reads the file.
pub(super) fn parse(contents: &[u8]) -> serde_json::Result<Histories> {
    let file: StateFile = serde_json::from_slice(contents)?;
    let tenants = file.tenants.into_iter();
    Ok(tenants
        .map(|(name, tenant)| ((name, HistoryKind::Feeds), tenant.history()))
        .collect())
}

impl Tenant {
    fn history(self) -> RunHistory {
        let tables = self.tables.into_iter().map(|(table, feeds)| {
            let feeds = feeds.into_iter();
            let feeds = feeds.map(|(feed, it)| (feed, Arc::new(it.record())));
            (table, feeds.collect())
        });
        RunHistory {
            history_until: self.history_until,
            covered_until: self.covered_until,
            // The file does not have it; the latest time is safe.
            covered_since: self.covered_until,
            tables: tables.collect(),
            ..RunHistory::default()
        }
    }
}

impl Feed {
    fn record(self) -> FeedRecord {
        let mut record = FeedRecord::new(self.created);
        record.active_at = self.active_at;
        let open = self
            .open
            .into_iter()
            .map(|(job, run)| (job, run.open_run()));
        record.open = open.collect();
        for (day, jobs) in &self.settled {
            for job in jobs {
                record.finished.insert(*day, job);
            }
        }
        record.last_success = self.last_success;
        record.newest = self.newest.map(|newest| Newest {
            place: newest.place,
            job: newest.job,
            state: newest.state.as_deref().map(state_named),
        });
        // Of the last run the file has no state, unless it is the newest one.
        if let Some(last) = self.last_run {
            let newest = record.newest.as_ref();
            let newest = newest.filter(|newest| newest.job == last.job);
            let mut run = last.run();
            run.state = newest.and_then(|newest| newest.state.clone());
            record.keep_recent(Arc::new(run));
        }
        record.keys_only = record
            .finished
            .iter()
            .map(|(_, job)| Arc::clone(job))
            .collect();
        record.totals = self.totals.totals();
        record
    }
}

impl Open {
    fn open_run(self) -> OpenRun {
        OpenRun {
            state: self.state.as_deref().map(state_named),
            started_at: self.started_at,
            place: self.place,
            last_seen: self.heard_at,
        }
    }
}

impl Last {
    fn run(self) -> Run {
        Run {
            job: self.job,
            ordered_at: self.place,
            started_at: self.started_at,
            ended_at: self.ended_at,
            state: None,
            rows: Rows {
                read: self.rows.read,
                inserted: self.rows.inserted,
                updated: self.rows.updated,
                rejected: self.rows.rejected,
                errors: self.rows.errors,
            },
            files: self.files,
            workflow_id: None,
        }
    }
}

impl Sums {
    fn totals(self) -> Totals {
        let mut totals = Totals {
            read: self.read,
            inserted: self.inserted,
            updated: self.updated,
            rejected: self.rejected,
            errors: self.errors,
            duration_ms: self.duration_ms,
            durations: self.durations,
            ..Totals::default()
        };
        let runs = self.runs.into_iter();
        totals
            .runs
            .extend(runs.map(|(name, runs)| (state_named(&name), runs)));
        totals.complete_histogram();
        totals
    }
}
