//! Writes `OpenMetrics` 2.0 (release candidate 0), as specified in
//! <https://prometheus.io/docs/specs/om/open_metrics_spec_2_0/>.
//!
//! Differences from 1.0: a family has the name of its samples, the time at
//! which a counter was 0 is on its line, and a histogram is one line.

use jiff::Timestamp;

use super::encoder::{Encoder, Histogram, Labels};
use super::text::{self, Value, write_bound, write_sample, write_series};
use crate::telemetry::family::{self, Kind};
use crate::telemetry::{NativeHistogram, SCHEMA, ZERO_THRESHOLD};

/// Sample lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenMetrics2;

impl Encoder for OpenMetrics2 {
    fn label(self, labels: &mut Vec<u8>, name: &str, value: &str) {
        text::append_label(labels, name, value);
    }

    fn gauge(self, out: &mut Vec<u8>, name: &str, labels: Labels<'_>, value: Value) {
        write_sample(out, name, "", labels, value);
    }

    fn counter(
        self,
        out: &mut Vec<u8>,
        name: &str,
        labels: Labels<'_>,
        count: Value,
        created: Option<Timestamp>,
    ) {
        write_series(out, name, "", labels);
        out.push(b' ');
        count.write(out);
        write_end(out, created);
    }

    fn histogram(
        self,
        out: &mut Vec<u8>,
        name: &str,
        labels: Labels<'_>,
        histogram: Histogram<'_>,
        created: Option<Timestamp>,
    ) {
        write_series(out, name, "", labels);
        out.extend_from_slice(b" {");
        write_number(out, "count:", Value::Count(histogram.count));
        write_number(out, ",sum:", histogram.sum);
        let native = histogram.valid_native();
        if let Some(native) = native {
            write_native(out, native);
        }
        if native.is_none() || !histogram.buckets.is_empty() {
            write_classic(out, histogram);
        }
        out.push(b'}');
        write_end(out, created);
    }
}

/// Appends the metadata lines of a family.
pub(super) fn write_header(out: &mut Vec<u8>, name: &str, kind: Kind, help: &str) {
    let type_name = match kind {
        Kind::NativeHistogram => "histogram",
        other => other.as_str(),
    };
    let unit = family::unit(family::base_name(name, kind));
    text::write_metadata(out, name, type_name, unit, help);
}

/// Appends the start timestamp and the end of the line.
fn write_end(out: &mut Vec<u8>, created: Option<Timestamp>) {
    if let Some(created) = created {
        write_number(out, " st@", Value::timestamp(created));
    }
    out.push(b'\n');
}

/// Appends the classic buckets with the one at infinity, which must be there.
fn write_classic(out: &mut Vec<u8>, histogram: Histogram<'_>) {
    out.extend_from_slice(b",bucket:[");
    for (bound, count) in histogram.buckets {
        write_bound(out, *bound);
        write_number(out, ":", Value::Count(*count));
        out.push(b',');
    }
    write_number(out, "+Inf:", Value::Count(histogram.count));
    out.push(b']');
}

/// Appends the native buckets: spans of consecutive ones, and their counts.
fn write_native(out: &mut Vec<u8>, native: &NativeHistogram) {
    write_number(out, ",schema:", Value::Float(SCHEMA.into()));
    write_number(out, ",zero_threshold:", Value::Float(ZERO_THRESHOLD));
    write_number(out, ",zero_count:", Value::Count(native.zero()));
    let spans = native.spans();
    if spans.is_empty() {
        return;
    }
    let mut separator = ",positive_spans:[";
    for (offset, length) in spans {
        write_number(out, separator, Value::Float(offset.into()));
        write_number(out, ":", Value::Count(length));
        separator = ",";
    }
    separator = "],positive_buckets:[";
    for (_, count) in native.buckets() {
        write_number(out, separator, Value::Count(count));
        separator = ",";
    }
    out.push(b']');
}

fn write_number(out: &mut Vec<u8>, before: &str, number: Value) {
    out.extend_from_slice(before.as_bytes());
    number.write(out);
}
