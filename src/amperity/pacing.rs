//! The tenant's pace: a token bucket that a 429 slows down for minutes and a
//! `Retry-After` stops for seconds. [`Bucket`] is the arithmetic, [`Pacer`]
//! the queue before it.
//!
//! It runs on tokio's clock, which tests can pause; governor, the usual
//! choice, has a clock of its own and no way to slow down.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What the API grants a tenant, in requests per second, for all its clients.
const TENANT_LIMIT: f64 = 10.0;

/// A 429 never slows the bucket below this share of its full rate.
const SLOWEST_SHARE: f64 = 1.0 / 64.0;

/// From a standstill, the full rate is reached again after this long.
const RECOVERY: Duration = Duration::from_mins(5);

/// The longest pause the API can ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The slowest rate a configuration can ask for; keeps waits finite.
const SLOWEST_RATE: f64 = 0.001;

/// The fastest rate a configuration can ask for.
const FASTEST_RATE: f64 = 1e6;

/// Tokens are sums of rounded products; this much of one is not missed.
const TOLERANCE: f64 = 1e-6;

/// A token bucket. In any span of `t` seconds it lets pass at most
/// `rate × t + burst` requests, whatever befalls it.
#[derive(Debug)]
pub(super) struct Bucket {
    full_rate: f64,
    rate: f64,
    tokens: f64,
    /// When `rate` and `tokens` were right. Lies ahead during a pause.
    updated: Instant,
    slowed_at: Option<Instant>,
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
        }
    }

    /// Takes a token, or says when to ask again.
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

    /// Takes note of a 429 to a request sent at `sent`: half the rate, no
    /// burst. Answers to requests that were under way when the bucket was
    /// last slowed tell nothing new.
    pub(super) fn slow_down(&mut self, sent: Instant, now: Instant) {
        self.refill(now);
        self.tokens = 0.0;
        if self.slowed_at.is_none_or(|slowed| sent > slowed) {
            self.rate = (self.rate / 2.0).max(self.full_rate * SLOWEST_SHARE);
            self.slowed_at = Some(now);
        }
    }

    /// Lets nothing pass for as long as the API asked.
    pub(super) fn pause(&mut self, length: Duration, now: Instant) {
        self.refill(now);
        self.tokens = 0.0;
        self.updated = self.updated.max(now + length.min(LONGEST_PAUSE));
    }

    /// Whether the API has lately asked for less.
    pub(super) fn is_slowed(&self, now: Instant) -> bool {
        self.rate < self.full_rate || self.updated > now
    }

    /// The present rate, in requests per second.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// The rate rises in a straight line; the tokens of the span are counted
    /// at the rate it began with, which errs to the polite side.
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

/// As large as the rate, but small enough that rate and burst together stay
/// within what the tenant is granted per second.
fn full_burst(rate: f64) -> f64 {
    rate.min(TENANT_LIMIT - rate).max(1.0)
}

/// The queue before the bucket: first come, first served.
#[derive(Debug)]
pub(super) struct Pacer {
    queue: tokio::sync::Mutex<()>,
    bucket: Mutex<Bucket>,
}

/// The turn did not come before the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoTurn {
    /// Whether that is because the API asked for less.
    pub(super) slowed: bool,
}

impl Pacer {
    pub(super) fn new(requests_per_second: f64) -> Self {
        Self {
            queue: tokio::sync::Mutex::new(()),
            bucket: Mutex::new(Bucket::new(requests_per_second, Instant::now())),
        }
    }

    /// Waits for a token. Gives up as soon as it is clear that none comes
    /// before the deadline.
    pub(super) async fn turn(&self, deadline: Instant) -> Result<(), NoTurn> {
        let Ok(_head) = tokio::time::timeout_at(deadline, self.queue.lock()).await else {
            return Err(self.no_turn());
        };
        loop {
            // Asked again after each sleep: a 429 may have come meanwhile.
            let taken = self.bucket().take(Instant::now());
            match taken {
                Ok(()) => return Ok(()),
                Err(next) if next >= deadline => return Err(self.no_turn()),
                Err(next) => tokio::time::sleep_until(next).await,
            }
        }
    }

    /// Takes note of a 429 to a request sent at `sent`.
    pub(super) fn slow_down(&self, sent: Instant) {
        let mut bucket = self.bucket();
        bucket.slow_down(sent, Instant::now());
        tracing::debug!(rate = bucket.rate(), "slowed down after a 429");
    }

    /// Takes note of a `Retry-After`.
    pub(super) fn pause(&self, length: Duration) {
        self.bucket().pause(length, Instant::now());
    }

    fn no_turn(&self) -> NoTurn {
        NoTurn {
            slowed: self.bucket().is_slowed(Instant::now()),
        }
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
