//! What is usual for a feed or a workflow, learned from its past runs: when it
//! should next have succeeded, how long it takes, how many rows it reads, and
//! which share of them it cannot load. Pure.
//!
//! The module knows runs and times only, neither feeds nor the API. What a
//! person has configured replaces what was learned, value by value.
//!
//! # Method
//!
//! - *When:* first as slots, times of day on days that a rule names
//!   (`slots`, `days`), then as an interval with pauses (`interval`);
//!   below an interval of 100 minutes the other way round. The first that
//!   explains enough of the history is taken. Due is the next time by that
//!   schedule after the start of the last success, the usual time from start
//!   to success, and a slack: at least 90 minutes for a nightly feed, 2 hours
//!   for a weekly one, 3 for a monthly one, 50 to 70 minutes by interval, and
//!   more for feeds whose starts vary more. A run in progress is not late before
//!   it takes too long. One that waits for other tables of its job counts as if
//!   it started now, as long as none of those takes too long.
//! - *How long* (`duration`), *how many rows* (`volume`): medians and median
//!   absolute deviations of comparable runs, at the same time of the day or the
//!   week where that matters (`comparable`), on a scale on which chance is alike
//!   for large and small. Bounds widen with the number of runs a week, and
//!   include what comparable runs did before, apart from a few.
//! - *Which share* (`ratio`): the same, of all runs.
//! - After a longer pause than usual a run may read and take as much more. One that
//!   follows a success much sooner than usual may read nothing.
//! - The history ends with the last run. A feed that stops running changes
//!   nothing about what is expected of it.
//!
//! # Assumptions
//!
//! - A run belongs to the schedule whether it succeeds or not; only a success
//!   fulfils it. Runs beside the schedule fulfil nothing that is due later, but
//!   what should have started while a long run succeeded is left out.
//! - Unless the time zone is configured, times are UTC. A schedule kept in a zone
//!   with clock changes moves by an hour twice a year: around the dates on which
//!   clocks are set back somewhere the slack is up to an hour wider, and around all
//!   dates of clock changes active hours are an hour shorter.
//! - While the exporter could not observe a tenant ([`Unobserved`]), and for as
//!   long after it as feeds need to catch up, no success is late.
//!
//! # Limits
//!
//! - Nothing is expected of a feed that runs irregularly, and of any other
//!   before it has run often enough: 4 nights, 3 weeks or months, 12
//!   intervals; 7, 4 and 24 if its starts vary widely, as they may look like a
//!   schedule by chance. Times of the week not seen yet are never active, unless
//!   there was no pause in a whole day.
//! - Public holidays are not known: a feed that does not run on them is late.
//! - A schedule that moves is late at most two or three times.
//! - For three weeks after clocks changed, a feed that runs in active hours only is
//!   not expected in the first and the last of these, unless its time zone is
//!   configured.
//! - A feed that shrinks to less than a tenth stays low until the runs from
//!   before have left the history.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::{Known, KnownSchedule};

mod clock;
mod comparable;
mod day_rule;
mod days;
mod duration;
mod explain;
mod grouping;
mod interval;
mod past;
mod ratio;
mod schedule;
mod slots;
mod statistics;
#[cfg(test)]
mod tests;
mod times_of_day;
mod volume;

use duration::Duration;
use past::{Past, Span, gaps, is_early, longer_gap, spans};
use ratio::Ratio;
use schedule::{Due, Schedule};
use volume::Volume;

/// The share of error rows above the usual one that is never unusual.
const TOLERATED_ERRORS: f64 = 0.01;
/// The same for rejected rows, duplicates, which are no fault by themselves.
const TOLERATED_REJECTED: f64 = 0.1;

/// One finished run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// Rows it read; `None` for a workflow, which has none.
    pub read: Option<u64>,
    /// Rows it rejected as duplicates.
    pub rejected: Option<u64>,
    /// Rows it could not load.
    pub errors: Option<u64>,
}

/// A run that has not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenRun {
    /// When it started, or when it can if it waits for others.
    pub started_at: Timestamp,
    /// Rows it has read so far.
    pub read: Option<u64>,
}

/// A time in which the exporter could not see what ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unobserved {
    /// The last successful refresh before it.
    pub from: Timestamp,
    /// The first successful refresh after it, or the present.
    pub until: Timestamp,
}

/// What is expected; `None` where nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    /// When the next success should have ended, slack included.
    pub due: Option<Timestamp>,
    /// What the unfinished run, or else the next one, usually takes, in
    /// seconds.
    pub usual_duration: Option<f64>,
    /// From when on it takes too long, in seconds.
    pub duration_limit: Option<f64>,
    /// What runs comparable to the last one read.
    pub usual_read_rows: Option<f64>,
    /// Fewer rows are unusual.
    pub low_read_rows: Option<f64>,
    /// More rows are unusual.
    pub high_read_rows: Option<f64>,
    /// The usual share of rows with errors, from 0 to 1.
    pub usual_error_ratio: Option<f64>,
    /// A greater share is unusual.
    pub error_ratio_limit: Option<f64>,
    /// The usual share of rejected rows, from 0 to 1.
    pub usual_rejected_ratio: Option<f64>,
    /// A greater share is unusual.
    pub rejected_ratio_limit: Option<f64>,
    /// The number of runs it was learned from.
    pub history_runs: u64,
}

