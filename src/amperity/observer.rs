//! What the headers of every answer tell besides the answer: that the API
//! version will end, and what time the API thinks it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::header::{DATE, HeaderMap, HeaderValue};
use jiff::Timestamp;

use super::Observations;
use crate::telemetry::Endpoint;

/// Clocks that differ by less agree: `Date` counts whole seconds, and the
/// answer was on its way for some time.
const AGREEMENT_MS: i64 = 5_000;

/// Clocks that differ by more deserve a word.
const NOTEWORTHY_MS: i64 = 60_000;

/// Clocks that differ by more are not both clocks: ours is believed.
const BELIEVED_MS: i64 = 24 * 60 * 60 * 1_000;

/// Keeps the latest of everything.
#[derive(Debug)]
pub(super) struct Observer {
    tenant: Arc<str>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    token_expiry: Option<Timestamp>,
    clock_offset_ms: i64,
    clocks_disputed: bool,
    /// Whether it was logged that the clocks differ.
    clocks_differ: bool,
    list: Announced,
    job: Announced,
}

/// When an endpoint said that the API version ends.
#[derive(Clone, Copy, Debug, Default)]
struct Announced {
    deprecation: Option<Timestamp>,
    sunset: Option<Timestamp>,
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
        self.lock().told()
    }

    /// Takes note of when the access token ends.
    pub(super) fn token_expiry(&self, expiry: Option<Timestamp>) {
        self.lock().token_expiry = expiry;
    }

    /// Takes note of the headers of an answer that came at `now`.
    pub(super) fn headers(&self, endpoint: Endpoint, headers: &HeaderMap, now: Timestamp) {
        if let Some(theirs) = time_of(headers.get(DATE)) {
            self.clock(theirs, now);
        }
        let mut seen = self.lock();
        let before = seen.told();
        let announced = match endpoint {
            Endpoint::IngestJobs => &mut seen.list,
            Endpoint::IngestJob => &mut seen.job,
            // It has no API version.
            Endpoint::Token => return,
        };
        let deprecation = time_of(headers.get("deprecation"));
        let sunset = time_of(headers.get("sunset"));
        announced.deprecation = deprecation.or(announced.deprecation);
        announced.sunset = sunset.or(announced.sunset);
        let after = seen.told();
        drop(seen);
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

    /// Takes note of how far the two clocks are apart.
    fn clock(&self, theirs: Timestamp, now: Timestamp) {
        let offset = theirs.as_millisecond().saturating_sub(now.as_millisecond());
        let apart = offset.saturating_abs();
        let believed = (AGREEMENT_MS..=BELIEVED_MS).contains(&apart);
        let mut seen = self.lock();
        seen.clock_offset_ms = if believed { offset } else { 0 };
        seen.clocks_disputed = apart > BELIEVED_MS;
        let differ = if seen.clocks_differ {
            apart > AGREEMENT_MS
        } else {
            apart > NOTEWORTHY_MS
        };
        if std::mem::replace(&mut seen.clocks_differ, differ) == differ {
            return;
        }
        drop(seen);
        let tenant = &*self.tenant;
        let apart = humantime::format_duration(Duration::from_secs(apart.unsigned_abs() / 1_000));
        let direction = if offset > 0 { "behind" } else { "ahead of" };
        if !differ {
            tracing::info!(tenant, "this machine's clock and the API's agree again");
        } else if believed {
            tracing::warn!(
                tenant,
                %apart,
                "this machine's clock is {direction} the API's; jobs are asked for by the API's: \
                 check the time synchronization here"
            );
        } else {
            tracing::warn!(
                tenant,
                %apart,
                "this machine's clock is {direction} the API's by more than can be corrected: jobs \
                 may be missed, and no run is counted until the two agree; check the time \
                 synchronization here"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn told(&self) -> Observations {
        let earliest = |date: fn(&Announced) -> Option<Timestamp>| {
            let dates = [&self.list, &self.job].into_iter();
            dates.filter_map(date).min()
        };
        Observations {
            token_expiry: self.token_expiry,
            deprecation: earliest(|announced| announced.deprecation),
            sunset: earliest(|announced| announced.sunset),
            clock_offset_ms: self.clock_offset_ms,
            clocks_disputed: self.clocks_disputed,
        }
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
