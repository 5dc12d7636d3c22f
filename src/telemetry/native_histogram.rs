//! Prometheus native histograms: counts in exponential buckets. Protobuf and
//! `OpenMetrics` 2.0 have them.

use std::collections::BTreeMap;

/// The resolution: 2^3 buckets for each power of two, so that a quantile is
/// off by 4.4 % at most.
pub const SCHEMA: i32 = 3;

/// Values up to this one count as zero: 2^-128, as in Prometheus' own clients.
pub const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

/// The lower bounds of the buckets between 1/2 and 1: 2^(index/8) / 2.
const BOUNDS: [f64; 8] = [
    0.5,
    0.545_253_866_332_628_8,
    0.594_603_557_501_360_5,
    0.648_419_777_325_504_8,
    std::f64::consts::FRAC_1_SQRT_2,
    0.771_105_412_703_970_4,
    0.840_896_415_253_714_4,
    0.917_004_043_204_671_1,
];

/// Values that were observed; none is negative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NativeHistogram {
    zero: u64,
    /// Bucket `index` has the values above 2^((index - 1)/8) up to 2^(index/8).
    buckets: BTreeMap<i32, u64>,
}

impl NativeHistogram {
    /// The histogram with these values that count as zero and these buckets.
    #[must_use]
    pub fn new(zero: u64, buckets: impl IntoIterator<Item = (i32, u64)>) -> Self {
        let buckets = buckets.into_iter().filter(|(_, count)| *count > 0);
        Self {
            zero,
            buckets: buckets.collect(),
        }
    }

    /// Adds one value. Anything that is not a finite number above zero counts as
    /// zero.
    pub fn observe(&mut self, value: f64) {
        self.add(value, 1);
    }

    /// Adds a value several times.
    pub fn add(&mut self, value: f64, count: u64) {
        if count == 0 {
            return;
        }
        let bucket = match bucket(value) {
            Some(index) => self.buckets.entry(index).or_default(),
            None => &mut self.zero,
        };
        *bucket = bucket.saturating_add(count);
    }

    /// The number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        let buckets = self.buckets.values();
        buckets.fold(self.zero, |sum, count| sum.saturating_add(*count))
    }

    /// The number of values that count as zero.
    #[must_use]
    pub fn zero(&self) -> u64 {
        self.zero
    }

    /// The buckets that have values, in ascending order.
    pub fn buckets(&self) -> impl Iterator<Item = (i32, u64)> {
        self.buckets.iter().map(|(index, count)| (*index, *count))
    }

    /// These buckets in spans of consecutive ones: of each span the number of
    /// buckets left out since the one before, and its length. The first is
    /// counted from bucket 0, so it may be negative.
    #[must_use]
    pub fn spans(&self) -> Vec<(i32, u64)> {
        let mut spans: Vec<(i32, u64)> = Vec::new();
        let mut next = 0;
        for index in self.buckets.keys() {
            match spans.last_mut() {
                Some((_, length)) if *index == next => *length += 1,
                _ => spans.push((*index - next, 1)),
            }
            next = *index + 1;
        }
        spans
    }
}

/// The bucket of a value; `None` if it counts as zero.
fn bucket(value: f64) -> Option<i32> {
    if !value.is_finite() || value <= ZERO_THRESHOLD {
        return None;
    }
    // Above the threshold no number is subnormal: value = fraction * 2^exponent
    // with a fraction from 1/2 to 1.
    let bits = value.to_bits();
    let exponent = i32::try_from(bits >> 52).ok()? - 1022;
    let fraction = f64::from_bits(bits & ((1 << 52) - 1) | 1022 << 52);
    let below = BOUNDS.partition_point(|bound| *bound < fraction);
    Some(i32::try_from(below).ok()? + (exponent - 1) * 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn only_bucket(value: f64) -> i32 {
        let mut histogram = NativeHistogram::default();
        histogram.observe(value);
        let (index, count) = histogram.buckets().next().unwrap();
        assert_eq!((count, histogram.count(), histogram.zero()), (1, 1, 0));
        index
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        assert_eq!(only_bucket(1.0), 0);
        assert_eq!(only_bucket(1.000_000_1), 1);
        assert_eq!(only_bucket(2.0), 8);
        assert_eq!(only_bucket(0.5), -8);
        assert_eq!(only_bucket(0.300), -13);
        assert_eq!(only_bucket(3600.0), 95);
        assert_eq!(only_bucket(f64::MAX), 8192);
    }

    #[test]
    fn what_is_not_a_number_above_zero_counts_as_zero() {
        let mut histogram = NativeHistogram::default();
        for value in [0.0, -1.0, 1e-300, f64::NAN, f64::INFINITY, ZERO_THRESHOLD] {
            histogram.observe(value);
        }
        assert_eq!((histogram.zero(), histogram.count()), (6, 6));
        assert_eq!(histogram.buckets().next(), None);
    }

    proptest! {
        #[test]
        fn a_value_is_between_the_bounds_of_its_bucket(exponent in -30.0..60.0_f64) {
            let value = exponent.exp2();
            let index = f64::from(only_bucket(value));
            prop_assert!((index - 1.0) / 8.0 < exponent + 1e-9, "{} {}", index, exponent);
            prop_assert!(exponent <= index / 8.0 + 1e-9, "{} {}", index, exponent);
        }
    }
}
