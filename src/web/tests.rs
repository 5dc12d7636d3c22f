//! An exporter with a minimal API, and a server on its own port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::amperity::{Exchange, Transport};
use crate::clock::Clock;
use crate::config;
use crate::refresh::{Environment, Exporter};
use crate::telemetry::Telemetry;

mod client_certificates;
mod pki;
mod routes;
mod security;
mod sockets;
mod tls;

/// An API with the job `isj-1` only.
#[derive(Debug)]
struct OneJob;

impl Transport for OneJob {
    fn send(&self, request: hyper::Request<Bytes>) -> Exchange<'_> {
        let known = request.uri().path().ends_with("/isj-1");
        let (status, body) = if known {
            let table =
                r#"{"table_name":"Customers","feed_id":"df-1","state":"succeeded","read":7}"#;
            (200, format!(r#"{{"id":"isj-1","tables":[{table}]}}"#))
        } else {
            (404, r#"{"status":404,"message":"no such job"}"#.to_owned())
        };
        let response = Response::builder().status(status).body(body.into());
        Box::pin(async move { Ok(response.unwrap()) })
    }
}

/// An API that never responds.
#[derive(Debug)]
struct NoResponse;

impl Transport for NoResponse {
    fn send(&self, _: hyper::Request<Bytes>) -> Exchange<'_> {
        Box::pin(std::future::pending())
    }
}

/// An exporter of these tenants, without configured jobs.
pub(super) async fn exporter(tenants: &[&str]) -> Exporter {
    let tenants = tenants.iter().map(|name| tenant(name));
    let exporter = exporter_over(Arc::new(OneJob), tenants).await;
    for _ in 0..1000 {
        if exporter.is_ready() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    exporter
}

async fn exporter_over(
    api: Arc<dyn Transport>,
    tenants: impl IntoIterator<Item = config::Tenant>,
) -> Exporter {
    let exporter = Exporter::new(Environment {
        clock: Clock::system(),
        telemetry: Telemetry::new().unwrap(),
        store: crate::feeds::store::Store::in_memory(),
        connect: Arc::new(move |_| Ok(Arc::clone(&api))),
    });
    let settings = config::Settings {
        refresh: config::Refresh {
            mode: config::Mode::Interval(Duration::from_mins(1)),
            stale_after: Duration::from_mins(15),
        },
        tenants: tenants.into_iter().map(Arc::new).collect(),
        state_file: None,
        forget_after: Duration::from_hours(24),
    };
    exporter.apply(settings).await.unwrap();
    exporter
}

fn tenant(name: &str) -> config::Tenant {
    config::Tenant {
        tenant: name.into(),
        api: config::Api {
            base_url: "http://127.0.0.1:1/api".parse().unwrap(),
            version: "2024-04-01".to_owned(),
            timeout: Duration::from_secs(30),
            requests_per_second: 5.0,
            proxy_url: None,
            ca_file: None,
            response_bytes: 1 << 26,
        },
        credentials: config::Credentials::Token(config::Secret::Value("t".into())),
        jobs: Vec::new(),
        discovery: None,
        collect: config::Collect {
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

/// A server on its own port.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(security: WebSecurity, limits: Limits) -> Self {
        let routes = Routes::new(exporter(&["socktown"]).await, "/metrics", None);
        Self::start_with(routes, security, limits).await
    }

    pub(super) async fn start_with(
        service: impl Handler,
        security: WebSecurity,
        limits: Limits,
    ) -> Self {
        let listeners = bind_tcp(&["127.0.0.1:0".to_owned()]).await.unwrap();
        let address = listeners[0].local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let shutdown = async move { stopped.await.unwrap_or_default() };
            let telemetry = Telemetry::new().unwrap();
            let security = Arc::new(security);
            serve(listeners, service, security, &telemetry, limits, shutdown).await;
        });
        Self {
            address,
            stop,
            task,
        }
    }

    /// Sends bytes on a new connection, optionally closes that half, and reads
    /// until the server closes.
    pub(super) async fn exchange(&self, request: &[u8], half_close: bool) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        if half_close {
            stream.shutdown().await.unwrap();
        }
        let mut answer = Vec::new();
        // A reset after the response counts as a close.
        stream.read_to_end(&mut answer).await.unwrap_or_default();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Whether the server responds to a health check at once.
    pub(super) async fn healthy(&self) -> bool {
        let request = b"GET /-/healthy HTTP/1.0\r\n\r\n";
        let answer = self.exchange(request, false);
        let answer = tokio::time::timeout(Duration::from_secs(5), answer).await;
        answer.is_ok_and(|answer| answer.starts_with("HTTP/1.0 200"))
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Starts a shutdown; the returned task ends with it.
    pub(super) fn stop(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.task
    }
}
