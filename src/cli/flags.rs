//! The flags as clap reads them. [`environment`](super::environment) comes
//! next.

#![expect(clippy::doc_markdown, reason = "doc comments here are help texts")]

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Args, Parser, ValueHint};

use super::Web;
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
/// Without a subcommand it serves: give --config.file, or one tenant by flags
/// or environment. To see it at work with nothing configured: `amperity_exporter demo`.
#[derive(Debug, Parser)]
#[command(
    name = "amperity_exporter",
    version = VERSION.as_str(),
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    term_width = 100,
    after_help = "A flag wins over the environment, and that over the file. \
                  Metrics, configuration and alerts are described in docs/."
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
    /// Export a simulated tenant: needs nothing, shows everything.
    Demo {
        #[command(flatten)]
        listen: DemoListen,
        #[command(flatten)]
        log: LogFlags,
    },
    /// Serve the simulated API alone, to try a configuration against it.
    Simulator {
        #[command(flatten)]
        listen: SimulatorListen,
        #[command(flatten)]
        log: LogFlags,
    },
    /// Say whether a configuration is good, and with --live whether it works.
    Check {
        #[command(flatten)]
        settings: Settings,
        /// Ask each tenant's API once, and show what it answered.
        #[arg(long)]
        live: bool,
    },
    /// Print the catalogue of metrics as Markdown.
    Metrics,
    /// Exit with 0 if the exporter on this machine is healthy, else with 1.
    #[command(hide = true)]
    Healthcheck {
        /// Where the exporter listens, without TLS.
        #[arg(
            long = "web.listen-address",
            value_name = "ADDRESS",
            default_value = ":10109"
        )]
        listen_address: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Settings {
    /// The configuration file, in YAML. Read again on SIGHUP.
    #[arg(long = "config.file", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = SETTINGS)]
    pub(super) config_file: Option<PathBuf>,

    /// When the API is asked: `interval` (in the background) or `scrape` (on each scrape)
    /// [default: interval] [env: AMPERITY_REFRESH_MODE]
    #[arg(long = "refresh.mode", value_name = "MODE", help_heading = SETTINGS)]
    pub(super) refresh_mode: Option<String>,

    /// Time between refreshes in mode interval [default: 1m] [env: AMPERITY_REFRESH_INTERVAL]
    #[arg(long = "refresh.interval", value_name = "DURATION", help_heading = SETTINGS)]
    pub(super) refresh_interval: Option<String>,

    /// Where counters are kept, so that they survive a restart [env: AMPERITY_STATE_FILE]
    #[arg(long = "state.file", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = SETTINGS)]
    pub(super) state_file: Option<PathBuf>,

    /// The tenant's id, such as `socktown` [env: AMPERITY_TENANT]
    #[arg(long = "amperity.tenant", value_name = "TENANT", help_heading = TENANT)]
    pub(super) tenant: Option<String>,

    /// Where its API is [default: https://app.amperity.com/api] [env: AMPERITY_BASE_URL]
    #[arg(long = "amperity.base-url", value_name = "URL", help_heading = TENANT)]
    pub(super) base_url: Option<String>,

    /// A file that holds the access token; read again when it changes. The token itself can be
    /// given in the environment only, as AMPERITY_TOKEN [env: AMPERITY_TOKEN_FILE]
    #[arg(long = "amperity.token-file", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = TENANT)]
    pub(super) token_file: Option<PathBuf>,

    /// The id of a job that is always on the page; may be repeated, or several separated by commas
    /// [env: AMPERITY_JOBS, separated by commas]
    #[arg(long = "amperity.job", value_name = "ID", value_delimiter = ',', help_heading = TENANT)]
    pub(super) jobs: Vec<String>,

    /// Find jobs by themselves, this far back, such as 24h; at most 7d
    /// [env: AMPERITY_DISCOVERY_WINDOW]
    #[arg(long = "amperity.discovery-window", value_name = "DURATION", help_heading = TENANT)]
    pub(super) discovery_window: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct WebFlags {
    /// Where to listen, HOST:PORT or :PORT; may be repeated
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":10109", help_heading = WEB)]
    addresses: Vec<String>,

    /// Take the listening sockets from systemd
    #[arg(long = "web.systemd-socket", conflicts_with = "addresses", help_heading = WEB)]
    systemd_socket: bool,

    /// The path of the metrics page
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path, help_heading = WEB)]
    telemetry_path: String,

    /// A file that switches on TLS or authentication, as other exporters have it
    #[arg(long = "web.config.file", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = WEB)]
    web_config_file: Option<PathBuf>,

    /// Reload the configuration on POST /-/reload, too
    #[arg(long = "web.enable-lifecycle", help_heading = WEB)]
    enable_lifecycle: bool,
}

#[derive(Debug, Args)]
pub(super) struct DemoListen {
    /// Where to listen, HOST:PORT or :PORT; may be repeated
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:10109", help_heading = WEB)]
    pub(super) addresses: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct SimulatorListen {
    /// Where to listen, HOST:PORT or :PORT; may be repeated
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:10110", help_heading = WEB)]
    pub(super) addresses: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct LogFlags {
    /// The least severe messages to log, to standard error
    #[arg(long = "log.level", value_name = "LEVEL", value_enum, default_value_t = logging::Level::Info, help_heading = LOG)]
    level: logging::Level,

    /// How a message is written
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value_t = logging::Format::Logfmt, help_heading = LOG)]
    format: logging::Format,
}

impl From<WebFlags> for Web {
    fn from(flags: WebFlags) -> Self {
        Self {
            listen_addresses: flags.addresses,
            systemd_socket: flags.systemd_socket,
            telemetry_path: flags.telemetry_path,
            config_file: flags.web_config_file,
            enable_lifecycle: flags.enable_lifecycle,
        }
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

fn telemetry_path(path: &str) -> Result<String, &'static str> {
    const TAKEN: [&str; 3] = ["/", "/probe", "/sd"];
    if !path.starts_with('/') {
        Err("it must begin with a slash")
    } else if TAKEN.contains(&path) || path.starts_with("/-/") {
        Err("another page has this path")
    } else if path.contains(['?', '#', '%']) || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err("it must be a plain path")
    } else {
        Ok(path.to_owned())
    }
}
