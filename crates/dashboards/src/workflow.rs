//! One workflow over time, and the workflows' row of the overview.

use serde_json::Value;

use crate::dashboard::{Dashboard, variable};
use crate::detail::Detail;
use crate::panel::Panel;
use crate::query::{gained, state, with_address};
use crate::style::{GREEN, GREY, LIGHT_BLUE, PINK, RED, STATES, ZERO_IS_GOOD};
use crate::table::{Format, Label, Table};

const WORKFLOW_LABELS: &[Label] =
    &[("tenant", "tenant"), ("workflow", "workflow"), ("type", "type"), ("workflow_id", "last run"), ("url", "url")];
const DURATION: Format = Format::Unit("dtdurations");

pub(crate) fn dashboard() -> Value {
    let of_workflow = r#"amperity_workflow_state{tenant="$tenant",workflow="$workflow"}"#;
    Dashboard {
        uid: "amperity-workflow",
        title: "Amperity / Workflow",
        description: "One workflow over time: its runs, why they failed, when it is due, and the feeds it loads.",
        from: "now-7d",
        variables: vec![
            variable("tenant", "Tenant", "amperity_up"),
            variable("workflow", "Workflow", r#"amperity_workflow_state{tenant="$tenant"}"#),
            variable("type", "Type", of_workflow),
        ],
        links: &[("${tenant} in Amperity", "https://${tenant}.amperity.com/")],
        rows: vec![("", numbers()), ("Runs", runs()), ("Feeds", feeds())],
    }
    .json()
}

const WORKFLOW: Detail = Detail {
    kind: "workflow",
    selector: "WORKFLOW",
    labels: "tenant, workflow, type",
    running: "time() - max(amperity_workflow_running_since_timestamp_seconds{WORKFLOW})",
    usual_runs: "past runs",
};

fn numbers() -> Vec<Panel> {
    let info = with_address(WORKFLOW.labels, |url| format!("amperity_workflow_info{{WORKFLOW,{url}}}"));
    let by = "by (workflow_id, attribution, error_type, url)";
    let time = |family: &str| {
        format!(
            "max {by} ({info} * on (tenant, workflow, type, job, instance) group_left () amperity_workflow_{family}) * 1000"
        )
    };
    let mut panels = WORKFLOW.numbers();
    panels.push(
        Table::new(
            "Last run",
            "The newest finished run. If it failed: where, and who can fix it.",
            &[("workflow_id", "run"), ("attribution", "attribution"), ("error_type", "error"), ("url", "url")],
        )
        .column("", Format::Hidden, &format!("max {by} ({info})"))
        .column("started", Format::Unit("dateTimeAsIso"), &time("last_run_started_timestamp_seconds"))
        .column("ended", Format::Unit("dateTimeAsIso"), &time("last_run_ended_timestamp_seconds"))
        .panel()
        .empty("No run has finished.")
        .size(24, 4),
    );
    panels
}

fn runs() -> Vec<Panel> {
    let finished = |counter: &str, label: &str, values: &str| {
        gained(counter, label, &format!("{{WORKFLOW,{label}=~\"{values}\"}}"))
    };
    let runs = |states: &str| finished("amperity_workflow_runs_total", "state", states);
    let failures = |source: &str| finished("amperity_workflow_failures_total", "attribution", source);
    let mut panels = WORKFLOW.history();
    panels.extend([
        Panel::bars("Runs by state", "Finished runs by the state in which they first ended.")
            .interval("5m")
            .empty("No run has finished in this time.")
            .colored("succeeded", GREEN, &runs("succeeded"))
            .colored("stopped or canceled", PINK, &runs("stopped|canceled"))
            .colored("failed", RED, &runs("failed")),
        Panel::bars("Failures by attribution", "Failed runs by who can fix the error, as Amperity says.")
            .interval("5m")
            .empty("No run has failed in this time.")
            .colored("customer", RED, &failures("customer"))
            .colored("platform", LIGHT_BLUE, &failures("platform"))
            .colored("unknown", GREY, &failures("unknown"))
            .size(24, 7),
    ]);
    panels
}

fn feeds() -> Vec<Panel> {
    let selected = "on (tenant, table, feed) max by (tenant, table, feed) \
                    (amperity_feed_info{tenant=\"$tenant\",workflow=\"$workflow\"})";
    let time = |family: &str| {
        format!("(max by (tenant, table, feed) (amperity_feed_{family}{{tenant=\"$tenant\"}}) and {selected}) * 1000")
    };
    let table = Table::new(
        "Feeds",
        "The feeds whose newest finished run belongs to this workflow.",
        &[("tenant", "tenant"), ("table", "table"), ("feed", "feed")],
    )
    .column(
        "state",
        Format::Texts(STATES),
        &format!("{} and {selected}", state("amperity_feed_state{tenant=\"$tenant\",STATE}", "tenant, table, feed")),
    )
    .column("due", Format::Unit("dateTimeFromNow"), &time("due_timestamp_seconds"))
    .column("last success", Format::Unit("dateTimeFromNow"), &time("last_success_timestamp_seconds"))
    .sorted("table", false);
    vec![table.panel().empty("No feed is known.").size(24, 9)]
}

/// The workflows' row of the overview.
pub(crate) fn overview() -> Vec<Panel> {
    let problems = |title: &str, description: &str, problem: &str| {
        let problems = format!("amperity:workflow_problem{{TENANTS,problem=\"{problem}\"}} > -1");
        let workflows = format!("count by (tenant, workflow, type) ({problems})");
        Panel::count(title, description, &workflows, ZERO_IS_GOOD)
    };
    let problem = |problem: &str| {
        format!("max by (tenant, workflow, type) (amperity:workflow_problem{{TENANTS,problem=\"{problem}\"}})")
    };
    let time = |family: &str| format!("max by (tenant, workflow, type) (amperity_workflow_{family}{{TENANTS}}) * 1000");
    let info = with_address(WORKFLOW.labels, |url| format!("amperity_workflow_info{{TENANTS,{url}}}"));
    // One row for each workflow, also while exporters disagree.
    let run =
        format!("topk by (tenant, workflow, type) (1, max by (tenant, workflow, type, workflow_id, url) ({info}))");
    vec![
        problems("Workflows failed", "Workflows that failed before ingest or outside of it.", "failed"),
        problems("Workflows late", "Workflows whose next success is overdue.", "late"),
        Panel::count(
            "Tenants without workflows",
            "Tenants whose workflows cannot be requested, such as with a key without the policy.",
            "max by (tenant) (amperity_workflows_up{TENANTS}) == 0",
            ZERO_IS_GOOD,
        ),
        Panel::count(
            "Workflows left out",
            "Workflows without series, because of limits.page_bytes or because there are too many.",
            "max by (tenant) (amperity_exporter_workflows_dropped{TENANTS}) > 0",
            ZERO_IS_GOOD,
        ),
        Panel::bars("Failed workflows by attribution", "Failed runs by who can fix the error, as Amperity says.")
            .interval("5m")
            .empty("No run has failed in this time.")
            .series(
                "{{attribution}}",
                "sum by (attribution) (increase(max by (tenant, workflow, type, attribution) \
                 (amperity_workflow_failures_total{TENANTS})[$__interval:])) > 0",
            )
            .size(12, 4),
        Table::new("All workflows", "Every workflow, the one that is due first at the top.", WORKFLOW_LABELS)
            .column("state", Format::Texts(STATES), &state("amperity_workflow_state{TENANTS,STATE}", WORKFLOW.labels))
            .column("failed runs", Format::Whole, &problem("failed"))
            .column("late by", DURATION, &problem("late"))
            .column("slow for", DURATION, &problem("slow"))
            .column("due", Format::Unit("dateTimeFromNow"), &time("due_timestamp_seconds"))
            .column("last success", Format::Unit("dateTimeFromNow"), &time("last_success_timestamp_seconds"))
            .column(
                "duration",
                DURATION,
                "max by (tenant, workflow, type) (amperity_workflow_last_run_duration_seconds{TENANTS})",
            )
            .column("", Format::Hidden, &run)
            .sorted("due", false)
            .panel()
            .empty("No workflow is known.")
            .size(24, 9),
    ]
}
