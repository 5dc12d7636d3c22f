//! Why a state file cannot be used or written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use rusqlite::ErrorCode;

/// Why a state file cannot be used or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the lock.
    #[error(
        "the state file {} is in use by another amperity_exporter; give each its own state.file",
        .0.display()
    )]
    InUse(PathBuf),
    /// Setting it aside would lose what a later version can still read.
    #[error(
        "the state file {} was written by a newer amperity_exporter (format {version}, this one \
         knows {}); run the newer one, or move the file away to start the counters at 0",
        path.display(), super::connection::VERSION
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format it says it has.
        version: u64,
    },
    /// It belongs to somebody else, so it is not touched.
    #[error(
        "the state file {} is not a state file of amperity_exporter; it was left as it is: set \
         state.file to another path",
        .0.display()
    )]
    Foreign(PathBuf),
    /// A device, a pipe, a folder or a socket.
    #[error(
        "the state file {} is {kind}, not a regular file; set state.file to the path of a file",
        path.display()
    )]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What is there.
        kind: &'static str,
    },
    /// What `SQLite` keeps beside the file would be lost with the container.
    #[error(
        "the state file {} is mounted as a single file; mount its folder instead, since other \
         files are kept beside it",
        .0.display()
    )]
    MountedFile(PathBuf),
    /// A start would set it aside.
    #[error(
        "the state file {} is damaged ({problem}); the next start sets it aside, and the counters \
         start at 0",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The folder or the file cannot be used; the exporter should not start.
    #[error(
        "cannot {action} the state file {}: {cause}; {}", path.display(), advice(cause)
    )]
    Unusable {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: Arc<io::Error>,
    },
    /// It could not be read this time.
    #[error("cannot read the state file {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
    /// It could not be written this time.
    #[error(
        "cannot write the state file {}: {cause}; counting continues in memory and the next \
         refresh tries again, but a restart before that would count from the last state written",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
}

impl StoreError {
    pub(super) fn unusable(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::Unusable {
            action,
            path: path.to_path_buf(),
            cause: Arc::new(cause),
        }
    }

    pub(super) fn write(path: &Path, cause: &dyn fmt::Display) -> Self {
        Self::Write {
            path: path.to_path_buf(),
            cause: cause.to_string(),
        }
    }

    /// Whether an exporter can start in spite of it: the disk may have room,
    /// or be writable, by the time there is something to write.
    pub(super) fn may_pass(&self) -> bool {
        let Self::Unusable { cause, .. } = self else {
            return false;
        };
        is_full(cause) || cause.kind() == io::ErrorKind::ReadOnlyFilesystem
    }
}

fn is_full(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn advice(cause: &io::Error) -> &'static str {
    if is_full(cause) {
        "check that its disk has space, or set state.file to a path on another one"
    } else if cause.kind() == io::ErrorKind::ReadOnlyFilesystem {
        "mount its folder writable, or set state.file to a path that is"
    } else {
        "its folder must exist and belong to the user the exporter runs as (state.file)"
    }
}

/// What went wrong with an open database.
#[derive(Debug, thiserror::Error)]
pub(in crate::feeds) enum DatabaseError {
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("{0}")]
    Damaged(String),
    #[error("format {0}")]
    Newer(u64),
    #[error("not a state file")]
    Foreign,
}

impl DatabaseError {
    pub(super) fn damaged(problem: &str) -> Self {
        Self::Damaged(problem.to_owned())
    }

    /// Whether the contents are bad, rather than the disk or the moment.
    pub(super) fn is_damage(&self) -> bool {
        let Self::Sqlite(error) = self else {
            return matches!(self, Self::Damaged(_));
        };
        match error {
            rusqlite::Error::SqliteFailure(error, _) => matches!(
                error.code,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown
            ),
            rusqlite::Error::SqlInputError { .. }
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => true,
            _ => false,
        }
    }

    /// What kept the operating system from writing, if that is what happened.
    pub(super) fn disk_error(&self) -> Option<io::ErrorKind> {
        let Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) = self else {
            return None;
        };
        match error.code {
            ErrorCode::ReadOnly => Some(io::ErrorKind::ReadOnlyFilesystem),
            // The files beside it could not grow: an I/O error to SQLite.
            ErrorCode::DiskFull | ErrorCode::SystemIoFailure => Some(io::ErrorKind::StorageFull),
            _ => None,
        }
    }
}
