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

/// Such as `1 job` or `2,000 jobs`.
pub(super) fn count(things: u64, noun: &str) -> String {
    let ending = if things == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", number(things))
}

/// For arithmetic with what is expected.
#[expect(
    clippy::cast_precision_loss,
    reason = "compared with estimates and drawn to a hundredth"
)]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

/// The nearest whole number, from 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates"
)]
pub(super) fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// A share from 0 to 1, such as `2.5 %`.
pub(super) fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent >= 10.0 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
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

/// A time relative to now, followed by the time.
pub(super) fn distance_and_time(at: Timestamp, now: Timestamp) -> Markup {
    html! { (distance(at, now)) " " small { (time(at)) } }
}

/// Whole seconds; `None` if `until` is before `from`.
pub(super) fn seconds_between(from: Timestamp, until: Timestamp) -> Option<u64> {
    u64::try_from(until.as_second() - from.as_second()).ok()
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

/// A state. Its symbol carries the same information as its colour. A failure
/// that a later success has resolved is not `is_current`, and not red.
pub(super) fn state(state: Option<&State>, is_current: bool) -> Markup {
    let (sign, class) = match state {
        Some(State::Failed) => ("✕", "bad"),
        Some(State::Succeeded) => ("✓", "good"),
        Some(State::Stopped | State::Canceled | State::Stopping) => ("■", "warn"),
        Some(State::Skipped) => ("–", ""),
        Some(State::Scheduled | State::Started) => ("○", "busy"),
        Some(State::InProgress | State::Running | State::Finalizing) => ("▶", "busy"),
        Some(State::Other(_)) | None => ("?", "warn"),
    };
    let class = match class {
        "bad" | "warn" if !is_current => "",
        class => class,
    };
    badge(class, sign, &state_words(state))
}

/// The words for a state.
pub(super) fn state_words(state: Option<&State>) -> String {
    state.map_or_else(
        || "no state".to_owned(),
        |state| state.as_str().replace('_', " "),
    )
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

/// A name from outside where there can be no markup: without characters that
/// affect the direction of the text around it.
pub(super) fn plain_name(name: &str) -> String {
    let affects_direction = |letter: &char| matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain: String = name
        .chars()
        .filter(|letter| !affects_direction(letter))
        .collect();
    match plain.trim() {
        "" => "(no name)".to_owned(),
        _ => plain,
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
