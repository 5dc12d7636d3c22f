//! Scrapes during reloads, and while a new page is published every few
//! milliseconds.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use amperity_exporter::clock::Clock;
use amperity_exporter::config::Mode;
use amperity_exporter::web::{self, Limits, Routes, WebSecurity};
use amperity_simulator::{Job, SimulatedTenant, Simulator, Table, World};
use jiff::SignedDuration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::{Duration, Instant, sleep};

use crate::support::process::Process;
use crate::support::prometheus::{Prometheus, Series};
use crate::support::upstream::Upstream;
use crate::support::{Page, exporter, label, minutes, seconds, settings, start, tenant};

const RELOADING: Duration = Duration::from_secs(5);
/// Different pages to read with curl and gzip.
const PAGES: usize = 20;
/// The time for that, on a busy machine.
const PAGES_TIMEOUT: Duration = Duration::from_mins(2);

async fn upstream_of(tenants: &[&str]) -> Upstream {
    let started = Clock::system().now() - SignedDuration::from_mins(10);
    let mut world = World::empty();
    for name in tenants {
        let table = Table::new("Customers", "df-1").lasting(minutes(1));
        let job = Job::new("isj-1", started).table(table);
        world = world.tenant(SimulatedTenant::new(*name).job(job));
    }
    Upstream::serve(world).await
}

/// Replaces the configuration in one step.
fn configure(file: &Path, base_url: &str, tenants: &[&str]) {
    let mut text = format!("api: {{base_url: \"{base_url}\"}}\ntenants:\n");
    for name in tenants {
        writeln!(
            text,
            "  - {{tenant: {name}, authorization: {{credentials: token-of-{name}}}, \
             discovery: {{window: 1h}}}}"
        )
        .unwrap();
    }
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}

/// The tenants of the series on a page.
fn tenants_on(page: &str) -> BTreeSet<String> {
    let series = page.lines().filter(|line| line.contains("tenant=\""));
    series.map(|line| label(line, "tenant")).collect()
}

