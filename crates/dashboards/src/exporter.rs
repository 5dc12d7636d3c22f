//! The exporter itself.

use serde_json::{Value, json};

use crate::dashboard::{Dashboard, Row, multiple, variable};
use crate::panel::Panel;
use crate::query::TENANTS;
use crate::style::{GREEN, ORANGE, RED, ZERO_IS_GOOD};
use crate::table::{Format, Table};

pub(crate) fn dashboard() -> Value {
    let tenant = variable("tenant", "Tenant", "amperity_up");
    Dashboard {
        uid: "amperity-exporter",
        title: "Amperity / Exporter",
        description: "The exporter itself: refreshes, the API it asks, its tokens and its memory.",
        from: "now-24h",
        variables: vec![multiple(tenant)],
        links: &[],
        rows: vec![
            Row {
                title: None,
                panels: numbers(),
            },
            Row {
                title: Some("Tenants"),
                panels: tenants(),
            },
            Row {
                title: Some("Refreshes"),
                panels: refreshes(),
            },
            Row {
                title: Some("API"),
                panels: api(),
            },
            Row {
                title: Some("Process"),
                panels: process(),
            },
        ],
    }
    .json()
}

fn by_tenant(family: &str) -> String {
    format!("max by (tenant) ({family}{{{TENANTS}}})")
}

fn numbers() -> Vec<Panel> {
    vec![
        Panel::stat(
            "Tenants without data",
            "Tenants whose last refresh failed.",
            &format!("count({} == 0) or vector(0)", by_tenant("amperity_up")),
        )
        .unit("none")
        .thresholds(ZERO_IS_GOOD),
        Panel::stat(
            "Oldest data",
            "Age of the oldest tenant's data.",
            &format!(
                "max(time() - {})",
                by_tenant("amperity_last_success_timestamp_seconds")
            ),
        )
        .unit("dtdurations")
        .thresholds((GREEN, &[(300.0, ORANGE), (900.0, RED)]))
        .empty("No refresh was good yet"),
        Panel::stat(
            "First token to end",
            "Time until the first access token ends. A token of OAuth2 is short and renewed by \
             the exporter.",
            &format!(
                "min({}) - time()",
                by_tenant("amperity_access_token_expiry_timestamp_seconds")
            ),
        )
        .unit("dtdurations")
        .thresholds((RED, &[(300.0, ORANGE), (259_200.0, GREEN)]))
        .empty("No token says"),
        Panel::stat(
            "API version ends in",
            "Time until the vendor switches the API version off.",
            "min(amperity_api_sunset_timestamp_seconds{TENANTS}) - time()",
        )
        .unit("dtdurations")
        .thresholds((RED, &[(5_184_000.0, GREEN)]))
        .empty("Not announced"),
        Panel::stat(
            "API version deprecated",
            "When the vendor began to discourage the API version.",
            "min(amperity_api_deprecation_timestamp_seconds{TENANTS}) * 1000",
        )
        .unit("dateTimeAsIso")
        .thresholds((ORANGE, &[]))
        .empty("Not announced"),
        Panel::stat(
            "Configuration",
            "Whether the last reload of the configuration succeeded, on every exporter.",
            "min(amperity_exporter_config_last_reload_successful)",
        )
        .unit("none")
        .texts(&[("0", "reload failed", RED), ("1", "good", GREEN)]),
    ]
}

