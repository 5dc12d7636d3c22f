//! What the refreshes of one tenant know about its workflows, and what to
//! request next. Pure.
//!
//! A refresh lists the runs created since the last list, with an overlap, or
//! since the oldest open run if that is not long ago. Older open runs, and runs
//! that did not succeed and may be retried, are requested by id. Once an hour
//! the runs that ended since the last hour are listed, which shows retries of
//! older runs.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::discovery::{Discovery, Window};
use super::expectations::FeedExpectations;
use super::remembered::Remembered;
use crate::amperity::{WorkflowTime, WorkflowWindow};
use crate::clock::{after, before};
use crate::config::{MAX_WINDOW, WorkflowTypes};
use crate::feeds::{Feed, RunHistory};
use crate::jobs::{Job, State, WorkflowFailure};
use crate::telemetry::Reason;

/// How far a list overlaps the one before it, for runs that appear late.
const OVERLAP: Duration = Duration::from_mins(10);
/// How far a list reaches into the future, for clocks that differ a little.
const AHEAD: Duration = Duration::from_mins(1);
/// Open runs that began earlier are requested by id: the list back to them
/// would be longer than their answers.
const LISTED_OPEN: Duration = Duration::from_hours(1);
/// Time between two lists of the runs that have ended.
const ENDED_INTERVAL: Duration = Duration::from_hours(1);
/// For this long after its end a run that did not succeed is watched, for
/// people retry such runs.
const RETRY_WATCH: Duration = Duration::from_hours(2);
/// Time between two requests for such a run.
const RETRY_RECHECK: Duration = Duration::from_mins(5);
/// Runs requested by id in one refresh.
const MAX_BY_ID: usize = 8;
/// The first list is requested in pieces of this length.
const PIECE: Duration = Duration::from_hours(24);
/// The longest time between two attempts while requests fail.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// The workflows of one tenant, as far as they are known.
#[derive(Debug)]
pub(crate) struct Workflows {
    pub(crate) history: RunHistory,
    pub(crate) expectations: FeedExpectations,
    pub(super) discovery: Discovery,
    /// Runs that the history has not seen yet, of all types.
    pub(super) unobserved: Vec<Job>,
    /// The names of workflows by the ids of their runs.
    names: Remembered<Arc<str>>,
    /// The errors of failed runs that had to be requested by id.
    errors: Remembered<Arc<WorkflowFailure>>,
    /// Finished runs that may be retried, and when they ended.
    watched: BTreeMap<Arc<str>, Timestamp>,
    /// When open runs were last requested by id, and watched ones last answered.
    requested: BTreeMap<Arc<str>, Timestamp>,
    /// The end of the last list of runs that have ended.
    ended_to: Option<Timestamp>,
    /// Refreshes in a row whose requests failed.
    failures: u32,
    retry_at: Option<Timestamp>,
}

impl Workflows {
    pub(crate) fn new(history: RunHistory) -> Self {
        let mut names = Remembered::default();
        for workflow in history.feeds() {
            for run in &*workflow.recent_runs {
                names.insert(Arc::clone(&run.job), Arc::clone(&workflow.table));
            }
        }
        Self {
            history,
            expectations: FeedExpectations::default(),
            discovery: Discovery::in_pieces(PIECE),
            unobserved: Vec::new(),
            names,
            errors: Remembered::default(),
            watched: BTreeMap::new(),
            requested: BTreeMap::new(),
            ended_to: None,
            failures: 0,
            retry_at: None,
        }
    }

    /// Lists everything again, as after a change of the settings.
    pub(super) fn start_over(&mut self) {
        self.discovery = Discovery::in_pieces(PIECE);
        self.ended_to = None;
        self.failures = 0;
        self.retry_at = None;
    }

    /// Whether requests may be made: after a failure they pause.
    pub(super) fn may_request(&self, now: Timestamp) -> bool {
        // A clock that was set back must not make the pause longer.
        let paused = |until: Timestamp| now < until && before(until, LONGEST_PAUSE) <= now;
        !self.retry_at.is_some_and(paused)
    }

