//! What a metric family is, and those the exporter keeps about itself.
//!
//! HELP, type and labels of a family are written once: [`super::Telemetry`]
//! registers its metrics from these descriptions, [`crate::exposition`]
//! describes those of a snapshot by the same type, and the catalogue for
//! people is made from both.

/// The type of a family, as its TYPE line has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that goes up and down.
    Gauge,
    /// A number that only grows; its sample's name ends in `_total`.
    Counter,
    /// A sum and a count.
    Summary,
    /// A sum, a count, and counts by size.
    Histogram,
}

impl Kind {
    /// The word of the TYPE line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Summary => "summary",
            Self::Histogram => "histogram",
        }
    }
}

/// The description of a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The name, a counter's with `_total`.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// The labels, in the order of the page.
    pub labels: &'static [&'static str],
    /// What the number means and where it comes from.
    pub help: &'static str,
}

/// The words that are units where a name ends in them.
const UNITS: [&str; 4] = ["seconds", "bytes", "rows", "files"];

impl Family {
    /// Describes a gauge.
    #[must_use]
    pub const fn gauge(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind: Kind::Gauge,
            labels,
            help,
        }
    }

    /// Describes a counter.
    #[must_use]
    pub const fn counter(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind: Kind::Counter,
            labels,
            help,
        }
    }

    /// The name without a counter's `_total`, as `OpenMetrics` has it.
    #[must_use]
    pub fn base_name(&self) -> &'static str {
        base_name(self.name, self.kind)
    }

    /// The unit, if the name ends in one.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        unit(self.base_name())
    }
}

/// A family's name without a counter's `_total`.
#[must_use]
pub fn base_name(name: &str, kind: Kind) -> &str {
    match kind {
        Kind::Counter => name.strip_suffix("_total").unwrap_or(name),
        _ => name,
    }
}

/// The unit a name ends in, without a counter's `_total`.
#[must_use]
pub fn unit(base_name: &str) -> Option<&'static str> {
    let (_, last) = base_name.rsplit_once('_')?;
    UNITS.into_iter().find(|unit| *unit == last)
}

pub(super) const REFRESHES: Family = Family::counter(
    "amperity_refreshes_total",
    &["tenant"],
    "Refreshes of the tenant's data from the Amperity API that ended, successful or not.",
);

pub(super) const REFRESH_FAILURES: Family = Family::counter(
    "amperity_refresh_failures_total",
    &["tenant", "reason"],
    "Refreshes of the tenant's data from the Amperity API that failed, by reason.",
);

pub(super) const API_REQUESTS: Family = Family::counter(
    "amperity_api_requests_total",
    &["tenant", "endpoint", "code"],
    "HTTP requests sent to the Amperity API, retries included, by endpoint and HTTP status code; \
     code is error where no answer came.",
);

pub(super) const API_REQUEST_DURATION: Family = Family {
    name: "amperity_api_request_duration_seconds",
    kind: Kind::Histogram,
    labels: &["tenant", "endpoint"],
    help: "Time from sending a request to the Amperity API to the end of its answer, without \
           waiting for the rate limit. No series before the first request.",
};

pub(super) const API_RETRIES: Family = Family::counter(
    "amperity_api_retries_total",
    &["tenant"],
    "Requests to the Amperity API that were sent once more after a failure that may pass.",
);

pub(super) const RATE_LIMIT_WAIT: Family = Family::counter(
    "amperity_api_rate_limit_wait_seconds_total",
    &["tenant"],
    "Time requests waited in the exporter so that api.requests_per_second is kept, or because the \
     Amperity API asked for fewer requests.",
);

pub(super) const MERGED_TABLES: Family = Family::counter(
    "amperity_exporter_merged_tables_total",
    &["tenant"],
    "Entries of a job for a table and feed the job already had, merged into one set of series.",
);

pub(super) const MALFORMED_JOBS: Family = Family::counter(
    "amperity_exporter_malformed_jobs_total",
    &["tenant"],
    "Entries of the Amperity API's lists that could not be read as jobs and were left out, each \
     time they were met.",
);

pub(super) const SCRAPES: Family = Family::counter(
    "amperity_exporter_scrapes_total",
    &["code"],
    "Requests for the metrics page that --web.config.file let pass, by HTTP status code of the \
     answer. The scrape that shows it is not counted yet.",
);

pub(super) const BUILD_INFO: Family = Family::gauge(
    "amperity_exporter_build_info",
    &["version", "revision", "rustversion"],
    "Always 1. Version and source revision of the exporter, and the Rust compiler it was built \
     with.",
);

pub(super) const CONFIG_SUCCESSFUL: Family = Family::gauge(
    "amperity_exporter_config_last_reload_successful",
    &[],
    "1 if the configuration was valid when it was last read, 0 if the exporter keeps an earlier \
     one.",
);

pub(super) const CONFIG_SUCCESS_TIMESTAMP: Family = Family::gauge(
    "amperity_exporter_config_last_reload_success_timestamp_seconds",
    &[],
    "When the present configuration was read, in seconds since 1970.",
);

pub(super) const STATE_WRITE_FAILURES: Family = Family::counter(
    "amperity_exporter_state_write_failures_total",
    &[],
    "Failed attempts to write the state file. While it grows, a restart loses what the counters \
     of the feeds gained.",
);

/// The process of the exporter, as the kernel sees it; Linux only.
pub const PROCESS_FAMILIES: [Family; 7] = [
    Family::counter(
        "process_cpu_seconds_total",
        &[],
        "User and system CPU time the exporter spent, in whole seconds.",
    ),
    Family::gauge(
        "process_max_fds",
        &[],
        "File descriptors, sockets included, the exporter may have open.",
    ),
    Family::gauge(
        "process_open_fds",
        &[],
        "File descriptors, sockets included, the exporter has open.",
    ),
    Family::gauge(
        "process_resident_memory_bytes",
        &[],
        "Memory the exporter occupies.",
    ),
    Family::gauge(
        "process_start_time_seconds",
        &[],
        "When the exporter was started, in seconds since 1970.",
    ),
    Family::gauge("process_threads", &[], "Threads of the exporter."),
    Family::gauge(
        "process_virtual_memory_bytes",
        &[],
        "Address space the exporter has reserved, mostly unused.",
    ),
];

/// The exporter's view of the API.
pub const API_FAMILIES: [Family; 6] = [
    REFRESHES,
    REFRESH_FAILURES,
    API_REQUESTS,
    API_REQUEST_DURATION,
    API_RETRIES,
    RATE_LIMIT_WAIT,
];

/// The exporter's view of itself, besides its process.
pub const EXPORTER_FAMILIES: [Family; 7] = [
    MERGED_TABLES,
    MALFORMED_JOBS,
    SCRAPES,
    BUILD_INFO,
    CONFIG_SUCCESSFUL,
    CONFIG_SUCCESS_TIMESTAMP,
    STATE_WRITE_FAILURES,
];
