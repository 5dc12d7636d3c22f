//! The exporter itself.

use serde_json::{Value, json};

use crate::dashboard::{Dashboard, multiple, variable};
use crate::panel::Panel;
use crate::style::{ANY_IS_WRONG, GREEN, ORANGE, RED, ZERO_IS_GOOD};
use crate::table::{Format, Table};

pub(crate) fn dashboard() -> Value {
    Dashboard {
        uid: "amperity-exporter",
        title: "Amperity / Exporter",
        description: "The exporter itself: refreshes, requests to the API, tokens, memory.",
        from: "now-24h",
        variables: vec![multiple(variable("tenant", "Tenant", "amperity_up"))],
        links: &[],
        rows: vec![
            ("", numbers()),
            ("Tenants", tenants()),
            ("Refreshes", refreshes()),
            ("API", api()),
            ("Process", process()),
        ],
    }
    .json()
}

fn by_tenant(family: &str) -> String {
    format!("max by (tenant) ({family}{{TENANTS}})")
}

/// The time since a time that each tenant has.
fn since(family: &str) -> String {
    format!("time() - {}", by_tenant(family))
}

/// The time until a time that each tenant has.
fn until(family: &str) -> String {
    format!("{} - time()", by_tenant(family))
}

fn numbers() -> Vec<Panel> {
    let panels = vec![
        Panel::count(
            "Tenants without data",
            "Tenants whose last refresh failed.",
            &format!("{} == 0", by_tenant("amperity_up")),
            ZERO_IS_GOOD,
        ),
        Panel::stat(
            "Oldest data",
            "Age of the data of the tenant that was refreshed the longest ago.",
            &format!("max({})", since("amperity_last_success_timestamp_seconds")),
        )
        .unit("dtdurations")
        .thresholds((GREEN, &[(300.0, ORANGE), (900.0, RED)]))
        .empty("No refresh has succeeded"),
        Panel::stat(
            "Next token to expire",
            "Time until the next access token expires. Tokens of OAuth2 are short-lived and renewed by the exporter.",
            &format!("min({})", until("amperity_access_token_expiry_timestamp_seconds")),
        )
        .unit("dtdurations")
        .thresholds((RED, &[(300.0, ORANGE), (259_200.0, GREEN)]))
        .empty("Unknown"),
        Panel::stat(
            "API version ends in",
            "Time until Amperity switches the API version off.",
            &format!("min({})", until("amperity_api_sunset_timestamp_seconds")),
        )
        .unit("dtdurations")
        .thresholds((RED, &[(5_184_000.0, GREEN)]))
        .empty("Not announced"),
        Panel::stat(
            "API version deprecated",
            "Since when the API version is deprecated.",
            "min(amperity_api_deprecation_timestamp_seconds{TENANTS}) * 1000",
        )
        .unit("dateTimeAsIso")
        .thresholds((ORANGE, &[]))
        .empty("Not deprecated"),
        Panel::stat(
            "Configuration",
            "Whether the last reload of the configuration succeeded on every exporter.",
            "min(amperity_exporter_config_last_reload_successful)",
        )
        .unit("none")
        .texts(&[("0", "reload failed", RED), ("1", "valid", GREEN)]),
    ];
    panels.into_iter().map(|panel| panel.size(4, 4)).collect()
}

