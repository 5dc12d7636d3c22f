//! The families of what is expected of a feed.

use super::super::text::Value;
use super::{Family, Gauge, gauge, seconds};
use crate::feeds::Feed;

const FEED: &[&str] = &["tenant", "table", "feed"];

/// What a person calls the feed and who looks after it.
pub(in crate::exposition) static FEED_INFO: Family = Family::gauge(
    "amperity_feed_info",
    &[
        "tenant", "table", "feed", "name", "team", "severity", "workflow",
    ],
    "Always 1. Labels: name, team and severity of the feed from feeds.expect in the configuration, \
     and workflow, the name of the workflow that ran its latest finished run. Empty if not known.",
);

/// One series per feed, each; none while there is nothing to expect.
pub(in crate::exposition) static EXPECTATION_GAUGES: [Gauge<Feed>; 12] = [
    gauge(
        "amperity_feed_due_timestamp_seconds",
        FEED,
        |feed| feed.expected.due.map(Value::timestamp),
        "Unix time by which the feed's next successful run is expected to have ended; the feed is \
         late from then on. Learned from its past runs or set in feeds.expect, including slack. \
         No series if its runs follow no schedule.",
    ),
    gauge(
        "amperity_feed_usual_duration_seconds",
        FEED,
        |feed| feed.expected.usual_duration.map(seconds),
        "Usual duration of the feed's unfinished run or, if there is none, of its latest finished \
         run. Learned from its past runs with as many rows.",
    ),
    gauge(
        "amperity_feed_duration_limit_seconds",
        FEED,
        |feed| feed.expected.duration_limit.map(seconds),
        "Duration from which on the feed's unfinished run or, if there is none, its latest \
         finished run takes unusually long. Learned from its past runs or set in feeds.expect.",
    ),
    gauge(
        "amperity_feed_last_run_usual_read_rows",
        FEED,
        |feed| {
            feed.expected
                .usual_read_rows
                .map(|rows| Value::Float(rows.round()))
        },
        "Rows that the feed's latest finished run was expected to read. Learned from comparable \
         runs.",
    ),
    gauge(
        "amperity_feed_last_run_low_read_rows",
        FEED,
        |feed| feed.expected.low_read_rows.map(Value::Float),
        "If the feed's latest finished run read fewer rows than these, that is unusual. Learned \
         from comparable runs or set in feeds.expect.",
    ),
    gauge(
        "amperity_feed_last_run_high_read_rows",
        FEED,
        |feed| feed.expected.high_read_rows.map(Value::Float),
        "If the feed's latest finished run read more rows than these, that is unusual. Learned \
         from comparable runs or set in feeds.expect.",
    ),
    gauge(
        "amperity_feed_last_run_usual_error_ratio",
        FEED,
        |feed| feed.expected.usual_error_ratio.map(ratio),
        "Error rows expected in the feed's latest finished run, as a ratio to the rows read. \
         Learned from comparable runs.",
    ),
    gauge(
        "amperity_feed_last_run_error_ratio_limit",
        FEED,
        |feed| feed.expected.error_ratio_limit.map(ratio),
        "If the ratio of error rows to rows read in the feed's latest finished run is greater than \
         this, that is unusual. Learned from comparable runs or set in feeds.expect.",
    ),
    gauge(
        "amperity_feed_last_run_usual_rejected_ratio",
        FEED,
        |feed| feed.expected.usual_rejected_ratio.map(ratio),
        "Rejected rows expected in the feed's latest finished run, as a ratio to the rows read. \
         Learned from comparable runs.",
    ),
    gauge(
        "amperity_feed_last_run_rejected_ratio_limit",
        FEED,
        |feed| feed.expected.rejected_ratio_limit.map(ratio),
        "If the ratio of rejected rows to rows read in the feed's latest finished run is greater \
         than this, that is unusual. Learned from comparable runs or set in feeds.expect.",
    ),
    gauge(
        "amperity_feed_failures_since_success",
        FEED,
        |feed| Some(Value::Count(feed.failures_since_success)),
        "Failed, stopped and canceled runs of the feed since its latest successful one.",
    ),
    gauge(
        "amperity_feed_history_runs",
        FEED,
        |feed| Some(Value::Count(feed.expected.history_runs)),
        "Number of finished runs of the feed from which the expected values are learned.",
    ),
];

/// A learned ratio, to six places.
fn ratio(ratio: f64) -> Value {
    Value::Float((ratio * 1e6).round() / 1e6)
}

/// The families of what is expected of a feed.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    let gauges = EXPECTATION_GAUGES.iter().map(|gauge| &gauge.family);
    std::iter::once(&FEED_INFO).chain(gauges)
}
