//! What would be expected of each feed by the jobs that the API lists now.

use std::collections::BTreeMap;

use crate::config::{Known, Severity, Tenant};
use crate::expectations::{Learned, Run, learn};
use crate::jobs::{Job, State};

pub(super) const HEAD: [&str; 6] = ["TENANT", "TABLE", "FEED", "EXPECTED", "DUE", "TEAM"];

/// One row per feed.
pub(super) fn rows(tenant: &Tenant, jobs: &[Job]) -> Vec<[String; 6]> {
    let mut feeds: BTreeMap<(&str, &str), Vec<Run>> = BTreeMap::new();
    for table in jobs.iter().flat_map(|job| &job.tables) {
        let runs = feeds.entry((&table.table, &table.feed)).or_default();
        if let (true, Some(started_at), Some(ended_at)) =
            (table.finished, table.started_at, table.ended_at)
        {
            runs.push(Run {
                started_at,
                ended_at,
                succeeded: table.state == Some(State::Succeeded),
                read: table.rows.read,
                rejected: table.rows.rejected,
                errors: table.rows.errors,
            });
        }
    }
    let row = |((table, feed), runs): (&(&str, &str), &Vec<Run>)| {
        let rule = tenant.feed_rules.of(&tenant.tenant, table, feed);
        let known = rule.map(|rule| &rule.known);
        let timezone = known.and_then(|known| known.timezone.as_ref());
        let learned = learn(runs, &[], timezone);
        let team = rule.and_then(|rule| rule.team.clone());
        let muted = rule.is_some_and(|rule| rule.severity == Some(Severity::None));
        let name = rule.and_then(|rule| rule.name.as_deref()).unwrap_or(table);
        let muted = if muted { ", no alerts" } else { "" };
        [
            tenant.tenant.to_string(),
            name.to_owned(),
            (*feed).to_owned(),
            learned.describe_schedule(known) + muted,
            due(&learned, known),
            team.unwrap_or_else(|| "-".to_owned()),
        ]
    };
    feeds.iter().map(row).collect()
}

fn due(learned: &Learned, known: Option<&Known>) -> String {
    let due = learned.expected(known, None, &[]).due;
    due.map_or_else(|| "-".to_owned(), |due| format!("{due:.0}"))
}
