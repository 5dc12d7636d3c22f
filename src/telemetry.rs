//! The exporter's own counters and histograms, in a private registry of the
//! `prometheus` crate, and the closed sets of values their labels may have.
//!
//! A leaf: it knows nothing of the modules that report to it. What it gathers
//! is written by [`crate::exposition`] like every other family.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::proto::{LabelPair, MetricFamily};
use prometheus::{
    Counter, CounterVec, Gauge, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry,
};

pub mod families;
mod labels;
#[cfg(target_os = "linux")]
mod process;
mod register;
#[cfg(test)]
mod tests;

pub use labels::{Endpoint, Reason};
use register::Register;

/// The code label of a request that got no answer.
const NO_ANSWER: &str = "error";

/// All of the exporter's own metrics. Cloning gives the same ones.
#[derive(Clone, Debug)]
pub struct Telemetry {
    registry: Registry,
    vectors: Arc<Vectors>,
    scrapes: IntCounterVec,
    config_successful: IntGauge,
    config_success_timestamp: Gauge,
    state_write_failures: IntCounter,
    tenants: Arc<Mutex<BTreeMap<String, TenantTelemetry>>>,
}

/// The metrics that have series per tenant.
#[derive(Debug)]
struct Vectors {
    refreshes: IntCounterVec,
    refresh_failures: IntCounterVec,
    requests: IntCounterVec,
    request_duration: HistogramVec,
    retries: IntCounterVec,
    rate_limit_wait: CounterVec,
    merged_tables: IntCounterVec,
    malformed_jobs: IntCounterVec,
}

/// The own metrics of one tenant. Cloning gives the same ones.
#[derive(Clone, Debug)]
pub struct TenantTelemetry(Arc<Tenant>);

#[derive(Debug)]
struct Tenant {
    name: String,
    vectors: Arc<Vectors>,
    refreshes: IntCounter,
    retries: IntCounter,
    rate_limit_wait: Counter,
    merged_tables: IntCounter,
    malformed_jobs: IntCounter,
    requests: AtomicU64,
    /// Series that come to be later are made only while this is true, so that
    /// an answer which arrives after the tenant was removed brings none back.
    present: Mutex<bool>,
}

impl Telemetry {
    /// Makes and registers every metric.
    ///
    /// # Errors
    /// If two metrics have one name: a mistake in this file, found by its tests.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let vectors = Vectors {
            refreshes: registry.counters(&families::REFRESHES)?,
            refresh_failures: registry.counters(&families::REFRESH_FAILURES)?,
            requests: registry.counters(&families::API_REQUESTS)?,
            request_duration: registry.histograms(&families::API_REQUEST_DURATION)?,
            retries: registry.counters(&families::API_RETRIES)?,
            rate_limit_wait: registry.float_counters(&families::RATE_LIMIT_WAIT)?,
            merged_tables: registry.counters(&families::MERGED_TABLES)?,
            malformed_jobs: registry.counters(&families::MALFORMED_JOBS)?,
        };
        let scrapes = registry.counters(&families::SCRAPES)?;
        scrapes.with_label_values(&["200"]);
        registry.build_info(&families::BUILD_INFO)?;
        registry.process()?;
        Ok(Self {
            scrapes,
            config_successful: registry.gauge(&families::CONFIG_SUCCESSFUL)?,
            config_success_timestamp: registry.float_gauge(&families::CONFIG_SUCCESS_TIMESTAMP)?,
            state_write_failures: registry.counter(&families::STATE_WRITE_FAILURES)?,
            vectors: Arc::new(vectors),
            tenants: Arc::default(),
            registry,
        })
    }

    /// The metrics of a tenant, all counters present at 0 from now on.
    #[must_use]
    pub fn tenant(&self, tenant: &str) -> TenantTelemetry {
        lock(&self.tenants)
            .entry(tenant.to_owned())
            .or_insert_with(|| TenantTelemetry::new(tenant, &self.vectors))
            .clone()
    }

    /// Takes every series of a tenant off the page.
    pub fn remove_tenant(&self, tenant: &str) {
        let Some(TenantTelemetry(removed)) = lock(&self.tenants).remove(tenant) else {
            return;
        };
        let mut present = lock(&removed.present);
        *present = false;
        let vectors = &self.vectors;
        remove(&vectors.refreshes, &families::REFRESHES, tenant);
        remove(
            &vectors.refresh_failures,
            &families::REFRESH_FAILURES,
            tenant,
        );
        remove(&vectors.requests, &families::API_REQUESTS, tenant);
        remove(
            &vectors.request_duration,
            &families::API_REQUEST_DURATION,
            tenant,
        );
        remove(&vectors.retries, &families::API_RETRIES, tenant);
        remove(&vectors.rate_limit_wait, &families::RATE_LIMIT_WAIT, tenant);
        remove(&vectors.merged_tables, &families::MERGED_TABLES, tenant);
        remove(&vectors.malformed_jobs, &families::MALFORMED_JOBS, tenant);
    }

    /// Counts an answered request for the metrics page by its status code.
    pub fn scrape(&self, code: u16) {
        let mut digits = itoa::Buffer::new();
        self.scrapes.with_label_values(&[digits.format(code)]).inc();
    }

    /// Notes how the last reading of the configuration went.
    pub fn config_reload(&self, successful: bool, now: jiff::Timestamp) {
        self.config_successful.set(successful.into());
        if successful {
            self.config_success_timestamp
                .set(now.as_duration().as_secs_f64());
        }
    }

    /// Counts a state file that could not be written.
    pub fn state_write_failure(&self) {
        self.state_write_failures.inc();
    }

    /// The present values of everything, process metrics included.
    #[must_use]
    pub fn gather(&self) -> Vec<MetricFamily> {
        let mut gathered = self.registry.gather();
        for family in &mut gathered {
            // The crate sorts labels by name; the page keeps the declared order.
            let mut declared = families::API_FAMILIES
                .iter()
                .chain(&families::EXPORTER_FAMILIES);
            let Some(labels) = declared.find(|declared| declared.name == family.name()) else {
                continue;
            };
            let place =
                |label: &LabelPair| labels.labels.iter().position(|name| *name == label.name());
            for metric in family.mut_metric() {
                metric.mut_label().sort_by_key(place);
            }
        }
        gathered
    }
}

