//! What a person knows about feeds: when they run, how much they load, how
//! long they take, what they are called and who looks after them.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::cron::CronSchedule;
use super::pattern::Pattern;

/// The entries of `feeds.expect`, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeedRules(pub(super) Vec<Arc<FeedRule>>);

/// One entry of `feeds.expect`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeedRule {
    pub(super) tenant: Option<Pattern>,
    pub(super) table: Option<Pattern>,
    pub(super) feed: Option<Pattern>,
    /// What to expect of the feed.
    pub known: Known,
    /// What people call the feed.
    pub name: Option<String>,
    /// Who looks after the feed.
    pub team: Option<String>,
    /// How severe alerts about the feed are.
    pub severity: Option<Severity>,
}

/// What is configured and need not be learned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// When the feed runs.
    pub schedule: Option<KnownSchedule>,
    /// The time zone of a schedule that is learned.
    pub timezone: Option<TimeZone>,
    /// Fewer read rows are unusual.
    pub low_read_rows: Option<u64>,
    /// More read rows are unusual.
    pub high_read_rows: Option<u64>,
    /// A greater share of error rows is unusual.
    pub error_ratio: Option<f64>,
    /// A greater share of rejected rows is unusual.
    pub rejected_ratio: Option<f64>,
    /// A longer run is unusual.
    pub duration: Option<Duration>,
}

/// When a feed runs.
#[derive(Clone, Debug, PartialEq)]
pub enum KnownSchedule {
    /// By a cron line; a success is late this long after its time.
    Cron(Box<CronSchedule>, Duration),
    /// A success is late this long after the last one: the interval, plus
    /// the tolerated delay.
    Every(Duration, Duration),
    /// At no particular time: never late.
    AdHoc,
}

/// How severe alerts about a feed are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Somebody must act at once.
    Critical,
    /// Somebody must act today.
    Warning,
    /// Nobody must act.
    Info,
    /// There are no alerts.
    None,
}

impl Severity {
    /// As it is written, in the configuration and in labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::None => "none",
        }
    }
}

#[cfg(test)]
impl FeedRules {
    /// One entry, which matches every feed.
    pub(crate) fn of_all(known: Known) -> Self {
        Self(vec![Arc::new(FeedRule {
            known,
            ..FeedRule::default()
        })])
    }
}

impl FeedRules {
    /// The first entry that matches the feed.
    #[must_use]
    pub fn of(&self, tenant: &str, table: &str, feed: &str) -> Option<&Arc<FeedRule>> {
        let matches = |pattern: &Option<Pattern>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches(text))
        };
        self.0.iter().find(|rule| {
            matches(&rule.tenant, tenant)
                && matches(&rule.table, table)
                && matches(&rule.feed, feed)
        })
    }
}
