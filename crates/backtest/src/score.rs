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

/// What an alert meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    /// There was an incident.
    True,
    /// Something that looks like an incident and is none.
    Excused,
    False,
}

/// The scores of one or more worlds.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    weeks: f64,
    kinds: BTreeMap<Kind, Found>,
    alerts: BTreeMap<(String, String), BTreeMap<Meaning, usize>>,
    /// False alarms during an outage or in the two hours after it.
    after_outages: usize,
    /// Messages while many feeds fail at once and are run again, and those
    /// during an outage and in the two hours after it, by world.
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
            let mut explanations = world
                .labels
                .iter()
                .filter(|label| alert.is_explained_by(label));
            let meaning = match explanations.next() {
                Some(label) if label.kind.is_incident() => Meaning::True,
                Some(_) if explanations.any(|label| label.kind.is_incident()) => Meaning::True,
                Some(_) => Meaning::Excused,
                None => Meaning::False,
            };
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
            let after = SignedDuration::from_hours(2);
            let outage = |outage: &crate::world::Outage| {
                outage.tenant == alert.tenant
                    && (outage.from..outage.to + after).contains(&alert.from)
            };
            if meaning == Meaning::False && world.outages.iter().any(outage) {
                self.after_outages += 1;
            }
        }
    }

    /// Adds the messages that were sent of a world's alerts.
    pub(crate) fn add_notifications(&mut self, world: &World, sent: &[Notification]) {
        let hours = SignedDuration::from_hours;
        let of_kind = |kind: Kind, after: SignedDuration, feeds_only: bool| {
            let labels = world.labels.iter().filter(|label| label.kind == kind);
            let spans: Vec<_> = labels
                .map(|label| (label, label.from..label.until + after))
                .collect();
            let counts = |message: &&Notification| {
                let of_feeds = message
                    .group
                    .get("alertname")
                    .is_none_or(|name| name.contains("Feed"));
                (of_feeds || !feeds_only)
                    && spans.iter().any(|(label, span)| {
                        span.contains(&message.time)
                            && message.group.get("tenant") == Some(&label.tenant)
                    })
            };
            sent.iter()
                .filter(counts)
                .map(|message| format!("{} firing, {} resolved", message.firing, message.resolved))
                .collect::<Vec<_>>()
        };
        self.sent += sent.len();
        let many = of_kind(Kind::ManyFailAtOnce, SignedDuration::ZERO, true);
        self.messages
            .push((many, of_kind(Kind::Outage, hours(2), true)));
    }

    /// The share of the incidents that were detected in time.
    pub(crate) fn share_detected(&self) -> f64 {
        let detected: usize = self.kinds.values().map(|found| found.delays.len()).sum();
        let all: usize = self.kinds.values().map(|found| found.incidents).sum();
        detected as f64 / all.max(1) as f64
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
                    "While many feeds fail at once and are run again: {} ({}). About feeds during an outage and two hours after: {} ({}).",
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
