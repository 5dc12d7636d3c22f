//! How many rows a run usually reads, and how few or many are unusual.
//!
//! Rows are compared on a logarithmic scale: a feed varies by factors, not by
//! numbers. Small numbers vary by chance as well, by about their square root.
//! Bounds never exclude what comparable runs read before, apart from a few.

use super::comparable::comparable;
use super::grouping::Value;
use super::schedule::Schedule;
use super::{Past, is_early, longer_gap, statistics};

/// A run that reads at least this share of the usual rows is never low, and
/// one that reads at most this many times the usual rows is never high.
const LEAST_LOW: f64 = 0.4;
const LEAST_HIGH: f64 = 3.0;
/// By which factor the rows of a new feed may differ from those of the run a week
/// before.
const FROM_WEEK_TO_WEEK: f64 = 2.0;
/// Of a feed with more runs a week, one run with few rows is not unusual; the
/// second in a row is.
const OFTEN: f64 = 250.0;

/// The rows comparable runs read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Volume {
    pub(super) usual: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// What the run at `start` usually reads, by the runs before it.
pub(super) fn learn(before: &[Past], start: i64, schedule: Option<&Schedule>) -> Option<Volume> {
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
    let comparable = comparable(&values, start, FROM_WEEK_TO_WEEK.ln())?;
    let usual = comparable.usual.exp_m1().max(0.0);
    let chance = 4.0 * usual.sqrt();
    let width = comparable.width(0.04);
    let low = (comparable.usual - width).exp_m1().min(LEAST_LOW * usual) - chance;
    let low = low.min(0.8 * comparable.smallest.exp_m1()).floor().max(0.0);
    let high = (comparable.usual + width).exp_m1().max(LEAST_HIGH * usual) + chance + 10.0;
    let high = high.max(1.25 * comparable.largest.exp_m1());
    // Not even by chance does a feed that never read less than five read none.
    let never_empty =
        usual >= 20.0 && comparable.smallest > 0.0 && comparable.is_never_zero(5.0_f64.ln_1p());
    let mut low = low.max(f64::from(u8::from(never_empty)));
    let is_first = !before.last().is_some_and(|run| is_below(run, low));
    if (comparable.weekly > OFTEN && is_first) || is_early(before, start) {
        low = 0.0;
    }
    Some(Volume {
        usual,
        low,
        high: (high * longer_gap(before, start, schedule)).ceil(),
    })
}

fn is_below(run: &Past, low: f64) -> bool {
    run.read.is_some_and(|read| statistics::rows(read) < low)
}
