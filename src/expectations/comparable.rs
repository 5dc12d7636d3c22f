//! Which earlier runs a run is compared with: all of them, those at the same
//! time of day, on the same day of the week, or both.

use super::clock;
use super::day_rule::DAY;
use super::grouping::{Grouping, Value, best_grouping, differences, ordered};
use super::statistics::{count, deviation, largest, median, share};

/// No more runs than this are compared with: a week of runs every 15 minutes.
const MOST: usize = 700;
/// Of many runs, this many may have been unusual without any of their values
/// becoming usual.
const MOST_UNUSUAL: usize = 6;
/// Of a feed that is known for less than this, what runs at the same time of
/// the week read or took is usual.
const NEW: i64 = 22 * DAY;
/// So long after clocks changed somewhere, what was usual for the runs at the
/// time of day before and after is usual too.
const CLOCK_CHANGE_LASTS: i64 = 8 * DAY;
/// How much other runs differed is not considered where this many times as much
/// is usual, or as little.
const ALIKE: f64 = 4.0;

/// The earlier runs that a run is compared with.
#[derive(Clone, Debug)]
pub(super) struct Comparable {
    /// The usual value, the level of the latest runs taken into account.
    pub(super) usual: f64,
    /// The smallest and the largest value that is usual because it was there
    /// before, a few outliers left out.
    pub(super) smallest: f64,
    pub(super) largest: f64,
    /// The standard deviation of values around what is usual.
    deviation: f64,
    /// How many runs there are a week.
    pub(super) weekly: f64,
    /// All earlier runs, but those alone in their group.
    residuals: Vec<Residual>,
    /// The places of the runs it is compared with among the values.
    pub(super) places: Vec<usize>,
}

/// The value of a run, and how much it differs from the median of the others
/// in its group.
#[derive(Clone, Copy, Debug)]
struct Residual {
    value: f64,
    difference: f64,
}

/// What a run that starts at `start` is compared with, by time of day and of
/// the week where that matters. `values` are those of the runs before it,
/// oldest first. The value of a new feed may differ by `tolerance` from what it was
/// at the same time of the week.
pub(super) fn comparable(values: &[Value], start: i64, tolerance: f64) -> Option<Comparable> {
    let values = recent(values);
    let grouping = |ordered: &[usize]| best_grouping(values, ordered);
    compared(values, start, tolerance, grouping)
}

/// The same, compared with all runs.
pub(super) fn comparable_to_all(values: &[Value], start: i64) -> Option<Comparable> {
    compared(recent(values), start, 0.0, |_| Grouping::All)
}

/// Those values that are compared with.
pub(super) fn recent<T>(values: &[T]) -> &[T] {
    &values[values.len().saturating_sub(MOST)..]
}

fn compared(
    values: &[Value],
    start: i64,
    tolerance: f64,
    grouping: impl FnOnce(&[usize]) -> Grouping,
) -> Option<Comparable> {
    let (first, last) = (values.first()?.start, values.last()?.start);
    let same_weekday = |one: &Value| Grouping::Weekday.is_same(one.start, start);
    // The first Saturday of a feed that began on a Monday.
    let is_first_such_day = start - first < 7 * DAY && !values.iter().any(same_weekday);
    if values.len() < Grouping::All.least() || is_first_such_day {
        return None;
    }
    let ordered = ordered(values);
    let grouping = grouping(&ordered);
    let groups = groups(values, grouping, start);
    let large = groups.iter().find(|group| group.len() >= grouping.least());
    // A better grouping that has too few runs yet: all values are usual.
    let provisional = large.is_none();
    let grouping = if provisional { Grouping::All } else { grouping };
    let members = large
        .cloned()
        .unwrap_or_else(|| (0..values.len()).collect());
    let residuals = residuals(values, &ordered, grouping);
    let differences: Vec<f64> = residuals.iter().map(|one| one.difference).collect();
    let weekly = share(values.len(), 1) * count(7 * DAY) / count((last - first).max(7 * DAY));
    let of = |group: &[usize]| -> Vec<f64> {
        let values = group.iter().map(|place| values[*place].value);
        values.collect()
    };
    let usual = median(of(&members))? + level(&differences, weekly);
    let alike = residuals
        .iter()
        .filter(|one| (one.value - one.difference - usual).abs() <= ALIKE.ln())
        .map(|one| usual + one.difference)
        .collect();
    let seen: Vec<Vec<f64>> = if provisional {
        vec![of(&members), alike]
    } else {
        groups
            .iter()
            .map(|group| of(group))
            .chain([alike])
            .collect()
    };
    let lately = if start - first < NEW {
        at_the_same_time_of_the_week(values, start, weekly)
    } else {
        Vec::new()
    };
    let (smallest, largest) = extremes(&seen, provisional);
    let smaller = lately.iter().map(|value| value - tolerance);
    let larger = lately.iter().map(|value| value + tolerance);
    Some(Comparable {
        usual,
        smallest: smaller.fold(smallest, f64::min),
        largest: larger.fold(largest, f64::max),
        deviation: deviation(&differences, 0.0),
        weekly,
        residuals,
        places: members,
    })
}

