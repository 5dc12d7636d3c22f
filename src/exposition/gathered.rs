//! The families gathered by the `prometheus` crate, written by the same writer
//! as those of a snapshot.

use prometheus::proto::{LabelPair, MetricFamily, MetricType};

use super::Format;
use super::writer::{Value, write_bound, write_header, write_label, write_sample};
use crate::telemetry::family::Kind;

/// Writes families in this order. A family without a sample is left out.
pub(super) fn write(format: Format, families: &[MetricFamily]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 * 1024);
    for family in families {
        write_family(&mut out, format, family);
    }
    out
}

fn write_family(out: &mut Vec<u8>, format: Format, family: &MetricFamily) {
    if family.get_metric().is_empty() {
        return;
    }
    let kind = match family.get_field_type() {
        MetricType::COUNTER => Kind::Counter,
        MetricType::HISTOGRAM => Kind::Histogram,
        MetricType::SUMMARY => Kind::Summary,
        MetricType::GAUGE | MetricType::UNTYPED => Kind::Gauge,
    };
    let name = family.name();
    write_header(out, format, name, kind, family.help());
    let mut labels = Vec::with_capacity(128);
    for metric in family.get_metric() {
        labels.clear();
        write_labels(&mut labels, metric.get_label());
        let mut sample = |suffix: &str, extra: &[u8], value: Value| {
            write_sample(
                out,
                name.as_bytes(),
                suffix.as_bytes(),
                &labels,
                extra,
                value,
            );
        };
        match kind {
            Kind::Gauge => sample("", &[], Value::Float(metric.get_gauge().get_value())),
            Kind::Counter => sample("", &[], Value::Float(metric.get_counter().get_value())),
            Kind::Summary => {
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

fn write_labels(out: &mut Vec<u8>, labels: &[LabelPair]) {
    for label in labels {
        if !out.is_empty() {
            out.push(b',');
        }
        write_label(out, label.name(), label.value());
    }
}

/// The `le` label, to append to others.
fn bound(bound: f64) -> Vec<u8> {
    let mut out = b",le=\"".to_vec();
    write_bound(&mut out, bound);
    out.push(b'"');
    out
}
