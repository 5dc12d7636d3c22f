//! What the API of a tenant lists of the last seven days.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::amperity::{ApiError, Client, WorkflowTime, WorkflowWindow};
use crate::clock::{Clock, before};
use crate::config::Tenant;
use crate::jobs::Job;
use crate::telemetry::{Reason, Telemetry};

/// How far back the API lists jobs.
const LISTED: i32 = 7;

/// As many jobs as are listed in one request are those of a day.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Pages of the workflow runs of one day.
const MAX_PAGES: usize = 500;

/// Failed runs that are requested by id because the list has no error of them.
const MAX_UNEXPLAINED: usize = 200;

/// The jobs and workflow runs of one tenant, each in the order of their starts.
pub(super) struct Listed {
    pub(super) jobs: Vec<Job>,
    /// `None` if they are not collected, or if the key has no policy for them.
    pub(super) workflow_runs: Option<Vec<Job>>,
}

/// Requests both.
pub(super) async fn listed(
    tenant: &Tenant,
    clock: &Clock,
    now: Timestamp,
) -> anyhow::Result<Listed> {
    let telemetry = Telemetry::new()?;
    let client = Client::new(tenant, telemetry.tenant(&tenant.tenant), clock.clone())?;
    let name = &tenant.tenant;
    let jobs = jobs(tenant, &client, now).await;
    let jobs = jobs.with_context(|| format!("tenant {name}"))?;
    let workflow_runs = if tenant.collect.workflows {
        match workflow_runs(tenant, &client, now).await {
            Ok(runs) => Some(runs),
            Err(error) if error.reason == Reason::Forbidden => {
                // A terminal that is gone does not matter.
                let _ = writeln!(
                    io::stderr(),
                    "tenant {name}: workflow runs are left out: {error}"
                );
                None
            }
            Err(error) => return Err(error).with_context(|| format!("tenant {name}")),
        }
    } else {
        None
    };
    Ok(Listed {
        jobs,
        workflow_runs,
    })
}

/// The days of the last week, the oldest first. One list of all could be too
/// large.
fn days(now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let ends = (0..LISTED).rev().map(move |days| before(now, DAY * days));
    ends.map(|end| (before(end, DAY), end))
}

async fn jobs(tenant: &Tenant, client: &Client, now: Timestamp) -> Result<Vec<Job>, ApiError> {
    let mut jobs = Vec::new();
    for (from, to) in days(now) {
        let deadline = Instant::now() + 4 * tenant.api.timeout;
        jobs.extend(client.jobs(from, to, deadline).await.outcome?.jobs);
    }
    Ok(in_order(jobs))
}

async fn workflow_runs(
    tenant: &Tenant,
    client: &Client,
    now: Timestamp,
) -> Result<Vec<Job>, ApiError> {
    // The same run may be on two pages.
    let mut runs: BTreeMap<Arc<str>, Job> = BTreeMap::new();
    for (from, to) in days(now) {
        let window = WorkflowWindow {
            time: WorkflowTime::Created,
            from,
            to,
        };
        let mut token: Option<String> = None;
        for page in 0.. {
            if page == MAX_PAGES {
                let message = format!("GET workflow/runs: a day has more than {MAX_PAGES} pages");
                return Err(ApiError::new(Reason::TooLarge, message));
            }
            let deadline = Instant::now() + 4 * tenant.api.timeout;
            let reply = client.workflow_runs(window, token.as_deref(), deadline);
            let answer = reply.await.outcome?;
            runs.extend(
                answer
                    .runs
                    .into_iter()
                    .map(|run| (Arc::clone(&run.id), run)),
            );
            token = answer.next_token;
            if token.is_none() {
                break;
            }
        }
    }
    let mut runs = in_order(runs.into_values().collect());
    explain(tenant, client, &mut runs).await;
    Ok(runs)
}

/// Requests the errors that a list left out, those of the newest runs first.
async fn explain(tenant: &Tenant, client: &Client, runs: &mut [Job]) {
    let unexplained = runs.iter_mut().rev().filter(|run| {
        let failure = run.failure.as_ref();
        failure.is_some_and(|failure| failure.is_unexplained())
            && tenant.workflow_types.include(&run.tables[0].feed)
    });
    for run in unexplained.take(MAX_UNEXPLAINED) {
        let deadline = Instant::now() + 4 * tenant.api.timeout;
        // Without an answer the failure stays unexplained.
        if let Ok(answer) = client.workflow_run(&run.id, deadline).await.outcome {
            run.failure = answer.failure;
        }
    }
}

/// In the order of their starts. What has not begun has no place in the past.
fn in_order(mut jobs: Vec<Job>) -> Vec<Job> {
    jobs.retain(|job| job.started_at().is_some());
    jobs.sort_by_key(Job::started_at);
    jobs
}
