//! The sample lines of workflows.

use super::catalogue::workflows::{
    WORKFLOW_FAILURES, WORKFLOW_GAUGES, WORKFLOW_INFO, WORKFLOW_RUNS, WORKFLOW_STATE,
};
use super::lines::{Row, SampleLines, counter, extra, labels, sample};
use super::writer::Value;
use crate::feeds::Feed;
use crate::jobs::{Attribution, State};
use crate::snapshot::Snapshot;

impl SampleLines {
    /// Writes the workflows of a snapshot.
    pub(super) fn workflows(&mut self, snapshot: &Snapshot) {
        let rows: Vec<Row<'_, Feed>> = snapshot
            .workflows
            .iter()
            .map(|item| Row {
                labels: labels(&[
                    ("tenant", &snapshot.tenant),
                    ("workflow", &item.table),
                    ("type", &item.feed),
                ]),
                item,
            })
            .collect();
        self.states(&WORKFLOW_STATE, &rows, |workflow| workflow.state.as_ref());
        self.gauge(&WORKFLOW_INFO, |out| {
            for Row { labels, item } in &rows {
                let id = item.last_run.as_ref().map_or("", |run| &*run.job);
                let (error_type, attribution) = last_failure(item);
                let extra = [
                    extra("workflow_id", id),
                    extra("error_type", error_type),
                    extra("attribution", attribution),
                ]
                .concat();
                sample(out, &WORKFLOW_INFO, labels, &extra, Value::Count(1));
            }
        });
        self.gauges(&WORKFLOW_GAUGES, &rows);
        self.runs(&WORKFLOW_RUNS, &rows);
        self.counter(&WORKFLOW_FAILURES, |out, format| {
            for Row { labels, item } in &rows {
                for attribution in Attribution::ALL {
                    let count = item.failures.count(attribution);
                    let extra = extra("attribution", attribution.as_str());
                    let labels = [labels.as_slice(), &extra].concat();
                    counter(
                        out,
                        format,
                        &WORKFLOW_FAILURES,
                        &labels,
                        count,
                        item.created,
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
