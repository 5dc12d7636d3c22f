//! What is shown of a tenant besides its feeds and jobs.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::snapshot::{Snapshot, Status};

use super::links;
use super::words::{badge, count, distance, distance_and_time, name, number, reason, span, time};

/// Whether the last refresh succeeded.
pub(super) fn up(status: &Status) -> Markup {
    if status.up {
        badge("good", "✓", "up")
    } else if status.failure.is_some() {
        badge("bad", "✕", "failing")
    } else {
        badge("busy", "○", "first refresh in progress")
    }
}

/// Why there is no data, if the last refresh failed.
pub(super) fn outage(snapshot: &Snapshot, is_named: bool, now: Timestamp) -> Markup {
    let status = &snapshot.status;
    html! {
        @if let Some(failure) = &status.failure {
            div.note.bad.outage {
                h2 {
                    "No data"
                    @if is_named { " from " a href=(links::tenant(&snapshot.tenant)) { (name(&snapshot.tenant)) } }
                }
                p { b { (reason(failure.reason)) } (name(&failure.message)) }
                p {
                    "Failing since " (time(failure.since)) " UTC, " (distance(failure.since, now)) ". "
                    @match status.last_success {
                        Some(at) => { "What is shown is from " (time(at)) " UTC, " (distance(at, now)) "." }
                        None => "No refresh has succeeded yet.",
                    }
                }
            }
        }
    }
}

/// Other problems and notices.
pub(super) fn notes(snapshot: &Snapshot, now: Timestamp) -> Markup {
    let status = &snapshot.status;
    let missing: Vec<&str> = snapshot
        .configured
        .iter()
        .filter(|(_, fetched)| !fetched)
        .map(|(id, _)| &**id)
        .collect();
    html! {
        @if !missing.is_empty() {
            div.note.warn {
                b { "Configured jobs that could not be fetched" }
                span.id { @for id in missing.iter().take(MISSING) { (name(id)) " " } }
                @if missing.len() > MISSING { "and " (number((missing.len() - MISSING) as u64)) " more" }
            }
        }
        @if let Some(date) = status.sunset.or(status.deprecation) {
            div.note.warn {
                b { "This version of the API is deprecated" }
                @if status.sunset.is_some() { "Removal date: " } @else { "Deprecation date: " }
                (time(date)) " UTC, " (distance(date, now)) "."
            }
        }
        @if !status.state_gap.is_zero() {
            div.note.warn {
                b { "Some runs were not counted" }
                "No jobs were listed for longer than the API lists them. The feed counters "
                "lack the runs that finished in a period of "
                (span(status.state_gap.as_secs())) "."
            }
        }
        @if status.feeds_dropped > 0 {
            div.note.warn {
                b { (count(status.feeds_dropped as u64, "feed")) " omitted" }
                "There are more feeds than the exporter can keep, or than limits.page_bytes allows."
            }
        }
    }
}

/// Jobs that could not be fetched and are named.
const MISSING: usize = 20;

/// Figures about the refreshes.
pub(super) fn facts(snapshot: &Snapshot, now: Timestamp) -> Markup {
    let status = &snapshot.status;
    html! {
        dl {
            div {
                dt { "Last successful refresh" }
                dd {
                    @match status.last_success {
                        Some(at) => (distance_and_time(at, now)),
                        None => "never",
                    }
                }
            }
            @if let Some(took) = status.refresh_duration {
                div {
                    dt { "Refresh duration" }
                    dd {
                        (format!("{:.1} s", took.as_secs_f64())) " "
                        small { (count(status.requests, "request")) }
                    }
                }
            }
            div { dt { "Access token" } dd { (token(status.token_expiry, now)) } }
            div { dt { "Jobs" } dd { (jobs(snapshot)) } }
        }
    }
}

/// The number of jobs, with a link to them.
pub(super) fn jobs(snapshot: &Snapshot) -> Markup {
    let status = &snapshot.status;
    html! {
        a href=(links::jobs(&snapshot.tenant)) { (count(status.jobs as u64, "job")) }
        @if status.jobs_dropped > 0 {
            " " small { (number(status.jobs_dropped as u64)) " omitted because of a limit" }
        }
    }
}

fn token(expiry: Option<Timestamp>, now: Timestamp) -> Markup {
    html! {
        @match expiry {
            None => "expiry unknown",
            Some(at) if at <= now => span.loud { "expired " (distance(at, now)) },
            Some(at) => { "expires " (distance_and_time(at, now)) }
        }
    }
}
