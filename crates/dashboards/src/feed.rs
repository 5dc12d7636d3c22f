//! One feed over time.

use serde_json::{Value, json};

use crate::dashboard::{Dashboard, Row, variable};
use crate::overview::{rows_by_outcome, runs_by_state};
use crate::panel::Panel;
use crate::query::{FEED, of_feed, running_since, share, state};
use crate::style::{BLUE, GREEN, GREY, LIGHT_BLUE, ORANGE, RED, Steps, ZERO_IS_GOOD};
use crate::table::{Format, Table};

pub(crate) fn dashboard() -> Value {
    Dashboard {
        uid: "amperity-feed",
        title: "Amperity / Feed detail",
        description: "One feed over time: its runs, their rows, and what is usual for it.",
        from: "now-7d",
        variables: vec![
            variable("tenant", "Tenant", "amperity_up"),
            variable("table", "Table", r#"amperity_feed_state{tenant="$tenant"}"#),
            variable(
                "feed",
                "Feed",
                r#"amperity_feed_state{tenant="$tenant",table="$table"}"#,
            ),
        ],
        links: &[("${tenant} in Amperity", "https://${tenant}.amperity.com/")],
        rows: vec![
            Row {
                title: None,
                panels: numbers(),
            },
            Row {
                title: Some("Rows"),
                panels: rows(),
            },
            Row {
                title: Some("Runs"),
                panels: runs(),
            },
        ],
    }
    .json()
}

fn recorded(name: &str) -> String {
    format!("amperity:{name}{{{FEED}}}")
}

fn numbers() -> Vec<Panel> {
    let last_run = |title, description: &str, family: &str, steps: Steps| {
        Panel::stat(title, description, &of_feed(family))
            .thresholds(steps)
            .empty("No run yet")
    };
    vec![
        Panel::stat(
            "State",
            "What the newest run of the feed is doing, or how it ended.",
            &state("amperity_feed_state", "tenant, table, feed", FEED),
        )
        .option("colorMode", &json!("background"))
        .with_states()
        .empty("Not known"),
        Panel::stat(
            "Last success",
            "Time since the newest succeeded run ended.",
            &format!(
                "time() - {}",
                of_feed("amperity_feed_last_success_timestamp_seconds")
            ),
        )
        .unit("dtdurations")
        .empty("Never"),
        Panel::stat(
            "Late after",
            "Limit of the time without a success: an override, or two usual intervals. Needs the \
             recording rules.",
            &recorded("feed_limit:age_seconds"),
        )
        .unit("dtdurations")
        .empty("Not known"),
        Panel::stat(
            "Running for",
            "How long the present run has been on.",
            &format!("time() - max({})", running_since(FEED)),
        )
        .unit("dtdurations")
        .empty("Nothing runs"),
        Panel::stat(
            "Usual duration",
            "Mean duration of the runs of 7 days. Needs the recording rules.",
            &recorded("feed_usual_duration_seconds"),
        )
        .unit("dtdurations")
        .empty("Not known"),
        Panel::stat(
            "Runs, 7 d",
            "Finished runs of 7 days, whatever their end.",
            "sum(max by (state) (increase(amperity_feed_runs_total{FEED}[7d])))",
        )
        .default("decimals", &json!(0))
        .empty("None"),
        last_run(
            "Rows read",
            "By the newest finished run.",
            "amperity_feed_last_run_read_rows",
            (BLUE, &[]),
        ),
        last_run(
            "Inserted",
            "By the newest finished run.",
            "amperity_feed_last_run_inserted_rows",
            (GREEN, &[]),
        ),
        last_run(
            "Updated",
            "By the newest finished run.",
            "amperity_feed_last_run_updated_rows",
            (LIGHT_BLUE, &[]),
        ),
        last_run(
            "Rejected",
            "Duplicates that the newest finished run did not ingest.",
            "amperity_feed_last_run_rejected_rows",
            (ORANGE, &[]),
        ),
        last_run(
            "With errors",
            "Rows of the newest finished run with a value that does not fit its column.",
            "amperity_feed_last_run_error_rows",
            ZERO_IS_GOOD,
        ),
        last_run(
            "Files",
            "Read by the newest finished run.",
            "amperity_feed_last_run_files",
            (BLUE, &[]),
        ),
    ]
}

fn rows() -> Vec<Panel> {
    let read = of_feed("amperity_feed_last_run_read_rows");
    let outcome = Panel::bars(
        "Rows by outcome",
        "Rows of the runs as they finished. Rejected rows are duplicates.",
    );
    let increase = |counter: &str| format!("max(increase({counter}{{{FEED}}}[$__rate_interval]))");
    vec![
        rows_by_outcome(outcome, increase)
            .interval("1m")
            .empty("No run has finished in this time.")
            .size(12, 8),
        Panel::steps(
            "Rows of a run",
            "Rows read by the newest finished run, beside what is usual and the least that raises \
             no alert. The last two need the recording rules.",
        )
        .empty("No run has finished yet.")
        .size(12, 8)
        .colored("read", BLUE, &read)
        .dashed("usual", GREY, &recorded("feed_usual_read_rows"))
        .dashed("limit", RED, &recorded("feed_limit:read_rows")),
        Panel::steps(
            "Error ratio",
            "Share of the rows of the newest finished run with an error, and its limit.",
        )
        .unit("percentunit")
        .empty("No run has read rows yet.")
        .size(12, 8)
        .colored(
            "errors",
            RED,
            &share(&of_feed("amperity_feed_last_run_error_rows"), &read),
        )
        .dashed("limit", GREY, &recorded("feed_limit:error_ratio")),
        Panel::steps(
            "Rejected ratio",
            "Share of the rows of the newest finished run rejected as duplicates, beside what is \
             usual and the limit.",
        )
        .unit("percentunit")
        .empty("No run has read rows yet.")
        .size(12, 8)
        .colored(
            "rejected",
            ORANGE,
            &share(&of_feed("amperity_feed_last_run_rejected_rows"), &read),
        )
        .dashed("usual", GREY, &recorded("feed_usual_rejected_ratio"))
        .dashed("limit", RED, &recorded("feed_limit:rejected_ratio")),
    ]
}

fn runs() -> Vec<Panel> {
    let by_state = Panel::bars("Runs by final state", "Finished runs of this feed.");
    vec![
        Panel::steps(
            "Duration against usual",
            "Duration of the newest finished run and of the present one, beside the usual and the \
             limit.",
        )
        .unit("s")
        .empty("No run has finished yet.")
        .size(12, 8)
        .colored(
            "last run",
            BLUE,
            &of_feed("amperity_feed_last_run_duration_seconds"),
        )
        .colored(
            "present run",
            LIGHT_BLUE,
            &format!("time() - max({})", running_since(FEED)),
        )
        .dashed("usual", GREY, &recorded("feed_usual_duration_seconds"))
        .dashed("limit", RED, &recorded("feed_limit:duration_seconds")),
        Panel::lines(
            "Time since the last success",
            "A tooth for each success. Above its limit the feed is late.",
        )
        .unit("s")
        .empty("No success is known.")
        .size(12, 8)
        .colored(
            "no success for",
            BLUE,
            &format!(
                "time() - {}",
                of_feed("amperity_feed_last_success_timestamp_seconds")
            ),
        )
        .dashed("limit", RED, &recorded("feed_limit:age_seconds")),
        Panel::states(
            "State history",
            "What the newest run was doing.",
            "state",
            &state("amperity_feed_state", "tenant, table, feed", FEED),
        )
        .empty("The feed is not known.")
        .size(12, 5),
        runs_by_state(by_state, FEED),
        last_runs(),
    ]
}

fn last_runs() -> Panel {
    let of_job = |family: &str| format!("max by (job_id) ({family}{{{FEED}}})");
    let time_of_job = |family: &str| format!("max by (job_id) ({family}{{{FEED}}} * 1000)");
    let job = format!(
        "max by (job_id, workflow_id) (\n  max by (tenant, job_id, workflow_id) \
         (amperity_ingest_job_info{{tenant=\"$tenant\"}})\n  and on (tenant, job_id)\n  \
         amperity_ingest_state{{{FEED}}}\n)"
    );
    let rows =
        |table: Table, title, family: &str| table.column(title, Format::Plain, &of_job(family));
    let table = Table::new(
        "Last runs",
        "The jobs of the feed that are on the exporter's page: those of the discovery window and \
         those configured, if collect.jobs is on.",
        &[("job_id", "job"), ("workflow_id", "workflow")],
    )
    .column("", Format::Hidden, &job)
    .column(
        "state",
        Format::State,
        &state("amperity_ingest_state", "job_id", FEED),
    )
    .column(
        "started",
        Format::Unit("dateTimeAsIso"),
        &time_of_job("amperity_ingest_started_timestamp_seconds"),
    )
    .column(
        "ended",
        Format::Unit("dateTimeAsIso"),
        &time_of_job("amperity_ingest_ended_timestamp_seconds"),
    )
    .column(
        "duration",
        Format::Unit("dtdurations"),
        &of_job("amperity_ingest_duration_seconds"),
    );
    let table = rows(table, "read", "amperity_ingest_read_rows");
    let table = rows(table, "inserted", "amperity_ingest_inserted_rows");
    let table = rows(table, "updated", "amperity_ingest_updated_rows");
    let table = rows(table, "rejected", "amperity_ingest_rejected_rows").column(
        "errors",
        Format::NumberWithThresholds(ZERO_IS_GOOD),
        &of_job("amperity_ingest_error_rows"),
    );
    rows(table, "files", "amperity_ingest_files")
        .sorted("started", true)
        .panel()
        .empty("No job of this feed is on the exporter's page.")
        .size(24, 11)
}
