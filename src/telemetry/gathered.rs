//! The current values of the exporter's own metrics, and since when they count.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prometheus::proto::{Metric, MetricFamily};

use super::NativeHistogram;

/// The values of a moment. By default there are none.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Ordered by name, the metrics of each by label values.
    pub families: Vec<MetricFamily>,
    /// When the exporter started.
    pub(super) started: Option<Timestamp>,
    pub(super) tenants: BTreeMap<String, OfTenant>,
}

/// What the `prometheus` crate does not know of a tenant's metrics.
#[derive(Debug)]
pub(super) struct OfTenant {
    /// When they were created.
    pub(super) since: Timestamp,
    /// `amperity_api_request_duration_seconds` by endpoint.
    pub(super) request_durations: BTreeMap<&'static str, NativeHistogram>,
}

impl Gathered {
    /// When a counter or histogram was 0. Not known of the process, which
    /// started before the exporter counted anything.
    #[must_use]
    pub fn created(&self, family: &MetricFamily, metric: &Metric) -> Option<Timestamp> {
        if family.name().starts_with("process_") {
            return None;
        }
        match label(metric, "tenant") {
            Some(tenant) => Some(self.tenants.get(tenant)?.since),
            None => self.started,
        }
    }

    /// The native histogram of a metric that has classic buckets as well. There
    /// is one family of histograms.
    #[must_use]
    pub fn native_histogram(&self, metric: &Metric) -> Option<&NativeHistogram> {
        let tenant = self.tenants.get(label(metric, "tenant")?)?;
        tenant.request_durations.get(label(metric, "endpoint")?)
    }
}

fn label<'a>(metric: &'a Metric, name: &str) -> Option<&'a str> {
    let labels = metric.get_label().iter();
    let mut named = labels.filter(|label| label.name() == name);
    named.next().map(prometheus::proto::LabelPair::value)
}
