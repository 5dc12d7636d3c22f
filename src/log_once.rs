//! Logs a condition once: one line when it begins or changes and one when
//! it ends, not one for each refresh in which it holds.
//!
//! A condition that flaps is limited as well: after [`BURST`] lines only one
//! more is granted each [`REFILL`]. The last value is logged as soon as the
//! limit allows, so the last line is always correct.

use std::time::Duration;

use tokio::time::Instant;

/// Lines about one condition that may follow each other.
const BURST: u32 = 10;

/// The time after which a condition that flaps may log another line.
const REFILL: Duration = Duration::from_mins(10);

/// A value that is logged when it changes.
#[derive(Clone, Debug)]
pub(crate) struct LogOnChange<T> {
    logged: T,
    lines_left: u32,
    refilled_at: Instant,
}

impl<T: Default> Default for LogOnChange<T> {
    fn default() -> Self {
        Self {
            logged: T::default(),
            lines_left: BURST,
            refilled_at: Instant::now(),
        }
    }
}

impl<T: PartialEq> LogOnChange<T> {
    /// The value logged before, if `value` differs from it and may be logged
    /// now; the caller then logs `value`.
    pub(crate) fn update(&mut self, value: T) -> Option<T> {
        if value == self.logged || !self.take_line() {
            return None;
        }
        Some(std::mem::replace(&mut self.logged, value))
    }

    /// The value that was logged last.
    pub(crate) fn logged(&self) -> &T {
        &self.logged
    }

    fn take_line(&mut self) -> bool {
        let now = Instant::now();
        while self.lines_left < BURST && now.duration_since(self.refilled_at) >= REFILL {
            self.lines_left += 1;
            self.refilled_at += REFILL;
        }
        if self.lines_left == BURST {
            self.refilled_at = now;
        }
        let allowed = self.lines_left > 0;
        self.lines_left = self.lines_left.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_change_is_logged_once() {
        let mut condition = LogOnChange::<bool>::default();
        let logged: Vec<_> = [false, true, true, false, false]
            .map(|value| condition.update(value))
            .into();
        assert_eq!(logged, [None, Some(false), None, Some(true), None]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flapping_condition_is_limited_and_its_last_value_is_logged() {
        let mut condition = LogOnChange::<bool>::default();
        let mut lines = 0;
        for second in 0..3600 {
            lines += u32::from(condition.update(second % 2 == 0).is_some());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!((BURST..=BURST + 6).contains(&lines), "{lines} lines");
        tokio::time::advance(REFILL).await;
        condition.update(true);
        assert!(condition.logged());
    }
}
