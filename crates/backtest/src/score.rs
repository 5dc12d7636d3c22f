//! Scores alerts by the labels of a world: incidents detected in time, and
//! alerts without an incident.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::notify::Notification;
use crate::world::World;
use crate::world::label::{Concern, Kind, Label};

/// Rules are evaluated once a minute, and what they see is as old.
const EVALUATION: SignedDuration = SignedDuration::from_mins(2);

/// One alert from the time it fires to its end.
#[derive(Clone, Debug)]
pub(crate) struct Alert {
    /// Its name in the rules, or in words.
    pub(crate) name: String,
    pub(crate) concern: Concern,
    pub(crate) severity: String,
    pub(crate) tenant: String,
    /// Table and id; `None` for one about a tenant, or many of its feeds.
    pub(crate) feed: Option<(String, String)>,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// All labels, if it comes from rules.
    pub(crate) labels: BTreeMap<String, String>,
}

impl Alert {
    fn is_about(&self, label: &Label) -> bool {
        let feed = self.feed.as_ref();
        self.tenant == label.tenant
            && (label.feeds.is_empty() || feed.is_none_or(|feed| label.feeds.contains(feed)))
    }

    /// Whether it is a consequence of what happened.
    fn is_explained_by(&self, label: &Label) -> bool {
        let concerns = [label.kind.looks_like(), label.kind.entails()];
        self.is_about(label)
            && concerns.concat().contains(&self.concern)
            && self.from >= label.from - EVALUATION
            && self.from <= label.until
    }

    /// Whether it detects an incident in time.
    fn detects(&self, label: &Label) -> bool {
        self.is_about(label)
            && label.kind.looks_like().contains(&self.concern)
            && self.from <= label.detect_by
            && self.to > label.from
    }
}

/// What fails a backtest.
#[derive(Debug, clap::Args)]
pub(crate) struct Limits {
    /// Fail if fewer than this share of the incidents is detected in time
    #[arg(long, default_value_t = 0.0)]
    least_detected: f64,
    /// Fail if more critical alerts than this are false
    #[arg(long, value_name = "COUNT")]
    most_false_critical: Option<usize>,
    /// Fail if more warnings than this are false
    #[arg(long, value_name = "COUNT")]
    most_false_warnings: Option<usize>,
    /// Fail if more messages than this are sent in one world while many feeds fail
    #[arg(long, value_name = "COUNT")]
    most_messages: Option<usize>,
}

/// What an alert meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    /// There was an incident.
    True,
    /// Something that looks like an incident but is not one.
    Excused,
    False,
}

impl Meaning {
    fn of(alert: &Alert, world: &World) -> Self {
        let labels = world.labels.iter();
        let mut explanations = labels
            .filter(|label| alert.is_explained_by(label))
            .peekable();
        if explanations.peek().is_none() {
            Self::False
        } else if explanations.any(|label| label.kind.is_incident()) {
            Self::True
        } else {
            Self::Excused
        }
    }
}

/// The scores of one or more worlds.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    weeks: f64,
    kinds: BTreeMap<Kind, Found>,
    alerts: BTreeMap<(String, String), BTreeMap<Meaning, usize>>,
    /// False alarms during an outage or in the two hours after it.
    after_outages: usize,
    /// Messages while many feeds fail at once and are run again, and those with a
    /// feed's alert that is not about an incident during an outage and in the two
    /// hours after it, by world.
    messages: Vec<(Vec<String>, Vec<String>)>,
    sent: usize,
    misses: Vec<String>,
    false_alarms: Vec<String>,
}

#[derive(Debug, Default)]
struct Found {
    incidents: usize,
    delays: Vec<SignedDuration>,
}

impl Scores {
    /// Adds a world and the alerts it gave. Outages and what else concerns a
    /// tenant are scored only if `tenants` says that rules for them ran.
    pub(crate) fn add(&mut self, seed: u64, world: &World, alerts: &[Alert], tenants: bool) {
        self.weeks += world.end.duration_since(world.start).as_secs_f64() / (7.0 * 86_400.0);
        for label in &world.labels {
            if label.kind.is_incident() && (tenants || label.kind != Kind::Outage) {
                self.look_for(seed, label, alerts);
            }
        }
        for alert in alerts {
            let meaning = Meaning::of(alert, world);
            let key = (alert.name.clone(), alert.severity.clone());
            *self
                .alerts
                .entry(key)
                .or_default()
                .entry(meaning)
                .or_default() += 1;
            if meaning == Meaning::False {
                self.false_alarms
                    .push(format!("seed {seed}: {}", described(alert, world)));
            }
            if meaning == Meaning::False && is_after_outage(world, &alert.tenant, alert.from) {
                self.after_outages += 1;
            }
        }
    }

