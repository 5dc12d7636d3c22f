//! The whole chain on loopback: simulator, exporter, Prometheus with the
//! shipped rules, Alertmanager with the shipped configuration, and a receiver of
//! its messages. Prometheus and Alertmanager read copies of the shipped files
//! with shorter times.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use amperity_exporter::clock::Clock;
use amperity_simulator::{Simulator, World};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::inbox::Inbox;
use super::{array, files, read, repository, text, yaml};

/// A free port, for programs that keep theirs over a restart.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Starts a program that is killed with its handle. Its output goes to a file
/// beside its configuration.
pub(super) fn start(program: &str, arguments: &[String], folder: &Path) -> Child {
    let name = Path::new(program).file_name().unwrap().to_string_lossy();
    let log = File::create(folder.join(format!("{name}.log"))).unwrap();
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::from(log.try_clone().unwrap()))
        .stderr(Stdio::from(log))
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; run ./tests/run.sh"))
}

fn write(path: &Path, value: &Value) {
    // JSON is YAML too.
    fs::write(path, serde_json::to_string_pretty(value).unwrap()).unwrap();
}

/// How the waiting times of rules and notifications are shortened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// To a second or three.
    Least,
    /// A minute to a second, but three seconds at the least in rules: a
    /// refresh, a scrape and an evaluation take a second each.
    ToScale,
}

impl Waits {
    /// A waiting time such as `15m` in seconds.
    fn of(self, written: &str, least: u32) -> String {
        let minutes = written.strip_suffix('m').and_then(|text| text.parse().ok());
        let minutes: Option<u32> = minutes.filter(|_| self == Self::ToScale);
        format!("{}s", minutes.unwrap_or(least).max(least))
    }
}

