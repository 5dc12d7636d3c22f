//! The panels that the dashboards of one feed and of one workflow have in
//! common.

use serde_json::json;

use crate::panel::Panel;
use crate::query::state;
use crate::style::{ANY_IS_WRONG, BLUE, GREY, LIGHT_BLUE, RED, STATES};

/// What a dashboard shows in detail.
pub(crate) struct Detail {
    /// `feed` or `workflow`, in texts and in names of series.
    pub(crate) kind: &'static str,
    /// The shorthand in `query::expand` that selects its series.
    pub(crate) selector: &'static str,
    /// The labels that identify it.
    pub(crate) labels: &'static str,
    /// The query for the seconds that the current run has been running.
    pub(crate) running: &'static str,
    /// The runs that its usual duration is based on.
    pub(crate) usual_runs: &'static str,
}

impl Detail {
    /// The value of a family.
    pub(crate) fn value(&self, family: &str) -> String {
        format!("max(amperity_{}_{family}{{{}}})", self.kind, self.selector)
    }

    /// The time in a family, in milliseconds.
    fn time(&self, family: &str) -> String {
        format!("{} * 1000", self.value(family))
    }

    fn state(&self) -> String {
        let series = format!("amperity_{}_state{{{},STATE}}", self.kind, self.selector);
        state(&series, self.labels)
    }

    /// Its state, and what is expected of it.
    pub(crate) fn numbers(&self) -> Vec<Panel> {
        let Self { kind, selector, .. } = self;
        let late = format!("max(amperity:{kind}_problem{{{selector},problem=\"late\"}})");
        vec![
            Panel::stat(
                "State",
                &format!("What the newest run of the {kind} is doing, or how it ended."),
                &self.state(),
            )
            .options(json!({"colorMode": "background"}))
            .unit("none")
            .texts(STATES)
            .empty("Unknown"),
            Panel::stat(
                "Due",
                "When the next success should have ended, at the latest.",
                &self.time("due_timestamp_seconds"),
            )
            .unit("dateTimeFromNow")
            .empty("Nothing expected"),
            Panel::stat("Late by", "Time since the next success was due.", &late)
                .unit("dtdurations")
                .thresholds((RED, &[]))
                .empty("Not late"),
            Panel::stat(
                "Last success",
                "When the newest succeeded run ended.",
                &self.time("last_success_timestamp_seconds"),
            )
            .unit("dateTimeFromNow")
            .empty("Never"),
            Panel::stat(
                "Runs without success",
                "Finished runs since the last success that did not succeed.",
                &self.value("failures_since_success"),
            )
            .thresholds(ANY_IS_WRONG)
            .empty("Unknown"),
            Panel::stat("Running for", "How long the current run has been running.", self.running)
                .unit("dtdurations")
                .empty("Not running"),
            Panel::stat(
                "Usual duration",
                &format!("Duration of {}.", self.usual_runs),
                &self.value("usual_duration_seconds"),
            )
            .unit("dtdurations")
            .empty("Unknown"),
            Panel::stat("Runs known", "On how many runs the expectations are based.", &self.value("history_runs"))
                .empty("None"),
        ]
    }

    /// Durations, successes and states over time.
    pub(crate) fn history(&self) -> Vec<Panel> {
        let kind = self.kind;
        let success = self.value("last_success_timestamp_seconds");
        vec![
            Panel::steps(
                "Duration",
                "Duration of the newest finished run and of the present one, with what is usual and the limit.",
            )
            .unit("s")
            .empty("No run has finished yet.")
            .colored("last run", BLUE, &self.value("last_run_duration_seconds"))
            .colored("current run", LIGHT_BLUE, self.running)
            .dashed("usual", GREY, &self.value("usual_duration_seconds"))
            .dashed("limit", RED, &self.value("duration_limit_seconds")),
            Panel::lines(
                "Time since the last success",
                &format!("Drops with each success. Above the dashed line the {kind} is late."),
            )
            .unit("s")
            .empty("No success is known.")
            .colored("since the last success", BLUE, &format!("time() - {success}"))
            .dashed("due", RED, &format!("{} - {success}", self.value("due_timestamp_seconds"))),
            Panel::states("State history", "What the newest run was doing.", "state", &self.state())
                .empty(&format!("The {kind} is not known.")),
        ]
    }
}
