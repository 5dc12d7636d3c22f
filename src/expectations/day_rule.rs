//! Days of the week, of the month, or every few days. Days are counted from
//! 1970-01-01.

use std::fmt;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

pub(super) const DAY: i64 = 86_400;

/// On which days something is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DayRule {
    /// On some days of the week; bit 0 is Monday.
    Weekdays(u8),
    /// Every `every` days, among them day `on`.
    Every { days: i64, on: i64 },
    /// Once every few months.
    Monthly { day: MonthDay, months: i64, on: i64 },
}

/// A day of the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MonthDay {
    /// Counted from 1.
    FromStart(i8),
    /// Counted from the last day, which is 1.
    FromEnd(i8),
    /// Such as the second Tuesday. `shift` is 1 where the customer's day
    /// begins in the UTC day before, and -1 where it ends in the one after.
    Weekday {
        nth: i8,
        weekday: Weekday,
        shift: i64,
    },
    /// Such as the last Friday.
    LastWeekday { weekday: Weekday, shift: i64 },
}

impl DayRule {
    /// Whether something is expected on this day.
    pub(super) fn names(self, day: i64) -> bool {
        match self {
            Self::Weekdays(mask) => mask & bit(day) != 0,
            Self::Every { days, on } => (day - on).rem_euclid(days) == 0,
            Self::Monthly {
                day: of,
                months,
                on,
            } => {
                let shift = of.shift();
                let date = date(day + shift);
                of.is(date)
                    && (months == 1
                        || (month(date) - month(self::date(on + shift))).rem_euclid(months) == 0)
            }
        }
    }

    /// The next day on which something is expected.
    pub(super) fn next_after(self, day: i64) -> i64 {
        // Every rule names a day within a quarter and two months.
        (day + 1..day + 200)
            .find(|next| self.names(*next))
            .unwrap_or(day + 200)
    }

    /// This many days must agree before the rule is used.
    pub(super) fn least_hits(self) -> usize {
        match self {
            Self::Weekdays(mask) if mask.count_ones() >= 5 => 4,
            Self::Weekdays(mask) if mask.is_power_of_two() => 3,
            Self::Every { days, .. } if days > 7 => 3,
            Self::Weekdays(_) | Self::Every { .. } => 4,
            Self::Monthly { .. } => 3,
        }
    }

    /// The usual time between two of its days, in days.
    pub(super) fn usual_gap(self) -> i64 {
        match self {
            Self::Weekdays(mask) if mask.count_ones() > 3 => 1,
            Self::Weekdays(mask) => 7 / i64::from(mask.count_ones().max(1)),
            Self::Every { days, .. } => days,
            Self::Monthly { months, .. } => months * 30,
        }
    }

    /// The rule in words, for something that happens at `time` after the
    /// beginning of its days, in seconds; the time may lie outside the day.
    pub(super) fn describe(self, time: i64) -> String {
        let carry = time.div_euclid(DAY);
        match self {
            Self::Weekdays(mask) => weekdays(rotated(mask, carry.rem_euclid(7))),
            Self::Every { days: 14, on } => {
                format!("every two weeks on {:?}", date(on + carry).weekday())
            }
            Self::Every { days, .. } => format!("every {days} days"),
            Self::Monthly { day, months, .. } => {
                let every = if months == 1 { "monthly" } else { "quarterly" };
                format!("{every} on {day}")
            }
        }
    }
}

impl MonthDay {
    fn shift(self) -> i64 {
        match self {
            Self::Weekday { shift, .. } | Self::LastWeekday { shift, .. } => shift,
            Self::FromStart(_) | Self::FromEnd(_) => 0,
        }
    }

    fn is(self, date: Date) -> bool {
        match self {
            Self::FromStart(day) => date.day() == day,
            Self::FromEnd(day) => date.days_in_month() - date.day() + 1 == day,
            Self::Weekday { nth, weekday, .. } => {
                date.weekday() == weekday && (date.day() - 1) / 7 + 1 == nth
            }
            Self::LastWeekday { weekday, .. } => {
                date.weekday() == weekday && date.days_in_month() - date.day() < 7
            }
        }
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromStart(day) => write!(formatter, "day {day}"),
            Self::FromEnd(1) => formatter.write_str("the last day"),
            Self::FromEnd(day) => write!(formatter, "day {day} from the end"),
            Self::Weekday { nth, weekday, .. } => {
                let nth = ["first", "second", "third", "fourth"]
                    .get(usize::try_from(nth - 1).unwrap_or_default())
                    .copied()
                    .unwrap_or_default();
                write!(formatter, "the {nth} {weekday:?}")
            }
            Self::LastWeekday { weekday, .. } => write!(formatter, "the last {weekday:?}"),
        }
    }
}

/// The day of the week; 0 is Monday.
pub(super) fn weekday(day: i64) -> usize {
    usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default()
}

pub(super) fn bit(day: i64) -> u8 {
    1 << weekday(day)
}

/// The mask with each day moved by this many days.
pub(super) fn rotated(mask: u8, by: i64) -> u8 {
    let mask = u16::from(mask) << by;
    u8::try_from((mask | mask >> 7) & 0b111_1111).unwrap_or_default()
}

pub(super) fn date(day: i64) -> Date {
    let epoch = Date::constant(1970, 1, 1);
    epoch.checked_add(day.days()).unwrap_or(epoch)
}

fn month(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month())
}

fn weekdays(mask: u8) -> String {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let days: Vec<&str> = (0..7)
        .filter(|day| mask & 1 << day != 0)
        .filter_map(|day| NAMES.get(day).copied())
        .collect();
    match mask {
        0b111_1111 => "daily".to_owned(),
        0b001_1111 => "Mon to Fri".to_owned(),
        0b011_1111 => "Mon to Sat".to_owned(),
        _ if days.len() == 1 => format!("weekly on {}", days[0]),
        _ => days.join(", "),
    }
}
