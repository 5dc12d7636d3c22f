//! On which days something happens: learned from the days on which it did.
//!
//! Days are counted from 1970-01-01. Of all rules that are considered, the one
//! is chosen that explains the history best: a day that the rule names and on
//! which nothing happened counts against it, and so does a day on which
//! something happened without the rule naming it. Consecutive missing days
//! count once, so that an outage of a week weighs no more than a holiday.
//! Recent days count for more. Where two rules explain the history almost
//! equally well, the one that expects the next day later is chosen.

use std::fmt;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::statistics::count;

pub(super) const DAY: i64 = 86_400;

/// A missing day is weaker evidence against a rule than an extra one: days go
/// missing in every outage.
const MISSING: f64 = 0.7;
/// Two rules whose costs differ by less explain the history equally well.
const TIE: f64 = 0.3;
/// The least share of a rule's days and of the history that must agree.
const LEAST_AGREEMENT: f64 = 0.7;

/// Days older than this, or than so many of the usual gaps, are not considered.
const MOST_DAYS: i64 = 800;
const MOST_GAPS: i64 = 60;

/// On which days something is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DayRule {
    /// On some days of the week; bit 0 is Monday.
    Weekdays(u8),
    /// Every so many days, and on day `on`.
    Every { days: i64, on: i64 },
    /// Once in so many months.
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

/// A rule and how well it explains the history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fitted {
    pub(super) rule: DayRule,
    /// The days named by the rule in the history.
    pub(super) named: usize,
    /// Those of them on which it happened.
    pub(super) hits: usize,
    cost: f64,
    agreement: f64,
}

/// The rule that explains best on which days something happened. `days` are
/// in ascending order, each once. A day for which `unseen` is true proves
/// nothing if nothing happened on it.
pub(super) fn fit(days: &[i64], unseen: impl Fn(i64) -> bool) -> Option<Fitted> {
    let last = *days.last()?;
    let oldest = last - (usual_gap(days) * MOST_GAPS).min(MOST_DAYS);
    let days = &days[days.partition_point(|day| *day < oldest)..];
    let first = *days.first()?;
    let half_life = half_life(days);
    let history: Vec<Day> = (first..=last)
        .map(|day| Day {
            number: day,
            hit: days.binary_search(&day).is_ok(),
            unseen: unseen(day),
            weight: 0.5_f64.powf(count(last - day) / half_life),
        })
        .collect();
    let (never, always) = settled_weekdays(&history);
    let is_settled = |rule: &DayRule| !matches!(rule, DayRule::Weekdays(mask) if mask & never != 0 || always & !mask != 0);
    let mut fitted: Vec<Fitted> = candidates(days)
        .into_iter()
        .filter(is_settled)
        .filter_map(|rule| explain(rule, &history))
        .collect();
    fitted.sort_by(|one, two| one.cost.total_cmp(&two.cost));
    let best = fitted.first()?.cost;
    fitted
        .into_iter()
        .take_while(|fitted| fitted.cost <= best + TIE)
        .filter(|fitted| fitted.agreement >= LEAST_AGREEMENT)
        .max_by_key(|fitted| fitted.rule.next_after(last))
}

/// The days of the week on which it happened once or never while it mostly did
/// not, and those on which it mostly happened and did not once or never, of the
/// last four weeks. A run by hand on one Sunday makes no Sunday rule, and one
/// missing Monday does not end one.
fn settled_weekdays(history: &[Day]) -> (u8, u8) {
    let mut hits = [0; 7];
    let mut misses = [0; 7];
    for day in history.iter().rev().take(28) {
        if day.hit {
            hits[weekday(day.number)] += 1;
        } else if !day.unseen {
            misses[weekday(day.number)] += 1;
        }
    }
    let mask = |is: &dyn Fn(usize) -> bool| {
        (0..7)
            .filter(|weekday| is(*weekday))
            .fold(0_u8, |mask, weekday| mask | 1 << weekday)
    };
    (
        mask(&|weekday| misses[weekday] > hits[weekday]),
        mask(&|weekday| hits[weekday] >= 2 && misses[weekday] <= 1),
    )
}

/// After how many days evidence counts for half: seven of the usual gaps.
fn half_life(days: &[i64]) -> f64 {
    7.0 * count(usual_gap(days)).max(1.0)
}

/// The middle of the gaps between days.
fn usual_gap(days: &[i64]) -> i64 {
    let mut gaps: Vec<i64> = days.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied().unwrap_or(1)
}

