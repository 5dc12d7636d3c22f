//! The page of one feed: what is wrong with it, charts, and its latest runs.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::feeds::{Feed, Run};
use crate::jobs::{Rows, Table};
use crate::snapshot::Snapshot;

use super::condition::{AssessedFeed, is_running, is_wrong_now};
use super::feeds::{condition, configured_name, due, feed_name, ids, last_success, problem};
use super::words::{count, distance, name, number, plain_name, seconds_between, span, state, time};
use super::{charts, links};

/// The title of the page.
pub(super) fn title(snapshot: &Snapshot, assessed: &AssessedFeed<'_>) -> String {
    let feed = assessed.feed;
    let name = plain_name(configured_name(feed).unwrap_or(&feed.table));
    let outage = if snapshot.status.failure.is_some() {
        "No data, "
    } else {
        ""
    };
    format!("{outage}{name} {}", assessed.condition.word())
}

/// The feed's part of the page.
pub(super) fn section(snapshot: &Snapshot, assessed: &AssessedFeed<'_>, now: Timestamp) -> Markup {
    let feed = assessed.feed;
    let open = unfinished_table(snapshot, feed);
    html! {
        section {
            div.head { h1 { (feed_name(feed)) } (condition(assessed)) }
            p.sum { (ids(feed)) " of tenant " a href=(links::tenant(&snapshot.tenant)) { (name(&snapshot.tenant)) } }
            @for wrong in &assessed.problems { (problem(wrong, feed)) }
            dl {
                div { dt { "Last success" } dd { (last_success(feed, now)) } }
                div {
                    dt { "Unsuccessful runs since" }
                    dd { (number(feed.failures_since_success)) }
                }
                div { dt { "Next success due" } dd { (due(assessed, now)) } }
                div {
                    dt { "Expectations from" }
                    dd { (count(feed.expected.history_runs, "run")) }
                }
            }
        }
        section { h2 { "Latest runs" } (charts::charts(feed, now)) (runs(feed, open, now)) }
    }
}

/// The unfinished table of the newest job that loads the feed, and the job's
/// id.
fn unfinished_table<'a>(snapshot: &'a Snapshot, feed: &Feed) -> Option<(&'a str, &'a Table)> {
    if !is_running(feed) {
        return None;
    }
    let tables = snapshot
        .jobs
        .iter()
        .flat_map(|job| job.tables.iter().map(|table| (&*job.id, table)));
    let of_feed = tables.filter(|(_, table)| {
        !table.finished && table.table == feed.table && table.feed == feed.feed
    });
    of_feed.max_by_key(|(_, table)| table.started_at)
}

fn runs(feed: &Feed, open: Option<(&str, &Table)>, now: Timestamp) -> Markup {
    let runs = feed.recent_runs.len();
    html! {
        @if runs == 0 && open.is_none() {
            p.more { "No runs yet." }
        } @else {
            table {
                caption { "The latest 20 runs, and up to 30 earlier ones that did not succeed, the newest first" }
                thead {
                    tr {
                        th scope="col" { "State" }
                        th scope="col" { "Started (UTC) and job" }
                        th.n scope="col" { "Duration" }
                        (count_headers())
                        th.n scope="col" { "Files" }
                    }
                }
                tbody {
                    @if let Some((job, table)) = open { (unfinished_row(job, table, now)) }
                    @for run in feed.recent_runs.iter().rev() { (row(feed, run, now)) }
                }
            }
        }
    }
}

fn unfinished_row(job: &str, table: &Table, now: Timestamp) -> Markup {
    html! {
        tr {
            td { (state(table.state.as_ref(), true)) }
            (start(table.started_at, job, now))
            td.n data-label="Duration" { (so_far(table.started_at, now)) }
            (counts(&table.rows))
            td.n data-label="Files" { (number(table.files.count)) }
        }
    }
}

fn row(feed: &Feed, run: &Run, now: Timestamp) -> Markup {
    let duration = run.duration_ms().map(|time| span(time / 1_000));
    html! {
        tr {
            td { (state(run.state.as_ref(), is_wrong_now(feed, run))) }
            (start(run.started_at.or(run.ended_at), &run.job, now))
            td.n data-label="Duration" { (duration.as_deref().unwrap_or("–")) }
            (counts(&run.rows))
            td.n data-label="Files" { (number(run.files)) }
        }
    }
}

fn start(started: Option<Timestamp>, job: &str, now: Timestamp) -> Markup {
    html! {
        th.what scope="row" {
            @match started {
                Some(started) => { (time(started)) " " small { (distance(started, now)) } }
                None => "no start known",
            }
            span.id { (name(job)) }
        }
    }
}

/// For how long a run has been in progress.
pub(super) fn so_far(started: Option<Timestamp>, now: Timestamp) -> String {
    match started.and_then(|started| seconds_between(started, now)) {
        Some(seconds) => format!("{} so far", span(seconds)),
        None => "–".to_owned(),
    }
}

/// The headers of the columns of [`counts`].
pub(super) fn count_headers() -> Markup {
    html! { @for label in COUNTS { th.n scope="col" { (label) } } }
}

const COUNTS: [&str; 5] = ["Read", "Inserted", "Updated", "Rejected", "Errors"];

/// The cells of the counts of a run.
pub(super) fn counts(rows: &Rows) -> Markup {
    let values = [
        rows.read,
        rows.inserted,
        rows.updated,
        rows.rejected,
        rows.errors,
    ];
    html! {
        @for (label, value) in COUNTS.into_iter().zip(values) {
            td.n data-label=(label) { (value.map_or_else(|| "–".to_owned(), number)) }
        }
    }
}
