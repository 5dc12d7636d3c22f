//! A Prometheus exporter for Amperity ingest jobs.
//!
//! Data flows one way through the modules:
//!
//! ```text
//! config → wire → jobs → amperity → feeds → snapshot → exposition → refresh → web
//! ```
//!
//! [`config`] says which tenants to export and how. [`wire`] has the types of
//! the API's responses, which become [`jobs::Job`]s. A tenant's
//! [`amperity::Client`] fetches them, and the [`feeds::RunHistory`] counts each
//! finished run once. [`refresh`] decides what to request and when, makes a
//! [`snapshot::Snapshot`] of the outcome and publishes it as the page that
//! [`exposition`] writes and [`web`] serves. `exporter` runs all of it for
//! [`commands`], which [`cli`] parses from the command line.
//!
//! A module uses only the modules before it, and [`clock`], [`telemetry`] and
//! `logging`. `docs/ARCHITECTURE.md` describes them one by one.

pub mod amperity;
pub mod backfill;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod expectations;
mod exporter;
pub mod exposition;
pub mod feeds;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod jobs;
mod log_once;
mod logging;
pub mod refresh;
pub mod snapshot;
pub mod telemetry;
#[cfg(test)]
mod tests;
pub mod web;
pub mod wire;
