//! Scores the expectations alone, run by run, without
//! exporter, Prometheus or rules. Alerts are compared as the rules would.

use std::collections::{BTreeMap, HashMap};

use amperity_exporter::expectations::{Expected, Learned, OpenRun, Run, Unobserved, learn};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::score::Alert;
use crate::world::World;
use crate::world::label::Concern;
use crate::world::record::TableRecord;

/// As many runs as the exporter keeps of a feed, and as old.
const KEPT: usize = 2000;
const KEPT_ALWAYS: usize = 100;
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(35 * 24);

/// `amperity:threshold:late_critical_seconds` of the shipped rules.
const LATE_CRITICAL: SignedDuration = SignedDuration::from_hours(2);

type Feed = (String, (String, String));

/// One run of a table.
struct Loaded {
    started_at: Timestamp,
    ended_at: Timestamp,
    /// When it began to take too long, if it did.
    too_long: Option<Timestamp>,
}

/// The alerts that a world gives by what is expected of its feeds, whose time
/// zones may be configured.
pub(crate) fn alerts(world: &World, with_timezones: bool) -> Vec<Alert> {
    // By how many tables are loaded before it in the same job.
    let mut feeds: BTreeMap<(usize, Feed), Vec<&TableRecord>> = BTreeMap::new();
    let mut places: HashMap<Feed, usize> = HashMap::new();
    for (tenant, job) in &world.jobs {
        for (place, table) in job.tables.iter().enumerate() {
            let last = places.entry(feed(tenant, table)).or_default();
            *last = place.max(*last);
        }
    }
    for (tenant, job) in &world.jobs {
        for table in &job.tables {
            let feed = feed(tenant, table);
            feeds.entry((places[&feed], feed)).or_default().push(table);
        }
    }
    let mut alerts = Vec::new();
    let mut loaded = HashMap::new();
    for ((_, (tenant, feed)), mut tables) in feeds {
        tables.sort_by_key(|table| table.ended_at);
        let timezone = world.timezones.get(&feed).filter(|_| with_timezones);
        let mut watch = Watch {
            world,
            timezone,
            tenant,
            feed,
            loaded: &mut loaded,
            alerts: &mut alerts,
        };
        watch.feed(&tables);
    }
    alerts.sort_by_key(|alert| alert.from);
    alerts
}

fn feed(tenant: &str, table: &TableRecord) -> Feed {
    let feed = (table.table_name.clone(), table.feed_id.clone());
    (tenant.to_owned(), feed)
}

struct Watch<'a> {
    world: &'a World,
    timezone: Option<&'a TimeZone>,
    tenant: String,
    feed: (String, String),
    /// The tables of each job that are loaded before this one.
    loaded: &'a mut HashMap<String, Vec<Loaded>>,
    alerts: &'a mut Vec<Alert>,
}

