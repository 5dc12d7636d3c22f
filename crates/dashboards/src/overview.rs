//! All feeds of the chosen tenants.

use serde_json::{Value, json};

use crate::dashboard::{Dashboard, Row, multiple, variable};
use crate::panel::Panel;
use crate::query::{TENANTS, by_feed, running_since, share, state};
use crate::style::{GREEN, GREY, LIGHT_BLUE, ORANGE, PINK, RED, ZERO_IS_GOOD};
use crate::table::{Format, Table};

const FEED_LABELS: &[(&str, &str)] = &[("tenant", "tenant"), ("table", "table"), ("feed", "feed")];

pub(crate) fn dashboard() -> Value {
    let tenant = variable("tenant", "Tenant", "amperity_up");
    Dashboard {
        uid: "amperity-overview",
        title: "Amperity / Ingest overview",
        description: "What Amperity ingests for all tenants: what runs, what failed, what is late.",
        from: "now-24h",
        variables: vec![multiple(tenant)],
        links: &[],
        rows: vec![
            Row {
                title: None,
                panels: numbers(),
            },
            Row {
                title: Some("Now"),
                panels: now(),
            },
            Row {
                title: Some("Rows and runs"),
                panels: rows_and_runs(),
            },
            Row {
                title: Some("Feeds"),
                panels: feeds(),
            },
        ],
    }
    .json()
}

fn numbers() -> Vec<Panel> {
    let running = format!("max by (tenant, table, feed) ({})", running_since(TENANTS));
    let increase = |counter: &str, selector: &str, by: &str| {
        format!("sum(max by ({by}) (increase({counter}{{{TENANTS}{selector}}}[24h])))")
    };
    let succeeded = increase(
        "amperity_feed_runs_total",
        r#",state="succeeded""#,
        "tenant, table, feed",
    );
    let runs = increase(
        "amperity_feed_runs_total",
        r#",state!="skipped""#,
        "tenant, table, feed, state",
    );
    vec![
        Panel::stat(
            "Tenants without data",
            "Tenants whose last refresh failed: wrong credentials, or an API that cannot be used. \
             What is shown of them is old.",
            "count(max by (tenant) (amperity_up{TENANTS}) == 0) or vector(0)",
        )
        .unit("none")
        .thresholds(ZERO_IS_GOOD),
        Panel::stat(
            "Feeds running",
            "Feeds with an unfinished run.",
            &format!("count({running}) or vector(0)"),
        )
        .unit("none"),
        Panel::stat(
            "Feeds failed",
            "Feeds whose newest run failed.",
            "count(max by (tenant, table, feed) \
                 (amperity_feed_state{TENANTS,state=\"failed\"}) == 1) or vector(0)",
        )
        .unit("none")
        .thresholds(ZERO_IS_GOOD),
        Panel::stat(
            "Feeds late",
            "Feeds without a success for longer than their limit: two of their usual intervals, \
             if nothing else is set. Needs the recording rules.",
            &format!("count({}) or vector(0)", late()),
        )
        .unit("none")
        .thresholds(ZERO_IS_GOOD),
        Panel::stat(
            "Runs that succeeded, 24 h",
            "Share of the runs finished in the last 24 hours that succeeded; skipped runs are \
             left out.",
            &share(&succeeded, &runs),
        )
        .unit("percentunit")
        .default("decimals", &json!(1))
        .thresholds((RED, &[(0.9, ORANGE), (0.99, GREEN)]))
        .empty("No run finished"),
        Panel::stat(
            "Rows read, 24 h",
            "Rows read by runs finished in the last 24 hours.",
            &increase("amperity_feed_read_rows_total", "", "tenant, table, feed"),
        )
        .empty("None"),
    ]
}

fn late() -> String {
    format!("amperity:feed_success_age_seconds{{{TENANTS}}} > amperity:feed_limit:age_seconds")
}

