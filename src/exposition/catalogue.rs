//! Every family of the page: its description, and for those of a snapshot
//! where the number is found in it. Which is on the page, in which order and
//! with which words, is decided here and nowhere else; how it is written,
//! in `writer`.

use super::writer::Value;
use crate::feeds::{Feed, LastRun};
use crate::jobs::Table;
use crate::snapshot::Status;
pub use crate::telemetry::families::{Family, Kind};

mod markdown;

pub use markdown::markdown;

/// A gauge and where its value is found; `None` gives no series.
pub(super) struct Gauge<T: 'static> {
    pub(super) family: Family,
    pub(super) value: fn(&T) -> Option<Value>,
}

const fn gauge<T>(
    name: &'static str,
    labels: &'static [&'static str],
    value: fn(&T) -> Option<Value>,
    help: &'static str,
) -> Gauge<T> {
    Gauge {
        family: Family::gauge(name, labels, help),
        value,
    }
}

/// A counter of rows of a feed and where it is found.
pub(super) struct Counter {
    pub(super) family: Family,
    pub(super) value: fn(&Feed) -> u64,
}

const TENANT: &[&str] = &["tenant"];
const TABLE: &[&str] = &["tenant", "job_id", "table", "feed"];
const FEED: &[&str] = &["tenant", "table", "feed"];

/// One series per table of a job, each.
pub(super) static TABLE_GAUGES: [Gauge<Table>; 9] = [
    gauge(
        "amperity_ingest_read_rows",
        TABLE,
        |table| table.rows.read.map(Value::Count),
        "Rows the ingest job has read from the feed for this table so far: read in the Amperity \
         API.",
    ),
    gauge(
        "amperity_ingest_inserted_rows",
        TABLE,
        |table| table.rows.inserted.map(Value::Count),
        "Rows the ingest job has added to the table so far: inserted in the Amperity API.",
    ),
    gauge(
        "amperity_ingest_updated_rows",
        TABLE,
        |table| table.rows.updated.map(Value::Count),
        "Rows of the table the ingest job has changed so far: updated in the Amperity API.",
    ),
    gauge(
        "amperity_ingest_rejected_rows",
        TABLE,
        |table| table.rows.rejected.map(Value::Count),
        "Duplicate rows the ingest job has left out so far: rejected in the Amperity API.",
    ),
    gauge(
        "amperity_ingest_error_rows",
        TABLE,
        |table| table.rows.errors.map(Value::Count),
        "Rows the ingest job could not load so far, such as a value that does not fit its type: \
         errors in the Amperity API.",
    ),
    gauge(
        "amperity_ingest_files",
        TABLE,
        |table| Some(Value::Count(table.files.len() as u64)),
        "Files the ingest job lists for this table.",
    ),
    gauge(
        "amperity_ingest_duration_seconds",
        TABLE,
        |table| table.duration_ms().map(Value::milliseconds),
        "How long loading the table took, from start to end. No series until it ended.",
    ),
    gauge(
        "amperity_ingest_started_timestamp_seconds",
        TABLE,
        |table| table.started_at.map(Value::timestamp),
        "When loading the table started, in seconds since 1970. No series before.",
    ),
    gauge(
        "amperity_ingest_ended_timestamp_seconds",
        TABLE,
        |table| table.ended_at.map(Value::timestamp),
        "When loading the table ended, in seconds since 1970. No series until it ended.",
    ),
];

pub(super) static TABLE_STATE: Family = Family::gauge(
    "amperity_ingest_state",
    &["tenant", "job_id", "table", "feed", "state"],
    "1 for the state the table of the ingest job is in, 0 for the others. A state the Amperity \
     API does not document has a series of its own while a table is in it.",
);

pub(super) static FILE_READ_ROWS: Family = Family::gauge(
    "amperity_ingest_file_read_rows",
    &["tenant", "job_id", "table", "feed", "file"],
    "Rows the ingest job has read from this file so far. Only with collect.files.",
);

pub(super) static FILE_ERROR_ROWS: Family = Family::gauge(
    "amperity_ingest_file_error_rows",
    &["tenant", "job_id", "table", "feed", "file"],
    "Rows of this file the ingest job could not load so far. Only with collect.files.",
);

pub(super) static JOB_INFO: Family = Family::gauge(
    "amperity_ingest_job_info",
    &["tenant", "job_id", "workflow_id"],
    "Always 1. The workflow that ran the ingest job, to look it up in Amperity; empty if the API \
     names none.",
);

