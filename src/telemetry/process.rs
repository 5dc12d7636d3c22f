//! The process metrics every exporter has, read from `/proc` by the
//! `prometheus` crate.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use tokio::time::Instant;

use super::PROCESS_FAMILIES;
use super::lock;

/// Counting open files costs more than the rest of a scrape, so a reading is
/// reused for this long.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The crate's collector with this project's HELP texts.
#[derive(Clone, Debug)]
pub(super) struct ProcessMetrics {
    collector: Arc<ProcessCollector>,
    last: Arc<Mutex<Option<Reading>>>,
}

#[derive(Debug)]
struct Reading {
    at: Instant,
    families: Vec<MetricFamily>,
}

impl ProcessMetrics {
    pub(super) fn new() -> Self {
        Self {
            collector: Arc::new(ProcessCollector::for_self()),
            last: Arc::default(),
        }
    }
}

impl Collector for ProcessMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.collector.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut last = lock(&self.last);
        if let Some(reading) = &*last
            && reading.at.elapsed() < MAX_AGE
        {
            return reading.families.clone();
        }
        let mut families = self.collector.collect();
        for family in &mut families {
            let described = PROCESS_FAMILIES
                .iter()
                .find(|described| described.name == family.name());
            if let Some(described) = described {
                family.set_help(described.help.to_owned());
            }
        }
        *last = Some(Reading {
            at: Instant::now(),
            families: families.clone(),
        });
        families
    }
}
