//! A Prometheus exporter for Amperity ingest jobs.

pub mod amperity;
pub mod cli;
pub mod clock;
pub mod config;
pub mod exposition;
pub mod feeds;
pub mod jobs;
pub mod refresh;
pub mod simulator;
pub mod snapshot;
pub mod telemetry;
pub mod web;