pub(super) static JOB_UP: Family = Family::gauge(
    "amperity_ingest_job_up",
    &["tenant", "job_id"],
    "1 if the last request for this configured job succeeded, 0 if not, such as for an unknown \
     id. Jobs found by discovery have no series.",
);

pub(super) static PROBE_SUCCESS: Family = Family::gauge(
    "probe_success",
    &["tenant", "job_id"],
    "Only on /probe: 1 if the job was fetched, 0 if not.",
);

pub(super) static PROBE_DURATION: Family = Family::gauge(
    "probe_duration_seconds",
    &["tenant", "job_id"],
    "Only on /probe: how long fetching the job took.",
);

pub(super) static FEED_STATE: Family = Family::gauge(
    "amperity_feed_state",
    &["tenant", "table", "feed", "state"],
    "1 for the state the newest run of the feed is in, finished or not, 0 for the others.",
);

fn last_run(feed: &Feed, value: fn(&LastRun) -> Option<u64>) -> Option<Value> {
    feed.last_run.as_ref().and_then(value).map(Value::Count)
}

/// One series per feed, each.
pub(super) static FEED_GAUGES: [Gauge<Feed>; 11] = [
    gauge(
        "amperity_feed_running_since_timestamp_seconds",
        FEED,
        |feed| feed.running_since.map(Value::timestamp),
        "When the newest unfinished run of the feed started, in seconds since 1970. No series \
         while none runs.",
    ),
    gauge(
        "amperity_feed_last_run_read_rows",
        FEED,
        |feed| last_run(feed, |run| run.rows.read),
        "Rows read by the newest finished run of the feed.",
    ),
    gauge(
        "amperity_feed_last_run_inserted_rows",
        FEED,
        |feed| last_run(feed, |run| run.rows.inserted),
        "Rows added to the table by the newest finished run of the feed.",
    ),
    gauge(
        "amperity_feed_last_run_updated_rows",
        FEED,
        |feed| last_run(feed, |run| run.rows.updated),
        "Rows of the table changed by the newest finished run of the feed.",
    ),
    gauge(
        "amperity_feed_last_run_rejected_rows",
        FEED,
        |feed| last_run(feed, |run| run.rows.rejected),
        "Duplicate rows left out by the newest finished run of the feed.",
    ),
    gauge(
        "amperity_feed_last_run_error_rows",
        FEED,
        |feed| last_run(feed, |run| run.rows.errors),
        "Rows the newest finished run of the feed could not load.",
    ),
    gauge(
        "amperity_feed_last_run_files",
        FEED,
        |feed| last_run(feed, |run| Some(run.files)),
        "Files read by the newest finished run of the feed.",
    ),
    gauge(
        "amperity_feed_last_run_duration_seconds",
        FEED,
        |feed| {
            let run = feed.last_run.as_ref()?;
            let elapsed = run.ended_at?.as_millisecond() - run.started_at?.as_millisecond();
            (elapsed >= 0).then_some(Value::Milliseconds(elapsed))
        },
        "How long the newest finished run of the feed took.",
    ),
    gauge(
        "amperity_feed_last_run_started_timestamp_seconds",
        FEED,
        |feed| feed.last_run.as_ref()?.started_at.map(Value::timestamp),
        "When the newest finished run of the feed started, in seconds since 1970.",
    ),
    gauge(
        "amperity_feed_last_run_ended_timestamp_seconds",
        FEED,
        |feed| feed.last_run.as_ref()?.ended_at.map(Value::timestamp),
        "When the newest finished run of the feed ended, in seconds since 1970.",
    ),
    gauge(
        "amperity_feed_last_success_timestamp_seconds",
        FEED,
        |feed| feed.last_success.map(Value::timestamp),
        "When the newest succeeded run of the feed ended, in seconds since 1970. Alert on its age.",
    ),
];

pub(super) static FEED_RUNS: Family = Family::counter(
    "amperity_feed_runs_total",
    &["tenant", "table", "feed", "state"],
    "Finished runs of the feed by final state, each counted once, since the exporter first saw \
     the feed.",
);

