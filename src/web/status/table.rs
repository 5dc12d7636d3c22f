//! The jobs of one tenant, one row per table.

use std::cmp::Reverse;

use jiff::Timestamp;
use maud::{Markup, html};

use crate::jobs::{Job, State, Table};
use crate::snapshot::Snapshot;

use super::words::{distance, name, number, span, state, time};

/// A table of a job, or a job without tables.
type Row<'a> = (&'a Job, Option<&'a Table>);

/// The number of failed tables.
pub(super) fn failed(snapshot: &Snapshot) -> usize {
    let tables = snapshot.jobs.iter().flat_map(|job| &job.tables);
    tables
        .filter(|table| table.state == Some(State::Failed))
        .count()
}

/// Rows of a tenant on the page of all tenants.
const OVERVIEW_ROWS: usize = 25;

/// Rows on a page of one tenant.
const PAGE_ROWS: usize = 200;

/// The first rows, or one page of all rows, with links to the others.
pub(super) fn jobs(snapshot: &Snapshot, page: Option<usize>, link: &str, now: Timestamp) -> Markup {
    let rows = rows(snapshot);
    let overview = page.is_none();
    let (page, size) = page.map_or((0, OVERVIEW_ROWS), |page| (page, PAGE_ROWS));
    let pages = rows.len().div_ceil(size).max(1);
    let page = page.min(pages - 1);
    let first = page * size;
    let shown = &rows[first..rows.len().min(first + size)];
    html! {
        @if rows.is_empty() {
            p.more { "No jobs." }
        } @else {
            table {
                thead {
                    tr {
                        th { "State" } th { "Table and job" } th { "Started (UTC)" } th.n { "Duration" }
                        th.n { "Read" } th.n { "Inserted" } th.n { "Updated" } th.n { "Rejected" } th.n { "Errors" }
                    }
                }
                tbody { @for shown_row in shown { (row(*shown_row, now)) } }
            }
        }
        @if pages > 1 {
            p.more {
                "Rows " (number(first as u64 + 1)) " to " (number((first + shown.len()) as u64))
                " of " (number(rows.len() as u64)) ", failed ones first, then the newest. "
                @if overview { a href=(link) { "All rows" } }
                @else {
                    @if page > 0 { a href={ (link) "&page=" (page) } { "Previous" } " " }
                    @if page + 1 < pages { a href={ (link) "&page=" (page + 2) } { "Next" } }
                }
            }
        }
    }
}

/// All rows: failed ones first, then those that have not started, then the
/// newest.
fn rows(snapshot: &Snapshot) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::with_capacity(snapshot.jobs.len());
    for job in &*snapshot.jobs {
        if job.tables.is_empty() {
            rows.push((job, None));
        }
        rows.extend(job.tables.iter().map(|table| (&**job, Some(table))));
    }
    rows.sort_by_key(|(_, table)| {
        let failed = table.is_some_and(|table| table.state == Some(State::Failed));
        let started = table.and_then(|table| table.started_at);
        (!failed, started.is_some(), Reverse(started))
    });
    rows
}

fn row((job, table): Row<'_>, now: Timestamp) -> Markup {
    let Some(table) = table else {
        return html! {
            tr {
                td { (state(None)) }
                td.what { b { "no tables yet" } span.id { (name(&job.id)) } }
                td.when {} td.n {} td.n {} td.n {} td.n {} td.n {} td.n {}
            }
        };
    };
    let rows = &table.rows;
    html! {
        tr {
            td { (state(table.state.as_ref())) }
            td.what {
                b { (name(&table.table)) } " "
                span.id {
                    span { (name(&job.id)) }
                    @if !table.feed.is_empty() { " · " span { (name(&table.feed)) } }
                }
            }
            td.when data-label="Started" {
                @if let Some(started) = table.started_at {
                    (time(started)) " " small { (distance(started, now)) }
                }
            }
            td.n data-label="Duration" { (duration(table, now)) }
            (count("Read", rows.read, false))
            (count("Inserted", rows.inserted, false))
            (count("Updated", rows.updated, false))
            (count("Rejected", rows.rejected, false))
            (count("Errors", rows.errors, true))
        }
    }
}

fn duration(table: &Table, now: Timestamp) -> String {
    if let Some(milliseconds) = table.duration_ms() {
        return span(milliseconds / 1_000);
    }
    let running = table.started_at.filter(|_| !table.finished);
    let seconds = running.map(|started| now.as_second() - started.as_second());
    match seconds.and_then(|seconds| u64::try_from(seconds).ok()) {
        Some(seconds) => format!("{} so far", span(seconds)),
        None => "–".to_owned(),
    }
}

fn count(label: &str, value: Option<u64>, is_error: bool) -> Markup {
    let value = value.map(|value| (number(value), is_error && value > 0));
    html! {
        td.n data-label=(label) {
            @match value {
                Some((value, true)) => span.loud { (value) },
                Some((value, false)) => (value),
                None => "–",
            }
        }
    }
}
