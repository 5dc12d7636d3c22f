//! Parses flags and environment into a [`Command`]. Pure: `main` passes the
//! arguments and the environment of the process.
//!
//! The settings are loaded later, by [`config::Source::load`], and again at
//! each reload. Flags override the environment, which overrides the file.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches};

use crate::{backfill, config, logging};

mod environment;
mod flags;

use flags::{Cli, Subcommand};

/// What to do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Serve metrics of the configured tenants.
    Serve(Serve),
    /// Serve metrics of a simulated tenant.
    Demo(Demo),
    /// Serve the simulated API.
    Simulator(Simulator),
    /// Validate a configuration.
    Check(Check),
    /// Write past values as OpenMetrics with timestamps.
    Backfill(Backfill),
    /// Print the metrics reference as Markdown.
    Metrics,
    /// Check whether a running exporter is healthy.
    Healthcheck(Healthcheck),
}

/// `amperity_exporter`
#[derive(Clone, Debug)]
pub struct Serve {
    /// The source of the settings, at the start and at each reload.
    pub(crate) settings: config::Source,
    /// HTTP server.
    pub(crate) web: Web,
    /// Level and format of the log.
    pub(crate) log: logging::Options,
}

/// HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// At least one, such as `:10109` or `127.0.0.1:10109`.
    pub(crate) listen_addresses: Vec<String>,
    /// Use the sockets passed by systemd instead.
    pub(crate) systemd_socket: bool,
    /// Empty, or such as `/amperity`: all paths are below it.
    pub(crate) route_prefix: String,
    /// The path of the metrics page, with a leading slash.
    pub(crate) telemetry_path: String,
    /// TLS and authentication.
    pub(crate) config_file: Option<PathBuf>,
    /// Whether `POST /-/reload` is answered.
    pub(crate) enable_lifecycle: bool,
}

/// `amperity_exporter demo`
#[derive(Clone, Debug)]
pub struct Demo {
    /// The addresses of the exporter; at least one.
    pub(crate) listen_addresses: Vec<String>,
    /// Level and format of the log.
    pub(crate) log: logging::Options,
}

/// `amperity_exporter simulator`
#[derive(Clone, Debug)]
pub struct Simulator {
    /// The addresses of the API; at least one.
    pub(crate) listen_addresses: Vec<String>,
    /// Level and format of the log.
    pub(crate) log: logging::Options,
}

/// `amperity_exporter check`
#[derive(Clone, Debug)]
pub struct Check {
    /// The settings to validate.
    pub(crate) settings: Option<config::Source>,
    /// Whether to make a request to each tenant's API.
    pub(crate) live: bool,
    /// The web configuration file to validate.
    pub(crate) web_config_file: Option<PathBuf>,
}

/// `amperity_exporter backfill`
#[derive(Clone, Debug)]
pub struct Backfill {
    /// The tenants; `None` if a name and a file of jobs are all that is given.
    pub(crate) settings: Option<config::Source>,
    /// The file of jobs in place of the API's answers.
    pub(crate) jobs: Option<PathBuf>,
    /// The file of workflow runs beside it.
    pub(crate) workflow_runs: Option<PathBuf>,
    /// The tenant of these files.
    pub(crate) tenant: Option<String>,
    /// The time between two samples of a series.
    pub(crate) step: Duration,
    /// Which families are written.
    pub(crate) families: backfill::Families,
    /// Labels that the scrape would have added.
    pub(crate) labels: Vec<(String, String)>,
}

/// `amperity_exporter healthcheck`
#[derive(Clone, Debug)]
pub enum Healthcheck {
    /// The exporter with these flags.
    Exporter {
        /// Its route prefix.
        route_prefix: String,
        /// Its addresses; the first one is checked.
        listen_addresses: Vec<String>,
        /// Its web configuration file.
        web_config_file: Option<PathBuf>,
    },
    /// The exporter that runs as this process.
    Process(u32),
}

/// Parses the command line. `arguments` begin with the program's name;
/// `environment` returns the value of a variable.
///
/// # Errors
/// If it is invalid, or asks for help or the version; [`clap::Error::exit`]
/// handles all of them.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Command, clap::Error> {
    let cli = Cli::from_arg_matches(&Cli::command().try_get_matches_from(arguments)?)?;
    Ok(match cli.command {
        None => Command::Serve(Serve {
            settings: cli.settings.required_source(environment)?,
            web: cli.web.into(),
            log: cli.log.into(),
        }),
        Some(Subcommand::Demo { listen, log }) => Command::Demo(Demo {
            listen_addresses: listen.addresses,
            log: log.into(),
        }),
        Some(Subcommand::Simulator { listen, log }) => Command::Simulator(Simulator {
            listen_addresses: listen.addresses,
            log: log.into(),
        }),
        Some(Subcommand::Check {
            settings,
            live,
            web_config_file,
        }) => Command::Check(Check {
            settings: match &web_config_file {
                Some(_) => settings.source(environment)?,
                None => Some(settings.required_source(environment)?),
            },
            live,
            web_config_file,
        }),
        Some(Subcommand::Backfill(flags)) => {
            let settings = match &flags.jobs_file {
                Some(_) => flags.settings.source(environment)?,
                None => Some(flags.settings.required_source(environment)?),
            };
            Command::Backfill(Backfill {
                settings,
                jobs: flags.jobs_file,
                workflow_runs: flags.workflow_runs_file,
                tenant: flags.jobs_tenant,
                step: flags.step,
                families: backfill::Families::new(&flags.families),
                labels: flags.labels,
            })
        }
        Some(Subcommand::Metrics) => Command::Metrics,
        Some(Subcommand::Healthcheck { listen }) => Command::Healthcheck(listen.into()),
    })
}

/// The command line, for man pages and shell completions.
#[must_use]
pub fn command_line() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests;