/// Scrapes until `stop` is set. Returns the number of scrapes and the sets of
/// tenants that were on the pages.
async fn scrape(url: String, stop: Arc<AtomicBool>) -> (usize, BTreeSet<BTreeSet<String>>) {
    let provider = rustls::crypto::ring::default_provider();
    let _ = provider.install_default();
    let client = reqwest::Client::new();
    let mut kinds = BTreeSet::new();
    let mut scrapes = 0;
    while !stop.load(Ordering::Relaxed) {
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let page = Page(response.text().await.unwrap());
        for series in ["amperity_up", "amperity_exporter_jobs"] {
            let of_stays = page.value(&format!(r#"{series}{{tenant="stays"}}"#));
            assert_eq!(
                of_stays,
                Some(1.0),
                "{series}: a tenant that stays keeps its data"
            );
        }
        kinds.insert(tenants_on(&page.0));
        scrapes += 1;
    }
    (scrapes, kinds)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_fail_no_scrape_and_mix_no_two_configurations() {
    const BEFORE: [&str; 2] = ["leaves", "stays"];
    const AFTER: [&str; 2] = ["comes", "stays"];
    let _permit = crate::support::permit().await;
    let upstream = upstream_of(&["leaves", "stays", "comes"]).await;
    let base_url = upstream.base_url();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("amperity_exporter.yml");
    configure(&file, &base_url, &BEFORE);
    let mut exporter = Process::start(&[format!("--config.file={}", file.display())]).await;
    let address = exporter.listening().await;

    let stop = Arc::new(AtomicBool::new(false));
    let url = format!("http://{address}/metrics");
    let scraping: Vec<_> = (0..4)
        .map(|_| tokio::spawn(scrape(url.clone(), Arc::clone(&stop))))
        .collect();
    let begun = Instant::now();
    let mut reloads = 0;
    while begun.elapsed() < RELOADING {
        reloads += 1;
        let tenants = if reloads % 2 == 1 { &AFTER } else { &BEFORE };
        configure(&file, &base_url, tenants);
        exporter.hang_up().await;
        sleep(Duration::from_millis(100)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut seen = BTreeSet::new();
    for task in scraping {
        let (scrapes, kinds) = task.await.unwrap();
        assert!(scrapes > 0);
        seen.extend(kinds);
    }
    let mixed = seen
        .iter()
        .find(|kind| kind.contains("leaves") && kind.contains("comes"));
    assert_eq!(mixed, None, "a page of two configurations");
    for tenants in [BEFORE, AFTER] {
        assert!(
            seen.contains(&tenants.map(str::to_owned).into()),
            "{seen:?}"
        );
    }
}

/// A server that publishes a new page every few milliseconds.
async fn frequently_published() -> String {
    let clock = Clock::starting_at(start());
    let shown = clock.clone();
    let simulator = Simulator::new(
        World::empty().tenant(SimulatedTenant::new("socktown")),
        move || shown.now(),
    );
    // The rate limits would allow five pages a second.
    simulator.set(|options| options.requests_per_second = usize::MAX);
    let mut tenant = tenant("socktown");
    tenant.api.requests_per_second = 1_000.0;
    let exporter = exporter(&simulator, &clock, None);
    let mut settings = settings([tenant]);
    settings.refresh.mode = Mode::Interval(Duration::from_millis(5));
    settings.refresh.stale_after = seconds(60);
    exporter.apply(settings).await.unwrap();
    tokio::spawn(async move {
        for number in 0_u32.. {
            let table = Table::new("Customers", format!("df-{}", number % 50));
            let started = clock.now() - SignedDuration::from_mins(1);
            let job = Job::new(format!("isj-{}", number % 500), started);
            assert!(simulator.add_job("socktown", job.table(table)));
            sleep(Duration::from_millis(2)).await;
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let telemetry = exporter.telemetry().clone();
        web::serve(
            vec![listener],
            Routes::new(exporter, "/metrics", None),
            Arc::new(WebSecurity::disabled()),
            &telemetry,
            Limits::default(),
            std::future::pending(),
        )
        .await;
    });
    address.to_string()
}

/// The output of a program for this input.
async fn output(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut to_child = child.stdin.take().unwrap();
    let input = input.to_owned();
    tokio::spawn(async move { to_child.write_all(&input).await });
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{program} {arguments:?}");
    output.stdout
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gzip_curl_and_prometheus_read_pages_while_new_ones_are_published() {
    let _permit = crate::support::permit().await;
    let address = frequently_published().await;
    let url = format!("http://{address}/metrics");
    // Ten scrapers with a long timeout rather than one with a short one.
    let mut configuration = "scrape_configs:\n".to_owned();
    for number in 0..10 {
        writeln!(
            configuration,
            "  - {{job_name: frequent-{number}, scrape_interval: 2s, scrape_timeout: 2s, \
             static_configs: [{{targets: [\"{address}\"]}}]}}"
        )
        .unwrap();
    }
    let prometheus = Prometheus::start(&configuration).await;
    let mut published = BTreeSet::new();
    let begun = Instant::now();
    while published.len() < PAGES {
        let round = published.len();
        assert!(
            begun.elapsed() < PAGES_TIMEOUT,
            "too few pages: {published:?}"
        );
        let compressed = ["-sS", "-H", "Accept-Encoding: gzip", &url];
        let member = output("curl", &compressed, b"").await;
        output("gzip", &["-t"], &member).await;
        let text = output("gzip", &["-dc"], &member).await;
        assert!(text.starts_with(b"# HELP"), "page {round}");
        let open_metrics = [
            "-sS",
            "--compressed",
            "-H",
            "Accept: application/openmetrics-text;version=1.0.0",
            &url,
        ];
        let page = output("curl", &open_metrics, b"").await;
        assert!(page.ends_with(b"# EOF\n"), "page {round}");
        // Unlike the exporter's own series, this one changes only with the page.
        let page = Page(String::from_utf8(page).unwrap());
        let of_page = page.value(r#"amperity_last_success_timestamp_seconds{tenant="socktown"}"#);
        published.insert(of_page.map(f64::to_bits));
    }
    let many = |scrapes: &[Series]| scrapes.iter().any(|all| all.last().1 >= 20.0);
    let scrapes = "sum(count_over_time(up[5m]))";
    prometheus.query_until(scrapes, many).await;
    let read = prometheus.query("min(min_over_time(up[5m]))", None).await;
    let targets = prometheus.targets().await;
    assert_eq!(read[0].last().1, 1.0, "a scrape failed: {targets:?}");
}
