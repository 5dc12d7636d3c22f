//! `feeds.expect`: from entries as they are written to rules.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::config::cron::CronSchedule;
use crate::config::expect::{FeedRule, FeedRules, Known, KnownSchedule, Severity};
use crate::config::file::{self, Origin, Text, Written};
use crate::config::pattern::Pattern;
use crate::config::values::{Bounds, Reader};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// Unless `within` says otherwise, a success is late this long after its time,
/// and at most half an interval after its interval.
const WITHIN: Duration = Duration::from_hours(2);

/// Names and teams become labels.
const LONGEST_NAME: usize = 200;

/// The rules, in the order of the file.
pub(super) fn feed_rules(reader: &mut Reader, written: &[Written<file::Expect>]) -> FeedRules {
    let mut rules: Vec<Arc<FeedRule>> = Vec::with_capacity(written.len());
    let mut origins: Vec<Origin> = Vec::new();
    for (index, entry) in written.iter().enumerate() {
        let place = format!("feeds.expect[{index}]");
        let rule = feed_rule(reader, entry, &place);
        let same = |earlier: &Arc<FeedRule>| {
            (&earlier.tenant, &earlier.table, &earlier.feed)
                == (&rule.tenant, &rule.table, &rule.feed)
        };
        if let Some(first) = rules.iter().position(same)
            && let Some(Origin::Line(line)) = origins.get(first)
        {
            let message = format!(
                "line {line} matches the same feeds, and the first match wins; merge the two"
            );
            reader.problems.add(entry.origin, &place, message);
        }
        rules.push(Arc::new(rule));
        origins.push(entry.origin);
    }
    FeedRules(rules)
}

fn feed_rule(reader: &mut Reader, entry: &Written<file::Expect>, place: &str) -> FeedRule {
    let written = &entry.value;
    let mut pattern = |text: &Text, field: &str| {
        let text = text.as_ref()?;
        if text.value.is_empty() {
            let message = "must not be empty; `*` matches any";
            reader
                .problems
                .add(text.origin, &format!("{place}.{field}"), message);
        }
        Some(Pattern::new(&text.value))
    };
    let (tenant, table) = (
        pattern(&written.tenant, "tenant"),
        pattern(&written.table, "table"),
    );
    let feed = pattern(&written.feed, "feed");
    if tenant.is_none() && table.is_none() && feed.is_none() {
        let message = "matches no feed; add `table:` or `feed:`, exact or with `*`";
        reader.problems.add(entry.origin, place, message);
    }
    let rule = FeedRule {
        tenant,
        table,
        feed,
        known: known(reader, entry, place),
        name: name(reader, &written.name, &format!("{place}.name")),
        team: name(reader, &written.team, &format!("{place}.team")),
        severity: severity(reader, &written.severity, &format!("{place}.severity")),
    };
    if written.says_nothing() {
        let message = "says nothing about the feed; add a key, such as `every: 1d` or `team: crm`";
        reader.problems.add(entry.origin, place, message);
    }
    rule
}

fn known(reader: &mut Reader, entry: &Written<file::Expect>, place: &str) -> Known {
    let written = &entry.value;
    let rows = written.read_rows.clone().unwrap_or_default();
    if let (Some(low), Some(high)) = (&rows.low, &rows.high)
        && low.value > high.value
    {
        let message = "must not be more than high";
        reader
            .problems
            .add(low.origin, &format!("{place}.read_rows.low"), message);
    }
    let duration = written.duration.as_ref().map(|_| {
        let bounds = Bounds {
            default: DAY,
            least: Duration::from_secs(1),
            most: DAY * 31,
        };
        reader.duration(&written.duration, &format!("{place}.duration"), bounds)
    });
    let timezone = zone(reader, &written.timezone, &format!("{place}.timezone"));
    let schedule = schedule(reader, entry, timezone.as_ref(), place);
    Known {
        timezone: timezone.filter(|_| schedule.is_none()),
        schedule,
        low_read_rows: rows.low.map(|low| low.value),
        high_read_rows: rows.high.map(|high| high.value),
        error_ratio: ratio(
            reader,
            written.error_ratio.as_ref(),
            &format!("{place}.error_ratio"),
        ),
        rejected_ratio: ratio(
            reader,
            written.rejected_ratio.as_ref(),
            &format!("{place}.rejected_ratio"),
        ),
        duration,
    }
}

