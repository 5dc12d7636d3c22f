//! When a feed runs: at certain times of the day, or at intervals.

use jiff::tz::TimeZone;

use super::clock::{Change, Clock};
use super::day_rule::DAY;
use super::interval::{self, Interval};
use super::slots::{self, Slot};
use super::statistics::{median, whole};
use super::{Past, Span, gaps};

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
pub(super) struct Schedule {
    pub(super) clock: Clock,
    pub(super) times: Times,
}

/// When a feed runs by its clock.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Times {
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
    /// The schedule of the past runs, in the order of their starts. One that goes
    /// on evenly all day may not follow the clock changes of a configured zone.
    pub(super) fn learn(
        runs: &[Past],
        unseen: &[Span],
        timezone: Option<&TimeZone>,
    ) -> Option<Self> {
        let learned = Self::by_clock(runs, unseen, Clock::default());
        let is_even = |schedule: &Self| schedule.times.is_even_all_day();
        if timezone.is_none() || learned.as_ref().is_some_and(is_even) {
            return learned;
        }
        Self::by_clock(runs, unseen, Clock(timezone.cloned()))
    }

    fn by_clock(runs: &[Past], unseen: &[Span], clock: Clock) -> Option<Self> {
        let mut runs: Vec<Past> = runs.iter().map(|run| clock.local_run(run)).collect();
        // Local times are out of order where an hour occurs twice.
        runs.sort_unstable();
        let unseen: Vec<Span> = unseen.iter().map(|span| clock.local_span(span)).collect();
        let times = Times::learn(&runs, &unseen, &clock)?;
        Some(Self { clock, times })
    }

    /// When the run after this one should start.
    pub(super) fn next_start(&self, last: &Past) -> Option<i64> {
        self.due(last).map(|due| due.start)
    }

    /// When the success after this one is due.
    pub(super) fn due(&self, last: &Past) -> Option<Due> {
        let due = self.times.due(&self.clock.local_run(last), &self.clock)?;
        let start = self.clock.time(due.start);
        let start = match &self.times {
            Times::Slots(_) => start,
            // Not earlier because an hour occurs twice.
            Times::Interval(interval) => start.max(last.start + interval.period),
        };
        Some(Due {
            start,
            at: start + (due.at - due.start),
            ..due
        })
    }
}

impl Times {
    fn is_even_all_day(&self) -> bool {
        match self {
            Self::Slots(slots) => slots::are_even_all_day(slots),
            Self::Interval(interval) => interval.is_always_active(),
        }
    }

    fn learn(runs: &[Past], unseen: &[Span], clock: &Clock) -> Option<Self> {
        let often = whole(median(gaps(runs))?) < OFTEN;
        let slots = || {
            let slots = slots::learn(runs, unseen, clock)?;
            (!slots::too_many(&slots)).then_some(Self::Slots(slots))
        };
        let interval =
            || interval::learn(runs, unseen).map(|found| Self::Interval(Box::new(found)));
        if often {
            interval().or_else(slots)
        } else {
            slots().or_else(interval)
        }
    }

    /// When the success after this one is due, in local time.
    fn due(&self, last: &Past, clock: &Clock) -> Option<Due> {
        match self {
            Self::Slots(slots) => {
                let next = slots::next(slots, last, clock)?;
                Some(Due::new(next.start, next.due - next.start))
            }
            Self::Interval(interval) => {
                // What should have started during a long run is left out.
                let after = last.start.max(last.end - interval.end);
                let lately = after - CLOCK_CHANGE_LASTS;
                let changed = |change| clock.may_change(change, lately, after + DAY);
                let shifted = !interval.is_always_active()
                    && (changed(Change::Forward) || changed(Change::Back));
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
