//! On which days something happens: learned from the days on which it did.
//!
//! Of all rules that are considered, the one is chosen that explains the history
//! best: a day that the rule names and on which nothing happened counts against
//! it, and so does a day on which something happened without the rule naming it.
//! Consecutive missing days count once, so that an outage of a week weighs no more
//! than a holiday. Recent days count for more. Where two rules explain the history
//! almost equally well, the one that expects the next day later is chosen.

use super::day_rule::{DayRule, MonthDay, bit, date, rotated, weekday};
use super::statistics::count;

/// A missing day is weaker evidence against a rule than an extra one: days go
/// missing in every outage.
const MISSING: f64 = 0.7;
/// Two rules whose costs differ by less explain the history equally well.
const TIE: f64 = 0.3;

/// Days older than this, or than this many of the usual gaps, are not considered.
const MOST_DAYS: i64 = 800;
const MOST_GAPS: i64 = 60;

/// How much evidence a rule needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// For what happens at an exact time of day.
    Usual,
    /// For what may happen at about this time of day by chance.
    Strong,
}

impl Evidence {
    /// The least share of a rule's days and of the history that must agree.
    fn least_agreement(self) -> f64 {
        match self {
            Self::Usual => 0.7,
            Self::Strong => 0.85,
        }
    }

    /// How many days must agree. The more of them a rule names, the less each shows.
    fn least_hits(self, rule: DayRule) -> usize {
        let more = match self {
            Self::Usual => 0,
            Self::Strong if rule.usual_gap() <= 3 => 3,
            Self::Strong => 1,
        };
        rule.least_hits() + more
    }
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
pub(super) fn fit(
    days: &[i64],
    evidence: Evidence,
    unseen: impl Fn(i64) -> bool,
) -> Option<Fitted> {
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
    let is_settled = |rule: &DayRule| match rule {
        DayRule::Weekdays(mask) => mask & never == 0 && always & !mask == 0,
        _ => true,
    };
    let mut fitted: Vec<Fitted> = candidates(days)
        .into_iter()
        .filter(is_settled)
        .filter_map(|rule| explain(rule, evidence, &history))
        .collect();
    fitted.sort_by(|one, two| one.cost.total_cmp(&two.cost));
    let best = fitted.first()?.cost;
    fitted
        .into_iter()
        .take_while(|fitted| fitted.cost <= best + TIE)
        .filter(|fitted| fitted.agreement >= evidence.least_agreement())
        .max_by_key(|fitted| fitted.rule.next_after(last))
}

/// The days of the week on which it mostly did not happen in the last four
/// weeks, and those that were missed at most once. A run by hand on one Sunday
/// makes no rule that names Sundays, and one missing Monday ends none that names
/// Mondays.
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
fn explain(rule: DayRule, evidence: Evidence, history: &[Day]) -> Option<Fitted> {
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
    (hits >= evidence.least_hits(rule)).then(|| Fitted {
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
