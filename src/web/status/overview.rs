//! The page of all tenants.

use jiff::Timestamp;
use maud::{Markup, html};

use super::condition::{AssessedFeed, Condition};
use super::paging::Paging;
use super::summary::{AssessedTenant, Counts};
use super::words::{count, distance_and_time, name, number};
use super::{feeds, jobs, links, marks, tenant, workflows};

/// Tenants with their feeds on the page. If there are more tenants, only feeds
/// with problems are shown, and a list of all tenants.
const SECTIONS: usize = 20;
/// Feeds on the page, divided among the tenants.
const FEEDS: usize = 100;
/// Feeds of a tenant at least, however many tenants there are.
const MIN_FEEDS: usize = 5;
/// Rows on a page of the list of tenants.
const PAGE_TENANTS: usize = 100;
/// Failing tenants with their error.
const OUTAGES: usize = 3;
/// Further failing tenants, by name only.
const NAMED_OUTAGES: usize = 50;
/// Feeds that the headline names, per condition.
const NAMED_FEEDS: usize = 5;

/// The state of all tenants in one sentence.
pub(super) fn sentence(tenants: &[AssessedTenant<'_>]) -> String {
    if tenants.is_empty() {
        return "No tenant is configured".to_owned();
    }
    let failing = tenants.iter().filter(|tenant| tenant.is_failing()).count();
    let failing =
        (failing > 0).then(|| format!("No data from {}", count(failing as u64, "tenant")));
    all(tenants).sentence(failing)
}

fn all(tenants: &[AssessedTenant<'_>]) -> Counts {
    let mut counts = Counts::default();
    for tenant in tenants {
        counts.add(tenant.counts);
    }
    counts
}

/// `tenants` are ordered, the worst first.
pub(super) fn main(tenants: &[AssessedTenant<'_>], page: usize, now: Timestamp) -> Markup {
    let up = tenants
        .iter()
        .filter(|tenant| tenant.snapshot.status.up)
        .count();
    let is_long = tenants.len() > SECTIONS;
    let shown = tenants
        .iter()
        .filter(|tenant| !is_long || tenant.troubles() > 0);
    let shown: Vec<_> = shown.take(SECTIONS).collect();
    let rows = (FEEDS / shown.len().max(1)).max(MIN_FEEDS);
    html! {
        h1 { (sentence(tenants)) }
        p.sum {
            (number(up as u64)) " of " (count(tenants.len() as u64, "tenant")) " up · "
            (count(all(tenants).feeds() as u64, "feed"))
        }
        @if page == 0 {
            (outages(tenants, now))
            @for notes in workflow_notes(tenants, now) { (notes) }
            @if tenants.len() > 1 { (attention(tenants)) }
            @for tenant in &shown {
                @let feeds = if is_long { tenant.troubles() } else { tenant.feeds.len() };
                (section(tenant, feeds.min(rows), now))
            }
            @if shown.iter().any(|tenant| !tenant.feeds.is_empty()) { (marks::legend()) }
        }
        @if is_long { (list(tenants, page, now)) }
    }
}

fn outages(tenants: &[AssessedTenant<'_>], now: Timestamp) -> Markup {
    let failing: Vec<_> = tenants
        .iter()
        .filter(|tenant| tenant.is_failing())
        .collect();
    let named = failing.iter().skip(OUTAGES).take(NAMED_OUTAGES);
    let unnamed = failing.len().saturating_sub(OUTAGES + NAMED_OUTAGES);
    html! {
        @for tenant in failing.iter().take(OUTAGES) { (tenant::outage(tenant.snapshot, true, now)) }
        @if failing.len() > OUTAGES {
            div.note.bad.outage {
                h2 { "No data from " (count((failing.len() - OUTAGES) as u64, "other tenant")) }
                p.names {
                    @for tenant in named {
                        a href=(links::tenant(&tenant.snapshot.tenant)) { (name(&tenant.snapshot.tenant)) } " "
                    }
                    @if unnamed > 0 { "and " (number(unnamed as u64)) " more" }
                }
            }
        }
    }
}

/// What is wrong with the workflows of the first tenants where anything is.
fn workflow_notes(tenants: &[AssessedTenant<'_>], now: Timestamp) -> impl Iterator<Item = Markup> {
    let notes = tenants
        .iter()
        .map(move |tenant| workflows::failed(tenant.snapshot, true, now));
    notes.filter(|notes| !notes.0.is_empty()).take(SECTIONS)
}

/// The first feeds with problems, with links.
fn attention(tenants: &[AssessedTenant<'_>]) -> Markup {
    let counts = all(tenants);
    let of = |condition: Condition| {
        let tenants = tenants
            .iter()
            .filter(move |tenant| tenant.counts.of(condition) > 0);
        tenants.flat_map(move |tenant| {
            let feeds = tenant
                .feeds
                .iter()
                .filter(move |feed| feed.condition == condition);
            feeds.map(move |feed| (&*tenant.snapshot.tenant, feed.feed))
        })
    };
    let conditions = Condition::TROUBLE
        .into_iter()
        .filter(|one| counts.of(*one) > 0);
    html! {
        ul.attention {
            @for condition in conditions {
                @let more = counts.of(condition).saturating_sub(NAMED_FEEDS);
                li {
                    b { (number(counts.of(condition) as u64)) " " (condition.word()) ": " }
                    @for (index, (tenant, feed)) in of(condition).take(NAMED_FEEDS).enumerate() {
                        @if index > 0 { ", " }
                        a href=(links::feed(tenant, feed)) { (feeds::feed_name(feed)) }
                        " (" (name(tenant)) ")"
                    }
                    @if more > 0 { " and " (number(more as u64)) " more" }
                }
            }
        }
    }
}

/// A tenant with the first of its feeds.
fn section(assessed: &AssessedTenant<'_>, feeds: usize, now: Timestamp) -> Markup {
    let snapshot = assessed.snapshot;
    let link = links::tenant(&snapshot.tenant);
    let shown = assessed.feeds.get(..feeds).unwrap_or_default();
    html! {
        section {
            div.head {
                h2 { a href=(link) { (name(&snapshot.tenant)) } }
                (tenant::up(&snapshot.status))
                span.quiet { (assessed.sentence()) }
                span.right { (tenant::jobs(snapshot)) }
            }
            (tenant::notes(snapshot, now))
            (feeds_or_jobs(assessed, shown, now))
            @if shown.len() < assessed.feeds.len() {
                p.more { a href=(link) { "All " (count(assessed.feeds.len() as u64, "feed")) } }
            }
        }
    }
}

/// Some feeds of a tenant, or jobs if it has no feeds, as with
/// `collect.feeds: false`.
pub(super) fn feeds_or_jobs(
    assessed: &AssessedTenant<'_>,
    feeds: &[AssessedFeed<'_>],
    now: Timestamp,
) -> Markup {
    let snapshot = assessed.snapshot;
    html! {
        @if !assessed.feeds.is_empty() { (feeds::table(snapshot, feeds, now)) }
        @else if snapshot.jobs.is_empty() { p.more { "No feeds and no jobs yet." } }
        @else { p.more { "No feeds." } (jobs::jobs(snapshot, None, now)) }
    }
}

/// A page of the list of all tenants.
fn list(tenants: &[AssessedTenant<'_>], page: usize, now: Timestamp) -> Markup {
    let paging = Paging::new(tenants.len(), PAGE_TENANTS, page);
    html! {
        section {
            h2 { "All tenants" }
            table {
                caption { "Those with problems first" }
                thead {
                    tr {
                        th scope="col" { "State" }
                        th scope="col" { "Tenant" }
                        th scope="col" { "Feeds" }
                        th scope="col" { "Last successful refresh" }
                        th scope="col" { "Jobs" }
                    }
                }
                tbody {
                    @for assessed in paging.of(tenants) {
                        @let snapshot = assessed.snapshot;
                        tr {
                            td { (tenant::up(&snapshot.status)) }
                            th.what scope="row" { a href=(links::tenant(&snapshot.tenant)) { (name(&snapshot.tenant)) } }
                            td { (assessed.sentence()) }
                            td.when data-label="Refreshed" {
                                @match snapshot.status.last_success {
                                    Some(at) => (distance_and_time(at, now)),
                                    None => "never",
                                }
                            }
                            td data-label="Jobs" { (tenant::jobs(snapshot)) }
                        }
                    }
                }
            }
            (paging.links("Tenants", links::OVERVIEW))
        }
    }
}
