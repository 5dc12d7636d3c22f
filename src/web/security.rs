//! The rules of `--web.config.file`, applied to each connection and request.
//!
//! Each connection and request looks at the files (one `stat` each, answered
//! from the kernel's cache) and reads them again if one has changed. While the
//! file is invalid, requests are answered 500. A certificate that does not
//! match its key is usually one that is being replaced: the last valid rules
//! stay in force then.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use rustls::ServerConfig;
use tokio::time::Instant;

use super::auth::{Credentials, PasswordChecker};
use super::body::Body;
use super::config::{self, Rules, WebConfigError};
use super::respond::text;
use super::status::allowing_style;

/// Answered without credentials and at any rate, for whatever restarts or
/// replaces the process.
const UNPROTECTED: [&str; 2] = ["/-/healthy", "/-/ready"];

const REALM: &str = r#"Basic realm="amperity_exporter", charset="UTF-8""#;

/// The rules of the web configuration file, or none.
#[derive(Debug)]
pub struct WebSecurity {
    /// The route prefix, below which some pages need no credentials.
    prefix: String,
    file: Option<PathBuf>,
    current: RwLock<LoadedRules>,
    /// Held while the files are read.
    reading: tokio::sync::Mutex<()>,
    passwords: PasswordChecker,
    /// When the rate limit's bucket is full again.
    rate_limit_full: Mutex<Option<Instant>>,
}

#[derive(Clone, Debug)]
struct LoadedRules {
    /// The last valid ones.
    rules: Arc<Rules>,
    /// Whether the file as it is now is invalid.
    invalid: bool,
    files: FileStamps,
}

/// Each file that was read, and its metadata just before.
type FileStamps = Arc<[(PathBuf, FileStamp)]>;

/// Differs when the file has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FileStamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl WebSecurity {
    /// Plain HTTP without authentication.
    #[must_use]
    pub fn disabled() -> Self {
        Self::new(
            None,
            LoadedRules {
                rules: Arc::default(),
                invalid: false,
                files: Arc::new([]),
            },
        )
    }

    /// The rules of a web configuration file.
    ///
    /// # Errors
    /// If the file, or a certificate it names, cannot be used.
    pub fn from_file(file: &Path) -> Result<Self, WebConfigError> {
        let (outcome, files) = read(file);
        let loaded = LoadedRules {
            rules: Arc::new(outcome?),
            invalid: false,
            files,
        };
        Ok(Self::new(Some(file.to_path_buf()), loaded))
    }

    /// The same rules for an exporter with this route prefix.
    #[must_use]
    pub fn below(self, prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            ..self
        }
    }

    /// What in the file does not work as its author may expect, one sentence
    /// each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let rules = Arc::clone(&self.loaded().rules);
        let of_tls = rules
            .tls
            .iter()
            .flat_map(|tls| tls.warnings.iter().cloned());
        rules.users.warnings().chain(of_tls).collect()
    }

    /// Whether connections use TLS.
    #[must_use]
    pub(crate) fn uses_tls(&self) -> bool {
        self.loaded().rules.tls.is_some()
    }

    fn new(file: Option<PathBuf>, loaded: LoadedRules) -> Self {
        Self {
            prefix: String::new(),
            file,
            current: RwLock::new(loaded),
            reading: tokio::sync::Mutex::new(()),
            passwords: PasswordChecker::new(),
            rate_limit_full: Mutex::new(None),
        }
    }

    /// TLS for a new connection; `None` for plain HTTP.
    pub(super) async fn tls(&self) -> Option<Arc<ServerConfig>> {
        let current = self.current().await;
        current
            .rules
            .tls
            .as_ref()
            .map(|tls| Arc::clone(&tls.config))
    }

    /// Whether a request is allowed.
    ///
    /// # Errors
    /// The response to a request that is not.
    pub(super) async fn check<B>(&self, request: &Request<B>) -> Result<(), Box<Response<Body>>> {
        let checked = self.check_rules(request).await;
        checked.map_err(|mut refusal| {
            if request.method() == Method::HEAD {
                *refusal.body_mut() = Body::empty();
            }
            refusal
        })
    }

    async fn check_rules<B>(&self, request: &Request<B>) -> Result<(), Box<Response<Body>>> {
        let endpoint = request.uri().path().strip_prefix(&*self.prefix);
        if self.file.is_none() || endpoint.is_some_and(|path| UNPROTECTED.contains(&path)) {
            return Ok(());
        }
        let current = self.current().await;
        if current.invalid {
            let message = "the web configuration file is invalid; see the exporter's log";
            return Err(refusal(StatusCode::INTERNAL_SERVER_ERROR, message));
        }
        if let Some((interval, burst)) = current.rules.rate_limit
            && !self.is_within_rate(interval, burst)
        {
            return Err(refusal(StatusCode::TOO_MANY_REQUESTS, "too many requests"));
        }
        let credentials = request.headers().get(header::AUTHORIZATION);
        let users = &current.rules.users;
        match self.passwords.check_credentials(users, credentials).await {
            Credentials::Right => Ok(()),
            Credentials::Wrong => {
                let mut response = refusal(StatusCode::UNAUTHORIZED, "unauthorized");
                let realm = HeaderValue::from_static(REALM);
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, realm);
                Err(response)
            }
            Credentials::NotChecked => {
                let message = "too many passwords are being checked; try again later";
                Err(refusal(StatusCode::TOO_MANY_REQUESTS, message))
            }
        }
    }

    /// Adds the configured headers to a response.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        if self.file.is_none() {
            return;
        }
        for (name, value) in &self.loaded().rules.headers {
            let mut value = value.clone();
            // The status page has a policy of its own, and needs its style.
            if name == header::CONTENT_SECURITY_POLICY
                && headers.contains_key(name)
                && let Ok(configured) = value.to_str()
                && let Ok(extended) = allowing_style(configured).try_into()
            {
                value = extended;
            }
            headers.insert(name.clone(), value);
        }
    }

    /// Takes a token from a bucket of `burst` tokens, refilled by one per
    /// interval.
    fn is_within_rate(&self, interval: Duration, burst: u32) -> bool {
        let now = Instant::now();
        let mut full = self
            .rate_limit_full
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let next = full.map_or(now, |full| full.max(now)) + interval;
        if next.saturating_duration_since(now) > interval.saturating_mul(burst) {
            return false;
        }
        *full = Some(next);
        true
    }

    fn loaded(&self) -> LoadedRules {
        let loaded = self.current.read().unwrap_or_else(PoisonError::into_inner);
        loaded.clone()
    }

    /// The rules of the files as they are now.
    async fn current(&self) -> LoadedRules {
        let loaded = self.loaded();
        let Some(file) = &self.file else {
            return loaded;
        };
        if is_unchanged(&loaded.files) {
            return loaded;
        }
        let _one_reader = self.reading.lock().await;
        let before = self.loaded();
        if is_unchanged(&before.files) {
            return before;
        }
        let path = file.clone();
        let Ok((outcome, files)) = tokio::task::spawn_blocking(move || read(&path)).await else {
            return before;
        };
        let after = before.replace_with(file, outcome, files);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = after.clone();
        after
    }
}

