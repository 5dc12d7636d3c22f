//! Feeds that run at certain times of the day: nightly, on working days,
//! weekly, monthly, or several times a day at uneven times.
//!
//! The starts are grouped by their time of day (UTC). Each group that recurs by
//! a [`DayRule`] becomes a slot. A slot's time follows the last five starts
//! by their median, or the last two if those agree that the time has moved.
//! How late the success of a slot may end is measured on how late earlier ones
//! ended compared to the time that was then predicted.

use super::day_rule::{DAY, DayRule, weekday};
use super::days;
use super::statistics::{count, deviation, largest, median, share, whole};
use super::{Past, Span};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// Starts at times of day further apart belong to different slots, between
/// these bounds and by the usual gap between starts.
const LEAST_APART: i64 = 75 * MINUTE;
const MOST_APART: i64 = 6 * HOUR;
/// Older runs of a feed that runs several times a day are not considered.
const RECENT: i64 = 22 * DAY;
/// Starts spread over more of the day have no time of day.
const MOST_SPREAD: i64 = 12 * HOUR;
/// The share of starts that must be this near the expected time of day.
const LEAST_NEAR: f64 = 0.7;
const NEAR: i64 = 2 * HOUR;
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
    /// The usual start, in seconds from the beginning of its day (UTC). May
    /// lie outside of the day if starts drifted over midnight.
    pub(super) time: i64,
    /// When the success usually ended, in seconds after the usual start, by
    /// day of the week.
    ends: [i64; 7],
    /// How much later it may end, in seconds.
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

/// The runs of one slot on one day.
#[derive(Clone, Copy, Debug)]
struct DayRun {
    day: i64,
    start: i64,
    /// The end of the first success.
    success: Option<i64>,
}

