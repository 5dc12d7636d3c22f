//! What the refreshes of one tenant have learned of its jobs. Pure: answers
//! go in with the time they came, what is on the page comes out.
//!
//! [`super::plan`] reads it to decide what to ask next.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::before;
use crate::config;
use crate::jobs::Job;
use crate::telemetry::Reason;

/// Table entries on the page, of all its jobs: about a million series. Jobs
/// that have more of them than that are left out like those over `limits.jobs`.
const MAX_TABLES: usize = 50_000;

/// A window to list: from (inclusive) to (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Whether it covers all of the configured window.
    pub(super) full: bool,
}

impl Window {
    pub(super) fn contains(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.to
    }
}

/// The jobs of one tenant, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) jobs: BTreeMap<Arc<str>, Entry>,
    /// The window of the last list that was answered.
    pub(super) last_list: Option<Window>,
    /// When the last list of a full window was answered.
    pub(super) last_full: Option<Timestamp>,
    /// The longest window to list at once, where longer ones were too much.
    pub(super) piece: Option<Duration>,
}

/// One job.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// The last good answer.
    pub(super) job: Option<Arc<Job>>,
    /// Whether the configuration names it.
    pub(super) configured: bool,
    /// Whether it was unfinished when the exporter last stopped, and is asked
    /// for until its end is known.
    pub(super) followed: bool,
    /// When it was first heard of.
    first_seen: Option<Timestamp>,
    /// When it was last asked for, successfully or not.
    pub(super) asked_at: Option<Timestamp>,
    /// Why the last question failed.
    pub(super) failure: Option<Reason>,
    /// When the first one failed since the last good answer.
    failing_since: Option<Timestamp>,
}

impl Entry {
    /// Whether it is finished and the last question about it was answered.
    pub(super) fn is_settled(&self) -> bool {
        self.failure.is_none() && self.job.as_ref().is_some_and(|job| job.is_finished())
    }

    /// Whether it is known, or will be once it was asked for.
    fn is_expected(&self) -> bool {
        self.job.is_some() || self.configured || self.followed
    }

    /// The time by which it is as old as it is: the end of a job that has
    /// ended, the start of one that runs. Where there is none that can be
    /// believed, when it was first heard of.
    fn dated(&self, now: Timestamp) -> Option<Timestamp> {
        let job = self.job.as_ref()?;
        let told = job.ended_at().or(job.started_at());
        told.filter(|told| *told <= now).or(self.first_seen)
    }

    fn answered(&mut self, job: Job, now: Timestamp) -> Arc<Job> {
        self.first_seen.get_or_insert(now);
        self.asked_at = Some(now);
        self.failure = None;
        self.failing_since = None;
        match &self.job {
            // The same allocation says that nothing changed.
            Some(known) if **known == job => Arc::clone(known),
            _ => Arc::clone(self.job.insert(Arc::new(job))),
        }
    }
}

/// The jobs for the page.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Selection {
    /// Ordered by id.
    pub(super) jobs: Vec<Arc<Job>>,
    /// How many the limit left out.
    pub(super) dropped: usize,
}

impl Known {
    /// Takes over the configured ids: new ones are to be asked for, former
    /// ones stay only as far as discovery finds them.
    pub(super) fn configure(&mut self, tenant: &config::Tenant) {
        for entry in self.jobs.values_mut() {
            entry.configured = false;
        }
        for id in &tenant.jobs {
            self.jobs.entry(Arc::clone(id)).or_default().configured = true;
        }
        let discovery = tenant.discovery.is_some();
        self.jobs
            .retain(|_, entry| entry.configured || (discovery && entry.is_expected()));
        // Discovery begins anew: a longer window has more to find.
        self.last_list = None;
        self.last_full = None;
        self.piece = None;
    }

    /// Takes over jobs to be asked for until their end is known.
    pub(super) fn follow(&mut self, ids: impl IntoIterator<Item = Arc<str>>) {
        for id in ids {
            self.jobs.entry(id).or_default().followed = true;
        }
    }

    /// Notes the answer to a list. A discovered job that should be in it and
    /// is not has vanished, unless it is unfinished: that one is asked for by
    /// its id before it is given up.
    pub(super) fn listed(
        &mut self,
        window: Window,
        jobs: Vec<Job>,
        complete: bool,
        now: Timestamp,
    ) -> Vec<Arc<Job>> {
        let listed: Vec<Arc<Job>> = jobs
            .into_iter()
            .map(|job| {
                let id = Arc::clone(&job.id);
                self.jobs.entry(id).or_default().answered(job, now)
            })
            .collect();
        if complete {
            let ids: HashSet<&str> = listed.iter().map(|job| &*job.id).collect();
            self.jobs.retain(|id, entry| {
                let expected = |job: &Arc<Job>| {
                    job.is_finished()
                        && job.started_at().is_some_and(|start| window.contains(start))
                };
                entry.configured || ids.contains(&**id) || !entry.job.as_ref().is_some_and(expected)
            });
        }
        if window.full {
            self.last_full = Some(now);
        }
        self.last_list = Some(window);
        listed
    }

