//! What the refreshes of one tenant have learned about its jobs. Pure: answers
//! go in with the time they came, what is on the page comes out.
//!
//! `limits.jobs` bounds what is kept: of discovered jobs the newest. The others
//! are counted, and the feeds take them in all the same.
//!
//! [`super::plan`] reads it to decide what to request next.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::discovery::Window;
use crate::clock::before;
use crate::config;
use crate::jobs::Job;
use crate::telemetry::Reason;

mod entry;

pub(super) use entry::Entry;

/// Table entries on the page, of all its jobs: about a million series. Jobs
/// beyond it are left out like those over `limits.jobs`.
const MAX_TABLES: usize = 50_000;

/// The jobs of one tenant, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownJobs {
    jobs: BTreeMap<Arc<str>, Entry>,
    /// `limits.jobs`
    limit: usize,
    left_out: LeftOut,
}

/// Listed jobs that are not kept because of `limits.jobs`.
#[derive(Clone, Copy, Debug, Default)]
struct LeftOut {
    /// How many, as far as lists showed them. A full window counts anew.
    jobs: usize,
    /// The start of the oldest unfinished one of the last list.
    oldest_unfinished: Option<Timestamp>,
}

/// The jobs for the page.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Selection {
    /// Ordered by id.
    pub(super) jobs: Vec<Arc<Job>>,
    /// How many were left out.
    pub(super) dropped: usize,
}

impl KnownJobs {
    /// Takes over new settings: new ids are to be requested, former ones stay
    /// only if discovery finds them.
    pub(super) fn configure(&mut self, tenant: &config::Tenant) {
        self.limit = tenant.max_jobs;
        for entry in self.jobs.values_mut() {
            entry.configured = false;
        }
        for id in &tenant.jobs {
            self.jobs.entry(Arc::clone(id)).or_default().configured = true;
        }
        let discovery = tenant.discovery.is_some();
        self.jobs
            .retain(|_, entry| entry.configured || (discovery && entry.is_expected()));
        self.left_out = LeftOut::default();
        self.enforce_limit();
    }

    /// Adds jobs to be requested until their end is known.
    pub(super) fn follow(&mut self, ids: impl IntoIterator<Item = Arc<str>>) {
        for id in ids {
            self.jobs.entry(id).or_default().followed = true;
        }
        self.enforce_limit();
    }

    /// Notes that a full window is listed from now on.
    pub(super) fn full_list_begins(&mut self) {
        self.left_out.jobs = 0;
    }

