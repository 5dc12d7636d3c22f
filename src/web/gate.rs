//! The rules of `--web.config.file`, applied to each connection and request.
//!
//! For each of them the files are looked at (a `stat` each, which the kernel
//! answers from memory) and read again if one has changed. While the file is
//! broken, requests are answered 500. A certificate that does not fit its key
//! is usually one that is just being replaced: then the last good ones stay.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use rustls::ServerConfig;
use tokio::time::Instant;

use super::auth::Checker;
use super::body::Body;
use super::config::{self, Rules, WebConfigError};
use super::respond::text;

/// Answered without credentials and at any rate, for whoever restarts or
/// replaces the process.
const OPEN: [&str; 2] = ["/-/healthy", "/-/ready"];

const REALM: &str = r#"Basic realm="amperity_exporter", charset="UTF-8""#;

/// The rules of the web configuration file, or none.
#[derive(Debug)]
pub struct Gate {
    file: Option<PathBuf>,
    state: RwLock<State>,
    /// Held while the files are read.
    reading: tokio::sync::Mutex<()>,
    checker: Checker,
    /// When the next request would be exactly on time.
    due: Mutex<Option<Instant>>,
}

#[derive(Clone, Debug)]
struct State {
    /// The last good ones.
    rules: Arc<Rules>,
    broken: bool,
    seen: Seen,
}

/// Each file that was read, and what it was like.
type Seen = Arc<[(PathBuf, Print)]>;

/// Changes when a file does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Print {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Gate {
    /// Plain HTTP for everybody.
    #[must_use]
    pub fn open() -> Self {
        Self::new(
            None,
            State {
                rules: Arc::default(),
                broken: false,
                seen: Arc::new([]),
            },
        )
    }

    /// The rules of a web configuration file.
    ///
    /// # Errors
    /// If the file, or a certificate it names, cannot be used.
    pub fn from_file(file: &Path) -> Result<Self, WebConfigError> {
        let (outcome, seen) = read(file);
        let state = State {
            rules: Arc::new(outcome?),
            broken: false,
            seen,
        };
        Ok(Self::new(Some(file.to_path_buf()), state))
    }

    fn new(file: Option<PathBuf>, state: State) -> Self {
        Self {
            file,
            state: RwLock::new(state),
            reading: tokio::sync::Mutex::new(()),
            checker: Checker::new(),
            due: Mutex::new(None),
        }
    }

    /// TLS for a new connection; `None` for plain HTTP.
    pub(super) async fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.current().await.rules.tls.clone()
    }

    /// Whether a request may pass; otherwise its response.
    ///
    /// # Errors
    /// The response to a request that may not.
    pub(super) async fn admit<B>(&self, request: &Request<B>) -> Result<(), Box<Response<Body>>> {
        let admitted = self.judge(request).await;
        admitted.map_err(|mut refusal| {
            if request.method() == Method::HEAD {
                *refusal.body_mut() = Body::empty();
            }
            refusal
        })
    }

    async fn judge<B>(&self, request: &Request<B>) -> Result<(), Box<Response<Body>>> {
        if self.file.is_none() || OPEN.contains(&request.uri().path()) {
            return Ok(());
        }
        let state = self.current().await;
        if state.broken {
            let sentence = "the web configuration file is broken; the log says where";
            return Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, sentence));
        }
        if let Some((interval, burst)) = state.rules.rate
            && !self.is_in_time(interval, burst)
        {
            return Err(refuse(StatusCode::TOO_MANY_REQUESTS, "too many requests"));
        }
        let credentials = request.headers().get(header::AUTHORIZATION);
        if !self.checker.admits(&state.rules.users, credentials).await {
            let mut response = refuse(StatusCode::UNAUTHORIZED, "unauthorized");
            let realm = HeaderValue::from_static(REALM);
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, realm);
            return Err(response);
        }
        Ok(())
    }

    /// Adds what every response has to say.
    pub(super) fn mark(&self, headers: &mut HeaderMap) {
        if self.file.is_none() {
            return;
        }
        for (name, value) in &self.state().rules.headers {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// A bucket of `burst` tokens, refilled by one per interval.
    fn is_in_time(&self, interval: Duration, burst: u32) -> bool {
        let now = Instant::now();
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let next = due.map_or(now, |due| due.max(now)) + interval;
        if next.saturating_duration_since(now) > interval.saturating_mul(burst) {
            return false;
        }
        *due = Some(next);
        true
    }

    fn state(&self) -> State {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.clone()
    }

    /// What the files say now.
    async fn current(&self) -> State {
        let state = self.state();
        let Some(file) = &self.file else {
            return state;
        };
        if is_unchanged(&state.seen) {
            return state;
        }
        let _one_reader = self.reading.lock().await;
        let before = self.state();
        if is_unchanged(&before.seen) {
            return before;
        }
        let path = file.clone();
        let Ok((outcome, seen)) = tokio::task::spawn_blocking(move || read(&path)).await else {
            return before;
        };
        let after = match outcome {
            Ok(rules) => {
                tracing::info!(file = %file.display(), "web configuration read again");
                State {
                    rules: Arc::new(rules),
                    broken: false,
                    seen,
                }
            }
            Err(error) => {
                tracing::error!(%error, "the web configuration cannot be used as it is now");
                State {
                    // The old rules stay only while nothing but a certificate
                    // is amiss: what the file itself says now must count.
                    broken: before.broken
                        || !error.in_tls_files
                        || before.seen.first() != seen.first(),
                    rules: before.rules,
                    seen,
                }
            }
        };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        *state = after.clone();
        after
    }
}

/// Reads the files, and notes of each what it was like just before.
fn read(file: &Path) -> (Result<Rules, WebConfigError>, Seen) {
    let mut seen = Vec::new();
    let outcome = config::load(file, |path| {
        let print = Print::of(&path);
        seen.push((path, print));
    });
    (outcome, seen.into())
}

fn is_unchanged(seen: &[(PathBuf, Print)]) -> bool {
    seen.iter().all(|(file, print)| Print::of(file) == *print)
}

impl Print {
    /// All zeros for a file that is not there.
    fn of(file: &Path) -> Self {
        let Ok(metadata) = std::fs::metadata(file) else {
            return Self::default();
        };
        Self {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

fn refuse(status: StatusCode, sentence: &str) -> Box<Response<Body>> {
    Box::new(text(status, sentence))
}
