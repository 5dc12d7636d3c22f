//! Turns a declaration into a registered metric of the `prometheus` crate.

use prometheus::core::Collector;
use prometheus::{
    Counter, CounterVec, Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, Result,
};

use super::family::{Family, Kind};

/// Upper bounds in seconds. The API answers within tenths of a second to a few
/// seconds; the default of `api.timeout` is 30 s.
const BUCKETS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// A type of metric that can be declared.
pub(super) trait Metric: Collector + Clone + Sized + 'static {
    const KIND: Kind;

    /// `labels` are those that a caller chooses a value for.
    fn create(options: Opts, labels: &[&str]) -> Result<Self>;

    /// Creates the metric. A tenant's metric has the tenant's name as a fixed
    /// label.
    fn register(registry: &Registry, family: &Family, tenant: Option<&str>) -> Result<Self> {
        let mut options = Opts::new(family.name, family.help);
        let mut labels = family.labels;
        if let (Some(tenant), ["tenant", others @ ..]) = (tenant, labels) {
            options = options.const_label("tenant", tenant);
            labels = others;
        }
        let metric = Self::create(options, labels)?;
        registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

/// `$type` has `$kind` and is created by `$create` from options and labels.
macro_rules! metric {
    ($type:ty, $kind:ident, $create:expr) => {
        impl Metric for $type {
            const KIND: Kind = Kind::$kind;

            fn create(options: Opts, labels: &[&str]) -> Result<Self> {
                $create(options, labels)
            }
        }
    };
}

metric!(IntCounter, Counter, |options, _| Self::with_opts(options));
metric!(Counter, Counter, |options, _| Self::with_opts(options));
metric!(IntCounterVec, Counter, Self::new);
metric!(CounterVec, Counter, Self::new);
metric!(IntGauge, Gauge, |options, _| Self::with_opts(options));
metric!(Gauge, Gauge, |options, _| Self::with_opts(options));
metric!(IntGaugeVec, Gauge, Self::new);
metric!(HistogramVec, Histogram, |options, labels| {
    Self::new(HistogramOpts::from(options).buckets(BUCKETS.into()), labels)
});

/// Declares a set of metrics: a struct with a field for each, their
/// descriptions as `FAMILIES`, and `register`, which creates them all.
macro_rules! metrics {
    (
        $(#[$comment:meta])*
        $visibility:vis struct $Set:ident {
            $( $field:ident: $Type:ty = $name:literal [$($label:literal),*] $help:literal; )*
        }
    ) => {
        $(#[$comment])*
        #[derive(Debug)]
        $visibility struct $Set {
            $(
                #[doc = $help]
                pub $field: $Type,
            )*
        }

        impl $Set {
            /// The descriptions, in the order of the declaration.
            pub const FAMILIES: &'static [Family] = &[
                $( Family {
                    name: $name,
                    kind: <$Type as Metric>::KIND,
                    labels: &[$($label),*],
                    help: $help,
                }, )*
            ];

            /// Creates and registers every metric.
            pub(super) fn register(registry: &Registry, tenant: Option<&str>) -> Result<Self> {
                let mut families = Self::FAMILIES.iter();
                $(
                    let Some(family) = families.next() else {
                        return Err(prometheus::Error::Msg($name.to_owned()));
                    };
                    let $field = Metric::register(registry, family, tenant)?;
                )*
                Ok(Self { $($field),* })
            }
        }
    };
}

pub(super) use metrics;
