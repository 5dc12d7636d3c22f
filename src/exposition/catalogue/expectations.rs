//! The families of what is expected of a feed.

use super::super::text::Value;
use super::{Family, Gauge, gauge};
use crate::feeds::Feed;

const FEED: &[&str] = &["tenant", "table", "feed"];

/// What a person calls the feed and who looks after it.
pub(in crate::exposition) static FEED_INFO: Family = Family::gauge(
    "amperity_feed_info",
    &[
        "tenant", "table", "feed", "name", "team", "severity", "workflow",
    ],
    "Always 1. Name, team and severity of the feed from feeds.expect in the configuration, empty \
     if none is given; and the name of the workflow that ran its latest finished run, empty if \
     not known.",
);

/// One series per feed, each; none while there is nothing to expect.
pub(in crate::exposition) static EXPECTATION_GAUGES: [Gauge<Feed>; 12] = [
    gauge(
        "amperity_feed_due_timestamp_seconds",
        FEED,
        |feed| feed.expected.due.map(Value::timestamp),
        "Unix time by which the feed's next successful run should have ended, by its past runs or \
         feeds.expect, slack included. The feed is late from then on. No series if its runs \
         follow no schedule.",
    ),
    gauge(
        "amperity_feed_usual_duration_seconds",
        FEED,
        |feed| feed.expected.usual_duration.map(Value::Float),
        "Usual duration of a run of the feed with as many rows as the unfinished one, or else the \
         latest finished one, by its past runs.",
    ),
    gauge(
        "amperity_feed_duration_limit_seconds",
        FEED,
        |feed| feed.expected.duration_limit.map(Value::Float),
        "Duration beyond which such a run takes unusually long, by the feed's past runs or \
         feeds.expect.",
    ),
    gauge(
        "amperity_feed_last_run_usual_read_rows",
        FEED,
        |feed| feed.expected.usual_read_rows.map(Value::Float),
        "Rows usually read by runs comparable to the feed's latest finished run.",
    ),
    gauge(
        "amperity_feed_last_run_low_read_rows",
        FEED,
        |feed| feed.expected.low_read_rows.map(Value::Float),
        "Fewer rows than these are unusual for the feed's latest finished run, by comparable runs \
         or feeds.expect.",
    ),
    gauge(
        "amperity_feed_last_run_high_read_rows",
        FEED,
        |feed| feed.expected.high_read_rows.map(Value::Float),
        "More rows than these are unusual for the feed's latest finished run, by comparable runs \
         or feeds.expect.",
    ),
    gauge(
        "amperity_feed_last_run_usual_error_ratio",
        FEED,
        |feed| feed.expected.usual_error_ratio.map(Value::Float),
        "Usual ratio of error rows to rows read in runs comparable to the feed's latest finished \
         run.",
    ),
    gauge(
        "amperity_feed_last_run_error_ratio_limit",
        FEED,
        |feed| feed.expected.error_ratio_limit.map(Value::Float),
        "Greater ratios of error rows to rows read are unusual for the feed's latest finished run, \
         by comparable runs or feeds.expect.",
    ),
    gauge(
        "amperity_feed_last_run_usual_rejected_ratio",
        FEED,
        |feed| feed.expected.usual_rejected_ratio.map(Value::Float),
        "Usual ratio of rejected rows to rows read in runs comparable to the feed's latest \
         finished run.",
    ),
    gauge(
        "amperity_feed_last_run_rejected_ratio_limit",
        FEED,
        |feed| feed.expected.rejected_ratio_limit.map(Value::Float),
        "Greater ratios of rejected rows to rows read are unusual for the feed's latest finished \
         run, by comparable runs or feeds.expect.",
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
        "Finished runs of the feed that its expectations are learned from.",
    ),
];

/// The families of what is expected of a feed.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    let gauges = EXPECTATION_GAUGES.iter().map(|gauge| &gauge.family);
    std::iter::once(&FEED_INFO).chain(gauges)
}
