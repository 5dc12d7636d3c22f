//! Counters that outlive the process: the real binary and its state file, in
//! whatever way the process ends.

mod kill;
pub(crate) mod script;
mod state_file;
