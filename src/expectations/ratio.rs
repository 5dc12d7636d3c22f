//! Which share of its rows a run usually could not load or rejected, and from
//! which share on that is unusual.
//!
//! Shares are compared by their square roots, on which scale chance varies
//! all of them alike. A few rows of a small run prove nothing.

use super::Past;
use super::comparable::comparable_to_all;
use super::grouping::Value;
use super::statistics::{self, median};

/// The share of rows of comparable runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    pub(super) usual: f64,
    pub(super) limit: f64,
}

/// The usual share of `part` in the rows read of the run at `start` that read
/// `read` rows, by the runs before it. At most `tolerated` more than usual is
/// never unusual.
pub(super) fn learn(
    before: &[Past],
    start: i64,
    read: Option<u64>,
    part: impl Fn(&Past) -> Option<u64>,
    tolerated: f64,
) -> Option<Ratio> {
    let mut sizes = Vec::new();
    let mut values = Vec::new();
    for run in before.iter().filter(|run| run.succeeded) {
        let (Some(part), Some(read)) = (part(run), run.read.filter(|read| *read > 0)) else {
            continue;
        };
        let (part, read) = (statistics::rows(part), statistics::rows(read));
        sizes.push(read);
        values.push(Value {
            start: run.start,
            value: (part / read).min(1.0).sqrt(),
        });
    }
    let comparable = comparable_to_all(&values, start)?;
    let usual = comparable.usual.max(0.0).powi(2);
    let read = match read.filter(|read| *read > 0) {
        Some(read) => statistics::rows(read),
        None => median(sizes)?,
    };
    let expected = usual * read;
    let by_chance = (expected + 4.0 * expected.sqrt() + 5.0) / read;
    let limit = (comparable.usual.max(0.0) + comparable.width(0.005))
        .powi(2)
        .max(1.25 * comparable.largest.powi(2))
        .max(2.0 * usual.min(tolerated))
        .max(usual + tolerated)
        .max(by_chance);
    Some(Ratio {
        usual,
        limit: limit.min(1.0),
    })
}
