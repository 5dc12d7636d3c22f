//! Colours, thresholds and value mappings shared by the panels.

use serde_json::{Value, json};

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

/// No threshold.
pub(crate) const NEUTRAL: Steps = (BLUE, &[]);
/// For counts of things that are wrong.
pub(crate) const ZERO_IS_GOOD: Steps = (GREEN, &[(1.0, RED)]);

pub(crate) fn thresholds((first, steps): Steps) -> Value {
    let first = json!({"color": first, "value": null});
    let steps = steps
        .iter()
        .map(|(value, color)| json!({"color": color, "value": value}));
    let steps: Vec<Value> = std::iter::once(first).chain(steps).collect();
    json!({"mode": "absolute", "steps": steps})
}

/// Texts and colours in place of values.
pub(crate) fn mapping(texts: &[(&str, &str, &str)]) -> Value {
    let options: serde_json::Map<String, Value> = texts
        .iter()
        .enumerate()
        .map(|(index, (value, text, color))| {
            let option = json!({"color": color, "index": index, "text": text});
            ((*value).to_owned(), option)
        })
        .collect();
    json!([{"options": options, "type": "value"}])
}

/// For the numbers of `query::state`.
pub(crate) fn state_mapping() -> Value {
    mapping(&[
        ("1", "waiting", YELLOW),
        ("2", "running", LIGHT_BLUE),
        ("3", "succeeded", GREEN),
        ("4", "skipped", GREY),
        ("5", "stopped", PINK),
        ("6", "canceled", PINK),
        ("7", "failed", RED),
        ("8", "another state", BLUE),
    ])
}
