//! Runs of workflows. A run is read as a job with one table, named after the
//! workflow, and one feed, the workflow's type, because from here on both are
//! treated alike. Who started it is personal data and is dropped here.

use std::sync::Arc;

use super::label::{bounded, too_long};
use super::{Files, Job, Rows, State, Table, label, timestamp};
use crate::config::short_type;
use crate::wire;

/// The longest message that is kept, in characters.
const LONGEST_MESSAGE: usize = 300;

/// Replaces personal data.
const REDACTED: &str = "<redacted>";

/// Why a run of a workflow failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowFailure {
    /// Who can fix it.
    pub attribution: Attribution,
    /// Where it occurred, such as `amperity.workflow.task.stitch/table`; empty
    /// if the API gave none.
    pub error_type: Arc<str>,
    /// The first line of the message, without personal data; empty if the API
    /// gave none.
    pub message: Arc<str>,
}

/// The source of an error, by the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribution {
    /// The customer's configuration.
    Customer,
    /// Amperity itself.
    Platform,
    /// The API did not say, or said something else.
    Unknown,
}

impl Attribution {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Customer, Self::Platform, Self::Unknown];

    /// The value of the `attribution` label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Platform => "platform",
            Self::Unknown => "unknown",
        }
    }

    fn parse(text: &str) -> Self {
        let all = Self::ALL.into_iter();
        let mut same = all.filter(|known| known.as_str().eq_ignore_ascii_case(text.trim()));
        same.next().unwrap_or(Self::Unknown)
    }
}

impl Job {
    /// The run of a workflow that an answer describes, or `None` for an answer
    /// without an id.
    #[must_use]
    pub fn from_wire_workflow(run: &wire::WorkflowRun<'_>) -> Option<Self> {
        let id = run.id.as_deref().filter(|id| !id.is_empty())?;
        let state = run.state.as_deref().and_then(State::parse);
        let (ended_at, finished) = super::end(state.as_ref(), &run.ended_at);
        let failed = state == Some(State::Failed);
        let workflow_type = short_type(run.workflow_type.as_deref().unwrap_or_default());
        let table = Table {
            table: label(&run.name),
            feed: bounded(&workflow_type).into(),
            state,
            finished,
            rows: Rows::default(),
            started_at: timestamp(&run.created_at),
            ended_at,
            files: Files::default(),
        };
        Some(Self {
            id: bounded(id).into(),
            workflow_id: None,
            tables: vec![table],
            merged: 0,
            failure: failed.then(|| WorkflowFailure::from_wire(run).into()),
        })
    }
}

impl WorkflowFailure {
    fn from_wire(run: &wire::WorkflowRun<'_>) -> Self {
        let nothing = wire::WorkflowError::default();
        let error = run.error.0.as_ref().unwrap_or(&nothing);
        let message = error.message.as_deref().unwrap_or_default();
        let attribution = error.attribution.as_deref();
        Self {
            attribution: attribution.map_or(Attribution::Unknown, Attribution::parse),
            error_type: label(&error.error_type),
            message: without_personal_data(message, run).into(),
        }
    }

    /// Whether the API gave no error. A list may leave it out.
    #[must_use]
    pub fn is_unexplained(&self) -> bool {
        self.error_type.is_empty() && self.message.is_empty()
    }
}

/// The first line of a message without the principal's name, id and mail, and
/// without any other e-mail address.
fn without_personal_data(message: &str, run: &wire::WorkflowRun<'_>) -> String {
    let line = message.lines().find(|line| !line.trim().is_empty());
    let line: String = line
        .unwrap_or_default()
        .chars()
        .take(4 * LONGEST_MESSAGE)
        .collect();
    let mut line = line.replace(char::is_control, " ");
    for text in [&run.principal_email, &run.principal_id, &run.principal_name] {
        let text = text.as_deref().map(str::trim);
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            line = line.replace(text, REDACTED);
        }
    }
    let words = line.split_whitespace();
    let words = words.map(|word| if word.contains('@') { REDACTED } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// How many of a run's strings are too long to be label values as they are.
pub(crate) fn count_too_long(run: &wire::WorkflowRun<'_>) -> u64 {
    let of_run = [&run.id, &run.name, &run.workflow_type, &run.state].map(too_long);
    let error = run.error.0.as_ref();
    of_run.iter().sum::<u64>() + error.map_or(0, |error| too_long(&error.error_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Job> {
        let read = wire::read_workflow(json.as_bytes(), Job::from_wire_workflow);
        read.unwrap()
    }

    #[test]
    fn a_run_is_read_with_its_failure_and_without_its_principal() {
        let run = read(
            r#"{"id":"wf-1","name":"Nightly","type":"courier.group/run","state":"failed",
            "tenant":"socktown","created_at":"2024-07-01T12:00:00.000Z",
            "ended_at":"2024-07-01T12:01:00.000Z","principal_name":"Ann Example",
            "principal_id":"google-apps|ann","principal_email":"ann@example.com",
            "error":{"attribution":"customer","type":"amperity.workflow.task.courier/missing",
            "message":"\n Ann Example (google-apps|ann, mailto:bob@example.com) ran it.\nSecond line",
            "data":{"a":1}},"warn_after_ms":1,"task_instances":[{"id":"wft-1"}]}"#,
        );
        let run = run.unwrap();
        let table = &run.tables[0];
        assert_eq!((&*table.table, &*table.feed), ("Nightly", "courier_group"));
        assert!(table.finished);
        let failure = run.failure.as_ref().unwrap();
        assert_eq!(failure.attribution, Attribution::Customer);
        assert_eq!(
            &*failure.error_type,
            "amperity.workflow.task.courier/missing"
        );
        assert_eq!(
            &*failure.message,
            "<redacted> (<redacted>, <redacted> ran it."
        );
        let shown = format!("{run:?}").to_lowercase();
        for personal in ["ann", "bob", "example.com"] {
            assert!(!shown.contains(personal), "{shown}");
        }
    }

    #[test]
    fn fields_may_be_missing_null_or_of_another_type() {
        for json in [
            r#"{"id":"wf-1"}"#,
            r#"{"id":"wf-1","name":null,"type":7,"state":[],"created_at":{},"ended_at":null}"#,
            r#"{"id":"wf-1","error":null}"#,
            r#"{"id":"wf-1","error":"text"}"#,
        ] {
            let run = read(json).unwrap();
            assert!(!run.tables[0].finished, "{json}");
            assert_eq!(run.failure, None);
        }
        assert_eq!(read(r#"{"name":"Nightly"}"#), None);
        let unexplained = read(r#"{"id":"wf-1","state":"Failed","error":7}"#).unwrap();
        let failure = unexplained.failure.unwrap();
        assert!(failure.is_unexplained());
        assert_eq!(failure.attribution, Attribution::Unknown);
    }

    #[test]
    fn a_long_message_is_cut() {
        let message = "é".repeat(5000);
        let json = format!(r#"{{"id":"w","state":"failed","error":{{"message":"{message}"}}}}"#);
        let failure = read(&json).unwrap().failure.unwrap();
        assert_eq!(failure.message.chars().count(), LONGEST_MESSAGE + 1);
    }
}