impl TenantTelemetry {
    fn new(tenant: &str, vectors: &Arc<Vectors>) -> Self {
        for reason in Reason::ALL {
            vectors
                .refresh_failures
                .with_label_values(&[tenant, reason.as_str()]);
        }
        for endpoint in Endpoint::ALL {
            for code in ["200", NO_ANSWER] {
                vectors
                    .requests
                    .with_label_values(&[tenant, endpoint.as_str(), code]);
            }
        }
        Self(Arc::new(Tenant {
            name: tenant.to_owned(),
            refreshes: vectors.refreshes.with_label_values(&[tenant]),
            retries: vectors.retries.with_label_values(&[tenant]),
            rate_limit_wait: vectors.rate_limit_wait.with_label_values(&[tenant]),
            merged_tables: vectors.merged_tables.with_label_values(&[tenant]),
            malformed_jobs: vectors.malformed_jobs.with_label_values(&[tenant]),
            vectors: Arc::clone(vectors),
            requests: AtomicU64::new(0),
            present: Mutex::new(true),
        }))
    }

    /// Counts a request: `code` is the HTTP status, `None` if there was none.
    pub fn request(&self, endpoint: Endpoint, code: Option<u16>, elapsed: Duration) {
        let Tenant { name, vectors, .. } = &*self.0;
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        let present = lock(&self.0.present);
        if !*present {
            return;
        }
        let mut digits = itoa::Buffer::new();
        let code = code.map_or(NO_ANSWER, |code| digits.format(code));
        let endpoint = endpoint.as_str();
        vectors
            .requests
            .with_label_values(&[name.as_str(), endpoint, code])
            .inc();
        vectors
            .request_duration
            .with_label_values(&[name.as_str(), endpoint])
            .observe(elapsed.as_secs_f64());
    }

    /// Counts a request that is made once more.
    pub fn retry(&self) {
        self.0.retries.inc();
    }

    /// Adds time spent waiting for the rate limit.
    pub fn rate_limit_wait(&self, waited: Duration) {
        self.0.rate_limit_wait.inc_by(waited.as_secs_f64());
    }

    /// Counts a refresh, and why it failed if it did.
    pub fn refresh(&self, failure: Option<Reason>) {
        let Tenant { name, vectors, .. } = &*self.0;
        self.0.refreshes.inc();
        let present = lock(&self.0.present);
        if let (true, Some(reason)) = (*present, failure) {
            vectors
                .refresh_failures
                .with_label_values(&[name.as_str(), reason.as_str()])
                .inc();
        }
    }

    /// Counts table entries that were merged into another of their job.
    pub fn merged_tables(&self, entries: u64) {
        self.0.merged_tables.inc_by(entries);
    }

    /// Counts entries of a list that could not be read as jobs.
    pub fn malformed_jobs(&self, entries: u64) {
        self.0.malformed_jobs.inc_by(entries);
    }

    /// The number of requests made so far, of all endpoints.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }
}

/// Removes the series of a tenant, whatever their other labels are.
fn remove<Builder: MetricVecBuilder>(
    vector: &MetricVec<Builder>,
    family: &families::Family,
    tenant: &str,
) {
    for metric in Collector::collect(vector)
        .iter()
        .flat_map(MetricFamily::get_metric)
    {
        let value = |name: &str| {
            let label = metric.get_label().iter().find(|label| label.name() == name);
            label.map_or("", |label| label.value())
        };
        if value("tenant") == tenant {
            let values: Vec<&str> = family.labels.iter().map(|name| value(name)).collect();
            // It may be gone already; then there is nothing left to do.
            let _gone = vector.remove_label_values(&values);
        }
    }
}

/// What these locks guard is valid after every single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
