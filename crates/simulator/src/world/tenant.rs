//! One tenant of the world: who may ask for it, which pipelines load it, and
//! which runs a test wrote by hand.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use super::at;
use super::generated::{Incident, Pipeline};
use super::job::{Counts, Job, milliseconds};

/// A tenant and how to get in.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub(crate) name: Arc<str>,
    /// Tokens made by hand, with their ends.
    pub(crate) tokens: Vec<(String, Option<Timestamp>)>,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(super) pipelines: Vec<Pipeline>,
    written: BTreeMap<(i64, String), Job>,
    written_starts: HashMap<String, i64>,
}

/// What a table and feed got from the runs that were counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Finished runs by state.
    pub runs: BTreeMap<&'static str, u64>,
    /// Their rows.
    pub counts: Counts,
    /// The sum of their durations in milliseconds.
    pub duration_ms: u64,
}

impl Tenant {
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
            written: BTreeMap::new(),
            written_starts: HashMap::new(),
            name,
        }
    }

    /// Takes this token instead of the one it had, until `expiry`.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>, expiry: Option<Timestamp>) -> Self {
        self.tokens = vec![(token.into(), expiry)];
        self
    }

    /// Takes this OAuth2 client instead of the one it had.
    #[must_use]
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.client_id = id.into();
        self.client_secret = secret.into();
        self
    }

    /// One more run, written by hand; it takes the place of one with the same
    /// id.
    #[must_use]
    pub fn job(mut self, job: Job) -> Self {
        self.add(job);
        self
    }

    pub(crate) fn add(&mut self, job: Job) {
        let start = job.started.as_millisecond();
        if let Some(start) = self.written_starts.insert(job.id.clone(), start) {
            self.written.remove(&(start, job.id.clone()));
        }
        self.written.insert((start, job.id.clone()), job);
    }

    /// The runs that start in `window` (from inclusive, to exclusive),
    /// ordered by start and id.
    pub(crate) fn jobs(&self, window: Range<Timestamp>) -> Vec<Job> {
        let window = window.start.as_millisecond()..window.end.as_millisecond();
        if window.is_empty() {
            return Vec::new();
        }
        let bounds = (window.start, String::new())..(window.end, String::new());
        let mut jobs: Vec<Job> = self
            .written
            .range(bounds)
            .map(|(_, job)| job.clone())
            .collect();
        for pipeline in &self.pipelines {
            jobs.extend(pipeline.runs(window.clone()));
        }
        jobs.sort_unstable_by(|one, two| (one.started, &one.id).cmp(&(two.started, &two.id)));
        jobs
    }

    /// The run of this id, if it has started by `now`.
    pub(crate) fn find(&self, id: &str, now: Timestamp) -> Option<Job> {
        let start = match self.written_starts.get(id) {
            Some(start) => *start,
            None => start_in_id(id)?,
        };
        let second = at(start)..at(start.saturating_add(1000));
        let job = self.jobs(second).into_iter().find(|job| job.id == id)?;
        (job.started <= now).then_some(job)
    }

    /// What the tables of the runs that started in `started` add up to, as
    /// far as they have finished by `now`.
    pub(crate) fn tally(
        &self,
        started: Range<Timestamp>,
        now: Timestamp,
    ) -> BTreeMap<(String, String), Tally> {
        let mut tallies: BTreeMap<(String, String), Tally> = BTreeMap::new();
        let end = started.end.min(crate::a_millisecond_after(now));
        for job in self.jobs(started.start..end) {
            let elapsed = now.as_millisecond() - job.started.as_millisecond();
            let Ok(elapsed) = u64::try_from(elapsed) else {
                continue;
            };
            for table in job.tables {
                let progress = table.progress(elapsed);
                if progress.ended {
                    let tally = tallies.entry((table.name, table.feed)).or_default();
                    *tally.runs.entry(progress.state.as_str()).or_default() += 1;
                    tally.counts.add(progress.counts);
                    let duration = milliseconds(table.duration);
                    tally.duration_ms = tally.duration_ms.saturating_add(duration);
                }
            }
        }
        tallies
    }

    /// Has something happen to the next run of a feed's pipeline and tells
    /// which job that will be; `None` if there is no such feed or no run will
    /// come.
    pub(crate) fn order(
        &mut self,
        feed: &str,
        incident: Incident,
        now: Timestamp,
    ) -> Option<String> {
        let pipeline = self.pipeline_of(feed)?;
        let slot = pipeline.next_slot(now.as_millisecond())?;
        let mut tables = pipeline.tables.iter();
        let table = tables.position(|(_, id, _)| id == feed)?;
        pipeline.ordered.insert(slot, (incident, table));
        pipeline.run(slot).map(|job| job.id)
    }

    /// Lets no run of a feed's pipeline start from now on. `false`: no such
    /// feed.
    pub(crate) fn hold_back(&mut self, feed: &str, now: Timestamp) -> bool {
        let pipeline = self.pipeline_of(feed);
        let held = now.as_millisecond()..i64::MAX;
        pipeline
            .map(|pipeline| pipeline.held_back.push(held))
            .is_some()
    }

    /// Ends what [`Tenant::hold_back`] began. `false`: no such feed.
    pub(crate) fn let_go(&mut self, feed: &str, now: Timestamp) -> bool {
        let Some(pipeline) = self.pipeline_of(feed) else {
            return false;
        };
        for held in &mut pipeline.held_back {
            held.end = held.end.min(now.as_millisecond());
        }
        true
    }

    /// Table names and feed ids of the pipelines, in their order.
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

/// The second a generated run started in, milliseconds since the epoch.
fn start_in_id(id: &str) -> Option<i64> {
    let mut parts = id.strip_prefix("isj-")?.split('-');
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
