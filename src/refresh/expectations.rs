//! What is expected of a tenant's feeds: learned again for each feed with new
//! runs, and read at each refresh.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::clock::{after, before};
use crate::config::{FeedRule, FeedRules};
use crate::expectations::{Expected, Learned, OpenRun, Run, Unobserved, learn};
use crate::feeds::store::Store;
use crate::feeds::{self, Feed, FeedId, RunHistory};
use crate::jobs::{Job, Table};

/// Outages older than the history that is learned from are not kept.
const KEPT: Duration = Duration::from_hours(35 * 24);

/// Feeds that are learned from by one thread at a time.
const LEARNED_AT_ONCE: usize = 64;

/// Threads of the process that learn at the same time, whatever the number of
/// tenants.
static LEARNING: Semaphore = Semaphore::const_new(4);

/// What is expected of the feeds of one tenant.
#[derive(Debug, Default)]
pub(crate) struct FeedExpectations {
    rules: Arc<FeedRules>,
    known: HashMap<FeedId, KnownFeed>,
    /// Feeds whose runs are to be read.
    updated: BTreeSet<FeedId>,
    /// When the exporter could not see what ran.
    unobserved: Vec<Unobserved>,
    /// The last successful refresh.
    observed_at: Option<Timestamp>,
}

/// A feed to learn from.
struct StoredFeed {
    feed: FeedId,
    rule: Option<Arc<FeedRule>>,
    runs: Vec<Arc<feeds::Run>>,
}

#[derive(Debug, Default)]
struct KnownFeed {
    learned: Learned,
    rule: Option<Arc<FeedRule>>,
}

impl FeedExpectations {
    /// Notes that everything was seen at `now`, for the last time `before`.
    /// Longer than `stale_after` between the two was an outage.
    pub(crate) fn observe(
        &mut self,
        before: Option<Timestamp>,
        now: Timestamp,
        stale_after: Duration,
    ) {
        let last = self.observed_at.or(before);
        if let Some(outage) = last.and_then(|last| outage(last, now, stale_after)) {
            self.unobserved.push(outage);
        }
        let oldest = crate::clock::before(now, KEPT);
        self.unobserved.retain(|outage| outage.until > oldest);
        self.observed_at = Some(now);
    }

    /// Learns from the stored runs of the feeds that have new ones.
    pub(crate) async fn learn(
        &mut self,
        tenant: &str,
        rules: &Arc<FeedRules>,
        history: &mut RunHistory,
        store: &Store,
    ) {
        if self.rules != *rules {
            self.rules = Arc::clone(rules);
            for (feed, known) in &mut self.known {
                let timezone = timezone(known.rule.as_ref()).cloned();
                known.rule = rules.of(tenant, &feed.table, &feed.feed).cloned();
                if timezone.as_ref() != self::timezone(known.rule.as_ref()) {
                    self.updated.insert(feed.clone());
                }
            }
        }
        self.updated.extend(history.take_updated());
        self.updated.retain(|feed| history.knows_feed(feed));
        let feeds: Vec<FeedId> = self.updated.iter().cloned().collect();
        let unobserved: Arc<[Unobserved]> = self.unobserved.as_slice().into();
        let mut learning = JoinSet::new();
        for some in feeds.chunks(LEARNED_AT_ONCE) {
            let mut stored_feeds = Vec::with_capacity(some.len());
            for feed in some {
                let stored = match history.runs_in_memory(feed) {
                    Some(runs) => Ok(runs.to_vec()),
                    None => store.runs(tenant, history.kind(), feed).await,
                };
                match stored {
                    Ok(runs) => stored_feeds.push(StoredFeed {
                        feed: feed.clone(),
                        rule: self.rules.of(tenant, &feed.table, &feed.feed).cloned(),
                        runs,
                    }),
                    Err(error) => {
                        tracing::debug!(tenant, %error, "runs cannot be read; what was learned before is used");
                    }
                }
            }
            let unobserved = Arc::clone(&unobserved);
            // The semaphore is never closed.
            let permit = LEARNING.acquire().await;
            learning.spawn_blocking(move || {
                let _permit = permit;
                learn_all(stored_feeds, &unobserved)
            });
            while let Some(Ok(learned)) = learning.try_join_next() {
                self.learned(learned);
            }
        }
        while let Some(Ok(learned)) = learning.join_next().await {
            self.learned(learned);
        }
    }

    fn learned(&mut self, learned: Vec<(FeedId, KnownFeed)>) {
        for (feed, known) in learned {
            self.updated.remove(&feed);
            self.known.insert(feed, known);
        }
    }

