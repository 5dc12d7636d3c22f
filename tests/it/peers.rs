//! Tests with real peers: Prometheus and curl. They take real time.
//! `cargo test -- --skip peers::` leaves them out.

mod counters;
mod formats;
mod scaling;
mod scrapers;
mod secured;
mod serving;
