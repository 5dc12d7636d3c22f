//! Which runs of workflows are requested by id, and which are on the page.

use super::*;
use crate::config::WorkflowTypes;
use crate::feeds::RunHistory;
use crate::feeds::store::Store;
use crate::jobs::{Attribution, WorkflowFailure};
use crate::refresh::workflows::Workflows;

const GROUP: &str = "courier_group";

/// A run that failed a minute ago, as a list without errors shows it.
fn unexplained(id: &str, workflow_type: &str) -> Job {
    let mut run = job(id, Some(ago(minutes(2))), true);
    run.tables[0].feed = workflow_type.into();
    run.tables[0].state = Some(State::Failed);
    run.failure = Some(Arc::new(WorkflowFailure {
        attribution: Attribution::Unknown,
        error_type: "".into(),
        message: "".into(),
    }));
    run
}

#[test]
fn only_failed_runs_of_collected_types_are_requested_each_once() {
    let workflows = Workflows::new(RunHistory::of_workflows());
    let mut runs: Vec<Job> = (0..20)
        .map(|number| unexplained(&format!("wf-{number}"), "campaign_send"))
        .collect();
    // The same run may be on two pages.
    runs.extend(["wf-group", "wf-group"].map(|id| unexplained(id, GROUP)));
    let requested = workflows.unexplained(&mut runs, &WorkflowTypes::default(), now());
    assert_eq!(requested, ["wf-group".into()]);
}

#[tokio::test]
async fn a_type_that_is_collected_again_has_its_expectations() {
    let mut history = RunHistory::of_workflows();
    let mut run = job("wf-1", Some(ago(minutes(2))), true);
    run.tables[0].feed = GROUP.into();
    history.observe([&run], now());
    let mut workflows = Workflows::new(history);
    let (rules, store) = (Arc::default(), Store::in_memory());
    let (expectations, history) = (&mut workflows.expectations, &mut workflows.history);
    expectations
        .learn("socktown", &rules, history, &store)
        .await;
    for (types, shown) in [(GROUP, &[1][..]), ("campaign_send", &[]), (GROUP, &[1])] {
        let types = WorkflowTypes::new([types]);
        let workflows = workflows.shown(&types, now(), DAY);
        let runs: Vec<u64> = workflows
            .iter()
            .map(|workflow| workflow.expected.history_runs)
            .collect();
        assert_eq!(runs, shown);
    }
}