    /// Adds the messages that were sent of a world's alerts.
    pub(crate) fn add_notifications(
        &mut self,
        world: &World,
        alerts: &[Alert],
        sent: &[Notification],
    ) {
        let described = |message: &Notification| {
            let alert = message.group.get("alertname").map_or("", String::as_str);
            let (firing, resolved) = (message.firing, message.resolved);
            let time = message.time.strftime("%H:%M");
            format!("{time} {alert}, {firing} firing, {resolved} resolved")
        };
        let about_many = |message: &&Notification| {
            let alerts = message.alerts.iter().map(|index| &alerts[*index]);
            alerts
                .filter(|alert| alert.name.contains("Feed"))
                .any(|alert| is_of_many_failures(alert, world))
        };
        let about_outages = |message: &&Notification| {
            let tenant = message.group.get("tenant").map_or("", String::as_str);
            let of_feeds = message.group.get("alertname");
            let mut alerts = message.alerts.iter().map(|index| &alerts[*index]);
            of_feeds.is_some_and(|name| name.contains("Feed"))
                && is_after_outage(world, tenant, message.time)
                && alerts.any(|alert| Meaning::of(alert, world) != Meaning::True)
        };
        self.sent += sent.len();
        self.messages.push((
            sent.iter().filter(about_many).map(described).collect(),
            sent.iter().filter(about_outages).map(described).collect(),
        ));
    }

    /// An error if a limit is exceeded.
    pub(crate) fn check(&self, limits: &Limits) -> anyhow::Result<()> {
        let detected: usize = self.kinds.values().map(|found| found.delays.len()).sum();
        let all: usize = self.kinds.values().map(|found| found.incidents).sum();
        let share = detected as f64 / all.max(1) as f64;
        anyhow::ensure!(
            share >= limits.least_detected,
            "only {:.0} % of the incidents were detected in time, not {:.0} %",
            100.0 * share,
            100.0 * limits.least_detected
        );
        let most = |what: &str, count: usize, most: Option<usize>| {
            let most = most.unwrap_or(usize::MAX);
            anyhow::ensure!(count <= most, "{count} {what}, more than {most}");
            Ok(())
        };
        let of_severity = |severity: &str| {
            let alerts = self
                .alerts
                .iter()
                .filter(|((_, other), _)| other == severity);
            alerts
                .filter_map(|(_, meanings)| meanings.get(&Meaning::False))
                .sum()
        };
        most(
            "critical alerts were false",
            of_severity("critical"),
            limits.most_false_critical,
        )?;
        most(
            "warnings were false",
            of_severity("warning"),
            limits.most_false_warnings,
        )?;
        let messages = self.messages.iter().map(|(many, _)| many.len()).max();
        most(
            "messages were sent while many feeds failed",
            messages.unwrap_or_default(),
            limits.most_messages,
        )
    }

    fn look_for(&mut self, seed: u64, label: &Label, alerts: &[Alert]) {
        let found = self.kinds.entry(label.kind).or_default();
        found.incidents += 1;
        let detecting = alerts.iter().filter(|alert| alert.detects(label));
        if let Some(detected) = detecting.map(|alert| alert.from).min() {
            found.delays.push(
                detected
                    .duration_since(label.from)
                    .max(SignedDuration::ZERO),
            );
            return;
        }
        let later = alerts.iter().filter(|alert| {
            alert.is_about(label)
                && label.kind.looks_like().contains(&alert.concern)
                && alert.from > label.detect_by
        });
        let later = later
            .map(|alert| alert.from)
            .min()
            .filter(|from| *from <= label.until);
        let later = later.map_or("never".to_owned(), |from| {
            format!(
                "{} after the bound",
                hours(from.duration_since(label.detect_by))
            )
        });
        self.misses.push(format!(
            "seed {seed}: {:?} of {} ({}, {}) at {}: detected {later}",
            label.kind,
            label.feeds.first().map_or("the tenant", |feed| &feed.0),
            label.schedule,
            label.tenant,
            label.from.strftime("%a %F %H:%M"),
        ));
    }

