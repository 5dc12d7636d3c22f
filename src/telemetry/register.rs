//! Makes metrics of the `prometheus` crate from their descriptions.

use prometheus::core::Collector;
use prometheus::{
    CounterVec, Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, Result,
};

use super::families::Family;

/// Upper bounds in seconds. The API answers in tenths of a second to some
/// seconds; the default of `api.timeout` is 30 s.
const BUCKETS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Makes a metric from its description and registers it.
pub(super) trait Register {
    fn add<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C>;

    fn counter(&self, family: &Family) -> Result<IntCounter> {
        self.add(IntCounter::with_opts(options(family))?)
    }

    fn counters(&self, family: &Family) -> Result<IntCounterVec> {
        self.add(IntCounterVec::new(options(family), family.labels)?)
    }

    fn float_counters(&self, family: &Family) -> Result<CounterVec> {
        self.add(CounterVec::new(options(family), family.labels)?)
    }

    fn gauge(&self, family: &Family) -> Result<IntGauge> {
        self.add(IntGauge::with_opts(options(family))?)
    }

    fn float_gauge(&self, family: &Family) -> Result<Gauge> {
        self.add(Gauge::with_opts(options(family))?)
    }

    fn histograms(&self, family: &Family) -> Result<HistogramVec> {
        let options = HistogramOpts::from(options(family)).buckets(BUCKETS.into());
        self.add(HistogramVec::new(options, family.labels)?)
    }

    fn build_info(&self, family: &Family) -> Result<()> {
        let info = self.add(IntGaugeVec::new(options(family), family.labels)?)?;
        let version = env!("CARGO_PKG_VERSION");
        let revision = env!("AMPERITY_EXPORTER_REVISION");
        let compiler = env!("AMPERITY_EXPORTER_RUSTVERSION");
        info.get_metric_with_label_values(&[version, revision, compiler])?
            .set(1);
        Ok(())
    }

    fn process(&self) -> Result<()> {
        #[cfg(target_os = "linux")]
        self.add(super::process::Process::new())?;
        Ok(())
    }
}

impl Register for Registry {
    fn add<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C> {
        self.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

fn options(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}
