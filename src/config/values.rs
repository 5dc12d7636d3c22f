//! Single values: from text to what it means, or a problem noted and a
//! harmless value in its place, so that the next problem is found too.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::error::Problems;
use super::file::{Origin, Text, Written};
use super::secret::{self, Kind, Problem, Secret, is_word};

/// The size limit of a certificate file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What a duration is unless it is given, and what it may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) default: Duration,
    pub(super) least: Duration,
    pub(super) most: Duration,
}

/// Reads values that stand in one file, and notes the problems.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) problems: Problems,
    /// The folder to which relative paths of the file refer.
    pub(super) folder: PathBuf,
}

impl Reader {
    pub(super) fn duration(&mut self, text: &Text, place: &str, bounds: Bounds) -> Duration {
        let Bounds {
            default,
            least,
            most,
        } = bounds;
        let Some(text) = text else { return default };
        let Ok(duration) = humantime::parse_duration(text.value.trim()) else {
            let message = "not a duration; write it like 30s, 5m or 7d";
            self.problems.add(text.origin, place, message);
            return default;
        };
        if duration < least || duration > most {
            let (least, most) = (length(least), length(most));
            let message = format!("must be from {least} to {most}");
            self.problems.add(text.origin, place, message);
            return default;
        }
        duration
    }

    pub(super) fn bytes(&mut self, text: &Text, place: &str, default: u64) -> u64 {
        let Some(text) = text else { return default };
        match text.value.trim().parse::<ByteSize>() {
            Ok(size) if size.as_u64() > 0 => size.as_u64(),
            Ok(_) => {
                self.problems.add(text.origin, place, "must be more than 0");
                default
            }
            Err(_) => {
                let message = "not a size; write it like 64MiB or 512KiB";
                self.problems.add(text.origin, place, message);
                default
            }
        }
    }

    /// Text that can be an HTTP header and holds no white space.
    pub(super) fn word(&mut self, text: &Written<String>, place: &str) -> String {
        if text.value.trim().is_empty() {
            self.problems.add(text.origin, place, "must not be blank");
        } else if !is_word(&text.value) {
            let message = "must be visible ASCII characters without white space";
            self.problems.add(text.origin, place, message);
        }
        text.value.clone()
    }

    /// An address to which a path can be appended. None of it is repeated in
    /// a problem: it may hold a password.
    pub(super) fn url(&mut self, text: &Written<String>, place: &str) -> Option<Url> {
        let problem = match text.value.trim().parse::<Url>() {
            Err(_) => "not a URL; write it like https://app.amperity.com/api",
            Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                "must begin with https:// (or http://)"
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                "must not hold a user or password; credentials go under authorization or oauth2"
            }
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                "must not hold `?` or `#`"
            }
            Ok(mut url) => {
                let path = url.path().trim_end_matches('/').to_owned();
                url.set_path(&path);
                return Some(url);
            }
        };
        self.problems.add(text.origin, place, problem);
        None
    }

    /// The address of a proxy; user and password may be in it.
    pub(super) fn proxy(&mut self, text: &Written<String>, place: &str) -> Option<Url> {
        let url = text.value.trim().parse::<Url>().ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if url.is_none() {
            let message = "not the URL of a proxy; write it like http://proxy.example:3128";
            self.problems.add(text.origin, place, message);
        }
        url
    }

    /// A path, from the folder of the file if it is relative and stands there.
    pub(super) fn path(&self, path: &Written<PathBuf>) -> PathBuf {
        match path.origin {
            Origin::Line(_) => self.folder.join(&path.value),
            Origin::Named(_) => path.value.clone(),
        }
    }

    /// The content of a file that must be there. Its path is not repeated in
    /// a problem: it may be a secret that was meant to stand elsewhere.
    pub(super) fn content(&mut self, path: &Written<PathBuf>, place: &str) -> Option<Vec<u8>> {
        let full = self.path(path);
        let problem = match std::fs::metadata(&full) {
            _ if path.value.as_os_str().is_empty() => "must not be blank".to_owned(),
            Err(error) => self.unreadable(&error, path),
            Ok(metadata) if metadata.is_dir() => "is a directory; name the file in it".to_owned(),
            Ok(_) => match read_bounded(&full, MAX_FILE_BYTES) {
                Ok(Some(content)) => return Some(content),
                Ok(None) => "the file is larger than 1 MiB; is it the right one?".to_owned(),
                Err(error) => self.unreadable(&error, path),
            },
        };
        self.problems.add(path.origin, place, problem);
        None
    }

    fn unreadable(&self, error: &io::Error, path: &Written<PathBuf>) -> String {
        let folder = self.folder.display();
        match path.origin {
            Origin::Line(_) if path.value.is_relative() && !folder.to_string().is_empty() => {
                format!("the file cannot be read in {folder}: {error}; check path and permissions")
            }
            _ => format!("the file cannot be read: {error}; check path and permissions"),
        }
    }

    /// A secret in a file, which must be there and hold something usable now;
    /// it is read again when it changes.
    pub(super) fn secret_file(
        &mut self,
        path: &Written<PathBuf>,
        place: &str,
        kind: Kind,
    ) -> Secret {
        let full = self.path(path);
        if path.value.as_os_str().is_empty() {
            self.problems.add(path.origin, place, "must not be blank");
        } else if let Err(problem) = secret::read_file(&full, kind) {
            let problem = match problem {
                Problem::Unreadable(error) => self.unreadable(&error, path),
                other => other.to_string(),
            };
            self.problems.add(path.origin, place, problem);
        }
        Secret::File(full)
    }

    /// A secret that was given in place.
    pub(super) fn secret_value(
        &mut self,
        text: &Written<SecretString>,
        place: &str,
        kind: Kind,
    ) -> Secret {
        let secret = text.value.expose_secret().trim();
        if let Some(problem) = kind.problem(secret) {
            self.problems.add(text.origin, place, problem);
        }
        Secret::Value(SecretString::from(secret))
    }
}

/// The content of a file, or `None` if there is more of it than `most`, as
/// there is of `/dev/zero`.
pub(super) fn read_bounded(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    let mut file = File::open(path)?.take(most + 1);
    let length = file.read_to_end(&mut content)?;
    Ok((u64::try_from(length).is_ok_and(|length| length <= most)).then_some(content))
}

/// Whether what is sent to this address stays on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().map_or_else(
        |_| host == "localhost" || host.ends_with(".localhost"),
        |address| address.is_loopback(),
    )
}

/// The folder of a file, where its relative paths begin.
pub(super) fn folder_of(file: Option<&Path>) -> PathBuf {
    file.and_then(Path::parent)
        .unwrap_or(Path::new(""))
        .to_path_buf()
}

/// A duration as it would be written: the largest unit that fits.
pub(crate) fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        _ if duration.subsec_nanos() > 0 => humantime::format_duration(duration).to_string(),
        0 => "0s".to_owned(),
        _ if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}
