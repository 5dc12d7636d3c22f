//! Runs and outages with their times in seconds since 1970.

use super::schedule::Schedule;
use super::{Run, Unobserved, statistics};

/// A run with its times in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Past {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) succeeded: bool,
    pub(super) read: Option<u64>,
    pub(super) rejected: Option<u64>,
    pub(super) errors: Option<u64>,
}

/// A time in which nothing was observed, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Span {
    pub(super) fn contains(&self, time: i64) -> bool {
        (self.from..=self.until).contains(&time)
    }
}

impl Run {
    /// The run, unless its times contradict one another.
    pub(super) fn past(&self) -> Option<Past> {
        let past = Past {
            start: self.started_at.as_second(),
            end: self.ended_at.as_second(),
            succeeded: self.succeeded,
            read: self.read,
            rejected: self.rejected,
            errors: self.errors,
        };
        (past.start <= past.end).then_some(past)
    }
}

/// The times from start to start of runs in the order of their starts, in seconds.
pub(super) fn gaps<'a>(runs: impl IntoIterator<Item = &'a Past>) -> Vec<f64> {
    let starts: Vec<i64> = runs.into_iter().map(|run| run.start).collect();
    let gaps = starts.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.map(statistics::count).collect()
}

/// The gaps between the successes, and the time from the last one to `start`.
fn success_gaps(before: &[Past], start: i64) -> Option<(Vec<f64>, f64)> {
    let successes = || before.iter().filter(|run| run.succeeded);
    let last = successes().next_back()?;
    Some((gaps(successes()), statistics::count(start - last.start)))
}

/// How many of this many gaps may be out of line.
fn outliers(gaps: usize) -> usize {
    gaps / 12
}

/// How many times longer than usual the feed has not succeeded before `start`, at
/// least 1. Its run may read what the missing ones would have read. A scheduled
/// pause, such as a night, is not longer than usual.
pub(super) fn longer_gap(before: &[Past], start: i64, schedule: Option<&Schedule>) -> f64 {
    let Some((gaps, gap)) = success_gaps(before, start) else {
        return 1.0;
    };
    if let Some(scheduled) = scheduled_gap(before, schedule)
        && let Some(usual) = statistics::median(gaps.clone())
    {
        return 1.0 + (gap - scheduled).max(0.0) / usual.max(60.0);
    }
    let rank = 1 + outliers(gaps.len());
    let longest = statistics::largest(gaps, rank);
    longest.map_or(1.0, |longest| (gap / longest.max(60.0)).max(1.0))
}

/// Whether a run at `start` follows the last success in less than half the shortest
/// usual gap, as a manual one may. It may read nothing.
pub(super) fn is_early(before: &[Past], start: i64) -> bool {
    let Some((mut gaps, gap)) = success_gaps(before, start) else {
        return false;
    };
    gaps.sort_unstable_by(f64::total_cmp);
    let shortest = gaps.get(outliers(gaps.len()));
    shortest.is_some_and(|shortest| gap < shortest / 2.0)
}

/// From the start of the last success to that of the next run.
fn scheduled_gap(before: &[Past], schedule: Option<&Schedule>) -> Option<f64> {
    let last = before.iter().rev().find(|run| run.succeeded)?;
    // Rows that arrived while it ran are not loaded yet either.
    let short = Past {
        end: last.start,
        ..*last
    };
    let next = schedule?.next_start(&short)?;
    Some(statistics::count(next - last.start))
}

pub(super) fn spans(unobserved: &[Unobserved]) -> Vec<Span> {
    let span = |time: &Unobserved| Span {
        from: time.from.as_second(),
        until: time.until.as_second(),
    };
    unobserved.iter().map(span).collect()
}
