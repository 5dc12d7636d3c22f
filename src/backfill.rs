//! The past as `OpenMetrics` with timestamps: what the exporter would have
//! exposed at each step, for `promtool tsdb create-blocks-from openmetrics`.
//!
//! A [`Replay`] goes through a tenant's jobs and workflow runs once, from one
//! refresh to the next. It shows each one as it was at that time, and gives it
//! to the same run history, snapshot and writer as a live refresh.
//! [`write_step`] adds the time to each line of the page.
//!
//! # What differs from a live exporter
//!
//! - The API gives a job as it is now. How many rows an unfinished run had
//!   read at some time is not known, so unfinished runs have no counts. They
//!   are shown as `scheduled` before their start and as `running` after it.
//! - A run that was retried shows its last start and end only.
//! - The metrics of the exporter's own requests are left out: none were made.
//! - Lines are in the order of time, not of families. promtool needs no more,
//!   and so nothing is kept in memory. A series that ends is seen by queries
//!   for five minutes more, as no file can hold Prometheus' staleness markers.

use std::io::{self, Write};

use jiff::Timestamp;

mod jobs_file;
mod jobs_in_time;
mod replay;
mod samples;
#[cfg(test)]
mod tests;

#[cfg(any(test, fuzzing))]
pub(crate) use jobs_file::first_time;
pub use jobs_file::{JobsError, JobsFile, Records};
pub use replay::{Replay, ReplayOptions};
pub use samples::{Families, Labels};

use crate::exposition::Samples;
use crate::snapshot::Snapshot;

/// The last line of the output.
pub const END: &[u8] = b"# EOF\n";

/// Writes what a page showed at a time. Returns the number of samples.
///
/// # Errors
/// If it cannot be written.
pub fn write_step(
    out: &mut impl Write,
    snapshot: &Snapshot,
    families: &Families,
    labels: &Labels,
    time: Timestamp,
) -> io::Result<u64> {
    samples::write(out, &Samples::text(snapshot), families, labels, time)
}
