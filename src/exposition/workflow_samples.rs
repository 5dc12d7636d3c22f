//! The samples of workflows.

use super::catalogue::workflows::{
    WORKFLOW_FAILURES, WORKFLOW_GAUGES, WORKFLOW_INFO, WORKFLOW_RUNS, WORKFLOW_STATE,
};
use super::encoder::{Encoder, Labels};
use super::samples::{Row, SampleWriter, label, labels};
use super::text::Value;
use crate::feeds::Feed;
use crate::jobs::{Attribution, State};

impl<E: Encoder> SampleWriter<'_, E> {
    pub(super) fn workflows(&mut self, workflows: &[Feed]) {
        let (encoder, snapshot) = (self.encoder, self.snapshot);
        let rows = self.feed_rows(workflows, ["workflow", "type"]);
        self.states(&WORKFLOW_STATE, &rows, |workflow| workflow.state.as_ref());
        self.family(&WORKFLOW_INFO, |out| {
            for Row {
                labels: shared,
                item,
            } in &rows
            {
                let id = item.last_run.as_ref().map_or("", |run| &*run.job);
                let (error_type, attribution) = last_failure(item);
                let address = snapshot.run_address(id);
                let own = [
                    ("workflow_id", id),
                    ("error_type", error_type),
                    ("attribution", attribution),
                ];
                let address = address.as_deref().map(|address| ("url", address));
                let own = &labels(encoder, own.into_iter().chain(address));
                let labels = Labels { shared, own };
                encoder.gauge(out, WORKFLOW_INFO.name, labels, Value::Count(1));
            }
        });
        self.gauges(&WORKFLOW_GAUGES, &rows);
        self.runs(&WORKFLOW_RUNS, &rows);
        self.family(&WORKFLOW_FAILURES, |out| {
            for Row {
                labels: shared,
                item,
            } in &rows
            {
                for attribution in Attribution::ALL {
                    let count = item.failures.count(attribution);
                    let own = &label(encoder, "attribution", attribution.as_str());
                    let labels = Labels { shared, own };
                    encoder.counter(
                        out,
                        WORKFLOW_FAILURES.name,
                        labels,
                        Value::Count(count),
                        Some(item.created),
                    );
                }
            }
        });
    }
}

/// Error type and attribution of the latest finished run; empty unless it
/// failed.
fn last_failure(workflow: &Feed) -> (&str, &'static str) {
    let last = workflow.last_run.as_ref();
    let Some(run) = last.filter(|run| run.state == Some(State::Failed)) else {
        return ("", "");
    };
    match workflow.failures.of_run(&run.job) {
        Some(failure) => (&failure.error_type, failure.attribution.as_str()),
        None => ("", Attribution::Unknown.as_str()),
    }
}