fn now() -> Vec<Panel> {
    let feed_state = state("amperity_feed_state", "tenant, table, feed", TENANTS);
    let bad = "and on (tenant, table, feed) \
               amperity_feed_state{state=~\"failed|stopping|stopped|canceled\"} == 1";
    let ended = format!(
        "max by (tenant, table, feed) (amperity_feed_last_run_ended_timestamp_seconds{{{TENANTS}}} * 1000)"
    );
    vec![
        Table::new(
            "Firing alerts",
            "Alerts of this exporter that fire now, as Prometheus sees them: silences and \
             inhibition of Alertmanager do not show here.",
            &[
                ("severity", "severity"),
                ("alertname", "alert"),
                ("tenant", "tenant"),
                ("table", "table"),
                ("feed", "feed"),
            ],
        )
        .column(
            "",
            Format::Hidden,
            "max by (severity, alertname, tenant, table, feed) \
             (ALERTS{alertname=~\"Amperity.*\",alertstate=\"firing\",tenant=~\"$tenant|\"})",
        )
        .sorted("severity", false)
        .panel()
        .unit("none")
        .empty("Nothing fires."),
        Table::new(
            "Running now",
            "Feeds with an unfinished run, the longest first. Usual is the mean of the runs of \
             7 days. Needs the recording rules.",
            FEED_LABELS,
        )
        .column(
            "running for",
            Format::Unit("dtdurations"),
            &by_feed("amperity:feed_running_seconds"),
        )
        .column(
            "usual",
            Format::Unit("dtdurations"),
            "max by (tenant, table, feed) (amperity:feed_usual_duration_seconds{TENANTS} \
                 and amperity:feed_running_seconds)",
        )
        .sorted("running for", true)
        .panel()
        .unit("s")
        .empty("Nothing runs."),
        Table::new(
            "Failed, stopped or canceled",
            "Feeds whose newest run ended badly, with what that run did.",
            FEED_LABELS,
        )
        .column("state", Format::State, &format!("{feed_state} >= 5 < 8"))
        .column(
            "ended",
            Format::Unit("dateTimeFromNow"),
            &format!("{ended}\n{bad}"),
        )
        .column(
            "rows read",
            Format::Plain,
            &format!("{}\n{bad}", by_feed("amperity_feed_last_run_read_rows")),
        )
        .column(
            "rows with errors",
            Format::Plain,
            &format!("{}\n{bad}", by_feed("amperity_feed_last_run_error_rows")),
        )
        .sorted("ended", true)
        .panel()
        .empty("No feed is in a bad state."),
        late_feeds(),
    ]
}

fn late_feeds() -> Panel {
    Table::new(
        "Late",
        "Feeds without a success for longer than their limit. Needs the recording rules.",
        FEED_LABELS,
    )
    .column(
        "no success for",
        Format::Unit("dtdurations"),
        &format!("max by (tenant, table, feed) ({})", late()),
    )
    .column(
        "limit",
        Format::Unit("dtdurations"),
        "max by (tenant, table, feed) (amperity:feed_limit:age_seconds{TENANTS} < \
                     amperity:feed_success_age_seconds)",
    )
    .column(
        "usual interval",
        Format::Unit("dtdurations"),
        "max by (tenant, table, feed) (amperity:feed_usual_interval_seconds{TENANTS} \
                     and (amperity:feed_success_age_seconds > amperity:feed_limit:age_seconds))",
    )
    .sorted("no success for", true)
    .panel()
    .unit("s")
    .empty("No feed is late.")
}

/// Stacked rows by outcome, counted over a window.
pub(crate) fn rows_by_outcome(panel: Panel, sum: impl Fn(&str) -> String) -> Panel {
    panel
        .colored("inserted", GREEN, &sum("amperity_feed_inserted_rows_total"))
        .colored(
            "updated",
            LIGHT_BLUE,
            &sum("amperity_feed_updated_rows_total"),
        )
        .colored(
            "rejected",
            ORANGE,
            &sum("amperity_feed_rejected_rows_total"),
        )
        .colored("errors", RED, &sum("amperity_feed_error_rows_total"))
}

