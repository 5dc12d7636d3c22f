//! A source to serve in tests, and a server on a port of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::amperity::ApiError;
use crate::exposition::Page;
use crate::jobs::Job;
use crate::snapshot::Snapshot;
use crate::telemetry::{Reason, Telemetry};

mod routes;
mod sockets;

/// An exporter that answers as it was told.
#[derive(Debug)]
pub(super) struct Fixed {
    pub(super) snapshots: Vec<Arc<Snapshot>>,
    pub(super) page: Arc<Page>,
    pub(super) telemetry: Telemetry,
    pub(super) ready: bool,
    pub(super) healthy: bool,
}

impl Fixed {
    pub(super) fn new(tenants: &[&str]) -> Self {
        Self {
            snapshots: tenants
                .iter()
                .map(|tenant| Arc::new(empty(tenant)))
                .collect(),
            page: Arc::new(Page::assemble(&[])),
            telemetry: Telemetry::new().unwrap(),
            ready: true,
            healthy: true,
        }
    }
}

pub(super) fn empty(tenant: &str) -> Snapshot {
    Snapshot {
        tenant: tenant.into(),
        status: crate::snapshot::Status::default(),
        jobs: Arc::new([]),
        configured: Arc::new([]),
        feeds: Arc::new([]),
        files: false,
    }
}

impl Source for Fixed {
    async fn page(&self, _budget: Option<Duration>) -> Arc<Page> {
        Arc::clone(&self.page)
    }

    async fn page_of(&self, tenants: &[&str], _budget: Option<Duration>) -> Option<Arc<Page>> {
        let known = |asked: &&str| self.snapshots.iter().any(|known| *known.tenant == **asked);
        tenants.iter().all(known).then(|| Arc::clone(&self.page))
    }

    async fn probe(
        &self,
        tenant: &str,
        job: &str,
        _budget: Duration,
    ) -> Option<Result<Job, ApiError>> {
        self.page_of(&[tenant], None).await?;
        Some(match job {
            "isj-1" => Ok(Job {
                id: job.into(),
                workflow_id: None,
                tables: Vec::new(),
                merged: 0,
            }),
            _ => Err(ApiError {
                reason: Reason::NotFound,
                message: "no such job".to_owned(),
            }),
        })
    }

    fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn is_healthy(&self) -> bool {
        self.healthy
    }
}

/// A server with the routes over [`Fixed`].
pub(super) struct Server {
    pub(super) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(gate: Gate, limits: Limits) -> Self {
        let routes = Routes::new(
            Fixed::new(&["socktown"]),
            crate::clock::Clock::system(),
            "/metrics",
            None,
        );
        Self::start_with(routes, gate, limits).await
    }

    pub(super) async fn start_with<S>(service: S, gate: Gate, limits: Limits) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
    {
        let listeners = bind(&["127.0.0.1:0".to_owned()]).await.unwrap();
        let address = listeners[0].local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let shutdown = async move { stopped.await.unwrap_or_default() };
            serve(listeners, service, Arc::new(gate), limits, shutdown).await;
        });
        Self {
            address,
            stop,
            task,
        }
    }

    /// Sends bytes on a connection of its own, closes that half if asked to,
    /// and reads until the server closes.
    pub(super) async fn exchange(&self, request: &[u8], half_close: bool) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        if half_close {
            stream.shutdown().await.unwrap();
        }
        let mut answer = Vec::new();
        // A reset after the answer is as good as a close.
        stream.read_to_end(&mut answer).await.unwrap_or_default();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A healthy server answers this at once.
    pub(super) async fn healthy(&self) -> bool {
        let request = b"GET /-/healthy HTTP/1.0\r\n\r\n";
        let answer = self.exchange(request, false);
        let answer = tokio::time::timeout(Duration::from_secs(5), answer).await;
        answer.is_ok_and(|answer| answer.starts_with("HTTP/1.0 200"))
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Asks the server to stop, and gives what waits for it.
    pub(super) fn stop(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.task
    }
}