    /// Notes how the requests of a refresh ended.
    pub(super) fn concluded(&mut self, failure: Option<Reason>, now: Timestamp) {
        let Some(reason) = failure else {
            self.failures = 0;
            self.retry_at = None;
            return;
        };
        let pause = match reason {
            // A single failure may be that of a proxy.
            _ if self.failures == 0 => Duration::ZERO,
            // Until somebody changes the key or the configuration.
            Reason::Forbidden | Reason::NotFound | Reason::BadRequest => LONGEST_PAUSE,
            _ => Duration::from_mins(1 << self.failures.min(4)).min(LONGEST_PAUSE),
        };
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(after(now, pause));
    }

    /// Adds the window to list next to what is to be listed.
    pub(super) fn plan_list(&mut self, now: Timestamp) {
        let to = after(now, AHEAD);
        let earliest = before(to, MAX_WINDOW);
        let latest = before(now, OVERLAP);
        let full = self.discovery.listed_to.is_none();
        let wanted = match self.discovery.listed_to {
            Some(listed_to) => before(listed_to, AHEAD + OVERLAP),
            None => earliest,
        };
        let listed_open = before(now, LISTED_OPEN);
        let open = self.history.open_runs().map(|(_, begun)| begun);
        let oldest = open.filter(|begun| *begun >= listed_open).min();
        let from = wanted.min(oldest.unwrap_or(wanted));
        let from = from.clamp(earliest, latest);
        self.discovery.add(Window { from, to, full });
    }

    /// The window of ends to list, if it is time.
    pub(super) fn ended_window(&mut self, now: Timestamp) -> Option<WorkflowWindow> {
        // What ended before the first list is in it.
        let last = *self.ended_to.get_or_insert(now);
        let is_due = before(now, ENDED_INTERVAL) >= last || last > after(now, AHEAD);
        is_due.then(|| WorkflowWindow {
            time: WorkflowTime::Ended,
            from: before(last, OVERLAP).max(before(now, MAX_WINDOW)),
            to: after(now, AHEAD),
        })
    }

    pub(super) fn ended_listed(&mut self, now: Timestamp) {
        self.ended_to = Some(now);
    }

    /// The runs to request by id after the lists showed those in `seen`, those
    /// requested longest ago first.
    pub(super) fn due(&self, seen: &HashSet<Arc<str>>, now: Timestamp) -> Vec<Arc<str>> {
        let open = self.history.open_runs().map(|(id, _)| (id, Duration::ZERO));
        let watched = self.watched.keys().map(|id| (id, RETRY_RECHECK));
        let mut due: Vec<(Option<Timestamp>, &Arc<str>)> = open
            .chain(watched)
            .filter(|(id, _)| !seen.contains(*id))
            .map(|(id, pause)| (self.requested.get(id).copied(), id, pause))
            .filter(|(requested, _, pause)| {
                requested.is_none_or(|requested| after(requested, *pause) <= now || requested > now)
            })
            .map(|(requested, id, _)| (requested, id))
            .collect();
        due.sort_unstable();
        due.dedup();
        due.into_iter()
            .take(MAX_BY_ID)
            .map(|(_, id)| Arc::clone(id))
            .collect()
    }

    /// Notes that a run was requested by id.
    pub(super) fn requested(&mut self, id: &Arc<str>, now: Timestamp) {
        self.requested.insert(Arc::clone(id), now);
    }

    /// Forgets a run that the API does not know any more.
    pub(super) fn gone(&mut self, id: &str) {
        self.history.gone(id);
        self.watched.remove(id);
    }

    /// Failed runs of these types without an error, which the list may leave
    /// out, to be requested by id. Those requested before get the error from
    /// then.
    pub(super) fn unexplained(
        &self,
        runs: &mut [Job],
        types: &WorkflowTypes,
        now: Timestamp,
    ) -> Vec<Arc<str>> {
        let ended_from = Some(before(now, RETRY_WATCH));
        let mut unexplained = Vec::new();
        for run in runs {
            let (Some(failure), Some(table)) = (&mut run.failure, run.tables.first()) else {
                continue;
            };
            if !failure.is_unexplained() || !types.include(&table.feed) {
                continue;
            }
            if let Some(known) = self.errors.get(&run.id) {
                *failure = Arc::clone(known);
            } else if table.ended_at >= ended_from
                && unexplained.len() < MAX_BY_ID
                && !unexplained.contains(&run.id)
            {
                unexplained.push(Arc::clone(&run.id));
            }
        }
        unexplained
    }

