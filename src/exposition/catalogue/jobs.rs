//! The families of an ingest job, and of a probe.

use super::super::text::Value;
use super::{Family, Gauge, gauge};
use crate::jobs::Table;

const TABLE: &[&str] = &["tenant", "job_id", "table", "feed"];

/// One series per table of a job, each.
pub(in crate::exposition) static TABLE_GAUGES: [Gauge<Table>; 9] = [
    gauge(
        "amperity_ingest_read_rows",
        TABLE,
        |table| table.rows.read.map(Value::Count),
        "Rows that the ingest job has read from the feed for this table so far (read in the \
         Amperity API).",
    ),
    gauge(
        "amperity_ingest_inserted_rows",
        TABLE,
        |table| table.rows.inserted.map(Value::Count),
        "Rows that the ingest job has inserted into the table so far (inserted in the Amperity \
         API).",
    ),
    gauge(
        "amperity_ingest_updated_rows",
        TABLE,
        |table| table.rows.updated.map(Value::Count),
        "Rows of the table that the ingest job has updated so far (updated in the Amperity API).",
    ),
    gauge(
        "amperity_ingest_rejected_rows",
        TABLE,
        |table| table.rows.rejected.map(Value::Count),
        "Duplicate rows that the ingest job has rejected so far (rejected in the Amperity API).",
    ),
    gauge(
        "amperity_ingest_error_rows",
        TABLE,
        |table| table.rows.errors.map(Value::Count),
        "Rows that the ingest job has failed to load so far, for example because a value does not \
         match its column's type (errors in the Amperity API).",
    ),
    gauge(
        "amperity_ingest_files",
        TABLE,
        |table| Some(Value::Count(table.files.count)),
        "Number of files that the ingest job lists for this table.",
    ),
    gauge(
        "amperity_ingest_duration_seconds",
        TABLE,
        |table| table.duration_ms().map(Value::milliseconds),
        "Time from start to end of loading the table. No series until loading has ended.",
    ),
    gauge(
        "amperity_ingest_started_timestamp_seconds",
        TABLE,
        |table| table.started_at.map(Value::timestamp),
        "Unix time at which loading the table started. No series until it has.",
    ),
    gauge(
        "amperity_ingest_ended_timestamp_seconds",
        TABLE,
        |table| table.ended_at.map(Value::timestamp),
        "Unix time at which loading the table ended. No series until it has.",
    ),
];

pub(in crate::exposition) static TABLE_STATE: Family = Family::gauge(
    "amperity_ingest_state",
    &["tenant", "job_id", "table", "feed", "state"],
    "1 for the current state of this table of the ingest job, 0 for the others. A state that the \
     Amperity API does not document has a series of its own while a table is in it.",
);

pub(in crate::exposition) static FILE_READ_ROWS: Family = Family::gauge(
    "amperity_ingest_file_read_rows",
    &["tenant", "job_id", "table", "feed", "file"],
    "Rows the ingest job has read from this file so far. Only with collect.files.",
);

pub(in crate::exposition) static FILE_ERROR_ROWS: Family = Family::gauge(
    "amperity_ingest_file_error_rows",
    &["tenant", "job_id", "table", "feed", "file"],
    "Rows of this file that the ingest job has failed to load so far. Only with collect.files.",
);

pub(in crate::exposition) static JOB_INFO: Family = Family::gauge(
    "amperity_ingest_job_info",
    &["tenant", "job_id", "workflow_id", "workflow", "url"],
    "Always 1. Labels: workflow_id, the id of the workflow that ran the ingest job, for looking it \
     up in Amperity, and workflow, its name. Empty if not known. With ui_url in the configuration, \
     url is the address of the run in Amperity.",
);

pub(in crate::exposition) static JOB_UP: Family = Family::gauge(
    "amperity_ingest_job_up",
    &["tenant", "job_id"],
    "1 if the last request for this configured job succeeded, 0 if it failed, for example because \
     the id is unknown. Jobs found by discovery have no series.",
);

pub(in crate::exposition) static PROBE_SUCCESS: Family = Family::gauge(
    "probe_success",
    &["tenant", "job_id"],
    "Only on /probe: 1 if the job was fetched, 0 if not.",
);

pub(in crate::exposition) static PROBE_DURATION: Family = Family::gauge(
    "probe_duration_seconds",
    &["tenant", "job_id"],
    "Only on /probe: time taken to fetch the job.",
);

/// The families of an ingest job, those of a probe last.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    TABLE_GAUGES.iter().map(|gauge| &gauge.family).chain([
        &TABLE_STATE,
        &FILE_READ_ROWS,
        &FILE_ERROR_ROWS,
        &JOB_INFO,
        &JOB_UP,
        &PROBE_SUCCESS,
        &PROBE_DURATION,
    ])
}