/// Shortens waiting times and windows to seconds.
fn shorten(rules: &mut Value, waits: Waits) {
    let groups = rules["groups"].as_array_mut().unwrap();
    for rule in groups
        .iter_mut()
        .flat_map(|group| group["rules"].as_array_mut().unwrap())
    {
        // A stuck job keeps its time.
        for duration in ["for", "keep_firing_for"] {
            if text(rule, duration).ends_with('m') && text(rule, duration) != "50m" {
                rule[duration] = json!(waits.of(text(rule, duration), 3));
            }
        }
        // How long a failure fires that a success has followed.
        let expression =
            text(rule, "expr").replace(r#"{state="failed"}[15m]"#, r#"{state="failed"}[8s]"#);
        // Windows of alerts; those of recorded series bridge an exporter that is away.
        let expression = match rule.get("alert") {
            Some(_) => expression.replace("[15m]", "[8s]"),
            None => expression,
        };
        rule["expr"] = json!(expression);
    }
}

/// Prometheus with the shipped rules, scraping an exporter every second.
pub(super) fn prometheus(
    folder: &Path,
    exporter: u16,
    alertmanager: u16,
    waits: Waits,
) -> (Child, String) {
    let copies = folder.join("rules");
    fs::create_dir(&copies).unwrap();
    for path in files("deploy/prometheus/rules", "yml") {
        let mut rules = yaml(&path);
        shorten(&mut rules, waits);
        write(&copies.join(path.file_name().unwrap()), &rules);
    }
    let mut config = yaml(&repository("deploy/prometheus/prometheus.yml"));
    config["global"] =
        json!({"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"});
    let at = |port: u16| json!([{"targets": [format!("127.0.0.1:{port}")]}]);
    config["alerting"]["alertmanagers"][0]["static_configs"] = at(alertmanager);
    config["scrape_configs"][0]["static_configs"] = at(exporter);
    let port = free_port();
    // Its own metrics show whether a rule failed.
    let own = json!({"job_name": "prometheus", "static_configs": at(port)});
    config["scrape_configs"].as_array_mut().unwrap().push(own);
    write(&folder.join("prometheus.yml"), &config);
    let arguments = [
        "--config.file=prometheus.yml".to_owned(),
        "--storage.tsdb.path=data".to_owned(),
        "--rules.alert.resend-delay=1s".to_owned(),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ];
    let child = start("prometheus", &arguments, folder);
    (child, format!("http://127.0.0.1:{port}"))
}

/// Alertmanager with the shipped routes, inhibition and templates. Its webhook
/// and Slack receivers send to the inbox.
fn alertmanager(folder: &Path, port: u16, inbox: SocketAddr, waits: Waits) -> Child {
    let shipped = repository("deploy/alertmanager/alertmanager.yml");
    let mut config = yaml(&shipped);
    let receiver = |name: &str| {
        let receivers = array(&config, "receivers");
        let found = receivers
            .iter()
            .find(|receiver| text(receiver, "name") == name);
        found.unwrap().clone()
    };
    let mut webhook = receiver("webhook")["webhook_configs"][0].clone();
    webhook["url"] = json!(format!("http://{inbox}/webhook"));
    let mut slack = receiver("slack")["slack_configs"][0].clone();
    let slack_url = folder.join("slack_url");
    slack["api_url_file"] = json!(slack_url);
    fs::write(slack_url, format!("http://{inbox}/slack")).unwrap();
    config["receivers"] =
        json!([{"name": "inbox", "webhook_configs": [webhook], "slack_configs": [slack]}]);
    let mut routes = vec![&mut config["route"]];
    while let Some(route) = routes.pop() {
        route["receiver"] = json!("inbox");
        for duration in ["group_wait", "group_interval"] {
            route[duration] = json!(waits.of(text(route, duration), 1));
        }
        if let Some(children) = route.get_mut("routes") {
            routes.extend(children.as_array_mut().unwrap());
        }
    }
    write(&folder.join("alertmanager.yml"), &config);
    let templates = folder.join("templates");
    fs::create_dir(&templates).unwrap();
    for path in files("deploy/alertmanager/templates", "tmpl") {
        fs::copy(&path, templates.join(path.file_name().unwrap())).unwrap();
    }
    let arguments = [
        "--config.file=alertmanager.yml".to_owned(),
        "--storage.path=alertmanager".to_owned(),
        "--cluster.listen-address=".to_owned(),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ];
    start("alertmanager", &arguments, folder)
}

/// The running programs, from the simulated API to the inbox.
pub(super) struct Chain {
    pub(super) simulator: Simulator,
    pub(super) inbox: Inbox,
    /// The address of Prometheus.
    pub(super) prometheus: String,
    exporter: Option<Child>,
    exporter_port: u16,
    _peers: [Child; 2],
    folder: TempDir,
}

impl Chain {
    /// Starts everything for a tenant with a token that is not renewed, with
    /// what is expected of its feeds.
    pub(super) async fn start(world: World, tenant: &str, expect: &str) -> Self {
        Self::start_with(world, tenant, expect, Waits::Least).await
    }

    /// The same, with these waiting times.
    pub(super) async fn start_with(world: World, tenant: &str, expect: &str, waits: Waits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let api = listener.local_addr().unwrap();
        let simulator = Simulator::new(world, || Clock::system().now());
        tokio::spawn(amperity_simulator::serve(
            listener,
            simulator.clone(),
            std::future::pending(),
        ));
        let config = format!(
            "refresh: {{interval: 1s}}\n\
             api: {{base_url: 'http://{api}/api', requests_per_second: 9}}\n\
             tenants:\n  - tenant: {tenant}\n    authorization: {{credentials_file: token}}\n    \
             discovery: {{window: 1h}}\n\
             feeds: {{expect: {expect}}}\n"
        );
        fs::write(folder.path().join("amperity_exporter.yml"), config).unwrap();

        let inbox = Inbox::open().await;
        let (exporter_port, alertmanager_port) = (free_port(), free_port());
        let alertmanager = alertmanager(folder.path(), alertmanager_port, inbox.address, waits);
        let (watcher, prometheus) =
            prometheus(folder.path(), exporter_port, alertmanager_port, waits);
        let mut chain = Self {
            simulator,
            inbox,
            exporter: None,
            exporter_port,
            prometheus,
            _peers: [alertmanager, watcher],
            folder,
        };
        chain.new_token(tenant);
        chain.start_exporter();
        chain
    }

    /// Gives the exporter a token that is good for a month.
    pub(super) fn new_token(&self, tenant: &str) {
        let lifetime = std::time::Duration::from_hours(30 * 24);
        let token = self.simulator.make_token(tenant, lifetime).unwrap();
        fs::write(self.folder.path().join("token"), token).unwrap();
    }

    pub(super) fn start_exporter(&mut self) {
        let arguments = [
            "--config.file=amperity_exporter.yml".to_owned(),
            format!("--web.listen-address=127.0.0.1:{}", self.exporter_port),
        ];
        let program = env!("CARGO_BIN_EXE_amperity_exporter");
        self.exporter = Some(start(program, &arguments, self.folder.path()));
    }

    pub(super) async fn stop_exporter(&mut self) {
        self.exporter.take().unwrap().kill().await.unwrap();
    }

    /// The address of the exporter, as Prometheus' `instance` label has it.
    pub(super) fn instance(&self) -> String {
        format!("127.0.0.1:{}", self.exporter_port)
    }

    /// The last lines of the programs' logs, for a test that failed.
    pub(super) fn logs(&self) -> String {
        let logs = ["amperity_exporter", "prometheus", "alertmanager"].map(|name| {
            let log = read(&self.folder.path().join(format!("{name}.log")));
            let lines: Vec<&str> = log.lines().rev().take(10).collect();
            format!("--- {name}\n{}", lines.join("\n"))
        });
        logs.join("\n")
    }
}
