//! Feeds that run at certain times of the day: nightly, on working days,
//! weekly, monthly, or several times a day at uneven times.
//!
//! Each group of starts at about the same time of day that recurs by a
//! [`DayRule`] becomes a slot. A slot's time follows the last five starts
//! by their median, or the last two if those agree that the time has moved.
//! How late a run may start is measured on how late earlier ones started compared
//! to the time that was then predicted.

use super::clock::{Change, Clock};
use super::day_rule::{DAY, DayRule};
use super::days::{self, Evidence};
use super::statistics::{count, deviation, largest, median, share, whole};
use super::times_of_day::{self, DayRun};
use super::{Past, Span};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// Older runs of a feed that runs several times a day are not considered.
const RECENT: i64 = 22 * DAY;
/// The share of starts that must be this near the expected time of day.
const LEAST_NEAR: f64 = 0.7;
const NEAR: i64 = 2 * HOUR;
/// Starts that usually differ more from what was predicted may be at this time of day
/// by chance, in seconds.
const EXACT: f64 = 1_200.0;
/// More slots are a feed that runs at intervals.
const MOST_SLOTS: usize = 14;
/// The least share of recent runs that must belong to slots.
const LEAST_EXPLAINED: f64 = 0.6;
/// A slot that was missed this often since its last run, while the feed ran at
/// other times, is given up.
const GIVEN_UP_AFTER: usize = 3;

/// A time of day at which a feed runs on certain days.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slot {
    pub(super) rule: DayRule,
    /// The usual start, in seconds from the beginning of its day. May lie
    /// outside of the day if starts drifted over midnight.
    pub(super) time: i64,
    /// When the success usually ended, in seconds after the usual start.
    usual_end: i64,
    /// How much later a run may start, in seconds.
    slack: i64,
    /// The day of the last run.
    last_day: i64,
    /// The days named by the rule in the history, and those with a run.
    pub(super) named: usize,
    pub(super) hits: usize,
}

/// When a feed with slots should run next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) start: i64,
    pub(super) due: i64,
}

/// The slots of a feed, by the past runs in the order of their starts.
pub(super) fn learn(runs: &[Past], unseen: &[Span], clock: &Clock) -> Option<Vec<Slot>> {
    let runs = recent(runs);
    let last_start = runs.last()?.start;
    let mut explained = 0;
    let mut slots = Vec::new();
    for group in times_of_day::groups(runs)? {
        if let Some(slot) = slot(&group.days, last_start, unseen, clock) {
            explained += group.runs;
            slots.push(slot);
        }
    }
    let enough = share(explained, runs.len()) >= LEAST_EXPLAINED;
    slots.sort_by_key(|slot| slot.time);
    (enough && !slots.is_empty()).then_some(slots)
}

/// The runs that are looked at: of a feed that runs several times a day those
/// of three weeks. Times from before a clock change would join slots that are
/// an hour apart.
fn recent(runs: &[Past]) -> &[Past] {
    let last = runs.last().map_or(0, |run| run.start);
    let oldest = runs.partition_point(|run| run.start < last - RECENT);
    let recent = &runs[oldest..];
    if share(recent.len(), 1) > 1.5 * count(RECENT / DAY) {
        recent
    } else {
        runs
    }
}

fn slot(runs: &[DayRun], last_start: i64, unseen: &[Span], clock: &Clock) -> Option<Slot> {
    let days: Vec<i64> = runs.iter().map(|run| run.day).collect();
    let times: Vec<i64> = runs.iter().map(|run| run.start - run.day * DAY).collect();
    let time = predicted(&times).filter(|_| is_punctual(&times))?;
    let time = moved_by_clock(runs, time, clock).unwrap_or(time);
    let late = lateness(&times);
    let evidence = if deviation(&late, 0.0) <= EXACT {
        Evidence::Usual
    } else {
        Evidence::Strong
    };
    let fitted = days::fit(&days, evidence, |day| {
        unseen.iter().any(|span| span.contains(day * DAY + time))
    })?;
    let last_day = *days.last()?;
    let missed = (last_day + 1..)
        .take_while(|day| day * DAY + time < last_start)
        .filter(|day| fitted.rule.names(*day))
        .take(GIVEN_UP_AFTER)
        .count();
    if missed >= GIVEN_UP_AFTER {
        return None;
    }
    Some(Slot {
        rule: fitted.rule,
        time,
        usual_end: usual_end(runs, &times)?,
        slack: slack(late, fitted.rule.usual_gap() * DAY),
        last_day,
        named: fitted.named,
        hits: fitted.hits,
    })
}

/// Whether recent starts were mostly near the time that was to be expected.
fn is_punctual(times: &[i64]) -> bool {
    let recent = times.len().saturating_sub(20).max(2)..times.len();
    let expected = recent
        .clone()
        .filter_map(|index| predicted(&times[..index]));
    let near = expected
        .zip(&times[recent.start.min(times.len())..])
        .filter(|(expected, time)| (expected - **time).abs() <= NEAR);
    recent.is_empty() || share(near.count(), recent.len()) >= LEAST_NEAR
}

/// The time of day to expect next: the median of the last five, or the mean
/// of the last two if both moved from it in the same way.
fn predicted(times: &[i64]) -> Option<i64> {
    let recent = &times[times.len().saturating_sub(5)..];
    let usual = whole(median(recent.iter().copied().map(count).collect())?);
    if let [.., one, two] = *times
        && times.len() > 2
    {
        let (first, second) = (one - usual, two - usual);
        let moved = first.abs().min(second.abs());
        if moved > 30 * MINUTE && first.signum() == second.signum() && (one - two).abs() < moved {
            return Some(i64::midpoint(one, two));
        }
    }
    Some(usual)
}

