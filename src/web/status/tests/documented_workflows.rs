//! The documented answers with runs of workflows: what becomes of each field.
//! `docs/METRICS.md` has the reasons.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::exposition::{Encoding, Format, Page, RenderedSnapshot, catalogue};
use crate::feeds::RunHistory;
use crate::telemetry::Gathered;
use crate::wire;

const LIST: &str = include_str!("../../../../tests/fixtures/example-workflow-runs.json");
const RUN: &str = include_str!("../../../../tests/fixtures/example-workflow-run.json");

/// Fields whose values are on the metrics page or the status page. `tenant` is
/// there as configured.
const USED: [&str; 10] = [
    "created_at",
    "ended_at",
    "error.attribution",
    "error.message",
    "error.type",
    "id",
    "name",
    "state",
    "tenant",
    "type",
];

/// Fields whose values are on neither.
const LEFT_OUT: [&str; 10] = [
    "current_version",
    "error.data",
    "launched_version",
    "next_token",
    "principal_email",
    "principal_id",
    "principal_name",
    "task_instances",
    "total",
    "warn_after_ms",
];

/// Each field of an answer with its value.
fn fields(answer: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (name, value) in answer.as_object().unwrap() {
        match name.as_str() {
            "data" => found.extend(value.as_array().unwrap().iter().flat_map(fields)),
            "error" => {
                let parts = value.as_object().unwrap().iter();
                found.extend(parts.map(|(part, value)| (format!("error.{part}"), value)));
            }
            name => found.push((name.to_owned(), value)),
        }
    }
    found
}

/// Every text and number in a value.
fn leaves(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields.values().flat_map(leaves).collect(),
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

fn answers() -> [Value; 2] {
    [LIST, RUN].map(|text| serde_json::from_str(text).unwrap())
}

/// The metrics page and the status page after these answers.
fn pages() -> (String, String) {
    let mut runs = Vec::new();
    let mut read = |run: &wire::WorkflowRun<'_>| runs.extend(Job::from_wire_workflow(run));
    let listed = wire::read_workflows(LIST.as_bytes(), |run| read(run.unwrap()));
    assert_eq!(listed.unwrap().as_deref(), Some("ZVEy1iwsKBs9a6H"));
    wire::read_workflow(RUN.as_bytes(), read).unwrap();
    let mut history = RunHistory::of_workflows();
    history.observe(&runs, now());
    let snapshot = Snapshot {
        workflows: history.feeds().into(),
        ui_url: Some("https://{tenant}.example.com/runs/{workflow_id}".into()),
        ..tenant("socktown", Vec::new(), Vec::new())
    };
    let rendered = RenderedSnapshot::new(Arc::new(snapshot.clone()), None);
    let page = Page::new(vec![Arc::new(rendered)]);
    let body = page.body(Format::Text, Encoding::Identity, &Gathered::default());
    let metrics = String::from_utf8(body.chunks.concat()).unwrap();
    (metrics, tenant_page(snapshot))
}

#[test]
fn the_reference_explains_every_documented_field() {
    let answers = answers();
    let documented = answers.iter().flat_map(fields).map(|(name, _)| name);
    let documented: BTreeSet<String> = documented.collect();
    let reference = catalogue::markdown();
    let (_, table) = reference
        .split_once("| field | use |\n|---|---|\n")
        .unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let explained: BTreeSet<String> = rows
        .filter_map(|row| row.split(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    assert_eq!(explained, documented);
    let accounted = USED.into_iter().chain(LEFT_OUT).map(str::to_owned);
    assert_eq!(accounted.collect::<BTreeSet<_>>(), documented);
}

#[test]
fn used_fields_are_on_the_pages() {
    let (metrics, status) = pages();
    let lines = metrics.lines().filter(|line| {
        let parts = ["_info", "_last_run_", "_last_success"];
        parts.iter().any(|part| line.contains(part))
    });
    let lines = lines.filter(|line| line.starts_with("amperity_workflow_"));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    amperity_workflow_info{tenant="socktown",workflow="Loyalty nightly",type="courier_group",workflow_id="wf-20240619-14418-6UhqSe",error_type="amperity.workflow.task.stitch/table",attribution="customer",url="https://socktown.example.com/runs/wf-20240619-14418-6UhqSe"} 1
    amperity_workflow_info{tenant="socktown",workflow="Warehouse bridge",type="bridge_sync",workflow_id="wf-20240618-71990-Kq3xZa",error_type="",attribution="",url="https://socktown.example.com/runs/wf-20240618-71990-Kq3xZa"} 1
    amperity_workflow_last_run_duration_seconds{tenant="socktown",workflow="Loyalty nightly",type="courier_group"} 171.355
    amperity_workflow_last_run_duration_seconds{tenant="socktown",workflow="Warehouse bridge",type="bridge_sync"} 85.496
    amperity_workflow_last_run_started_timestamp_seconds{tenant="socktown",workflow="Loyalty nightly",type="courier_group"} 1718769618.764
    amperity_workflow_last_run_started_timestamp_seconds{tenant="socktown",workflow="Warehouse bridge",type="bridge_sync"} 1718740790.004
    amperity_workflow_last_run_ended_timestamp_seconds{tenant="socktown",workflow="Loyalty nightly",type="courier_group"} 1718769790.119
    amperity_workflow_last_run_ended_timestamp_seconds{tenant="socktown",workflow="Warehouse bridge",type="bridge_sync"} 1718740875.5
    amperity_workflow_last_success_timestamp_seconds{tenant="socktown",workflow="Loyalty nightly",type="courier_group"} 1718684507.902
    "#);
    for part in [
        "Loyalty nightly",
        "A table that &lt;redacted&gt; changed cannot be read.",
        "amperity.workflow.task.stitch/table",
        "You can fix it",
        "2024-06-19 04:03:10",
        "https://socktown.example.com/runs/wf-20240619-14418-6UhqSe",
    ] {
        assert!(status.contains(part), "{part}\n{status}");
    }
}

#[test]
fn the_values_of_other_fields_are_nowhere() {
    let answers = answers();
    let of = |names: &[&str]| -> BTreeSet<String> {
        let all = answers.iter().flat_map(fields);
        let chosen = all.filter(|(name, _)| names.contains(&name.as_str()));
        chosen.flat_map(|(_, value)| leaves(value)).collect()
    };
    let (used, left_out) = (of(&USED), of(&LEFT_OUT));
    // A task has the run's tenant, id and state.
    let secret: Vec<&String> = left_out
        .difference(&used)
        .filter(|text| text.len() > 1)
        .collect();
    assert!(secret.len() > 15, "{secret:?}");
    let (metrics, status) = pages();
    for text in secret
        .into_iter()
        .map(String::as_str)
        .chain(["second line"])
    {
        assert!(!metrics.contains(text), "{text}");
        assert!(!status.contains(text), "{text}");
    }
}
