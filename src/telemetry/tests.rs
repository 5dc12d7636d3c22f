//! What is counted, and that it matches the declarations.

use std::collections::BTreeSet;
use std::time::Duration;

use insta::assert_snapshot;

use super::family::Kind;
use super::*;

/// Series and values of the families whose names begin so.
fn values(telemetry: &Telemetry, prefix: &str) -> String {
    let mut lines = Vec::new();
    for family in telemetry.gather(|_| true).families {
        for metric in family.get_metric() {
            let labels = metric.get_label().iter();
            let labels: Vec<_> = labels.map(prometheus::proto::LabelPair::value).collect();
            let number = match family.get_field_type() {
                prometheus::proto::MetricType::GAUGE => metric.get_gauge().get_value(),
                prometheus::proto::MetricType::HISTOGRAM => metric.get_histogram().get_sample_sum(),
                _ => metric.get_counter().get_value(),
            };
            if family.name().starts_with(prefix) {
                lines.push(format!("{}{labels:?} {number}", family.name()));
            }
        }
    }
    lines.join("\n")
}

#[test]
fn gathered_families_match_their_declarations() {
    let telemetry = Telemetry::new().unwrap();
    let tenant = telemetry.tenant("socktown");
    tenant.request(Endpoint::Token, Some(200), Duration::from_secs(1));
    telemetry.refused.with_label_values(&["unauthorized"]);
    let gathered = telemetry.gather(|_| true).families;
    for family in &gathered {
        let described = families().find(|described| described.name == family.name());
        let described = described.unwrap_or_else(|| panic!("{} is not described", family.name()));
        assert_eq!(family.help(), described.help);
        let kind = format!("{:?}", family.get_field_type()).to_lowercase();
        assert_eq!(kind, described.kind.as_str(), "{}", family.name());
        let labels = family.get_metric()[0].get_label().iter();
        let labels: BTreeSet<_> = labels.map(prometheus::proto::LabelPair::name).collect();
        assert_eq!(labels, described.labels.iter().copied().collect());
    }
    let names: BTreeSet<_> = gathered.iter().map(MetricFamily::name).collect();
    for family in families() {
        let here = cfg!(target_os = "linux") || !family.name.starts_with("process_");
        assert_eq!(names.contains(family.name), here, "{}", family.name);
        assert_ne!(family.kind, Kind::NativeHistogram);
    }
}

