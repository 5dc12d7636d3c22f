//! The status page at `/`: what is wrong now, then the feeds, those with problems
//! first. It links to a page of each tenant, of its jobs, and of each feed.
//!
//! Made from snapshots only. Every value is escaped by construction, and the
//! size of a page is bounded. It has no script, and its content security policy
//! allows nothing but its own style.

use std::sync::Arc;

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::feeds::FeedId;
use crate::snapshot::Snapshot;

use condition::AssessedFeed;
use summary::AssessedTenant;
use words::{name, plain_name};

mod charts;
mod condition;
mod feed;
mod feeds;
mod jobs;
mod links;
mod marks;
mod overview;
mod paging;
mod policy;
mod summary;
mod tenant;
#[cfg(test)]
mod tests;
mod view;
mod words;
mod workflows;

pub(super) use policy::{allowing_style, policy};
pub(super) use view::View;

const STYLE: &str = include_str!("status/style.css");

/// Seconds until the browser reloads the page.
const RELOAD: u32 = 30;

/// The page as HTML.
pub(super) fn page(
    snapshots: &[Arc<Snapshot>],
    view: &View,
    telemetry_path: &str,
    now: Timestamp,
) -> String {
    let only = view
        .tenant()
        .and_then(|tenant| snapshots.iter().find(|snapshot| snapshot.tenant == *tenant));
    let (title, main) = match (view, only) {
        (View::Overview(page), _) => overview(snapshots, *page, now),
        (View::Tenant(_, page), Some(snapshot)) => of_tenant(snapshot, *page, now),
        (View::Jobs(_, page), Some(snapshot)) => of_jobs(snapshot, *page, now),
        (View::Feed(_, id), Some(snapshot)) => of_feed(snapshot, id, now),
        (_, None) => (
            "Unknown tenant".to_owned(),
            html! { h1 { "Unknown tenant" } },
        ),
    };
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content=(RELOAD);
                title { (title) " – amperity_exporter" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (header(view, telemetry_path))
                main { (main) }
                footer { "As of " (words::time(now)) " UTC. The page reloads itself every " (RELOAD) " seconds." }
            }
        }
    };
    markup.into_string()
}

fn header(view: &View, telemetry_path: &str) -> Markup {
    html! {
        header {
            p.brand { "amperity_exporter " span.quiet { (env!("CARGO_PKG_VERSION")) } }
            nav aria-label="Pages" {
                @if view.tenant().is_some() { a href=(links::OVERVIEW) { "All tenants" } }
                @if let View::Jobs(tenant, _) | View::Feed(tenant, _) = view {
                    a href=(links::tenant(tenant)) { "Feeds of " (name(tenant)) }
                }
                a href=(telemetry_path) { "Metrics" }
                a href="./sd" { "Service discovery" }
                a href="./-/healthy" { "Health" }
                a href="./-/ready" { "Readiness" }
            }
        }
    }
}

fn overview(snapshots: &[Arc<Snapshot>], page: usize, now: Timestamp) -> (String, Markup) {
    let snapshots = snapshots.iter();
    let mut tenants: Vec<_> = snapshots
        .map(|snapshot| AssessedTenant::new(snapshot))
        .collect();
    tenants.sort_by_key(AssessedTenant::rank);
    (
        overview::sentence(&tenants),
        overview::main(&tenants, page, now),
    )
}

/// Rows on a page of feeds.
const PAGE_FEEDS: usize = 100;

fn of_tenant(snapshot: &Snapshot, page: usize, now: Timestamp) -> (String, Markup) {
    let assessed = AssessedTenant::new(snapshot);
    let sentence = assessed.sentence();
    let paging = paging::Paging::new(assessed.feeds.len(), PAGE_FEEDS, page);
    let link = links::tenant(&snapshot.tenant);
    let main = html! {
        div.head { h1 { (name(&snapshot.tenant)) ": " (sentence) } (tenant::up(&snapshot.status)) }
        (tenant::outage(snapshot, false, now))
        (workflows::failed(snapshot, false, now))
        section aria-label="Tenant" { (tenant::facts(snapshot, now)) (tenant::notes(snapshot, now)) }
        section {
            h2 { "Feeds" }
            (overview::feeds_or_jobs(&assessed, paging.of(&assessed.feeds), now))
            (paging.links("Feeds", &link))
            @if !assessed.feeds.is_empty() { (marks::legend()) }
        }
    };
    let title = format!("{sentence} – {}", plain_name(&snapshot.tenant));
    (title, main)
}

fn of_jobs(snapshot: &Snapshot, page: usize, now: Timestamp) -> (String, Markup) {
    let main = html! {
        div.head { h1 { "Jobs of " (name(&snapshot.tenant)) } (tenant::up(&snapshot.status)) }
        (tenant::outage(snapshot, false, now))
        section aria-label="Jobs" { (jobs::jobs(snapshot, Some(page), now)) }
    };
    let title = format!("Jobs – {}", plain_name(&snapshot.tenant));
    (title, main)
}

fn of_feed(snapshot: &Snapshot, id: &FeedId, now: Timestamp) -> (String, Markup) {
    let mut feeds = snapshot.feeds.iter();
    let found = feeds.find(|feed| feed.table == id.table && feed.feed == id.feed);
    let Some(found) = found else {
        return ("Unknown feed".to_owned(), html! { h1 { "Unknown feed" } });
    };
    let assessed = AssessedFeed::new(found, snapshot.status.last_success);
    let main = html! {
        (tenant::outage(snapshot, false, now))
        (feed::section(snapshot, &assessed, now))
    };
    let (title, tenant) = (
        feed::title(snapshot, &assessed),
        plain_name(&snapshot.tenant),
    );
    (format!("{title} – {tenant}"), main)
}
