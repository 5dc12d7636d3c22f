//! Writes the files that are generated for users:
//!
//! ```text
//! cargo run --package amperity_packaging              tables of the repository
//! cargo run --package amperity_packaging -- FOLDER    man pages, completions, licenses
//! ```

use std::path::Path;

fn main() -> std::io::Result<()> {
    match std::env::args_os().nth(1) {
        Some(folder) => amperity_packaging::write_shared_files(Path::new(&folder)),
        None => amperity_packaging::write_tables(),
    }
}
