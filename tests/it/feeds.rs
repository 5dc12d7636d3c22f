//! Counters that outlive the process: the real binary, its state file, and
//! what becomes of both when the process is ended in any way.

mod kill;
mod script;
mod seen_by_prometheus;
mod state_file;
