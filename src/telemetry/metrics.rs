//! The exporter's own metrics. Each is declared here and nowhere else: the
//! field to count with, its type, name, labels and help.

use prometheus::{
    Counter, Gauge, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    Result,
};

use super::declare::{Metric, metrics};
use super::family::Family;

metrics! {
    /// The metrics of one tenant. They exist as long as it is configured.
    pub struct TenantMetrics {
        refreshes: IntCounter = "amperity_refreshes_total" ["tenant"]
            "Completed refreshes of the tenant's data from the Amperity API, successful or not.";
        refresh_failures: IntCounterVec = "amperity_refresh_failures_total" ["tenant", "reason"]
            "Failed refreshes of the tenant's data from the Amperity API, by reason.";
        api_requests: IntCounterVec =
            "amperity_api_requests_total" ["tenant", "endpoint", "code"]
            "HTTP requests sent to the Amperity API, including retries, by endpoint and HTTP \
             status code; code is error if there was no response.";
        api_request_duration: HistogramVec =
            "amperity_api_request_duration_seconds" ["tenant", "endpoint"]
            "Time from sending a request to the Amperity API to the end of its response, not \
             including the wait for the rate limit. No series before the first request.";
        api_retries: IntCounter = "amperity_api_retries_total" ["tenant"]
            "Requests to the Amperity API that were repeated after a temporary failure.";
        rate_limit_wait: Counter = "amperity_api_rate_limit_wait_seconds_total" ["tenant"]
            "Time that requests waited in the exporter to stay within api.requests_per_second, \
             or because the Amperity API asked for fewer requests.";
        merged_tables: IntCounter = "amperity_exporter_merged_tables_total" ["tenant"]
            "Table entries of a job that were merged into an earlier entry of the same job for \
             the same table and feed.";
        malformed_jobs: IntCounter = "amperity_exporter_malformed_jobs_total" ["tenant"]
            "Entries in the Amperity API's job lists that could not be read as jobs and were \
             skipped. An entry is counted each time it is received.";
        shortened_labels: IntCounter = "amperity_exporter_shortened_labels_total" ["tenant"]
            "Strings from the Amperity API that are longer than 1024 bytes and were shortened to \
             be label values. A string is counted each time it is received.";
    }
}

metrics! {
    /// The metrics that belong to no tenant.
    pub struct ExporterMetrics {
        scrapes: IntCounterVec = "amperity_exporter_scrapes_total" ["code"]
            "Requests for the metrics page that --web.config.file allowed, by HTTP status code \
             of the response. Does not include the scrape that reads it.";
        build_info: IntGaugeVec =
            "amperity_exporter_build_info" ["version", "revision", "rustversion"]
            "Always 1. Version and source revision of the exporter, and the Rust compiler that \
             built it.";
        config_successful: IntGauge = "amperity_exporter_config_last_reload_successful" []
            "1 if the configuration was valid when it was last read, 0 if the exporter keeps \
             using an earlier one.";
        config_success_timestamp: Gauge =
            "amperity_exporter_config_last_reload_success_timestamp_seconds" []
            "Unix time at which the configuration in use was read.";
        refused: IntCounterVec = "amperity_exporter_refused_total" ["reason"]
            "Connections and requests that --web.config.file did not allow, by reason: \
             tls_handshake, client_certificate, unauthorized, rate_limited, or \
             invalid_web_config while the file is invalid.";
        state_persistent: IntGauge = "amperity_exporter_state_persistent" []
            "1 if counters and run history are kept in a state file, 0 if they are in memory only \
             and lost with a restart.";
        state_write_failures: IntCounter = "amperity_exporter_state_write_failures_total" []
            "Failed writes of the state file. If a write fails and the exporter restarts, the \
             feed counters lose what they counted since the last successful write.";
    }
}

/// The process, as the kernel sees it. The `prometheus` crate collects these,
/// on Linux only.
pub const PROCESS_FAMILIES: [Family; 7] = [
    Family::counter(
        "process_cpu_seconds_total",
        &[],
        "User and system CPU time used by the exporter, in whole seconds.",
    ),
    Family::gauge(
        "process_max_fds",
        &[],
        "Maximum number of file descriptors, sockets included, that the exporter may open.",
    ),
    Family::gauge(
        "process_open_fds",
        &[],
        "File descriptors, sockets included, that the exporter has open.",
    ),
    Family::gauge(
        "process_resident_memory_bytes",
        &[],
        "Resident memory of the exporter.",
    ),
    Family::gauge(
        "process_start_time_seconds",
        &[],
        "Unix time at which the exporter started.",
    ),
    Family::gauge("process_threads", &[], "Threads of the exporter."),
    Family::gauge(
        "process_virtual_memory_bytes",
        &[],
        "Virtual memory of the exporter, most of it reserved but unused.",
    ),
];

/// Every family of the exporter's own.
pub fn families() -> impl Iterator<Item = &'static Family> {
    TenantMetrics::FAMILIES
        .iter()
        .chain(ExporterMetrics::FAMILIES)
        .chain(&PROCESS_FAMILIES)
}
