//! What response headers tell us: that the API version is about to end,
//! and what time it is by the API's clock.

use hyper::header::{DATE, HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};

use super::Observed;
use crate::telemetry::Endpoint;

/// Notes the headers of a response received at `now`.
pub(super) fn observe(
    observed: &mut Observed,
    endpoint: Endpoint,
    headers: &HeaderMap,
    now: Timestamp,
) {
    if let Some(date) = time_of(headers.get(DATE)) {
        // The header has whole seconds, so compare whole seconds.
        let offset = date.as_second().saturating_sub(now.as_second());
        observed.clock_offset = Some(SignedDuration::from_secs(offset));
    }
    // The token endpoint has no API version.
    if endpoint == Endpoint::Token {
        return;
    }
    let deprecation = time_of(headers.get("deprecation"));
    let sunset = time_of(headers.get("sunset"));
    observed.deprecation = deprecation.or(observed.deprecation);
    observed.sunset = sunset.or(observed.sunset);
}

/// An HTTP date, or `@` and seconds since the epoch (RFC 9745).
fn time_of(header: Option<&HeaderValue>) -> Option<Timestamp> {
    let text = header?.to_str().ok()?.trim();
    if let Some(seconds) = text.strip_prefix('@') {
        return Timestamp::from_second(seconds.parse().ok()?).ok();
    }
    Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()
}
