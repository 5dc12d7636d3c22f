//! The families of a feed.

use super::super::text::Value;
use super::{Counter, Family, Gauge, Kind, gauge};
use crate::feeds::{Feed, Run};

const FEED: &[&str] = &["tenant", "table", "feed"];

pub(in crate::exposition) static FEED_STATE: Family = Family::gauge(
    "amperity_feed_state",
    &["tenant", "table", "feed", "state"],
    "1 for the state of the feed's latest run, finished or not, 0 for the others.",
);

fn last_run(feed: &Feed, value: fn(&Run) -> Option<u64>) -> Option<Value> {
    feed.last_run.as_deref().and_then(value).map(Value::Count)
}

/// One series per feed, each.
pub(in crate::exposition) static FEED_GAUGES: [Gauge<Feed>; 11] = [
    gauge(
        "amperity_feed_running_since_timestamp_seconds",
        FEED,
        |feed| feed.running_since.map(Value::timestamp),
        "Unix time at which the feed's latest unfinished run started. No series while none is \
         running.",
    ),
    gauge(
        "amperity_feed_last_run_read_rows",
        FEED,
        |feed| last_run(feed, |run| run.rows.read),
        "Rows read by the feed's latest finished run.",
    ),
    gauge(
        "amperity_feed_last_run_inserted_rows",
        FEED,
        |feed| last_run(feed, |run| run.rows.inserted),
        "Rows inserted into the table by the feed's latest finished run.",
    ),
    gauge(
        "amperity_feed_last_run_updated_rows",
        FEED,
        |feed| last_run(feed, |run| run.rows.updated),
        "Rows of the table updated by the feed's latest finished run.",
    ),
    gauge(
        "amperity_feed_last_run_rejected_rows",
        FEED,
        |feed| last_run(feed, |run| run.rows.rejected),
        "Duplicate rows rejected by the feed's latest finished run.",
    ),
    gauge(
        "amperity_feed_last_run_error_rows",
        FEED,
        |feed| last_run(feed, |run| run.rows.errors),
        "Rows that the feed's latest finished run failed to load.",
    ),
    gauge(
        "amperity_feed_last_run_files",
        FEED,
        |feed| last_run(feed, |run| Some(run.files)),
        "Number of files read by the feed's latest finished run.",
    ),
    gauge(
        "amperity_feed_last_run_duration_seconds",
        FEED,
        |feed| {
            let duration = feed.last_run.as_ref()?.duration_ms()?;
            Some(Value::milliseconds(duration))
        },
        "Duration of the feed's latest finished run.",
    ),
    gauge(
        "amperity_feed_last_run_started_timestamp_seconds",
        FEED,
        |feed| feed.last_run.as_ref()?.started_at.map(Value::timestamp),
        "Unix time at which the feed's latest finished run started.",
    ),
    gauge(
        "amperity_feed_last_run_ended_timestamp_seconds",
        FEED,
        |feed| feed.last_run.as_ref()?.ended_at.map(Value::timestamp),
        "Unix time at which the feed's latest finished run ended.",
    ),
    gauge(
        "amperity_feed_last_success_timestamp_seconds",
        FEED,
        |feed| feed.last_success.map(Value::timestamp),
        "Unix time at which the feed's latest successful run ended. Alert on its age.",
    ),
];

pub(in crate::exposition) static FEED_RUNS: Family = Family::counter(
    "amperity_feed_runs_total",
    &["tenant", "table", "feed", "state"],
    "Finished runs of the feed by final state, each counted once, since the exporter first saw the \
     feed.",
);

/// One series per feed, each.
pub(in crate::exposition) static FEED_COUNTERS: [Counter; 5] = [
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
            "Rows inserted into the table by the finished runs of the feed.",
        ),
        value: |feed| feed.totals.inserted,
    },
    Counter {
        family: Family::counter(
            "amperity_feed_updated_rows_total",
            FEED,
            "Rows of the table updated by the finished runs of the feed.",
        ),
        value: |feed| feed.totals.updated,
    },
    Counter {
        family: Family::counter(
            "amperity_feed_rejected_rows_total",
            FEED,
            "Duplicate rows rejected by the finished runs of the feed.",
        ),
        value: |feed| feed.totals.rejected,
    },
    Counter {
        family: Family::counter(
            "amperity_feed_error_rows_total",
            FEED,
            "Rows that the finished runs of the feed failed to load.",
        ),
        value: |feed| feed.totals.errors,
    },
];

pub(in crate::exposition) static FEED_DURATION: Family = Family {
    name: "amperity_feed_run_duration_seconds",
    kind: Kind::NativeHistogram,
    labels: FEED,
    help: "Durations of the feed's finished runs, not including runs of unknown duration: their \
           sum and number, and in protobuf and OpenMetrics 2.0 a native histogram.",
};

/// The families of a feed.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    std::iter::once(&FEED_STATE)
        .chain(FEED_GAUGES.iter().map(|gauge| &gauge.family))
        .chain([&FEED_RUNS])
        .chain(FEED_COUNTERS.iter().map(|counter| &counter.family))
        .chain([&FEED_DURATION])
        .chain(super::expectations::families())
}
