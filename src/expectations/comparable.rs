//! Which earlier runs a run is compared with: all of them, those at the same
//! time of day, on the same day of the week, or both.
//!
//! The finest grouping is used that tells a run better than a coarser one
//! would: each earlier run is predicted by the median of the *others* in its
//! group, so that small groups gain nothing from describing themselves.

use super::days::{self, DAY};
use super::statistics::{count, deviation, median, median_of_sorted, share};

/// A grouping must reduce the usual error of predictions to this share.
const USEFUL: f64 = 0.65;
/// No more runs than this are compared with.
const MOST: usize = 240;

/// A value of an earlier run, on a scale on which usual differences are alike
/// for small and large values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    /// When the run started, in seconds since 1970.
    pub(super) start: i64,
    pub(super) value: f64,
}

/// The earlier runs that a run is compared with.
#[derive(Clone, Debug)]
pub(super) struct Comparable {
    /// Their values, oldest first.
    pub(super) values: Vec<f64>,
    /// The usual value, the level of the latest runs taken into account.
    pub(super) usual: f64,
    /// The standard deviation of values around what is usual.
    pub(super) deviation: f64,
    /// Whether a better grouping exists that has too few runs yet: then the
    /// values are of all runs, and all of them are normal.
    pub(super) provisional: bool,
    /// How many runs there are a week.
    pub(super) weekly: f64,
}

/// How runs are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grouping {
    All,
    Hour,
    Weekday,
    HourOfWeek,
}

impl Grouping {
    fn group(self, start: i64) -> usize {
        let hour = usize::try_from(start.rem_euclid(DAY) / 3_600).unwrap_or_default();
        let weekday = days::weekday(start.div_euclid(DAY));
        match self {
            Self::All => 0,
            Self::Hour => hour,
            Self::Weekday => weekday,
            Self::HourOfWeek => weekday * 24 + hour,
        }
    }

    /// So many runs of a group are needed.
    fn least(self) -> usize {
        match self {
            Self::All => 4,
            Self::Hour => 3,
            Self::Weekday | Self::HourOfWeek => 2,
        }
    }
}

/// What a run that starts at `start` is compared with. `values` are those of
/// the runs before it, oldest first.
pub(super) fn comparable(values: &[Value], start: i64) -> Option<Comparable> {
    let values = &values[values.len().saturating_sub(MOST)..];
    let (first, last) = (values.first()?.start, values.last()?.start);
    if values.len() < Grouping::All.least() {
        return None;
    }
    let same_weekday =
        |value: &Value| Grouping::Weekday.group(value.start) == Grouping::Weekday.group(start);
    if start - first < 7 * DAY && !values.iter().any(same_weekday) {
        // The first Saturday of a feed that began on a Monday.
        return None;
    }
    let grouping = grouping(values);
    let group = grouping.group(start);
    let mut members: Vec<f64> = values
        .iter()
        .filter(|value| grouping.group(value.start) == group)
        .map(|value| value.value)
        .collect();
    let provisional = members.len() < grouping.least();
    if provisional {
        members = values.iter().map(|value| value.value).collect();
    }
    let residuals = residuals(values, if provisional { Grouping::All } else { grouping });
    let flat: Vec<f64> = residuals.iter().map(|(_, residual)| *residual).collect();
    let weekly = share(values.len(), 1) * count(7 * DAY) / count((last - first).max(7 * DAY));
    Some(Comparable {
        usual: median(members.clone())? + level(&flat, weekly),
        deviation: deviation(&flat, 0.0),
        values: members,
        provisional,
        weekly,
    })
}

/// The grouping that predicts best.
fn grouping(values: &[Value]) -> Grouping {
    let mut best = (Grouping::All, residuals(values, Grouping::All));
    for finer in [Grouping::Hour, Grouping::Weekday, Grouping::HourOfWeek] {
        if best.1.iter().all(|(_, residual)| *residual == 0.0) {
            break;
        }
        let residuals = residuals(values, finer);
        let enough = share(residuals.len(), values.len()) >= 0.6;
        if enough && error(&residuals) <= USEFUL * error_of_same(&best.1, &residuals) {
            best = (finer, residuals);
        }
    }
    best.0
}

/// The mean error of predictions; a twentieth, of outages and backfills, is
/// left out.
fn error(residuals: &[(usize, f64)]) -> f64 {
    let mut errors: Vec<f64> = residuals.iter().map(|(_, error)| error.abs()).collect();
    errors.sort_unstable_by(f64::total_cmp);
    errors.truncate(errors.len() - errors.len() / 20);
    errors.iter().sum::<f64>() / share(errors.len().max(1), 1)
}

/// The same for those runs only that others are predicted for as well.
fn error_of_same(residuals: &[(usize, f64)], others: &[(usize, f64)]) -> f64 {
    let mut others = others.iter().map(|(index, _)| *index).peekable();
    let mut same = residuals.to_vec();
    same.retain(|(index, _)| {
        while others.next_if(|other| other < index).is_some() {}
        others.next_if_eq(index).is_some()
    });
    error(&same)
}

/// How much each value differs from the median of the others in its group, by
/// index; those alone in their group are left out.
fn residuals(values: &[Value], grouping: Grouping) -> Vec<(usize, f64)> {
    let mut ordered: Vec<(usize, f64, usize)> = values
        .iter()
        .enumerate()
        .map(|(index, value)| (grouping.group(value.start), value.value, index))
        .collect();
    ordered.sort_unstable_by(|one, two| {
        let values = one.1.total_cmp(&two.1);
        one.0.cmp(&two.0).then(values).then(one.2.cmp(&two.2))
    });
    let mut residuals = Vec::with_capacity(values.len());
    let groups = ordered.chunk_by(|one, two| one.0 == two.0);
    for group in groups.filter(|group| group.len() > 1) {
        for (place, (_, value, index)) in group.iter().enumerate() {
            residuals.push((*index, value - median_without(group, place)));
        }
    }
    residuals.sort_unstable_by_key(|(index, _)| *index);
    residuals
}

/// The median of at least two sorted values without one of them.
fn median_without(sorted: &[(usize, f64, usize)], place: usize) -> f64 {
    let length = sorted.len() - 1;
    let at = |index: usize| sorted[index + usize::from(index >= place)].1;
    if length % 2 == 1 {
        at(length / 2)
    } else {
        f64::midpoint(at(length / 2 - 1), at(length / 2))
    }
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
    let mut latest = residuals[residuals.len() - runs..].to_vec();
    latest.sort_by(f64::total_cmp);
    let agree = |value: &&f64| value.signum() == latest[runs / 2].signum();
    let moved = median_of_sorted(&latest).unwrap_or_default();
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
        let few = 1.0 + 1.0 / share(self.values.len(), 1);
        self.unusual() * self.deviation.max(least) * few.sqrt()
    }

    /// How many of the values may have been unusual, and one more.
    pub(super) fn rank(&self) -> usize {
        if self.provisional {
            1
        } else {
            1 + self.values.len() / 12
        }
    }
}
