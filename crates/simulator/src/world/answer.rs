//! Jobs as they are written in answers: the vendor's field set, with
//! `ended_at` now absent and now null while a table is unfinished, because
//! the vendor promises neither.

use jiff::Timestamp;
use serde::Serialize;

use super::job::{Job, Outcome, Progress, Table, milliseconds};
use crate::chance::{dice, digits, mixed, number_of};

/// `GET /ingest/jobs/{id}`, and one element of `GET /ingest/jobs`.
#[derive(Debug, Serialize)]
pub(crate) struct JobAnswer {
    id: String,
    workflow_id: String,
    tables: Vec<TableAnswer>,
}

#[derive(Debug, Serialize)]
#[expect(
    clippy::option_option,
    reason = "a time can be absent, null or known, and is written as such"
)]
struct TableAnswer {
    feed_id: String,
    job_id: String,
    table_name: String,
    state: &'static str,
    read: u64,
    errors: u64,
    rejected: u64,
    inserted: u64,
    updated: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Option<String>>,
    files: Vec<FileAnswer>,
}

#[derive(Debug, Serialize)]
struct FileAnswer {
    file_id: String,
    name: String,
    read: u64,
    errors: u64,
}

impl JobAnswer {
    /// The job as it stands at `now`, which is not before its start.
    pub(crate) fn of(job: Job, now: Timestamp) -> Self {
        let start = job.started.as_millisecond();
        let elapsed = u64::try_from(now.as_millisecond() - start).unwrap_or(0);
        let tables = job
            .tables
            .into_iter()
            .map(|table| TableAnswer::of(&job.id, start, table, elapsed))
            .collect();
        Self {
            id: job.id,
            workflow_id: job.workflow,
            tables,
        }
    }
}

impl TableAnswer {
    fn of(job_id: &str, job_start: i64, table: Table, elapsed: u64) -> Self {
        let progress = table.progress(elapsed);
        let start = job_start.saturating_add_unsigned(milliseconds(table.delay));
        let end = start.saturating_add_unsigned(milliseconds(table.duration));
        let absent_is_null = number_of(job_id).is_multiple_of(2);
        let time = |known: bool, millisecond: i64| match known {
            true => Some(Some(written(super::at(millisecond)))),
            false if absent_is_null => Some(None),
            false => None,
        };
        Self {
            started_at: time(progress.begun, start),
            ended_at: time(progress.ended, end),
            files: files(job_id, &table, &progress),
            feed_id: table.feed,
            job_id: job_id.to_owned(),
            table_name: table.name,
            state: progress.state.as_str(),
            read: progress.counts.read,
            errors: progress.counts.rows.errors,
            rejected: progress.counts.rows.rejected,
            inserted: progress.counts.rows.inserted,
            updated: progress.counts.rows.updated,
        }
    }
}

/// Files are read one after the other; one that was not begun is not listed.
fn files(job_id: &str, table: &Table, progress: &Progress) -> Vec<FileAnswer> {
    let (read, whole) = (progress.counts.read, table.rows.read());
    let nothing_to_read = matches!(table.outcome, Outcome::Skipped | Outcome::Canceled);
    if read == 0 && (nothing_to_read || !progress.ended) {
        return Vec::new();
    }
    let mut dice = dice(&[number_of(job_id), number_of(&table.feed)]);
    let day: String = job_id.split('-').nth(1).unwrap_or("20240618").to_owned();
    let folder = format!("cb-{day}-{}-{}", digits(&mut dice, 5), mixed(&mut dice, 5));
    let part = |whole: u64, numerator: u64, denominator: u64| {
        let part = u128::from(whole) * u128::from(numerator) / u128::from(denominator.max(1));
        u64::try_from(part).unwrap_or(whole)
    };
    (0..table.files)
        .map(|index| {
            let first = part(whole, index, table.files);
            let last = part(whole, index + 1, table.files).min(read).max(first);
            let errors = |rows| part(table.rows.errors, rows, whole);
            let name = format!("part{index}.avro");
            FileAnswer {
                file_id: format!("{folder}/{name}"),
                name,
                read: last - first,
                errors: errors(last) - errors(first),
            }
        })
        .take_while(|file| progress.ended || file.read > 0)
        .collect()
}

/// ISO 8601 UTC with milliseconds.
pub(crate) fn written(time: Timestamp) -> String {
    format!("{time:.3}")
}