/// What was learned from the runs of one feed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learned {
    runs: u64,
    first: Option<Past>,
    last_success: Option<Past>,
    last_read: Option<u64>,
    schedule: Option<Schedule>,
    duration: Option<Duration>,
    volume: Option<Volume>,
    errors: Option<Ratio>,
    rejected: Option<Ratio>,
}

/// Learns from the finished runs of one feed, in any order. Its schedule is kept
/// in the time zone, if that is known.
#[must_use]
pub fn learn(runs: &[Run], unobserved: &[Unobserved], timezone: Option<&TimeZone>) -> Learned {
    let mut past: Vec<Past> = runs.iter().filter_map(Run::past).collect();
    past.sort_unstable();
    let Some(last) = past.iter().max_by_key(|run| (run.end, **run)).copied() else {
        return Learned::default();
    };
    let last_success = past.iter().rev().find(|run| run.succeeded).copied();
    let schedule = Schedule::learn(&past, &spans(unobserved), timezone);
    let next_start = schedule
        .as_ref()
        .and_then(|schedule| schedule.next_start(&last));
    let before: Vec<Past> = past.iter().copied().filter(|run| *run != last).collect();
    let ratio = |part: fn(&Past) -> Option<u64>, tolerated| {
        ratio::learn(&before, last.start, last.read, part, tolerated)
    };
    Learned {
        runs: past.len() as u64,
        first: past.first().copied(),
        last_success,
        last_read: last.read,
        duration: duration::learn(&past, next_start.unwrap_or(last.end), schedule.as_ref()),
        volume: volume::learn(&before, last.start, schedule.as_ref()),
        schedule,
        errors: ratio(|run| run.errors, TOLERATED_ERRORS),
        rejected: ratio(|run| run.rejected, TOLERATED_REJECTED),
    }
}

impl Learned {
    /// What is expected. What is `known` from the configuration replaces what was learned;
    /// `open` is the newest unfinished run.
    #[must_use]
    pub fn expected(
        &self,
        known: Option<&Known>,
        open: Option<OpenRun>,
        unobserved: &[Unobserved],
    ) -> Expected {
        let read = open.map_or(self.last_read, |open| open.read);
        let duration = self.duration.as_ref();
        let configured_limit = known.and_then(|known| known.duration);
        let duration_limit = match configured_limit {
            Some(limit) => Some(limit.as_secs_f64()),
            None => duration.map(|duration| duration.limit(read)),
        };
        let running = open.zip(duration_limit);
        let too_long = running.map(|(open, limit)| {
            let started = open.started_at.as_second();
            started.saturating_add(statistics::whole(limit))
        });
        let mut expected = Expected {
            due: self.due(known, too_long, &spans(unobserved)),
            usual_duration: duration.map(|duration| duration.usual(read)),
            duration_limit,
            usual_read_rows: self.volume.map(|volume| volume.usual),
            low_read_rows: self.volume.map(|volume| volume.low),
            high_read_rows: self.volume.map(|volume| volume.high),
            usual_error_ratio: self.errors.map(|ratio| ratio.usual),
            error_ratio_limit: self.errors.map(|ratio| ratio.limit),
            usual_rejected_ratio: self.rejected.map(|ratio| ratio.usual),
            rejected_ratio_limit: self.rejected.map(|ratio| ratio.limit),
            history_runs: self.runs,
        };
        if let Some(known) = known {
            expected.replace_by(known);
        }
        expected
    }

    /// When the next success should have ended. A run in progress is not late
    /// before it takes too long.
    fn due(
        &self,
        known: Option<&Known>,
        too_long: Option<i64>,
        unobserved: &[Span],
    ) -> Option<Timestamp> {
        let known = known.and_then(|known| known.schedule.as_ref());
        let due = if let Some(schedule) = known {
            self.known_due(schedule)?
        } else {
            let due = self.schedule.as_ref()?.due(&self.succeeded_until()?)?;
            due.not_before(too_long.unwrap_or(i64::MIN))
        };
        let due = due.with_sight(unobserved);
        let ended = self.last_success.map_or(due, |run| run.end + 1);
        Timestamp::from_second(due.max(ended)).ok()
    }

    /// When the next success is due by a configured schedule.
    fn known_due(&self, schedule: &KnownSchedule) -> Option<Due> {
        let until = self.succeeded_until()?;
        match schedule {
            KnownSchedule::AdHoc => None,
            KnownSchedule::Every(every, within) => {
                let start = until.end.saturating_add(seconds(*every));
                Some(Due::new(start, seconds(*within)))
            }
            KnownSchedule::Cron(schedule, within) => {
                // Clocks differ a little.
                let after = Timestamp::from_second(until.start + 30).ok()?;
                let start = schedule.next_after(after)?.as_second();
                Some(Due::new(start, seconds(*within)))
            }
        }
    }

    /// The last success, or what there was before a first one.
    fn succeeded_until(&self) -> Option<Past> {
        self.last_success.or(self.first)
    }
}

impl Expected {
    /// What is configured, instead of what was learned.
    fn replace_by(&mut self, known: &Known) {
        fn replace(value: &mut Option<f64>, known: Option<f64>) {
            *value = known.or(*value);
        }
        replace(
            &mut self.low_read_rows,
            known.low_read_rows.map(statistics::rows),
        );
        replace(
            &mut self.high_read_rows,
            known.high_read_rows.map(statistics::rows),
        );
        replace(&mut self.error_ratio_limit, known.error_ratio);
        replace(&mut self.rejected_ratio_limit, known.rejected_ratio);
    }
}

fn seconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