fn tenants() -> Vec<Panel> {
    let hourly = |counter: &str| format!("sum by (tenant) (increase({counter}{{TENANTS}}[1h]))");
    let duration = Format::Unit("dtdurations");
    let wrong = Format::NumberWithThresholds(ANY_IS_WRONG);
    vec![
        Table::new("Tenants", "Each tenant as the exporter sees it.", &[("tenant", "tenant")])
            .column("up", Format::Texts(&[("0", "no", RED), ("1", "yes", GREEN)]), &by_tenant("amperity_up"))
            .column("age of the data", duration, &since("amperity_last_success_timestamp_seconds"))
            .column("last refresh took", Format::Unit("s"), &by_tenant("amperity_refresh_duration_seconds"))
            .column("refreshes, 1 h", Format::Whole, &hourly("amperity_refreshes_total"))
            .column("failures, 1 h", wrong, &hourly("amperity_refresh_failures_total"))
            .column("jobs", Format::Plain, &by_tenant("amperity_exporter_jobs"))
            .column("jobs dropped", wrong, &by_tenant("amperity_exporter_jobs_dropped"))
            .column("feeds dropped", wrong, &by_tenant("amperity_exporter_feeds_dropped"))
            .column("token expires in", duration, &until("amperity_access_token_expiry_timestamp_seconds"))
            .sorted("tenant", false)
            .panel()
            .empty("No tenant is configured, or there is no data.")
            .size(24, 8),
        Table::new(
            "Configured jobs that cannot be fetched",
            "Jobs from the configuration whose last request failed: an id that is unknown to Amperity, or of another \
             tenant.",
            &[("tenant", "tenant"), ("job_id", "job")],
        )
        .column("", Format::Hidden, "max by (tenant, job_id) (amperity_ingest_job_up{TENANTS}) == 0")
        .panel()
        .unit("none")
        .empty("None, or no job is configured.")
        .size(8, 8),
        graph("Jobs", "Jobs on the exporter's page, and those left out by a limit.")
            .empty("No job is known.")
            .series("{{tenant}}", &by_tenant("amperity_exporter_jobs"))
            .series("{{tenant}}, left out", &format!("{} > 0", by_tenant("amperity_exporter_jobs_dropped"))),
        graph(
            "Entries merged or left out",
            "Per hour: entries of a job for the same table and feed that were merged into one, entries of lists that \
             could not be read as jobs, and strings that were shortened to be label values.",
        )
        .series("{{tenant}} merged", &hourly("amperity_exporter_merged_tables_total"))
        .series("{{tenant}} left out", &hourly("amperity_exporter_malformed_jobs_total"))
        .series("{{tenant}} shortened", &hourly("amperity_exporter_shortened_labels_total")),
    ]
}

/// A rate per second by the labels given.
fn rate(by: &str, counter: &str) -> String {
    format!("sum by ({by}) (rate({counter}{{TENANTS}}[$__rate_interval]))")
}

/// A graph, three of which stand side by side.
fn graph(title: &str, description: &str) -> Panel {
    Panel::lines(title, description).size(8, 8)
}

/// A graph of rates.
fn rates(title: &str, description: &str, legend: &str, expression: &str) -> Panel {
    graph(title, description).interval("1m").series(legend, expression)
}

fn refreshes() -> Vec<Panel> {
    let failures = rate("tenant, reason", "amperity_refresh_failures_total");
    vec![
        rates("Failed refreshes", "By reason, per minute.", "{{tenant}} {{reason}}", &format!("{failures} * 60 > 0"))
            .empty("No refresh failed in this time, or there is no data."),
        graph("Duration of a refresh", "Wall time of the last refresh.")
            .unit("s")
            .series("{{tenant}}", &by_tenant("amperity_refresh_duration_seconds")),
        graph("Age of the data", "Time since the data on the exporter's page was fetched.")
            .unit("s")
            .empty("No refresh has succeeded.")
            .series("{{tenant}}", &since("amperity_last_success_timestamp_seconds")),
    ]
}