fn tenants() -> Vec<Panel> {
    let hourly = |counter: &str| format!("sum by (tenant) (increase({counter}{{{TENANTS}}}[1h]))");
    vec![
        Table::new(
            "Tenants",
            "Each tenant as the exporter sees it.",
            &[("tenant", "tenant")],
        )
        .column(
            "up",
            Format::Texts(&[("0", "no", RED), ("1", "yes", GREEN)]),
            &by_tenant("amperity_up"),
        )
        .column(
            "age of the data",
            Format::Unit("dtdurations"),
            &format!(
                "time() - {}",
                by_tenant("amperity_last_success_timestamp_seconds")
            ),
        )
        .column(
            "last refresh took",
            Format::Unit("s"),
            &by_tenant("amperity_refresh_duration_seconds"),
        )
        .column(
            "refreshes, 1 h",
            Format::Whole,
            &hourly("amperity_refreshes_total"),
        )
        .column(
            "failures, 1 h",
            Format::NumberWithThresholds(ZERO_IS_GOOD),
            &hourly("amperity_refresh_failures_total"),
        )
        .column("jobs", Format::Plain, &by_tenant("amperity_exporter_jobs"))
        .column(
            "jobs dropped",
            Format::NumberWithThresholds(ZERO_IS_GOOD),
            &by_tenant("amperity_exporter_jobs_dropped"),
        )
        .column(
            "token ends in",
            Format::Unit("dtdurations"),
            &format!(
                "{} - time()",
                by_tenant("amperity_access_token_expiry_timestamp_seconds")
            ),
        )
        .sorted("tenant", false)
        .panel()
        .empty("No tenant is configured.")
        .size(24, 8),
        Table::new(
            "Configured jobs that cannot be fetched",
            "Jobs from the configuration whose last fetch failed: an id that is unknown to \
             Amperity, or of another tenant.",
            &[("tenant", "tenant"), ("job_id", "job")],
        )
        .column(
            "",
            Format::Hidden,
            "max by (tenant, job_id) (amperity_ingest_job_up{TENANTS}) == 0",
        )
        .panel()
        .unit("none")
        .empty("Every configured job can be fetched.")
        .size(8, 8),
        Panel::lines(
            "Jobs on the page",
            "Jobs exported for each tenant, those left out by limits.jobs, and feeds there was no \
             room for.",
        )
        .empty("No job is known.")
        .series("{{tenant}}", &by_tenant("amperity_exporter_jobs"))
        .series(
            "{{tenant}}, left out",
            &format!("{} > 0", by_tenant("amperity_exporter_jobs_dropped")),
        )
        .series(
            "{{tenant}}, feeds left out",
            &format!("{} > 0", by_tenant("amperity_exporter_feeds_dropped")),
        ),
        Panel::lines(
            "Entries merged or left out",
            "Per hour: entries of one job for the same table and feed that were merged into one, \
             and entries of lists that could not be read as jobs.",
        )
        .empty("None.")
        .series(
            "{{tenant}} merged",
            &hourly("amperity_exporter_merged_tables_total"),
        )
        .series(
            "{{tenant}} left out",
            &hourly("amperity_exporter_malformed_jobs_total"),
        ),
    ]
}

/// A rate by the labels given.
fn rate(by: &str, counter: &str, selector: &str) -> String {
    format!("sum by ({by}) (rate({counter}{{{TENANTS}{selector}}}[$__rate_interval]))")
}

fn refreshes() -> Vec<Panel> {
    vec![
        Panel::lines("Refreshes that failed", "By reason, per minute.")
            .interval("1m")
            .empty("No refresh failed in this time.")
            .series(
                "{{tenant}} {{reason}}",
                "sum by (tenant, reason) (rate(amperity_refresh_failures_total{TENANTS}\
                     [$__rate_interval]) * 60) > 0",
            ),
        Panel::lines("Duration of a refresh", "Wall time of the last refresh.")
            .unit("s")
            .series(
                "{{tenant}}",
                &by_tenant("amperity_refresh_duration_seconds"),
            ),
        Panel::lines(
            "Age of the data",
            "Time since the data on the page was fetched.",
        )
        .unit("s")
        .empty("No refresh was good yet.")
        .series(
            "{{tenant}}",
            &format!(
                "time() - {}",
                by_tenant("amperity_last_success_timestamp_seconds")
            ),
        ),
    ]
}

