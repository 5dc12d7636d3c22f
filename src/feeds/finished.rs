//! The keys of a feed's finished runs, by which a run is counted once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

/// What a key takes in memory besides its text.
const OVERHEAD: usize = 64;

/// The jobs of a feed's finished runs, by the day the run ended: a time is
/// needed only to drop them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct FinishedJobs {
    days: BTreeMap<Date, BTreeSet<Arc<str>>>,
    bytes: usize,
}

impl FinishedJobs {
    /// The day a job is filed under; `likely` is looked at first.
    pub(super) fn day_of(&self, job: &str, likely: Date) -> Option<Date> {
        let holds_it = |jobs: &BTreeSet<Arc<str>>| jobs.contains(job);
        if self.days.get(&likely).is_some_and(holds_it) {
            return Some(likely);
        }
        let mut days = self.days.iter();
        days.find_map(|(day, jobs)| holds_it(jobs).then_some(*day))
    }

    pub(super) fn insert(&mut self, day: Date, job: &Arc<str>) {
        if self.days.entry(day).or_default().insert(Arc::clone(job)) {
            self.bytes += bytes_of(job);
        }
    }

    pub(super) fn remove(&mut self, day: Date, job: &str) {
        let Some(jobs) = self.days.get_mut(&day) else {
            return;
        };
        if jobs.remove(job) {
            self.bytes -= bytes_of(job);
        }
        if jobs.is_empty() {
            self.days.remove(&day);
        }
    }

    /// Drops the jobs of earlier days, and returns them.
    pub(super) fn drop_before(&mut self, day: Date) -> impl Iterator<Item = Arc<str>> + use<> {
        let kept = self.days.split_off(&day);
        let dropped = std::mem::replace(&mut self.days, kept);
        for jobs in dropped.values() {
            self.bytes -= bytes_of_all(jobs);
        }
        dropped.into_values().flatten()
    }

    pub(super) fn first_day(&self) -> Option<Date> {
        self.days.first_key_value().map(|(day, _)| *day)
    }

    /// All jobs, with their days.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Date, &Arc<str>)> {
        let days = self.days.iter();
        days.flat_map(|(day, jobs)| jobs.iter().map(move |job| (*day, job)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// About what they take in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The same, of each day.
    pub(super) fn bytes_by_day(&self) -> impl Iterator<Item = (Date, usize)> {
        let days = self.days.iter();
        days.map(|(day, jobs)| (*day, bytes_of_all(jobs)))
    }
}

fn bytes_of(job: &str) -> usize {
    job.len() + OVERHEAD
}

fn bytes_of_all(jobs: &BTreeSet<Arc<str>>) -> usize {
    jobs.iter().map(|job| bytes_of(job)).sum()
}
