//! Notifications: alerts grouped, inhibited and repeated as Alertmanager does
//! by the shipped configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::score::Alert;

type Labels = BTreeMap<String, String>;

/// How finely time is divided.
const TICK: SignedDuration = SignedDuration::from_secs(10);

/// The parts of Alertmanager's configuration that decide what is sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Configuration {
    route: Route,
    #[serde(default)]
    inhibit_rules: Vec<Inhibition>,
}

#[derive(Debug, Default, Deserialize)]
struct Route {
    #[serde(default)]
    matchers: Vec<String>,
    receiver: Option<String>,
    group_by: Option<Vec<String>>,
    group_wait: Option<String>,
    group_interval: Option<String>,
    repeat_interval: Option<String>,
    #[serde(default)]
    routes: Vec<Route>,
}

#[derive(Debug, Deserialize)]
struct Inhibition {
    source_matchers: Vec<String>,
    target_matchers: Vec<String>,
    #[serde(default)]
    equal: Vec<String>,
}

/// A route with what it inherits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Resolved {
    receiver: String,
    group_by: Vec<String>,
    wait: SignedDuration,
    interval: SignedDuration,
    repeat: SignedDuration,
}

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    pub(crate) time: Timestamp,
    pub(crate) group: Labels,
    pub(crate) firing: usize,
    pub(crate) resolved: usize,
    /// The alerts in it, by their place in the list.
    pub(crate) alerts: BTreeSet<usize>,
}

/// What a receiver was sent last of a group.
#[derive(Debug, Default)]
struct Sent {
    firing: BTreeSet<usize>,
    resolved: BTreeSet<usize>,
    at: Option<Timestamp>,
}

struct Group {
    labels: Labels,
    route: Resolved,
    flush_at: Timestamp,
    /// Alerts, by their place in the list, that have not ended or whose end
    /// was not flushed.
    alerts: BTreeSet<usize>,
    sent: Sent,
}

