//! Runs of workflows as JSON, with the vendor's fields. Fields that have no
//! value are absent.

use jiff::Timestamp;
use serde::Serialize;

use super::body::iso8601;
use super::workflow::{WorkflowError, WorkflowProgress, WorkflowRun};
use crate::random::{hash, mixed, rng};

/// How much of a run to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Seven fields.
    Overview,
    /// All but the tasks.
    Whole,
    /// All fields.
    Verbose,
}

/// `GET /workflow/runs/{id}`, and one element of `GET /workflow/runs`.
#[derive(Debug, Serialize)]
pub(crate) struct WorkflowBody {
    id: String,
    state: &'static str,
    #[serde(rename = "type")]
    workflow_type: String,
    name: String,
    tenant: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    #[serde(flatten)]
    details: Option<Details>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_instances: Option<Vec<TaskBody>>,
}

#[derive(Debug, Serialize)]
struct Details {
    principal_id: String,
    principal_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal_email: Option<String>,
    launched_version: String,
    current_version: String,
    warn_after_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
}

#[derive(Clone, Debug, Serialize)]
struct ErrorBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<&'static str>,
    #[serde(rename = "type")]
    error_type: String,
    message: String,
    data: Option<String>,
}

#[derive(Debug, Serialize)]
struct TaskBody {
    id: String,
    state: &'static str,
    tenant: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    label: &'static str,
    task_definition_type: &'static str,
    timeout_ms: u64,
    workflow_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
}

impl WorkflowBody {
    /// The run at `now`, which is not before its start.
    pub(crate) fn of(run: &WorkflowRun, tenant: &str, view: View, now: Timestamp) -> Self {
        let progress = run.progress(now);
        let ended_at = progress.ended.map(iso8601);
        Self {
            id: run.id.clone(),
            state: progress.state,
            workflow_type: run.workflow_type.clone(),
            name: run.name.clone(),
            tenant: tenant.to_owned(),
            created_at: iso8601(run.started),
            details: (view != View::Overview).then(|| Details::of(run, &progress)),
            task_instances: (view == View::Verbose)
                .then(|| tasks(run, tenant, &progress, ended_at.as_deref())),
            ended_at,
        }
    }
}

impl Details {
    fn of(run: &WorkflowRun, progress: &WorkflowProgress<'_>) -> Self {
        let mut rng = rng(&[hash(&run.id)]);
        let version = format!("etv-20240210-12345-{}", mixed(&mut rng, 6));
        Self {
            principal_id: run.principal.id.clone(),
            principal_name: run.principal.name.clone(),
            principal_email: run.principal.email.clone(),
            current_version: version.clone(),
            launched_version: version,
            warn_after_ms: 24 * 3_600_000,
            error: progress.error.map(ErrorBody::of),
        }
    }
}

impl ErrorBody {
    fn of(error: &WorkflowError) -> Self {
        Self {
            attribution: error.attribution.map(super::Attribution::as_str),
            error_type: error.error_type.clone(),
            message: error.message.clone(),
            data: None,
        }
    }
}

/// The tasks that have started: the first collects, the second loads.
fn tasks(
    run: &WorkflowRun,
    tenant: &str,
    progress: &WorkflowProgress<'_>,
    ended_at: Option<&str>,
) -> Vec<TaskBody> {
    let mut rng = rng(&[hash(&run.id), 1]);
    let mut task = |label, task_definition_type, state, ended_at: Option<&str>, error| TaskBody {
        id: format!("wft-20240619-14574-{}", mixed(&mut rng, 6)),
        state,
        tenant: tenant.to_owned(),
        created_at: iso8601(run.started),
        ended_at: ended_at.map(str::to_owned),
        label,
        task_definition_type,
        timeout_ms: 172_800_000,
        workflow_id: run.id.clone(),
        error,
    };
    let error = progress.error.map(ErrorBody::of);
    if progress.is_past_first_task {
        let started = iso8601(run.started);
        vec![
            task(
                "Collect files",
                "courier",
                "succeeded",
                Some(&started),
                None,
            ),
            task("Load feeds", "ingest", progress.state, ended_at, error),
        ]
    } else {
        vec![task(
            "Collect files",
            "courier",
            progress.state,
            ended_at,
            error,
        )]
    }
}
