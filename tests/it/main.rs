//! The integration tests: the exporter against the simulator and real peers.

mod deploy;
mod main_job;
mod scenarios;
mod support;