/// Stacked finished runs by final state.
pub(crate) fn runs_by_state(panel: Panel, selector: &str) -> Panel {
    let runs = |state: &str| {
        format!(
            "sum(max by (tenant, table, feed, state) (increase(amperity_feed_runs_total\
             {{{selector},state{state}}}[$__rate_interval])))"
        )
    };
    panel
        .interval("1m")
        .empty("No run has finished in this time.")
        .size(12, 8)
        .colored("succeeded", GREEN, &runs("=\"succeeded\""))
        .colored("skipped", GREY, &runs("=\"skipped\""))
        .colored("stopped or canceled", PINK, &runs("=~\"stopped|canceled\""))
        .colored("failed", RED, &runs("=\"failed\""))
}

fn rows_and_runs() -> Vec<Panel> {
    let sum = |window: &'static str| {
        move |counter: &str| {
            format!("sum(max by (tenant, table, feed) (increase({counter}{{{TENANTS}}}{window})))")
        }
    };
    let daily = Panel::bars(
        "Rows per day by outcome",
        "Rows of the runs finished on each of the last 14 days. A bar stands at the beginning of \
         its day; the last one is today so far. Rejected rows are duplicates.",
    );
    let mut daily = rows_by_outcome(daily, sum("[1d] offset -1d"))
        .interval("1d")
        .empty("No run has finished.")
        .size(12, 8);
    daily.json["timeFrom"] = json!("14d");
    daily.json["options"]["legend"]["calcs"] = json!(["sum"]);
    for target in daily.json["targets"].as_array_mut().into_iter().flatten() {
        target["interval"] = json!("1d");
    }
    let recent = Panel::bars(
        "Rows by outcome",
        "Rows of the runs as they finished. Rejected rows are duplicates.",
    );
    let runs = Panel::bars(
        "Runs by final state",
        "Finished runs. A run is one table of one ingest job.",
    );
    vec![
        daily,
        rows_by_outcome(recent, sum("[$__rate_interval]"))
            .interval("1m")
            .empty("No run has finished in this time.")
            .size(12, 8),
        runs_by_state(runs, TENANTS),
        Panel::lines("Feeds running", "Feeds with an unfinished run, by tenant.")
            .unit("none")
            .empty("Nothing ran in this time.")
            .size(12, 8)
            .series(
                "{{tenant}}",
                &format!(
                    "count by (tenant) (max by (tenant, table, feed) ({}))",
                    running_since(TENANTS)
                ),
            ),
    ]
}

fn feeds() -> Vec<Panel> {
    let feed_state = state("amperity_feed_state", "tenant, table, feed", TENANTS);
    let read = by_feed("amperity_feed_last_run_read_rows");
    vec![
        Table::new(
            "Freshness",
            "Every feed, the one without a success for longest first.",
            FEED_LABELS,
        )
        .column("state", Format::State, &feed_state)
        .column(
            "last success, ago",
            Format::Unit("dtdurations"),
            &format!(
                "time() - {}",
                by_feed("amperity_feed_last_success_timestamp_seconds")
            ),
        )
        .column("rows read", Format::Plain, &read)
        .column(
            "errors",
            Format::PercentWithThresholds((GREEN, &[(0.0001, ORANGE), (0.05, RED)])),
            &share(&by_feed("amperity_feed_last_run_error_rows"), &read),
        )
        .column(
            "rejected",
            Format::Percent,
            &share(&by_feed("amperity_feed_last_run_rejected_rows"), &read),
        )
        .column(
            "duration",
            Format::Unit("dtdurations"),
            &by_feed("amperity_feed_last_run_duration_seconds"),
        )
        .sorted("last success, ago", true)
        .panel()
        .empty("No feed is known yet.")
        .size(16, 12),
        Panel::ranking(
            "Slowest feeds",
            "The ten feeds whose last finished run took longest.",
            "{{table}} {{feed}}",
            &format!(
                "topk(10, {})",
                by_feed("amperity_feed_last_run_duration_seconds")
            ),
        )
        .unit("dtdurations")
        .empty("No run has finished.")
        .linked_to_feed()
        .size(8, 12),
        Panel::states(
            "States",
            "What the newest run of each feed was doing.",
            "{{table}} {{feed}}",
            &feed_state,
        )
        .option("perPage", &json!(20))
        .empty("No feed is known yet.")
        .linked_to_feed()
        .size(24, 12),
    ]
}
