//! Counters across restarts: the real binary and its state file,
//! however the process ends.

mod kill;
pub(crate) mod script;
mod soak;
mod state_file;
