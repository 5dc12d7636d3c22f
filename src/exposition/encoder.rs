//! What a format has to be able to write: labels, and samples of each kind.

use jiff::Timestamp;

use super::text::Value;
use crate::telemetry::NativeHistogram;

/// Writes the samples of one format.
pub(super) trait Encoder: Copy {
    /// Appends a label to others of the same sample.
    fn label(self, labels: &mut Vec<u8>, name: &str, value: &str);

    /// Appends a sample of the gauge of this name.
    fn gauge(self, out: &mut Vec<u8>, name: &str, labels: Labels<'_>, value: Value);

    /// Appends a sample of a counter that was 0 at `created`, if that is known.
    fn counter(
        self,
        out: &mut Vec<u8>,
        name: &str,
        labels: Labels<'_>,
        count: Value,
        created: Option<Timestamp>,
    );

    /// Appends a histogram that was empty at `created`, if that is known.
    fn histogram(
        self,
        out: &mut Vec<u8>,
        name: &str,
        labels: Labels<'_>,
        histogram: Histogram<'_>,
        created: Option<Timestamp>,
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

/// A histogram with classic buckets, native ones, or both.
#[derive(Clone, Copy, Debug)]
pub(super) struct Histogram<'a> {
    pub(super) sum: Value,
    pub(super) count: u64,
    /// Bounds and how many values are up to them, without the one at infinity.
    pub(super) buckets: &'a [(f64, u64)],
    /// Written by formats that have native histograms.
    pub(super) native: Option<&'a NativeHistogram>,
}

impl<'a> Histogram<'a> {
    /// The native histogram, unless its buckets do not add up to the count:
    /// Prometheus would reject it.
    pub(super) fn valid_native(&self) -> Option<&'a NativeHistogram> {
        self.native.filter(|native| native.count() == self.count)
    }
}
