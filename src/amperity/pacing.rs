//! The tenant's request rate: a token bucket that a 429 slows down for minutes
//! and a `Retry-After` stops for seconds. [`Bucket`] is the arithmetic,
//! [`Pacer`] the queue in front of it.
//!
//! It runs on tokio's clock, which tests can pause; governor, the usual
//! choice, has a clock of its own and cannot slow down.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::telemetry::Reason;

/// What the API grants a tenant, in requests per second, for all its clients.
const TENANT_LIMIT: f64 = 10.0;

/// A 429 never slows the bucket below this share of its full rate.
const SLOWEST_SHARE: f64 = 1.0 / 64.0;

/// The full rate is reached again after this long, however slow it was.
const RECOVERY: Duration = Duration::from_mins(5);

/// The longest pause the API can ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The slowest rate a configuration can ask for; keeps waits finite.
const SLOWEST_RATE: f64 = 0.001;

/// The fastest rate a configuration can ask for.
const FASTEST_RATE: f64 = 1e6;

/// Tokens are sums of rounded products; this much of one is ignored.
const TOLERANCE: f64 = 1e-6;

/// A token bucket. In any span of `t` seconds it lets pass at most
/// `rate × t + burst` requests.
#[derive(Debug)]
pub(super) struct Bucket {
    full_rate: f64,
    rate: f64,
    tokens: f64,
    /// When `rate` and `tokens` were computed. In the future during a pause.
    updated: Instant,
    slowed_at: Option<Instant>,
    /// Why the API asked for the last pause.
    pause_reason: Reason,
}

impl Bucket {
    pub(super) fn new(requests_per_second: f64, now: Instant) -> Self {
        let full_rate = if requests_per_second.is_finite() {
            requests_per_second.clamp(SLOWEST_RATE, FASTEST_RATE)
        } else {
            SLOWEST_RATE
        };
        Self {
            full_rate,
            rate: full_rate,
            tokens: full_burst(full_rate),
            updated: now,
            slowed_at: None,
            pause_reason: Reason::RateLimited,
        }
    }

    /// Takes a token, or returns when to try again.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        self.refill(now);
        if now < self.updated {
            return Err(self.updated);
        }
        if self.tokens >= 1.0 - TOLERANCE {
            self.tokens = (self.tokens - 1.0).max(0.0);
            return Ok(());
        }
        let wait = Duration::from_secs_f64((1.0 - self.tokens) / self.rate);
        Err(now + wait.max(Duration::from_millis(1)))
    }

    /// Notes a 429 to a request sent at `sent`: half the rate, no burst.
    /// Responses to requests that were in flight when the bucket was last
    /// slowed down do not slow it down again.
    pub(super) fn slow_down(&mut self, sent: Instant, now: Instant) {
        self.refill(now);
        self.tokens = 0.0;
        if self.slowed_at.is_none_or(|slowed| sent > slowed) {
            self.rate = (self.rate / 2.0).max(self.full_rate * SLOWEST_SHARE);
            self.slowed_at = Some(now);
        }
    }

    /// Lets nothing pass for as long as the API asked.
    pub(super) fn pause(&mut self, length: Duration, reason: Reason, now: Instant) {
        self.refill(now);
        self.tokens = 0.0;
        self.pause_reason = reason;
        self.updated = self.updated.max(now + length.min(LONGEST_PAUSE));
    }

    /// Why a request that cannot be sent in time has to wait.
    pub(super) fn delay(&self, now: Instant) -> NotSent {
        if self.updated > now {
            NotSent::Paused(self.pause_reason)
        } else if self.rate < self.full_rate {
            NotSent::SlowedDown
        } else {
            NotSent::NoTime
        }
    }

    /// The current rate, in requests per second.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// The rate rises linearly; the tokens of the span are counted at the rate
    /// it began with, which never overestimates.
    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.updated);
        if elapsed.is_zero() {
            return;
        }
        let granted = self.rate * elapsed.as_secs_f64();
        let risen = self.full_rate * elapsed.as_secs_f64() / RECOVERY.as_secs_f64();
        self.rate = (self.rate + risen).min(self.full_rate);
        let burst = full_burst(self.full_rate) * self.rate / self.full_rate;
        self.tokens = (self.tokens + granted).min(burst.max(1.0));
        self.updated = now;
    }
}

/// As large as the rate, but rate and burst together stay within what the API
/// grants the tenant per second.
fn full_burst(rate: f64) -> f64 {
    rate.min(TENANT_LIMIT - rate).max(1.0)
}

/// Whose request goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    /// A request of a refresh, or one for a token.
    Refresh,
    /// A request for `/probe`: sent only while no request of a refresh waits.
    Probe,
}

/// Why a request was not sent before its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotSent {
    /// The deadline came before its turn.
    NoTime,
    /// The API has lately answered 429, and the rate is reduced.
    SlowedDown,
    /// The API asked for a pause, with a response of this reason.
    Paused(Reason),
}

/// The queues in front of the bucket, one for each priority; each is served in
/// order of arrival.
#[derive(Debug)]
pub(super) struct Pacer {
    refreshes: tokio::sync::Mutex<()>,
    probes: tokio::sync::Mutex<()>,
    /// Requests of refreshes that wait.
    waiting: watch::Sender<usize>,
    bucket: Mutex<Bucket>,
}

/// Counts a waiting request of a refresh until it is dropped.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a watch::Sender<usize>) -> Self {
        waiting.send_modify(|count| *count += 1);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Pacer {
    pub(super) fn new(requests_per_second: f64) -> Self {
        Self {
            refreshes: tokio::sync::Mutex::default(),
            probes: tokio::sync::Mutex::default(),
            waiting: watch::Sender::new(0),
            bucket: Mutex::new(Bucket::new(requests_per_second, Instant::now())),
        }
    }

    /// Waits for a token. Gives up as soon as it is clear that none is there
    /// before the deadline.
    pub(super) async fn turn(&self, priority: Priority, deadline: Instant) -> Result<(), NotSent> {
        let (queue, _waiting) = match priority {
            Priority::Refresh => (&self.refreshes, Some(Waiting::new(&self.waiting))),
            Priority::Probe => (&self.probes, None),
        };
        let Ok(_head) = tokio::time::timeout_at(deadline, queue.lock()).await else {
            return Err(self.delay());
        };
        loop {
            if priority == Priority::Probe {
                let mut waiting = self.waiting.subscribe();
                let idle = waiting.wait_for(|count| *count == 0);
                if tokio::time::timeout_at(deadline, idle).await.is_err() {
                    return Err(self.delay());
                }
            }
            // Tried again after each sleep: a 429 may have come meanwhile.
            let taken = self.bucket().take(Instant::now());
            match taken {
                Ok(()) => return Ok(()),
                Err(next) if next >= deadline => return Err(self.delay()),
                Err(next) => tokio::time::sleep_until(next).await,
            }
        }
    }

    /// Notes a 429 to a request sent at `sent`.
    pub(super) fn slow_down(&self, sent: Instant) {
        let mut bucket = self.bucket();
        bucket.slow_down(sent, Instant::now());
        tracing::debug!(rate = bucket.rate(), "slowed down after a 429");
    }

    /// Notes a `Retry-After` of a response with this reason.
    pub(super) fn pause(&self, length: Duration, reason: Reason) {
        self.bucket().pause(length, reason, Instant::now());
    }

    fn delay(&self) -> NotSent {
        self.bucket().delay(Instant::now())
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
