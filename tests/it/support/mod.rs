//! The setting of scenarios: the whole exporter on one side, the simulator's
//! request handler on the other, with paused time. Nothing of the
//! exporter is replaced except the socket.

pub(crate) mod http;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod upstream;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amperity_exporter::amperity::{Exchange, Transport, TransportError};
use amperity_exporter::clock::Clock;
use amperity_exporter::config::{
    Api, Collect, Credentials, Mode, Refresh, Secret, Settings, Tenant,
};
use amperity_exporter::exposition::{self, Encoding, Format};
use amperity_exporter::feeds::store::Store;
use amperity_exporter::refresh::{Environment, Exporter};
use amperity_exporter::telemetry::{Reason, Telemetry};
use amperity_simulator::{Delivery, Simulator, World};
use bytes::Bytes;
use jiff::Timestamp;
use secrecy::SecretString;

/// A permit for a test with real peers and real time. Such tests mostly wait; with
/// many at the same time they would time out on a small machine.
pub(crate) async fn permit() -> tokio::sync::SemaphorePermit<'static> {
    static PERMITS: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(3);
    PERMITS.acquire().await.unwrap()
}

/// When a scenario begins by default.
pub(crate) const START: &str = "2024-07-01T12:00:00Z";

pub(crate) fn start() -> Timestamp {
    START.parse().unwrap()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

pub(crate) fn hours(hours: u64) -> Duration {
    Duration::from_hours(hours)
}

/// An exporter, the simulator it uses, and what it logged.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) exporter: Exporter,
    clock: Clock,
    log: LogBuffer,
    _subscriber: tracing::subscriber::DefaultGuard,
}

impl Stage {
    /// An exporter of these simulated tenants with these settings, which starts to refresh now.
    pub(crate) async fn open(world: World, settings: Settings) -> Self {
        Self::with(world, settings, None, |_| {}).await
    }

    /// The same, with a state file, after the simulator was changed.
    pub(crate) async fn with(
        world: World,
        settings: Settings,
        store: Option<Store>,
        prepare: impl FnOnce(&Simulator),
    ) -> Self {
        let clock = Clock::starting_at(start());
        let simulator = {
            let clock = clock.clone();
            Simulator::new(world, move || clock.now())
        };
        prepare(&simulator);
        let log = LogBuffer::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(move || writer.clone())
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let exporter = exporter(&simulator, &clock, store);
        exporter.apply(settings).await.unwrap();
        Self {
            simulator,
            exporter,
            clock,
            log,
            _subscriber: guard,
        }
    }

    /// Ends the exporter and starts another one with the state file after `down`.
    pub(crate) async fn restart(&mut self, settings: Settings, state: &Path, down: Duration) {
        self.exporter.stop().await;
        // The state file is free when the last handle to it is dropped.
        self.exporter = exporter(&self.simulator, &self.clock, None);
        self.pass(down).await;
        let store = Store::open(state, self.clock.now()).unwrap();
        self.exporter = exporter(&self.simulator, &self.clock, Some(store));
        self.exporter.apply(settings).await.unwrap();
    }

    /// Advances the time.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// The page as text.
    pub(crate) async fn page(&self) -> Page {
        self.written(&self.exporter.page(None, None).await.unwrap().0)
    }

    /// The same, with this scrape timeout.
    pub(crate) async fn page_within(&self, budget: Duration) -> Page {
        self.written(&self.exporter.page(None, Some(budget)).await.unwrap().0)
    }

    fn written(&self, page: &exposition::Page) -> Page {
        let own = self.exporter.telemetry().gather(|_| true);
        let body = page.body(Format::Text, Encoding::Identity, &own);
        Page(String::from_utf8(body.chunks.concat()).unwrap())
    }

    /// What was logged so far, line by line.
    pub(crate) fn log(&self) -> Vec<String> {
        let bytes = self.log.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// No scenario may log a secret.
impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let log = self.log().join("\n");
        assert!(!log.contains("eyJ"), "a token in {log}");
        for credentials in self.simulator.credentials() {
            for secret in [credentials.token, credentials.client_secret] {
                let shown = !secret.is_empty() && log.contains(&secret);
                assert!(!shown, "a secret in {log}");
            }
        }
    }
}

/// An exporter without tenants that uses this simulator.
pub(crate) fn exporter(simulator: &Simulator, clock: &Clock, store: Option<Store>) -> Exporter {
    let simulator = simulator.clone();
    Exporter::new(Environment {
        clock: clock.clone(),
        telemetry: Telemetry::new().unwrap(),
        store: store.unwrap_or_else(Store::in_memory),
        connect: Arc::new(move |api| {
            let simulator = simulator.clone();
            Ok(Arc::new(InProcess(simulator, api.response_bytes)))
        }),
    })
}

