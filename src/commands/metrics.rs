//! `amperity_exporter metrics`: prints the reference of all metrics.

use std::io::{self, Write};

use crate::exposition::catalogue;

/// Writes the reference as Markdown.
///
/// # Errors
/// If it cannot be written.
pub(super) fn run(mut output: impl Write) -> io::Result<()> {
    output.write_all(catalogue::markdown().as_bytes())
}
