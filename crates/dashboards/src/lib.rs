//! The Grafana dashboards of `amperity_exporter`, as data.
//!
//! `dashboards/*.json` are the output of this crate, for people to import:
//!
//! ```text
//! cargo run --package amperity_dashboards
//! ```
//!
//! A test of the product compares the files with this output, and the metrics
//! and labels of every query with the exporter's catalogue.

mod dashboard;
mod detail;
mod exporter;
mod feed;
mod overview;
mod panel;
mod query;
mod style;
mod table;
mod workflow;

use serde_json::Value;

/// The name of each file in `dashboards/`, and its contents.
#[must_use]
pub fn files() -> Vec<(&'static str, String)> {
    let dashboards: [(&str, Value); 4] = [
        ("exporter.json", exporter::dashboard()),
        ("feed-detail.json", feed::dashboard()),
        ("ingest-overview.json", overview::dashboard()),
        ("workflow.json", workflow::dashboard()),
    ];
    // Alternate formatting is the pretty-printed one.
    let print = |(name, dashboard): (_, Value)| (name, format!("{dashboard:#}\n"));
    dashboards.map(print).into()
}