impl Watch<'_> {
    fn feed(&mut self, tables: &[&TableRecord]) {
        let runs: Vec<Run> = tables.iter().map(|table| run(table)).collect();
        let first = runs.partition_point(|run| run.ended_at < self.world.start);
        let mut failed_since: Option<Timestamp> = None;
        for finished in first.max(1)..=runs.len() {
            // What is expected from the end of one run to that of the next.
            let from = runs[finished - 1].ended_at.max(self.world.start);
            let kept = kept(&runs[..finished], from);
            let next = runs.get(finished);
            let until = next.map_or(self.world.end, |next| next.ended_at);
            let unobserved = self.unobserved(until);
            let learned = learn(kept, &unobserved, self.timezone);
            if finished > first {
                self.result(
                    &runs[finished - 1],
                    &learned.expected(None, None, &unobserved),
                    until,
                    &mut failed_since,
                );
            }
            let idle = learned.expected(None, None, &unobserved).due;
            let job = tables.get(finished).map(|table| &table.job_id);
            let started = next.map_or(until, |next| next.started_at.max(from));
            let before = job.and_then(|job| self.loaded.remove(job));
            let before = before.unwrap_or_default();
            let job_started = before.first().map_or(started, |first| first.started_at);
            self.late(idle, from, job_started.clamp(from, started.max(from)));
            for other in &before {
                // While the other one does not take too long, this one may wait.
                if let Some(too_long) = other.too_long {
                    let open = OpenRun {
                        started_at: too_long,
                        read: None,
                    };
                    let due = learned.expected(None, Some(open), &unobserved).due;
                    self.late(due, too_long.max(from), other.ended_at);
                }
            }
            let Some((job, next)) = job.zip(next) else {
                continue;
            };
            let due = first_beyond(next, |open| {
                learned.expected(None, Some(open), &unobserved).due
            });
            self.late(due, started, until);
            let too_long = slow(next, &learned).filter(|slow| *slow < until);
            if let Some(slow) = too_long.filter(|slow| *slow >= self.world.start) {
                self.alert(Concern::Slow, "warning", slow, until);
            }
            let mut before = before;
            before.push(Loaded {
                started_at: next.started_at,
                ended_at: next.ended_at,
                too_long,
            });
            self.loaded.insert(job.clone(), before);
        }
        if let Some(since) = failed_since {
            self.alert(Concern::Failed, "warning", since, self.world.end);
        }
    }

    /// Late from the time due on; after a while that is critical, too.
    fn late(&mut self, due: Option<Timestamp>, from: Timestamp, to: Timestamp) {
        let Some(due) = due else { return };
        for (severity, since) in [("warning", due), ("critical", due + LATE_CRITICAL)] {
            let since = since.max(from);
            if since < to {
                self.alert(Concern::Late, severity, since, to);
            }
        }
    }

    fn result(
        &mut self,
        run: &Run,
        expected: &Expected,
        until: Timestamp,
        failed_since: &mut Option<Timestamp>,
    ) {
        if run.succeeded {
            if let Some(since) = failed_since.take() {
                self.alert(Concern::Failed, "warning", since, run.ended_at);
            }
        } else {
            failed_since.get_or_insert(run.ended_at);
            return;
        }
        let rows = run.read.map(|rows| rows as f64).unwrap_or_default();
        let below = |limit: Option<f64>| limit.is_some_and(|limit| rows < limit);
        let above = |value: f64, limit: Option<f64>| limit.is_some_and(|limit| value > limit);
        let ratio = |part: Option<u64>| part.unwrap_or_default() as f64 / rows.max(1.0);
        let found = [
            (Concern::FewRows, below(expected.low_read_rows)),
            (Concern::ManyRows, above(rows, expected.high_read_rows)),
            (
                Concern::Errors,
                above(ratio(run.errors), expected.error_ratio_limit),
            ),
            (
                Concern::Rejections,
                above(ratio(run.rejected), expected.rejected_ratio_limit),
            ),
        ];
        for (concern, _) in found.into_iter().filter(|(_, unusual)| *unusual) {
            let severity = match concern {
                Concern::ManyRows => "info",
                _ => "warning",
            };
            self.alert(concern, severity, run.ended_at, until);
        }
    }

    /// One alert, or the one before if it has not ended.
    fn alert(&mut self, concern: Concern, severity: &str, from: Timestamp, to: Timestamp) {
        let name = format!("{concern:?}");
        let same = |alert: &&mut Alert| {
            alert.concern == concern
                && alert.severity == severity
                && alert.tenant == self.tenant
                && alert.feed.as_ref() == Some(&self.feed)
        };
        if let Some(last) = self
            .alerts
            .iter_mut()
            .rev()
            .find(same)
            .filter(|last| last.to >= from)
        {
            last.to = to;
            return;
        }
        self.alerts.push(Alert {
            name,
            concern,
            severity: severity.to_owned(),
            tenant: self.tenant.clone(),
            feed: Some(self.feed.clone()),
            from,
            to,
            labels: BTreeMap::new(),
        });
    }

    fn unobserved(&self, now: Timestamp) -> Vec<Unobserved> {
        let outages = self.world.outages.iter();
        let of_tenant = outages.filter(|outage| outage.tenant == self.tenant && outage.from < now);
        of_tenant
            .map(|outage| Unobserved {
                from: outage.from,
                until: outage.to,
            })
            .collect()
    }
}

/// When a run takes too long.
fn slow(run: &Run, learned: &Learned) -> Option<Timestamp> {
    first_beyond(run, |open| {
        let limit = learned.expected(None, Some(open), &[]).duration_limit?;
        Some(run.started_at + SignedDuration::from_secs_f64(limit))
    })
}

/// When an unfinished run is first beyond the time that is set for it by what
/// it has read until then, if it reads its rows evenly.
fn first_beyond(run: &Run, limit: impl Fn(OpenRun) -> Option<Timestamp>) -> Option<Timestamp> {
    let seconds = run.ended_at.duration_since(run.started_at).as_secs_f64();
    let mut time = run.started_at;
    loop {
        let share = time.duration_since(run.started_at).as_secs_f64() / seconds.max(1.0);
        let read = run.read.map(|read| (read as f64 * share.min(1.0)) as u64);
        let until = limit(OpenRun {
            started_at: run.started_at,
            read,
        })?;
        if until <= time || until >= run.ended_at {
            return Some(until.max(time));
        }
        time = until;
    }
}

fn run(table: &TableRecord) -> Run {
    Run {
        started_at: table.started_at,
        ended_at: table.ended_at,
        succeeded: table.state == "succeeded",
        read: Some(table.read),
        rejected: Some(table.rejected),
        errors: Some(table.errors),
    }
}

/// What the exporter keeps of a feed's runs.
fn kept(runs: &[Run], now: Timestamp) -> &[Run] {
    let recent = runs.partition_point(|run| run.ended_at < now - KEPT_FOR);
    let oldest = runs.len().saturating_sub(KEPT);
    let always = runs.len().saturating_sub(KEPT_ALWAYS);
    &runs[recent.min(always).max(oldest)..]
}
