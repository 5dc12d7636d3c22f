//! The latest runs of a feed as small pictures: one mark per run, and bars of
//! rows with a line of durations. Each run has the same place in both.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::feeds::{Feed, Run};
use crate::jobs::State;

use super::condition::{is_running, is_wrong_now};
use super::words::{count, number, span};

/// Finished runs that are shown.
const RUNS: usize = 20;
/// Width of a run, and of the space after it.
const STEP: usize = 7;
/// The finished runs and the one in progress.
const WIDTH: usize = (RUNS + 1) * STEP;
const HEIGHT: usize = 26;

/// The latest finished runs, oldest first.
fn latest(feed: &Feed) -> impl Iterator<Item = &Run> {
    let runs = &feed.recent_runs;
    runs.iter()
        .skip(runs.len().saturating_sub(RUNS))
        .map(AsRef::as_ref)
}

/// Where the first of the latest runs is, so that the newest is at the right.
fn offset(feed: &Feed) -> usize {
    (RUNS - feed.recent_runs.len().min(RUNS)) * STEP
}

/// Kinds of marks, each with a shape and a class. One that did not succeed is
/// paler once a later run has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Succeeded,
    Failed,
    FailedBefore,
    Skipped,
    /// Stopped, canceled, or a state that is not known.
    Stopped,
    StoppedBefore,
    Unfinished,
}

impl Mark {
    const ALL: [Self; 7] = [
        Self::Succeeded,
        Self::Failed,
        Self::FailedBefore,
        Self::Skipped,
        Self::Stopped,
        Self::StoppedBefore,
        Self::Unfinished,
    ];

    fn of(feed: &Feed, run: &Run) -> Self {
        match (&run.state, is_wrong_now(feed, run)) {
            (Some(State::Succeeded), _) => Self::Succeeded,
            (Some(State::Skipped), _) => Self::Skipped,
            (Some(State::Failed), true) => Self::Failed,
            (Some(State::Failed), false) => Self::FailedBefore,
            (_, true) => Self::Stopped,
            (_, false) => Self::StoppedBefore,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::FailedBefore => "failed-before",
            Self::Skipped => "skipped",
            Self::Stopped => "stopped",
            Self::StoppedBefore => "stopped-before",
            Self::Unfinished => "running",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed | Self::FailedBefore => "failed",
            Self::Skipped => "skipped",
            Self::Stopped | Self::StoppedBefore => "stopped",
            Self::Unfinished => "in progress",
        }
    }

    /// The shape, from the upper left corner of a field of 5 by 10.
    fn shape(self) -> &'static str {
        match self {
            Self::Succeeded => "v10h5v-10z",
            Self::Failed | Self::FailedBefore => "l5 10m0-10l-5 10",
            Self::Skipped => "m0 5h5",
            Self::Stopped | Self::StoppedBefore => "m.5 1v8h4v-8z",
            Self::Unfinished => "v10l5-5z",
        }
    }
}

/// One mark per run. Shapes differ as well as colours.
pub(super) fn marks(feed: &Feed) -> Markup {
    let mut marks: Vec<Mark> = latest(feed).map(|run| Mark::of(feed, run)).collect();
    if is_running(feed) {
        marks.push(Mark::Unfinished);
    }
    if marks.is_empty() {
        return html! { "–" };
    }
    let first = offset(feed);
    let path = |kind: Mark| {
        let mut path = String::new();
        for (index, _) in marks.iter().enumerate().filter(|(_, mark)| **mark == kind) {
            // Writing to a string cannot fail.
            let _ = write!(path, "M{} 1{}", first + index * STEP, kind.shape());
        }
        path
    };
    let paths = Mark::ALL.map(|kind| (kind.class(), path(kind)));
    html! {
        svg.marks viewBox={ "0 0 " (WIDTH) " 12" } role="img" aria-label=(in_words(&marks)) {
            @for (class, path) in &paths {
                @if !path.is_empty() { path class=(class) d=(path) {} }
            }
        }
    }
}

/// Such as `Oldest first: 17 succeeded, 1 failed, 2 succeeded`.
fn in_words(marks: &[Mark]) -> String {
    let groups = marks.chunk_by(|one, other| one.word() == other.word());
    let words =
        groups.filter_map(|group| Some(format!("{} {}", group.len(), group.first()?.word())));
    format!("Oldest first: {}", words.collect::<Vec<_>>().join(", "))
}

