//! What a format has to be able to write: labels, and samples of each kind.

use jiff::Timestamp;

use super::catalogue::Family;
use super::text::Value;
use crate::telemetry::NativeHistogram;

/// Writes the samples of one format.
pub(super) trait Encoder: Copy {
    /// Appends a label to others of the same sample.
    fn label(self, labels: &mut Vec<u8>, name: &str, value: &str);

    /// Appends a sample of a gauge.
    fn gauge(self, out: &mut Vec<u8>, family: &Family, labels: Labels<'_>, value: Value);

    /// Appends a sample of a counter that was 0 at `created`.
    fn counter(
        self,
        out: &mut Vec<u8>,
        family: &Family,
        labels: Labels<'_>,
        count: u64,
        created: Timestamp,
    );

    /// Appends durations that were first counted after `created`.
    fn durations(
        self,
        out: &mut Vec<u8>,
        family: &Family,
        labels: Labels<'_>,
        durations: Durations<'_>,
        created: Timestamp,
    );
}

/// The encoded labels of a sample: those that several samples share, and its
/// own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels<'a> {
    pub(super) shared: &'a [u8],
    pub(super) own: &'a [u8],
}

impl<'a> Labels<'a> {
    pub(super) fn shared(shared: &'a [u8]) -> Self {
        Self { shared, own: &[] }
    }
}

/// Durations that were counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Durations<'a> {
    /// In milliseconds.
    pub(super) sum: u64,
    pub(super) count: u64,
    /// Has this many values, in seconds.
    pub(super) histogram: &'a NativeHistogram,
}