fn api() -> Vec<Panel> {
    let duration = |by: &str, part: &str| rate(by, &format!("amperity_api_request_duration_seconds_{part}"));
    let quantile = |quantile: f64| format!("histogram_quantile({quantile}, {})", duration("le", "bucket"));
    let mean = format!("{}\n/\n({} > 0)", duration("endpoint", "sum"), duration("endpoint", "count"));
    let requests = rate("tenant", "amperity_api_requests_total");
    let limited = requests.replace("{TENANTS}", "{TENANTS,code=\"429\"}");
    vec![
        rates(
            "Requests",
            "By endpoint and status, per second. All API clients of a tenant share 10 requests a second.",
            "{{endpoint}} {{code}}",
            &rate("endpoint, code", "amperity_api_requests_total"),
        )
        .unit("reqps"),
        graph("Latency", "Median, 95th and 99th percentile of the time to an answer.")
            .interval("1m")
            .unit("s")
            .colored("median", GREEN, &quantile(0.5))
            .colored("95 %", ORANGE, &quantile(0.95))
            .colored("99 %", RED, &quantile(0.99)),
        rates("Mean latency by endpoint", "Mean time to an answer.", "{{endpoint}}", &mean).unit("s"),
        rates(
            "Requests over the rate limit",
            "Share of requests answered with 429.",
            "{{tenant}}",
            &format!("({limited} or {requests} * 0)\n/ on (tenant)\n({requests} > 0)"),
        )
        .unit("percentunit")
        .empty("None in this time, or there is no data."),
        rates(
            "Waiting for the rate limit",
            "Seconds of waiting per second: how much the exporter's own pacing delays requests.",
            "{{tenant}}",
            &rate("tenant", "amperity_api_rate_limit_wait_seconds_total"),
        )
        .unit("s"),
        rates(
            "Retries",
            "Requests that were repeated, per minute.",
            "{{tenant}}",
            &format!("{} * 60", rate("tenant", "amperity_api_retries_total")),
        ),
    ]
}

fn process() -> Vec<Panel> {
    let exporter = "and on (job, instance) amperity_exporter_build_info";
    let by_instance = |title, description: &str, expression: &str| {
        rates(title, description, "{{instance}}", &format!("{expression} {exporter}"))
    };
    let iso = Format::Unit("dateTimeAsIso");
    vec![
        by_instance("Memory", "Resident memory of each exporter.", "process_resident_memory_bytes").unit("bytes"),
        by_instance("CPU", "Cores in use.", "rate(process_cpu_seconds_total[$__rate_interval])"),
        by_instance("Open files", "Open file descriptors.", "process_open_fds"),
        Panel::stat(
            "Failed state writes",
            "Failed attempts to write the state file in the last hour. A restart loses what the counters of the feeds \
             gained since the last successful one.",
            "sum(increase(amperity_exporter_state_write_failures_total[1h]))",
        )
        .unit("none")
        .default("decimals", json!(0))
        .thresholds(ANY_IS_WRONG)
        .size(4, 8),
        Panel::stat(
            "Uncounted time",
            "Time in which runs may have finished uncounted, because no jobs were listed for longer than Amperity \
             lists them.",
            "max(amperity_exporter_state_gap_seconds{TENANTS})",
        )
        .unit("dtdurations")
        .thresholds((GREEN, &[(1.0, ORANGE)]))
        .size(4, 8),
        rates(
            "Scrapes",
            "Answers to requests for the metrics page by status, and refused clients by reason, per minute.",
            "{{instance}} {{code}}",
            "sum by (instance, code) (rate(amperity_exporter_scrapes_total[$__rate_interval]) * 60)",
        )
        .series(
            "{{instance}} refused: {{reason}}",
            "sum by (instance, reason) (rate(amperity_exporter_refused_total[$__rate_interval]) * 60) > 0",
        )
        .size(6, 8),
        Table::new(
            "Exporters",
            "Versions and configurations of the exporters that are scraped.",
            &[("instance", "instance"), ("version", "version"), ("revision", "revision"), ("rustversion", "Rust")],
        )
        .column("", Format::Hidden, "max by (instance, version, revision, rustversion) (amperity_exporter_build_info)")
        .column(
            "configuration of",
            iso,
            "max by (instance) (amperity_exporter_config_last_reload_success_timestamp_seconds) * 1000",
        )
        .column("started", iso, &format!("max by (instance) (process_start_time_seconds {exporter}) * 1000"))
        .panel()
        .unit("none")
        .empty("No exporter is scraped.")
        .size(10, 8),
    ]
}