/// The slots of a feed, by the past runs in the order of their starts.
pub(super) fn learn(runs: &[Past], unseen: &[Span]) -> Option<Vec<Slot>> {
    let runs = recent(runs);
    let groups = joined(groups(runs)?);
    let last_start = runs.last()?.start;
    let mut explained = 0;
    let mut slots = Vec::new();
    for group in groups {
        let center = whole(median(group.iter().map(time_of_day).collect())?);
        let days = by_day(&group, center);
        if let Some(slot) = slot(&days, last_start, unseen) {
            explained += group.len();
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

/// A run and its time of day, which may lie outside of 0 to 24 hours so that
/// the times of a group are close to one another.
#[derive(Clone, Copy, Debug)]
struct Timed {
    run: Past,
    time: i64,
}

fn time_of_day(timed: &Timed) -> f64 {
    count(timed.time)
}

/// The runs grouped by time of day: where the times, in order, leave a large
/// enough gap, a new group begins.
fn groups(runs: &[Past]) -> Option<Vec<Vec<Timed>>> {
    let apart = apart(runs);
    let mut timed: Vec<Timed> = runs
        .iter()
        .map(|run| Timed {
            run: *run,
            time: run.start.rem_euclid(DAY),
        })
        .collect();
    timed.sort_by_key(|timed| (timed.time, timed.run.start));
    // The day is cut in its largest gap.
    let wrap = timed.first()?.time + DAY - timed.last()?.time;
    let gap_after = |index: usize| timed[index + 1].time - timed[index].time;
    let cut = (0..timed.len() - 1).max_by_key(|index| gap_after(*index));
    if let Some(cut) = cut.filter(|cut| gap_after(*cut) > wrap) {
        timed.rotate_left(cut + 1);
        let first = timed.first()?.time;
        for later in timed.iter_mut().filter(|later| later.time < first) {
            later.time += DAY;
        }
    }
    let groups: Vec<Vec<Timed>> = timed
        .chunk_by(|one, two| two.time - one.time <= apart)
        .map(<[Timed]>::to_vec)
        .collect();
    let spread = |group: &Vec<Timed>| {
        let last = group.last().zip(group.first());
        last.is_none_or(|(last, first)| last.time - first.time > MOST_SPREAD)
    };
    let mut groups = groups;
    groups.retain(|group| !spread(group));
    Some(groups)
}

/// How far apart times of day must be to be different slots.
fn apart(runs: &[Past]) -> i64 {
    let gaps = runs
        .windows(2)
        .map(|pair| count(pair[1].start - pair[0].start));
    let usual = median(gaps.collect()).map_or(DAY, whole);
    (usual / 8).clamp(LEAST_APART, MOST_APART)
}

/// A group that began after another one ended continues it: the schedule was
/// moved by more than groups are apart.
fn joined(mut groups: Vec<Vec<Timed>>) -> Vec<Vec<Timed>> {
    for group in &mut groups {
        group.sort_by_key(|timed| timed.run.start);
    }
    groups.sort_by_key(|group| group[0].run.start);
    let mut joined: Vec<Vec<Timed>> = Vec::new();
    for group in groups {
        let begin = group[0].run.start;
        let ended = |earlier: &Vec<Timed>| earlier.last().map(|timed| timed.run.start);
        let continued = joined
            .iter_mut()
            .filter(|earlier| earlier.len() >= 3 && ended(earlier).is_some_and(|end| end < begin))
            .max_by_key(|earlier| ended(earlier));
        match continued {
            Some(earlier) => earlier.extend(group),
            None => joined.push(group),
        }
    }
    joined
}

/// The first run of each day and its success. Days begin half a day before
/// the time of day around which the group lies.
fn by_day(group: &[Timed], center: i64) -> Vec<DayRun> {
    let mut days: Vec<DayRun> = Vec::new();
    for Timed { run, .. } in group {
        let day = (run.start - center + DAY / 2).div_euclid(DAY);
        let success = run.succeeded.then_some(run.end);
        match days.last_mut().filter(|last| last.day == day) {
            Some(last) => last.success = last.success.or(success),
            None => days.push(DayRun {
                day,
                start: run.start,
                success,
            }),
        }
    }
    days
}

fn slot(runs: &[DayRun], last_start: i64, unseen: &[Span]) -> Option<Slot> {
    let days: Vec<i64> = runs.iter().map(|run| run.day).collect();
    let times: Vec<i64> = runs.iter().map(|run| run.start - run.day * DAY).collect();
    let time = predicted(&times).filter(|_| is_punctual(&times))?;
    let fitted = days::fit(&days, |day| {
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
    let (ends, slack) = ends(runs, &times, fitted.rule.usual_gap() * DAY)?;
    Some(Slot {
        rule: fitted.rule,
        time,
        ends,
        slack,
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

/// When successes usually end after the predicted start, by day of the week,
/// and how much later they may, in seconds.
fn ends(runs: &[DayRun], times: &[i64], gap: i64) -> Option<([i64; 7], i64)> {
    let recent = runs.len().saturating_sub(40);
    let after = |index: usize| {
        let run = runs[index];
        let before = &times[..index];
        // The first two have nothing before them to be predicted from.
        let start = if index < 2 {
            Some(times[index])
        } else {
            predicted(before)
        };
        let end = count(run.success? - run.day * DAY - start?);
        Some((weekday(run.day), end))
    };
    let ends: Vec<(usize, f64)> = (recent..runs.len()).filter_map(after).collect();
    let usual = median(ends.iter().map(|(_, end)| *end).collect())?;
    let by_weekday: [f64; 7] = std::array::from_fn(|weekday| {
        let same = ends.iter().filter(|(other, _)| *other == weekday);
        let same: Vec<f64> = same.map(|(_, end)| *end).collect();
        // Later once may have been for another reason.
        let enough = same.len() > 1 || runs.len() < 15;
        let middle = largest(same.clone(), same.len().div_ceil(2));
        middle.filter(|_| enough).unwrap_or(usual)
    });
    let late: Vec<f64> = ends
        .iter()
        .map(|(weekday, end)| end - by_weekday[*weekday])
        .collect();
    let least = match gap / DAY {
        ..=3 => 90 * MINUTE,
        4..=20 => 2 * HOUR,
        _ => 3 * HOUR,
    };
    // A few runs, and at least one, may have been late for a reason.
    let rank = 2 + late.len() / 15;
    let seen = largest(late.clone(), rank).map_or(0.0, |late| late) + 600.0;
    let slack = (4.0 * deviation(&late, 0.0)).max(seen).max(count(least));
    let most = count(gap.min(7 * DAY)) * 0.35;
    Some((by_weekday.map(whole), whole(slack.min(most))))
}

/// When a feed should run next after a success that started at `after`.
/// `changes` says whether clocks may have changed between two times.
pub(super) fn next(slots: &[Slot], after: i64, changes: impl Fn(i64, i64) -> bool) -> Option<Next> {
    let next = |slot: &Slot| {
        let last = slot.last_day * DAY + slot.time;
        let clocks_changed = changes(last - 7 * DAY, after + 2 * DAY);
        let early = early(slots, slot, clocks_changed);
        // The last day whose run may have been this early.
        let day = (after - slot.time + early).div_euclid(DAY);
        let day = slot.rule.next_after(day);
        let start = day * DAY + slot.time;
        let mut slack = slot.slack.min(until_next(slots, slot) / 2);
        if clocks_changed || changes(last, start) {
            slack = slack.max(HOUR + slot.slack / 2);
        }
        Next {
            start,
            due: start + slot.ends[weekday(day)] + slack,
        }
    };
    slots.iter().map(next).min_by_key(|next| next.due)
}

/// How much before its time a run counts as the run of this slot: a quarter of
/// the time since the slot before. Where clocks may have changed, up to half the
/// time and an hour more.
fn early(slots: &[Slot], slot: &Slot, clocks_changed: bool) -> i64 {
    let before = slots
        .iter()
        .map(|other| (slot.time - other.time).rem_euclid(DAY));
    let before = before.filter(|gap| *gap > 0).min().unwrap_or(DAY);
    if clocks_changed {
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

/// Whether a feed has so many slots that an interval describes it better.
pub(super) fn too_many(slots: &[Slot]) -> bool {
    slots.len() > MOST_SLOTS
}
