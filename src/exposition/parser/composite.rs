//! Reads composite values of `OpenMetrics` 2.0.

use super::number;

/// A sample of a histogram as the other formats have it: its suffix, the bound
/// of its bucket, and its value.
pub(super) type Part = (&'static str, Option<String>, f64);

/// A histogram.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    count: u64,
    sum: f64,
    /// Bounds and counts.
    classic: Vec<(String, u64)>,
    zero_count: u64,
    /// Positions and counts.
    pub(crate) native: Vec<(i64, u64)>,
}

/// The orders of fields that the specification allows, without those of
/// negative values.
const ORDERS: [&str; 5] = [
    "count sum bucket",
    "count sum schema zero_threshold zero_count",
    "count sum schema zero_threshold zero_count bucket",
    "count sum schema zero_threshold zero_count positive_spans positive_buckets",
    "count sum schema zero_threshold zero_count positive_spans positive_buckets bucket",
];

impl Histogram {
    /// Reads what is between the braces.
    pub(crate) fn parse(value: &str) -> Result<Self, String> {
        let fields = fields(value)?;
        let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
        if !ORDERS.contains(&names.join(" ").as_str()) {
            return Err(format!("fields in an unknown order: {names:?}"));
        }
        let mut histogram = Self::default();
        let mut spans = Vec::new();
        for (name, value) in fields {
            match name {
                "count" => histogram.count = count(value)?,
                "sum" => histogram.sum = number(value)?,
                "bucket" => histogram.classic = pairs(value)?,
                "schema" if value != "3" => return Err("another schema".into()),
                "zero_threshold" if number(value)? <= 0.0 => return Err("no threshold".into()),
                "zero_count" => histogram.zero_count = count(value)?,
                "positive_spans" => spans = pairs(value)?,
                "positive_buckets" => histogram.native = native_buckets(&spans, value)?,
                _ => {}
            }
        }
        histogram.check(names.contains(&"schema"), names.contains(&"bucket"))?;
        Ok(histogram)
    }

    fn check(&self, is_native: bool, is_classic: bool) -> Result<(), String> {
        let native: u64 = self.native.iter().map(|(_, count)| count).sum();
        if is_native && native + self.zero_count != self.count {
            return Err("native buckets do not add up".into());
        }
        let last = self.classic.last();
        let is_complete =
            last.is_some_and(|(bound, count)| bound == "+Inf" && *count == self.count);
        if is_classic && !is_complete {
            return Err("the last bucket does not have all values".into());
        }
        let bounds = self.classic.iter().map(|(bound, _)| bound.parse::<f64>());
        let bounds: Vec<f64> = bounds
            .collect::<Result<_, _>>()
            .map_err(|e| e.to_string())?;
        if !bounds.is_sorted() || !self.classic.is_sorted_by_key(|(_, count)| *count) {
            return Err("buckets out of order".into());
        }
        Ok(())
    }

    /// The samples that text has of it: a histogram of native buckets only is a
    /// summary there.
    pub(super) fn parts(self) -> Vec<Part> {
        let buckets = self.classic.into_iter();
        let mut parts: Vec<Part> = buckets
            .map(|(bound, count)| ("_bucket", Some(bound), float(count)))
            .collect();
        parts.push(("_sum", None, self.sum));
        parts.push(("_count", None, float(self.count)));
        parts
    }
}

fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "not a whole number".into())
}

#[expect(clippy::cast_precision_loss, reason = "rounds to the nearest")]
fn float(count: u64) -> f64 {
    count as f64
}

/// The names and values of the fields; values may be lists.
fn fields(mut rest: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut fields = Vec::new();
    loop {
        let (name, after) = rest.split_once(':').ok_or("a field without a value")?;
        let end = if after.starts_with('[') {
            after.find(']').ok_or("a list without an end")? + 1
        } else {
            after.find(',').unwrap_or(after.len())
        };
        let (value, after) = after.split_at(end);
        fields.push((name, value));
        if after.is_empty() {
            return Ok(fields);
        }
        rest = after.strip_prefix(',').ok_or("no comma after a field")?;
    }
}

/// The elements of a list; there is at least one.
fn list(value: &str) -> Result<impl Iterator<Item = &str>, String> {
    let inner = value
        .strip_prefix('[')
        .and_then(|value| value.strip_suffix(']'));
    Ok(inner.ok_or("not a list")?.split(','))
}

fn pairs(value: &str) -> Result<Vec<(String, u64)>, String> {
    let pair = |element: &str| {
        let (one, other) = element.split_once(':').ok_or("not a pair")?;
        Ok((one.to_owned(), count(other)?))
    };
    list(value)?.map(pair).collect()
}

fn native_buckets(spans: &[(String, u64)], value: &str) -> Result<Vec<(i64, u64)>, String> {
    let mut counts = list(value)?.map(count);
    let (mut buckets, mut position) = (Vec::new(), 0_i64);
    for (number_of_span, (offset, length)) in spans.iter().enumerate() {
        let offset: i64 = offset.parse().map_err(|_| "an offset that is not whole")?;
        if number_of_span > 0 && offset < 1 {
            return Err("spans that touch each other".into());
        }
        position += offset;
        for _ in 0..*length {
            let count = counts.next().ok_or("fewer buckets than the spans have")??;
            if count == 0 {
                return Err("an empty bucket".into());
            }
            buckets.push((position, count));
            position += 1;
        }
    }
    match counts.next() {
        Some(_) => Err("more buckets than the spans have".into()),
        None => Ok(buckets),
    }
}
