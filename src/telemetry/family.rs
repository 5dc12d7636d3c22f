//! What a metric family is: name, type, labels and help.

/// The type of a family, as its TYPE line has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that goes up and down.
    Gauge,
    /// A number that only increases; its name ends in `_total`.
    Counter,
    /// A sum, a count, and counts by size.
    Histogram,
    /// The same with native buckets only, which protobuf and `OpenMetrics` 2.0
    /// have: a summary in the other formats.
    NativeHistogram,
}

impl Kind {
    /// The type as the TYPE line of text and `OpenMetrics` 1.0 names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::NativeHistogram => "summary",
            Self::Histogram => "histogram",
        }
    }
}

/// The description of a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The name, a counter's with `_total`.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// The labels, in the order of the page.
    pub labels: &'static [&'static str],
    /// What the number means and where it comes from.
    pub help: &'static str,
}

/// The last words of a name that are units.
const UNITS: [&str; 4] = ["seconds", "bytes", "rows", "files"];

impl Family {
    /// Describes a gauge.
    #[must_use]
    pub const fn gauge(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind: Kind::Gauge,
            labels,
            help,
        }
    }

    /// Describes a counter.
    #[must_use]
    pub const fn counter(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind: Kind::Counter,
            labels,
            help,
        }
    }

    /// The name without a counter's `_total`, as `OpenMetrics` has it.
    #[must_use]
    pub fn base_name(&self) -> &'static str {
        base_name(self.name, self.kind)
    }

    /// The unit, if the name ends in one.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        unit(self.base_name())
    }
}

/// A family's name without a counter's `_total`.
#[must_use]
pub fn base_name(name: &str, kind: Kind) -> &str {
    match kind {
        Kind::Counter => name.strip_suffix("_total").unwrap_or(name),
        _ => name,
    }
}

/// The unit a name ends in, without a counter's `_total`.
#[must_use]
pub fn unit(base_name: &str) -> Option<&'static str> {
    let (_, last) = base_name.rsplit_once('_')?;
    UNITS.into_iter().find(|unit| *unit == last)
}