fn schedule(
    reader: &mut Reader,
    entry: &Written<file::Expect>,
    timezone: Option<&TimeZone>,
    place: &str,
) -> Option<KnownSchedule> {
    let written = &entry.value;
    let ad_hoc = written.ad_hoc == Some(true);
    let given = [written.schedule.is_some(), written.every.is_some(), ad_hoc];
    if given.iter().filter(|given| **given).count() > 1 {
        let message = "more than one schedule; keep one of schedule, every and ad_hoc";
        reader.problems.add(entry.origin, place, message);
    }
    if let Some(zone) = &written.timezone
        && (written.every.is_some() || ad_hoc)
    {
        let message = "has no effect on this schedule; remove it";
        reader
            .problems
            .add(zone.origin, &format!("{place}.timezone"), message);
    }
    if let (Some(within), None, None) = (&written.within, &written.schedule, &written.every) {
        let message = "is for a schedule; add `schedule:` or `every:`";
        reader
            .problems
            .add(within.origin, &format!("{place}.within"), message);
    }
    if let Some(line) = &written.schedule {
        let within = within(reader, &written.within, place, WITHIN);
        let zone = timezone.cloned().unwrap_or(TimeZone::UTC);
        let schedule = CronSchedule::new(line.value.trim(), zone);
        if schedule.is_none() {
            let message =
                "not a cron expression that ever matches; write five fields like `30 2 * * 1-5`";
            reader
                .problems
                .add(line.origin, &format!("{place}.schedule"), message);
        }
        return Some(KnownSchedule::Cron(Box::new(schedule?), within));
    }
    if written.every.is_some() {
        let bounds = Bounds {
            default: DAY,
            least: MINUTE,
            most: DAY * 400,
        };
        let every = reader.duration(&written.every, &format!("{place}.every"), bounds);
        let within = within(reader, &written.within, place, WITHIN.min(every / 2));
        return Some(KnownSchedule::Every(every, within));
    }
    ad_hoc.then_some(KnownSchedule::AdHoc)
}

fn within(reader: &mut Reader, written: &Text, place: &str, default: Duration) -> Duration {
    let bounds = Bounds {
        default,
        least: MINUTE,
        most: DAY * 31,
    };
    reader.duration(written, &format!("{place}.within"), bounds)
}

fn zone(reader: &mut Reader, written: &Text, place: &str) -> Option<TimeZone> {
    let text = written.as_ref()?;
    let zone = TimeZone::get(text.value.trim());
    if zone.is_err() {
        let message = "not a time zone; write its name, like America/Los_Angeles";
        reader.problems.add(text.origin, place, message);
    }
    zone.ok()
}

fn ratio(reader: &mut Reader, written: Option<&Written<f64>>, place: &str) -> Option<f64> {
    let written = written?;
    if !(0.0..=1.0).contains(&written.value) {
        let message = "must be from 0 to 1, such as 0.01 for one in a hundred";
        reader.problems.add(written.origin, place, message);
    }
    Some(written.value)
}

fn name(reader: &mut Reader, written: &Text, place: &str) -> Option<String> {
    let text = written.as_ref()?;
    let name = text.value.trim();
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
        let message = format!("must be one line of at most {LONGEST_NAME} bytes");
        reader.problems.add(text.origin, place, message);
    }
    Some(name.to_owned())
}

fn severity(reader: &mut Reader, written: &Text, place: &str) -> Option<Severity> {
    let text = written.as_ref()?;
    let all = [
        Severity::Critical,
        Severity::Warning,
        Severity::Info,
        Severity::None,
    ];
    let found = all
        .into_iter()
        .find(|severity| severity.as_str() == text.value);
    if found.is_none() {
        let message = "must be critical, warning, info or none";
        reader.problems.add(text.origin, place, message);
    }
    found
}
