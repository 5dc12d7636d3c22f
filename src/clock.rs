//! The wall clock: the system's, or one that follows tokio's clock, so that a
//! test that pauses time also controls the date.
//!
//! Code that needs the time is given a [`Clock`]; pure modules take the
//! [`Timestamp`] as an argument.

use jiff::{Timestamp, TimestampArithmetic};
use tokio::time::Instant;

/// A source of wall-clock time. Cloning gives the same clock.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Option<(Timestamp, Instant)>,
}

impl Clock {
    /// The operating system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self { origin: None }
    }

    /// A clock that shows `start` now and advances with tokio's clock.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            origin: Some((start, Instant::now())),
        }
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self.origin {
            None => system_now(),
            Some((start, origin)) => after(start, origin.elapsed()),
        }
    }
}

/// `time` minus `by`, or the earliest timestamp.
pub fn before(time: Timestamp, by: impl Into<TimestampArithmetic>) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// `time` plus `by`, or the latest timestamp.
pub fn after(time: Timestamp, by: impl Into<TimestampArithmetic>) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the only place that reads the system clock"
)]
fn system_now() -> Timestamp {
    Timestamp::now()
}
