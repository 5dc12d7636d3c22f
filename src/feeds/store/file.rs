//! The state file as a file: where a path leads, what is there, and where a
//! damaged one goes. Nothing is changed before it is known to be ours.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

use super::error::StoreError;
use super::import;

/// Marks the database as ours, in its header: `amex`.
pub(super) const APPLICATION_ID: i32 = 0x616d_6578;

/// A word that occurs in the schema, which begins on the first page, and in a
/// JSON file of the earlier version.
const MARK: &[u8] = b"amperity_exporter";

const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// Where `application_id` is in the header.
const APPLICATION_ID_AT: usize = 68;

/// The largest page that `SQLite` has.
const HEAD: u64 = 65_536;

/// What `SQLite` keeps beside a database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// What is at a path.
#[derive(Debug)]
pub(super) enum Contents {
    Missing,
    Empty,
    /// It looks like a database of ours.
    Database,
    /// The state file of the earlier version.
    Json,
    /// It was one of these.
    Damaged(String),
}

#[derive(Deserialize)]
struct JsonHeader {
    amperity_exporter_state: u64,
}

/// The file a path leads to, though it may not be there yet: all exporters
/// that share it must meet at one lock, and a link must stay one.
pub(super) fn resolved(path: &Path) -> PathBuf {
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

/// Looks at what is there without changing it.
pub(super) fn inspect(path: &Path) -> Result<Contents, StoreError> {
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Contents::Missing),
        Err(cause) => return Err(StoreError::unusable("open", path, cause)),
    };
    if !metadata.is_file() {
        return Err(StoreError::NotAFile {
            path: path.to_path_buf(),
            kind: kind(metadata.file_type()),
        });
    }
    if is_mount_point(path) {
        return Err(StoreError::MountedFile(path.to_path_buf()));
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.map_err(|cause| StoreError::unusable("read", path, cause))?;
    recognize(path, &head)
}

fn recognize(path: &Path, head: &[u8]) -> Result<Contents, StoreError> {
    if head.is_empty() {
        return Ok(Contents::Empty);
    }
    if head.starts_with(import::MARK) {
        return recognize_json(path);
    }
    let has_mark = head.windows(MARK.len()).any(|window| window == MARK);
    if head.starts_with(SQLITE_MAGIC) {
        let id = head.get(APPLICATION_ID_AT..APPLICATION_ID_AT + 4);
        return match id {
            Some(id) if id == APPLICATION_ID.to_be_bytes() => Ok(Contents::Database),
            Some(_) if !has_mark => Err(StoreError::Foreign(path.to_path_buf())),
            // What a crash leaves of a new file has no mark yet.
            _ => Ok(Contents::Damaged("its header is damaged".to_owned())),
        };
    }
    // A file system that lost its contents in a power failure leaves zeros.
    if has_mark || head.iter().all(|byte| *byte == 0) {
        return Ok(Contents::Damaged("its header is damaged".to_owned()));
    }
    Err(StoreError::Foreign(path.to_path_buf()))
}

fn recognize_json(path: &Path) -> Result<Contents, StoreError> {
    let contents = fs::read(path).map_err(|cause| StoreError::unusable("read", path, cause))?;
    let header = serde_json::from_slice::<JsonHeader>(&contents);
    match header.map(|header| header.amperity_exporter_state) {
        Ok(1) => Ok(match import::parse(&contents) {
            Ok(_) => Contents::Json,
            Err(error) => Contents::Damaged(error.to_string()),
        }),
        Ok(version) => Err(StoreError::Newer {
            path: path.to_path_buf(),
            version,
        }),
        Err(error) => Ok(Contents::Damaged(error.to_string())),
    }
}

fn kind(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// Whether a single file is mounted there, as container engines do.
fn is_mount_point(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    is_mounted(&path, &mounts)
}

/// Whether something is mounted at a path, by the text of `mountinfo`.
fn is_mounted(path: &Path, mounts: &str) -> bool {
    let mut points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    points.any(|point| Path::new(&unescaped(point)) == path)
}

/// A path of `mountinfo`, in which blanks are written in octal.
fn unescaped(point: &str) -> String {
    point
        .replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}

/// Whether a file can be made in the folder.
pub(super) fn try_folder(path: &Path) -> Result<(), StoreError> {
    let trial = beside(path, &format!(".check-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).open(&trial);
    made.and_then(|_| fs::remove_file(&trial))
        .map_err(|cause| StoreError::unusable("write", path, cause))?;
    match OpenOptions::new().write(true).open(path) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => {
            Err(StoreError::unusable("write", path, cause))
        }
        _ => Ok(()),
    }
}

/// Renames the file and what `SQLite` keeps beside it, never over another one.
/// The lock is held, so nobody else chooses a name now.
pub(super) fn set_aside(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let stem = now.strftime(".corrupt-%Y%m%dT%H%M%SZ").to_string();
    let mut aside = beside(path, &stem);
    let mut number = 1_u32;
    while aside.symlink_metadata().is_ok() {
        number += 1;
        aside = beside(path, &format!("{stem}-{number}"));
    }
    fs::rename(path, &aside)?;
    for companion in COMPANIONS {
        match fs::rename(beside(path, companion), beside(&aside, companion)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

/// Moves the JSON file of the earlier version out of the database's way.
pub(super) fn keep_json(path: &Path) -> io::Result<()> {
    fs::rename(path, beside(path, ".v1"))
}

/// The JSON file of the earlier version that a new database begins with: what
/// was at its path, or the file of the earlier default name in its folder.
pub(super) fn earlier_json(path: &Path) -> Option<PathBuf> {
    let candidates = [beside(path, ".v1"), path.with_extension("json")];
    let is_json =
        |candidate: &PathBuf| candidate != path && matches!(inspect(candidate), Ok(Contents::Json));
    candidates.into_iter().find(is_json)
}

/// Renames an imported file, so that it is not imported again.
pub(super) fn mark_imported(earlier: &Path) {
    if let Err(error) = fs::rename(earlier, beside(earlier, ".imported")) {
        tracing::warn!(file = %earlier.display(), %error, "cannot rename the imported state file; delete it");
    }
}

/// Whether transactions may be in the log beside the database.
pub(super) fn has_log(path: &Path) -> bool {
    beside(path, COMPANIONS[0]).exists()
}

/// The address of a database that nobody changes.
pub(super) fn immutable_uri(path: &Path) -> String {
    let path = path.as_os_str().as_encoded_bytes();
    let mut uri = "file:".to_owned();
    for byte in path {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {
                uri.push(char::from(*byte));
            }
            other => {
                let _ = write!(uri, "%{other:02x}");
            }
        }
    }
    uri + "?immutable=1"
}

/// Makes sure that the new file's name survives a power failure.
pub(super) fn sync_folder(path: &Path) {
    // Some file systems cannot; the contents are safe without it.
    let _ = File::open(folder(path)).and_then(|folder| folder.sync_all());
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
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_mounted_alone_is_recognized() {
        let mounts = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n\
            31 22 8:1 /srv/a.db /var/lib/my\\040exporter/state.db rw - ext4 /dev/sda1 rw\n\
            32 22 8:1 /srv /var/lib/folder rw - ext4 /dev/sda1 rw\n";
        assert!(is_mounted(
            Path::new("/var/lib/my exporter/state.db"),
            mounts
        ));
        assert!(!is_mounted(Path::new("/var/lib/folder/state.db"), mounts));
        assert!(!is_mounted(Path::new("/var/lib/my exporter"), mounts));
    }
}
