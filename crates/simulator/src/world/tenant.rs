//! A tenant: its credentials, its pipelines, and the jobs added by tests.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use super::at;
use super::generated::{Incident, Pipeline};
use super::job::{Counts, Job, milliseconds};
use super::workflow::{WorkflowOutcome, WorkflowRun};

/// A tenant with its credentials and jobs.
#[derive(Clone, Debug)]
pub struct SimulatedTenant {
    pub(crate) name: Arc<str>,
    /// Long-lived tokens and their expiry.
    pub(crate) tokens: Vec<(String, Option<Timestamp>)>,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(super) pipelines: Vec<Pipeline>,
    added: BTreeMap<(i64, String), Job>,
    added_starts: HashMap<String, i64>,
    /// Runs of workflows added by tests, by id.
    added_workflow_runs: BTreeMap<String, WorkflowRun>,
    /// Whether the API key may read workflows.
    pub(crate) workflow_policy: bool,
}

/// The totals of a table and feed over a set of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedTotals {
    /// Finished runs by state.
    pub runs: BTreeMap<&'static str, u64>,
    /// Their rows.
    pub counts: Counts,
    /// The sum of their durations in milliseconds.
    pub duration_ms: u64,
}

/// The totals of a workflow over a set of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowTotals {
    /// Runs by the state in which they first ended.
    pub runs: BTreeMap<&'static str, u64>,
    /// Runs that failed, by attribution; `unknown` without one.
    pub failures: BTreeMap<&'static str, u64>,
}

