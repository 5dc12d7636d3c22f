//! The flags, as clap parses them. [`environment`](super::environment) adds
//! the variables.

#![expect(clippy::doc_markdown, reason = "doc comments here are help texts")]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::{Args, Parser, ValueHint};

use super::{Healthcheck, Web};
use crate::logging;

const SETTINGS: &str = "Settings";
const TENANT: &str = "One tenant without a file";
const WEB: &str = "Web";
const LOG: &str = "Log";

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let revision = env!("AMPERITY_EXPORTER_REVISION");
    let compiler = env!("AMPERITY_EXPORTER_RUSTVERSION");
    let or_unknown = |text: &'static str| if text.is_empty() { "unknown" } else { text };
    format!(
        "{} (revision {}, rust {})",
        env!("CARGO_PKG_VERSION"),
        or_unknown(revision),
        or_unknown(compiler)
    )
});

/// Exports Amperity ingest jobs as Prometheus metrics.
///
/// Without a subcommand it serves the metrics: give --config.file, or one tenant by flags or
/// environment. To try it without configuration, run `amperity_exporter demo`.
#[derive(Debug, Parser)]
#[command(
    name = "amperity_exporter",
    version = VERSION.as_str(),
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    term_width = 100,
    after_help = "Flags override the environment, which overrides the file. \
                  Metrics, configuration and alerts are documented in docs/."
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Subcommand>,
    #[command(flatten)]
    pub(super) settings: Settings,
    #[command(flatten)]
    pub(super) web: WebFlags,
    #[command(flatten)]
    pub(super) log: LogFlags,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommand {
    /// Export a simulated tenant; needs no configuration.
    Demo {
        #[command(flatten)]
        listen: DemoListen,
        #[command(flatten)]
        log: LogFlags,
    },
    /// Serve only the simulated API, to test a configuration against it.
    Simulator {
        #[command(flatten)]
        listen: SimulatorListen,
        #[command(flatten)]
        log: LogFlags,
    },
    /// Validate the configuration, and with --live test it against the API.
    Check {
        #[command(flatten)]
        settings: Settings,
        /// Request each tenant's jobs from the API, and show the result and what is expected of its
        /// feeds.
        #[arg(long)]
        live: bool,
        /// Validate this web configuration file, too.
        #[arg(long = "web.config.file", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = WEB)]
        web_config_file: Option<PathBuf>,
    },
    /// Write past values as OpenMetrics, for promtool tsdb create-blocks-from.
    ///
    /// They come from the jobs of the last seven days of every configured tenant, as the API lists
    /// them, or with --jobs from one tenant's jobs in a file.
    Backfill(BackfillFlags),
    /// Print the metrics reference as Markdown.
    Metrics,
    /// Exit with 0 if the exporter on this machine is healthy, otherwise with 1.
    Healthcheck {
        #[command(flatten)]
        listen: HealthcheckListen,
    },
}

#[derive(Debug, Args)]
pub(super) struct Settings {
    /// Configuration file (YAML), reloaded on SIGHUP.
    #[arg(long = "config.file", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = SETTINGS)]
    pub(super) config_file: Option<PathBuf>,

    /// When to fetch from the API: `interval` (in the background) or `scrape` (on each scrape)
    /// [default: interval] [env: AMPERITY_REFRESH_MODE]
    #[arg(long = "refresh.mode", value_name = "MODE", help_heading = SETTINGS)]
    pub(super) refresh_mode: Option<String>,

    /// Time between refreshes in mode `interval` [default: 1m] [env: AMPERITY_REFRESH_INTERVAL]
    #[arg(long = "refresh.interval", value_name = "DURATION", help_heading = SETTINGS)]
    pub(super) refresh_interval: Option<String>,

    /// File that keeps the counters across restarts [env: AMPERITY_STATE_FILE]
    #[arg(long = "state.file", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = SETTINGS)]
    pub(super) state_file: Option<PathBuf>,

    /// Tenant id, such as `socktown` [env: AMPERITY_TENANT]
    #[arg(long = "amperity.tenant", value_name = "TENANT", help_heading = TENANT)]
    pub(super) tenant: Option<String>,

