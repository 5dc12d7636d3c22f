//! When a feed runs: at certain times of the day, or at intervals.

use super::day_rule::DAY;
use super::interval::{self, Interval};
use super::slots::{self, Slot};
use super::statistics::{count, median, whole};
use super::{Past, Span, clock_change};

/// A feed that runs more often is tried as an interval first.
const OFTEN: i64 = 100 * 60;
/// So long after clocks changed somewhere, active hours may still be those from
/// before.
const CLOCK_CHANGE_LASTS: i64 = 21 * DAY;
/// Time to catch up after an outage is at most this long besides what a run
/// takes.
const MOST_CATCHING_UP: i64 = 6 * 3_600;

/// When a feed runs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Schedule {
    /// At times of the day.
    Slots(Vec<Slot>),
    /// At intervals.
    Interval(Box<Interval>),
}

/// When the next success is due, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// When the run should start.
    start: i64,
    /// When its success should have ended, slack included.
    at: i64,
    /// How long a feed needs to run again after an outage, slack included.
    catching_up: i64,
}

impl Schedule {
    /// The schedule of the past runs, in the order of their starts.
    pub(super) fn learn(runs: &[Past], unseen: &[Span]) -> Option<Self> {
        let starts = runs.windows(2);
        let gaps = starts.map(|pair| count(pair[1].start - pair[0].start));
        let often = whole(median(gaps.collect())?) < OFTEN;
        let slots = || slots::learn(runs, unseen).filter(|slots| !slots::too_many(slots));
        let slots = || slots().map(Self::Slots);
        let interval =
            || interval::learn(runs, unseen).map(|found| Self::Interval(Box::new(found)));
        if often {
            interval().or_else(slots)
        } else {
            slots().or_else(interval)
        }
    }

    /// When the run after one that started at `after` should start.
    pub(super) fn next_start(&self, after: i64) -> Option<i64> {
        self.due(after).map(|due| due.start)
    }

    /// When the next success is due after one that started at `after`.
    pub(super) fn due(&self, after: i64) -> Option<Due> {
        match self {
            Self::Slots(slots) => {
                let next = slots::next(slots, after, clock_change::between)?;
                Some(Due::new(next.start, next.due - next.start))
            }
            Self::Interval(interval) => {
                let lately = after - CLOCK_CHANGE_LASTS;
                let shifted =
                    !interval.is_always_active() && clock_change::between(lately, after + DAY);
                let (start, at) = interval.next(after, shifted)?;
                Some(Due {
                    start,
                    at,
                    catching_up: interval.period + interval.end + interval.slack,
                })
            }
        }
    }
}

impl Due {
    /// What should start at `start` and have succeeded `within` this many seconds.
    pub(super) fn new(start: i64, within: i64) -> Self {
        Self {
            start,
            at: start.saturating_add(within),
            catching_up: within,
        }
    }

    /// The same, but not due before a time.
    pub(super) fn not_before(mut self, time: i64) -> Self {
        self.at = self.at.max(time);
        self
    }

    /// When it is due considering that the exporter did not see everything: as
    /// long after an outage as the feed needs to catch up.
    pub(super) fn with_sight(self, unseen: &[Span]) -> i64 {
        let mut at = self.at;
        for span in unseen {
            // An outage that ended before the run should have started did not
            // hinder it.
            if span.until >= self.start && span.from <= at {
                let outage = (span.until - span.from).clamp(0, MOST_CATCHING_UP);
                at = at.max(span.until + self.catching_up.max(outage));
            }
        }
        at
    }
}