impl SimulatedTenant {
    /// A tenant without jobs. The token is `token-of-NAME`, the client
    /// `client-of-NAME` with the secret `secret-of-NAME`.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        Self {
            tokens: vec![(format!("token-of-{name}"), None)],
            client_id: format!("client-of-{name}"),
            client_secret: format!("secret-of-{name}"),
            pipelines: Vec::new(),
            added: BTreeMap::new(),
            added_starts: HashMap::new(),
            added_workflow_runs: BTreeMap::new(),
            workflow_policy: true,
            name,
        }
    }

    /// Replaces the tokens by this one, which is valid until `expiry`.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>, expiry: Option<Timestamp>) -> Self {
        self.tokens = vec![(token.into(), expiry)];
        self
    }

    /// Replaces the OAuth2 client.
    #[must_use]
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.client_id = id.into();
        self.client_secret = secret.into();
        self
    }

    /// Adds a job or replaces the one with the same id.
    #[must_use]
    pub fn job(mut self, job: Job) -> Self {
        self.add(job);
        self
    }

    pub(crate) fn add(&mut self, job: Job) {
        let start = job.started.as_millisecond();
        if let Some(start) = self.added_starts.insert(job.id.clone(), start) {
            self.added.remove(&(start, job.id.clone()));
        }
        self.added.insert((start, job.id.clone()), job);
    }

    /// The runs that start in `window`, ordered by start and id.
    pub(crate) fn jobs(&self, window: Range<Timestamp>) -> Vec<Job> {
        let window = window.start.as_millisecond()..window.end.as_millisecond();
        if window.is_empty() {
            return Vec::new();
        }
        let bounds = (window.start, String::new())..(window.end, String::new());
        let mut jobs: Vec<Job> = self
            .added
            .range(bounds)
            .map(|(_, job)| job.clone())
            .collect();
        for pipeline in &self.pipelines {
            jobs.extend(pipeline.runs(window.clone()));
        }
        jobs.sort_unstable_by(|one, two| (one.started, &one.id).cmp(&(two.started, &two.id)));
        jobs
    }

    /// The run with this id, if it has started by `now`.
    pub(crate) fn find(&self, id: &str, now: Timestamp) -> Option<Job> {
        let start = match self.added_starts.get(id) {
            Some(start) => *start,
            None => start_in_id(id)?,
        };
        let second = at(start)..at(start.saturating_add(1000));
        let job = self.jobs(second).into_iter().find(|job| job.id == id)?;
        (job.started <= now).then_some(job)
    }

    /// Adds a run of a workflow or replaces the one with the same id.
    #[must_use]
    pub fn workflow_run(mut self, run: WorkflowRun) -> Self {
        self.add_workflow_run(run);
        self
    }

    pub(crate) fn add_workflow_run(&mut self, run: WorkflowRun) {
        self.added_workflow_runs.insert(run.id.clone(), run);
    }

    /// The runs of workflows that start in `window`, ordered by start and id.
    pub(crate) fn workflow_runs(&self, window: Range<Timestamp>) -> Vec<WorkflowRun> {
        let added = self.added_workflow_runs.values();
        let added = added.filter(|run| window.contains(&run.started));
        let mut runs: Vec<WorkflowRun> = added.cloned().collect();
        let window = window.start.as_millisecond()..window.end.as_millisecond();
        for pipeline in &self.pipelines {
            runs.extend(pipeline.workflow_runs(window.clone()));
        }
        runs.sort_unstable_by(|one, two| (one.started, &one.id).cmp(&(two.started, &two.id)));
        runs
    }

    /// The run of a workflow with this id, if it has started by `now`.
    pub(crate) fn find_workflow_run(&self, id: &str, now: Timestamp) -> Option<WorkflowRun> {
        let added = self.added_workflow_runs.get(id).cloned();
        let run = added.or_else(|| {
            let start = start_in_id(id)?;
            let second = start..start.saturating_add(1000);
            let pipelines = self.pipelines.iter();
            pipelines
                .flat_map(|pipeline| pipeline.workflow_runs_by_slot_start(second.clone()))
                .find(|run| run.id == id)
        });
        run.filter(|run| run.started <= now)
    }

    /// The totals, by name and type, of runs that ended by `now` and started in
    /// `started`.
    pub(crate) fn workflow_totals(
        &self,
        started: Range<Timestamp>,
        now: Timestamp,
    ) -> BTreeMap<(String, String), WorkflowTotals> {
        let mut totals: BTreeMap<(String, String), WorkflowTotals> = BTreeMap::new();
        let end = started.end.min(crate::just_after(now));
        for run in self.workflow_runs(started.start..end) {
            let Some(outcome) = run.first_end(now) else {
                continue;
            };
            let key = (run.name.clone(), run.workflow_type.clone());
            let totals = totals.entry(key).or_default();
            *totals.runs.entry(outcome.state()).or_default() += 1;
            if let WorkflowOutcome::Failed(error) = outcome {
                let attribution = error
                    .attribution
                    .map_or("unknown", |source| source.as_str());
                *totals.failures.entry(attribution).or_default() += 1;
            }
        }
        totals
    }

    /// The totals of tables that finished by `now`, of runs that started in
    /// `started`.
    pub(crate) fn feed_totals(
        &self,
        started: Range<Timestamp>,
        now: Timestamp,
    ) -> BTreeMap<(String, String), FeedTotals> {
        let mut tallies: BTreeMap<(String, String), FeedTotals> = BTreeMap::new();
        let end = started.end.min(crate::just_after(now));
        for job in self.jobs(started.start..end) {
            let elapsed = now.as_millisecond() - job.started.as_millisecond();
            let Ok(elapsed) = u64::try_from(elapsed) else {
                continue;
            };
            for table in job.tables {
                let progress = table.progress(elapsed);
                if progress.ended {
                    let feed_totals = tallies.entry((table.name, table.feed)).or_default();
                    *feed_totals.runs.entry(progress.state.as_str()).or_default() += 1;
                    feed_totals.counts.add(progress.counts);
                    let duration = milliseconds(table.duration);
                    feed_totals.duration_ms = feed_totals.duration_ms.saturating_add(duration);
                }
            }
        }
        tallies
    }

    /// Applies an incident to the next run of a feed's pipeline and returns
    /// the job's id; `None` if there is no such feed or no further run.
    pub(crate) fn schedule_incident(
        &mut self,
        feed: &str,
        incident: Incident,
        now: Timestamp,
    ) -> Option<String> {
        let pipeline = self.pipeline_of(feed)?;
        let slot = pipeline.next_slot(now.as_millisecond())?;
        let mut tables = pipeline.tables.iter();
        let table = tables.position(|(_, id, _)| id == feed)?;
        pipeline.scheduled.insert(slot, (incident, table));
        pipeline.run(slot).map(|job| job.id)
    }

    /// Stops runs of a feed's pipeline from starting. `false`: no such feed.
    pub(crate) fn pause_feed(&mut self, feed: &str, now: Timestamp) -> bool {
        let pipeline = self.pipeline_of(feed);
        let pause = now.as_millisecond()..i64::MAX;
        pipeline
            .map(|pipeline| pipeline.paused.push(pause))
            .is_some()
    }

    /// Reverses [`SimulatedTenant::pause_feed`]. `false`: no such feed.
    pub(crate) fn resume_feed(&mut self, feed: &str, now: Timestamp) -> bool {
        let Some(pipeline) = self.pipeline_of(feed) else {
            return false;
        };
        for pause in &mut pipeline.paused {
            pause.end = pause.end.min(now.as_millisecond());
        }
        true
    }

    /// Table names and feed ids, in the order of the pipelines.
    pub(crate) fn feeds(&self) -> impl Iterator<Item = (&str, &str)> {
        let tables = self.pipelines.iter().flat_map(|pipeline| &pipeline.tables);
        tables.map(|(table, feed, _)| (table.as_str(), feed.as_str()))
    }

    fn pipeline_of(&mut self, feed: &str) -> Option<&mut Pipeline> {
        self.pipelines
            .iter_mut()
            .find(|pipeline| pipeline.tables.iter().any(|(_, id, _)| id == feed))
    }
}

impl Counts {
    fn add(&mut self, other: Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.read, other.read);
        add(&mut self.rows.inserted, other.rows.inserted);
        add(&mut self.rows.updated, other.rows.updated);
        add(&mut self.rows.rejected, other.rows.rejected);
        add(&mut self.rows.errors, other.rows.errors);
    }
}

/// The second in which a generated job, or the slot of a generated workflow,
/// started, in milliseconds since the epoch.
fn start_in_id(id: &str) -> Option<i64> {
    let id = id.strip_prefix("isj-").or_else(|| id.strip_prefix("wf-"))?;
    let mut parts = id.split('-');
    let day = jiff::civil::Date::strptime("%Y%m%d", parts.next()?).ok()?;
    let second: i64 = parts
        .next()?
        .parse()
        .ok()
        .filter(|second| (0..86_400).contains(second))?;
    let midnight = jiff::tz::Offset::UTC
        .to_timestamp(day.at(0, 0, 0, 0))
        .ok()?;
    midnight.as_millisecond().checked_add(second * 1000)
}
