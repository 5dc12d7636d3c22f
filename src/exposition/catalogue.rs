//! Every family of the page. Those of a snapshot are declared here, each with
//! its description and where its value is found; those the exporter counts
//! itself are declared in [`crate::telemetry`]. [`Samples`](super::Samples) writes them.

use super::text::Value;
use crate::feeds::Feed;
use crate::telemetry;
pub use crate::telemetry::family::{Family, Kind};

pub(super) mod expectations;
pub(super) mod feeds;
pub(super) mod jobs;
mod markdown;
pub(super) mod tenants;
pub(super) mod workflows;

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

/// A counter of a feed and where its value is found.
pub(super) struct Counter {
    pub(super) family: Family,
    pub(super) value: fn(&Feed) -> u64,
}

/// Every family, in the order of the page.
pub fn families() -> impl Iterator<Item = &'static Family> {
    snapshot_families().chain(telemetry::families())
}

/// The families of a snapshot, in the order of the page: those with many series
/// come last.
pub(super) fn snapshot_families() -> impl Iterator<Item = &'static Family> {
    tenants::families()
        .chain(workflows::families())
        .chain(feeds::families())
        .chain(jobs::families())
}

/// A learned duration in seconds, to the millisecond.
fn seconds(seconds: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "no run takes so long")]
    Value::Milliseconds((seconds * 1000.0).round() as i64)
}
