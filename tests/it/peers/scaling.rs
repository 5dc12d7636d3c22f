//! The configurations of `docs/SCALING.md`, run as they are written there but
//! for addresses and intervals: the real binary, and a real Prometheus.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use amperity_exporter::clock::Clock;
use amperity_simulator::{Job, Rows, SimulatedTenant, Table, World};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::support::minutes;
use crate::support::process::{Process, free_address};
use crate::support::prometheus::{Prometheus, Series};
use crate::support::upstream::Upstream;

const PROBED: [&str; 2] = ["isj-20240701-48815-6dcXdk", "isj-20240702-00007-aB3dEf"];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The fenced block of a section that begins with this line, without it.
fn block(section: &str, first: &str) -> String {
    let document = fs::read_to_string(repository("docs/SCALING.md")).unwrap();
    let sections = document.split("\n## ");
    let mut sections = sections.filter(|text| text.lines().next() == Some(section));
    let section = sections.next().unwrap();
    let mut blocks = section.split("\n```").skip(1).step_by(2);
    let begin = format!("{first}\n");
    let block = blocks.find_map(|block| Some(block.split_once(&begin)?.1));
    block.unwrap().trim_end().to_owned() + "\n"
}

/// The scrape configuration of a section, with other addresses: the exporters
/// `amperity-exporter-0` and `-1` are 127.0.0.10 and .11.
fn scrape_configuration(section: &str, port: u16) -> String {
    let mut text = block(section, "yaml\n# prometheus.yml");
    for interval in ["45s", "1m", "2m"] {
        text = text.replace(&format!(": {interval}\n"), ": 2s\n");
    }
    text.replace("amperity-exporter-", "127.0.0.1")
        .replace("amperity-exporter:", "127.0.0.10:")
        .replace(":10109", &format!(":{port}"))
}

/// A simulated API with these jobs, and the folder of an exporter of its
/// tenants by the section's configuration.
async fn set_up(
    section: &str,
    tenants: &[&str],
    jobs: &[(&str, Timestamp)],
) -> (Upstream, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::empty();
    for name in tenants {
        let mut tenant = SimulatedTenant::new(*name);
        for (id, started) in jobs {
            let rows = Rows {
                inserted: 70,
                updated: 20,
                rejected: 6,
                errors: 4,
            };
            let table = Table::new("Customers", "df-1").lasting(minutes(1));
            tenant = tenant.job(Job::new(*id, *started).table(table.rows(rows)));
        }
        world = world.tenant(tenant);
        let file = folder.path().join(format!("{name}.jwt"));
        fs::write(file, format!("token-of-{name}")).unwrap();
    }
    let only = format!("token-of-{}", tenants[0]);
    fs::write(folder.path().join("token.jwt"), only).unwrap();
    let upstream = Upstream::serve(world).await;
    let configuration = block(section, "yaml\n# amperity_exporter.yml");
    let configuration = format!(
        "{configuration}api: {{base_url: \"{}\"}}\n",
        upstream.base_url()
    );
    fs::write(folder.path().join("amperity_exporter.yml"), configuration).unwrap();
    (upstream, folder)
}

async fn start(address: &str, folder: &Path) -> Process {
    let file = folder.join("amperity_exporter.yml");
    let file = format!("--config.file={}", file.display());
    Process::start(&[file, format!("--web.listen-address={address}")]).await
}

fn is(series: &[Series], value: f64) -> bool {
    matches!(series, [only] if only.last().1 == value)
}

