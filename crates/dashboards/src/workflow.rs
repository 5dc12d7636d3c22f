//! One workflow over time, and the workflows' row of the overview.

use serde_json::{Value, json};

use crate::dashboard::{Dashboard, variable};
use crate::panel::Panel;
use crate::query::state;
use crate::style::{ANY_IS_WRONG, BLUE, GREEN, GREY, LIGHT_BLUE, PINK, RED, STATES, ZERO_IS_GOOD};
use crate::table::{Format, Label, Table};

const WORKFLOW_LABELS: &[Label] = &[("tenant", "tenant"), ("workflow", "workflow"), ("type", "type")];
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

fn of_workflow(family: &str) -> String {
    format!("max(amperity_workflow_{family}{{WORKFLOW}})")
}

fn time_of_workflow(family: &str) -> String {
    format!("{} * 1000", of_workflow(family))
}

fn running() -> String {
    format!("time() - {}", of_workflow("running_since_timestamp_seconds"))
}

fn numbers() -> Vec<Panel> {
    let late = "max(amperity:workflow_problem{WORKFLOW,problem=\"late\"})";
    vec![
        Panel::stat(
            "State",
            "What the newest run of the workflow is doing, or how it ended.",
            &state("amperity_workflow_state{WORKFLOW,STATE}", "tenant, workflow, type"),
        )
        .options(json!({"colorMode": "background"}))
        .unit("none")
        .texts(STATES)
        .empty("Unknown"),
        Panel::stat(
            "Due",
            "When the next success should have ended, at the latest.",
            &time_of_workflow("due_timestamp_seconds"),
        )
        .unit("dateTimeFromNow")
        .empty("Nothing expected"),
        Panel::stat("Late by", "Time since the next success was due.", late)
            .unit("dtdurations")
            .thresholds((RED, &[]))
            .empty("Not late"),
        Panel::stat(
            "Last success",
            "When the newest succeeded run ended.",
            &time_of_workflow("last_success_timestamp_seconds"),
        )
        .unit("dateTimeFromNow")
        .empty("Never"),
        Panel::stat(
            "Runs without success",
            "Finished runs since the last success that did not succeed.",
            &of_workflow("failures_since_success"),
        )
        .thresholds(ANY_IS_WRONG)
        .empty("Unknown"),
        Panel::stat("Running for", "How long the present run has been running.", &running())
            .unit("dtdurations")
            .empty("Not running"),
        Panel::stat("Usual duration", "Duration of past runs.", &of_workflow("usual_duration_seconds"))
            .unit("dtdurations")
            .empty("Unknown"),
        Panel::stat("Runs known", "On how many runs the expectations are based.", &of_workflow("history_runs"))
            .empty("None"),
        Table::new(
            "Last run",
            "The newest finished run. If it failed: where, and who can fix it.",
            &[("workflow_id", "run"), ("attribution", "attribution"), ("error_type", "error")],
        )
        .column("", Format::Hidden, "max by (workflow_id, attribution, error_type) (amperity_workflow_info{WORKFLOW})")
        .column(
            "started",
            Format::Unit("dateTimeAsIso"),
            "max by (workflow_id, attribution, error_type) (amperity_workflow_info{WORKFLOW} * on (tenant, workflow, \
             type, job, instance) group_left () amperity_workflow_last_run_started_timestamp_seconds) * 1000",
        )
        .column(
            "ended",
            Format::Unit("dateTimeAsIso"),
            "max by (workflow_id, attribution, error_type) (amperity_workflow_info{WORKFLOW} * on (tenant, workflow, \
             type, job, instance) group_left () amperity_workflow_last_run_ended_timestamp_seconds) * 1000",
        )
        .panel()
        .empty("No run has finished.")
        .size(24, 4),
    ]
}

fn runs() -> Vec<Panel> {
    let gained = |counter: &str, label: &str, value: &str| {
        let series = format!("max by ({label}) ({counter}{{WORKFLOW,{label}=~\"{value}\"}}");
        format!("sum(clamp_min({series}) - {series} offset $__interval), 0))")
    };
    let runs = |states: &str| gained("amperity_workflow_runs_total", "state", states);
    let failures = |source: &str| gained("amperity_workflow_failures_total", "attribution", source);
    let success = of_workflow("last_success_timestamp_seconds");
    vec![
        Panel::steps(
            "Duration",
            "Duration of the newest finished run and of the present one, with what is usual and the limit.",
        )
        .unit("s")
        .empty("No run has finished yet.")
        .colored("last run", BLUE, &of_workflow("last_run_duration_seconds"))
        .colored("present run", LIGHT_BLUE, &running())
        .dashed("usual", GREY, &of_workflow("usual_duration_seconds"))
        .dashed("limit", RED, &of_workflow("duration_limit_seconds")),
        Panel::lines(
            "Time since the last success",
            "Drops with each success. Above the dashed line the workflow is late.",
        )
        .unit("s")
        .empty("No success is known.")
        .colored("since the last success", BLUE, &format!("time() - {success}"))
        .dashed("due", RED, &format!("{} - {success}", of_workflow("due_timestamp_seconds"))),
        Panel::states(
            "State history",
            "What the newest run was doing.",
            "state",
            &state("amperity_workflow_state{WORKFLOW,STATE}", "tenant, workflow, type"),
        )
        .empty("The workflow is not known."),
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
    ]
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
            .column(
                "state",
                Format::Texts(STATES),
                &state("amperity_workflow_state{TENANTS,STATE}", "tenant, workflow, type"),
            )
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
            .sorted("due", false)
            .panel()
            .empty("No workflow is known.")
            .size(24, 9),
    ]
}
