//! Counters that outlive the process: the real binary and its state file, in
//! whatever way the process ends.

mod kill;
mod script;
mod seen_by_prometheus;
mod state_file;