/// The places of the runs in the group of `start`; while clocks may have
/// changed, also those in the groups before and after it.
fn groups(values: &[Value], grouping: Grouping, start: i64) -> Vec<Vec<usize>> {
    let group = |start: i64| -> Vec<usize> {
        let places = 0..values.len();
        places
            .filter(|place| grouping.is_same(values[*place].start, start))
            .collect()
    };
    let mut groups = vec![group(start)];
    let by_hour = matches!(grouping, Grouping::Hour | Grouping::HourOfWeek);
    if by_hour && clock::changes(start - CLOCK_CHANGE_LASTS, start) {
        groups.extend([-3_600, 3_600].into_iter().filter_map(|hour| {
            let mut near = (1..=6).map(|hours| group(start + hours * hour));
            near.find(|group| !group.is_empty())
        }));
    }
    groups
}

fn at_the_same_time_of_the_week(values: &[Value], start: i64, weekly: f64) -> Vec<f64> {
    let within = if weekly > 30.0 { 1_800 } else { 6 * 3_600 };
    let same = values.iter().filter(|value| {
        let apart = (start - value.start).rem_euclid(7 * DAY);
        apart.min(7 * DAY - apart) <= within
    });
    same.map(|value| value.value).collect()
}

/// The smallest and the largest usual value: the outliers of each group are
/// left out.
fn extremes(groups: &[Vec<f64>], provisional: bool) -> (f64, f64) {
    let most = |sign: f64| {
        let of_group = |group: &Vec<f64>| {
            let outliers = if provisional {
                0
            } else {
                unusual_among(group.len())
            };
            largest(
                group.iter().map(|value| sign * value).collect(),
                1 + outliers,
            )
        };
        groups
            .iter()
            .filter_map(of_group)
            .fold(f64::NEG_INFINITY, f64::max)
    };
    (-most(-1.0), most(1.0))
}

/// How many of this many runs may have been unusual.
fn unusual_among(runs: usize) -> usize {
    (runs / 12).min(MOST_UNUSUAL)
}

/// The same with the values, but without those alone in their group.
fn residuals(values: &[Value], ordered: &[usize], grouping: Grouping) -> Vec<Residual> {
    let differences = differences(values, ordered, grouping);
    let known = values.iter().zip(differences);
    known
        .filter_map(|(value, difference)| {
            Some(Residual {
                value: value.value,
                difference: difference?,
            })
        })
        .collect()
}

/// How much the last day, or the last three runs if that is more, differ from
/// what was usual, if all agree: the feed has grown or shrunk. Less than a
/// tenth of what was usual is a fault, however often it is repeated.
fn level(residuals: &[f64], weekly: f64) -> f64 {
    const LEAST: f64 = 0.3;
    const MOST: f64 = 2.3;
    let runs = usize::try_from(super::statistics::whole(weekly / 7.0)).unwrap_or_default();
    let runs = runs.max(3);
    if residuals.len() < 2 * runs {
        return 0.0;
    }
    let latest = &residuals[residuals.len() - runs..];
    let moved = median(latest.to_vec()).unwrap_or_default();
    let agree = |value: &&f64| value.signum() == moved.signum();
    let all = share(latest.iter().filter(agree).count(), runs) > 0.9;
    if all && (LEAST..MOST).contains(&moved.abs()) {
        moved
    } else {
        0.0
    }
}

impl Comparable {
    /// How many standard deviations are unusual: the more runs a week, the
    /// more, so that as few are unusual by chance.
    fn unusual(&self) -> f64 {
        (4.0 + 0.26 * (self.weekly / 7.0).log2()).clamp(3.8, 5.5)
    }

    /// How much a value may differ from the usual one. Values deviate by
    /// `least`, though they did not so far.
    pub(super) fn width(&self, least: f64) -> f64 {
        self.unusual() * self.spread(least)
    }

    /// The same for values of which only the large ones matter.
    pub(super) fn width_above(&self, least: f64) -> f64 {
        (self.unusual() - 1.0) * self.spread(least)
    }

    fn spread(&self, least: f64) -> f64 {
        let few = 1.0 + 1.0 / share(self.places.len(), 1);
        self.deviation.max(least) * few.sqrt()
    }

    /// Whether runs for which at least `usual` was usual never had a value of
    /// 0, a few outliers left out.
    pub(super) fn is_never_zero(&self, usual: f64) -> bool {
        let large = self.residuals.iter();
        let large = large.filter(|one| one.value - one.difference >= usual);
        let zeros = large.clone().filter(|one| one.value <= 0.0);
        let large = large.count();
        large >= 6 && zeros.count() <= unusual_among(large)
    }
}
