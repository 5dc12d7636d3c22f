//! Combines flags and environment into a [`Source`](config::Source).
//!
//! clap does not read the environment: so no secret in it can get into a help
//! text or an error, and an empty variable counts as not set.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::CommandFactory;
use clap::error::ErrorKind;
use secrecy::SecretString;

use super::flags::{Cli, Settings};
use crate::config::file::{Origin, Text, Written};
use crate::config::{self, GivenTenant};

impl Settings {
    /// The source of settings.
    pub(super) fn required_source(
        self,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<config::Source, clap::Error> {
        self.source(environment)?.ok_or_else(|| {
            usage_error(
                ErrorKind::MissingRequiredArgument,
                "nothing to export; give --config.file=FILE, or one tenant by flags or \
                 environment, or try `amperity_exporter demo`",
            )
        })
    }

    /// The source of settings, `None` if neither a file nor a tenant is given.
    pub(super) fn source(
        self,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<config::Source>, clap::Error> {
        let environment = Environment(environment);
        let tenant = GivenTenant {
            tenant: environment.or(self.tenant, "--amperity.tenant", "AMPERITY_TENANT")?,
            base_url: environment.or(self.base_url, "--amperity.base-url", "AMPERITY_BASE_URL")?,
            token_file: environment.path_or(
                self.token_file,
                "--amperity.token-file",
                "AMPERITY_TOKEN_FILE",
            ),
            token: environment.secret("AMPERITY_TOKEN")?,
            jobs: environment.list_or(self.jobs, "--amperity.job", "AMPERITY_JOBS")?,
            discovery_window: environment.or(
                self.discovery_window,
                "--amperity.discovery-window",
                "AMPERITY_DISCOVERY_WINDOW",
            )?,
        };
        let tenant = match (&self.config_file, tenant.names().as_slice()) {
            (None, []) => return Ok(None),
            (Some(_), []) => None,
            (None, _) => Some(tenant),
            (Some(_), names) => {
                let names = names.join(", ");
                let message = format!(
                    "--config.file cannot be used together with {names}: tenants come from the \
                     file, or one from flags and environment; remove one of the two"
                );
                return Err(usage_error(ErrorKind::ArgumentConflict, message));
            }
        };
        Ok(Some(config::Source {
            file: self.config_file,
            tenant,
            refresh_mode: environment.or(
                self.refresh_mode,
                "--refresh.mode",
                "AMPERITY_REFRESH_MODE",
            )?,
            refresh_interval: environment.or(
                self.refresh_interval,
                "--refresh.interval",
                "AMPERITY_REFRESH_INTERVAL",
            )?,
            state_file: environment.path_or(self.state_file, "--state.file", "AMPERITY_STATE_FILE"),
        }))
    }
}

/// The environment, which flags override.
struct Environment<E>(E);

impl<E: Fn(&str) -> Option<OsString>> Environment<E> {
    fn get(&self, name: &str) -> Option<OsString> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &'static str) -> Result<Text, clap::Error> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let origin = Origin::Named(name);
        match value.into_string() {
            Ok(value) => Ok(Some(Written { value, origin })),
            Err(_) => Err(usage_error(
                ErrorKind::InvalidUtf8,
                format!("{name} is not UTF-8"),
            )),
        }
    }

    fn or(
        &self,
        flag: Option<String>,
        flag_name: &'static str,
        name: &'static str,
    ) -> Result<Text, clap::Error> {
        let origin = Origin::Named(flag_name);
        match flag {
            Some(value) => Ok(Some(Written { value, origin })),
            None => self.text(name),
        }
    }

    fn path_or(
        &self,
        flag: Option<PathBuf>,
        flag_name: &'static str,
        name: &'static str,
    ) -> Option<Written<PathBuf>> {
        let flag = flag.map(|value| (value, flag_name));
        let (value, name) = flag.or_else(|| Some((self.get(name)?.into(), name)))?;
        let origin = Origin::Named(name);
        Some(Written { value, origin })
    }

    fn secret(&self, name: &'static str) -> Result<Option<Written<SecretString>>, clap::Error> {
        let text = self.text(name)?;
        Ok(text.map(|Written { value, origin }| Written {
            value: value.into(),
            origin,
        }))
    }

    fn list_or(
        &self,
        flags: Vec<String>,
        flag_name: &'static str,
        name: &'static str,
    ) -> Result<Vec<Written<String>>, clap::Error> {
        if flags.is_empty() {
            let Some(Written { value, origin }) = self.text(name)? else {
                return Ok(Vec::new());
            };
            let values = value.split(',').map(|value| value.trim().to_owned());
            return Ok(values.map(|value| Written { value, origin }).collect());
        }
        let origin = Origin::Named(flag_name);
        Ok(flags
            .into_iter()
            .map(|value| Written { value, origin })
            .collect())
    }
}

fn usage_error(kind: ErrorKind, message: impl std::fmt::Display) -> clap::Error {
    Cli::command().error(kind, message)
}