/// One day of the history.
struct Day {
    number: i64,
    hit: bool,
    unseen: bool,
    weight: f64,
}

/// How well a rule explains the days, if there are enough of them to tell.
fn explain(rule: DayRule, history: &[Day]) -> Option<Fitted> {
    let (mut named, mut hits) = (0, 0);
    let (mut explained, mut missing, mut extra) = (0.0, 0.0, 0.0);
    let mut missed_before = false;
    for day in history {
        let expected = rule.names(day.number);
        named += usize::from(expected && (day.hit || !day.unseen));
        match (expected, day.hit) {
            (true, true) => {
                hits += 1;
                explained += day.weight;
                missed_before = false;
            }
            (true, false) if !day.unseen => {
                if !missed_before {
                    missing += day.weight;
                }
                missed_before = true;
            }
            (false, true) => extra += day.weight,
            _ => {}
        }
    }
    (hits >= rule.least_hits()).then(|| Fitted {
        rule,
        named,
        hits,
        cost: MISSING * missing + extra,
        agreement: explained / (explained + missing + extra),
    })
}

/// The rules to consider: those that the latest two days agree with, so that
/// one day out of line hides no rule.
fn candidates(days: &[i64]) -> Vec<DayRule> {
    let mut rules = Vec::new();
    let mask = days.iter().fold(0_u8, |mask, day| mask | bit(*day));
    let span = days.last().zip(days.first()).map_or(0, |(b, a)| b - a + 1);
    let gap = usual_gap(days);
    if gap <= 3 {
        // Before a whole week was seen, days not seen yet are not expected.
        if span >= 7 || mask.count_ones() >= 6 {
            rules.push(DayRule::Weekdays(0b111_1111));
        }
        for first in 0..7 {
            rules.push(DayRule::Weekdays(rotated(0b001_1111, first)));
            rules.push(DayRule::Weekdays(rotated(0b011_1111, first)));
        }
    }
    if gap <= 7 && span >= 14 {
        rules.extend(repeated_weekdays(days).map(DayRule::Weekdays));
    }
    for on in days.iter().rev().take(2).copied() {
        if gap >= 2 {
            for days in [2, 3, 4, 5, 6, 14, 21, 28] {
                rules.push(DayRule::Every { days, on });
            }
            rules.push(DayRule::Weekdays(bit(on)));
        }
        if gap >= 25 {
            rules.extend(monthly(on));
        }
    }
    rules
}

/// The days of the week on which it happened at least twice and mostly.
fn repeated_weekdays(days: &[i64]) -> Option<u8> {
    let (first, last) = (*days.first()?, *days.last()?);
    let recent = first.max(last - 8 * 7);
    let mut hits = [0_i64; 7];
    for day in days.iter().filter(|day| **day >= recent) {
        hits[weekday(*day)] += 1;
    }
    let weeks = (last - recent) / 7 + 1;
    let mask = (0..7)
        .filter(|weekday| hits[*weekday] >= 2 && hits[*weekday] * 2 > weeks)
        .fold(0, |mask, weekday| mask | 1 << weekday);
    (mask != 0).then_some(mask)
}

fn monthly(on: i64) -> impl Iterator<Item = DayRule> {
    let date = date(on);
    let from_end = date.days_in_month() - date.day() + 1;
    let mut rules = vec![MonthDay::FromStart(date.day())];
    rules.extend((from_end <= 3).then_some(MonthDay::FromEnd(from_end)));
    for shift in [0, 1, -1] {
        let date = self::date(on + shift);
        let weekday = date.weekday();
        let nth = (date.day() - 1) / 7 + 1;
        if nth <= 4 {
            rules.push(MonthDay::Weekday {
                nth,
                weekday,
                shift,
            });
        }
        if date.days_in_month() - date.day() < 7 {
            rules.push(MonthDay::LastWeekday { weekday, shift });
        }
    }
    [1, 3].into_iter().flat_map(move |months| {
        rules
            .clone()
            .into_iter()
            .map(move |day| DayRule::Monthly { day, months, on })
    })
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

    /// So many days must agree before the rule is believed.
    fn least_hits(self) -> usize {
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

fn bit(day: i64) -> u8 {
    1 << weekday(day)
}

/// The mask with each day moved by so many days.
fn rotated(mask: u8, by: i64) -> u8 {
    let mask = u16::from(mask) << by;
    u8::try_from((mask | mask >> 7) & 0b111_1111).unwrap_or_default()
}

fn date(day: i64) -> Date {
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