/// The time of the last start if it moved by an hour as clocks may have since the
/// one before, and earlier starts were punctual. Otherwise one start does not show
/// that a schedule has moved.
fn moved_by_clock(runs: &[DayRun], time: i64, clock: &Clock) -> Option<i64> {
    let [.., first, second, before, last] = runs else {
        return None;
    };
    let late = |run: &DayRun| run.start - run.day * DAY - time;
    let is_punctual = |run: &DayRun| late(run).abs() <= 20 * MINUTE;
    if ![first, second, before].into_iter().all(is_punctual) {
        return None;
    }
    let moved = late(last);
    let change = if moved < 0 {
        Change::Forward
    } else {
        Change::Back
    };
    let is_hour = (moved.abs() - HOUR).abs() <= 10 * MINUTE;
    (is_hour && clock.may_change(change, before.start, last.start)).then_some(time + moved)
}

/// When successes usually end after the start that was predicted, in seconds.
fn usual_end(runs: &[DayRun], times: &[i64]) -> Option<i64> {
    let recent = runs.len().saturating_sub(40);
    let after = |index: usize| {
        let run = runs[index];
        // The first two have nothing before them to be predicted from.
        let start = match index {
            0 | 1 => Some(times[index]),
            _ => predicted(&times[..index]),
        };
        Some(count(run.success? - run.day * DAY - start?))
    };
    median((recent..runs.len()).filter_map(after).collect()).map(whole)
}

/// How much later than predicted recent runs started, in seconds.
fn lateness(times: &[i64]) -> Vec<f64> {
    let recent = times.len().saturating_sub(40).max(2)..times.len();
    let late = |index: usize| Some(count(times[index] - predicted(&times[..index])?));
    recent.filter_map(late).collect()
}

/// How much later than predicted a run may start, in seconds.
fn slack(late: Vec<f64>, gap: i64) -> i64 {
    let least = match gap / DAY {
        ..=3 => 90 * MINUTE,
        4..=20 => 2 * HOUR,
        _ => 3 * HOUR,
    };
    // A few runs, and at least one, may have been late for a reason.
    let rank = 2 + late.len() / 15;
    let usual = 4.0 * deviation(&late, 0.0);
    let seen = largest(late, rank).map_or(0.0, |late| late + 600.0);
    let slack = usual.max(seen).max(count(least));
    let most = count(gap.min(7 * DAY)) * 0.35;
    whole(slack.min(most))
}

/// When a feed should run next after `success`. A slot that passed while that
/// took much longer than usual is left out.
pub(super) fn next(slots: &[Slot], success: &Past, clock: &Clock) -> Option<Next> {
    let after = success.start;
    let next = |slot: &Slot| {
        let last = slot.last_day * DAY + slot.time;
        let lately = |change| clock.may_change(change, last - 7 * DAY, after + 2 * DAY);
        let early = early(slots, slot, lately(Change::Forward));
        // The last day whose run may have been this early.
        let day = (after - slot.time + early).div_euclid(DAY);
        let is_long = success.end - success.start > 2 * slot.usual_end;
        let busy_until = if is_long { success.end } else { after };
        let passed = (busy_until - slot.time).div_euclid(DAY);
        let day = slot.rule.next_after(day.max(passed));
        let start = day * DAY + slot.time;
        let mut slack = slot.slack.min(until_next(slots, slot) / 2);
        if lately(Change::Back) || clock.may_change(Change::Back, last, start) {
            slack = slack.max(HOUR + slot.slack / 2);
        }
        Next {
            start,
            due: start + slot.usual_end + slack,
        }
    };
    slots.iter().map(next).min_by_key(|next| next.due)
}

/// How much before its time a run counts as the run of this slot: a quarter of
/// the time since the slot before. Where clocks may have been set forward, up to
/// half the time and an hour more.
fn early(slots: &[Slot], slot: &Slot, set_forward: bool) -> i64 {
    let before = slots
        .iter()
        .map(|other| (slot.time - other.time).rem_euclid(DAY));
    let before = before.filter(|gap| *gap > 0).min().unwrap_or(DAY);
    if set_forward {
        (before / 4 + HOUR).min(before / 2)
    } else {
        before / 4
    }
}

/// The time until the following slot of the day.
fn until_next(slots: &[Slot], slot: &Slot) -> i64 {
    let after = slots
        .iter()
        .map(|other| (other.time - slot.time).rem_euclid(DAY));
    let alone = slots.len() == 1;
    let after = after.filter(|gap| *gap > 0).min();
    after.filter(|_| !alone).unwrap_or(60 * DAY)
}

/// Whether the gaps between the slots of a day are about the same.
pub(super) fn are_even_all_day(slots: &[Slot]) -> bool {
    let gaps = slots.iter().map(|slot| until_next(slots, slot));
    let (least, most) = gaps.fold((i64::MAX, 0), |(least, most), gap| {
        (least.min(gap), most.max(gap))
    });
    slots.len() > 1 && most <= least + least / 2
}

/// Whether a feed has so many slots that an interval describes it better.
pub(super) fn too_many(slots: &[Slot]) -> bool {
    slots.len() > MOST_SLOTS
}
