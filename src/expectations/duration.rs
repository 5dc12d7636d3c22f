//! How long a run usually takes, and from when on it takes too long.
//!
//! A run with more rows than usual may take longer in the same proportion, so
//! that a backfill is not slow. One with fewer rows is given the usual time:
//! what a run costs before its first row is not known.

use super::Past;
use super::statistics::{self, count, deviation, largest, median};

/// A run that takes at most this many times the usual is never too long, nor
/// one that takes at most this much more, in seconds.
const LEAST_FACTOR: f64 = 2.0;
const LEAST_MORE: f64 = 600.0;
/// So many runs are needed.
const LEAST_RUNS: usize = 4;
/// Older runs are not considered.
const MOST_RUNS: usize = 60;

/// The duration of the runs of a feed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Duration {
    /// Of a run with the usual rows or fewer, in seconds.
    usual: f64,
    /// The usual rows, if they are known.
    rows: Option<f64>,
    /// How many times the usual a run may take.
    factor: f64,
}

/// What runs usually take, in seconds.
pub(super) fn learn(runs: &[Past]) -> Option<Duration> {
    let successes: Vec<&Past> = runs
        .iter()
        .filter(|run| run.succeeded && run.end > run.start)
        .collect();
    let recent = &successes[successes.len().saturating_sub(MOST_RUNS)..];
    if recent.len() < LEAST_RUNS {
        return None;
    }
    let sizes = recent.iter().filter_map(|run| run.read);
    let sizes: Vec<f64> = sizes.map(statistics::rows).collect();
    let rows = median(sizes).filter(|rows| *rows >= 1.0);
    // Larger runs say what they took per usual rows.
    let scaled = |run: &&Past| (count(run.end - run.start) / scale(run.read, rows)).ln();
    let logs: Vec<f64> = recent.iter().map(scaled).collect();
    let usual = median(logs.clone())?;
    let seen = largest(logs.clone(), 1 + logs.len() / 12)?;
    let width = (5.0 * deviation(&logs, usual)).max(seen - usual + 0.25);
    Some(Duration {
        usual: usual.exp(),
        rows,
        factor: width.exp().max(LEAST_FACTOR),
    })
}

/// How many times the usual rows a run has, at least 1.
fn scale(read: Option<u64>, rows: Option<f64>) -> f64 {
    let times = read
        .zip(rows)
        .map(|(read, rows)| statistics::rows(read) / rows);
    times.unwrap_or(1.0).max(1.0)
}

impl Duration {
    /// What a run that reads so many rows usually takes, in seconds.
    pub(super) fn usual(&self, read: Option<u64>) -> f64 {
        self.usual * scale(read, self.rows)
    }

    /// From when on it takes too long, in seconds.
    pub(super) fn limit(&self, read: Option<u64>) -> f64 {
        let usual = self.usual(read);
        (usual * self.factor).max(usual + LEAST_MORE)
    }
}
