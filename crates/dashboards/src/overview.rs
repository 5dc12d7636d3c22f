//! All feeds of the chosen tenants.

use serde_json::{Value, json};

use crate::dashboard::{Dashboard, hidden, multiple, variable};
use crate::panel::Panel;
use crate::query::{gained, share, state, urgency};
use crate::style::{BLUE, GREEN, GREY, LIGHT_BLUE, ORANGE, PINK, RED, STATES, ZERO_IS_GOOD, urgencies};
use crate::table::{Format, Label, Table};

const FEED_LABELS: &[Label] = &[("tenant", "tenant"), ("table", "table"), ("feed", "feed")];
const NAMED_FEED_LABELS: &[Label] = &[("tenant", "tenant"), ("name", "name"), ("table", "table"), ("feed", "feed")];
const DURATION: Format = Format::Unit("dtdurations");

pub(crate) fn dashboard() -> Value {
    Dashboard {
        uid: "amperity-overview",
        title: "Amperity / Ingest overview",
        description: "All ingest feeds: what is late, failed or unusual, what runs, and how many rows arrive.",
        from: "now-24h",
        variables: vec![
            multiple(variable("tenant", "Tenant", "amperity_up")),
            hidden(variable("runbook", "Runbook", "amperity:links_info")),
        ],
        links: &[],
        rows: vec![
            ("", numbers()),
            ("Needs attention", attention()),
            ("Workflows", crate::workflow::overview()),
            ("Rows and runs", rows_and_runs()),
            ("Feeds", feeds()),
        ],
    }
    .json()
}

/// A count of feeds with problems, by the same expression as the alerts.
fn problems(title: &str, description: &str, problem: &str) -> Panel {
    let problems = format!("amperity:feed_problem{{TENANTS,severity!=\"none\",problem{problem}}} > -1");
    let feeds = format!("count BY_FEED ({problems})");
    Panel::count(title, description, &feeds, ZERO_IS_GOOD)
}

fn numbers() -> Vec<Panel> {
    let runs = |selector: &str| {
        format!(
            "sum(max by (tenant, table, feed, state) (increase(amperity_feed_runs_total{{TENANTS,state{selector}}}[24h])))"
        )
    };
    vec![
        Panel::count(
            "Tenants without data",
            "Tenants whose last refresh failed. What is shown of them is old.",
            "max by (tenant) (amperity_up{TENANTS}) == 0",
            ZERO_IS_GOOD,
        ),
        problems("Feeds late", "Feeds whose next success is overdue.", "=\"late\""),
        problems("Feeds failed", "Feeds with a failed run and no success since.", "=\"failed\""),
        problems(
            "Feeds unusual",
            "Feeds whose current run is slow, or whose last run was stopped or had unusual rows, errors or rejections.",
            "!~\"late|failed\"",
        ),
        Panel::count(
            "Feeds running",
            "Feeds with an unfinished run.",
            "amperity:feed_running_seconds{TENANTS}",
            (RED, &[(0.0, BLUE)]),
        ),
        Panel::count(
            "Feeds known",
            "Feeds on the page of an exporter.",
            "amperity:feed_info{TENANTS}",
            (RED, &[(0.0, BLUE)]),
        ),
        Panel::stat(
            "Runs that succeeded, 24 h",
            "Share of the runs finished in the last 24 hours that succeeded; skipped runs are left out.",
            &share(&runs("=\"succeeded\""), &runs("!=\"skipped\"")),
        )
        .unit("percentunit")
        .default("decimals", json!(1))
        .thresholds((RED, &[(0.9, ORANGE), (0.99, GREEN)]))
        .empty("No run finished"),
        Panel::stat(
            "Rows read, 24 h",
            "Rows read by runs finished in the last 24 hours.",
            "sum(max BY_FEED (increase(amperity_feed_read_rows_total{TENANTS}[24h])))",
        )
        .empty("No run finished"),
    ]
}

