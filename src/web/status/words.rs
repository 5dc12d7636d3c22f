//! Numbers, times, states and reasons for display.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::jobs::State;
use crate::telemetry::Reason;

/// `1234567` as `1,234,567`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A duration in its two largest units, such as `2 h 5 min`.
pub(super) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let two = |large: u64, unit: &str, small: u64, smaller: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {smaller}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => two(minutes, "min", seconds % 60, "s"),
        3_600..86_400 => two(hours, "h", minutes % 60, "min"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

/// A time relative to now, such as `5 min ago` or `in 3 d`.
pub(super) fn distance(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - time.as_second();
    let span = coarse(seconds.unsigned_abs());
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("{span} ago"),
        _ => format!("in {span}"),
    }
}

/// The largest unit only, for an age.
fn coarse(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A time to the second, with its full value as an attribute.
pub(super) fn time(time: Timestamp) -> Markup {
    let shown = time.strftime("%Y-%m-%d %H:%M:%S").to_string();
    html! { time datetime=(time) { (shown) } }
}

/// A state. Its symbol carries the same information as its colour.
pub(super) fn state(state: Option<&State>) -> Markup {
    let (sign, class) = match state {
        Some(State::Failed) => ("✕", "bad"),
        Some(State::Succeeded) => ("✓", "good"),
        Some(State::Stopped | State::Canceled | State::Stopping) => ("■", "warn"),
        Some(State::Skipped) => ("–", ""),
        Some(State::Scheduled | State::Started) => ("○", "busy"),
        Some(State::InProgress | State::Running | State::Finalizing) => ("▶", "busy"),
        Some(State::Other(_)) | None => ("?", "warn"),
    };
    let words = state.map_or_else(
        || "no state".to_owned(),
        |state| state.as_str().replace('_', " "),
    );
    badge(class, sign, &words)
}

/// A highlighted label.
pub(super) fn badge(class: &str, sign: &str, words: &str) -> Markup {
    html! { span.badge.(class) { (sign) " " (name(words)) } }
}

/// A name from outside: its text direction cannot affect the text around it,
/// and it is visible even if it is blank.
pub(super) fn name(name: &str) -> Markup {
    html! {
        @if name.is_empty() { i.quiet { "(empty)" } }
        @else if name.trim().is_empty() { i.quiet { "(blank)" } }
        @else { bdi { (name) } }
    }
}

/// A reason as a sentence.
pub(super) fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Unreachable => "The API is unreachable.",
        Reason::Tls => "The TLS connection to the API failed.",
        Reason::Timeout => "The API did not respond in time.",
        Reason::Unauthorized => "The API rejected the access token.",
        Reason::Forbidden => "The API key has no permission to read ingest jobs.",
        Reason::NotFound => "The API did not find the requested resource.",
        Reason::RateLimited => "The API's rate limit was exceeded.",
        Reason::BadRequest => "The API rejected the request.",
        Reason::ServerError => "The API reported an internal error.",
        Reason::Malformed => "The API's response could not be parsed.",
        Reason::TooLarge => "The API's response was larger than limits.response_bytes.",
    }
}