    /// The table, and each miss and false alarm.
    pub(crate) fn report(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(
            out,
            "| incident | detected in time | delay, median | delay, longest |\n|---|---|---|---|"
        );
        let (mut detected, mut all) = (0, 0);
        for (kind, found) in &self.kinds {
            let mut delays = found.delays.clone();
            delays.sort();
            let median = delays
                .get(delays.len() / 2)
                .map_or("–".to_owned(), |delay| hours(*delay));
            let longest = delays.last().map_or("–".to_owned(), |delay| hours(*delay));
            let _ = writeln!(
                out,
                "| {kind:?} | {} of {} | {median} | {longest} |",
                delays.len(),
                found.incidents
            );
            detected += delays.len();
            all += found.incidents;
        }
        let _ = writeln!(out, "| **all** | **{detected} of {all}** | | |\n");
        let _ = writeln!(
            out,
            "| alert | severity | true | excused | false | false a week | precision |\n|---|---|---|---|---|---|---|"
        );
        let mut sums = BTreeMap::new();
        for ((name, severity), meanings) in &self.alerts {
            self.line(&mut out, name, severity, meanings);
            let sum: &mut BTreeMap<Meaning, usize> = sums.entry(severity.clone()).or_default();
            for (meaning, count) in meanings {
                *sum.entry(*meaning).or_default() += count;
            }
        }
        for (severity, meanings) in &sums {
            self.line(&mut out, "**all**", severity, meanings);
        }
        let _ = writeln!(
            out,
            "\nFalse alarms during outages and in the two hours after: {}",
            self.after_outages
        );
        if !self.messages.is_empty() {
            let _ = writeln!(
                out,
                "\nMessages: {:.1} a week.",
                self.sent as f64 / self.weeks
            );
            for (many, outages) in &self.messages {
                let _ = writeln!(
                    out,
                    "While many feeds fail at once and are run again: {} ({}). About feeds without an incident, during an outage and two hours after: {} ({}).",
                    many.len(),
                    many.join("; "),
                    outages.len(),
                    outages.join("; ")
                );
            }
        }
        let _ = writeln!(out, "\nMissed ({}):", self.misses.len());
        self.misses.iter().for_each(|miss| {
            let _ = writeln!(out, "- {miss}");
        });
        let _ = writeln!(out, "\nFalse alarms ({}):", self.false_alarms.len());
        self.false_alarms.iter().for_each(|alarm| {
            let _ = writeln!(out, "- {alarm}");
        });
        out
    }

    fn line(
        &self,
        out: &mut String,
        name: &str,
        severity: &str,
        meanings: &BTreeMap<Meaning, usize>,
    ) {
        let count = |meaning| meanings.get(&meaning).copied().unwrap_or_default();
        let (good, bad) = (count(Meaning::True), count(Meaning::False));
        let precision = match good + bad {
            0 => "–".to_owned(),
            all => format!("{:.0} %", 100.0 * good as f64 / all as f64),
        };
        let _ = writeln!(
            out,
            "| {name} | {severity} | {good} | {} | {bad} | {:.2} | {precision} |",
            count(Meaning::Excused),
            bad as f64 / self.weeks,
        );
    }
}

/// Whether an alert fires because many feeds fail at once, and for nothing else.
fn is_of_many_failures(alert: &Alert, world: &World) -> bool {
    let labels = world.labels.iter();
    let mut explanations = labels
        .filter(|label| alert.is_explained_by(label))
        .peekable();
    explanations.peek().is_some() && explanations.all(|label| label.kind == Kind::ManyFailAtOnce)
}

/// Whether a time is in an outage of a tenant or in the two hours after it.
fn is_after_outage(world: &World, tenant: &str, time: Timestamp) -> bool {
    let after = SignedDuration::from_hours(2);
    let mut outages = world
        .outages
        .iter()
        .filter(|outage| outage.tenant == tenant);
    outages.any(|outage| (outage.from..outage.to + after).contains(&time))
}

fn described(alert: &Alert, world: &World) -> String {
    let feed = alert.feed.as_ref();
    let name = feed.map_or("the tenant", |feed| &feed.0);
    // The last thing that happened to it may be the cause.
    let before =
        world.labels.iter().rev().find(|label| {
            alert.is_about(label) && label.from <= alert.from && !label.feeds.is_empty()
        });
    let before = before.map_or(String::new(), |label| {
        format!(
            "; {} after {:?}",
            hours(alert.from.duration_since(label.from)),
            label.kind
        )
    });
    let schedule = feed
        .and_then(|feed| world.schedules.get(feed))
        .map_or("", |text| text);
    format!(
        "{} of {name} ({schedule}, {}) from {} for {}{before}",
        alert.name,
        alert.tenant,
        alert.from.strftime("%a %F %H:%M"),
        hours(alert.to.duration_since(alert.from)),
    )
}

fn hours(duration: SignedDuration) -> String {
    let minutes = duration.as_mins();
    match minutes {
        ..60 => format!("{minutes} min"),
        60..2880 => format!("{} h {:02} min", minutes / 60, minutes % 60),
        _ => format!("{} d", minutes / 1440),
    }
}
