//! The query of `GET /ingest/jobs`: partial timestamps and the rules for a
//! window.

use std::borrow::Cow;
use std::ops::Range;

use jiff::civil::{DateTime, date};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// The longest window, and how far back jobs are listed at all.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The parameters of `GET /ingest/jobs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListQuery {
    pub(super) window: Range<Timestamp>,
    pub(super) with_total: bool,
}

/// Parses a query; the error is the message for the client.
pub(super) fn list_query(query: &str) -> Result<ListQuery, String> {
    let (mut from, mut to, mut with_total) = (None, None, None);
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let parameter = match &*key {
            "created_from" => &mut from,
            "created_to" => &mut to,
            "with_total" => &mut with_total,
            _ => continue,
        };
        if parameter.replace(value).is_some() {
            return Err(format!("{key} must be given once"));
        }
    }
    let time = |name, value: Option<Cow<str>>| {
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
    Ok(ListQuery { window, with_total })
}

/// A timestamp in UTC, with or without `Z`, that may end after any part:
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
