//! Flags, environment and subcommands: from the command line to a [`Command`]
//! that says what to do. Pure: the process's arguments and environment are
//! handed in by `main`.
//!
//! The settings themselves are read later, by [`config::Source::load`], which
//! a reload calls again. A flag wins over the environment, and that over the
//! file.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches};

use crate::{config, logging};

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
    /// Say whether a configuration is good.
    Check(Check),
    /// Print the catalogue of metrics as Markdown.
    Metrics,
    /// Ask a running exporter whether it is healthy.
    Healthcheck(Healthcheck),
}

/// `amperity_exporter`
#[derive(Clone, Debug)]
pub struct Serve {
    /// Where the settings come from, now and at each reload.
    pub(crate) settings: config::Source,
    /// The HTTP side.
    pub(crate) web: Web,
    /// What is logged.
    pub(crate) log: logging::Options,
}

/// The HTTP side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Such as `:10109` or `127.0.0.1:10109`; at least one.
    pub(crate) listen_addresses: Vec<String>,
    /// Take the listeners systemd hands over instead.
    pub(crate) systemd_socket: bool,
    /// The path of the metrics page; begins with a slash.
    pub(crate) telemetry_path: String,
    /// TLS and authentication.
    pub(crate) config_file: Option<PathBuf>,
    /// Whether `POST /-/reload` is answered.
    pub(crate) enable_lifecycle: bool,
}

/// `amperity_exporter demo`
#[derive(Clone, Debug)]
pub struct Demo {
    /// Where the exporter listens; at least one.
    pub(crate) listen_addresses: Vec<String>,
    /// What is logged.
    pub(crate) log: logging::Options,
}

/// `amperity_exporter simulator`
#[derive(Clone, Debug)]
pub struct Simulator {
    /// Where the API listens; at least one.
    pub(crate) listen_addresses: Vec<String>,
    /// What is logged.
    pub(crate) log: logging::Options,
}

/// `amperity_exporter check`
#[derive(Clone, Debug)]
pub struct Check {
    /// The settings to check.
    pub(crate) settings: config::Source,
    /// Whether each tenant's API is asked, too.
    pub(crate) live: bool,
}

/// `amperity_exporter healthcheck`
#[derive(Clone, Debug)]
pub struct Healthcheck {
    /// Where the exporter listens.
    pub(crate) listen_address: String,
}

/// Reads the command line. `arguments` begin with the program's name;
/// `environment` gives the value of a variable.
///
/// # Errors
/// If it is not understood, or if it asks for help or the version:
/// [`clap::Error::exit`] does the right thing in each case, with exit code 2
/// or 0.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Command, clap::Error> {
    let cli = Cli::from_arg_matches(&Cli::command().try_get_matches_from(arguments)?)?;
    Ok(match cli.command {
        None => Command::Serve(Serve {
            settings: cli.settings.source(environment)?,
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
        Some(Subcommand::Check { settings, live }) => Command::Check(Check {
            settings: settings.source(environment)?,
            live,
        }),
        Some(Subcommand::Metrics) => Command::Metrics,
        Some(Subcommand::Healthcheck { listen_address }) => {
            Command::Healthcheck(Healthcheck { listen_address })
        }
    })
}

#[cfg(test)]
mod tests;