#[tokio::test]
async fn two_exporters_share_the_tenants_and_each_is_scraped_exactly_once() {
    let _permit = crate::support::permit().await;
    let tenants = ["socktown", "argyle", "anklet", "gaiter"];
    let now = Clock::system().now();
    let started = now - SignedDuration::from_mins(10);
    let (_upstream, folder) = set_up("Many tenants", &tenants, &[("isj-1", started)]).await;
    let address = free_address([127, 0, 0, 10]);
    let _first = start(&address.to_string(), folder.path()).await;
    let port = address.port();
    let _second = start(&format!("127.0.0.11:{port}"), folder.path()).await;
    let configuration = scrape_configuration("Many tenants", port);
    let prometheus = Prometheus::start(&configuration).await;

    let tenants: BTreeSet<&str> = tenants.into();
    let runs = r#"count by (tenant) (amperity_ingest_job_info{job="amperity"})"#;
    let all = |runs: &[Series]| runs.len() == tenants.len();
    for run in prometheus.query_until(runs, all).await {
        assert!(tenants.contains(&*run.labels["tenant"]), "{run:?}");
        assert_eq!(run.last().1, 1.0, "{run:?}");
    }
    let targets = prometheus.targets().await;
    let of = |find: fn(&serde_json::Value) -> &serde_json::Value| {
        let found = targets.iter().map(|target| find(target).as_str().unwrap());
        found.collect::<Vec<_>>()
    };
    let instances = of(|target| &target["labels"]["instance"]);
    assert_eq!(instances.len(), tenants.len(), "{targets:?}");
    assert_eq!(instances.into_iter().collect::<BTreeSet<_>>(), tenants);
    let urls = of(|target| &target["scrapeUrl"]);
    for exporter in ["127.0.0.10", "127.0.0.11"] {
        let begin = format!("http://{exporter}:{port}/metrics?tenant=");
        assert!(urls.iter().any(|url| url.starts_with(&begin)), "{urls:?}");
    }
}

#[tokio::test]
async fn a_scheduler_hands_job_ids_to_prometheus_by_a_file() {
    let _permit = crate::support::permit().await;
    let started: Timestamp = "2024-07-01T12:00:00Z".parse().unwrap();
    let jobs = PROBED.map(|id| (id, started));
    let (_upstream, folder) = set_up("Single jobs", &["socktown"], &jobs).await;
    let address = free_address([127, 0, 0, 10]);
    let _exporter = start(&address.to_string(), folder.path()).await;
    let targets = block("Single jobs", "json");
    assert!(targets.contains(PROBED[0]));
    let file = folder.path().join("amperity_jobs.json");
    let hand_over = |targets: &str| {
        let new = file.with_extension("new");
        fs::write(&new, targets).unwrap();
        fs::rename(new, &file).unwrap();
    };
    hand_over(&targets);
    let configuration = scrape_configuration("Single jobs", address.port());
    let documented = "targets/amperity_jobs.json";
    assert!(configuration.contains(documented));
    let configuration = configuration.replace(documented, file.to_str().unwrap());
    let prometheus = Prometheus::start(&configuration).await;
    for (id, next) in PROBED.into_iter().zip([Some(PROBED[1]), None]) {
        let probes = format!(r#"probe_success{{job="amperity_probe",instance="{id}"}}"#);
        let found = |series: &[Series]| is(series, 1.0);
        let series = prometheus.query_until(&probes, found).await;
        let labels = series[0].labels.iter();
        let labels: Vec<_> = labels.map(|(name, value)| (&**name, &**value)).collect();
        let expected = [
            ("__name__", "probe_success"),
            ("instance", id),
            ("job", "amperity_probe"),
            ("job_id", id),
            ("tenant", "socktown"),
        ];
        assert_eq!(labels, expected);
        let rows = format!(r#"amperity_ingest_read_rows{{instance="{id}",job_id="{id}"}}"#);
        let read = |series: &[Series]| is(series, 100.0);
        prometheus.query_until(&rows, read).await;
        if let Some(next) = next {
            hand_over(&targets.replace(id, next));
        }
    }
    let page = r#"amperity_up{job="amperity",tenant="socktown"}"#;
    prometheus.query_until(page, |up| is(up, 1.0)).await;
}

#[test]
fn the_scrape_configurations_that_are_installed_are_those_of_the_document() {
    let pairs = [
        ("Single jobs", "deploy/prometheus/prometheus-probe.yml"),
        ("Many tenants", "deploy/prometheus/prometheus-http-sd.yml"),
    ];
    for (section, path) in pairs {
        let installed = fs::read_to_string(repository(path)).unwrap();
        let documented = block(section, "yaml\n# prometheus.yml");
        assert!(
            installed.ends_with(&documented),
            "{path} is not what docs/SCALING.md says"
        );
    }
}
