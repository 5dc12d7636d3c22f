//! A secret: given in place, or the path of a file that is read when it is
//! needed, so that a rotated one works without a restart.

use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

#[cfg(test)]
mod tests;

/// More than any token or password needs; keeps a path such as `/dev/zero`
/// from filling the memory.
const MAX_BYTES: u64 = 64 << 10;

/// A secret, or where it is read. `Debug` shows the path, never the secret.
#[derive(Clone, Debug)]
pub enum Secret {
    /// The secret itself.
    Value(SecretString),
    /// A file that holds it; white space around it does not count.
    File(PathBuf),
}

/// What a secret is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Travels in a header.
    Token,
    /// Travels in a form.
    ClientSecret,
}

/// A file that holds no usable secret; says which, why and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct SecretError {
    path: PathBuf,
    problem: Problem,
}

/// Why a file holds no usable secret, and what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("the file cannot be read: {0}; check path and permissions")]
    Unreadable(std::io::Error),
    #[error("the file's content {0}")]
    Content(&'static str),
    #[error("reading the file does not come to an end; check the file system it is on")]
    Hangs,
    #[error("reading the file was interrupted")]
    Interrupted,
}

impl Kind {
    /// What is wrong with a secret that is to be good for it.
    pub(super) fn problem(self, secret: &str) -> Option<&'static str> {
        if secret.is_empty() {
            Some("must not be blank")
        } else if self == Self::Token && !is_word(secret) {
            Some("must be the token alone: one line, no white space, no word `Bearer` before it")
        } else if secret.contains(char::is_control) {
            Some("must be one line")
        } else {
            None
        }
    }
}

/// Whether text is visible ASCII without white space.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads a secret again and again, one read at a time: one that hangs, as on a
/// file server that is gone, cannot be ended and must not become many.
#[derive(Debug)]
pub struct SecretReader {
    secret: Secret,
    kind: Kind,
    under_way: Mutex<Option<JoinHandle<Result<SecretString, Problem>>>>,
}

impl SecretReader {
    /// A reader of this secret, which is good for that.
    #[must_use]
    pub fn new(secret: Secret, kind: Kind) -> Self {
        Self {
            secret,
            kind,
            under_way: Mutex::default(),
        }
    }

    /// The secret as it is now; a file is read anew each time, away from the
    /// asynchronous threads.
    ///
    /// # Errors
    /// If the file cannot be read by the deadline, or holds no such secret.
    pub async fn read(&self, deadline: Instant) -> Result<SecretString, SecretError> {
        let path = match &self.secret {
            Secret::Value(secret) => return Ok(secret.clone()),
            Secret::File(path) => path,
        };
        let read = async {
            let mut under_way = self.under_way.lock().await;
            let reading = under_way.get_or_insert_with(|| {
                let (path, kind) = (path.clone(), self.kind);
                tokio::task::spawn_blocking(move || read_file(&path, kind))
            });
            let read = reading.await;
            *under_way = None;
            read.unwrap_or(Err(Problem::Interrupted))
        };
        let read = timeout_at(deadline, read).await;
        read.unwrap_or(Err(Problem::Hangs))
            .map_err(|problem| SecretError {
                path: path.clone(),
                problem,
            })
    }
}

/// The secret a file holds now; white space around it does not count.
pub(super) fn read_file(path: &Path, kind: Kind) -> Result<SecretString, Problem> {
    let mut bytes = Zeroizing::new(Vec::new());
    std::fs::File::open(path)
        .map_err(Problem::Unreadable)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(Problem::Unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        let problem = "is too long for a secret (over 64 KiB); is it the right file?";
        return Err(Problem::Content(problem));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Problem::Content("is not text; is it the right file?"))?
        .trim();
    match kind.problem(text) {
        Some(problem) => Err(Problem::Content(problem)),
        None => Ok(SecretString::from(text)),
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(one), Self::Value(two)) => one.expose_secret() == two.expose_secret(),
            (Self::File(one), Self::File(two)) => one == two,
            _ => false,
        }
    }
}