#[test]
fn counters_of_a_tenant_start_at_zero() {
    let telemetry = Telemetry::new().unwrap();
    let _tenant = telemetry.tenant("socktown");
    let values = [
        values(&telemetry, "amperity_refresh"),
        values(&telemetry, "amperity_api"),
        values(&telemetry, "amperity_exporter_m"),
        values(&telemetry, "amperity_exporter_sh"),
    ];
    assert_snapshot!(values.join("\n"), @r#"
    amperity_refresh_failures_total["socktown", "bad_request"] 0
    amperity_refresh_failures_total["socktown", "forbidden"] 0
    amperity_refresh_failures_total["socktown", "malformed"] 0
    amperity_refresh_failures_total["socktown", "not_found"] 0
    amperity_refresh_failures_total["socktown", "rate_limited"] 0
    amperity_refresh_failures_total["socktown", "server_error"] 0
    amperity_refresh_failures_total["socktown", "timeout"] 0
    amperity_refresh_failures_total["socktown", "tls"] 0
    amperity_refresh_failures_total["socktown", "too_large"] 0
    amperity_refresh_failures_total["socktown", "unauthorized"] 0
    amperity_refresh_failures_total["socktown", "unreachable"] 0
    amperity_refreshes_total["socktown"] 0
    amperity_api_rate_limit_wait_seconds_total["socktown"] 0
    amperity_api_requests_total["socktown", "ingest_job", "200"] 0
    amperity_api_requests_total["socktown", "ingest_jobs", "200"] 0
    amperity_api_requests_total["socktown", "token", "200"] 0
    amperity_api_requests_total["socktown", "workflow_run", "200"] 0
    amperity_api_requests_total["socktown", "workflow_runs", "200"] 0
    amperity_api_requests_total["socktown", "ingest_job", "error"] 0
    amperity_api_requests_total["socktown", "ingest_jobs", "error"] 0
    amperity_api_requests_total["socktown", "token", "error"] 0
    amperity_api_requests_total["socktown", "workflow_run", "error"] 0
    amperity_api_requests_total["socktown", "workflow_runs", "error"] 0
    amperity_api_retries_total["socktown"] 0
    amperity_exporter_malformed_jobs_total["socktown"] 0
    amperity_exporter_merged_tables_total["socktown"] 0
    amperity_exporter_shortened_labels_total["socktown"] 0
    "#);
}

#[test]
fn events_are_counted() {
    let telemetry = Telemetry::new().unwrap();
    let tenant = telemetry.tenant("socktown");
    tenant.request(Endpoint::IngestJob, Some(404), Duration::from_millis(250));
    tenant.request(Endpoint::IngestJob, None, Duration::from_millis(250));
    tenant.api_retries.inc();
    tenant.rate_limit_wait.inc_by(1.5);
    tenant.merged_tables.inc_by(3);
    tenant.malformed_jobs.inc_by(2);
    tenant.refresh(None);
    tenant.refresh(Some(Reason::NotFound));
    telemetry.scrape(503);
    telemetry.state_write_failures.inc();
    telemetry.config_reload(true, jiff::Timestamp::from_millisecond(1_500).unwrap());
    telemetry.config_reload(false, jiff::Timestamp::from_millisecond(9_000).unwrap());
    assert_eq!(tenant.requests(), 2);
    let values = values(&telemetry, "amperity_");
    let moved = values
        .lines()
        .filter(|line| !line.ends_with(" 0") && !line.contains("build_info"));
    assert_snapshot!(moved.collect::<Vec<_>>().join("\n"), @r#"
    amperity_api_rate_limit_wait_seconds_total["socktown"] 1.5
    amperity_api_request_duration_seconds["socktown", "ingest_job"] 0.5
    amperity_api_requests_total["socktown", "ingest_job", "404"] 1
    amperity_api_requests_total["socktown", "ingest_job", "error"] 1
    amperity_api_retries_total["socktown"] 1
    amperity_exporter_config_last_reload_success_timestamp_seconds[] 1.5
    amperity_exporter_malformed_jobs_total["socktown"] 2
    amperity_exporter_merged_tables_total["socktown"] 3
    amperity_exporter_scrapes_total["503"] 1
    amperity_exporter_state_write_failures_total[] 1
    amperity_refresh_failures_total["socktown", "not_found"] 1
    amperity_refreshes_total["socktown"] 2
    "#);
}

#[test]
fn a_tenant_has_one_set_of_metrics() {
    let telemetry = Telemetry::new().unwrap();
    telemetry.tenant("socktown").api_retries.inc();
    telemetry
        .tenant("socktown")
        .request(Endpoint::Token, Some(200), Duration::ZERO);
    assert_eq!(telemetry.tenant("socktown").requests(), 1);
    assert_eq!(
        values(&telemetry, "amperity_api_retries"),
        "amperity_api_retries_total[\"socktown\"] 1"
    );
}

#[test]
fn a_removed_tenant_leaves_no_series_even_if_a_response_arrives_late() {
    let telemetry = Telemetry::new().unwrap();
    let before = values(&telemetry, "amperity_");
    let tenant = telemetry.tenant("socktown");
    tenant.request(Endpoint::IngestJobs, Some(418), Duration::from_millis(1));
    let _other = telemetry.tenant("other");
    let with_other = values(&telemetry, "amperity_")
        .lines()
        .filter(|line| line.contains("other"))
        .count();
    telemetry.remove_tenant("socktown");
    tenant.request(Endpoint::IngestJobs, Some(500), Duration::from_millis(1));
    tenant.refresh(Some(Reason::Timeout));
    let left = values(&telemetry, "amperity_");
    assert!(!left.contains("socktown"), "{left}");
    assert_eq!(
        left.lines().filter(|line| line.contains("other")).count(),
        with_other
    );
    telemetry.remove_tenant("other");
    assert_eq!(values(&telemetry, "amperity_"), before);
}

#[test]
fn gathering_some_tenants_leaves_the_others_out() {
    let telemetry = Telemetry::new().unwrap();
    let _tenants = ["acme", "socktown"].map(|name| telemetry.tenant(name));
    let gathered = telemetry.gather(|tenant| tenant == "socktown");
    let text = format!("{gathered:?}");
    assert!(
        text.contains("socktown") && !text.contains("acme"),
        "{text}"
    );
    assert!(text.contains("amperity_exporter_build_info"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_new_label_value_is_published_at_zero_first() {
    let telemetry = Telemetry::new().unwrap();
    let tenant = telemetry.tenant("socktown");
    tenant.request(Endpoint::IngestJobs, Some(404), Duration::from_secs(1));
    let value = |code: &str| {
        let all = values(&telemetry, "amperity_api_requests_total");
        let line = all.lines().find(|line| line.contains(&format!("{code:?}")));
        line.map(|line| line.rsplit_once(' ').unwrap().1.to_owned())
    };
    assert_eq!(value("404").as_deref(), Some("1"), "of the first gathering");
    tenant.request(Endpoint::IngestJobs, Some(500), Duration::from_secs(1));
    assert_eq!(value("500").as_deref(), Some("0"));
    tokio::time::sleep(Duration::from_mins(1)).await;
    tenant.request(Endpoint::IngestJobs, Some(500), Duration::from_secs(1));
    assert_eq!(value("500").as_deref(), Some("0"));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(value("500").as_deref(), Some("2"));
    assert_eq!(tenant.requests(), 3);
}
