//! Which runs are alike: all of them, those at the same time of day, on the same
//! day of the week, or both.
//!
//! The finest grouping is used that predicts runs better than a coarser one
//! does: each run is predicted by the median of the *others* in its group, so
//! that small groups have no advantage from describing themselves.

use super::day_rule::{self, DAY};
use super::statistics::share;

/// A grouping must reduce the usual error of predictions to this share.
const USEFUL: f64 = 0.8;
/// A value of an earlier run, on a scale on which usual differences are alike
/// for small and large values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    /// When the run started, in seconds since 1970.
    pub(super) start: i64,
    pub(super) value: f64,
}

/// How runs are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grouping {
    All,
    Hour,
    Weekday,
    HourOfWeek,
}

impl Grouping {
    fn group(self, start: i64) -> usize {
        let hour = usize::try_from(start.rem_euclid(DAY) / 3_600).unwrap_or_default();
        let weekday = day_rule::weekday(start.div_euclid(DAY));
        match self {
            Self::All => 0,
            Self::Hour => hour,
            Self::Weekday => weekday,
            Self::HourOfWeek => weekday * 24 + hour,
        }
    }

    /// Whether runs that start at these times are in the same group.
    pub(super) fn is_same(self, one: i64, other: i64) -> bool {
        self.group(one) == self.group(other)
    }

    /// How many groups there are.
    fn groups(self) -> usize {
        match self {
            Self::All => 1,
            Self::Hour => 24,
            Self::Weekday => 7,
            Self::HourOfWeek => 7 * 24,
        }
    }

    /// The number of runs a group needs.
    pub(super) fn least(self) -> usize {
        match self {
            Self::All => 4,
            Self::Hour => 3,
            Self::Weekday | Self::HourOfWeek => 2,
        }
    }
}

/// The places of the values, smallest value first.
pub(super) fn ordered(values: &[Value]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    places.sort_by(|one, two| values[*one].value.total_cmp(&values[*two].value));
    places
}

/// The grouping that predicts best.
pub(super) fn best_grouping(values: &[Value], ordered: &[usize]) -> Grouping {
    let mut best = (Grouping::All, differences(values, ordered, Grouping::All));
    for finer in [Grouping::Hour, Grouping::Weekday, Grouping::HourOfWeek] {
        let differences = differences(values, ordered, finer);
        let both = || differences.iter().zip(&best.1);
        let finer_error = error(both().filter_map(|(finer, best)| best.and(*finer)));
        let best_error = error(both().filter_map(|(finer, best)| finer.and(*best)));
        let known = differences.iter().flatten().count();
        let enough = share(known, values.len()) >= 0.6;
        if enough && best_error > 0.0 && finer_error <= USEFUL * best_error {
            best = (finer, differences);
        }
    }
    best.0
}

/// The mean error of predictions; a twentieth, of outages and backfills, is
/// left out.
fn error(differences: impl Iterator<Item = f64>) -> f64 {
    let mut errors: Vec<f64> = differences.map(f64::abs).collect();
    let kept = errors.len() - errors.len() / 20;
    if kept < errors.len() {
        errors.select_nth_unstable_by(kept, f64::total_cmp);
        errors.truncate(kept);
    }
    errors.iter().sum::<f64>() / share(errors.len().max(1), 1)
}

/// How much each value differs from the median of the others in its group;
/// `None` for those alone in their group.
pub(super) fn differences(
    values: &[Value],
    ordered: &[usize],
    grouping: Grouping,
) -> Vec<Option<f64>> {
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); grouping.groups()];
    for place in ordered {
        groups[grouping.group(values[*place].start)].push(*place);
    }
    let mut differences = vec![None; values.len()];
    for group in groups.iter().filter(|group| group.len() > 1) {
        let at = |index: usize| values[group[index]].value;
        for (index, place) in group.iter().enumerate() {
            differences[*place] = Some(at(index) - median_without(group.len(), index, at));
        }
    }
    differences
}

/// The median of at least two sorted values, leaving out one of them.
fn median_without(length: usize, left_out: usize, at: impl Fn(usize) -> f64) -> f64 {
    let length = length - 1;
    let at = |index: usize| at(index + usize::from(index >= left_out));
    if length % 2 == 1 {
        at(length / 2)
    } else {
        f64::midpoint(at(length / 2 - 1), at(length / 2))
    }
}
