//! The status page at `/`, for people: what is known of each tenant, and its
//! jobs, failed ones first, then the newest.
//!
//! Every value is escaped by construction. The page needs no script, and its
//! policy allows nothing but its own style, known by its hash.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;

use crate::snapshot::{Snapshot, Status};

use super::query;

mod table;
#[cfg(test)]
mod tests;
mod words;

use words::{badge, distance, number, span, time};

const STYLE: &str = include_str!("status/style.css");

/// Seconds until the page loads itself again.
const RELOAD: u32 = 30;

/// Allows the style and nothing else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    // SHA-256 is at hand where TLS is.
    let style = TLS13_AES_128_GCM_SHA256
        .tls13()
        .map(|suite| suite.common.hash_provider.hash(STYLE.as_bytes()))
        .map_or_else(
            || "'none'".to_owned(),
            |hash| format!("'sha256-{}'", STANDARD.encode(hash)),
        );
    format!(
        "default-src 'none'; style-src {style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// A page and the policy it can be shown under.
#[derive(Debug)]
pub(super) struct StatusPage {
    pub(super) html: String,
    pub(super) content_security_policy: &'static str,
}

/// What somebody wants to see.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View<'a> {
    /// One tenant alone.
    pub(super) tenant: Option<&'a str>,
    /// Which page of its jobs, from 0.
    pub(super) page: usize,
    /// Where the metrics are.
    pub(super) telemetry_path: &'a str,
}

/// The page.
pub(super) fn page(snapshots: &[Arc<Snapshot>], view: View<'_>, now: Timestamp) -> StatusPage {
    let chosen: Vec<&Snapshot> = snapshots
        .iter()
        .map(AsRef::as_ref)
        .filter(|snapshot| view.tenant.is_none_or(|only| only == &*snapshot.tenant))
        .collect();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content=(RELOAD);
                title { "amperity_exporter" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (heading(&chosen, view, now))
                main {
                    @for snapshot in &chosen { (tenant(snapshot, view, now)) }
                    @if chosen.is_empty() {
                        section { p.quiet { "No tenant is configured." } }
                    }
                }
            }
        }
    };
    StatusPage {
        html: markup.into_string(),
        content_security_policy: &POLICY,
    }
}

fn heading(chosen: &[&Snapshot], view: View<'_>, now: Timestamp) -> Markup {
    let up = chosen.iter().filter(|snapshot| snapshot.status.up).count();
    let jobs: usize = chosen.iter().map(|snapshot| snapshot.jobs.len()).sum();
    let failed: usize = chosen.iter().map(|snapshot| table::failed(snapshot)).sum();
    html! {
        header {
            h1 { "amperity_exporter " span.quiet { (env!("CARGO_PKG_VERSION")) } }
            nav {
                @if view.tenant.is_some() { a href="/" { "All tenants" } }
                a href=(view.telemetry_path) { "Metrics" }
                a href="/sd" { "Service discovery" }
                a href="/-/healthy" { "Health" }
                a href="/-/ready" { "Readiness" }
            }
        }
        p.sum {
            (up) " of " (chosen.len()) " tenants up · " (number(jobs as u64)) " jobs · "
            @if failed > 0 { span.loud { (number(failed as u64)) " failed" } }
            @else { "none failed" }
            " · " (time(now)) " UTC"
        }
    }
}

fn tenant(snapshot: &Snapshot, view: View<'_>, now: Timestamp) -> Markup {
    let status = &snapshot.status;
    let link = format!("/?tenant={}", query::encode(&snapshot.tenant));
    html! {
        section {
            div.head {
                h2 {
                    @if view.tenant.is_some() { (snapshot.tenant) }
                    @else { a href=(link) { (snapshot.tenant) } }
                }
                @if status.up { (badge("good", "✓", "up")) }
                @else if status.failure.is_some() { (badge("bad", "✕", "failing")) }
                @else { (badge("busy", "○", "first refresh under way")) }
            }
            (notes(snapshot, now))
            (facts(status, now))
            (table::jobs(snapshot, view.tenant.map(|_| view.page), &link, now))
        }
    }
}

/// What somebody should know or do.
fn notes(snapshot: &Snapshot, now: Timestamp) -> Markup {
    let status = &snapshot.status;
    let missing: Vec<&str> = snapshot
        .configured
        .iter()
        .filter(|(_, fetched)| !fetched)
        .map(|(id, _)| &**id)
        .collect();
    html! {
        @if let Some(failure) = &status.failure {
            div.note.bad {
                b { (words::reason(failure.reason)) }
                (failure.message) " "
                small { "Failing since " (time(failure.since)) " UTC, " (distance(failure.since, now)) "." }
            }
        }
        @if !missing.is_empty() {
            div.note.warn {
                b { "Configured jobs that could not be fetched" }
                span.id { (missing.join(", ")) }
            }
        }
        @if let Some(sunset) = status.sunset.or(status.deprecation) {
            div.note.warn {
                b { "This version of the API is going away" }
                @if status.sunset.is_some() { "It ends " } @else { "It is deprecated since " }
                (time(sunset)) " UTC, " (distance(sunset, now)) "."
            }
        }
        @if !status.state_gap.is_zero() {
            div.note.warn {
                b { "Some runs were not counted" }
                "The exporter was stopped for longer than the API's list reaches back: "
                (span(status.state_gap.as_secs())) " are missing from the feeds' counters."
            }
        }
    }
}

fn facts(status: &Status, now: Timestamp) -> Markup {
    html! {
        dl {
            div {
                dt { "Data from" }
                dd {
                    @match status.last_success {
                        Some(at) => { (distance(at, now)) " " small { (time(at)) } }
                        None => "never",
                    }
                }
            }
            @if let Some(took) = status.refresh_duration {
                div {
                    dt { "Last refresh" }
                    dd {
                        (format!("{:.1} s", took.as_secs_f64())) " "
                        small { (number(status.requests)) " " (plural(status.requests, "request")) }
                    }
                }
            }
            div { dt { "Access token" } dd { (token(status.token_expiry, now)) } }
            div {
                dt { "Jobs" }
                dd {
                    (number(status.jobs as u64))
                    @if status.jobs_dropped > 0 {
                        " " small { (number(status.jobs_dropped as u64)) " left out by limits.jobs" }
                    }
                }
            }
        }
    }
}

fn token(expiry: Option<Timestamp>, now: Timestamp) -> Markup {
    html! {
        @match expiry {
            None => "expiry unknown",
            Some(at) if at <= now => span.loud { "expired " (distance(at, now)) },
            Some(at) => { "expires " (distance(at, now)) " " small { (time(at)) } }
        }
    }
}

fn plural(count: u64, word: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{word}{ending}")
}
