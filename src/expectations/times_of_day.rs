//! Runs at about the same time of the day, day by day.

use super::day_rule::DAY;
use super::statistics::{count, median, whole};
use super::{Past, gaps};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// Starts at times of day further apart belong to different slots, between
/// these bounds and by the usual gap between starts.
const LEAST_APART: i64 = 75 * MINUTE;
const MOST_APART: i64 = 6 * HOUR;
/// Starts spread over more of the day have no time of day.
const MOST_SPREAD: i64 = 12 * HOUR;

/// The runs at one time of day.
pub(super) struct Group {
    pub(super) days: Vec<DayRun>,
    /// How many runs there are, several on one day included.
    pub(super) runs: usize,
}

/// The runs of one group on one day.
#[derive(Clone, Copy, Debug)]
pub(super) struct DayRun {
    pub(super) day: i64,
    pub(super) start: i64,
    /// The end of the first success.
    pub(super) success: Option<i64>,
}

/// The runs grouped by their times of day; those without one are left out.
pub(super) fn groups(runs: &[Past]) -> Option<Vec<Group>> {
    let groups = joined(separated(runs)?).into_iter();
    let group = |timed: Vec<Timed>| {
        let times = timed.iter().map(|timed| count(timed.time));
        let center = whole(median(times.collect())?);
        Some(Group {
            days: by_day(&timed, center),
            runs: timed.len(),
        })
    };
    groups.map(group).collect()
}

/// A run and its time of day, which may lie outside of 0 to 24 hours so that
/// the times of a group are close to one another.
#[derive(Clone, Copy, Debug)]
struct Timed {
    run: Past,
    time: i64,
}

/// The runs grouped by time of day: where the times, in order, leave a large
/// enough gap, a new group begins.
fn separated(runs: &[Past]) -> Option<Vec<Vec<Timed>>> {
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
    let groups = timed.chunk_by(|one, two| two.time - one.time <= apart);
    let has_time_of_day =
        |group: &&[Timed]| group[group.len() - 1].time - group[0].time <= MOST_SPREAD;
    Some(
        groups
            .filter(has_time_of_day)
            .map(<[Timed]>::to_vec)
            .collect(),
    )
}

/// How far apart times of day must be to be different slots.
fn apart(runs: &[Past]) -> i64 {
    let usual = median(gaps(runs)).map_or(DAY, whole);
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