    /// Base URL of the API [default: https://app.amperity.com/api] [env: AMPERITY_BASE_URL]
    #[arg(long = "amperity.base-url", value_name = "URL", help_heading = TENANT)]
    pub(super) base_url: Option<String>,

    /// File with the access token, read again when it changes. The token itself can only be given
    /// as the environment variable AMPERITY_TOKEN [env: AMPERITY_TOKEN_FILE]
    #[arg(long = "amperity.token-file", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = TENANT)]
    pub(super) token_file: Option<PathBuf>,

    /// Id of a job to export whenever it started; may be repeated or comma-separated
    /// [env: AMPERITY_JOBS, comma-separated]
    #[arg(long = "amperity.job", value_name = "ID", value_delimiter = ',', help_heading = TENANT)]
    pub(super) jobs: Vec<String>,

    /// Discover jobs that started within this window, such as 24h; at most 7d
    /// [env: AMPERITY_DISCOVERY_WINDOW]
    #[arg(long = "amperity.discovery-window", value_name = "DURATION", help_heading = TENANT)]
    pub(super) discovery_window: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct BackfillFlags {
    #[command(flatten)]
    pub(super) settings: Settings,

    /// Read the jobs from this file, not from the API: a JSON array or one job per line, as the
    /// API gives them, sorted by start; - for standard input
    #[arg(long = "jobs", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) jobs_file: Option<PathBuf>,

    /// Read the workflow runs from this file, in the same format; without it, --jobs gives no
    /// metrics of workflows
    #[arg(long = "workflow-runs", value_name = "FILE", value_hint = ValueHint::FilePath, requires = "jobs_file")]
    pub(super) workflow_runs_file: Option<PathBuf>,

    /// The tenant of these jobs; needed unless the configuration has only one
    #[arg(long = "tenant", value_name = "TENANT", requires = "jobs_file")]
    pub(super) jobs_tenant: Option<String>,

    /// The time between two samples of a series
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = step)]
    pub(super) step: Duration,

    /// Write only these families, such as amperity_feed_*; may be repeated
    #[arg(long = "family", value_name = "NAME")]
    pub(super) families: Vec<String>,

    /// Add a label that your scrape configuration adds, such as job=amperity; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub(super) labels: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(super) struct WebFlags {
    /// Address to listen on, HOST:PORT, :PORT or unix:PATH; may be repeated
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":10109", help_heading = WEB)]
    addresses: Vec<String>,

    /// Use the listening sockets passed by systemd
    #[arg(long = "web.systemd-socket", conflicts_with = "addresses", help_heading = WEB)]
    systemd_socket: bool,

    #[command(flatten)]
    prefix: PrefixFlags,

    /// Path of the metrics page, below the prefix
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path, help_heading = WEB)]
    telemetry_path: String,

    /// File that enables TLS or authentication, in the format of other Prometheus exporters
    #[arg(long = "web.config.file", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = WEB)]
    web_config_file: Option<PathBuf>,

    /// Enable POST /-/reload
    #[arg(long = "web.enable-lifecycle", help_heading = WEB)]
    enable_lifecycle: bool,
}

#[derive(Debug, Args)]
struct PrefixFlags {
    /// URL under which the exporter is reached from outside, if a proxy is in front of it
    #[arg(long = "web.external-url", value_name = "URL", value_parser = external_path, help_heading = WEB)]
    external_url: Option<String>,

    /// Prefix of the paths of all pages [default: the path of --web.external-url]
    #[arg(long = "web.route-prefix", value_name = "PATH", value_parser = route_prefix, help_heading = WEB)]
    route_prefix: Option<String>,
}

impl PrefixFlags {
    fn prefix(self) -> String {
        self.route_prefix.or(self.external_url).unwrap_or_default()
    }
}

#[derive(Debug, Args)]
pub(super) struct DemoListen {
    /// Address to listen on, HOST:PORT or :PORT; may be repeated
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:10109", help_heading = WEB)]
    pub(super) addresses: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct SimulatorListen {
    /// Address to listen on, HOST:PORT or :PORT; may be repeated
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:10110", help_heading = WEB)]
    pub(super) addresses: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct HealthcheckListen {
    /// Address of the exporter; of several, the first
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":10109", help_heading = WEB)]
    addresses: Vec<String>,