fn api() -> Vec<Panel> {
    let quantile = |quantile: f64| {
        let buckets = rate("le", "amperity_api_request_duration_seconds_bucket", "");
        format!("histogram_quantile({quantile}, {buckets})")
    };
    let mean = format!(
        "{}\n/\n({} > 0)",
        rate("endpoint", "amperity_api_request_duration_seconds_sum", ""),
        rate(
            "endpoint",
            "amperity_api_request_duration_seconds_count",
            ""
        )
    );
    let limited = format!(
        "{}\n/ on (tenant)\n({} > 0)",
        rate("tenant", "amperity_api_requests_total", ",code=\"429\""),
        rate("tenant", "amperity_api_requests_total", "")
    );
    vec![
        Panel::lines(
            "Requests",
            "By endpoint and status, per second. A tenant has 10 a second for all of its API \
             clients together.",
        )
        .interval("1m")
        .unit("reqps")
        .series("{{endpoint}} {{code}}", &rate("endpoint, code", "amperity_api_requests_total", "")),
        Panel::lines("Latency", "Median, 95th and 99th percentile of the time to an answer.")
            .interval("1m")
            .unit("s")
            .empty("No request was made in this time.")
            .colored("median", GREEN, &quantile(0.5))
            .colored("95 %", ORANGE, &quantile(0.95))
            .colored("99 %", RED, &quantile(0.99)),
        Panel::lines("Mean latency by endpoint", "Mean time to an answer.")
            .interval("1m")
            .unit("s")
            .empty("No request was made in this time.")
            .series("{{endpoint}}", &mean),
        Panel::lines("Requests over the rate limit", "Share of requests answered with 429.")
            .interval("1m")
            .unit("percentunit")
            .empty("None in this time.")
            .series("{{tenant}}", &limited),
        Panel::lines(
            "Waiting for the rate limit",
            "Seconds of waiting per second: how much the exporter's own pacing holds requests back.",
        )
        .interval("1m")
        .unit("s")
        .series("{{tenant}}", &rate("tenant", "amperity_api_rate_limit_wait_seconds_total", "")),
        Panel::lines("Retries", "Requests made once more, per minute.").interval("1m").series(
            "{{tenant}}",
            "sum by (tenant) (rate(amperity_api_retries_total{TENANTS}[$__rate_interval]) * 60)",
        ),
    ]
}

fn process() -> Vec<Panel> {
    let exporter = "and on (job, instance) amperity_exporter_build_info";
    let by_instance = |title, description: &str, expression: &str| {
        Panel::lines(title, description).series("{{instance}}", &format!("{expression} {exporter}"))
    };
    vec![
        by_instance("Memory", "Resident memory of each exporter.", "process_resident_memory_bytes").unit("bytes"),
        by_instance("Processor", "Cores in use.", "rate(process_cpu_seconds_total[$__rate_interval])").interval("1m"),
        by_instance("Open files", "Open file descriptors.", "process_open_fds"),
        Panel::stat(
            "State file",
            "Failed attempts to write the state file in the last hour. While it grows, a restart \
             loses what the feeds' counters gained.",
            "sum(increase(amperity_exporter_state_write_failures_total[1h]))",
        )
        .unit("none")
        .default("decimals", &json!(0))
        .thresholds(ZERO_IS_GOOD)
        .size(4, 8),
        Panel::stat(
            "Uncounted time",
            "Time in which runs may have finished uncounted, because the exporter was down for \
             longer than the API lists jobs.",
            "max(amperity_exporter_state_gap_seconds{TENANTS})",
        )
        .unit("dtdurations")
        .thresholds((GREEN, &[(1.0, ORANGE)]))
        .size(4, 8),
        Panel::lines("Scrapes", "Answers to requests for the metrics page by status, per minute.")
            .interval("1m")
            .size(6, 8)
            .series(
                "{{instance}} {{code}}",
                "sum by (instance, code) (rate(amperity_exporter_scrapes_total[$__rate_interval]) * 60)",
            ),
        Table::new(
            "Exporters",
            "Versions and configurations of the exporters that are scraped.",
            &[("instance", "instance"), ("version", "version"), ("revision", "revision"), ("rustversion", "Rust")],
        )
        .column("", Format::Hidden, "max by (instance, version, revision, rustversion) (amperity_exporter_build_info)")
        .column(
            "configuration of",
            Format::Unit("dateTimeAsIso"),
            "max by (instance) (amperity_exporter_config_last_reload_success_timestamp_seconds) * 1000",
        )
        .column(
            "started",
            Format::Unit("dateTimeAsIso"),
            &format!("max by (instance) (process_start_time_seconds {exporter}) * 1000"),
        )
        .panel()
        .unit("none")
        .empty("No exporter is scraped.")
        .size(10, 8),
    ]
}