/// A page in text 0.0.4.
pub(crate) struct Page(pub(crate) String);

impl Page {
    /// The value of a series, written as on the page; `None` without it.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        let lines = self.0.lines().filter(|line| !line.starts_with('#'));
        let mut values = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            (name == series).then(|| value.parse().unwrap())
        });
        let value = values.next();
        assert!(values.next().is_none(), "{series} is there twice");
        value
    }

    /// All samples of a family, by their labels as written.
    pub(crate) fn family(&self, name: &str) -> BTreeMap<String, f64> {
        let lines = self.0.lines();
        let samples = lines.filter_map(|line| {
            let (series, value) = line.strip_prefix(name)?.rsplit_once(' ')?;
            let labels = series.strip_prefix('{')?.strip_suffix('}')?;
            Some((labels.to_owned(), value.parse().unwrap()))
        });
        samples.collect()
    }

    /// The ids of the jobs on the page.
    pub(crate) fn jobs(&self) -> Vec<String> {
        let labels = self.family("amperity_ingest_job_info").into_keys();
        labels.map(|labels| label(&labels, "job_id")).collect()
    }

    /// The state of a job's only table.
    pub(crate) fn state(&self, job: &str) -> Option<String> {
        let states = self.family("amperity_ingest_state");
        let mut current = states
            .into_iter()
            .filter(|(labels, value)| *value == 1.0 && label(labels, "job_id") == job);
        current.next().map(|(labels, _)| label(&labels, "state"))
    }
}

/// A label's value, for values without quotes in them.
pub(crate) fn label(labels: &str, name: &str) -> String {
    let start = labels.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
    let end = start + labels[start..].find('"').unwrap();
    labels[start..end].to_owned()
}

/// Settings of these tenants, refreshed every minute.
pub(crate) fn settings(tenants: impl IntoIterator<Item = Tenant>) -> Settings {
    Settings {
        refresh: Refresh {
            mode: Mode::Interval(minutes(1)),
            stale_after: minutes(15),
        },
        tenants: tenants.into_iter().map(Arc::new).collect(),
        state_file: None,
        forget_after: hours(35 * 24),
    }
}

/// A tenant that discovers the jobs of a day, with the simulator's usual
/// token for it.
pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant {
        tenant: name.into(),
        api: Api {
            base_url: "http://simulator.test/api".parse().unwrap(),
            version: "2024-04-01".to_owned(),
            timeout: seconds(30),
            requests_per_second: 5.0,
            proxy_url: None,
            ca_file: None,
            response_bytes: 64 << 20,
        },
        credentials: Credentials::Token(secret(&format!("token-of-{name}"))),
        jobs: Vec::new(),
        discovery: Some(hours(24)),
        collect: Collect {
            jobs: true,
            feeds: true,
            files: false,
            workflows: false,
        },
        max_jobs: 10_000,
        page_bytes: 256 << 20,
        created_series: false,
        feed_rules: Arc::default(),
        workflow_types: Arc::default(),
        ui_url: None,
    }
}

/// The simulator's OAuth2 client of a tenant.
pub(crate) fn oauth2(simulated: &amperity_simulator::Credentials) -> Credentials {
    Credentials::OAuth2 {
        client_id: simulated.client_id.clone(),
        client_secret: secret(&simulated.client_secret),
        token_url: "http://simulator.test/api/v0/oauth2/token".parse().unwrap(),
    }
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::Value(SecretString::from(text))
}

/// Calls the simulator's handler and carries out its faults.
#[derive(Debug)]
struct InProcess(Simulator, u64);

impl Transport for InProcess {
    fn send(&self, request: hyper::Request<Bytes>) -> Exchange<'_> {
        Box::pin(async move {
            let reply = self.0.respond(&request);
            tokio::time::sleep(reply.delay).await;
            let broken = |status| TransportError {
                reason: Reason::Unreachable,
                message: "connection reset by peer".to_owned(),
                status,
                headers: reqwest::header::HeaderMap::new(),
            };
            match reply.delivery {
                Delivery::Send if reply.response.body().len() as u64 > self.1 => {
                    Err(TransportError {
                        reason: Reason::TooLarge,
                        message: "the response is larger than limits.response_bytes".to_owned(),
                        status: Some(200),
                        headers: reqwest::header::HeaderMap::new(),
                    })
                }
                Delivery::Send => Ok(reply.response),
                Delivery::Hang => std::future::pending().await,
                Delivery::Reset => Err(broken(None)),
                Delivery::ResetAfter(_) | Delivery::CloseAfter(_) => {
                    Err(broken(Some(reply.response.status().as_u16())))
                }
            }
        })
    }
}

#[derive(Clone, Default)]
struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
