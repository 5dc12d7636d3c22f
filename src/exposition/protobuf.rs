//! Writes the protobuf format: each family is a length-delimited message
//! `io.prometheus.client.MetricFamily`.
//!
//! The fields of a message may be written in any order and a repeated field is
//! just its elements, so a family is its length, its header (name, help, type,
//! unit), and the samples of all tenants as they were written before.

use jiff::Timestamp;

use super::encoder::{Encoder, Histogram, Labels};
use super::text::Value;
use crate::telemetry::family::{self, Kind};
use crate::telemetry::{NativeHistogram, SCHEMA, ZERO_THRESHOLD};

/// Samples as `Metric` messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Protobuf;

/// The tag of a field: its number and wire type.
const fn tag(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

const VARINT: u8 = 0;
const DOUBLE: u8 = 1;
const BYTES: u8 = 2;

/// Fields of `MetricFamily`.
const NAME: u8 = tag(1, BYTES);
const HELP: u8 = tag(2, BYTES);
const TYPE: u8 = tag(3, VARINT);
const METRIC: u8 = tag(4, BYTES);
const UNIT: u8 = tag(5, BYTES);

/// Fields of `Metric`.
const LABEL: u8 = tag(1, BYTES);
const GAUGE: u8 = tag(2, BYTES);
const COUNTER: u8 = tag(3, BYTES);
const HISTOGRAM: u8 = tag(7, BYTES);

impl Encoder for Protobuf {
    fn label(self, labels: &mut Vec<u8>, name: &str, value: &str) {
        let fields = [(tag(1, BYTES), name), (tag(2, BYTES), value)];
        let length = fields.iter().map(|(_, text)| bytes_length(text.len()));
        write_length(labels, LABEL, length.sum());
        for (tag, text) in fields {
            write_bytes(labels, tag, text.as_bytes());
        }
    }

    #[inline]
    fn gauge(self, out: &mut Vec<u8>, _: &str, labels: Labels<'_>, value: Value) {
        let mut number = [0; 11];
        number[..3].copy_from_slice(&[GAUGE, 9, tag(1, DOUBLE)]);
        number[3..].copy_from_slice(&value.as_float().to_le_bytes());
        write_metric(out, labels, &number);
    }

    fn counter(
        self,
        out: &mut Vec<u8>,
        _: &str,
        labels: Labels<'_>,
        count: Value,
        created: Option<Timestamp>,
    ) {
        let mut counter = Vec::with_capacity(32);
        write_double(&mut counter, tag(1, DOUBLE), count.as_float());
        write_timestamp(&mut counter, tag(3, BYTES), created);
        write_value(out, labels, COUNTER, &counter);
    }

    fn histogram(
        self,
        out: &mut Vec<u8>,
        _: &str,
        labels: Labels<'_>,
        histogram: Histogram<'_>,
        created: Option<Timestamp>,
    ) {
        let mut message = Vec::with_capacity(256);
        write_integer(&mut message, tag(1, VARINT), histogram.count);
        write_double(&mut message, tag(2, DOUBLE), histogram.sum.as_float());
        let mut bucket = Vec::with_capacity(16);
        for (bound, count) in histogram.buckets {
            bucket.clear();
            write_integer(&mut bucket, tag(1, VARINT), *count);
            write_double(&mut bucket, tag(2, DOUBLE), *bound);
            write_bytes(&mut message, tag(3, BYTES), &bucket);
        }
        if let Some(native) = histogram.valid_native() {
            write_native(&mut message, native);
        }
        write_timestamp(&mut message, tag(15, BYTES), created);
        write_value(out, labels, HISTOGRAM, &message);
    }
}

/// Appends the fields of a native histogram: spans of consecutive buckets, and
/// their counts as differences.
fn write_native(out: &mut Vec<u8>, native: &NativeHistogram) {
    write_integer(out, tag(5, VARINT), zigzag(SCHEMA.into()));
    write_double(out, tag(6, DOUBLE), ZERO_THRESHOLD);
    write_integer(out, tag(7, VARINT), native.zero());
    let mut message = Vec::with_capacity(8);
    for (offset, length) in native.spans() {
        message.clear();
        write_integer(&mut message, tag(1, VARINT), zigzag(offset.into()));
        write_integer(&mut message, tag(2, VARINT), length);
        write_bytes(out, tag(12, BYTES), &message);
    }
    let mut deltas = Vec::new();
    let mut before = 0_u64;
    for (_, count) in native.buckets() {
        let delta = count.cast_signed().wrapping_sub(before.cast_signed());
        write_varint(&mut deltas, zigzag(delta));
        before = count;
    }
    if !deltas.is_empty() {
        write_bytes(out, tag(13, BYTES), &deltas);
    }
}

/// A signed number for a varint: small ones of either sign are short.
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// The header of a family, which follows its length.
pub(super) fn write_header(out: &mut Vec<u8>, name: &str, kind: Kind, help: &str) {
    let number = match kind {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Histogram | Kind::NativeHistogram => 4,
    };
    write_bytes(out, NAME, name.as_bytes());
    write_bytes(out, HELP, help.as_bytes());
    write_integer(out, TYPE, number);
    if let Some(unit) = family::unit(family::base_name(name, kind)) {
        write_bytes(out, UNIT, unit.as_bytes());
    }
}

/// Appends a metric with the value of one kind, a message.
fn write_value(out: &mut Vec<u8>, labels: Labels<'_>, tag: u8, message: &[u8]) {
    let mut value = Vec::with_capacity(message.len() + 8);
    write_bytes(&mut value, tag, message);
    write_metric(out, labels, &value);
}

#[inline]
fn write_metric(out: &mut Vec<u8>, Labels { shared, own }: Labels<'_>, value: &[u8]) {
    write_length(out, METRIC, shared.len() + own.len() + value.len());
    for part in [shared, own, value] {
        out.extend_from_slice(part);
    }
}

fn write_timestamp(out: &mut Vec<u8>, tag_of_field: u8, timestamp: Option<Timestamp>) {
    let Some(timestamp) = timestamp else { return };
    let milliseconds = timestamp.as_millisecond();
    let (seconds, rest) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000));
    let mut message = Vec::with_capacity(12);
    write_integer(&mut message, tag(1, VARINT), seconds.cast_unsigned());
    if rest != 0 {
        let nanoseconds = rest.cast_unsigned() * 1_000_000;
        write_integer(&mut message, tag(2, VARINT), nanoseconds);
    }
    write_bytes(out, tag_of_field, &message);
}

fn write_double(out: &mut Vec<u8>, tag: u8, value: f64) {
    out.push(tag);
    out.extend_from_slice(&value.to_le_bytes());
}

fn write_integer(out: &mut Vec<u8>, tag: u8, value: u64) {
    out.push(tag);
    write_varint(out, value);
}

fn write_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    write_length(out, tag, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends the start of a field of this length in bytes.
fn write_length(out: &mut Vec<u8>, tag: u8, length: usize) {
    write_integer(out, tag, length as u64);
}

/// The size of a field of this length in bytes.
fn bytes_length(length: usize) -> usize {
    1 + varint_length(length as u64) + length
}

/// Appends a number, seven bits per byte, the lowest first.
pub(super) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn varint_length(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}
