//! What other programs read of a page is what Prometheus stores: vmagent of
//! `VictoriaMetrics`, the Prometheus receiver of the OpenTelemetry Collector, and the
//! strict `OpenMetrics` parser of Python's `prometheus_client`.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::formats::{StoredSeries, assert_same, entry, scrape, set_up, stored};
use crate::support::process::free_address;
use crate::support::prometheus::Prometheus;

/// A scraper with its configuration. Dropping it kills it.
struct Scraper {
    _child: Child,
    _folder: TempDir,
}

impl Scraper {
    /// Starts a program of tests/peers.sh; `arguments` are made from its folder
    /// and its configuration file.
    fn start(
        program: &str,
        configuration: &str,
        arguments: impl Fn(&str, &str) -> Vec<String>,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("configuration.yml");
        std::fs::write(&file, configuration).unwrap();
        let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
        let child = Command::new(program)
            .args(arguments(&path(folder.path()), &path(&file)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{program} is not on PATH: run tests/peers.sh ({error})")
            });
        Self {
            _child: child,
            _folder: folder,
        }
    }
}

#[tokio::test]
#[ignore = "needs vmagent: tests/peers.sh"]
async fn vmagent_stores_what_prometheus_stores() {
    let _permit = crate::support::permit().await;
    let setup = set_up().await;
    let job = |name| format!("scrape_configs:\n{}", scrape(name, &setup.address, ""));
    let flags = ["--web.enable-remote-write-receiver"];
    let prometheus = Prometheus::start_with(&flags, &job("prometheus")).await;
    let write = format!("http://{}/api/v1/write", prometheus.address());
    let _vmagent = Scraper::start("vmagent", &job("vmagent"), |folder, file| {
        vec![
            format!("-promscrape.config={file}"),
            format!("-remoteWrite.url={write}"),
            format!("-remoteWrite.tmpDataPath={folder}/unsent"),
            "-remoteWrite.flushInterval=1s".into(),
            format!("-httpListenAddr={}", free_address([127, 0, 0, 1])),
        ]
    });
    let by_prometheus = stored(&prometheus, "prometheus", "none").await;
    let by_vmagent = stored(&prometheus, "vmagent", "none").await;
    assert_same("vmagent", &by_prometheus, &by_vmagent);
}

/// A series as tests/collector/main.go and `PARSE` print it.
#[derive(Deserialize)]
struct PrintedSeries {
    labels: BTreeMap<String, String>,
    /// JSON has no number for infinity.
    value: String,
}

/// The exporter's series that a program printed, one per line.
fn printed<'a>(lines: impl IntoIterator<Item = &'a str>, instance: &str) -> StoredSeries {
    let lines = lines.into_iter();
    let series = lines.map(|line| serde_json::from_str(line).unwrap());
    let own = series.filter(|one: &PrintedSeries| one.labels["__name__"].starts_with("amperity_"));
    own.map(|PrintedSeries { mut labels, value }| {
        labels.insert("instance".into(), instance.into());
        entry(labels, value.parse().unwrap())
    })
    .collect()
}

/// The lines up to the next empty one.
async fn next_scrape(output: &mut BufReader<ChildStdout>) -> Vec<String> {
    let mut scrape = Vec::new();
    loop {
        let mut line = String::new();
        let read = output.read_line(&mut line).await.unwrap();
        assert!(read > 0, "the Collector has ended");
        if line.trim().is_empty() {
            return scrape;
        }
        scrape.push(line);
    }
}

#[tokio::test]
#[ignore = "needs the OpenTelemetry Collector: tests/peers.sh"]
async fn the_collector_receives_what_prometheus_stores() {
    let _permit = crate::support::permit().await;
    let setup = set_up().await;
    let job = scrape("prometheus", &setup.address, "");
    let prometheus = Prometheus::start(&format!("scrape_configs:\n{job}")).await;
    let stored = stored(&prometheus, "prometheus", "none").await;
    let mut collector = Command::new("collector")
        .arg(&setup.address)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("collector is not on PATH: run tests/peers.sh");
    let mut output = BufReader::new(collector.stdout.take().unwrap());
    let scrape = next_scrape(&mut output).await;
    let received = printed(scrape.iter().map(String::as_str), &setup.address);
    assert_same("the Collector", &stored, &received);
}

/// Prints the types of all families, an empty line, and all series.
const PARSE: &str = r#"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
for family in families:
    print(family.name, family.type)
print()
for sample in (sample for family in families for sample in family.samples):
    labels = {"__name__": sample.name, **sample.labels}
    print(json.dumps({"labels": labels, "value": repr(float(sample.value))}))
"#;

/// The output of `PARSE` for this page.
async fn parse_with_python(page: &str) -> String {
    let mut python = Command::new("python3")
        .args(["-c", PARSE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("python3 is not on PATH");
    let mut input = python.stdin.take().unwrap();
    input.write_all(page.as_bytes()).await.unwrap();
    drop(input);
    let output = python.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{page}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
#[ignore = "needs Python's prometheus_client: tests/peers.sh"]
async fn python_reads_the_families_and_series_that_prometheus_stores() {
    let _permit = crate::support::permit().await;
    let setup = set_up().await;
    let job = scrape("prometheus", &setup.address, "");
    let prometheus = Prometheus::start(&format!("scrape_configs:\n{job}")).await;
    let stored = stored(&prometheus, "prometheus", "none").await;
    let accept = "application/openmetrics-text;version=1.0.0";
    let page = setup.exporter.get_as("/metrics", accept).await.unwrap();
    let page = page.into_body();
    let output = parse_with_python(&page).await;
    let (families, series) = output.split_once("\n\n").unwrap();
    let on_page = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    assert_eq!(
        families.lines().collect::<Vec<_>>(),
        on_page.collect::<Vec<_>>()
    );
    assert_same("Python", &stored, &printed(series.lines(), &setup.address));
}
