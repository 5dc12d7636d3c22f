//! How many rows a run usually reads, and how few or many are unusual.
//!
//! Rows are compared on a logarithmic scale: a feed varies by factors, not by
//! numbers. Small numbers vary by chance as well, by about their square root.
//! Bounds never exclude what comparable runs read before, apart from a few.

use super::comparable::{Value, comparable};
use super::statistics::largest;
use super::{Past, statistics};

/// A run that reads at least this share of the usual rows is never low, and
/// one that reads at most this many times the usual rows is never high.
const LEAST_LOW: f64 = 0.4;
const LEAST_HIGH: f64 = 3.0;

/// The rows comparable runs read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Volume {
    pub(super) usual: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// What the run at `start` usually reads, by the runs before it.
pub(super) fn learn(before: &[Past], start: i64) -> Option<Volume> {
    let values: Vec<Value> = before
        .iter()
        .filter(|run| run.succeeded)
        .filter_map(|run| {
            let value = statistics::rows(run.read?).ln_1p();
            Some(Value {
                start: run.start,
                value,
            })
        })
        .collect();
    let comparable = comparable(&values, start)?;
    let usual = comparable.usual.exp_m1().max(0.0);
    let chance = 4.0 * usual.sqrt();
    let width = comparable.width(0.04);
    let (rank, seen) = (comparable.rank(), &comparable.values);
    let largest_seen = largest(seen.clone(), rank)?.exp_m1();
    let smallest_seen = -largest(seen.iter().map(|value| -value).collect(), rank)?;
    let smallest_seen = smallest_seen.exp_m1();
    let low = (comparable.usual - width).exp_m1().min(LEAST_LOW * usual) - chance;
    let low = low.min(0.8 * smallest_seen).floor().max(0.0);
    let high = (comparable.usual + width).exp_m1().max(LEAST_HIGH * usual) + chance + 10.0;
    let high = high.max(1.25 * largest_seen).ceil();
    // Not even by chance does a feed that never read less than five read none.
    let never_empty = smallest_seen >= 5.0 && usual >= 20.0 && seen.len() >= 6;
    Some(Volume {
        usual,
        low: low.max(f64::from(u8::from(never_empty))),
        high,
    })
}
