//! The rules of the run history, one scenario each; all of them together,
//! against a model, in [`model`].

use super::*;
use crate::jobs::{Files, Job, MAX_COUNT, Rows, State, Table};

mod counting;
mod latest;
mod limits;
mod model;
mod resumed;
mod workflows;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A time in July 2024, such as `at("08 12:00")`.
pub(super) fn at(text: &str) -> Timestamp {
    let (day, time) = text.split_once(' ').unwrap();
    format!("2024-07-{day}T{time}:00Z").parse().unwrap()
}

pub(super) fn noon() -> Timestamp {
    at("15 12:00")
}

/// A job with one run of the feed `customers`, `df-1` that read five rows.
fn job(id: &str, state: State, started: Option<&str>, ended: Option<&str>) -> Job {
    let table = Table {
        table: "customers".into(),
        feed: "df-1".into(),
        finished: state.is_terminal(),
        state: Some(state),
        rows: Rows {
            read: Some(5),
            ..Rows::default()
        },
        started_at: started.map(at),
        ended_at: ended.map(at),
        files: Files::default(),
    };
    Job {
        id: id.into(),
        workflow_id: None,
        tables: vec![table],
        merged: 0,
        failure: None,
    }
}

pub(super) fn running(id: &str, started: &str) -> Job {
    job(id, State::Running, Some(started), None)
}

pub(super) fn succeeded(id: &str, started: &str, ended: &str) -> Job {
    job(id, State::Succeeded, Some(started), Some(ended))
}

/// A history whose first observation was at noon and showed nothing.
pub(super) fn begun() -> RunHistory {
    let mut history = RunHistory::new();
    history.observe([], noon());
    history
}

/// The history after the exporter was started again.
fn restarted(history: &RunHistory) -> RunHistory {
    store::reopened(history)
}

fn only(history: &RunHistory) -> Feed {
    let mut feeds = history.feeds();
    assert_eq!(feeds.len(), 1, "{feeds:?}");
    feeds.remove(0)
}

pub(super) fn counted(history: &RunHistory) -> u64 {
    history
        .feeds()
        .iter()
        .flat_map(|feed| feed.totals.runs.values())
        .sum()
}
