//! The state file on disk: its lock, its format, and how it is replaced so
//! that a crash at any moment leaves the old contents or the new ones.
//!
//! It is one JSON object, `{"amperity_exporter_state": 1, "tenants": {…}}`,
//! with one ledger per tenant as [`crate::feeds`] has it. Two files stand
//! beside it: `FILE.lock`, empty, and during a write `FILE.tmp`.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::feeds::Ledger;

/// The format that is written, and the latest that is read.
pub(super) const VERSION: u64 = 1;

/// The ledgers by tenant.
pub(in crate::feeds) type Ledgers = BTreeMap<Arc<str>, Ledger>;

#[derive(Serialize)]
struct Written<'a> {
    amperity_exporter_state: u64,
    tenants: &'a Ledgers,
}

/// What every version of the file has.
#[derive(Deserialize)]
struct Header {
    amperity_exporter_state: u64,
}

#[derive(Deserialize)]
struct Body {
    tenants: Ledgers,
}

/// The file a path leads to, though it may not be there yet: all exporters
/// that share it must meet at one lock, and a link must stay one.
pub(in crate::feeds) fn resolved(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    // As many links as Linux follows.
    for _ in 0..40 {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        path = folder(&path).join(target);
    }
    path
}

/// See [`super::Store::check`].
pub(in crate::feeds) fn check(path: &Path) -> Result<(), StoreError> {
    let trial = beside(path, &format!(".check-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).open(&trial);
    made.and_then(|_| fs::remove_file(&trial))
        .map_err(|cause| unusable("write", path, cause))?;
    match OpenOptions::new().write(true).open(beside(path, ".lock")) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => {
            return Err(unusable("lock", path, cause));
        }
        _ => {}
    }
    let contents = match fs::read(path) {
        Ok(contents) => contents,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unusable("read", path, error)),
    };
    match parse(&contents) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(version)) => Err(StoreError::Newer {
            path: path.to_path_buf(),
            version,
        }),
        Err(error) => Err(StoreError::Damaged {
            path: path.to_path_buf(),
            problem: error.to_string(),
        }),
    }
}

/// Takes the lock, or says who has it.
pub(in crate::feeds) fn lock(path: &Path) -> Result<File, StoreError> {
    let unusable = |cause| unusable("lock", path, cause);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(beside(path, ".lock")).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_path_buf())),
        Err(TryLockError::Error(cause)) => Err(unusable(cause)),
    }
}

/// Whether an exporter can start in spite of it: the disk may have room, or
/// be writable, by the time there is something to write.
pub(in crate::feeds) fn may_pass(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// Reads the ledgers; none if there is no file, or none that can be read.
pub(in crate::feeds) fn read(path: &Path, now: Timestamp) -> Result<Ledgers, StoreError> {
    // What a crash left of a write that never took effect.
    let _ = fs::remove_file(beside(path, ".tmp"));
    let contents = match fs::read(path) {
        Ok(contents) => contents,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Ledgers::new()),
        Err(error) => return Err(unusable("read", path, error)),
    };
    match parse(&contents) {
        Ok(Ok(ledgers)) => Ok(ledgers),
        Ok(Err(version)) => Err(StoreError::Newer {
            path: path.to_path_buf(),
            version,
        }),
        Err(error) => {
            let aside = set_aside(path, now).map_err(|error| unusable("set aside", path, error))?;
            tracing::error!(
                file = %path.display(),
                set_aside = %aside.display(),
                %error,
                "the state file is not one of amperity_exporter's or is damaged: \
                 it was set aside and the counters start anew"
            );
            Ok(Ledgers::new())
        }
    }
}

/// The ledgers, or the version of a newer file.
pub(in crate::feeds) fn parse(contents: &[u8]) -> serde_json::Result<Result<Ledgers, u64>> {
    let header: Header = serde_json::from_slice(contents)?;
    if header.amperity_exporter_state > VERSION {
        return Ok(Err(header.amperity_exporter_state));
    }
    let body: Body = serde_json::from_slice(contents)?;
    Ok(Ok(body.tenants))
}

/// Renames the file, never over another one. The lock is held, so nobody
/// else chooses a name now.
fn set_aside(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let stem = now.strftime(".corrupt-%Y%m%dT%H%M%SZ").to_string();
    let mut aside = beside(path, &stem);
    let mut number = 1_u32;
    while aside.symlink_metadata().is_ok() {
        number += 1;
        aside = beside(path, &format!("{stem}-{number}"));
    }
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// Replaces the file. Returns once the disk has it.
pub(in crate::feeds) fn write(path: &Path, ledgers: &Ledgers) -> Result<(), StoreError> {
    let written = encode(ledgers).and_then(|contents| replace(path, &contents, || Ok(())));
    written.map_err(|cause| {
        // It may be what fills the disk.
        let _ = fs::remove_file(beside(path, ".tmp"));
        write_error(path, cause)
    })
}

pub(in crate::feeds) fn encode(ledgers: &Ledgers) -> io::Result<Vec<u8>> {
    let written = Written {
        amperity_exporter_state: VERSION,
        tenants: ledgers,
    };
    let mut contents = serde_json::to_vec(&written)?;
    contents.push(b'\n');
    Ok(contents)
}

/// Writes beside the file, then moves over it. `go_on` is asked between the
/// steps: tests end the process there.
pub(in crate::feeds) fn replace(
    path: &Path,
    contents: &[u8],
    mut go_on: impl FnMut() -> io::Result<()>,
) -> io::Result<()> {
    let temporary = beside(path, ".tmp");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&temporary)?;
    go_on()?;
    let (first, second) = contents.split_at(contents.len() / 2);
    file.write_all(first)?;
    go_on()?;
    file.write_all(second)?;
    go_on()?;
    file.sync_all()?;
    go_on()?;
    fs::rename(&temporary, path)?;
    go_on()?;
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    let parent = path.parent().unwrap_or(path);
    if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn unusable(action: &'static str, path: &Path, cause: io::Error) -> StoreError {
    StoreError::Unusable {
        action,
        path: path.to_path_buf(),
        cause: Arc::new(cause),
    }
}

pub(in crate::feeds) fn write_error(path: &Path, cause: io::Error) -> StoreError {
    StoreError::Write {
        path: path.to_path_buf(),
        cause: Arc::new(cause),
    }
}
