//! The jobs of one tenant, one row per table.

use std::cmp::Reverse;

use jiff::Timestamp;
use maud::{Markup, html};

use crate::jobs::{Job, State, Table};
use crate::snapshot::Snapshot;

use super::condition::is_muted;
use super::feed::{count_headers, counts, so_far};
use super::links;
use super::paging::Paging;
use super::words::{distance, name, span, state, time};

/// A table of a job, or a job without tables.
#[derive(Clone, Copy)]
struct Row<'a> {
    job: &'a Job,
    table: Option<&'a Table>,
    /// See [`is_wrong_now`].
    is_wrong_now: bool,
}

/// Rows of a tenant on pages that show more than jobs.
const FIRST_ROWS: usize = 25;

/// Rows on a page of jobs.
const PAGE_ROWS: usize = 200;

/// The first rows, with a link to all, or one page of all rows.
pub(super) fn jobs(snapshot: &Snapshot, page: Option<usize>, now: Timestamp) -> Markup {
    let all = rows_of(snapshot);
    let size = if page.is_some() {
        PAGE_ROWS
    } else {
        FIRST_ROWS
    };
    let paging = Paging::new(all.len(), size, page.unwrap_or(0));
    let link = links::jobs(&snapshot.tenant);
    html! {
        @if all.is_empty() {
            p.more { "No jobs." }
        } @else {
            table {
                caption { "Jobs of " (name(&snapshot.tenant)) ", those that failed first, then the newest" }
                thead {
                    tr {
                        th scope="col" { "State" }
                        th scope="col" { "Table and job" }
                        th scope="col" { "Started (UTC)" }
                        th.n scope="col" { "Duration" }
                        (count_headers())
                    }
                }
                tbody { @for shown in paging.of(&all) { (row(*shown, now)) } }
            }
        }
        @if page.is_some() { (paging.links("Jobs", &link)) }
        @else if paging.has_more() { p.more { a href=(link) { "All jobs" } } }
    }
}

/// All rows: failed ones first, then those that have not started, then the
/// newest.
fn rows_of(snapshot: &Snapshot) -> Vec<Row<'_>> {
    let mut rows = Vec::with_capacity(snapshot.jobs.len());
    for job in &*snapshot.jobs {
        if job.tables.is_empty() {
            rows.push(Row {
                job,
                table: None,
                is_wrong_now: false,
            });
        }
        rows.extend(job.tables.iter().map(|table| Row {
            job,
            table: Some(table),
            is_wrong_now: is_wrong_now(snapshot, table),
        }));
    }
    rows.sort_by_key(|row| {
        let started = row.table.and_then(|table| table.started_at);
        (!row.is_wrong_now, started.is_some(), Reverse(started))
    });
    rows
}

/// Whether a table failed, its feed has not succeeded since, and there are
/// alerts for the feed.
fn is_wrong_now(snapshot: &Snapshot, table: &Table) -> bool {
    let feeds = &snapshot.feeds;
    let id = (&table.table, &table.feed);
    let feed = feeds.binary_search_by(|feed| (&feed.table, &feed.feed).cmp(&id));
    let feed = feed.ok().and_then(|index| feeds.get(index));
    let last_success = feed.and_then(|feed| feed.last_success);
    let is_muted = feed.is_some_and(is_muted);
    let time = table.ended_at.or(table.started_at);
    table.state == Some(State::Failed)
        && !is_muted
        && (last_success.is_none() || time >= last_success)
}

fn row(row: Row<'_>, now: Timestamp) -> Markup {
    let Row { job, table, .. } = row;
    let Some(table) = table else {
        return html! {
            tr {
                td { (state(None, true)) }
                th.what scope="row" { b { "no tables yet" } span.id { (name(&job.id)) } }
                td.when {} td.n {} td.n {} td.n {} td.n {} td.n {} td.n {}
            }
        };
    };
    let is_current = row.is_wrong_now || table.state != Some(State::Failed);
    html! {
        tr {
            td { (state(table.state.as_ref(), is_current)) }
            th.what scope="row" {
                b { (name(&table.table)) } " "
                span.id {
                    span { (name(&job.id)) }
                    @if !table.feed.is_empty() { " " span { (name(&table.feed)) } }
                }
            }
            td.when data-label="Started" {
                @if let Some(started) = table.started_at {
                    (time(started)) " " small { (distance(started, now)) }
                }
            }
            td.n data-label="Duration" { (duration(table, now)) }
            (counts(&table.rows))
        }
    }
}

fn duration(table: &Table, now: Timestamp) -> String {
    match table.duration_ms() {
        Some(milliseconds) => span(milliseconds / 1_000),
        None if table.finished => "–".to_owned(),
        None => so_far(table.started_at, now),
    }
}
