//! What packages and charts of `amperity_exporter` contain beside the program,
//! as far as it can be generated. A crate of its own, so that the program does
//! not contain the generators.

use std::fs;
use std::io;
use std::path::Path;

mod command_line;
mod notices;
pub mod values;

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

/// The path of a file of the repository.
fn repository(path: &str) -> String {
    format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))
}