    /// Adds to the feeds what is expected of them at `now`. `jobs` show how
    /// far unfinished runs are, and which tables wait for others of their job.
    pub(crate) fn add_to(
        &mut self,
        feeds: &mut [Feed],
        jobs: &[Arc<Job>],
        now: Timestamp,
        stale_after: Duration,
    ) {
        let last = self.observed_at;
        let present = last.and_then(|last| outage(last, now, stale_after));
        let unobserved: Vec<Unobserved> = self.unobserved.iter().copied().chain(present).collect();
        let read = read_so_far(jobs);
        let waiting = self.waiting(jobs, now);
        for feed in feeds.iter_mut() {
            let id = FeedId::new(&feed.table, &feed.feed);
            let Some(known) = self.known.get(&id) else {
                continue;
            };
            let running = feed.running_since.map(|started_at| OpenRun {
                started_at,
                read: read.get(&id).copied(),
            });
            let open = running.or_else(|| waiting.get(&id).copied());
            feed.expected = known.expected(open, &unobserved);
            feed.rule.clone_from(&known.rule);
        }
        if self.known.len() > feeds.len() {
            let shown: BTreeSet<(&str, &str)> = feeds
                .iter()
                .map(|feed| (&*feed.table, &*feed.feed))
                .collect();
            self.known
                .retain(|id, _| shown.contains(&(&*id.table, &*id.feed)));
        }
    }

    /// The tables of unfinished jobs that have not started, and when they can do
    /// so: after those that have ended, and after those that are being loaded and
    /// do not take too long.
    fn waiting(&self, jobs: &[Arc<Job>], now: Timestamp) -> HashMap<FeedId, OpenRun> {
        let mut waiting: HashMap<FeedId, OpenRun> = HashMap::new();
        for job in jobs {
            let not_started = |table: &&Table| !table.finished && table.started_at.is_none();
            for table in job.tables.iter().filter(not_started) {
                let ends = job.tables.iter().filter_map(|other| self.end(other, now));
                if let Some(started_at) = ends.max() {
                    let read = None;
                    let open = waiting.entry(FeedId::new(&table.table, &table.feed));
                    let open = open.or_insert(OpenRun { started_at, read });
                    open.started_at = open.started_at.max(started_at);
                }
            }
        }
        waiting
    }

    /// When a table that has started ended. While it is being loaded, that is now,
    /// or when it began to take too long.
    fn end(&self, table: &Table, now: Timestamp) -> Option<Timestamp> {
        if table.finished {
            return table.ended_at;
        }
        let open = OpenRun {
            started_at: table.started_at?,
            read: table.rows.read,
        };
        let known = self.known.get(&FeedId::new(&table.table, &table.feed))?;
        let limit = known.expected(Some(open), &[]).duration_limit?;
        let limit = Duration::try_from_secs_f64(limit).unwrap_or(Duration::MAX);
        Some(after(open.started_at, limit).min(now))
    }
}

impl KnownFeed {
    fn expected(&self, open: Option<OpenRun>, unobserved: &[Unobserved]) -> Expected {
        let configured = self.rule.as_ref().map(|rule| &rule.known);
        self.learned.expected(configured, open, unobserved)
    }
}

/// What the runs of some feeds show.
fn learn_all(feeds: Vec<StoredFeed>, unobserved: &[Unobserved]) -> Vec<(FeedId, KnownFeed)> {
    let feeds = feeds.into_iter();
    let learned = feeds.map(|StoredFeed { feed, rule, runs }| {
        let runs: Vec<Run> = runs.iter().filter_map(|run| finished(run)).collect();
        let learned = learn(&runs, unobserved, timezone(rule.as_ref()));
        (feed, KnownFeed { learned, rule })
    });
    learned.collect()
}

/// The configured time zone of a feed whose schedule is learned.
fn timezone(rule: Option<&Arc<FeedRule>>) -> Option<&TimeZone> {
    rule?.known.timezone.as_ref()
}

/// The time between two refreshes, if it is so long that it was an outage.
fn outage(from: Timestamp, until: Timestamp, stale_after: Duration) -> Option<Unobserved> {
    (from < before(until, stale_after)).then_some(Unobserved { from, until })
}

/// A stored run as the expectations need it; `None` without both times, since
/// it says nothing about a schedule then.
fn finished(run: &feeds::Run) -> Option<Run> {
    Some(Run {
        started_at: run.started_at?,
        ended_at: run.ended_at?,
        succeeded: run.succeeded(),
        read: run.rows.read,
        rejected: run.rows.rejected,
        errors: run.rows.errors,
    })
}

