//! What is expected and why, in words.

use std::fmt::Write;

use super::day_rule::DAY;
use super::interval::Interval;
use super::schedule::Times;
use super::slots::Slot;
use super::{Learned, statistics};
use crate::config::{Known, KnownSchedule};

impl Learned {
    /// When it runs and how that is known, such as `daily about 02:30 UTC, 9 of
    /// 9 days`.
    #[must_use]
    pub fn describe_schedule(&self, known: Option<&Known>) -> String {
        match known.and_then(|known| known.schedule.as_ref()) {
            Some(KnownSchedule::Cron(schedule, _)) => {
                format!("configured: {} {}", schedule.line(), schedule.zone())
            }
            Some(KnownSchedule::Every(every, _)) => {
                format!(
                    "configured: every {}",
                    period(every.as_secs().cast_signed())
                )
            }
            Some(KnownSchedule::AdHoc) => "configured: ad hoc, never late".to_owned(),
            None => self.describe_learned(),
        }
    }

    fn describe_learned(&self) -> String {
        let Some(schedule) = &self.schedule else {
            return match self.runs {
                0..4 => "too few runs yet to know a schedule".to_owned(),
                _ => "no schedule found: never late".to_owned(),
            };
        };
        match &schedule.times {
            Times::Slots(slots) => describe_slots(slots, schedule.clock.name()),
            Times::Interval(interval) => describe_interval(interval),
        }
    }
}

/// Slots on the same days share their words.
fn describe_slots(slots: &[Slot], zone: &str) -> String {
    let mut text = String::new();
    for same in slots.chunk_by(|one, two| one.rule == two.rule) {
        let Some(first) = same.first() else { continue };
        let times: Vec<String> = same.iter().map(|slot| clock(slot.time)).collect();
        let named: usize = same.iter().map(|slot| slot.named).sum();
        let hits: usize = same.iter().map(|slot| slot.hits).sum();
        if !text.is_empty() {
            text.push_str("; ");
        }
        let days = first.rule.describe(first.time);
        let times = times.join(", ");
        // Writing to a string cannot fail.
        let _ = write!(text, "{days} about {times} {zone}, {hits} of {named}");
    }
    text
}

fn describe_interval(interval: &Interval) -> String {
    let share = statistics::whole(interval.regular * 100.0);
    let pauses = if interval.is_always_active() {
        ""
    } else {
        " while active"
    };
    let every = period(interval.period);
    format!("every {every}{pauses}, {share}% of {} gaps", interval.gaps)
}

/// A time of day, of the minute it is nearest to.
fn clock(time: i64) -> String {
    let minutes = (time + 30).rem_euclid(DAY) / 60;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A number of seconds in the unit that suits it.
fn period(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", (seconds + 30) / 60),
        7_200..172_800 => format!("{} h", (seconds + 1_800) / 3_600),
        _ => format!("{} days", (seconds + DAY / 2) / DAY),
    }
}
