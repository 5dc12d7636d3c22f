//! The exporter's own counters and histograms, held by the `prometheus` crate,
//! and the label values they use.
//!
//! Depends on no other module; the others report to it. What it gathers is
//! written by [`crate::exposition`] like every other family. A new metric is
//! one declaration in `metrics.rs` and the line that counts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus::Registry;
use prometheus::core::Collector;
use prometheus::proto::{LabelPair, Metric, MetricFamily};

use crate::clock::Clock;

mod declare;
mod endpoint;
pub mod family;
mod gathered;
mod metrics;
mod native_histogram;
mod new_counters;
#[cfg(target_os = "linux")]
mod process;
mod reason;
#[cfg(test)]
mod tests;

pub use endpoint::Endpoint;
pub use gathered::Gathered;
use gathered::OfTenant;
pub use metrics::{ExporterMetrics, PROCESS_FAMILIES, TenantMetrics, families};
pub use native_histogram::{NativeHistogram, SCHEMA, ZERO_THRESHOLD};
use new_counters::NewCounters;
pub use reason::{Reason, Target};

/// The code label of a request that got no response.
const NO_RESPONSE: &str = "error";

/// All of the exporter's own metrics. Cloning gives the same ones.
#[derive(Clone, Debug)]
pub struct Telemetry {
    registry: Registry,
    metrics: Arc<ExporterMetrics>,
    started: Timestamp,
    new_counters: NewCounters,
    tenants: Arc<Mutex<BTreeMap<String, TenantTelemetry>>>,
}

/// The metrics of one tenant. Cloning gives the same ones.
#[derive(Clone, Debug)]
pub struct TenantTelemetry {
    registry: Registry,
    metrics: Arc<TenantMetrics>,
    created: Timestamp,
    new_counters: NewCounters,
    /// `amperity_api_request_duration_seconds` by endpoint. The lock is held
    /// while the classic histogram is written or gathered, so that both have
    /// the same number of values.
    request_durations: Arc<Mutex<BTreeMap<&'static str, NativeHistogram>>>,
}

impl Telemetry {
    /// Creates and registers every metric.
    ///
    /// # Errors
    /// If a declaration is invalid or two metrics have the same name.
    pub fn new() -> Result<Self, prometheus::Error> {
        // So that creating the metrics of a tenant cannot fail later.
        TenantTelemetry::new("")?;
        let registry = Registry::new();
        let metrics = ExporterMetrics::register(&registry, None)?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(process::ProcessMetrics::new()))?;
        metrics.scrapes.with_label_values(&["200"]);
        let version = env!("CARGO_PKG_VERSION");
        let revision = env!("AMPERITY_EXPORTER_REVISION");
        let compiler = env!("AMPERITY_EXPORTER_RUSTVERSION");
        let build_info = &metrics.build_info;
        build_info
            .with_label_values(&[version, revision, compiler])
            .set(1);
        Ok(Self {
            registry,
            metrics: Arc::new(metrics),
            started: Clock::system().now(),
            new_counters: NewCounters::default(),
            tenants: Arc::default(),
        })
    }

    /// The metrics of a tenant, all counters present at 0 from now on.
    ///
    /// # Panics
    /// Never: [`new`](Self::new) has registered the same declarations.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "new() has registered the same declarations"
    )]
    pub fn tenant(&self, tenant: &str) -> TenantTelemetry {
        lock(&self.tenants)
            .entry(tenant.to_owned())
            .or_insert_with(|| TenantTelemetry::new(tenant).expect("valid declarations"))
            .clone()
    }

    /// Removes every series of a tenant.
    pub fn remove_tenant(&self, tenant: &str) {
        lock(&self.tenants).remove(tenant);
    }

    /// Counts a response to a request for the metrics page by its status code.
    pub fn scrape(&self, code: u16) {
        let mut digits = itoa::Buffer::new();
        self.scrapes.with_label_values(&[digits.format(code)]).inc();
    }

    /// Records whether the configuration could be loaded.
    pub fn config_reload(&self, successful: bool, now: jiff::Timestamp) {
        self.config_successful.set(successful.into());
        if successful {
            self.config_success_timestamp
                .set(now.as_duration().as_secs_f64());
        }
    }

    /// The current values of everything, with those of the tenants for which
    /// `include` is true, ordered by name and then by label values.
    #[must_use]
    pub fn gather(&self, include: impl Fn(&str) -> bool) -> Gathered {
        let mut families = BTreeMap::new();
        let mut own = self.registry.gather();
        self.new_counters.hold_back(&mut own);
        merge(&mut families, own);
        let tenants: BTreeMap<String, TenantTelemetry> = lock(&self.tenants)
            .iter()
            .filter(|(name, _)| include(name))
            .map(|(name, tenant)| (name.clone(), tenant.clone()))
            .collect();
        let mut of_tenants = BTreeMap::new();
        for (name, tenant) in tenants {
            let durations = lock(&tenant.request_durations);
            let mut own = tenant.registry.gather();
            tenant.new_counters.hold_back(&mut own);
            merge(&mut families, own);
            let since = tenant.created;
            let request_durations = durations.clone();
            drop(durations);
            of_tenants.insert(
                name,
                OfTenant {
                    since,
                    request_durations,
                },
            );
        }
        for declared in metrics::families() {
            if let Some(family) = families.get_mut(declared.name) {
                arrange(family.mut_metric(), declared.labels);
            }
        }
        Gathered {
            families: families.into_values().collect(),
            started: Some(self.started),
            tenants: of_tenants,
        }
    }
}

