//! How long a run usually takes, and from when on it takes too long.
//!
//! A run is compared with those that are comparable to it by the time of day
//! and of the week, whatever they read. One that reads more rows than these may
//! take longer in the same proportion, so that a backfill is not slow. One with
//! fewer rows is given the usual time: what a run costs before its first row is
//! not known.

use super::comparable::{comparable, recent};
use super::grouping::Value;
use super::schedule::Schedule;
use super::statistics::{self, count, median};
use super::{Past, longer_gap};

/// A run that takes at most this many times the usual is never too long, nor
/// one that takes at most this much more, in seconds: nobody acts on less, and a
/// short run that hangs makes its feed late soon.
const LEAST_FACTOR: f64 = 2.0;
const LEAST_MORE: f64 = 1800.0;
/// However much runs differ, one that takes this many times the usual is too long,
/// unless comparable ones took as long before.
const MOST_FACTOR: f64 = 3.0;

/// The duration of a run of a feed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Duration {
    /// Of comparable runs, in seconds.
    usual: f64,
    /// From when on it is too long for a run that reads no more than those.
    limit: f64,
    /// How many times as long it may take because the feed has not succeeded
    /// for longer than usual.
    catching_up: f64,
    /// The most rows that comparable runs usually read, if that is known.
    rows: Option<f64>,
}

/// What the run at `start` usually takes, by the runs before it.
pub(super) fn learn(before: &[Past], start: i64, schedule: Option<&Schedule>) -> Option<Duration> {
    let successes = before
        .iter()
        .filter(|run| run.succeeded && run.end > run.start);
    let successes: Vec<&Past> = successes.collect();
    let successes = recent(&successes);
    let durations = successes.iter().map(|run| Value {
        start: run.start,
        value: count(run.end - run.start).ln(),
    });
    let durations = comparable(&durations.collect::<Vec<_>>(), start, 0.0)?;
    let usual = durations.usual.exp();
    let width = durations.width_above(0.1).min(MOST_FACTOR.ln());
    let limit = (durations.usual + width).exp();
    let rows = durations.places.iter();
    let rows = rows.filter_map(|place| successes[*place].read);
    let rows = median(rows.map(statistics::rows).collect());
    Some(Duration {
        usual,
        limit: limit
            .max(1.25 * durations.largest.exp())
            .max(LEAST_FACTOR * usual)
            .max(usual + LEAST_MORE),
        catching_up: longer_gap(before, start, schedule),
        rows: rows.filter(|rows| *rows >= 1.0),
    })
}

impl Duration {
    /// What a run that reads this many rows usually takes, in seconds.
    pub(super) fn usual(&self, read: Option<u64>) -> f64 {
        self.usual * self.scale(read)
    }

    /// From when on it takes too long, in seconds.
    pub(super) fn limit(&self, read: Option<u64>) -> f64 {
        self.limit * self.scale(read)
    }

    /// How many times as long as comparable runs it may take.
    fn scale(&self, read: Option<u64>) -> f64 {
        let times = read
            .zip(self.rows)
            .map(|(read, rows)| statistics::rows(read) / rows);
        times.unwrap_or(1.0).max(self.catching_up)
    }
}
