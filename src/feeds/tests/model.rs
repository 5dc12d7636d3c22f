//! The history and its database against a model with a perfect memory:
//! whatever a world of runs does, whatever answers are lost, doubled, late or
//! stale, and wherever the process dies, every feed shows what the model knows.

use proptest::prelude::*;

use super::*;
use world::World;

mod world;

const WEEK: i64 = 7 * 24 * 60;
const FORGET_AFTER: i64 = 10 * 24 * 60;

/// A moment, in minutes since some July noon.
type Minute = i64;

#[derive(Clone, Debug)]
enum Step {
    Pass(Minute),
    Begin { feeds: Vec<u8>, configured: bool },
    End { run: usize, state: usize, read: u64 },
    Vanish(usize),
    Refresh(Refresh),
    Restart { keep_file: bool },
}

/// One refresh and what goes wrong in it, with a bit for each job.
#[derive(Clone, Debug, Default)]
struct Refresh {
    lost: u16,
    doubled: u16,
    stale: u16,
    rotated: usize,
    reversed: bool,
    took: Minute,
    death: Option<Death>,
}

/// When the process dies in the course of a write.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Death {
    BeforeTheCommit,
    AfterIt,
}

#[derive(Clone, Debug)]
struct Run {
    feed: u8,
    end: Option<(Minute, State)>,
    read: u64,
}

#[derive(Clone, Debug)]
struct Work {
    id: Arc<str>,
    start: Minute,
    runs: Vec<Run>,
    configured: bool,
    vanished: bool,
}

/// Job and run, by their numbers.
type Key = (usize, usize);

/// What an observer with a perfect memory knows.
#[derive(Clone, Debug, Default)]
struct Model {
    baseline: Option<Minute>,
    open: BTreeSet<Key>,
    finished: BTreeSet<Key>,
    counted: BTreeSet<Key>,
    /// When each open run was last seen.
    seen: BTreeMap<Key, Minute>,
    /// The last observation, and since when there was no gap.
    observed: Minute,
    covered_since: Minute,
    /// Runs of feeds that were forgotten: history, if they turn up again.
    forgotten: BTreeSet<Key>,
}

fn time(minute: Minute) -> Timestamp {
    noon() + SignedDuration::from_mins(minute)
}

impl Work {
    /// The job as the API showed it at some moment.
    fn answer(&self, then: Minute) -> Option<Job> {
        let tables = self.runs.iter().map(|run| {
            let end = run.end.as_ref().filter(|(end, _)| *end <= then);
            let state = end.map_or(State::Running, |(_, state)| state.clone());
            let mut job = job(&self.id, state, None, None);
            let mut table = job.tables.remove(0);
            table.feed = run.feed.to_string().into();
            table.rows.read = Some(if end.is_some() { run.read } else { 1 });
            table.started_at = Some(time(self.start));
            table.ended_at = end.map(|(end, _)| time(*end));
            table
        });
        (self.start <= then).then(|| Job {
            id: Arc::clone(&self.id),
            workflow_id: None,
            tables: tables.collect(),
            merged: 0,
            failure: None,
        })
    }
}

impl Model {
    fn observe(&mut self, answers: &[(usize, Job)], now: Minute) {
        let first = self.baseline.is_none();
        let baseline = *self.baseline.get_or_insert(now);
        if first || now - self.observed > WEEK {
            self.covered_since = now;
        }
        self.observed = now;
        let runs = answers.iter().flat_map(|(number, job)| {
            let tables = job.tables.iter().enumerate();
            tables.map(|(run, table)| ((*number, run), table))
        });
        // What an observation shows finished is finished, whatever else it
        // shows of it.
        for finished in [true, false] {
            for (key, table) in runs.clone().filter(|(_, table)| table.finished == finished) {
                if self.finished.contains(&key) {
                    continue;
                }
                if !table.finished {
                    self.open.insert(key);
                    self.seen.insert(key, now);
                    continue;
                }
                let new = !first
                    && table.ended_at >= Some(time(baseline))
                    && !self.forgotten.contains(&key);
                if self.open.remove(&key) || new {
                    self.counted.insert(key);
                }
                self.finished.insert(key);
            }
        }
    }
}

impl Model {
    fn forget(&mut self, horizon: Minute, works: &[Work]) {
        let run = |key: &Key| &works[key.0].runs[key.1];
        let open: BTreeSet<u8> = self.open.iter().map(|key| run(key).feed).collect();
        let end = |key: &Key| run(key).end.as_ref().map(|(end, _)| *end);
        let recent = self.finished.iter().filter(|key| end(key) >= Some(horizon));
        let recent: BTreeSet<u8> = recent.map(|key| run(key).feed).collect();
        let is_kept = |key: &Key| open.contains(&run(key).feed) || recent.contains(&run(key).feed);
        let gone = self.finished.iter().filter(|key| !is_kept(key));
        self.forgotten.extend(gone);
        self.finished.retain(is_kept);
        self.counted.retain(is_kept);
    }
}

fn refresh() -> impl Strategy<Value = Refresh> {
    let bits = || prop_oneof![2 => Just(0), 1 => any::<u16>()];
    let death = prop_oneof![Just(Death::BeforeTheCommit), Just(Death::AfterIt)];
    let death = prop::option::weighted(0.25, death);
    let order = (any::<usize>(), any::<bool>(), 0..3_i64);
    (bits(), bits(), bits(), order, death).prop_map(
        |(lost, doubled, stale, (rotated, reversed, took), death)| Refresh {
            lost,
            doubled,
            stale,
            rotated,
            reversed,
            took,
            death,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let pass = prop_oneof![6 => 1..30_i64, 3 => 60..2000_i64, 1 => 5000..20_000_i64];
    let begin = (
        prop::collection::vec(0..3_u8, 1..3),
        prop::bool::weighted(0.2),
    );
    let end = (any::<usize>(), 0..5_usize, 0..1000_u64);
    prop_oneof![
        6 => pass.prop_map(Step::Pass),
        5 => begin.prop_map(|(feeds, configured)| Step::Begin { feeds, configured }),
        5 => end.prop_map(|(run, state, read)| Step::End { run, state, read }),
        1 => any::<usize>().prop_map(Step::Vanish),
        8 => refresh().prop_map(Step::Refresh),
        1 => prop::bool::weighted(0.8).prop_map(|keep_file| Step::Restart { keep_file }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn every_counter_equals_what_a_perfect_memory_knows(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut world = World::default();
        for step in steps {
            world.step(step);
        }
        world.step(Step::Refresh(Refresh::default()));
        world.nothing_is_missing();
    }
}
