//! Worlds to test against: a seed gives tenants with their feeds, what these
//! loaded, what went wrong, and what somebody would have wanted to know.
//!
//! Nothing here knows the exporter or its rules.

use std::collections::BTreeMap;

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub(crate) mod dice;
pub(crate) mod label;
mod plan;
mod population;
pub(crate) mod record;
mod schedule;
mod simulate;
mod volume;

use dice::Dice;
use label::{Kind, Label};
use population::{Group, MAIN_TENANT};
use record::JobRecord;

/// Seeds from here on are for evaluation: nobody tunes on them, and their
/// worlds have another mix of schedules.
pub(crate) const EVALUATION_SEEDS: u64 = 1000;

/// A stretch of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl Span {
    fn weeks_until(self, time: Timestamp) -> f64 {
        time.duration_since(self.from).as_secs_f64() / (7.0 * 86_400.0)
    }

    fn weeks_since(self, time: Timestamp) -> f64 {
        self.to.duration_since(time).as_secs_f64() / (7.0 * 86_400.0)
    }
}

/// A time in which a tenant's API could not be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    pub(crate) tenant: &'static str,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// Whether loads waited for its end as well.
    pub(crate) loads_wait: bool,
}

impl Outage {
    /// Whether a load of the tenant that begins at this time has to wait.
    fn delays(&self, tenant: &str, time: Timestamp) -> bool {
        self.loads_wait && self.tenant == tenant && (self.from..self.to).contains(&time)
    }

    fn is_near(&self, time: Timestamp) -> bool {
        let margin = SignedDuration::from_hours(20);
        (self.from - margin..self.to + margin).contains(&time)
    }
}

/// All that happened, and what of it somebody had to know.
#[derive(Debug)]
pub(crate) struct World {
    /// When the exporter sees it for the first time, with the seven days
    /// before as the API lists them.
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// By tenant, in the order in which they started.
    pub(crate) jobs: Vec<(&'static str, JobRecord)>,
    /// In the order in which they began.
    pub(crate) labels: Vec<Label>,
    pub(crate) outages: Vec<Outage>,
    /// The kind of schedule of each feed, by table and id.
    pub(crate) schedules: BTreeMap<(String, String), String>,
    /// The time zone in which it is kept.
    pub(crate) timezones: BTreeMap<(String, String), TimeZone>,
}

impl World {
    /// The world of a seed, this many days long.
    pub(crate) fn generate(seed: u64, days: i64) -> Self {
        // Either way nine weeks hold the clock changes of three continents.
        let monday = if seed.is_multiple_of(2) {
            date(2026, 9, 7)
        } else {
            date(2026, 2, 9)
        };
        let offset = Dice::new(seed, "start").between(0, 23);
        let start = TimeZone::UTC
            .to_timestamp(monday.to_datetime(jiff::civil::Time::midnight()))
            .unwrap_or(Timestamp::UNIX_EPOCH)
            + SignedDuration::from_hours(offset);
        let span = Span {
            from: start - SignedDuration::from_hours(7 * 24),
            to: start + SignedDuration::from_hours(days * 24),
        };
        let groups = population::populate(seed, seed >= EVALUATION_SEEDS);
        let outages = outages(seed, start, span);
        let plans = plan::plan(seed, &groups, span, start, &outages);
        let mut world = Self {
            start,
            end: span.to,
            jobs: Vec::new(),
            labels: outages.iter().map(outage_label).collect(),
            schedules: by_feed(&groups, |group| format!("{:?}", group.class)),
            timezones: by_feed(&groups, |group| group.timezone.clone()),
            outages,
        };
        for (number, (group, plan)) in groups.iter().zip(&plans).enumerate() {
            let outcome = simulate::simulate(seed, number, group, plan, span, &world.outages);
            world
                .jobs
                .extend(outcome.jobs.into_iter().map(|job| (group.tenant, job)));
            world.labels.extend(outcome.labels);
        }
        world.jobs.sort_by_key(|(_, job)| job.started_at());
        world.labels = together(world.labels);
        world.labels.sort_by_key(|label| label.from);
        world
    }
}

fn by_feed<T>(groups: &[Group], value: impl Fn(&Group) -> T) -> BTreeMap<(String, String), T> {
    let feeds = groups.iter().flat_map(|group| {
        let feeds = group.feeds.iter();
        feeds.map(|feed| ((feed.table.clone(), feed.id.clone()), value(group)))
    });
    feeds.collect()
}

/// Two outages of two hours: one in which the loads wait as well, and one of
/// the exporter's view alone.
fn outages(seed: u64, start: Timestamp, span: Span) -> Vec<Outage> {
    let mut dice = Dice::new(seed, "outages");
    let length = span.to.duration_since(start).as_secs_f64();
    let mut outage = |from: f64, to: f64, loads_wait| {
        let from = start + SignedDuration::from_secs((length * dice.uniform(from, to)) as i64);
        Outage {
            tenant: MAIN_TENANT,
            from,
            to: from + SignedDuration::from_hours(2),
            loads_wait,
        }
    };
    vec![outage(0.15, 0.45, true), outage(0.55, 0.85, false)]
}

fn outage_label(outage: &Outage) -> Label {
    Label {
        kind: Kind::Outage,
        tenant: outage.tenant.to_owned(),
        feeds: Vec::new(),
        schedule: if outage.loads_wait {
            "loads wait"
        } else {
            "loads go on"
        }
        .to_owned(),
        from: outage.from,
        detect_by: outage.from + SignedDuration::from_mins(15),
        until: outage.to + SignedDuration::from_mins(30),
    }
}

/// Feeds that fail at once are one incident.
fn together(labels: Vec<Label>) -> Vec<Label> {
    let (many, mut others): (Vec<Label>, Vec<Label>) = labels
        .into_iter()
        .partition(|label| label.kind == Kind::ManyFailAtOnce);
    let one = many.into_iter().reduce(|mut one, other| {
        one.feeds.extend(other.feeds);
        one.from = one.from.min(other.from);
        one.detect_by = one.detect_by.max(other.detect_by);
        one.until = one.until.max(other.until);
        one
    });
    others.extend(one);
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_world() {
        let (one, two) = (World::generate(3, 14), World::generate(3, 14));
        assert_eq!(
            serde_json::to_string(&one.jobs).unwrap(),
            serde_json::to_string(&two.jobs).unwrap()
        );
        assert_ne!(one.jobs.len(), World::generate(4, 14).jobs.len());
    }

    #[test]
    fn nine_weeks_hold_incidents_of_every_kind() {
        for seed in [1, EVALUATION_SEEDS] {
            let world = World::generate(seed, 63);
            assert_eq!(world.schedules.len(), 74);
            let incidents = world.labels.iter().filter(|label| label.kind.is_incident());
            assert!((50..70).contains(&incidents.count()));
            for label in &world.labels {
                assert!(
                    label.from <= label.detect_by && label.from <= label.until,
                    "{label:?}"
                );
            }
        }
    }
}
