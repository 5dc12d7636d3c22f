//! The feeds of one tenant as a table, and what is wrong with a feed in words.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::feeds::Feed;
use crate::snapshot::Snapshot;

use super::condition::{AssessedFeed, Condition, Problem, is_running};
use super::words::{
    badge, count, distance_and_time, name, number, percent, seconds_between, span, state,
    state_words, time, whole,
};
use super::{links, marks};

/// Some of the feeds of a tenant.
pub(super) fn table(snapshot: &Snapshot, feeds: &[AssessedFeed<'_>], now: Timestamp) -> Markup {
    html! {
        table.feeds {
            caption { "Feeds of " (name(&snapshot.tenant)) ", those with problems first" }
            thead {
                tr {
                    th scope="col" { "State" }
                    th scope="col" { "Feed" }
                    th scope="col" { "Last success" }
                    th scope="col" { "Due" }
                    th scope="col" { "Latest runs" }
                    th scope="col" { "Rows and duration" }
                }
            }
            tbody { @for feed in feeds { (row(&snapshot.tenant, feed, now)) } }
        }
    }
}

fn row(tenant: &str, assessed: &AssessedFeed<'_>, now: Timestamp) -> Markup {
    let feed = assessed.feed;
    html! {
        tr {
            td.state { (condition(assessed)) (details(assessed, now)) }
            th.what scope="row" {
                a href=(links::feed(tenant, feed)) { (feed_name(feed)) }
                (ids(feed))
            }
            td.when data-label="Last success" { (last_success(feed, now)) }
            td.when data-label="Due" { (due(assessed, now)) }
            td.pic { (marks::marks(feed)) }
            td.pic { (marks::rows_and_durations(feed)) }
        }
    }
}

/// The configured name of a feed, or else its table.
pub(super) fn feed_name(feed: &Feed) -> Markup {
    name(configured_name(feed).unwrap_or(&feed.table))
}

pub(super) fn configured_name(feed: &Feed) -> Option<&str> {
    feed.rule.as_ref()?.name.as_deref()
}

/// What else identifies a feed, and who looks after it.
pub(super) fn ids(feed: &Feed) -> Markup {
    let team = feed.rule.as_ref().and_then(|rule| rule.team.as_deref());
    html! {
        span.id {
            @if configured_name(feed).is_some() { span { (name(&feed.table)) } " " }
            @if !feed.feed.is_empty() { span { (name(&feed.feed)) } }
            @if let Some(team) = team { " " span { "team " (name(team)) } }
        }
    }
}

/// The condition of a feed as a badge; the state of its newest run where
/// nothing is wrong.
pub(super) fn condition(assessed: &AssessedFeed<'_>) -> Markup {
    let feed = assessed.feed;
    let (sign, words) = match assessed.problems.first() {
        None => return state(feed.state.as_ref(), false),
        Some(Problem::Failed { .. }) => ("✕", "failed".to_owned()),
        Some(Problem::Late { .. }) => ("!", "late".to_owned()),
        Some(Problem::Stopped { state, .. }) => ("■", state_words(state.as_ref())),
        Some(Problem::Slow { .. }) => ("△", "slow".to_owned()),
        Some(Problem::Errors { .. }) => ("△", "many errors".to_owned()),
        Some(Problem::Rejections { .. }) => ("△", "many rejected".to_owned()),
        Some(Problem::FewRows { read: 0, .. }) => ("△", "no rows".to_owned()),
        Some(Problem::FewRows { .. }) => ("△", "few rows".to_owned()),
        Some(Problem::ManyRows { .. }) => ("△", "many rows".to_owned()),
    };
    let class = match assessed.condition {
        Condition::Failed | Condition::Late => "bad",
        Condition::Muted => "",
        _ => "warn",
    };
    badge(class, sign, &words)
}

/// The rest of the state, in a few words each.
fn details(assessed: &AssessedFeed<'_>, now: Timestamp) -> Markup {
    let feed = assessed.feed;
    let problems = assessed.problems.iter().enumerate();
    let details = problems.filter_map(|(index, problem)| detail(problem, index == 0));
    let mut details: Vec<String> = details.collect();
    if is_running(feed) {
        details.extend(running(assessed, now));
    }
    if assessed.condition == Condition::Muted {
        details.push("no alerts".to_owned());
    }
    html! { @if !details.is_empty() { " " small { (details.join(", ")) } } }
}

/// `is_first` says that the badge names the problem.
fn detail(problem: &Problem, is_first: bool) -> Option<String> {
    match problem {
        Problem::Failed { runs } | Problem::Stopped { runs, .. } if *runs > 1 => {
            Some(count(*runs, "run"))
        }
        Problem::Slow { .. } if !is_first => Some("slow".to_owned()),
        Problem::Errors { ratio, .. } => Some(format!("{} errors", percent(*ratio))),
        Problem::Rejections { ratio, .. } => Some(format!("{} rejected", percent(*ratio))),
        Problem::FewRows { low, .. } => Some(format!("below {}", number(whole(*low)))),
        Problem::ManyRows { high, .. } => Some(format!("above {}", number(whole(*high)))),
        _ => None,
    }
}

/// For how long a run has been in progress.
fn running(assessed: &AssessedFeed<'_>, now: Timestamp) -> Option<String> {
    let running = span(seconds_between(assessed.feed.running_since?, now)?);
    Some(match assessed.condition {
        Condition::Running => format!("for {running}"),
        _ => format!("running for {running}"),
    })
}

pub(super) fn last_success(feed: &Feed, now: Timestamp) -> Markup {
    html! {
        @match feed.last_success {
            Some(at) => (distance_and_time(at, now)),
            None => "none known",
        }
    }
}

/// When the next success is due, or how late it is.
pub(super) fn due(assessed: &AssessedFeed<'_>, now: Timestamp) -> Markup {
    let class = match assessed.condition {
        Condition::Muted => "quiet",
        _ => "loud",
    };
    html! {
        @match (assessed.late_by(), assessed.feed.expected.due) {
            (Some(by), Some(due)) => { b.(class) { (span(by)) " late" } " " small { (time(due)) } }
            (None, Some(due)) => (distance_and_time(due, now)),
            (_, None) => span.quiet { "no schedule" },
        }
    }
}

/// What is wrong with a feed and what to compare it with, in sentences.
pub(super) fn problem(problem: &Problem, feed: &Feed) -> Markup {
    let usual = |value: Option<f64>, words: fn(f64) -> String| {
        value.map_or_else(String::new, |value| format!(", usually {}", words(value)))
    };
    let (class, title, text) = match problem {
        Problem::Failed { runs } => {
            let runs = unsuccessful(*runs, feed);
            let text =
                format!("{runs} In Amperity, the run history of the workflow shows the error.");
            ("bad", "Failed", text)
        }
        Problem::Stopped { runs, .. } => ("warn", "Stopped", unsuccessful(*runs, feed)),
        Problem::Late { by } => {
            let text = format!("The next success was due {} ago.", span(*by));
            ("bad", "Late", text)
        }
        Problem::Slow { running, limit } => {
            let (running, limit) = (span(*running), span(whole(*limit)));
            let usual = usual(feed.expected.usual_duration, |usual| span(whole(usual)));
            let text =
                format!("The current run has taken {running} so far{usual}; the limit is {limit}.");
            ("warn", "Slow", text)
        }
        Problem::Errors { ratio, limit } => {
            let (ratio, limit) = (percent(*ratio), percent(*limit));
            let usual = usual(feed.expected.usual_error_ratio, percent);
            let text = format!(
                "{ratio} of the rows of the last run had an error{usual}; the limit is {limit}."
            );
            ("warn", "Many errors", text)
        }
        Problem::Rejections { ratio, limit } => {
            let (ratio, limit) = (percent(*ratio), percent(*limit));
            let usual = usual(feed.expected.usual_rejected_ratio, percent);
            let text = format!(
                "{ratio} of the rows of the last run were rejected as duplicates{usual}; the limit is {limit}."
            );
            ("warn", "Many rejected rows", text)
        }
        Problem::FewRows { read, low } => {
            let (read, low) = (number(*read), number(whole(*low)));
            let text = format!("The last run read {read} rows; at least {low} are expected.");
            ("warn", "Few rows", text)
        }
        Problem::ManyRows { read, high } => {
            let (read, high) = (number(*read), number(whole(*high)));
            let text = format!("The last run read {read} rows; at most {high} are expected.");
            ("warn", "Many rows", text)
        }
    };
    html! { div.note.(class) { b { (title) } (text) } }
}

fn unsuccessful(runs: u64, feed: &Feed) -> String {
    let runs = count(runs, "run");
    match feed.last_success {
        Some(_) => format!("{runs} failed or stopped since the last success."),
        None => format!("{runs} failed or stopped; no success is known."),
    }
}
