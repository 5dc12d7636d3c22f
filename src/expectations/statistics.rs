//! Robust statistics over small samples. Every input is finite.

/// The factor that makes the median absolute deviation of normally
/// distributed values their standard deviation.
const NORMAL: f64 = 1.4826;

/// The middle value, or the mean of the two in the middle.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let odd = values.len() % 2 == 1;
    let middle = values.len() / 2;
    let (smaller, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if odd {
        return Some(upper);
    }
    let lower = smaller.iter().copied().max_by(f64::total_cmp)?;
    Some(f64::midpoint(lower, upper))
}

/// The standard deviation around `center`, not affected by up to half of the
/// values being outliers.
pub(super) fn deviation(values: &[f64], center: f64) -> f64 {
    let distances = values.iter().map(|value| (value - center).abs());
    median(distances.collect()).unwrap_or_default() * NORMAL
}

/// The `rank`th largest value; rank 1 is the largest.
pub(super) fn largest(mut values: Vec<f64>, rank: usize) -> Option<f64> {
    let index = rank.max(1) - 1;
    let exists = index < values.len();
    exists.then(|| {
        *values
            .select_nth_unstable_by(index, |one, two| two.total_cmp(one))
            .1
    })
}

/// A number of seconds, days or rows.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, and an estimate beyond"
)]
pub(super) fn count(number: i64) -> f64 {
    number as f64
}

/// The nearest whole number.
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
pub(super) fn whole(number: f64) -> i64 {
    number.round() as i64
}

/// Rows as a number to calculate with.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, and an estimate beyond"
)]
pub(super) fn rows(number: u64) -> f64 {
    number as f64
}

/// `part` of `whole`, from 0 to 1.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    rows(part as u64) / rows(whole.max(1) as u64)
}
