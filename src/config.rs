//! The configuration as it is meant: complete, validated, defaults filled in.
//! The modules in `config/` read it as it is written; [`crate::cli`] adds flags and
//! environment. All later modules read these types.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

mod cron;
mod error;
mod expect;
pub(crate) mod file;
mod pattern;
mod secret;
mod source;
mod validate;
mod values;
mod workflow_types;
pub(crate) mod yaml;

pub use cron::CronSchedule;
pub use error::ConfigError;
pub use expect::{FeedRule, FeedRules, Known, KnownSchedule, Severity};
pub use pattern::Pattern;
pub use secret::{Kind as SecretKind, Secret, SecretError, SecretReader};
pub(crate) use source::GivenTenant;
pub use source::Source;
pub(crate) use values::{is_loopback, length};
pub use workflow_types::{WorkflowTypes, short_type};

/// Reads and validates a configuration file and the files it names.
///
/// # Errors
/// With every problem found, one line each.
pub fn load(path: &Path) -> Result<Settings, ConfigError> {
    Source::file(path).load()
}

/// A whole, valid configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// When data is fetched from the API.
    pub refresh: Refresh,
    /// The tenants, ordered by name, each name once.
    pub tenants: Vec<Arc<Tenant>>,
    /// Where counters are kept across restarts.
    pub state_file: Option<PathBuf>,
    /// A feed without a run for this long is forgotten.
    pub forget_after: Duration,
}

impl Settings {
    /// Warnings: valid settings that are probably not intended, one line each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for tenant in &self.tenants {
            let mut addresses = vec![("base_url", &tenant.api.base_url)];
            if let Credentials::OAuth2 { token_url, .. } = &tenant.credentials {
                addresses.push(("token_url", token_url));
            }
            for (field, url) in addresses {
                if url.scheme() == "http" && !values::is_loopback(url) {
                    let tenant = &tenant.tenant;
                    warnings.push(format!(
                        "tenant {tenant}: {field} is http, so that credentials cross the network \
                         unencrypted; use https"
                    ));
                }
            }
        }
        warnings
    }
}

/// When data is fetched from the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// At an interval or on each scrape.
    pub mode: Mode,
    /// Without a success for this long, a tenant's job series leave the page.
    pub stale_after: Duration,
}

/// What starts a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One refresh per interval, in the background.
    Interval(Duration),
    /// Each scrape; an answer younger than `max_age` is reused.
    Scrape {
        /// The age up to which an answer is reused.
        max_age: Duration,
    },
}

/// One tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// The `amperity-tenant` header and the `tenant` label.
    pub tenant: Arc<str>,
    /// How its API is reached.
    pub api: Api,
    /// How requests are authorized.
    pub credentials: Credentials,
    /// Jobs that are always on the page, ordered, each once.
    pub jobs: Vec<Arc<str>>,
    /// How far back jobs are discovered; `None` disables discovery.
    pub discovery: Option<Duration>,
    /// Which families are on the page.
    pub collect: Collect,
    /// At most this many jobs are on the page, newest first.
    pub max_jobs: usize,
    /// The size limit of the tenant's part of the page, in bytes.
    pub page_bytes: u64,
    /// Whether counters have `_created` series in `OpenMetrics`.
    pub created_series: bool,
    /// What is configured about its feeds.
    pub feed_rules: Arc<FeedRules>,
    /// Which workflows are collected.
    pub workflow_types: Arc<WorkflowTypes>,
    /// The address of a run of a workflow in Amperity, with the placeholders
    /// `{tenant}` and `{workflow_id}`.
    pub ui_url: Option<Arc<str>>,
}

/// How an API is reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Api {
    /// Such as `https://app.amperity.com/api`; no slash at its end.
    pub base_url: Url,
    /// The `api-version` header.
    pub version: String,
    /// The total time one request may take.
    pub timeout: Duration,
    /// The rate of the token bucket.
    pub requests_per_second: f64,
    /// A proxy for every request; without it the environment's is used.
    /// Its user and password are secret.
    pub proxy_url: Option<ProxyUrl>,
    /// Certificates to trust in addition to the system's.
    pub ca_file: Option<CaFile>,
    /// A larger answer, after decompression, is refused.
    pub response_bytes: u64,
}

/// The address of a proxy; printed without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(pub Url);

/// A file of CA certificates, as it was when the configuration was read: a
/// reload is to see that it changed.
#[derive(Clone, PartialEq, Eq)]
pub struct CaFile {
    /// Where it was read.
    pub path: PathBuf,
    /// What it holds.
    pub pem: Arc<[u8]>,
}

/// How requests are authorized.
#[derive(Clone, Debug, PartialEq)]
pub enum Credentials {
    /// An access token made by hand.
    Token(Secret),
    /// OAuth2 client credentials.
    OAuth2 {
        /// The client's id.
        client_id: String,
        /// The client's secret.
        client_secret: Secret,
        /// Where tokens are made.
        token_url: Url,
    },
}

/// Which families are on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct Collect {
    /// One set per job and table.
    pub jobs: bool,
    /// One set per feed.
    pub feeds: bool,
    /// Two series per file.
    pub files: bool,
    /// One set per workflow.
    pub workflows: bool,
}

/// The longest window the API lists jobs for.
pub const MAX_WINDOW: Duration = Duration::from_hours(7 * 24);
/// The default of `discovery.window`.
pub(crate) const DEFAULT_WINDOW: Duration = Duration::from_hours(24);
/// The default of `feeds.forget_after`.
pub(crate) const DEFAULT_FORGET_AFTER: Duration = Duration::from_hours(35 * 24);
/// The default of `refresh.stale_after`, unless refreshes are rarer.
pub(crate) const DEFAULT_STALE_AFTER: Duration = Duration::from_mins(15);

impl std::fmt::Debug for ProxyUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        write!(formatter, "{}://{host}", self.0.scheme())
    }
}

impl std::fmt::Debug for CaFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.path.display())
    }
}

#[cfg(test)]
mod tests;
