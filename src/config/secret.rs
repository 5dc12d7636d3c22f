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

/// A file that holds no usable secret; says which, why and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct SecretError {
    path: PathBuf,
    problem: String,
}

/// Reads a secret again and again, one read at a time: one that hangs, as on a
/// file server that is gone, cannot be ended and must not become many.
#[derive(Debug)]
pub struct SecretReader {
    secret: Secret,
    under_way: Mutex<Option<JoinHandle<Result<SecretString, SecretError>>>>,
}

impl SecretReader {
    /// A reader of this secret.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self {
            secret,
            under_way: Mutex::default(),
        }
    }

    /// The secret as it is now; a file is read anew each time, away from the
    /// asynchronous threads.
    ///
    /// # Errors
    /// If the file cannot be read by the deadline, is empty, is not UTF-8, or
    /// is longer than any secret.
    pub async fn read(&self, deadline: Instant) -> Result<SecretString, SecretError> {
        let path = match &self.secret {
            Secret::Value(secret) => return Ok(secret.clone()),
            Secret::File(path) => path,
        };
        let read = async {
            let mut under_way = self.under_way.lock().await;
            let reading = under_way.get_or_insert_with(|| {
                let path = path.clone();
                tokio::task::spawn_blocking(move || read_file(&path))
            });
            let read = reading.await;
            *under_way = None;
            read.unwrap_or_else(|_| Err(SecretError::new(path, "reading it was interrupted")))
        };
        timeout_at(deadline, read).await.unwrap_or_else(|_| {
            let problem = "reading it does not come to an end; check the file system it is on";
            Err(SecretError::new(path, problem))
        })
    }
}

fn read_file(path: &Path) -> Result<SecretString, SecretError> {
    let cannot = |error: std::io::Error| {
        let problem = format!(
            "cannot read the secret in it ({error}); check that the file is there and that this \
             process may read it"
        );
        SecretError::new(path, problem)
    };
    let mut bytes = Zeroizing::new(Vec::new());
    std::fs::File::open(path)
        .map_err(cannot)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(SecretError::new(
            path,
            "too long for a secret (over 64 KiB); is it the right file?",
        ));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| SecretError::new(path, "not UTF-8 text; is it the right file?"))?
        .trim();
    if text.is_empty() {
        return Err(SecretError::new(
            path,
            "the file is empty; write the secret into it",
        ));
    }
    Ok(SecretString::from(text))
}

impl SecretError {
    fn new(path: &Path, problem: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            problem: problem.into(),
        }
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
