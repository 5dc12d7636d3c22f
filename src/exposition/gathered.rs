//! The families gathered by the `prometheus` crate, in the same formats as
//! those of a snapshot.

use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::encoder::{Encoder, Labels};
use super::protobuf::{self, Histogram, Protobuf};
use super::text::{self, Text, Value, write_bound, write_sample};
use super::{Format, samples};
use crate::telemetry::Gathered;
use crate::telemetry::family::Kind;

/// Writes families in this order. A family without a sample is left out.
pub(super) fn write(format: Format, own: &Gathered) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 * 1024);
    for family in &own.families {
        if family.get_metric().is_empty() {
            continue;
        }
        match format {
            Format::Text => {
                text::write_header(&mut out, family.name(), kind(family), family.help());
                write_lines(&mut out, family);
            }
            Format::OpenMetrics => {
                let kind = kind(family);
                text::write_open_metrics_header(&mut out, family.name(), kind, family.help());
                write_lines(&mut out, family);
            }
            Format::Protobuf => write_message(&mut out, family, own),
        }
    }
    out
}

fn kind(family: &MetricFamily) -> Kind {
    match family.get_field_type() {
        MetricType::COUNTER => Kind::Counter,
        MetricType::HISTOGRAM => Kind::Histogram,
        MetricType::SUMMARY => Kind::Summary,
        MetricType::GAUGE | MetricType::UNTYPED => Kind::Gauge,
    }
}

/// The value of a gauge or counter.
fn value(kind: Kind, metric: &Metric) -> f64 {
    match kind {
        Kind::Counter => metric.get_counter().get_value(),
        _ => metric.get_gauge().get_value(),
    }
}

fn write_lines(out: &mut Vec<u8>, family: &MetricFamily) {
    let (name, kind) = (family.name(), kind(family));
    for metric in family.get_metric() {
        let labels = labels_of(Text { created: false }, metric);
        let mut sample = |suffix: &str, own: &[u8], value: Value| {
            let shared = &labels;
            write_sample(out, name, suffix, Labels { shared, own }, value);
        };
        match kind {
            Kind::Gauge | Kind::Counter => sample("", &[], Value::Float(value(kind, metric))),
            Kind::Summary | Kind::NativeHistogram => {
                let summary = metric.get_summary();
                sample("_sum", &[], Value::Float(summary.sample_sum()));
                sample("_count", &[], Value::Count(summary.sample_count()));
            }
            Kind::Histogram => {
                let histogram = metric.get_histogram();
                for bucket in histogram.get_bucket() {
                    let bound = bound(bucket.upper_bound());
                    sample("_bucket", &bound, Value::Count(bucket.cumulative_count()));
                }
                let count = Value::Count(histogram.get_sample_count());
                sample("_bucket", &bound(f64::INFINITY), count);
                sample("_sum", &[], Value::Float(histogram.get_sample_sum()));
                sample("_count", &[], count);
            }
        }
    }
}

fn write_message(out: &mut Vec<u8>, family: &MetricFamily, own: &Gathered) {
    let kind = kind(family);
    let mut message = Vec::with_capacity(512);
    protobuf::write_header(&mut message, family.name(), kind, family.help());
    for metric in family.get_metric() {
        let labels = labels_of(Protobuf, metric);
        let labels = Labels::shared(&labels);
        let created = own.created(family, metric);
        match kind {
            Kind::Gauge => {
                let value = Value::Float(value(kind, metric));
                protobuf::write_gauge(&mut message, labels, value);
            }
            Kind::Counter => {
                protobuf::write_counter(&mut message, labels, value(kind, metric), created);
            }
            Kind::Summary | Kind::NativeHistogram => {
                let summary = metric.get_summary();
                let (sum, count) = (summary.sample_sum(), summary.sample_count());
                protobuf::write_summary(&mut message, labels, sum, count, created);
            }
            Kind::Histogram => {
                let histogram = metric.get_histogram();
                let buckets = histogram.get_bucket().iter();
                let buckets =
                    buckets.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
                let histogram = Histogram {
                    sum: histogram.get_sample_sum(),
                    count: histogram.get_sample_count(),
                    buckets: &buckets.collect::<Vec<_>>(),
                    native: own.native_histogram(metric),
                };
                protobuf::write_histogram(&mut message, labels, histogram, created);
            }
        }
    }
    protobuf::write_varint(out, message.len() as u64);
    out.extend_from_slice(&message);
}

/// The labels of a metric, encoded.
fn labels_of<E: Encoder>(encoder: E, metric: &Metric) -> Vec<u8> {
    let labels = metric.get_label().iter();
    samples::labels(encoder, labels.map(|label| (label.name(), label.value())))
}

/// The `le` label.
fn bound(bound: f64) -> Vec<u8> {
    let mut out = b"le=\"".to_vec();
    write_bound(&mut out, bound);
    out.push(b'"');
    out
}