    /// Notes the answer to a list, and returns its jobs. A finished job that
    /// should be in the list and is not has vanished; an unfinished one is
    /// requested by its id before it is dropped.
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
        let pushed_out = self.enforce_limit();
        self.count_left_out(window, &listed, pushed_out);
        listed
    }

    /// Notes the answer to a request for one job.
    pub(super) fn fetched(&mut self, job: Job, now: Timestamp) -> Arc<Job> {
        let id = Arc::clone(&job.id);
        self.jobs.entry(id).or_default().answered(job, now)
    }

    /// Notes that a request for one job failed. What is known of a job that the
    /// API does not know (any more) is dropped: returns whether that is so.
    pub(super) fn failed(&mut self, id: &str, reason: Reason, now: Timestamp) -> bool {
        let Some(entry) = self.jobs.get_mut(id) else {
            return false;
        };
        entry.requested_at = Some(now);
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

    /// The jobs for the page: configured ones, then the newest, as many as
    /// `limits.jobs` and their tables allow. One that could not be fetched since
    /// `stale_before` is not among them.
    pub(super) fn select(&self, stale_before: Timestamp) -> Selection {
        let is_stale = |entry: &Entry| entry.failing_since.is_some_and(|at| at < stale_before);
        let mut candidates: Vec<(&Entry, &Arc<Job>)> = self
            .jobs
            .values()
            .filter(|entry| !is_stale(entry))
            .filter_map(|entry| entry.job.as_ref().map(|job| (entry, job)))
            .collect();
        let known = candidates.len();
        let tables: usize = candidates.iter().map(|(_, job)| job.tables.len()).sum();
        if known > self.limit || tables > MAX_TABLES {
            candidates.sort_by_cached_key(|(entry, job)| {
                std::cmp::Reverse((entry.configured, entry.start(), Arc::clone(&job.id)))
            });
            candidates.truncate(self.limit);
            let mut room = MAX_TABLES;
            candidates.retain(|(_, job)| match room.checked_sub(job.tables.len()) {
                Some(left) => {
                    room = left;
                    true
                }
                None => false,
            });
        }
        let dropped = known - candidates.len() + self.left_out.jobs;
        let mut jobs: Vec<Arc<Job>> = candidates
            .into_iter()
            .map(|(_, job)| Arc::clone(job))
            .collect();
        jobs.sort_by(|one, two| one.id.cmp(&two.id));
        Selection { jobs, dropped }
    }

    /// Every job there was an answer about.
    pub(super) fn answered(&self) -> Vec<Arc<Job>> {
        let jobs = self.jobs.values();
        jobs.filter_map(|entry| entry.job.clone()).collect()
    }

    /// All entries, ordered by id.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
        self.jobs.iter()
    }

    /// Whether a job of this id is kept.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.jobs.contains_key(id)
    }

    /// The start of the oldest job that is unfinished or may be retried, of
    /// those that started at `since` or later.
    pub(super) fn oldest_open(&self, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let known = self.jobs.values().filter_map(|entry| entry.open_start(now));
        let starts = known.chain(self.left_out.oldest_unfinished);
        starts.filter(|start| *start >= since).min()
    }

    /// Whether no job was ever answered.
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.values().all(|entry| entry.job.is_none())
    }

    /// Whether the last request for each job failed.
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

    /// The configured jobs whose last request failed.
    pub(super) fn failing(&self) -> Vec<Arc<str>> {
        let configured = self.jobs.iter().filter(|(_, entry)| entry.configured);
        configured
            .filter(|(_, entry)| entry.failure.is_some())
            .map(|(id, _)| Arc::clone(id))
            .collect()
    }

    /// The merged table entries of a job when it was last seen.
    pub(super) fn merged(&self, id: &str) -> u64 {
        let entry = self.jobs.get(id);
        entry
            .and_then(|entry| entry.job.as_ref())
            .map_or(0, |job| job.merged)
    }

    /// Drops the oldest discovered jobs over the limit; returns how many.
    /// Configured ones stay: the configuration bounds their number.
    fn enforce_limit(&mut self) -> usize {
        let discovered = self.jobs.values().filter(|entry| !entry.configured).count();
        let configured = self.jobs.len() - discovered;
        let Some(excess) = self.jobs.len().checked_sub(self.limit.max(configured)) else {
            return 0;
        };
        if excess == 0 {
            return 0;
        }
        let mut starts: Vec<(Option<Timestamp>, Arc<str>)> = self
            .jobs
            .iter()
            .filter(|(_, entry)| !entry.configured)
            .map(|(id, entry)| (entry.start(), Arc::clone(id)))
            .collect();
        starts.sort_unstable();
        for (_, id) in &starts[..excess] {
            self.jobs.remove(id);
        }
        excess
    }

    /// Counts what a list showed and the limit left out. Of a full window each
    /// piece adds its own; a recent list shows again what was counted before,
    /// but for known jobs that newer ones have just replaced.
    fn count_left_out(&mut self, window: Window, listed: &[Arc<Job>], dropped: usize) {
        let mut not_kept = 0;
        let mut oldest: Option<Timestamp> = self.left_out.oldest_unfinished;
        oldest = oldest.filter(|start| !window.contains(*start));
        for job in listed {
            if self.jobs.contains_key(&job.id) {
                continue;
            }
            not_kept += 1;
            let start = job.started_at().filter(|_| !job.is_finished());
            oldest = oldest.into_iter().chain(start).min();
        }
        let replaced = dropped.saturating_sub(not_kept);
        self.left_out = LeftOut {
            jobs: if window.full {
                self.left_out.jobs + not_kept
            } else {
                (self.left_out.jobs + replaced).max(not_kept)
            },
            oldest_unfinished: oldest,
        };
    }
}
