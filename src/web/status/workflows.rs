//! Workflows whose latest run failed: why, and what can be done.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::feeds::{Feed, Run};
use crate::jobs::{Attribution, State, WorkflowFailure};
use crate::snapshot::Snapshot;

use super::links;
use super::words::{count, distance, name, time};

/// Workflows of a tenant that are shown.
const SHOWN: usize = 5;

/// The failed workflows of a tenant, the latest failure first, and whether
/// workflows can be requested.
pub(super) fn failed(snapshot: &Snapshot, is_named: bool, now: Timestamp) -> Markup {
    let mut failed: Vec<(&Feed, &Run)> = snapshot
        .workflows
        .iter()
        .filter_map(|workflow| Some((workflow, workflow.last_run.as_deref()?)))
        .filter(|(_, run)| run.state == Some(State::Failed))
        .collect();
    failed.sort_by_key(|(_, run)| std::cmp::Reverse(run.ordered_at));
    let tenant = html! {
        @if is_named {
            " of " a href=(links::tenant(&snapshot.tenant)) { (name(&snapshot.tenant)) }
        }
    };
    html! {
        @for (workflow, run) in failed.iter().take(SHOWN) {
            (failure(snapshot, workflow, run, &tenant, now))
        }
        @if failed.len() > SHOWN {
            div.note.bad {
                b { (count((failed.len() - SHOWN) as u64, "other workflow")) (tenant) " failed" }
            }
        }
        @if snapshot.status.workflows_up == Some(false) {
            div.note.warn {
                b { "Workflows" (tenant) " cannot be requested" }
                "The log says why. Ingest jobs are still shown."
            }
        }
    }
}

fn failure(
    snapshot: &Snapshot,
    workflow: &Feed,
    run: &Run,
    tenant: &Markup,
    now: Timestamp,
) -> Markup {
    let failure = workflow.failures.of_run(&run.job);
    let (who, advice) = advice(failure);
    let message = failure.map_or("", |failure| &*failure.message);
    let error_type = failure.map_or("", |failure| &*failure.error_type);
    html! {
        div.note.bad {
            b { "Workflow " (name(&workflow.table)) (tenant) " failed" @if workflow.running_since.is_some() { ", and runs again" } }
            p {
                @if !message.is_empty() { (name(message)) " " }
                @if !error_type.is_empty() { "(" span.id { (name(error_type)) } ") " }
                (who) " " (advice)
            }
            p {
                @if let Some(ended) = run.ended_at { "Ended " (time(ended)) " UTC, " (distance(ended, now)) ". " }
                "Run "
                @match snapshot.run_address(&run.job) {
                    Some(address) => a href=(address) { span.id { (name(&run.job)) } },
                    None => span.id { (name(&run.job)) },
                }
            }
        }
    }
}

/// Who can fix it, and how.
fn advice(failure: Option<&WorkflowFailure>) -> (&'static str, &'static str) {
    let attribution = failure.map_or(Attribution::Unknown, |failure| failure.attribution);
    match attribution {
        Attribution::Customer => (
            "You can fix it:",
            "in Amperity, Show resolutions in the error offers what applies, such as updating \
             credentials, ignoring a missing file or retrying the task.",
        ),
        Attribution::Platform => (
            "The cause is Amperity's platform, and is often transient:",
            "retry the task with Show resolutions; if it fails again, contact Amperity Support.",
        ),
        Attribution::Unknown => (
            "Amperity does not say who can fix it:",
            "see the run's failed task in Amperity.",
        ),
    }
}
