//! `--web.config.file`: the format that all exporters share, as written
//! ([`WebConfigFile`]) and as validated ([`Rules`]).
//!
//! Nothing in the file is ignored: what this exporter does not support is an
//! error. [`super::security`] reads the file again when it changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::config::yaml;

use super::auth::Users;
use super::tls::{Tls, TlsSection};

/// The file as written. Empty strings and nulls mean not set.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WebConfigFile {
    tls_server_config: Option<TlsSection>,
    http_server_config: Option<HttpSection>,
    basic_auth_users: Option<BTreeMap<String, Option<SecretString>>>,
    rate_limit: Option<RateLimitSection>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HttpSection {
    http2: Option<String>,
    headers: Option<BTreeMap<String, Option<String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RateLimitSection {
    interval: Option<String>,
    burst: Option<u32>,
}

/// The headers the file may set, and their values if these are restricted.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// The file as validated.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Without it, plain HTTP/1.
    pub(super) tls: Option<Tls>,
    /// Set on every response.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Allowed users; without any, no authentication.
    pub(super) users: Users,
    /// The interval of one request, and the burst before it applies.
    pub(super) rate_limit: Option<(Duration, u32)>,
    /// Whether the file has no content.
    pub(super) is_empty: bool,
}

impl Rules {
    /// What protected the exporter by the rules `before` and is missing now.
    pub(super) fn missing_protection(&self, before: &Self) -> Option<&'static str> {
        let has = |rules: &Self, restriction: fn(&Tls) -> bool| {
            rules.tls.as_ref().is_some_and(restriction)
        };
        let lost = |restriction| has(before, restriction) && !has(self, restriction);
        if self.is_empty && !before.is_empty {
            Some("the file is empty")
        } else if self.tls.is_none() && before.tls.is_some() {
            Some("tls_server_config is missing")
        } else if self.users.is_empty() && !before.users.is_empty() {
            Some("basic_auth_users is missing")
        } else if lost(|tls| tls.verifies_clients) {
            Some("client_auth_type no longer verifies certificates")
        } else if lost(|tls| tls.restricts_sans) {
            Some("client_allowed_sans is missing")
        } else {
            None
        }
    }
}

/// A web configuration file that cannot be used: one line with the file and
/// the place, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", file.display())]
pub struct WebConfigError {
    file: PathBuf,
    message: String,
    /// The file itself is valid; a certificate, key or CA it names is not.
    pub(super) in_tls_files: bool,
}

impl WebConfigError {
    pub(super) fn new(file: &Path, message: String) -> Self {
        Self {
            file: file.to_path_buf(),
            message,
            in_tls_files: false,
        }
    }
}

/// Reads and validates the file and the certificates it names. Calls
/// `before_reading` for every file.
pub(super) fn load(
    file: &Path,
    mut before_reading: impl FnMut(PathBuf),
) -> Result<Rules, WebConfigError> {
    before_reading(file.to_path_buf());
    let failed = |message: String| WebConfigError::new(file, message);
    let text = std::fs::read_to_string(file)
        .map_err(|error| failed(format!("{error}; check path and permissions")))?;
    let is_empty = yaml::is_empty(&text);
    let written = if is_empty {
        WebConfigFile::default()
    } else {
        parse(&text).map_err(failed)?
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let http = written.http_server_config.unwrap_or_default();
    let http2 = flag(http.http2.as_deref());
    let http2 = http2.map_err(|error| failed(format!("http_server_config.http2: {error}")))?;
    let tls = written.tls_server_config.and_then(TlsSection::normalized);
    let tls = tls.map(|section| {
        section.files(folder).for_each(&mut before_reading);
        section
            .load(folder, http2.unwrap_or(true))
            .map_err(|error| WebConfigError {
                in_tls_files: error.in_files,
                ..failed(format!("tls_server_config: {}", error.message))
            })
    });
    Ok(Rules {
        tls: tls.transpose()?,
        headers: headers(http.headers.unwrap_or_default()).map_err(failed)?,
        users: users(written.basic_auth_users.unwrap_or_default()).map_err(failed)?,
        rate_limit: rate_limit(&written.rate_limit.unwrap_or_default()).map_err(failed)?,
        is_empty,
    })
}

/// A boolean in any spelling of YAML 1.1, as other exporters read it.
pub(super) fn flag(text: Option<&str>) -> Result<Option<bool>, &'static str> {
    match text.unwrap_or_default().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" | "yes" | "on" | "y" => Ok(Some(true)),
        "false" | "no" | "off" | "n" => Ok(Some(false)),
        _ => Err("expected true or false"),
    }
}

fn parse(text: &str) -> Result<WebConfigFile, String> {
    yaml::read(text).map_err(|fault| match fault.line {
        Some(line) => format!("line {line}: {}", fault.message),
        None => fault.message,
    })
}

fn headers(
    written: BTreeMap<String, Option<String>>,
) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let mut headers = Vec::with_capacity(written.len());
    for (name, value) in written {
        let place = "http_server_config.headers";
        let mut known = HEADERS.iter();
        let Some((_, allowed)) = known.find(|(known, _)| known.eq_ignore_ascii_case(&name)) else {
            let known: Vec<&str> = HEADERS.iter().map(|(name, _)| *name).collect();
            let known = known.join(", ");
            return Err(format!("{place}: {name:?} cannot be set; only {known} can"));
        };
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            continue;
        };
        if !allowed.is_empty() && !allowed.contains(&value.as_str()) {
            let allowed = allowed.join(" or ");
            return Err(format!("{place}: {name} must be {allowed}"));
        }
        let header = HeaderName::try_from(name.as_str()).map_err(|error| error.to_string())?;
        let value = HeaderValue::try_from(value)
            .map_err(|_| format!("{place}: the value of {name} is not a valid header value"))?;
        headers.push((header, value));
    }
    Ok(headers)
}

fn users(written: BTreeMap<String, Option<SecretString>>) -> Result<Users, String> {
    // A user without a hash is an error of its own there, not a user less.
    let hash = |hash: Option<SecretString>| {
        hash.map_or_else(String::new, |hash| hash.expose_secret().to_owned())
    };
    let hashes = written.into_iter().map(|(user, value)| (user, hash(value)));
    Users::new(hashes).map_err(|error| format!("basic_auth_users: {error}"))
}

fn rate_limit(written: &RateLimitSection) -> Result<Option<(Duration, u32)>, String> {
    let interval = written.interval.as_deref().filter(|text| !text.is_empty());
    let Some(interval) = interval else {
        return match written.burst {
            Some(1..) => Err("rate_limit: burst needs an interval, such as 1s".to_owned()),
            _ => Ok(None),
        };
    };
    let interval = humantime::parse_duration(interval).map_err(|_| {
        "rate_limit.interval: expected a duration such as 100ms, 1s or 1m".to_owned()
    })?;
    if interval.is_zero() {
        return Ok(None);
    }
    match written.burst.unwrap_or(1) {
        0 => Err("rate_limit.burst: 0 would refuse every request; use at least 1".to_owned()),
        burst => Ok(Some((interval, burst))),
    }
}
