//! Counters whose label values appear while the exporter runs, such as HTTP
//! status codes, are published at 0 for a while before their first value: the
//! first value of a series is no `increase()` for Prometheus.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus::proto::{Counter, LabelPair, Metric, MetricFamily};
use tokio::time::Instant;

use super::lock;

/// The families with such label values.
const FAMILIES: [&str; 3] = [
    "amperity_api_requests_total",
    "amperity_exporter_refused_total",
    "amperity_exporter_scrapes_total",
];

/// Longer than usual scrape intervals.
const HELD_BACK: Duration = Duration::from_secs(70);

/// When each counter was first gathered, `None` if by the first gathering: what
/// it counted before may have been published by an earlier process. Cloning
/// gives the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct NewCounters(Arc<Mutex<Option<Known>>>);

type Known = HashMap<String, Option<Instant>>;

impl NewCounters {
    /// Sets counters to 0 that were first gathered a short time ago.
    pub(super) fn hold_back(&self, gathered: &mut [MetricFamily]) {
        let mut known = lock(&self.0);
        let is_first = known.is_none();
        let known = known.get_or_insert_default();
        for family in gathered {
            if !FAMILIES.contains(&family.name()) {
                continue;
            }
            let name = family.name().to_owned();
            for metric in family.mut_metric() {
                let since = match known.entry(key(&name, metric)) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => *new.insert((!is_first).then(Instant::now)),
                };
                if since.is_some_and(|since| since.elapsed() < HELD_BACK) {
                    metric.set_counter(Counter::default());
                }
            }
        }
    }
}

fn key(family: &str, metric: &Metric) -> String {
    let labels = metric.get_label().iter().map(LabelPair::value);
    std::iter::once(family)
        .chain(labels)
        .collect::<Vec<_>>()
        .join("\0")
}