impl Configuration {
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        Ok(serde_saphyr::from_str(&text)?)
    }

    /// All messages, in order, for alerts in the order in which they fire.
    pub(crate) fn notifications(&self, alerts: &[Alert]) -> anyhow::Result<Vec<Notification>> {
        let root = resolve(&self.route, None)?;
        let routes: Vec<Resolved> = alerts
            .iter()
            .map(|alert| route(&self.route, &root, &alert.labels))
            .collect::<anyhow::Result<_>>()?;
        let mut groups: BTreeMap<(Resolved, Labels), Group> = BTreeMap::new();
        let mut sent = Vec::new();
        let Some(mut now) = alerts.first().map(|alert| alert.from) else {
            return Ok(sent);
        };
        let mut next = 0;
        while next < alerts.len() || !groups.is_empty() {
            if groups.is_empty() {
                now = now.max(alerts[next].from);
            }
            while let Some(alert) = alerts.get(next).filter(|alert| alert.from <= now) {
                let route = &routes[next];
                let labels = group_labels(route, &alert.labels);
                let group = groups
                    .entry((route.clone(), labels.clone()))
                    .or_insert_with(|| Group {
                        labels,
                        route: route.clone(),
                        flush_at: now + route.wait,
                        alerts: BTreeSet::new(),
                        sent: Sent::default(),
                    });
                group.alerts.insert(next);
                next += 1;
            }
            for group in groups.values_mut().filter(|group| group.flush_at <= now) {
                let muted = |index: usize| self.is_inhibited(&alerts[index], alerts, now);
                sent.extend(group.flush(alerts, now, muted)?);
            }
            groups.retain(|_, group| !group.alerts.is_empty());
            now += TICK;
        }
        Ok(sent)
    }

    fn is_inhibited(
        &self,
        target: &Alert,
        alerts: &[Alert],
        now: Timestamp,
    ) -> anyhow::Result<bool> {
        for rule in &self.inhibit_rules {
            if !matches_all(&rule.target_matchers, &target.labels)? {
                continue;
            }
            for source in alerts
                .iter()
                .filter(|alert| alert.from <= now && now < alert.to)
            {
                let equal = |name: &String| source.labels.get(name) == target.labels.get(name);
                if matches_all(&rule.source_matchers, &source.labels)?
                    && rule.equal.iter().all(equal)
                    && !(matches_all(&rule.target_matchers, &source.labels)?
                        && matches_all(&rule.source_matchers, &target.labels)?)
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

impl Group {
    fn flush(
        &mut self,
        alerts: &[Alert],
        now: Timestamp,
        muted: impl Fn(usize) -> anyhow::Result<bool>,
    ) -> anyhow::Result<Option<Notification>> {
        self.flush_at = now + self.route.interval;
        let (mut firing, mut resolved) = (BTreeSet::new(), BTreeSet::new());
        for index in self.alerts.clone() {
            let has_ended = alerts[index].to <= now;
            if has_ended {
                self.alerts.remove(&index);
            }
            if !muted(index)? {
                if has_ended {
                    &mut resolved
                } else {
                    &mut firing
                }
                .insert(index);
            }
        }
        let last = &self.sent;
        let due = last.at.is_none_or(|at| now >= at + self.route.repeat);
        let is_news = if last.at.is_none() {
            !firing.is_empty()
        } else if firing.is_empty() {
            !last.firing.is_empty() && !resolved.is_empty()
        } else {
            !firing.is_subset(&last.firing) || !resolved.is_subset(&last.resolved) || due
        };
        if !is_news || self.route.receiver == "none" {
            return Ok(None);
        }
        let notification = Notification {
            time: now,
            group: self.labels.clone(),
            firing: firing.len(),
            resolved: resolved.len(),
            alerts: firing.union(&resolved).copied().collect(),
        };
        self.sent = Sent {
            firing,
            resolved,
            at: Some(now),
        };
        Ok(Some(notification))
    }
}

fn group_labels(route: &Resolved, labels: &Labels) -> Labels {
    let is_kept = |name: &String| route.group_by.contains(name);
    labels
        .iter()
        .filter(|(name, _)| is_kept(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn resolve(route: &Route, parent: Option<&Resolved>) -> anyhow::Result<Resolved> {
    let duration = |own: &Option<String>, inherited: Option<SignedDuration>, default: i64| match own
    {
        Some(text) => {
            let duration = humantime::parse_duration(text)?;
            Ok::<_, anyhow::Error>(SignedDuration::try_from(duration)?)
        }
        None => Ok(inherited.unwrap_or(SignedDuration::from_secs(default))),
    };
    Ok(Resolved {
        receiver: route
            .receiver
            .clone()
            .or(parent.map(|parent| parent.receiver.clone()))
            .unwrap_or_default(),
        group_by: route
            .group_by
            .clone()
            .or(parent.map(|parent| parent.group_by.clone()))
            .unwrap_or_default(),
        wait: duration(&route.group_wait, parent.map(|parent| parent.wait), 30)?,
        interval: duration(
            &route.group_interval,
            parent.map(|parent| parent.interval),
            300,
        )?,
        repeat: duration(
            &route.repeat_interval,
            parent.map(|parent| parent.repeat),
            14_400,
        )?,
    })
}

/// The route of an alert: the first child that matches, down the tree.
fn route(route_: &Route, resolved: &Resolved, labels: &Labels) -> anyhow::Result<Resolved> {
    for child in &route_.routes {
        if matches_all(&child.matchers, labels)? {
            let resolved = resolve(child, Some(resolved))?;
            return route(child, &resolved, labels);
        }
    }
    Ok(resolved.clone())
}

fn matches_all(matchers: &[String], labels: &Labels) -> anyhow::Result<bool> {
    for matcher in matchers {
        if !matches(matcher, labels)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One matcher, such as `alertname=~"A|B.*"`. Of regular expressions only
/// alternatives and `.*` are known.
fn matches(matcher: &str, labels: &Labels) -> anyhow::Result<bool> {
    let operator = matcher
        .find(['=', '!'])
        .context("a matcher without an operator")?;
    let (name, rest) = matcher.split_at(operator);
    let length = if rest.starts_with("=~") || rest.starts_with("!~") || rest.starts_with("!=") {
        2
    } else {
        1
    };
    let (operator, value) = rest.split_at(length);
    let value = value.trim().trim_matches('"');
    let actual = labels.get(name.trim()).map_or("", String::as_str);
    let alternative = |pattern: &str| {
        let parts: Vec<&str> = pattern.split(".*").collect();
        ensure!(
            !pattern
                .replace(".*", "")
                .contains(['(', '[', '.', '+', '?', '\\']),
            "{matcher}: not supported"
        );
        Ok(match parts.as_slice() {
            [whole] => actual == *whole,
            [start, end] => actual.starts_with(start) && actual[start.len()..].ends_with(end),
            _ => anyhow::bail!("{matcher}: not supported"),
        })
    };
    let any = |alternatives: &str| {
        let results: anyhow::Result<Vec<bool>> = alternatives.split('|').map(alternative).collect();
        results.map(|results| results.contains(&true))
    };
    Ok(match operator {
        "=" => actual == value,
        "!=" => actual != value,
        "=~" => any(value)?,
        _ => !any(value)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::label::Concern;

    fn alert(name: &str, feed: &str, minutes: std::ops::Range<i64>) -> Alert {
        let labels = [("alertname", name), ("tenant", "t"), ("feed", feed)];
        let time = |minute: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
        Alert {
            name: name.to_owned(),
            concern: Concern::Failed,
            severity: String::new(),
            tenant: "t".to_owned(),
            feed: Some(("table".to_owned(), feed.to_owned())),
            from: time(minutes.start),
            to: time(minutes.end),
            labels: labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        }
    }

    #[test]
    fn alerts_are_grouped_inhibited_repeated_and_resolved() {
        let configuration: Configuration = serde_saphyr::from_str(
            "route: {receiver: mail, group_by: [alertname, tenant], group_wait: 30s, group_interval: 5m, repeat_interval: 4h}\n\
             inhibit_rules: [{source_matchers: ['alertname=\"Cause\"'], target_matchers: ['alertname=~\"Effect.*\"'], equal: [tenant]}]",
        )
        .unwrap();
        let sent = |alerts: &[Alert]| {
            let sent = configuration.notifications(alerts).unwrap();
            let described = sent
                .iter()
                .map(|sent| (sent.time.as_second(), sent.firing, sent.resolved));
            described.collect::<Vec<_>>()
        };
        // Two feeds at once, one a little later, and the end of all.
        assert_eq!(
            sent(&[
                alert("A", "1", 0..60),
                alert("A", "2", 0..60),
                alert("A", "3", 2..60)
            ]),
            [(30, 2, 0), (330, 3, 0), (3630, 0, 3)]
        );
        assert_eq!(
            sent(&[alert("A", "1", 0..300)]),
            [(30, 1, 0), (14430, 1, 0), (18030, 0, 1)]
        );
        assert_eq!(
            sent(&[alert("Cause", "", 0..60), alert("EffectOne", "1", 0..60)]),
            [(30, 1, 0), (3630, 0, 1)]
        );
    }
}
