//! `--web.config.file`: the file that every exporter of the ecosystem reads,
//! as written ([`Written`]) and as meant ([`Rules`]).
//!
//! What this exporter cannot do is an error that says so; nothing in the file
//! is ever ignored. [`super::gate`] reads it again when it changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::config::yaml;

use super::auth::Users;
use super::tls;

/// The file as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    tls_server_config: Option<tls::Written>,
    http_server_config: Http,
    basic_auth_users: BTreeMap<String, SecretString>,
    rate_limit: RateLimit,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Http {
    http2: bool,
    headers: BTreeMap<String, String>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            http2: true,
            headers: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RateLimit {
    interval: Option<String>,
    burst: Option<u32>,
}

/// The headers the file may set.
const HEADERS: [&str; 5] = [
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
];

/// The file as meant.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// TLS, with the protocols it offers; without it, plain HTTP/1.
    pub(super) tls: Option<Arc<rustls::ServerConfig>>,
    /// Set on every response.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Who may come in; nobody in it means everybody may.
    pub(super) users: Users,
    /// One request per interval, after a burst of so many.
    pub(super) rate: Option<(Duration, u32)>,
}

/// A web configuration file that cannot be used: one line that names the file
/// and the place, and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", file.display())]
pub struct WebConfigError {
    file: PathBuf,
    message: String,
    /// The file itself is sound; a certificate, key or CA it names is not.
    pub(super) in_tls_files: bool,
}

/// Reads and checks the file, and the certificates it names. Every file is
/// announced before it is read.
pub(super) fn load(
    file: &Path,
    mut announce: impl FnMut(PathBuf),
) -> Result<Rules, WebConfigError> {
    announce(file.to_path_buf());
    let failed = |message: String| WebConfigError {
        file: file.to_path_buf(),
        message,
        in_tls_files: false,
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| failed(format!("{error}; check path and permissions")))?;
    let written = parse(&text).map_err(failed)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let http2 = written.http_server_config.http2;
    let tls = match written.tls_server_config {
        Some(tls) if !tls.is_empty() => {
            tls.files(folder).for_each(&mut announce);
            let config = tls.server_config(folder, http2);
            Some(config.map_err(|error| WebConfigError {
                in_tls_files: error.in_files,
                ..failed(format!("tls_server_config: {}", error.message))
            })?)
        }
        _ => None,
    };
    Ok(Rules {
        tls: tls.map(Arc::new),
        headers: headers(&written.http_server_config.headers).map_err(failed)?,
        users: users(&written.basic_auth_users).map_err(failed)?,
        rate: rate(&written.rate_limit).map_err(failed)?,
    })
}

fn parse(text: &str) -> Result<Written, String> {
    let void = |line: &str| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "---"
    };
    if text.lines().all(void) {
        return Ok(Written::default());
    }
    yaml::read(text).map_err(|fault| match fault.line {
        Some(line) => format!("line {line}: {}", fault.message),
        None => fault.message,
    })
}

fn headers(written: &BTreeMap<String, String>) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let mut headers = Vec::with_capacity(written.len());
    for (name, value) in written {
        let place = "http_server_config.headers";
        if !HEADERS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let known = HEADERS.join(", ");
            return Err(format!("{place}: {name:?} cannot be set; only {known} can"));
        }
        let name = HeaderName::try_from(name.as_str()).map_err(|error| error.to_string())?;
        let value = HeaderValue::try_from(value.as_str())
            .map_err(|_| format!("{place}: the value of {name} is no header value"))?;
        headers.push((name, value));
    }
    Ok(headers)
}

fn users(written: &BTreeMap<String, SecretString>) -> Result<Users, String> {
    let hashes = written
        .iter()
        .map(|(user, hash)| (user.clone(), hash.expose_secret().to_owned()));
    Users::new(hashes).map_err(|error| format!("basic_auth_users: {error}"))
}

fn rate(written: &RateLimit) -> Result<Option<(Duration, u32)>, String> {
    let Some(interval) = &written.interval else {
        return match written.burst {
            Some(_) => Err("rate_limit: burst needs an interval, such as 1s".to_owned()),
            None => Ok(None),
        };
    };
    let interval = humantime::parse_duration(interval).map_err(|_| {
        "rate_limit.interval: expected a duration such as 100ms, 1s or 1m".to_owned()
    })?;
    let burst = written.burst.unwrap_or(1);
    if burst == 0 {
        return Err("rate_limit.burst: 0 would refuse every request; at least 1".to_owned());
    }
    Ok((!interval.is_zero()).then_some((interval, burst)))
}
