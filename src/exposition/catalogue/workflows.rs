//! The families of a workflow. Its name is the feed's table, its type the
//! feed's id.

use super::super::text::Value;
use super::{Family, Gauge, gauge, seconds};
use crate::feeds::Feed;

const WORKFLOW: &[&str] = &["tenant", "workflow", "type"];

pub(in crate::exposition) static WORKFLOW_STATE: Family = Family::gauge(
    "amperity_workflow_state",
    &["tenant", "workflow", "type", "state"],
    "1 for the state of the workflow's latest run, finished or not, 0 for the others.",
);

pub(in crate::exposition) static WORKFLOW_INFO: Family = Family::gauge(
    "amperity_workflow_info",
    &[
        "tenant",
        "workflow",
        "type",
        "workflow_id",
        "error_type",
        "attribution",
        "url",
    ],
    "Always 1. Labels: workflow_id, the id of the workflow's latest finished run, for looking it up \
     in Amperity; and if that run failed, error_type and attribution of its error in the Amperity \
     API: customer, platform, or unknown if the API does not say. With ui_url in the \
     configuration, url is the address of the run in Amperity.",
);

/// One series per workflow, each.
pub(in crate::exposition) static WORKFLOW_GAUGES: [Gauge<Feed>; 10] = [
    gauge(
        "amperity_workflow_running_since_timestamp_seconds",
        WORKFLOW,
        |workflow| workflow.running_since.map(Value::timestamp),
        "Unix time at which the workflow's latest unfinished run started. No series while none is \
         running.",
    ),
    gauge(
        "amperity_workflow_last_run_duration_seconds",
        WORKFLOW,
        |workflow| {
            let duration = workflow.last_run.as_ref()?.duration_ms()?;
            Some(Value::milliseconds(duration))
        },
        "Duration of the workflow's latest finished run.",
    ),
    gauge(
        "amperity_workflow_last_run_started_timestamp_seconds",
        WORKFLOW,
        |workflow| workflow.last_run.as_ref()?.started_at.map(Value::timestamp),
        "Unix time at which the workflow's latest finished run started: created_at in the \
         Amperity API.",
    ),
    gauge(
        "amperity_workflow_last_run_ended_timestamp_seconds",
        WORKFLOW,
        |workflow| workflow.last_run.as_ref()?.ended_at.map(Value::timestamp),
        "Unix time at which the workflow's latest finished run ended.",
    ),
    gauge(
        "amperity_workflow_last_success_timestamp_seconds",
        WORKFLOW,
        |workflow| workflow.last_success.map(Value::timestamp),
        "Unix time at which the workflow's latest successful run ended. Alert on its age.",
    ),
    gauge(
        "amperity_workflow_due_timestamp_seconds",
        WORKFLOW,
        |workflow| workflow.expected.due.map(Value::timestamp),
        "Unix time by which the workflow's next successful run is expected to have ended; the \
         workflow is late from then on. Learned from its past runs, including slack. No series if \
         its runs follow no schedule.",
    ),
    gauge(
        "amperity_workflow_usual_duration_seconds",
        WORKFLOW,
        |workflow| workflow.expected.usual_duration.map(seconds),
        "Usual duration of a run of the workflow. Learned from its past runs.",
    ),
    gauge(
        "amperity_workflow_duration_limit_seconds",
        WORKFLOW,
        |workflow| workflow.expected.duration_limit.map(seconds),
        "Duration from which on a run of the workflow takes unusually long. Learned from its past \
         runs.",
    ),
    gauge(
        "amperity_workflow_failures_since_success",
        WORKFLOW,
        |workflow| Some(Value::Count(workflow.failures_since_success)),
        "Failed, stopped and canceled runs of the workflow since its latest successful one.",
    ),
    gauge(
        "amperity_workflow_history_runs",
        WORKFLOW,
        |workflow| Some(Value::Count(workflow.expected.history_runs)),
        "Number of finished runs of the workflow from which the expected values are learned.",
    ),
];

pub(in crate::exposition) static WORKFLOW_RUNS: Family = Family::counter(
    "amperity_workflow_runs_total",
    &["tenant", "workflow", "type", "state"],
    "Finished runs of the workflow by the state in which they first ended, each counted once, \
     since the exporter first saw the workflow. A run that goes on after it failed is not counted \
     again.",
);

pub(in crate::exposition) static WORKFLOW_FAILURES: Family = Family::counter(
    "amperity_workflow_failures_total",
    &["tenant", "workflow", "type", "attribution"],
    "Failed runs of the workflow, each counted once, by the attribution of the error in the \
     Amperity API: customer, platform, or unknown if the API does not say.",
);

/// The families of a workflow.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    [&WORKFLOW_STATE, &WORKFLOW_INFO]
        .into_iter()
        .chain(WORKFLOW_GAUGES.iter().map(|gauge| &gauge.family))
        .chain([&WORKFLOW_RUNS, &WORKFLOW_FAILURES])
}
