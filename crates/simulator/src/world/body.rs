//! Jobs as JSON, with the vendor's fields. Times that are not known yet are
//! absent in some jobs and null in others, since the vendor documents neither.

use jiff::Timestamp;
use serde::Serialize;

use super::job::{Job, Outcome, Progress, Table, milliseconds};
use crate::random::{digits, hash, mixed, rng};

/// `GET /ingest/jobs/{id}`, and one element of `GET /ingest/jobs`.
#[derive(Debug, Serialize)]
pub(crate) struct JobBody {
    id: String,
    workflow_id: String,
    tables: Vec<TableBody>,
}

#[derive(Debug, Serialize)]
#[expect(clippy::option_option, reason = "a time can be absent, null or known")]
struct TableBody {
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
    files: Vec<FileBody>,
}

#[derive(Debug, Serialize)]
struct FileBody {
    file_id: String,
    name: String,
    read: u64,
    errors: u64,
}

impl JobBody {
    /// The job at `now`, which is not before its start.
    pub(crate) fn of(job: Job, now: Timestamp) -> Self {
        let start = job.started.as_millisecond();
        let elapsed = u64::try_from(now.as_millisecond() - start).unwrap_or(0);
        let tables = job
            .tables
            .into_iter()
            .map(|table| TableBody::of(&job.id, start, table, elapsed))
            .collect();
        Self {
            id: job.id,
            workflow_id: job.workflow,
            tables,
        }
    }
}

impl TableBody {
    fn of(job_id: &str, job_start: i64, table: Table, elapsed: u64) -> Self {
        let progress = table.progress(elapsed);
        let start = job_start.saturating_add_unsigned(milliseconds(table.delay));
        let end = start.saturating_add_unsigned(milliseconds(table.duration));
        let absent_is_null = hash(job_id).is_multiple_of(2);
        let time = |known: bool, millisecond: i64| match known {
            true => Some(Some(iso8601(super::at(millisecond)))),
            false if absent_is_null => Some(None),
            false => None,
        };
        Self {
            started_at: time(progress.started, start),
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

/// Files are read one after the other; those not started are not listed.
fn files(job_id: &str, table: &Table, progress: &Progress) -> Vec<FileBody> {
    let (read, whole) = (progress.counts.read, table.rows.read());
    let nothing_to_read = matches!(table.outcome, Outcome::Skipped | Outcome::Canceled);
    if read == 0 && (nothing_to_read || !progress.ended) {
        return Vec::new();
    }
    let mut rng = rng(&[hash(job_id), hash(&table.feed)]);
    let day: String = job_id.split('-').nth(1).unwrap_or("20240618").to_owned();
    let folder = format!("cb-{day}-{}-{}", digits(&mut rng, 5), mixed(&mut rng, 5));
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
            FileBody {
                file_id: format!("{folder}/{name}"),
                name,
                read: last - first,
                errors: errors(last) - errors(first),
            }
        })
        .take_while(|file| progress.ended || file.read > 0)
        .collect()
}

/// ISO 8601 in UTC with milliseconds.
pub(crate) fn iso8601(time: Timestamp) -> String {
    format!("{time:.3}")
}
