//! A secret: given in place, or the path of a file that is read when it is
//! needed, so that a rotated one works without a restart.

use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

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

impl Secret {
    /// The secret as it is now; a file is read anew each time, away from the
    /// asynchronous threads.
    ///
    /// # Errors
    /// If the file cannot be read, is empty, is not UTF-8, or is longer than
    /// any secret.
    pub async fn read(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::Value(secret) => Ok(secret.clone()),
            Self::File(path) => {
                let owned = path.clone();
                tokio::task::spawn_blocking(move || read_file(&owned))
                    .await
                    .unwrap_or_else(|_| Err(SecretError::new(path, "reading it was interrupted")))
            }
        }
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
