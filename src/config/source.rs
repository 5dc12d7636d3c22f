//! Where the settings come from: a file, flags and environment, or both, read
//! again at each reload. What was given by flag or environment is put into
//! the file's own structure, so that there is one validation for all of it.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::error::{ConfigError, Problems};
use super::file::{Authorization, Discovery, File, Origin, Tenant, Text, Written};
use super::values::read_bounded;
use super::{Settings, validate, yaml};

/// The size limit of a configuration file, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Where the settings come from. Cloning gives the same source.
#[derive(Clone, Default)]
pub struct Source {
    pub(crate) file: Option<PathBuf>,
    pub(crate) tenant: Option<GivenTenant>,
    pub(crate) refresh_mode: Text,
    pub(crate) refresh_interval: Text,
    pub(crate) state_file: Option<Written<PathBuf>>,
}

/// A tenant given by flags and environment.
#[derive(Clone, Default)]
pub(crate) struct GivenTenant {
    pub(crate) tenant: Text,
    pub(crate) base_url: Text,
    pub(crate) token_file: Option<Written<PathBuf>>,
    pub(crate) token: Option<Written<SecretString>>,
    pub(crate) jobs: Vec<Written<String>>,
    pub(crate) discovery_window: Text,
}

impl Source {
    /// A configuration file and nothing else.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            file: Some(path.into()),
            ..Self::default()
        }
    }

    /// The path of the configuration file, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Reads and validates everything, the files it names included. Reads
    /// files: not for an async thread under load.
    ///
    /// # Errors
    /// With every problem found, one line each.
    pub fn load(&self) -> Result<Settings, ConfigError> {
        let mut written = match &self.file {
            Some(path) => read(path)?,
            None => File::default(),
        };
        if let Some(given) = &self.tenant {
            written.tenants = vec![given.as_written()];
        }
        let Self {
            refresh_mode,
            refresh_interval,
            state_file,
            ..
        } = self.clone();
        written.refresh.mode = refresh_mode.or(written.refresh.mode);
        written.refresh.interval = refresh_interval.or(written.refresh.interval);
        written.state.file = state_file.or(written.state.file);
        validate::settings(written, Problems::new(self.path()))
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Source")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl GivenTenant {
    /// The flags and variables something was given in.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let path = |path: &Option<Written<PathBuf>>| path.as_ref().map(|path| path.origin);
        let text = |text: &Text| text.as_ref().map(|text| text.origin);
        let origins = [
            text(&self.tenant),
            text(&self.base_url),
            path(&self.token_file),
            self.token.as_ref().map(|token| token.origin),
            self.jobs.first().map(|job| job.origin),
            text(&self.discovery_window),
        ];
        let named = origins
            .into_iter()
            .flatten()
            .filter_map(|origin| match origin {
                Origin::Named(name) => Some(name),
                Origin::Line(_) => None,
            });
        named.collect()
    }

    fn as_written(&self) -> Written<Tenant> {
        let given = self.clone();
        let origin = given
            .tenant
            .as_ref()
            .map_or(Origin::Named("--amperity.tenant"), |name| name.origin);
        Written {
            origin,
            value: Tenant {
                tenant: given.tenant,
                authorization: Some(Authorization {
                    credentials_file: given.token_file,
                    credentials: given.token,
                }),
                base_url: given.base_url,
                jobs: given.jobs,
                discovery: given.discovery_window.map(|window| Discovery {
                    window: Some(window),
                }),
                ..Tenant::default()
            },
        }
    }
}

fn read(path: &Path) -> Result<File, ConfigError> {
    let name = path.display();
    let one = |message: String| ConfigError::one(format!("{name}: {message}"));
    if path.is_dir() {
        return Err(one("is a directory; name the file in it".to_owned()));
    }
    let bytes = read_bounded(path, MAX_BYTES)
        .map_err(|error| {
            one(format!(
                "cannot be read: {error}; check path and permissions"
            ))
        })?
        .ok_or_else(|| one("is larger than 16 MiB; is it the right file?".to_owned()))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to());
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        ConfigError::one(format!("{name}:{line}: not UTF-8; save the file as UTF-8"))
    })?;
    yaml::parse(&text).map_err(|fault| {
        ConfigError::one(match fault.line {
            Some(line) => format!("{name}:{line}: {}", fault.message),
            None => format!("{name}: {}", fault.message),
        })
    })
}
