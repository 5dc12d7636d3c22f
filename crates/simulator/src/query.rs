//! The query of `GET /ingest/jobs`: percent-encoding, partial timestamps, and
//! the rules for a window.

use std::ops::Range;

use jiff::civil::{DateTime, date};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// The longest window, and how far back jobs are listed at all.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What `GET /ingest/jobs` was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) window: Range<Timestamp>,
    pub(super) with_total: bool,
}

/// Reads a query; the error is the message for the client.
pub(super) fn question(query: &str) -> Result<Question, String> {
    let (mut from, mut to, mut with_total) = (None, None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let known = match decoded(key).as_deref() {
            Some("created_from") => &mut from,
            Some("created_to") => &mut to,
            Some("with_total") => &mut with_total,
            _ => continue,
        };
        let value = decoded(value).ok_or_else(|| format!("{key} is not valid UTF-8"))?;
        if known.replace(value).is_some() {
            return Err(format!("{key} must be given once"));
        }
    }
    let time = |name, value: Option<String>| {
        let value = value.ok_or_else(|| format!("{name} is required"))?;
        timestamp(&value).ok_or_else(|| format!("{name} must be an ISO-8601 timestamp in UTC"))
    };
    let window = time("created_from", from)?..time("created_to", to)?;
    if window.is_empty() {
        return Err("created_from must be before created_to".to_owned());
    }
    if window.start.duration_until(window.end) > LONGEST {
        return Err("created_from and created_to must be at most 7 days apart".to_owned());
    }
    let with_total = match with_total.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err("with_total must be true or false".to_owned()),
    };
    Ok(Question { window, with_total })
}

/// Percent-decodes, with `+` for a blank as forms have it. `None`: a broken
/// escape or no UTF-8.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A timestamp in UTC, with `Z` or without, cut off after any of its parts:
/// `2024-06`, `2024-06-01T04`, `2024-06-01T04:02:54.433Z`.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let parsed = match text.len() {
        4 => DateTime::from(date(number(text)?, 1, 1)),
        7 => DateTime::strptime("%Y-%m-%d", format!("{text}-01")).ok()?,
        10 => jiff::civil::Date::strptime("%Y-%m-%d", text).ok()?.into(),
        13 => DateTime::strptime("%Y-%m-%dT%H:%M", format!("{text}:00")).ok()?,
        16 => DateTime::strptime("%Y-%m-%dT%H:%M", text).ok()?,
        19.. => DateTime::strptime("%Y-%m-%dT%H:%M:%S%.f", text).ok()?,
        _ => return None,
    };
    Offset::UTC.to_timestamp(parsed).ok()
}

fn number(text: &str) -> Option<i16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}
