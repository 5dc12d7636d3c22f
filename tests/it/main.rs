//! The integration tests: the exporter against the simulator and real peers.

mod scenarios;
mod support;
