//! What is wrong with a feed, by the same rules as the alerts. Pure.

use jiff::Timestamp;

use crate::config::Severity;
use crate::feeds::{Feed, Run};
use crate::jobs::State;

use super::words::{float, seconds_between};

/// How a feed is doing, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Condition {
    /// A run failed and none has succeeded since.
    Failed,
    /// The next success is overdue.
    Late,
    /// A run was stopped or canceled and none has succeeded since.
    Stopped,
    /// A duration, a number of rows or a ratio is outside the usual range.
    Unusual,
    /// Any of these, of a feed with `severity: none`.
    Muted,
    /// A run is in progress.
    Running,
    /// Nothing is wrong.
    Fine,
}

impl Condition {
    /// Those that need attention.
    pub(super) const TROUBLE: [Self; 4] = [Self::Failed, Self::Late, Self::Stopped, Self::Unusual];

    /// As in `2 feeds late`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Late => "late",
            Self::Stopped => "stopped",
            Self::Unusual => "unusual",
            Self::Muted => "without alerts",
            Self::Running => "running",
            Self::Fine => "fine",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Problem {
    /// Runs since the last success, one of which failed.
    Failed { runs: u64 },
    /// Seconds since the next success was due.
    Late { by: u64 },
    /// Runs since the last success, none of which failed, and the state of the
    /// latest.
    Stopped { runs: u64, state: Option<State> },
    /// Seconds for which a run has been in progress.
    Slow { running: u64, limit: f64 },
    /// The share of error rows of the last run.
    Errors { ratio: f64, limit: f64 },
    /// The share of rejected rows of the last run.
    Rejections { ratio: f64, limit: f64 },
    /// The rows that the last run read.
    FewRows { read: u64, low: f64 },
    /// The rows that the last run read.
    ManyRows { read: u64, high: f64 },
}

impl Problem {
    fn condition(&self) -> Condition {
        match self {
            Self::Failed { .. } => Condition::Failed,
            Self::Late { .. } => Condition::Late,
            Self::Stopped { .. } => Condition::Stopped,
            _ => Condition::Unusual,
        }
    }
}

/// A feed and what is wrong with it.
#[derive(Debug)]
pub(super) struct AssessedFeed<'a> {
    pub(super) feed: &'a Feed,
    pub(super) condition: Condition,
    /// Worst first.
    pub(super) problems: Vec<Problem>,
}

impl<'a> AssessedFeed<'a> {
    /// Assesses a feed as of `data_time`, when its data was fetched: while the
    /// API cannot be reached, no feed becomes late.
    pub(super) fn new(feed: &'a Feed, data_time: Option<Timestamp>) -> Self {
        let unsuccessful = unsuccessful(feed);
        let mut problems: Vec<Problem> = unsuccessful.into_iter().collect();
        if let Some(data_time) = data_time {
            problems.extend(late(feed, data_time));
            problems.extend(slow(feed, data_time));
        }
        if let Some(run) = &feed.last_run
            && !problems.iter().any(is_unsuccessful)
        {
            problems.extend(ratios(feed, run));
            problems.extend(volume(feed, run));
        }
        problems.sort_by_key(Problem::condition);
        let condition = match problems.first() {
            Some(_) if is_muted(feed) => Condition::Muted,
            Some(problem) => problem.condition(),
            None if is_running(feed) => Condition::Running,
            None => Condition::Fine,
        };
        Self {
            feed,
            condition,
            problems,
        }
    }

    /// Seconds since the next success was due.
    pub(super) fn late_by(&self) -> Option<u64> {
        self.problems.iter().find_map(|problem| match problem {
            Problem::Late { by } => Some(*by),
            _ => None,
        })
    }
}

/// Whether the newest run is unfinished.
pub(super) fn is_running(feed: &Feed) -> bool {
    let unfinished = |state: &State| !state.is_terminal() && !matches!(state, State::Other(_));
    feed.running_since.is_some() || feed.state.as_ref().is_some_and(unfinished)
}

/// Whether there are no alerts for the feed.
pub(super) fn is_muted(feed: &Feed) -> bool {
    let rule = feed.rule.as_ref();
    rule.is_some_and(|rule| rule.severity == Some(Severity::None))
}

/// Whether a run did not succeed, none has since, and there are alerts for the
/// feed.
pub(super) fn is_wrong_now(feed: &Feed, run: &Run) -> bool {
    is_unresolved(feed, run) && !is_muted(feed)
}

fn is_unresolved(feed: &Feed, run: &Run) -> bool {
    let later = |success: Timestamp| run.ordered_at > success;
    run.failed() && feed.last_success.is_none_or(later)
}

fn is_unsuccessful(problem: &Problem) -> bool {
    matches!(problem, Problem::Failed { .. } | Problem::Stopped { .. })
}

fn unsuccessful(feed: &Feed) -> Option<Problem> {
    let runs = feed.failures_since_success;
    if runs == 0 {
        return None;
    }
    let newest_first = feed.recent_runs.iter().rev();
    let mut unresolved = newest_first
        .filter(|run| is_unresolved(feed, run))
        .peekable();
    let state = unresolved.peek().and_then(|run| run.state.clone());
    if unresolved.any(|run| run.state == Some(State::Failed)) {
        Some(Problem::Failed { runs })
    } else {
        Some(Problem::Stopped { runs, state })
    }
}

fn late(feed: &Feed, data_time: Timestamp) -> Option<Problem> {
    let by = seconds_between(feed.expected.due?, data_time)?;
    (by > 0).then_some(Problem::Late { by })
}

fn slow(feed: &Feed, data_time: Timestamp) -> Option<Problem> {
    if feed.state == Some(State::Scheduled) {
        return None;
    }
    let running = seconds_between(feed.running_since?, data_time)?;
    let limit = feed.expected.duration_limit?;
    (float(running) > limit).then_some(Problem::Slow { running, limit })
}

fn ratios(feed: &Feed, run: &Run) -> Vec<Problem> {
    let expected = &feed.expected;
    let read = run.rows.read.filter(|read| *read > 0);
    let above = |part: Option<u64>, limit: Option<f64>| {
        let ratio = float(part?) / float(read?);
        limit
            .filter(|limit| ratio > *limit)
            .map(|limit| (ratio, limit))
    };
    let errors = above(run.rows.errors, expected.error_ratio_limit)
        .map(|(ratio, limit)| Problem::Errors { ratio, limit });
    let rejections = above(run.rows.rejected, expected.rejected_ratio_limit)
        .map(|(ratio, limit)| Problem::Rejections { ratio, limit });
    errors.into_iter().chain(rejections).collect()
}

fn volume(feed: &Feed, run: &Run) -> Option<Problem> {
    let read = run.rows.read.filter(|_| run.succeeded())?;
    let low = feed.expected.low_read_rows;
    let high = feed.expected.high_read_rows;
    let few = low.filter(|low| float(read) < *low);
    let many = high.filter(|high| float(read) > *high);
    few.map(|low| Problem::FewRows { read, low })
        .or(many.map(|high| Problem::ManyRows { read, high }))
}
