//! The status page at `/`: the state of each tenant and its jobs, failed ones
//! first, then the newest.
//!
//! Every value is escaped by construction. The page has no script, and its
//! content security policy allows nothing but its own style, by its hash.

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

use words::{badge, distance, name, number, span, time};

const STYLE: &str = include_str!("status/style.css");

/// Seconds until the browser reloads the page.
const RELOAD: u32 = 30;

/// The source expression of a content security policy that allows the page's
/// style.
pub(super) static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| {
    // rustls brings an implementation of SHA-256.
    let suite = TLS13_AES_128_GCM_SHA256.tls13();
    let hash = suite.map(|suite| suite.common.hash_provider.hash(STYLE.as_bytes()));
    hash.map_or_else(
        || "'none'".to_owned(),
        |hash| format!("'sha256-{}'", STANDARD.encode(hash)),
    )
});

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = &*STYLE_SOURCE;
    format!(
        "default-src 'none'; style-src {style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// The content security policy of the page: its style and nothing else.
pub(super) fn policy() -> &'static str {
    &POLICY
}

/// A configured content security policy, extended so that it allows the page's
/// style.
pub(super) fn allowing_style(configured: &str) -> String {
    let extended = configured.split(',').map(|policy| {
        let directives = policy.split(';').map(str::trim);
        let mut directives: Vec<String> = directives.map(str::to_owned).collect();
        let name = |directive: &str| {
            let name = directive.split_whitespace().next();
            name.unwrap_or_default().to_ascii_lowercase()
        };
        let allowing = |directive: &str| {
            let sources = directive.split_whitespace().skip(1);
            let kept = sources.filter(|source| !source.eq_ignore_ascii_case("'none'"));
            let sources: Vec<&str> = kept.chain([STYLE_SOURCE.as_str()]).collect();
            sources.join(" ")
        };
        let is_style = |directive: &String| name(directive).starts_with("style-src");
        if directives.iter().any(is_style) {
            for directive in directives.iter_mut().filter(|one| is_style(one)) {
                *directive = format!("{} {}", name(directive), allowing(directive));
            }
        } else if let Some(default) = directives.iter().find(|one| name(one) == "default-src") {
            directives.push(format!("style-src {}", allowing(default)));
        }
        directives.join("; ")
    });
    extended.collect::<Vec<_>>().join(", ")
}

/// The part of the page to show.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View<'a> {
    /// Only this tenant.
    pub(super) tenant: Option<&'a str>,
    /// The page of its jobs, from 0.
    pub(super) page: usize,
    /// The path of the metrics.
    pub(super) telemetry_path: &'a str,
}

/// The page as HTML.
pub(super) fn page(snapshots: &[Arc<Snapshot>], view: View<'_>, now: Timestamp) -> String {
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
    markup.into_string()
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
                    @if view.tenant.is_some() { (name(&snapshot.tenant)) }
                    @else { a href=(link) { (name(&snapshot.tenant)) } }
                }
                @if status.up { (badge("good", "✓", "up")) }
                @else if status.failure.is_some() { (badge("bad", "✕", "failing")) }
                @else { (badge("busy", "○", "first refresh in progress")) }
            }
            (notes(snapshot, now))
            (facts(status, now))
            (table::jobs(snapshot, view.tenant.map(|_| view.page), &link, now))
        }
    }
}

/// Problems and notices.
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
                (name(&failure.message)) " "
                small { "Failing since " (time(failure.since)) " UTC, " (distance(failure.since, now)) "." }
            }
        }
        @if !missing.is_empty() {
            div.note.warn {
                b { "Configured jobs that could not be fetched" }
                span.id { @for id in &missing { (name(id)) " " } }
            }
        }
        @if let Some(sunset) = status.sunset.or(status.deprecation) {
            div.note.warn {
                b { "This version of the API is deprecated" }
                @if status.sunset.is_some() { "It is removed on " } @else { "It is deprecated since " }
                (time(sunset)) " UTC, " (distance(sunset, now)) "."
            }
        }
        @if !status.state_gap.is_zero() {
            div.note.warn {
                b { "Some runs were not counted" }
                "The exporter was stopped for longer than the API lists jobs. Runs of "
                (span(status.state_gap.as_secs())) " are missing from the feed counters."
            }
        }
    }
}

fn facts(status: &Status, now: Timestamp) -> Markup {
    html! {
        dl {
            div {
                dt { "Last successful refresh" }
                dd {
                    @match status.last_success {
                        Some(at) => { (distance(at, now)) " " small { (time(at)) } }
                        None => "never",
                    }
                }
            }
            @if let Some(took) = status.refresh_duration {
                div {
                    dt { "Refresh duration" }
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
                        " " small { (number(status.jobs_dropped as u64)) " omitted because of limits.jobs" }
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