impl Deref for Telemetry {
    type Target = ExporterMetrics;

    fn deref(&self) -> &ExporterMetrics {
        &self.metrics
    }
}

impl TenantTelemetry {
    fn new(tenant: &str) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let metrics = TenantMetrics::register(&registry, Some(tenant))?;
        for reason in Reason::ALL {
            metrics
                .refresh_failures
                .with_label_values(&[reason.as_str()]);
        }
        for endpoint in Endpoint::ALL {
            for code in ["200", NO_RESPONSE] {
                metrics
                    .api_requests
                    .with_label_values(&[endpoint.as_str(), code]);
            }
        }
        Ok(Self {
            registry,
            metrics: Arc::new(metrics),
            created: Clock::system().now(),
            new_counters: NewCounters::default(),
            request_durations: Arc::default(),
        })
    }

    /// Counts a request: `code` is the HTTP status, `None` without a response.
    pub fn request(&self, endpoint: Endpoint, code: Option<u16>, elapsed: Duration) {
        let mut digits = itoa::Buffer::new();
        let code = code.map_or(NO_RESPONSE, |code| digits.format(code));
        let endpoint = endpoint.as_str();
        self.api_requests.with_label_values(&[endpoint, code]).inc();
        let seconds = elapsed.as_secs_f64();
        let mut durations = lock(&self.request_durations);
        durations.entry(endpoint).or_default().observe(seconds);
        self.api_request_duration
            .with_label_values(&[endpoint])
            .observe(seconds);
    }

    /// The number of requests sent so far, to all endpoints.
    #[must_use]
    pub fn requests(&self) -> u64 {
        let families = self.api_requests.collect();
        let metrics = families.iter().flat_map(MetricFamily::get_metric);
        let counts = metrics.map(|metric| metric.get_counter().get_value());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        let sum = counts.sum::<f64>() as u64;
        sum
    }

    /// Counts a refresh, and why it failed if it did.
    pub fn refresh(&self, failure: Option<Reason>) {
        self.refreshes.inc();
        if let Some(reason) = failure {
            self.refresh_failures
                .with_label_values(&[reason.as_str()])
                .inc();
        }
    }
}

impl Deref for TenantTelemetry {
    type Target = TenantMetrics;

    fn deref(&self) -> &TenantMetrics {
        &self.metrics
    }
}

/// Adds gathered families to others, which may have metrics of the same name.
fn merge(families: &mut BTreeMap<String, MetricFamily>, gathered: Vec<MetricFamily>) {
    for mut family in gathered {
        match families.entry(family.name().to_owned()) {
            Entry::Vacant(vacant) => drop(vacant.insert(family)),
            Entry::Occupied(mut present) => {
                present.get_mut().mut_metric().extend(family.take_metric());
            }
        }
    }
}

/// Orders metrics by their label values, and then the labels of each, which
/// the crate orders by name, as declared.
fn arrange(metrics: &mut [Metric], declared: &[&str]) {
    let values = |metric: &Metric| {
        let labels = metric.get_label().iter();
        labels.map(|label| label.value().to_owned()).collect()
    };
    metrics.sort_by_cached_key(|metric| -> Vec<String> { values(metric) });
    let position = |label: &LabelPair| declared.iter().position(|name| *name == label.name());
    for metric in metrics {
        metric.mut_label().sort_by_key(position);
    }
}

/// What these locks guard is valid after every single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
