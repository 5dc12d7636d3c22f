//! `amperity_exporter metrics`: prints the reference of all metrics.

use crate::exposition::catalogue;

/// Prints the reference as Markdown.
///
/// # Errors
/// If it cannot be written.
pub(super) fn run() -> anyhow::Result<()> {
    super::print(&catalogue::markdown())
}
