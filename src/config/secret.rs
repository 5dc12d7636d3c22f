//! A secret: given in place, or the path of a file that is read when it is
//! needed, so that a rotated one works without a restart.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::log_once::LogOnChange;

#[cfg(test)]
mod tests;

/// More than any token or password needs; keeps a path such as `/dev/zero`
/// from filling the memory.
const MAX_BYTES: u64 = 64 << 10;

/// A file that takes longer to read than this hangs.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads at the same time in the whole process. Each takes a thread, whatever the
/// number of tenants, and threads keep memory for later allocations.
static READS: Semaphore = Semaphore::const_new(4);

/// Few reads take longer than this.
const USUAL_READ: Duration = Duration::from_millis(100);

/// Time between two attempts to read a pipe that has no data yet.
const PIPE_POLL: Duration = Duration::from_millis(20);

/// Reads that hang, as on a file server that is gone, cannot be ended. With
/// this many no further one is begun.
const MAX_HANGING: usize = 4;

/// A secret, or where it is read. `Debug` shows the path, never the secret.
#[derive(Clone, Debug)]
pub enum Secret {
    /// The secret itself.
    Value(SecretString),
    /// A file that holds it; white space around it does not count.
    File(PathBuf),
}

/// What a secret is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is sent in a header.
    Token,
    /// It is sent in a form.
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
    #[error(
        "the file cannot be read within 5 s; check the file system it is on, and that it is not a \
         pipe"
    )]
    Hangs,
    #[error("reading the file was interrupted")]
    Interrupted,
}

impl Kind {
    /// What is wrong with a secret that is used for it.
    pub(super) fn problem(self, secret: &str) -> Option<&'static str> {
        if secret.is_empty() {
            Some("must not be blank")
        } else if self.is_placeholder(secret) {
            Some("is a placeholder or in quotes; write the secret itself, without quotes")
        } else if self == Self::Token && !is_word(secret) {
            Some("must be the token alone: one line, no white space, no word `Bearer` before it")
        } else if secret.contains(char::is_control) {
            Some("must be one line")
        } else {
            None
        }
    }
}

impl Kind {
    /// Whether a template was not filled in, or quotes are part of the secret.
    /// None of these characters can be in a token; a client secret may have
    /// them, but rarely around it.
    fn is_placeholder(self, secret: &str) -> bool {
        let marks = [
            ("\"", "\""),
            ("'", "'"),
            ("${", "}"),
            ("<", ">"),
            ("{{", "}}"),
        ];
        marks.iter().any(|(open, close)| match self {
            Self::Token => secret.contains(open),
            Self::ClientSecret => {
                let inner = secret.strip_prefix(open);
                inner.is_some_and(|inner| inner.ends_with(close))
            }
        })
    }
}

/// Whether text is visible ASCII without white space.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads a secret again and again, and keeps the one it read last.
#[derive(Debug)]
pub struct SecretReader {
    secret: Secret,
    kind: Kind,
    /// The read in flight, and when it began.
    reading: Option<(Instant, Reading)>,
    /// Reads that were given up.
    hanging: Vec<Reading>,
    last: Option<SecretString>,
    failing: LogOnChange<bool>,
}

type Reading = JoinHandle<Result<SecretString, Problem>>;

impl SecretReader {
    /// A reader of this secret.
    #[must_use]
    pub fn new(secret: Secret, kind: Kind) -> Self {
        Self {
            secret,
            kind,
            reading: None,
            hanging: Vec::new(),
            last: None,
            failing: LogOnChange::default(),
        }
    }

    /// The current secret. A file is read again each time, on a blocking
    /// thread; while that fails, the secret read last is used.
    ///
    /// # Errors
    /// If the file was never read successfully.
    pub async fn read(&mut self, deadline: Instant) -> Result<SecretString, SecretError> {
        let path = match &self.secret {
            Secret::Value(secret) => return Ok(secret.clone()),
            Secret::File(path) => path.clone(),
        };
        match self.read_file(&path, deadline).await {
            Ok(secret) => {
                if self.failing.update(false).is_some() {
                    tracing::info!(file = %path.display(), "the secret can be read again");
                }
                self.last = Some(secret.clone());
                Ok(secret)
            }
            Err(problem) => {
                let error = SecretError { path, problem };
                let last = self.last.clone();
                if last.is_some() && self.failing.update(true).is_some() {
                    tracing::warn!(%error, "cannot read a secret; keeping the one read last");
                }
                last.ok_or(error)
            }
        }
    }

    async fn read_file(&mut self, path: &Path, deadline: Instant) -> Result<SecretString, Problem> {
        self.hanging.retain(|reading| !reading.is_finished());
        if self.hanging.len() >= MAX_HANGING {
            return Err(Problem::Hangs);
        }
        let permit = timeout_at(deadline, READS.acquire())
            .await
            .map_err(|_| Problem::Hangs)?;
        let (began, task) = self.reading.get_or_insert_with(|| {
            let (path, kind) = (path.to_owned(), self.kind);
            let task = tokio::task::spawn_blocking(move || read_file(&path, kind));
            (Instant::now(), task)
        });
        let gives_up = *began + READ_TIMEOUT;
        let until = deadline.min(gives_up);
        let usual = until.min(Instant::now() + USUAL_READ);
        let mut read = timeout_at(usual, &mut *task).await;
        // A read that hangs does not prevent other reads.
        drop(permit);
        if read.is_err() {
            read = timeout_at(until, task).await;
        }
        if let Ok(read) = read {
            self.reading = None;
            read.unwrap_or(Err(Problem::Interrupted))
        } else {
            if Instant::now() >= gives_up {
                let hanging = self.reading.take();
                self.hanging.extend(hanging.map(|(_, task)| task));
            }
            Err(Problem::Hangs)
        }
    }
}

/// The secret a file holds now, without the white space around it. A pipe is
/// waited for a few seconds.
pub(super) fn read_file(path: &Path, kind: Kind) -> Result<SecretString, Problem> {
    let mut bytes = Zeroizing::new(Vec::new());
    let mut file = OpenOptions::new()
        .read(true)
        // Otherwise opening a pipe waits until somebody writes to it.
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(Problem::Unreadable)?;
    let is_regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
    let mut waited = Duration::ZERO;
    loop {
        let room = MAX_BYTES + 1 - bytes.len() as u64;
        match (&mut file).take(room).read_to_end(&mut bytes) {
            Ok(0) if bytes.is_empty() && !is_regular => {}
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(Problem::Unreadable(error)),
        }
        if waited >= READ_TIMEOUT {
            return Err(Problem::Hangs);
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "this function runs on a thread for blocking work"
        )]
        std::thread::sleep(PIPE_POLL);
        waited += PIPE_POLL;
    }
    if bytes.len() as u64 > MAX_BYTES {
        let problem = "is too long for a secret (over 64 KiB); is it the right file?";
        return Err(Problem::Content(problem));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Problem::Content("is not text; is it the right file?"))?
        .trim_start_matches('\u{feff}')
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