/// Bars of rows read and a line of durations, each from 0 to its greatest
/// value.
pub(super) fn rows_and_durations(feed: &Feed) -> Markup {
    let runs: Vec<&Run> = latest(feed).collect();
    let rows: Vec<Option<u64>> = runs.iter().map(|run| run.rows.read).collect();
    let durations: Vec<Option<u64>> = runs.iter().map(|run| run.duration_ms()).collect();
    let (Some(last), Some(label)) = (runs.last(), label(&rows, &durations)) else {
        return html! { "–" };
    };
    let last_rows = last.rows.read.map(|rows| format!("{} rows", number(rows)));
    let last_duration = last.duration_ms().map(|time| span(time / 1_000));
    let last: Vec<String> = last_rows.into_iter().chain(last_duration).collect();
    let first = offset(feed);
    html! {
        svg.spark viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(label) {
            path.rows d=(bars(first, &rows)) {}
            path.time d=(line(first, &durations)) {}
        }
        small { (last.join(", ")) }
    }
}

fn label(rows: &[Option<u64>], durations: &[Option<u64>]) -> Option<String> {
    let range = |values: &[Option<u64>]| {
        let values = values.iter().flatten();
        values
            .clone()
            .min()
            .zip(values.max())
            .map(|(min, max)| (*min, *max))
    };
    let rows = range(rows).map(|(min, max)| format!("{} to {} rows", number(min), number(max)));
    let durations = range(durations)
        .map(|(min, max)| format!("{} to {}", span(min / 1_000), span(max / 1_000)));
    let parts: Vec<String> = rows.into_iter().chain(durations).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn bars(first: usize, rows: &[Option<u64>]) -> String {
    let mut path = String::new();
    for (index, height) in heights(rows) {
        let x = first + index * STEP;
        let _ = write!(path, "M{x} {HEIGHT}v-{height}h5v{height}z");
    }
    path
}

fn line(first: usize, durations: &[Option<u64>]) -> String {
    let mut path = String::new();
    let mut last = None;
    for (index, height) in heights(durations) {
        let (x, y) = (first + index * STEP, HEIGHT - height);
        let joined = index > 0 && last == Some(index - 1);
        let _ = if joined {
            write!(path, "L{x}.5 {y}")
        } else {
            // A short piece of its own, so that a single value is visible.
            write!(path, "M{x} {y}h4")
        };
        last = Some(index);
    }
    path
}

/// The place of each value and its height; only 0 has none.
fn heights(values: &[Option<u64>]) -> impl Iterator<Item = (usize, usize)> {
    let most = u128::from(values.iter().flatten().max().copied().unwrap_or(0).max(1));
    let highest = HEIGHT as u128 - 2;
    let places = values.iter().enumerate();
    places.filter_map(move |(index, value)| {
        let value = u128::from((*value)?);
        let height = usize::try_from((value * highest).div_ceil(most)).unwrap_or(0);
        Some((index, height))
    })
}

/// What the marks mean.
pub(super) fn legend() -> Markup {
    let kinds = [
        (Mark::Succeeded, "succeeded"),
        (Mark::Failed, "failed"),
        (Mark::FailedBefore, "failed, later succeeded"),
        (Mark::Stopped, "stopped or canceled"),
        (Mark::Skipped, "skipped"),
        (Mark::Unfinished, "in progress"),
    ];
    html! {
        p.legend {
            "The latest " (count(RUNS as u64, "run")) ", the newest at the right:"
            @for (kind, words) in kinds {
                span {
                    svg.marks viewBox="0 0 6 12" aria-hidden="true" {
                        path class=(kind.class()) d={ "M0 1" (kind.shape()) } {}
                    }
                    (words)
                }
            }
            span {
                svg.marks viewBox="0 0 14 12" aria-hidden="true" { path.rows d="M0 12v-6h5v6zm7 0v-10h5v10z" {} }
                "rows read"
            }
            span {
                svg.marks viewBox="0 0 14 12" aria-hidden="true" { path.time d="M0 8L6 4 13 7" {} }
                "duration"
            }
        }
    }
}
