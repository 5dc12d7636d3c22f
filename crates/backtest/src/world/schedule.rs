//! When the loads of a courier group are scheduled, by the calendar of the
//! customer's time zone.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::dice::Dice;

/// A schedule, in local time unless stated otherwise.
#[derive(Clone, Debug)]
pub(crate) enum Schedule {
    /// At an interval in minutes, day and night, `offset` minutes after midnight UTC.
    Every { minutes: i64, offset: i64 },
    /// At these times of these days of the week.
    Daily {
        times: Vec<Time>,
        weekdays: Vec<Weekday>,
    },
    /// Every second week.
    TwoWeekly {
        odd_weeks: bool,
        weekday: Weekday,
        time: Time,
    },
    /// Once a month on a day of the month.
    MonthlyOnDay { day: i8, time: Time },
    /// Once a month on its first such day of the week.
    MonthlyOnWeekday { weekday: Weekday, time: Time },
    /// At random, this many hours apart on average.
    Random { mean_hours: f64 },
}

/// Days of the week, Monday first.
pub(crate) const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

impl Schedule {
    /// All scheduled times from `from` to `to`, in order.
    pub(crate) fn occurrences(
        &self,
        timezone: &TimeZone,
        from: Timestamp,
        to: Timestamp,
        dice: &mut Dice,
    ) -> Vec<Timestamp> {
        let mut times = match self {
            Self::Every { minutes, offset } => every(*minutes, *offset, from, to),
            Self::Random { mean_hours } => random(*mean_hours, from, to, dice),
            _ => self.by_calendar(timezone, from, to),
        };
        times.retain(|time| (from..to).contains(time));
        times.sort();
        times.dedup();
        times
    }

    fn by_calendar(&self, timezone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let first = timezone.to_datetime(from).date();
        let last = timezone.to_datetime(to).date();
        let days = first.series(1.day()).take_while(|day| *day <= last);
        days.flat_map(|day| {
            self.times_on(day)
                .into_iter()
                .map(move |time| day.to_datetime(time))
        })
        .filter_map(|local| instant(local, timezone))
        .collect()
    }

    fn times_on(&self, day: Date) -> Vec<Time> {
        let one = |matches: bool, time: &Time| if matches { vec![*time] } else { Vec::new() };
        match self {
            Self::Daily { times, weekdays } if weekdays.contains(&day.weekday()) => times.clone(),
            Self::TwoWeekly {
                odd_weeks,
                weekday,
                time,
            } => {
                let odd = day.iso_week_date().week() % 2 == 1;
                one(odd == *odd_weeks && day.weekday() == *weekday, time)
            }
            Self::MonthlyOnDay {
                day: of_month,
                time,
            } => one(day.day() == *of_month, time),
            Self::MonthlyOnWeekday { weekday, time } => {
                one(day.day() <= 7 && day.weekday() == *weekday, time)
            }
            Self::Daily { .. } | Self::Every { .. } | Self::Random { .. } => Vec::new(),
        }
    }

    /// How long after it was due an operator wants to know that a load did
    /// not run; `None` if nobody expects it at a certain time.
    pub(crate) fn tolerance(&self) -> Option<SignedDuration> {
        let hours = match self {
            Self::Every { minutes, .. } if *minutes < 60 => 1,
            Self::Random { .. } => return None,
            Self::Every { .. } => 2,
            Self::Daily { weekdays, .. } => {
                if weekdays.len() > 1 {
                    2
                } else {
                    4
                }
            }
            Self::TwoWeekly { .. } | Self::MonthlyOnDay { .. } | Self::MonthlyOnWeekday { .. } => 4,
        };
        Some(SignedDuration::from_hours(hours))
    }
}

/// The instant of a local time. One that the clock change skips is taken an
/// hour later, one that it repeats the first time, as cron does.
fn instant(local: DateTime, timezone: &TimeZone) -> Option<Timestamp> {
    timezone.to_ambiguous_timestamp(local).compatible().ok()
}

fn every(minutes: i64, offset: i64, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let period = minutes * 60;
    let first = from.as_second().div_euclid(period) * period + (offset % minutes) * 60;
    let steps = (to.as_second() - first) / period + 1;
    let seconds = (0..=steps).map(|step| first + step * period);
    seconds
        .filter_map(|second| Timestamp::from_second(second).ok())
        .collect()
}

fn random(mean_hours: f64, from: Timestamp, to: Timestamp, dice: &mut Dice) -> Vec<Timestamp> {
    let mut times = Vec::new();
    let mut time = from;
    while time < to {
        let gap = dice.exponential(mean_hours).max(0.3);
        time += SignedDuration::from_secs_f64(gap * 3600.0);
        times.push(time);
    }
    times
}