/// The rows that unfinished runs have read so far.
fn read_so_far(jobs: &[Arc<Job>]) -> HashMap<FeedId, u64> {
    let unfinished = jobs
        .iter()
        .flat_map(|job| &job.tables)
        .filter(|table| !table.finished);
    unfinished
        .filter_map(|table| Some((FeedId::new(&table.table, &table.feed), table.rows.read?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Known;
    use crate::jobs::State;

    #[test]
    fn only_longer_than_stale_after_is_an_outage() {
        let mut expectations = FeedExpectations::default();
        let stale_after = Duration::from_hours(1);
        let mut now = Timestamp::UNIX_EPOCH;
        for minutes in [20, 20, 60, 61, 20] {
            now += Duration::from_mins(minutes);
            expectations.observe(None, now, stale_after);
        }
        assert_eq!(expectations.unobserved.len(), 1);
        assert!(outage(now, now + stale_after, stale_after).is_none());
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(minutes)
    }

    fn table(name: &str, started: Option<i64>, ended: Option<i64>) -> Table {
        Table {
            table: name.into(),
            feed: "df-1".into(),
            state: None,
            finished: ended.is_some(),
            rows: crate::jobs::Rows::default(),
            started_at: started.map(at),
            ended_at: ended.map(at),
            files: crate::jobs::Files::default(),
        }
    }

    /// What is known of a feed whose runs take ten minutes.
    fn known_feed() -> KnownFeed {
        let run = |day: i64| Run {
            started_at: at(day * 1440),
            ended_at: at(day * 1440 + 10),
            succeeded: true,
            read: None,
            rejected: None,
            errors: None,
        };
        KnownFeed {
            learned: learn(&(1..9).map(run).collect::<Vec<_>>(), &[], None),
            rule: None,
        }
    }

    #[test]
    fn a_table_can_start_when_the_others_of_its_job_have_ended() {
        let expectations = FeedExpectations {
            known: HashMap::from([(FeedId::new(&"B".into(), &"df-1".into()), known_feed())]),
            ..FeedExpectations::default()
        };
        let can_start = |tables: &[Table], now: i64| {
            let job = Job {
                id: "isj-1".into(),
                tables: tables.to_vec(),
                ..Job::default()
            };
            let waiting = expectations.waiting(&[Arc::new(job)], at(now));
            let open = waiting.get(&FeedId::new(&"C".into(), &"df-1".into()))?;
            Some(open.started_at.duration_since(at(0)).as_mins())
        };
        let ended = table("A", Some(0), Some(20));
        let running = table("B", Some(20), None);
        let waits = table("C", None, None);
        assert_eq!(can_start(std::slice::from_ref(&waits), 30), None);
        assert_eq!(can_start(&[ended.clone(), waits.clone()], 30), Some(20));
        let job = [ended, running, waits];
        assert_eq!(can_start(&job, 30), Some(30));
        // Forty minutes are too long for B: usually it takes ten.
        assert_eq!(can_start(&job, 59), Some(59));
        assert_eq!(can_start(&job, 300), Some(60));
    }

    #[tokio::test]
    async fn a_configured_time_zone_is_learned_in_at_once() {
        let night = |night: i64| Job {
            id: format!("isj-{night}").into(),
            tables: vec![Table {
                state: Some(State::Succeeded),
                ..table("Orders", Some(night * 1440), Some(night * 1440 + 10))
            }],
            ..Job::default()
        };
        let nights: Vec<Job> = (1..9).map(night).collect();
        let mut history = RunHistory::default();
        history.observe(&nights, at(9 * 1440));
        let store = Store::in_memory();
        let mut expectations = FeedExpectations::default();
        let mut zones = Vec::new();
        for name in [None, Some("America/Los_Angeles"), None] {
            let known = Known {
                timezone: name.map(|name| TimeZone::get(name).unwrap()),
                ..Known::default()
            };
            let rules = Arc::new(FeedRules::of_all(known));
            expectations
                .learn("socktown", &rules, &mut history, &store)
                .await;
            let known = expectations.known.values().next().unwrap();
            zones.push(known.learned.describe_schedule(None));
        }
        let expected = [
            "daily about 00:00 UTC, 8 of 8",
            "daily about 16:00 America/Los_Angeles, 8 of 8",
            "daily about 00:00 UTC, 8 of 8",
        ];
        assert_eq!(zones, expected);
    }
}
