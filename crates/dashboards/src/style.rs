//! Colours, thresholds and value mappings shared by the panels.

use serde_json::{Map, Value, json};

// Okabe and Ito's palette, which colour-blind readers can tell apart.
pub(crate) const BLUE: &str = "#0072B2";
pub(crate) const GREEN: &str = "#009E73";
pub(crate) const LIGHT_BLUE: &str = "#56B4E9";
pub(crate) const ORANGE: &str = "#E69F00";
pub(crate) const PINK: &str = "#CC79A7";
pub(crate) const RED: &str = "#D55E00";
pub(crate) const YELLOW: &str = "#F0E442";
pub(crate) const GREY: &str = "#999999";

/// The colour below the first threshold, then thresholds with the colour from
/// there on.
pub(crate) type Steps = (&'static str, &'static [(f64, &'static str)]);

/// Any number above zero is wrong.
pub(crate) const ANY_IS_WRONG: Steps = (GREEN, &[(1.0, RED)]);
/// The same for `query::count`, where -1 is no data.
pub(crate) const ZERO_IS_GOOD: Steps = (RED, &[(0.0, GREEN), (1.0, RED)]);

/// A value, the text in its place, and its colour.
pub(crate) type Text = (&'static str, &'static str, &'static str);

/// For `query::count`.
pub(crate) const COUNT_TEXTS: &[Text] = &[("-1", "NO DATA", RED)];

/// The label `problem` of `amperity:feed_problem`, in words, most urgent first.
pub(crate) const PROBLEMS: &[Text] = &[
    ("late", "late", RED),
    ("failed", "failed", RED),
    ("stopped", "stopped", PINK),
    ("slow", "slow", ORANGE),
    ("fewrows", "few rows", ORANGE),
    ("errors", "errors", ORANGE),
    ("rejections", "rejections", YELLOW),
    ("manyrows", "many rows", LIGHT_BLUE),
];

pub(crate) fn thresholds((first, steps): Steps) -> Value {
    let first = json!({"color": first, "value": null});
    let steps = steps.iter().map(|(value, color)| json!({"color": color, "value": value}));
    json!({"mode": "absolute", "steps": std::iter::once(first).chain(steps).collect::<Vec<_>>()})
}

/// Texts and colours in place of values.
pub(crate) fn mapping(texts: &[Text]) -> Value {
    let options = texts.iter().zip(0..).map(|((value, text, color), index)| {
        let option = json!({"color": color, "index": index, "text": text});
        ((*value).to_owned(), option)
    });
    json!([{"options": options.collect::<Map<_, _>>(), "type": "value"}])
}

/// For the numbers of `query::urgency`.
pub(crate) fn urgencies() -> Value {
    let options = PROBLEMS.iter().zip(1..).map(|((_, text, color), number)| {
        let option = json!({"color": color, "index": number, "text": text});
        (number.to_string(), option)
    });
    json!([{"options": options.collect::<Map<_, _>>(), "type": "value"}])
}

/// For the numbers of `query::state`.
pub(crate) const STATES: &[Text] = &[
    ("1", "waiting", YELLOW),
    ("2", "running", LIGHT_BLUE),
    ("3", "succeeded", GREEN),
    ("4", "skipped", GREY),
    ("5", "stopped", PINK),
    ("6", "canceled", PINK),
    ("7", "failed", RED),
    ("8", "another state", BLUE),
];
