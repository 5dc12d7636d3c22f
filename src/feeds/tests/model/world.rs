//! A world of jobs, an exporter in it, and the comparison of what its history
//! shows with what the model knows.

use super::*;
use crate::feeds::store::Database;

pub(super) struct World {
    now: Minute,
    works: Vec<Work>,
    history: RunHistory,
    model: Model,
    /// The database, and what the model knew when it was written.
    database: Database,
    stored: Model,
}

impl Default for World {
    fn default() -> Self {
        Self {
            now: 0,
            works: Vec::new(),
            history: RunHistory::new(),
            model: Model::default(),
            database: empty_database(),
            stored: Model::default(),
        }
    }
}

fn empty_database() -> Database {
    let mut database = Database::in_memory();
    database.ensure_open().unwrap();
    database
}

impl World {
    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Pass(minutes) => self.now += minutes,
            Step::Begin { feeds, configured } => self.begin(&feeds, configured),
            Step::End { run, state, read } => self.end(run, state, read),
            Step::Vanish(pick) if !self.works.is_empty() => {
                let number = pick % self.works.len();
                self.works[number].vanished = true;
            }
            Step::Vanish(_) => {}
            Step::Refresh(refresh) => self.refresh(&refresh),
            Step::Restart { keep_file } => {
                if !keep_file {
                    self.database = empty_database();
                    self.stored = Model::default();
                }
                self.restart();
            }
        }
    }

    fn begin(&mut self, feeds: &[u8], configured: bool) {
        let feeds: BTreeSet<u8> = feeds.iter().copied().collect();
        let run = |feed| Run {
            feed,
            end: None,
            read: 0,
        };
        self.works.push(Work {
            // Later jobs do not always have the greater id.
            id: format!("isj-{}-{}", self.works.len() % 3, self.works.len()).into(),
            start: self.now,
            runs: feeds.into_iter().map(run).collect(),
            configured,
            vanished: false,
        });
    }

    fn end(&mut self, pick: usize, state: usize, read: u64) {
        let works = self.works.iter_mut();
        let open = works.flat_map(|work| work.runs.iter_mut());
        let mut open: Vec<&mut Run> = open.filter(|run| run.end.is_none()).collect();
        let count = open.len().max(1);
        if let Some(run) = open.get_mut(pick % count) {
            run.end = Some((self.now, State::TERMINAL[state].clone()));
            run.read = read;
        }
    }

    /// The jobs a refresh asks for: the list, the configured, the followed.
    fn asked(&self, began: Minute) -> Vec<usize> {
        let followed = self.history.unfinished();
        let asked = |work: &Work| {
            let listed = work.start >= began - WEEK;
            listed || work.configured || followed.contains(&work.id)
        };
        (0..self.works.len())
            .filter(|number| asked(&self.works[*number]))
            .collect()
    }

    /// A run that ended more than a week ago and was never seen: only a
    /// configured job can bring it up, and the history may hold it for history.
    fn is_ambiguous(&self, number: usize, began: Minute) -> bool {
        let runs = self.works[number].runs.iter().enumerate();
        let ended = runs.filter_map(|(run, it)| Some(((number, run), it.end.as_ref()?.0)));
        ended
            .filter(|(key, _)| !self.model.finished.contains(key) && !self.model.open.contains(key))
            .any(|(_, end)| end < began - WEEK && Some(end) >= self.model.baseline)
    }

    fn refresh(&mut self, refresh: &Refresh) {
        let began = self.now - refresh.took;
        let mut answers = Vec::new();
        for number in self.asked(began) {
            let has = |bits: u16| bits >> (number % 16) & 1 == 1;
            let work = &self.works[number];
            if work.vanished {
                self.history.gone(&work.id);
                self.model.open.retain(|(job, _)| *job != number);
            } else if !has(refresh.lost) && !self.is_ambiguous(number, began) {
                let answer = work.answer(self.now);
                answers.extend(answer.clone().map(|answer| (number, answer)));
                if has(refresh.doubled) {
                    answers.extend(answer.map(|answer| (number, answer)));
                }
                if has(refresh.stale) {
                    let stale = work.answer(self.now - 30);
                    answers.extend(stale.map(|answer| (number, answer)));
                }
            }
        }
        if refresh.reversed {
            answers.reverse();
        }
        let count = answers.len().max(1);
        answers.rotate_left(refresh.rotated % count);

        let before = self.history.feeds();
        self.model.observe(&answers, began);
        let jobs = answers.iter().map(|(_, job)| job);
        self.history.observe(jobs, time(began));
        self.forget(began - FORGET_AFTER);
        self.save(refresh.death);
        self.compare();
        if refresh.death.is_none() {
            for (old, new) in before.iter().zip(self.history.feeds()) {
                assert!(old.feed != new.feed || old.totals.read <= new.totals.read);
            }
        }
    }

    /// Forgets feeds without a run since `horizon`.
    fn forget(&mut self, horizon: Minute) {
        // When an open run was last seen is known to the half hour.
        let mut seen = self.model.open.iter().map(|key| self.model.seen[key]);
        if seen.any(|seen| seen <= horizon + 31) {
            return;
        }
        let before = self.history.feeds().len();
        let forgotten = self.history.forget(time(horizon));
        assert_eq!(self.history.feeds().len(), before - forgotten);
        if self.model.covered_since < horizon {
            self.model.forget(horizon, &self.works);
        }
    }

    /// Writes what has changed, and perhaps dies over it.
    fn save(&mut self, death: Option<Death>) {
        if death != Some(Death::BeforeTheCommit) {
            let changes = std::mem::take(&mut self.history.changes);
            let tenant = ("acme", &self.history, &changes);
            self.database.write(&[tenant], &[]).unwrap();
            self.stored = self.model.clone();
        }
        if death.is_some() {
            self.restart();
        }
    }

    fn restart(&mut self) {
        let mut histories = self.database.histories().unwrap();
        self.history = histories
            .remove(&("acme".into(), HistoryKind::Feeds))
            .unwrap_or_default();
        self.model = self.stored.clone();
        self.compare();
    }

    /// Every feed, as the model knows it.
    fn compare(&self) {
        let mut known: BTreeMap<u8, Vec<Key>> = BTreeMap::new();
        for key in self.model.open.union(&self.model.finished) {
            let feed = self.works[key.0].runs[key.1].feed;
            known.entry(feed).or_default().push(*key);
        }
        for feed in self.history.feeds() {
            let keys = known.remove(&feed.feed.parse().unwrap());
            self.compare_feed(&feed, &keys.unwrap_or_default());
        }
        assert!(known.is_empty(), "feeds missing: {known:?}");
    }

    fn compare_feed(&self, feed: &Feed, keys: &[Key]) {
        let run = |key: &Key| &self.works[key.0].runs[key.1];
        let work = |key: &Key| &self.works[key.0];
        let mut totals = Totals::default();
        for key in keys.iter().filter(|key| self.model.counted.contains(key)) {
            let (end, state) = run(key).end.clone().unwrap();
            *totals.runs.entry(state).or_default() += 1;
            totals.read += run(key).read;
            let seconds = u32::try_from((end - work(key).start) * 60).unwrap();
            totals.duration_ms += u64::from(seconds) * 1000;
            totals.durations += 1;
            totals.duration_histogram.observe(seconds.into());
        }
        assert_eq!(feed.totals, totals, "{feed:?}");

        let finished = keys.iter().filter(|key| self.model.finished.contains(key));
        let ended = |key: &Key| {
            (
                run(key).end.as_ref().unwrap().0,
                work(key).start,
                &work(key).id,
            )
        };
        let last = finished.clone().map(ended).max().map(|(end, ..)| time(end));
        let shown = feed.last_run.as_ref().and_then(|last| last.ended_at);
        assert_eq!(shown, last);
        let succeeded = finished.map(|key| run(key).end.as_ref().unwrap());
        let succeeded = succeeded.filter(|(_, state)| *state == State::Succeeded);
        assert_eq!(
            feed.last_success,
            succeeded.map(|(end, _)| time(*end)).max()
        );

        let open = keys.iter().filter(|key| self.model.open.contains(key));
        let since = open.map(|key| time(work(key).start)).max();
        assert_eq!(feed.running_since, since);
        let newest = keys
            .iter()
            .max_by_key(|key| (work(key).start, &work(key).id));
        let state = newest.map(|key| {
            let finished = run(key)
                .end
                .as_ref()
                .filter(|_| self.model.finished.contains(key));
            finished.map_or(State::Running, |(_, state)| state.clone())
        });
        assert_eq!(feed.state, state);
    }

    /// After a refresh that went well: whatever the list shows is counted.
    pub(super) fn nothing_is_missing(&self) {
        for (number, work) in self.works.iter().enumerate() {
            let listed = work.start >= self.now - WEEK && !work.vanished;
            for (run, it) in work.runs.iter().enumerate().filter(|_| listed) {
                let ended = it.end.as_ref().map(|(end, _)| *end);
                let due = ended.is_some_and(|end| Some(end) >= self.model.baseline);
                let history = self.model.finished.contains(&(number, run))
                    && ended <= self.model.baseline.map(|baseline| baseline + 2);
                assert!(!due || history || self.model.counted.contains(&(number, run)));
            }
        }
    }
}
