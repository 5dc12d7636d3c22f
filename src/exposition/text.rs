//! Writes lines of Prometheus text and `OpenMetrics` 1.0.
//!
//! A refresh may write hundreds of thousands of lines, so they are assembled
//! from bytes without `format!`, and what several families share (the labels
//! of a table) is written once and copied.

use std::time::Duration;

use jiff::Timestamp;

use super::encoder::{Encoder, Histogram, Labels};
use crate::telemetry::family::{self, Kind};

/// Sample lines, which are the same in both formats.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    /// Whether counters have a `_created` line, which only `OpenMetrics` allows.
    pub(super) created: bool,
}

impl Encoder for Text {
    fn label(self, labels: &mut Vec<u8>, name: &str, value: &str) {
        append_label(labels, name, value);
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
        write_sample(out, name, "", labels, count);
        let base_name = family::base_name(name, Kind::Counter);
        self.created(out, base_name, labels, created);
    }

    fn histogram(
        self,
        out: &mut Vec<u8>,
        name: &str,
        labels: Labels<'_>,
        histogram: Histogram<'_>,
        created: Option<Timestamp>,
    ) {
        let Histogram { sum, buckets, .. } = histogram;
        let count = Value::Count(histogram.count);
        // Without classic buckets it is a summary.
        if !buckets.is_empty() {
            let mut bucket = |bound: f64, count: Value| {
                let mut own = b"le=\"".to_vec();
                write_bound(&mut own, bound);
                own.push(b'"');
                let labels = Labels {
                    own: &own,
                    ..labels
                };
                write_sample(out, name, "_bucket", labels, count);
            };
            for (bound, count) in buckets {
                bucket(*bound, Value::Count(*count));
            }
            bucket(f64::INFINITY, count);
        }
        write_sample(out, name, "_sum", labels, sum);
        write_sample(out, name, "_count", labels, count);
        self.created(out, name, labels, created);
    }
}

impl Text {
    fn created(
        self,
        out: &mut Vec<u8>,
        base_name: &str,
        labels: Labels<'_>,
        created: Option<Timestamp>,
    ) {
        if let Some(created) = created.filter(|_| self.created) {
            let created = Value::timestamp(created);
            write_sample(out, base_name, "_created", labels, created);
        }
    }
}

/// The value of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// A whole number.
    Count(u64),
    /// A time or duration, written in seconds.
    Milliseconds(i64),
    /// Any number.
    Float(f64),
}

impl Value {
    pub(super) fn timestamp(timestamp: Timestamp) -> Self {
        Self::Milliseconds(timestamp.as_millisecond())
    }

    pub(super) fn milliseconds(milliseconds: u64) -> Self {
        Self::Milliseconds(i64::try_from(milliseconds).unwrap_or(i64::MAX))
    }

    pub(super) fn duration(duration: Duration) -> Self {
        Self::Milliseconds(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }

    /// The nearest double.
    pub(super) fn as_float(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "rounds to the nearest")]
        match self {
            Self::Count(count) => count as f64,
            Self::Milliseconds(milliseconds) => milliseconds as f64 / 1000.0,
            Self::Float(float) => float,
        }
    }

    /// Appends the shortest text for this number.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Count(count) => write_integer(out, count),
            Self::Milliseconds(milliseconds) => write_seconds(out, milliseconds),
            Self::Float(float) => write_float(out, float),
        }
    }
}

fn write_integer(out: &mut Vec<u8>, integer: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
}

/// Thousandths as a decimal fraction, exact, without trailing zeros.
fn write_seconds(out: &mut Vec<u8>, milliseconds: i64) {
    if milliseconds < 0 {
        out.push(b'-');
    }
    let magnitude = milliseconds.unsigned_abs();
    write_integer(out, magnitude / 1000);
    let rest = magnitude % 1000;
    if rest != 0 {
        // The leading 1 keeps the zeros after the decimal point.
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(rest + 1000).trim_end_matches('0');
        out.push(b'.');
        out.extend_from_slice(digits.as_bytes().get(1..).unwrap_or_default());
    }
}