fn attention() -> Vec<Panel> {
    let problem = |problem: &str| {
        format!(
            "max by (tenant, name, table, feed, workflow, team, severity, problem) \
             (amperity:feed_problem{{TENANTS,problem=~\"{problem}\"}})"
        )
    };
    let unusual = "amperity:feed_problem{TENANTS,problem=~\"fewrows|manyrows\"}";
    let rank = urgency("TENANTS");
    let rank = format!("max by (tenant, name, table, feed, workflow, team, severity, problem) (\n{rank}\n)");
    vec![
        Table::new(
            "Feeds with problems",
            "Every problem of every feed, the most urgent first. The problem links to the runbook, feed and \
             workflow to their dashboards. Muted feeds are included.",
            &[
                ("tenant", "tenant"),
                ("problem", "problem"),
                ("name", "name"),
                ("table", "table"),
                ("feed", "feed"),
                ("workflow", "workflow"),
                ("team", "team"),
                ("severity", "severity"),
            ],
        )
        .column("urgency", Format::Whole, &rank)
        .column(
            "since",
            Format::Unit("dateTimeFromNow"),
            "min by (tenant, table, feed, problem) (ALERTS_FOR_STATE{TENANTS,alertname=~\"Amperity.*\",problem!=\"\"}) * 1000",
        )
        .column("late by", DURATION, &problem("late"))
        .column("runs without success", Format::Whole, &problem("failed|stopped"))
        .column("running for", DURATION, &problem("slow"))
        .column("share of rows", Format::Percent, &problem("errors|rejections"))
        .column("rows read", Format::Plain, &problem("fewrows|manyrows"))
        .column(
            "usual rows",
            Format::Plain,
            &format!("max by (tenant, table, feed, problem) ({unusual} * 0 + on (tenant, table, feed) group_left () max BY_FEED (amperity_feed_last_run_usual_read_rows{{TENANTS}}))"),
        )
        .sorted("urgency", false)
        .panel()
        .empty("No feed has a problem, or there is no data: see the numbers above.")
        .size(24, 10),
        Table::new(
            "Other firing alerts",
            "Alerts of tenants and exporters as Prometheus sees them: silences and inhibition of Alertmanager do not \
             show here.",
            &[("severity", "severity"), ("alertname", "alert"), ("tenant", "tenant"), ("instance", "instance"), ("job_id", "job")],
        )
        .column(
            "",
            Format::Hidden,
            "max by (severity, alertname, tenant, instance, job_id) (ALERTS{alertname=~\"Amperity.*\",problem=\"\",\
             alertstate=\"firing\",tenant=~\"$tenant|\"})",
        )
        .sorted("severity", false)
        .panel()
        .unit("none")
        .empty("None fires."),
        Table::new("Running now", "Feeds with an unfinished run, the longest first.", FEED_LABELS)
            .column("running for", DURATION, "max BY_FEED (amperity:feed_running_seconds{TENANTS})")
            .column(
                "usual",
                DURATION,
                "max BY_FEED (amperity_feed_usual_duration_seconds{TENANTS}) and amperity:feed_running_seconds",
            )
            .column(
                "limit",
                DURATION,
                "max BY_FEED (amperity_feed_duration_limit_seconds{TENANTS}) and amperity:feed_running_seconds",
            )
            .sorted("running for", true)
            .panel()
            .unit("s")
            .empty("Nothing is running."),
    ]
}

/// Stacked rows by outcome, counted by a query.
pub(crate) fn rows_by_outcome(panel: Panel, query: impl Fn(&str) -> String) -> Panel {
    panel
        .empty("No run has finished in this time.")
        .colored("inserted", GREEN, &query("amperity_feed_inserted_rows_total"))
        .colored("updated", LIGHT_BLUE, &query("amperity_feed_updated_rows_total"))
        .colored("rejected", ORANGE, &query("amperity_feed_rejected_rows_total"))
        .colored("errors", RED, &query("amperity_feed_error_rows_total"))
}

/// Stacked finished runs by final state.
pub(crate) fn runs_by_state(panel: Panel, feeds: &str) -> Panel {
    let runs = |states: &str| {
        gained("amperity_feed_runs_total", "tenant, table, feed, state", &format!("{{{feeds},state=~\"{states}\"}}"))
    };
    panel
        .interval("5m")
        .empty("No run has finished in this time.")
        .colored("succeeded", GREEN, &runs("succeeded"))
        .colored("skipped", GREY, &runs("skipped"))
        .colored("stopped or canceled", PINK, &runs("stopped|canceled"))
        .colored("failed", RED, &runs("failed"))
}