impl LoadedRules {
    /// The state after the files were read again.
    fn replace_with(
        self,
        file: &Path,
        outcome: Result<Rules, WebConfigError>,
        files: FileStamps,
    ) -> Self {
        let outcome = outcome.and_then(|rules| match rules.missing_protection(&self.rules) {
            // A file that is being written, or that a full disk truncated, must
            // not open the exporter to everybody.
            Some(missing) => {
                let message = format!("{missing}; restart the exporter to run without it");
                Err(WebConfigError::new(file, message))
            }
            None => Ok(rules),
        });
        match outcome {
            Ok(rules) => {
                tracing::info!(file = %file.display(), "web configuration reloaded");
                for warning in rules.users.warnings() {
                    tracing::warn!("{warning}");
                }
                Self {
                    rules: Arc::new(rules),
                    invalid: false,
                    files,
                }
            }
            Err(error) => {
                tracing::error!(%error, "the web configuration is invalid");
                Self {
                    // The old rules stay in force only if nothing but a
                    // certificate file is invalid.
                    invalid: self.invalid
                        || !error.in_tls_files
                        || self.files.first() != files.first(),
                    rules: self.rules,
                    files,
                }
            }
        }
    }
}

/// Reads the files, with the metadata of each from just before.
fn read(file: &Path) -> (Result<Rules, WebConfigError>, FileStamps) {
    let mut files = Vec::new();
    let outcome = config::load(file, |path| {
        let stamp = FileStamp::of(&path);
        files.push((path, stamp));
    });
    (outcome, files.into())
}

fn is_unchanged(files: &[(PathBuf, FileStamp)]) -> bool {
    files
        .iter()
        .all(|(file, stamp)| FileStamp::of(file) == *stamp)
}

impl FileStamp {
    /// All zeros for a file that does not exist.
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

fn refusal(status: StatusCode, message: &str) -> Box<Response<Body>> {
    Box::new(text(status, message))
}