/// The largest number up to which every integer is exact as a double.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

fn write_float(out: &mut Vec<u8>, float: f64) {
    if float.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if float.is_infinite() {
        let text = if float > 0.0 { "+Inf" } else { "-Inf" };
        out.extend_from_slice(text.as_bytes());
    } else if float.fract() == 0.0 && float.abs() <= MAX_EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
        write_integer(out, float as i64);
    } else {
        out.extend_from_slice(zmij::Buffer::new().format_finite(float).as_bytes());
    }
}

/// Appends the bound of a bucket as all formats have it: `1.0`, `+Inf`.
pub(super) fn write_bound(out: &mut Vec<u8>, bound: f64) {
    write_float(out, bound);
    if bound.fract() == 0.0 && bound.abs() <= MAX_EXACT {
        out.extend_from_slice(b".0");
    }
}

/// Appends a label to others of the same sample.
pub(super) fn append_label(labels: &mut Vec<u8>, name: &str, value: &str) {
    if !labels.is_empty() {
        labels.push(b',');
    }
    write_label(labels, name, value);
}

/// Appends `name="value"`, the value escaped as all formats require.
pub(crate) fn write_label(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    escape(out, value, true);
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, text: &str, quotes: bool) {
    let special = |byte: &u8| match byte {
        b'\\' | b'\n' => true,
        b'"' => quotes,
        _ => false,
    };
    if !text.as_bytes().iter().any(special) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            other => out.push(other),
        }
    }
}

/// Appends the metadata lines of a family in Prometheus text.
pub(super) fn write_header(out: &mut Vec<u8>, name: &str, kind: Kind, help: &str) {
    comment(out, "HELP", name);
    escape(out, help, false);
    out.push(b'\n');
    comment(out, "TYPE", name);
    out.extend_from_slice(kind.as_str().as_bytes());
    out.push(b'\n');
}

/// Appends the metadata lines of a family in `OpenMetrics` 1.0, which names a
/// counter without `_total`.
pub(super) fn write_open_metrics_header(out: &mut Vec<u8>, name: &str, kind: Kind, help: &str) {
    let name = family::base_name(name, kind);
    write_metadata(out, name, kind.as_str(), family::unit(name), help);
}

/// Appends the metadata lines of a family as `OpenMetrics` has them.
pub(super) fn write_metadata(
    out: &mut Vec<u8>,
    name: &str,
    type_name: &str,
    unit: Option<&str>,
    help: &str,
) {
    comment(out, "TYPE", name);
    out.extend_from_slice(type_name.as_bytes());
    out.push(b'\n');
    if let Some(unit) = unit {
        comment(out, "UNIT", name);
        out.extend_from_slice(unit.as_bytes());
        out.push(b'\n');
    }
    comment(out, "HELP", name);
    escape(out, help, true);
    out.push(b'\n');
}

fn comment(out: &mut Vec<u8>, word: &str, name: &str) {
    for part in ["# ", word, " ", name, " "] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends a sample.
#[inline]
pub(super) fn write_sample(
    out: &mut Vec<u8>,
    name: &str,
    suffix: &str,
    labels: Labels<'_>,
    value: Value,
) {
    write_series(out, name, suffix, labels);
    out.push(b' ');
    value.write(out);
    out.push(b'\n');
}

/// Appends name and labels of a sample. Without labels there are no braces.
#[inline]
pub(super) fn write_series(
    out: &mut Vec<u8>,
    name: &str,
    suffix: &str,
    Labels { shared, own }: Labels<'_>,
) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(suffix.as_bytes());
    if !(shared.is_empty() && own.is_empty()) {
        out.push(b'{');
        out.extend_from_slice(shared);
        if !(shared.is_empty() || own.is_empty()) {
            out.push(b',');
        }
        out.extend_from_slice(own);
        out.push(b'}');
    }
}
