//! The families gathered by the `prometheus` crate, in the same formats as
//! those of a snapshot.

use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::encoder::{Encoder, Histogram, Labels};
use super::openmetrics2::OpenMetrics2;
use super::protobuf::{self, Protobuf};
use super::text::{Text, Value};
use super::{Format, samples};
use crate::telemetry::Gathered;
use crate::telemetry::family::Kind;

/// Writes families in this order. A family without a sample is left out.
pub(super) fn write(format: Format, own: &Gathered) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 * 1024);
    let mut bytes = Vec::new();
    for family in &own.families {
        if family.get_metric().is_empty() {
            continue;
        }
        bytes.clear();
        format.write_header(&mut bytes, family.name(), kind(family), family.help());
        match format {
            Format::Text | Format::OpenMetrics => {
                write_metrics(Text { created: false }, &mut bytes, family, own);
            }
            Format::OpenMetrics2 => write_metrics(OpenMetrics2, &mut bytes, family, own),
            Format::Protobuf => {
                write_metrics(Protobuf, &mut bytes, family, own);
                protobuf::write_varint(&mut out, bytes.len() as u64);
            }
        }
        out.extend_from_slice(&bytes);
    }
    out
}

/// The type. There is no summary.
fn kind(family: &MetricFamily) -> Kind {
    match family.get_field_type() {
        MetricType::COUNTER => Kind::Counter,
        MetricType::HISTOGRAM => Kind::Histogram,
        MetricType::GAUGE | MetricType::UNTYPED | MetricType::SUMMARY => Kind::Gauge,
    }
}

fn write_metrics<E: Encoder>(encoder: E, out: &mut Vec<u8>, family: &MetricFamily, own: &Gathered) {
    let (name, kind) = (family.name(), kind(family));
    for metric in family.get_metric() {
        let labels = labels_of(encoder, metric);
        let labels = Labels::shared(&labels);
        let created = own.created(family, metric);
        match kind {
            Kind::Gauge => {
                let value = Value::Float(metric.get_gauge().get_value());
                encoder.gauge(out, name, labels, value);
            }
            Kind::Counter => {
                let count = Value::Float(metric.get_counter().get_value());
                encoder.counter(out, name, labels, count, created);
            }
            Kind::Histogram | Kind::NativeHistogram => {
                let histogram = metric.get_histogram();
                let buckets = histogram.get_bucket().iter();
                let buckets =
                    buckets.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
                let histogram = Histogram {
                    sum: Value::Float(histogram.get_sample_sum()),
                    count: histogram.get_sample_count(),
                    buckets: &buckets.collect::<Vec<_>>(),
                    native: own.native_histogram(metric),
                };
                encoder.histogram(out, name, labels, histogram, created);
            }
        }
    }
}

/// The labels of a metric, encoded.
fn labels_of<E: Encoder>(encoder: E, metric: &Metric) -> Vec<u8> {
    let labels = metric.get_label().iter();
    samples::labels(encoder, labels.map(|label| (label.name(), label.value())))
}