    /// Notes the error of a run that was requested by id.
    pub(super) fn explained(&mut self, run: &Job) {
        if let Some(failure) = &run.failure {
            self.errors.insert(Arc::clone(&run.id), Arc::clone(failure));
        } else {
            self.errors.remove(&run.id);
        }
    }

    /// Takes in answers about runs of any type. Returns those that have failed
    /// since the last list.
    pub(crate) fn answered(
        &mut self,
        runs: Vec<Job>,
        types: &WorkflowTypes,
        now: Timestamp,
    ) -> Vec<Job> {
        let mut failed = Vec::new();
        for run in runs {
            let Some(table) = run.tables.first() else {
                continue;
            };
            self.names
                .insert(Arc::clone(&run.id), Arc::clone(&table.table));
            if !types.include(&table.feed) {
                continue;
            }
            let unsuccessful = matches!(
                table.state,
                Some(State::Failed | State::Stopped | State::Canceled)
            );
            match table.ended_at.filter(|_| unsuccessful) {
                Some(ended_at) if ended_at >= before(now, RETRY_WATCH) => {
                    let known = self.watched.insert(Arc::clone(&run.id), ended_at);
                    self.requested.insert(Arc::clone(&run.id), now);
                    // The first list shows what failed before the start.
                    if known != Some(ended_at) && self.discovery.listed_to.is_some() {
                        failed.push(run.clone());
                    }
                }
                _ => {
                    self.watched.remove(&run.id);
                }
            }
            self.unobserved.push(run);
        }
        failed.retain(|run| run.failure.is_some());
        failed
    }

    /// Enters the answers in the history. `complete` says whether all runs that
    /// may have changed are among them. Returns how many workflows had no run
    /// since `forget_before` and are forgotten.
    pub(crate) fn update_history(
        &mut self,
        complete: bool,
        now: Timestamp,
        stale_after: Duration,
        forget_before: Timestamp,
    ) -> usize {
        let runs = std::mem::take(&mut self.unobserved);
        if complete {
            let covered_until = self.history.covered_until();
            self.expectations.observe(covered_until, now, stale_after);
            self.history.observe(&runs, now);
        } else {
            self.history.observe_part(&runs, now);
        }
        self.expire(now);
        self.history.forget(forget_before)
    }

    /// Drops what is not needed any more.
    fn expire(&mut self, now: Timestamp) {
        let watched_from = before(now, RETRY_WATCH);
        self.watched.retain(|_, ended_at| *ended_at >= watched_from);
        let open: HashSet<&Arc<str>> = self.history.open_runs().map(|(id, _)| id).collect();
        let watched = &self.watched;
        self.requested
            .retain(|id, _| watched.contains_key(id) || open.contains(id));
    }

    /// The names of the workflows that jobs and feeds refer to, by the ids of
    /// their runs.
    pub(crate) fn names(&self, jobs: &[Arc<Job>], feeds: &[Feed]) -> BTreeMap<Arc<str>, Arc<str>> {
        let of_jobs = jobs.iter().filter_map(|job| job.workflow_id.as_ref());
        let last_runs = feeds.iter().filter_map(|feed| feed.last_run.as_ref());
        let of_feeds = last_runs.filter_map(|run| run.workflow_id.as_ref());
        of_jobs
            .chain(of_feeds)
            .filter_map(|id| Some((Arc::clone(id), self.names.get(id)?.clone())))
            .collect()
    }

    /// The workflows for the page, ordered by name and type.
    pub(crate) fn shown(
        &mut self,
        types: &WorkflowTypes,
        now: Timestamp,
        stale_after: Duration,
    ) -> Vec<Feed> {
        let mut workflows = self.history.feeds();
        // What is not shown keeps what was learned, for when it is again.
        self.expectations
            .add_to(&mut workflows, &[], now, stale_after);
        workflows.retain(|workflow| types.include(&workflow.feed));
        workflows
    }
}
