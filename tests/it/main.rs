//! The integration tests: the exporter against the simulator and real peers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    clippy::print_stdout,
    reason = "in a test a panic is the failure, also in what tests share; samples are whole numbers"
)]

mod backfill;
mod deploy;
mod faults;
mod feeds;
mod main_job;
mod peers;
mod scenarios;
mod support;
