//! Generates what the packages and the chart of `amperity_exporter` contain
//! besides the program. A crate of its own, so that the program does not contain
//! the generators.

use std::fs;
use std::io;
use std::path::Path;

mod command_line;
mod compatibility;
mod notices;
mod values;

/// Writes man pages, completions and licenses below `folder`, as they are
/// installed below `/usr/share`.
///
/// # Errors
/// If a file cannot be written.
pub fn write_shared_files(folder: &Path) -> io::Result<()> {
    command_line::write(folder)?;
    let documentation = folder.join("doc/amperity-exporter");
    fs::create_dir_all(&documentation)?;
    fs::write(documentation.join("THIRD-PARTY.txt"), notices::text()?)
}

/// Writes the tables of the repository: the chart's values, versions that the
/// tests use.
///
/// # Errors
/// If a file cannot be read or written.
pub fn write_tables() -> io::Result<()> {
    values::write()?;
    compatibility::write()
}

/// The path of a file of the repository.
fn repository(path: &str) -> String {
    format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))
}
