//! The main job end to end: the real binary on real sockets, against the
//! documented example and against hostile answers.

mod configuration;
mod documented;
mod ending;
mod hostile;
mod memory;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::support::process::{Process, binary};

const TENANT: &str = "socktown";
const TOKEN: &str = "token-for-the-test";

/// A server that requires the documented headers and has some answers by
/// path. An answer is a body, or no response at all.
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

    /// The answer to every list of jobs.
    fn list(&self, body: impl Into<String>) {
        let path = "/api/ingest/jobs".to_owned();
        self.answers.lock().unwrap().insert(path, Some(body.into()));
    }

    /// Requests for this job are never answered.
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

/// The binary, ready to be scraped.
async fn started(command: Command) -> Process {
    let mut process = Process::of(command);
    process.until_ready().await;
    process
}

/// The binary with a configuration file that lies in a folder of its own.
fn with_file(folder: &Path, written: &str) -> Command {
    let file = folder.join("amperity_exporter.yml");
    std::fs::write(&file, written).unwrap();
    let mut command = binary();
    command.arg(format!("--config.file={}", file.display()));
    command
}

/// The binary with this API and these jobs, configured by flags and environment alone.
fn by_environment(api: &Api, jobs: &str) -> Command {
    let mut command = binary();
    command
        .env("AMPERITY_TENANT", TENANT)
        .env("AMPERITY_TOKEN", TOKEN)
        .env("AMPERITY_JOBS", jobs)
        .env("AMPERITY_BASE_URL", api.base_url());
    command
}
