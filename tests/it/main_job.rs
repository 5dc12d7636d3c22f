//! The main job end to end: the real binary on real sockets, against the
//! documented example and against answers nobody would want.

mod configuration;
mod documented;
mod ending;
mod hostile;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

const TENANT: &str = "socktown";
const TOKEN: &str = "token-for-the-test";

/// A server that wants the documented headers and knows some answers by
/// path. An answer is a body, or nothing at all.
struct Api {
    address: SocketAddr,
    answers: Arc<Mutex<HashMap<String, Option<String>>>>,
}

impl Api {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers: Arc<Mutex<HashMap<_, _>>> = Arc::default();
        let known = Arc::clone(&answers);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let known = Arc::clone(&known);
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(move |request| {
                        let answer = answer(&known, &request);
                        async move {
                            match answer {
                                Some(response) => Ok::<_, Infallible>(response),
                                None => std::future::pending().await,
                            }
                        }
                    });
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { address, answers }
    }

    fn job(&self, id: &str, body: impl Into<String>) {
        let path = format!("/api/ingest/jobs/{id}");
        self.answers.lock().unwrap().insert(path, Some(body.into()));
    }

    /// Questions for this job are never answered.
    fn hang(&self, id: &str) {
        let path = format!("/api/ingest/jobs/{id}");
        self.answers.lock().unwrap().insert(path, None);
    }

    fn base_url(&self) -> String {
        format!("http://{}/api", self.address)
    }
}

/// `None` never comes.
fn answer(
    known: &Mutex<HashMap<String, Option<String>>>,
    request: &Request<hyper::body::Incoming>,
) -> Option<Response<Full<Bytes>>> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap())
    };
    let documented = header("authorization") == Some(&format!("Bearer {TOKEN}"))
        && header("amperity-tenant").is_some()
        && header("api-version") == Some("2024-04-01");
    let (status, body) = if documented {
        match known.lock().unwrap().get(request.uri().path()) {
            Some(body) => (StatusCode::OK, body.clone()?),
            None => (
                StatusCode::NOT_FOUND,
                r#"{"status":404,"message":"no such job"}"#.to_owned(),
            ),
        }
    } else {
        (
            StatusCode::UNAUTHORIZED,
            r#"{"status":401,"message":"no"}"#.to_owned(),
        )
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    Some(response)
}

/// The real binary, killed when dropped.
struct Binary {
    child: Child,
    address: SocketAddr,
}

impl Binary {
    /// Starts it on a free port and waits until it says where it listens.
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .arg("--web.listen-address=127.0.0.1:0")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let address = loop {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("it ended: {said}"))
                .unwrap();
            if let Some((_, address)) = line.split_once("address=") {
                break address.trim().parse().unwrap();
            }
            said += &line;
        };
        // What it logs later is read, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let provider = rustls::crypto::ring::default_provider();
        let _ = provider.install_default();
        let mut request = reqwest::Client::new().get(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// The metrics page once the first refresh is over.
    async fn page(&self) -> crate::support::Page {
        for _ in 0..300 {
            if self.get("/-/ready", &[]).await.status().is_success() {
                let page = self.get("/metrics", &[]).await;
                return crate::support::Page(page.text().await.unwrap());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not ready in 15 seconds");
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary with nothing of our own environment that it would read.
fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amperity_exporter"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AMPERITY_")) {
        command.env_remove(name);
    }
    command
}

/// The binary, asking this API for these jobs, by flags and environment alone.
fn by_environment(api: &Api, jobs: &str) -> Command {
    let mut command = binary();
    command
        .env("AMPERITY_TENANT", TENANT)
        .env("AMPERITY_TOKEN", TOKEN)
        .env("AMPERITY_JOBS", jobs)
        .env("AMPERITY_BASE_URL", api.base_url());
    command
}
