//! What Prometheus stores of each format: the same series.
//!
//! Debian's Prometheus 2 has no `scrape_protocols`; it requests `OpenMetrics`, and
//! protobuf with a feature flag. The tests of Prometheus 3 are run by
//! `tests/peers.sh`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use amperity_exporter::clock::Clock;
use amperity_simulator::{Job, Rows, SimulatedTenant, Table, World};
use jiff::SignedDuration;
use tempfile::TempDir;

use crate::support::process::Process;
use crate::support::prometheus::Prometheus;
use crate::support::seconds;
use crate::support::upstream::Upstream;

/// Every value of `scrape_protocols` of Prometheus 3.16.
const PROTOCOLS: [&str; 6] = [
    "PrometheusProto",
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
    "OpenMetricsText2.0.0",
];

/// Those with native histograms. Without `scrape_native_histograms`, Prometheus
/// stores a bucket at infinity of each histogram that is native only.
const NATIVE: [&str; 2] = ["PrometheusProto", "OpenMetricsText2.0.0"];

/// Histograms that Prometheus may store as native ones.
const HISTOGRAMS: &str = "amperity_(api_request|feed_run)_duration_seconds.*";

/// An exporter with a finished run, and what it depends on.
pub(super) struct Setup {
    upstream: Upstream,
    _folder: TempDir,
    pub(super) exporter: Process,
    pub(super) address: String,
}