fn rows_and_runs() -> Vec<Panel> {
    let daily = Panel::bars(
        "Rows per day by outcome",
        "Rows of the runs finished on each of the last 14 days. A bar is at the beginning of its day; the last one is \
         today so far. Rejected rows are duplicates.",
    );
    let mut daily =
        rows_by_outcome(daily, |counter| format!("sum(max BY_FEED (increase({counter}{{TENANTS}}[1d] offset -1d)))"))
            .interval("1d");
    daily.json["timeFrom"] = json!("14d");
    daily.json["options"]["legend"]["calcs"] = json!(["sum"]);
    for target in daily.json["targets"].as_array_mut().into_iter().flatten() {
        target["interval"] = json!("1d");
    }
    let recent = Panel::bars(
        "Rows by outcome",
        "Rows of the runs that finished in each interval; the bars add up to the rows read. Rejected rows are \
         duplicates.",
    );
    let runs = Panel::bars("Runs by final state", "Finished runs. A run is one table of one ingest job.");
    vec![
        daily,
        rows_by_outcome(recent, |counter| gained(counter, "tenant, table, feed", "{TENANTS}")).interval("5m"),
        runs_by_state(runs, "TENANTS"),
        Panel::lines("Feeds running", "Feeds with an unfinished run, by tenant.")
            .unit("none")
            .empty("Nothing was running in this time.")
            .series("{{tenant}}", "count by (tenant) (amperity:feed_running_seconds{TENANTS})"),
    ]
}

fn feeds() -> Vec<Panel> {
    let last_run = |family: &str| format!("max BY_FEED (amperity_feed_last_run_{family}{{TENANTS}})");
    let time = |family: &str| format!("max BY_FEED (amperity_feed_{family}{{TENANTS}}) * 1000");
    let read = last_run("read_rows");
    let table = Table::new("All feeds", "Every feed, the one that is due first at the top.", FEED_LABELS)
        .column("state", Format::Texts(STATES), &state("amperity_feed_state{TENANTS,STATE}", "tenant, table, feed"))
        .column("due", Format::Unit("dateTimeFromNow"), &time("due_timestamp_seconds"))
        .column("last success", Format::Unit("dateTimeFromNow"), &time("last_success_timestamp_seconds"))
        .column("rows read", Format::Plain, &read)
        .column("usual rows", Format::Plain, &last_run("usual_read_rows"))
        .column(
            "errors",
            Format::PercentWithThresholds((GREEN, &[(0.0001, ORANGE), (0.05, RED)])),
            &share(&last_run("error_rows"), &read),
        )
        .column("rejected", Format::Percent, &share(&last_run("rejected_rows"), &read))
        .column("duration", DURATION, &last_run("duration_seconds"))
        .column("usual duration", DURATION, "max BY_FEED (amperity_feed_usual_duration_seconds{TENANTS})")
        .sorted("due", false);
    vec![
        table.panel().empty("No feed is known.").size(24, 12),
        Panel::states(
            "Problems over time",
            "The most urgent problem of each feed that has one. What a feed without a problem was doing is in its own \
             dashboard.",
            "{{table}} {{feed}}",
            &format!("min BY_FEED (\n{}\n)", urgency("TENANTS")),
        )
        .default("mappings", urgencies())
        .empty("No feed had a problem in this time.")
        .linked_to_feed()
        .size(24, 10),
        Table::new(
            "Feeds without an expectation",
            "No alert fires when these feeds are late: they have too little history, run irregularly, or are \
             configured as ad hoc.",
            NAMED_FEED_LABELS,
        )
        .column(
            "",
            Format::Hidden,
            "max by (tenant, name, table, feed) (amperity:feed_info{TENANTS} \
             unless on (tenant, table, feed) amperity_feed_due_timestamp_seconds)",
        )
        .column(
            "runs known",
            Format::Whole,
            "max BY_FEED (amperity_feed_history_runs{TENANTS} unless amperity_feed_due_timestamp_seconds)",
        )
        .sorted("table", false)
        .panel()
        .unit("none")
        .empty("Every feed has an expectation.")
        .size(14, 10),
        Panel::ranking(
            "Slowest feeds",
            "The ten feeds whose last finished run took longest.",
            "{{table}} {{feed}}",
            &format!("topk(10, {})", last_run("duration_seconds")),
        )
        .unit("dtdurations")
        .empty("No run has finished.")
        .linked_to_feed()
        .size(10, 10),
    ]
}