    #[command(flatten)]
    prefix: PrefixFlags,

    /// Web configuration file of the exporter, if it has one
    #[arg(long = "web.config.file", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = WEB)]
    web_config_file: Option<PathBuf>,

    /// Use the flags of the exporter that runs as this process
    #[arg(long, value_name = "PID", conflicts_with_all = ["addresses", "web_config_file", "external_url", "route_prefix"])]
    pid: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct LogFlags {
    /// Minimum log level
    #[arg(long = "log.level", value_name = "LEVEL", value_enum, default_value_t = logging::Level::Info, help_heading = LOG)]
    level: logging::Level,

    /// Log format; the log goes to standard error
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value_t = logging::Format::Logfmt, help_heading = LOG)]
    format: logging::Format,
}

impl From<WebFlags> for Web {
    fn from(flags: WebFlags) -> Self {
        Self {
            listen_addresses: flags.addresses,
            systemd_socket: flags.systemd_socket,
            route_prefix: flags.prefix.prefix(),
            telemetry_path: flags.telemetry_path,
            config_file: flags.web_config_file,
            enable_lifecycle: flags.enable_lifecycle,
        }
    }
}

impl From<HealthcheckListen> for Healthcheck {
    fn from(flags: HealthcheckListen) -> Self {
        flags.pid.map_or(
            Self::Exporter {
                route_prefix: flags.prefix.prefix(),
                listen_addresses: flags.addresses,
                web_config_file: flags.web_config_file,
            },
            Self::Process,
        )
    }
}

impl From<LogFlags> for logging::Options {
    fn from(flags: LogFlags) -> Self {
        Self {
            level: flags.level,
            format: flags.format,
        }
    }
}

/// A path that clients send as it is: they normalize `//`, `.` and `..`, and
/// encode other characters.
fn telemetry_path(path: &str) -> Result<String, &'static str> {
    const RESERVED: [&str; 3] = ["/", "/probe", "/sd"];
    if RESERVED.contains(&path) || path.starts_with("/-/") {
        return Err("is the path of another page");
    }
    plain_path(path.strip_suffix('/').unwrap_or(path))?;
    Ok(path.to_owned())
}

/// Empty, or a plain path with a slash at its beginning and none at its end.
fn route_prefix(path: &str) -> Result<String, &'static str> {
    let trimmed = path.trim_matches('/');
    if trimmed.is_empty() {
        return Ok(String::new());
    }
    let prefix = format!("/{trimmed}");
    plain_path(&prefix)?;
    Ok(prefix)
}

/// The path of a URL, as a route prefix; or a path alone.
fn external_path(url: &str) -> Result<String, &'static str> {
    if url.starts_with('/') {
        return route_prefix(url);
    }
    let parsed = reqwest::Url::parse(url).ok();
    let parsed = parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = parsed.ok_or("must be a URL, such as https://example.com/amperity")?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have no query and no fragment");
    }
    route_prefix(url.path())
}

/// Whether clients send a path as it is.
fn plain_path(path: &str) -> Result<(), &'static str> {
    let plain =
        |letter: char| letter.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(letter);
    let Some(relative) = path.strip_prefix('/') else {
        return Err("must begin with a slash");
    };
    let mut parts = relative.split('/');
    if parts.any(|part| matches!(part, "" | "." | "..")) {
        Err("must not contain `//`, `.` or `..`")
    } else if relative.split('/').all(|part| part.chars().all(plain)) {
        Ok(())
    } else {
        Err("must be a plain path, such as /metrics")
    }
}

fn step(text: &str) -> Result<Duration, String> {
    let step = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let longest = Duration::from_mins(5);
    if step.subsec_nanos() == 0 && (Duration::from_secs(1)..=longest).contains(&step) {
        Ok(step)
    } else {
        Err("it must be whole seconds, from 1s to 5m".to_owned())
    }
}

fn label(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("it must be NAME=VALUE")?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if name.is_empty()
        || !name.chars().all(is_name)
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(
            "the name must consist of letters, digits and underscores, and not begin with a digit",
        );
    }
    Ok((name.to_owned(), value.to_owned()))
}
