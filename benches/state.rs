//! What the state file costs a refresh, beside the least that a program could
//! write: the same runs into one table of its own, by one statement for each run
//! and one for the refresh, with the same settings of `SQLite`. Both wait for the
//! disk once. The two are measured in turn.
//!
//! `cargo bench --bench state`

#![expect(clippy::print_stdout, reason = "the table is for the terminal")]

use std::path::Path;
use std::time::Duration;

use amperity_exporter::feeds::RunHistory;
use amperity_exporter::feeds::store::Store;
use amperity_exporter::jobs::{Files, Job, Rows, State, Table};
use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use tokio::time::Instant;

const FEEDS: usize = 100;
const REFRESHES: usize = 100;

/// The least that a program could write.
struct Plain(Connection);

impl Plain {
    fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(
            "CREATE TABLE refreshes (tenant TEXT PRIMARY KEY, at INTEGER) STRICT;
             CREATE TABLE runs (job TEXT, table_name TEXT, feed TEXT, state TEXT,
                 started_at INTEGER, ended_at INTEGER, read INTEGER, inserted INTEGER,
                 updated INTEGER, rejected INTEGER, errors INTEGER,
                 PRIMARY KEY (table_name, feed, job)) STRICT, WITHOUT ROWID;",
        )?;
        Ok(Self(connection))
    }

    fn save(&mut self, jobs: &[Job], now: Timestamp) -> Result<()> {
        let transaction = self.0.transaction()?;
        transaction.execute(
            "REPLACE INTO refreshes VALUES ('socktown', ?1)",
            [now.as_millisecond()],
        )?;
        for job in jobs {
            for table in &job.tables {
                let count = |count: Option<u64>| count.map(u64::cast_signed);
                let time = |time: Option<Timestamp>| time.map(Timestamp::as_millisecond);
                transaction
                    .prepare_cached("REPLACE INTO runs VALUES (?,?,?,?,?,?,?,?,?,?,?)")?
                    .execute(params![
                        &*job.id,
                        &*table.table,
                        &*table.feed,
                        table.state.as_ref().map(State::as_str),
                        time(table.started_at),
                        time(table.ended_at),
                        count(table.rows.read),
                        count(table.rows.inserted),
                        count(table.rows.updated),
                        count(table.rows.rejected),
                        count(table.rows.errors),
                    ])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

/// A run of a feed that has just ended.
fn run(refresh: usize, feed: usize, now: Timestamp) -> Job {
    Job {
        id: format!("isj-20240701-{refresh:05}-{feed:06}").into(),
        workflow_id: Some(format!("wf-20240701-{refresh:05}-b45").into()),
        tables: vec![Table {
            table: format!("Table {feed}").into(),
            feed: format!("df-5L6d{feed:04}").into(),
            state: Some(State::Succeeded),
            finished: true,
            rows: Rows {
                read: Some(1000),
                inserted: Some(400),
                updated: Some(400),
                rejected: Some(199),
                errors: Some(1),
            },
            started_at: now.checked_sub(SignedDuration::from_secs(50)).ok(),
            ended_at: now.checked_sub(SignedDuration::from_secs(1)).ok(),
            files: Files::default(),
        }],
        merged: 0,
        failure: None,
    }
}

/// Bytes that this process has sent to the disk.
fn written() -> Result<u64> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.context("/proc/self/io has no write_bytes")?.parse()?)
}

/// Times and bytes of what was measured.
#[derive(Default)]
struct Costs {
    times: Vec<Duration>,
    bytes: u64,
}

impl Costs {
    fn add(&mut self, begin: Instant, written_before: u64) -> Result<()> {
        self.times.push(begin.elapsed());
        self.bytes += written()? - written_before;
        Ok(())
    }

    /// The median, in milliseconds.
    fn milliseconds(&mut self) -> f64 {
        self.times.sort_unstable();
        let median = self.times.get(self.times.len() / 2);
        median.map_or(0.0, Duration::as_secs_f64) * 1e3
    }

    /// Per refresh.
    fn kibibytes(&self) -> u64 {
        self.bytes / 1024 / REFRESHES as u64
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut now: Timestamp = "2024-07-01T12:00:00Z".parse()?;
    let store = Store::open(&folder.path().join("state.db"), now)?;
    let mut plain = Plain::open(&folder.path().join("plain.db"))?;
    let mut history = RunHistory::new();
    history.observe([], now);
    store.save("socktown", &mut history).await?;

    println!("writes per refresh, medians of {REFRESHES}");
    println!("finished runs  exporter ms  plain ms  ratio  exporter KiB  plain KiB");
    let mut refresh = 0;
    for runs in [0, 1, 10, FEEDS] {
        let (mut ours, mut theirs) = (Costs::default(), Costs::default());
        for _ in 0..REFRESHES {
            refresh += 1;
            now = now.checked_add(SignedDuration::from_mins(1))?;
            let jobs: Vec<Job> = (0..runs).map(|feed| run(refresh, feed, now)).collect();
            history.observe(&jobs, now);
            let (before, begin) = (written()?, Instant::now());
            store.save("socktown", &mut history).await?;
            ours.add(begin, before)?;
            let (before, begin) = (written()?, Instant::now());
            plain.save(&jobs, now)?;
            theirs.add(begin, before)?;
        }
        let (our_time, their_time) = (ours.milliseconds(), theirs.milliseconds());
        println!(
            "{runs:13}  {our_time:11.2}  {their_time:8.2}  {:5.2}  {:12}  {:9}",
            our_time / their_time,
            ours.kibibytes(),
            theirs.kibibytes(),
        );
    }
    Ok(())
}
