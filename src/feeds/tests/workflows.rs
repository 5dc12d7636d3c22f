//! The history of workflows: a run that goes on is one run, and failures are
//! counted by attribution.

use super::*;
use crate::jobs::{Attribution, WorkflowFailure};

fn failure(attribution: Attribution) -> Arc<WorkflowFailure> {
    Arc::new(WorkflowFailure {
        attribution,
        error_type: "amperity.workflow.task.courier/missing-files".into(),
        message: "No file.".into(),
    })
}

/// A run of the workflow `customers` that failed.
fn failed(id: &str, started: &str, ended: &str, attribution: Attribution) -> Job {
    Job {
        failure: Some(failure(attribution)),
        ..job(id, State::Failed, Some(started), Some(ended))
    }
}

fn begun() -> RunHistory {
    let mut history = RunHistory::of_workflows();
    history.observe([], noon());
    history
}

fn counts(history: &RunHistory) -> [u64; 3] {
    let workflow = only(history);
    Attribution::ALL.map(|attribution| workflow.failures.count(attribution))
}

#[test]
fn a_run_that_fails_and_goes_on_is_counted_once() {
    for restarts in [false, true] {
        let restart = |history: &mut RunHistory| {
            if restarts {
                *history = restarted(history);
            }
        };
        let mut history = begun();
        let first = failed("wf-1", "15 12:01", "15 12:02", Attribution::Customer);
        history.observe([&first], at("15 12:03"));
        restart(&mut history);
        let workflow = only(&history);
        assert_eq!(workflow.state, Some(State::Failed));
        assert_eq!(workflow.failures_since_success, 1);
        let reason = workflow.failures.of_run("wf-1").unwrap();
        assert_eq!(&*reason.message, "No file.");

        history.observe(&[running("wf-1", "15 12:01")], at("15 12:04"));
        restart(&mut history);
        let workflow = only(&history);
        assert_eq!(workflow.state, Some(State::Running));
        assert_eq!(workflow.running_since, Some(at("15 12:01")));

        history.observe(&[succeeded("wf-1", "15 12:01", "15 12:06")], at("15 12:07"));
        restart(&mut history);
        let workflow = only(&history);
        assert_eq!(workflow.state, Some(State::Succeeded));
        assert_eq!(workflow.last_success, Some(at("15 12:06")));
        assert_eq!(workflow.failures_since_success, 0);
        assert_eq!(counted(&history), 1);
        assert_eq!(workflow.totals.runs[&State::Failed], 1);
        assert_eq!(counts(&history), [1, 0, 0]);
    }
}

#[test]
fn a_run_that_fails_again_is_one_failure() {
    let mut history = begun();
    history.observe(
        &[failed(
            "wf-1",
            "15 12:01",
            "15 12:02",
            Attribution::Customer,
        )],
        at("15 12:03"),
    );
    history.observe(&[running("wf-1", "15 12:01")], at("15 12:04"));
    let again = failed("wf-1", "15 12:01", "15 12:06", Attribution::Platform);
    history.observe([&again], at("15 12:07"));
    history = restarted(&history);
    assert_eq!((counted(&history), counts(&history)), (1, [1, 0, 0]));
    let workflow = only(&history);
    let reason = workflow.failures.of_run("wf-1").unwrap();
    assert_eq!(reason.attribution, Attribution::Platform, "the latest");
}

#[test]
fn failures_before_the_first_observation_are_shown_and_not_counted() {
    let mut history = RunHistory::of_workflows();
    let old = failed("wf-1", "15 11:01", "15 11:02", Attribution::Platform);
    history.observe([&old], noon());
    history = restarted(&history);
    history.observe([&old], at("15 12:01"));
    assert_eq!((counted(&history), counts(&history)), (0, [0, 0, 0]));
    assert!(only(&history).failures.of_run("wf-1").is_some());
}

#[test]
fn an_error_that_becomes_known_later_is_shown_and_not_counted_again() {
    let mut history = begun();
    let unexplained = Job {
        failure: Some(Arc::new(WorkflowFailure {
            attribution: Attribution::Unknown,
            error_type: "".into(),
            message: "".into(),
        })),
        ..job("wf-1", State::Failed, Some("15 12:01"), Some("15 12:02"))
    };
    history.observe([&unexplained], at("15 12:03"));
    let explained = failed("wf-1", "15 12:01", "15 12:02", Attribution::Customer);
    history.observe([&explained], at("15 12:04"));
    history.observe([&unexplained], at("15 12:05"));
    history = restarted(&history);
    assert_eq!((counted(&history), counts(&history)), (1, [0, 0, 1]));
    let workflow = only(&history);
    assert_eq!(
        &*workflow.failures.of_run("wf-1").unwrap().message,
        "No file."
    );
}

#[test]
fn the_same_run_twice_in_one_refresh_is_one_run() {
    let mut history = begun();
    let run = failed("wf-1", "15 12:01", "15 12:02", Attribution::Customer);
    history.observe([&run, &run], at("15 12:03"));
    assert_eq!((counted(&history), counts(&history)), (1, [1, 0, 0]));
}