/// One series per feed, each.
pub(super) static FEED_COUNTERS: [Counter; 5] = [
    Counter {
        family: Family::counter(
            "amperity_feed_read_rows_total",
            FEED,
            "Rows read by the finished runs of the feed.",
        ),
        value: |feed| feed.totals.read,
    },
    Counter {
        family: Family::counter(
            "amperity_feed_inserted_rows_total",
            FEED,
            "Rows added to the table by the finished runs of the feed.",
        ),
        value: |feed| feed.totals.inserted,
    },
    Counter {
        family: Family::counter(
            "amperity_feed_updated_rows_total",
            FEED,
            "Rows of the table changed by the finished runs of the feed.",
        ),
        value: |feed| feed.totals.updated,
    },
    Counter {
        family: Family::counter(
            "amperity_feed_rejected_rows_total",
            FEED,
            "Duplicate rows left out by the finished runs of the feed.",
        ),
        value: |feed| feed.totals.rejected,
    },
    Counter {
        family: Family::counter(
            "amperity_feed_error_rows_total",
            FEED,
            "Rows the finished runs of the feed could not load.",
        ),
        value: |feed| feed.totals.errors,
    },
];

pub(super) static FEED_DURATION: Family = Family {
    name: "amperity_feed_run_duration_seconds",
    kind: Kind::Summary,
    labels: FEED,
    help: "How long the finished runs of the feed took in sum, and how many they were, those of \
           unknown duration left out.",
};

/// One series per tenant, each.
pub(super) static TENANT_GAUGES: [Gauge<Status>; 10] = [
    gauge(
        "amperity_up",
        TENANT,
        |status| Some(Value::Count(status.up.into())),
        "1 if the last refresh of the tenant's data from the Amperity API succeeded, 0 if not. No \
         series before the first one ended.",
    ),
    gauge(
        "amperity_last_success_timestamp_seconds",
        TENANT,
        |status| status.last_success.map(Value::timestamp),
        "When the tenant's data on this page was fetched, in seconds since 1970. No series before \
         the first success.",
    ),
    gauge(
        "amperity_refresh_duration_seconds",
        TENANT,
        |status| {
            status
                .refresh_duration
                .map(|elapsed| Value::Float(elapsed.as_secs_f64()))
        },
        "How long the last refresh of the tenant took, waiting and retries included.",
    ),
    gauge(
        "amperity_access_token_expiry_timestamp_seconds",
        TENANT,
        |status| status.token_expiry.map(Value::timestamp),
        "When the tenant's access token ends, in seconds since 1970, by its exp claim or the \
         token endpoint's expires_in. No series when unknown.",
    ),
    gauge(
        "amperity_api_deprecation_timestamp_seconds",
        TENANT,
        |status| status.deprecation.map(Value::timestamp),
        "When the used version of the Amperity API became or becomes deprecated, in seconds since \
         1970, by its Deprecation header. No series until one was seen.",
    ),
    gauge(
        "amperity_api_sunset_timestamp_seconds",
        TENANT,
        |status| status.sunset.map(Value::timestamp),
        "When the used version of the Amperity API is switched off, in seconds since 1970, by its \
         Sunset header. No series until one was seen.",
    ),
    gauge(
        "amperity_exporter_jobs",
        TENANT,
        |status| Some(Value::Count(status.jobs as u64)),
        "Ingest jobs of the tenant on this page.",
    ),
    gauge(
        "amperity_exporter_jobs_dropped",
        TENANT,
        |status| Some(Value::Count(status.jobs_dropped as u64)),
        "Ingest jobs of the tenant left out, the newest kept, because of limits.jobs or because a \
         page has room for 50,000 tables.",
    ),
    gauge(
        "amperity_exporter_feeds_dropped",
        TENANT,
        |status| Some(Value::Count(status.feeds_dropped as u64)),
        "Feeds of the tenant in the last refresh that have no series and are not counted because \
         the exporter has room for 50,000.",
    ),
    gauge(
        "amperity_exporter_state_gap_seconds",
        TENANT,
        |status| Some(Value::duration(status.state_gap)),
        "Time in which runs may have finished uncounted: the exporter was down for longer than \
         the Amperity API lists jobs.",
    ),
];

/// The families of one ingest job, those of a probe last.
fn job_families() -> impl Iterator<Item = &'static Family> {
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

/// The families of one feed.
fn feed_families() -> impl Iterator<Item = &'static Family> {
    std::iter::once(&FEED_STATE)
        .chain(FEED_GAUGES.iter().map(|gauge| &gauge.family))
        .chain([&FEED_RUNS])
        .chain(FEED_COUNTERS.iter().map(|counter| &counter.family))
        .chain([&FEED_DURATION])
}

/// The families of one tenant.
fn tenant_families() -> impl Iterator<Item = &'static Family> {
    TENANT_GAUGES.iter().map(|gauge| &gauge.family)
}

/// The families of a snapshot, in the order of the page.
pub(super) fn snapshot_families() -> impl Iterator<Item = &'static Family> {
    job_families()
        .chain(feed_families())
        .chain(tenant_families())
}
