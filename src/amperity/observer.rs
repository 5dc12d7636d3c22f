//! What the headers of every answer tell besides the answer: that the API
//! version will end, and what time the API thinks it is.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::header::{DATE, HeaderMap, HeaderValue};
use jiff::Timestamp;

use super::Observations;

/// Clocks that differ by less agree: `Date` counts whole seconds, and the
/// answer was on its way for some time.
const AGREEMENT_MS: i64 = 5_000;

/// Clocks that differ by more are not both clocks: ours is believed.
const BELIEVED_MS: i64 = 24 * 60 * 60 * 1_000;

/// Keeps the latest of everything.
#[derive(Debug)]
pub(super) struct Observer {
    tenant: Arc<str>,
    seen: Mutex<Observations>,
}

impl Observer {
    pub(super) fn new(tenant: Arc<str>) -> Self {
        Self {
            tenant,
            seen: Mutex::default(),
        }
    }

    /// What was learned so far.
    pub(super) fn seen(&self) -> Observations {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of when the access token ends.
    pub(super) fn token_expiry(&self, expiry: Option<Timestamp>) {
        self.change(|seen| seen.token_expiry = expiry);
    }

    /// Takes note of the headers of an answer that came at `now`.
    pub(super) fn headers(&self, headers: &HeaderMap, now: Timestamp) {
        let offset = time_of(headers.get(DATE))
            .map(|theirs| theirs.as_millisecond().saturating_sub(now.as_millisecond()))
            .map(|offset| {
                let credible = AGREEMENT_MS..=BELIEVED_MS;
                if credible.contains(&offset.saturating_abs()) {
                    offset
                } else {
                    0
                }
            });
        let deprecation = time_of(headers.get("deprecation"));
        let sunset = time_of(headers.get("sunset"));
        let (before, after) = self.change(|seen| {
            seen.clock_offset_ms = offset.unwrap_or(seen.clock_offset_ms);
            seen.deprecation = deprecation.or(seen.deprecation);
            seen.sunset = sunset.or(seen.sunset);
        });
        if (before.deprecation, before.sunset) != (after.deprecation, after.sunset) {
            tracing::warn!(
                tenant = %self.tenant,
                deprecation = after.deprecation.map(tracing::field::display),
                sunset = after.sunset.map(tracing::field::display),
                "the API announces the end of this api-version: plan an update of the exporter \
                 or of api.version"
            );
        }
    }

    fn change(&self, change: impl FnOnce(&mut Observations)) -> (Observations, Observations) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *seen;
        change(&mut seen);
        (before, *seen)
    }
}

/// A date as HTTP writes it, or `@` and seconds since the epoch (RFC 9745).
fn time_of(header: Option<&HeaderValue>) -> Option<Timestamp> {
    let text = header?.to_str().ok()?.trim();
    if let Some(seconds) = text.strip_prefix('@') {
        return Timestamp::from_second(seconds.parse().ok()?).ok();
    }
    Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()
}
