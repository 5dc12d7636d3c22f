//! One feed over time.

use serde_json::{Value, json};

use crate::dashboard::{Dashboard, variable};
use crate::detail::Detail;
use crate::overview::{rows_by_outcome, runs_by_state};
use crate::panel::Panel;
use crate::query::{gained, share, state, with_address};
use crate::style::{ANY_IS_WRONG, BLUE, GREEN, GREY, LIGHT_BLUE, ORANGE, RED, STATES, Steps};
use crate::table::{Format, Table};

pub(crate) fn dashboard() -> Value {
    Dashboard {
        uid: "amperity-feed",
        title: "Amperity / Feed detail",
        description: "One feed over time: its runs, their rows, when it is due, and what is usual for it.",
        from: "now-7d",
        variables: vec![
            variable("tenant", "Tenant", "amperity_up"),
            variable("table", "Table", r#"amperity_feed_state{tenant="$tenant"}"#),
            variable("feed", "Feed", r#"amperity_feed_state{tenant="$tenant",table="$table"}"#),
        ],
        links: &[("${tenant} in Amperity", "https://${tenant}.amperity.com/")],
        rows: vec![("", numbers()), ("Rows", rows()), ("Runs", runs())],
    }
    .json()
}

const FEED: Detail = Detail {
    kind: "feed",
    selector: "FEED",
    labels: "tenant, table, feed",
    running: "max(amperity:feed_running_seconds{FEED})",
    usual_runs: "comparable runs",
};

fn numbers() -> Vec<Panel> {
    let last_run = |title, description: &str, family: &str, steps: Steps| {
        let panel = Panel::stat(title, description, &FEED.value(&format!("last_run_{family}")));
        panel.thresholds(steps).empty("No run")
    };
    let mut panels = FEED.numbers();
    panels.extend([
        last_run("Rows read", "By the newest finished run.", "read_rows", (BLUE, &[])),
        last_run("Usual rows", "Rows that runs comparable to it read.", "usual_read_rows", (BLUE, &[]))
            .empty("Unknown"),
        last_run("Inserted", "By the newest finished run.", "inserted_rows", (GREEN, &[])),
        last_run("Updated", "By the newest finished run.", "updated_rows", (LIGHT_BLUE, &[])),
        last_run("Rejected", "Duplicates that the newest finished run did not load.", "rejected_rows", (ORANGE, &[])),
        last_run(
            "With errors",
            "Rows of the newest finished run with a value that does not fit its column.",
            "error_rows",
            ANY_IS_WRONG,
        ),
        last_run("Files", "Read by the newest finished run.", "files", (BLUE, &[])),
        Panel::stat(
            "Runs, 7 d",
            "Runs finished in the last 7 days, in any state.",
            "sum(max by (state) (increase(amperity_feed_runs_total{FEED}[7d])))",
        )
        .default("decimals", json!(0))
        .empty("None"),
    ]);
    panels
}

fn rows() -> Vec<Panel> {
    let last_run = |family: &str| FEED.value(&format!("last_run_{family}"));
    let read = last_run("read_rows");
    let outcome = Panel::bars(
        "Rows by outcome",
        "Rows of the runs that finished in each interval; the bars add up to the rows read. Rejected rows are \
         duplicates.",
    );
    let ratio = |title: &str, description: &str, kind: &str, color: &str| {
        Panel::steps(title, description)
            .unit("percentunit")
            .empty("No run has read rows yet.")
            .colored("share", color, &share(&last_run(&format!("{kind}_rows")), &read))
            .dashed("usual", GREY, &last_run(&format!("usual_{kind}_ratio")))
            .dashed("limit", RED, &last_run(&format!("{kind}_ratio_limit")))
    };
    vec![
        rows_by_outcome(outcome, |counter| gained(counter, FEED.labels, "{FEED}")).interval("5m"),
        Panel::steps(
            "Rows of a run",
            "Rows read by the newest finished run, and the range in which comparable runs lie.",
        )
        .empty("No run has finished yet.")
        .band(["low", "high"], [&last_run("low_read_rows"), &last_run("high_read_rows")])
        .dashed("usual", GREY, &last_run("usual_read_rows"))
        .colored("read", BLUE, &read),
        ratio("Errors", "Share of the rows of the newest finished run with an error.", "error", RED),
        ratio(
            "Rejections",
            "Share of the rows of the newest finished run that were rejected as duplicates.",
            "rejected",
            ORANGE,
        ),
    ]
}

fn runs() -> Vec<Panel> {
    let by_state = Panel::bars("Runs by final state", "Finished runs of this feed.");
    let mut panels = FEED.history();
    panels.extend([runs_by_state(by_state, "FEED"), last_runs()]);
    panels
}

/// The runs of the chosen time, also those that have left the exporter's page.
fn last_runs() -> Panel {
    let last = |family: &str| format!("max by (job_id) (last_over_time(amperity_ingest_{family}{{FEED}}[$__range]))");
    let time = |family: &str| format!("{} * 1000", last(family));
    let info = with_address("tenant, job_id", |url| {
        format!("last_over_time(amperity_ingest_job_info{{tenant=\"$tenant\",{url}}}[$__range])")
    });
    let job = format!(
        "max by (job_id, workflow_id, workflow, url) (\n  {info}\n  and on (tenant, job_id)\n  \
         last_over_time(amperity_ingest_read_rows{{FEED}}[$__range])\n)"
    );
    let iso = Format::Unit("dateTimeAsIso");
    let mut table = Table::new(
        "Last runs",
        "The jobs of the feed that were on the exporter's page in the chosen time, if collect.jobs is on.",
        &[("job_id", "job"), ("workflow_id", "run of the workflow"), ("workflow", "workflow"), ("url", "url")],
    )
    .column("", Format::Hidden, &job)
    .column(
        "state",
        Format::Texts(STATES),
        &state("last_over_time(amperity_ingest_state{FEED,STATE}[$__range])", "job_id"),
    )
    .column("started", iso, &time("started_timestamp_seconds"))
    .column("ended", iso, &time("ended_timestamp_seconds"))
    .column("duration", Format::Unit("dtdurations"), &last("duration_seconds"));
    for (title, family) in [
        ("read", "read_rows"),
        ("inserted", "inserted_rows"),
        ("updated", "updated_rows"),
        ("rejected", "rejected_rows"),
        ("files", "files"),
    ] {
        table = table.column(title, Format::Plain, &last(family));
    }
    table
        .column("errors", Format::NumberWithThresholds(ANY_IS_WRONG), &last("error_rows"))
        .sorted("started", true)
        .panel()
        .empty("No job of this feed was on the exporter's page in this time.")
        .size(24, 11)
}