    /// Notes the answer to a question for one job.
    pub(super) fn fetched(&mut self, job: Job, now: Timestamp) -> Arc<Job> {
        let id = Arc::clone(&job.id);
        self.jobs.entry(id).or_default().answered(job, now)
    }

    /// Notes that a question for one job failed. What is known of a job that
    /// the API does not know (any more) is dropped: returns whether that is so.
    pub(super) fn failed(&mut self, id: &str, reason: Reason, now: Timestamp) -> bool {
        let Some(entry) = self.jobs.get_mut(id) else {
            return false;
        };
        entry.asked_at = Some(now);
        entry.failure = Some(reason);
        entry.failing_since.get_or_insert(now);
        if reason != Reason::NotFound {
            return false;
        }
        if entry.configured {
            entry.job = None;
        } else {
            self.jobs.remove(id);
        }
        true
    }

    /// Drops discovered jobs that have left the window: those that ended
    /// before it, and those that have not begun since. Running ones stay.
    pub(super) fn expire(&mut self, tenant: &config::Tenant, now: Timestamp) {
        let horizon = before(now, tenant.discovery.unwrap_or_default());
        self.jobs.retain(|_, entry| {
            let Some(job) = &entry.job else {
                return entry.is_expected();
            };
            let runs = !job.is_finished() && job.started_at().is_some();
            let is_recent = entry.dated(now).is_some_and(|dated| dated >= horizon);
            entry.configured || runs || is_recent
        });
    }

    /// The jobs for the page: configured ones, then the newest, `limit` at most
    /// and as many as their tables have room for.
    /// One that could not be had since `stale_before` is not among them.
    pub(super) fn select(&self, limit: usize, stale_before: Timestamp) -> Selection {
        let is_stale = |entry: &Entry| entry.failing_since.is_some_and(|at| at < stale_before);
        let mut candidates: Vec<(&Entry, &Arc<Job>)> = self
            .jobs
            .values()
            .filter(|entry| !is_stale(entry))
            .filter_map(|entry| entry.job.as_ref().map(|job| (entry, job)))
            .collect();
        let known = candidates.len();
        let tables: usize = candidates.iter().map(|(_, job)| job.tables.len()).sum();
        if known > limit || tables > MAX_TABLES {
            candidates.sort_by_cached_key(|(entry, job)| {
                let start = job.started_at().or(entry.first_seen);
                std::cmp::Reverse((entry.configured, start, Arc::clone(&job.id)))
            });
            candidates.truncate(limit);
            let mut room = MAX_TABLES;
            candidates.retain(|(_, job)| match room.checked_sub(job.tables.len()) {
                Some(left) => {
                    room = left;
                    true
                }
                None => false,
            });
        }
        let dropped = known - candidates.len();
        let mut jobs: Vec<Arc<Job>> = candidates
            .into_iter()
            .map(|(_, job)| Arc::clone(job))
            .collect();
        jobs.sort_by(|one, two| one.id.cmp(&two.id));
        Selection { jobs, dropped }
    }

    /// Every job there was an answer about.
    pub(super) fn found(&self) -> Vec<Arc<Job>> {
        let jobs = self.jobs.values();
        jobs.filter_map(|entry| entry.job.clone()).collect()
    }

    /// Whether no job was ever answered.
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.values().all(|entry| entry.job.is_none())
    }

    /// Whether the last question about each job failed.
    pub(super) fn all_fail(&self) -> bool {
        self.jobs.values().all(|entry| entry.failure.is_some())
    }

    /// Each configured job, and whether its last fetch succeeded.
    pub(super) fn configured(&self) -> Vec<(Arc<str>, bool)> {
        self.jobs
            .iter()
            .filter(|(_, entry)| entry.configured)
            .map(|(id, entry)| {
                (
                    Arc::clone(id),
                    entry.failure.is_none() && entry.job.is_some(),
                )
            })
            .collect()
    }

    /// The merged table entries of a job the last time it was seen.
    pub(super) fn merged(&self, id: &str) -> u64 {
        let entry = self.jobs.get(id);
        entry
            .and_then(|entry| entry.job.as_ref())
            .map_or(0, |job| job.merged)
    }
}