/// A run that is seen running and then finished, so that it is counted.
pub(super) async fn set_up() -> Setup {
    let started = Clock::system().now() - SignedDuration::from_secs(60);
    let job = job("isj-1", "df-1", started, 70);
    let world = World::empty().tenant(SimulatedTenant::new("socktown").job(job));
    let upstream = Upstream::serve(world).await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("amperity_exporter.yml");
    let configuration = upstream
        .configuration("")
        .replace("jobs: false", "jobs: true");
    std::fs::write(&file, configuration).unwrap();
    let mut exporter = Process::start(&[format!("--config.file={}", file.display())]).await;
    let address = exporter.listening().await.to_string();
    let counted = |line: &str| {
        line.starts_with("amperity_feed_runs_total{") && line.ends_with(r#"state="succeeded"} 1"#)
    };
    while !exporter.page().await.0.lines().any(counted) {
        tokio::time::sleep(seconds(1)).await;
    }
    Setup {
        upstream,
        _folder: folder,
        exporter,
        address,
    }
}

fn job(id: &str, feed: &str, started: jiff::Timestamp, lasting: u64) -> Job {
    let rows = Rows {
        inserted: 70,
        updated: 20,
        rejected: 6,
        errors: 4,
    };
    let table = Table::new("Customers", feed).lasting(seconds(lasting));
    Job::new(id, started).table(table.rows(rows))
}

/// A scrape configuration with this setting.
pub(super) fn scrape(job: &str, address: &str, setting: &str) -> String {
    let mut text = format!(
        "  - job_name: {job}\n    scrape_interval: 2s\n    scrape_timeout: 2s\n    \
         static_configs: [{{targets: ['{address}']}}]\n"
    );
    if !setting.is_empty() {
        writeln!(text, "    {setting}").unwrap();
    }
    text
}

/// Series and values to compare. Series that change from refresh to refresh have
/// no value.
pub(super) type StoredSeries = BTreeMap<String, Option<f64>>;

/// An entry of [`StoredSeries`]. An empty label is the same as none.
pub(super) fn entry(mut labels: BTreeMap<String, String>, value: f64) -> (String, Option<f64>) {
    labels.retain(|name, value| name != "job" && !value.is_empty());
    let name = &labels["__name__"];
    let constant = ["amperity_feed_", "amperity_ingest_"];
    let constant = constant.iter().any(|prefix| name.starts_with(prefix));
    (format!("{labels:?}"), constant.then_some(value))
}

/// The series of a scrape job.
pub(super) async fn stored(prometheus: &Prometheus, job: &str, but: &str) -> StoredSeries {
    let job_up = format!("up{{job='{job}'}}");
    let up = format!("{job_up} == 1 and sum_over_time({job_up}[1m]) > 2");
    prometheus.query_until(&up, |found| found.len() == 1).await;
    let selector = format!("{{job='{job}',__name__=~'amperity_.+',__name__!~'{but}'}}");
    let found = prometheus.query(&selector, None).await.into_iter();
    let series: StoredSeries = found
        .map(|one| {
            let (_, value) = one.last();
            entry(one.labels, value)
        })
        .collect();
    assert!(series.len() > 100, "{job}: {series:?}");
    series
}

/// Asserts that both have the same series, and prints only what differs.
pub(super) fn assert_same(what: &str, one: &StoredSeries, other: &StoredSeries) {
    let only = |one: &StoredSeries, other: &StoredSeries| {
        let missing = one
            .iter()
            .filter(|(key, value)| other.get(*key) != Some(value));
        missing
            .map(|entry| format!("{entry:?}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(only(one, other), only(other, one), "{what}");
}

/// The durations of the one run that was counted, as a native histogram.
async fn has_native_histograms(prometheus: &Prometheus, job: &str) {
    let durations = format!("amperity_feed_run_duration_seconds{{job='{job}'}}");
    let count = format!("histogram_count({durations})");
    let found = prometheus
        .query_until(&count, |found| found.len() == 1)
        .await;
    assert_eq!(found[0].last().1, 1.0);
    let median = format!("histogram_quantile(0.5, {durations})");
    let found = prometheus.query(&median, None).await;
    let error = (found[0].last().1 / 70.0 - 1.0).abs();
    assert!(error < 0.05, "{found:?}");
    let requests = format!(
        "histogram_count(amperity_api_request_duration_seconds{{job='{job}',endpoint='ingest_jobs'}}) > 2"
    );
    prometheus
        .query_until(&requests, |found| found.len() == 1)
        .await;
}

#[tokio::test]
async fn prometheus_2_stores_the_same_series_of_openmetrics_and_protobuf() {
    let _permit = crate::support::permit().await;
    let setup = set_up().await;
    let configuration = format!(
        "scrape_configs:\n{}",
        scrape("exporter", &setup.address, "")
    );
    let text = Prometheus::start(&configuration).await;
    let flags = ["--enable-feature=native-histograms"];
    let protobuf = Prometheus::start_with(&flags, &configuration).await;
    let of_text = stored(&text, "exporter", HISTOGRAMS).await;
    let of_protobuf = stored(&protobuf, "exporter", HISTOGRAMS).await;
    assert_same("OpenMetrics and protobuf", &of_text, &of_protobuf);
    has_native_histograms(&protobuf, "exporter").await;

    let page = setup.exporter.page().await;
    let lines = page.0.lines().filter(|line| line.starts_with("amperity_"));
    let all = stored(&text, "exporter", "none").await;
    assert_eq!(all.len(), lines.count(), "the series of the text format");
}

#[tokio::test]
#[ignore = "needs Prometheus 3: tests/peers.sh"]
async fn prometheus_3_stores_the_same_series_of_every_format() {
    let _permit = crate::support::permit().await;
    let setup = set_up().await;
    let mut configuration = "scrape_configs:\n".to_owned();
    configuration.push_str(&scrape("default", &setup.address, ""));
    for protocol in PROTOCOLS {
        let setting = format!("scrape_protocols: [{protocol}]");
        configuration.push_str(&scrape(protocol, &setup.address, &setting));
    }
    for protocol in NATIVE {
        let setting = format!("scrape_native_histograms: true\n    scrape_protocols: [{protocol}]");
        let job = format!("native {protocol}");
        configuration.push_str(&scrape(&job, &setup.address, &setting));
    }
    for feature in ["openmetrics2", "openmetrics2,zstd-scrape"] {
        let flag = format!("--enable-feature={feature}");
        let prometheus = Prometheus::start_with(&[&flag], &configuration).await;
        let default = stored(&prometheus, "default", "none").await;
        for protocol in PROTOCOLS {
            let mut series = stored(&prometheus, protocol, "none").await;
            if NATIVE.contains(&protocol) {
                let all = series.len();
                let only_here = r#""__name__": "amperity_feed_run_duration_seconds_bucket""#;
                series.retain(|series, _| !series.contains(only_here));
                assert_eq!(all - series.len(), 1, "the bucket at infinity of the feed");
            }
            assert_same(protocol, &default, &series);
        }
        let classic = stored(&prometheus, "default", HISTOGRAMS).await;
        for protocol in NATIVE {
            let job = format!("native {protocol}");
            let native = stored(&prometheus, &job, HISTOGRAMS).await;
            assert_same(&job, &classic, &native);
            has_native_histograms(&prometheus, &job).await;
        }
    }
}

#[tokio::test]
#[ignore = "needs Prometheus 3: tests/peers.sh"]
async fn prometheus_3_counts_the_first_run_of_a_feed_by_its_start_timestamp() {
    let _permit = crate::support::permit().await;
    let setup = set_up().await;
    let flags = ["--enable-feature=created-timestamp-zero-ingestion,openmetrics2"];
    let mut configuration = "scrape_configs:\n".to_owned();
    for protocol in NATIVE {
        let setting = format!("scrape_protocols: [{protocol}]");
        configuration.push_str(&scrape(protocol, &setup.address, &setting));
    }
    let prometheus = Prometheus::start_with(&flags, &configuration).await;
    let requests = "count_over_time(amperity_refreshes_total[5m]) > 2";
    prometheus
        .query_until(requests, |found| found.len() == NATIVE.len())
        .await;
    // Of a counter that had counted before the first scrape.
    let found = prometheus.query("amperity_refreshes_total[5m]", None).await;
    for series in &found {
        assert_eq!(series.samples[0].1, 0.0, "{found:?}");
    }

    // Finished when it is first seen.
    let started = Clock::system().now() - SignedDuration::from_secs(5);
    let new = job("isj-2", "df-2", started, 4);
    assert!(setup.upstream.simulator.add_job("socktown", new));
    let runs = r#"increase(amperity_feed_runs_total{feed="df-2",state="succeeded"}[1m]) > 0.5"#;
    prometheus
        .query_until(runs, |found| found.len() == NATIVE.len())
        .await;
}
