//! What the responses of the API say about time: its clock, and when its
//! version ends. Logs what an operator has to know about them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::amperity::Observed;
use crate::log_once::LogOnChange;

/// Clocks that differ by less agree: `Date` has whole seconds, and a response
/// takes some time.
const AGREEMENT: SignedDuration = SignedDuration::from_secs(5);

/// Clocks that differ by more are logged.
const NOTEWORTHY: SignedDuration = SignedDuration::from_mins(1);

/// Clocks that differ by more cannot both be roughly right. Ours is used.
const PLAUSIBLE: SignedDuration = SignedDuration::from_hours(24);

/// The API's clock as compared with ours.
#[derive(Debug, Default)]
pub(super) struct ApiClock {
    /// Its time minus ours; zero while they agree.
    offset: SignedDuration,
    /// Whether one of the clocks is wrong and nobody can say which.
    disputed: bool,
    /// Whether they differ, as it was logged.
    differ: LogOnChange<bool>,
    /// Whether a response of this refresh had a `Date`.
    dated: bool,
}

impl ApiClock {
    /// A time of our clock by the API's clock.
    pub(super) fn translate(&self, time: Timestamp) -> Timestamp {
        time.checked_add(self.offset).unwrap_or(time)
    }

    /// Whether one of the clocks is wrong and nobody can say which.
    pub(super) fn is_disputed(&self) -> bool {
        self.disputed
    }

    /// Notes what a response showed.
    pub(super) fn observe(&mut self, tenant: &str, observed: &Observed) {
        let Some(offset) = observed.clock_offset else {
            return;
        };
        self.dated = true;
        let apart = offset.abs();
        self.disputed = apart > PLAUSIBLE;
        let is_used = apart >= AGREEMENT && !self.disputed;
        self.offset = if is_used {
            offset
        } else {
            SignedDuration::ZERO
        };
        let threshold = if *self.differ.logged() {
            AGREEMENT
        } else {
            NOTEWORTHY
        };
        if self.differ.update(apart > threshold).is_some() {
            self.log(tenant, offset);
        }
    }

    /// Ends a refresh. If it got answers without any `Date`, nothing contradicts
    /// our clock any more.
    pub(super) fn end_refresh(&mut self, answered: bool) {
        if !std::mem::take(&mut self.dated) && answered {
            self.offset = SignedDuration::ZERO;
            self.disputed = false;
        }
    }

    fn log(&self, tenant: &str, offset: SignedDuration) {
        let apart = Duration::from_secs(offset.as_secs().unsigned_abs());
        let apart = humantime::format_duration(apart);
        let direction = if offset.is_positive() {
            "behind"
        } else {
            "ahead of"
        };
        if !self.differ.logged() {
            tracing::info!(tenant, "this machine's clock and the API's agree again");
        } else if self.disputed {
            tracing::warn!(
                tenant,
                %apart,
                "this machine's clock is {direction} the API's by too much to correct for: jobs \
                 may be missed, and no run is counted until the two agree; check the time \
                 synchronization of this machine"
            );
        } else {
            tracing::warn!(
                tenant,
                %apart,
                "this machine's clock is {direction} the API's; jobs are requested by the API's \
                 clock: check the time synchronization of this machine"
            );
        }
    }
}

/// When the API version ends, by the headers of each endpoint.
#[derive(Debug, Default)]
pub(super) struct VersionEnd {
    list: Announcement,
    job: Announcement,
    logged: LogOnChange<(Option<Timestamp>, Option<Timestamp>)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Announcement {
    deprecation: Option<Timestamp>,
    sunset: Option<Timestamp>,
}

impl Announcement {
    fn update(&mut self, observed: &Observed) {
        self.deprecation = observed.deprecation.or(self.deprecation);
        self.sunset = observed.sunset.or(self.sunset);
    }
}

impl VersionEnd {
    /// Notes what the response to a list showed.
    pub(super) fn list_observed(&mut self, tenant: &str, observed: &Observed) {
        self.list.update(observed);
        self.log(tenant);
    }

    /// Notes what the response about a single job showed.
    pub(super) fn job_observed(&mut self, tenant: &str, observed: &Observed) {
        self.job.update(observed);
        self.log(tenant);
    }

    /// The earliest `Deprecation` announced.
    pub(super) fn deprecation(&self) -> Option<Timestamp> {
        let dates = self.list.deprecation.into_iter();
        dates.chain(self.job.deprecation).min()
    }

    /// The earliest `Sunset` announced.
    pub(super) fn sunset(&self) -> Option<Timestamp> {
        self.list.sunset.into_iter().chain(self.job.sunset).min()
    }

    fn log(&mut self, tenant: &str) {
        let (deprecation, sunset) = (self.deprecation(), self.sunset());
        if self.logged.update((deprecation, sunset)).is_some() {
            tracing::warn!(
                tenant,
                deprecation = deprecation.map(tracing::field::display),
                sunset = sunset.map(tracing::field::display),
                "the API announces the end of this api-version: plan an update of the exporter \
                 or of api.version"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sunset(second: i64) -> Observed {
        Observed {
            sunset: Timestamp::from_second(second).ok(),
            ..Observed::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_announced_ends_the_earlier_counts() {
        let mut ends = VersionEnd::default();
        let at = |second| Timestamp::from_second(second).ok();
        ends.list_observed("socktown", &sunset(2_000_000_000));
        assert_eq!(ends.sunset(), at(2_000_000_000));
        ends.job_observed("socktown", &sunset(1_900_000_000));
        ends.list_observed("socktown", &sunset(2_000_000_000));
        assert_eq!(ends.sunset(), at(1_900_000_000));
        assert_eq!(*ends.logged.logged(), (None, at(1_900_000_000)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_disputed_clock_is_right_again_when_answers_have_no_date_any_more() {
        let mut clock = ApiClock::default();
        let observed = Observed {
            clock_offset: Some(SignedDuration::from_hours(960)),
            ..Observed::default()
        };
        clock.observe("socktown", &observed);
        clock.end_refresh(true);
        assert!(clock.is_disputed());
        clock.end_refresh(false);
        assert!(clock.is_disputed(), "nothing was answered");
        clock.observe("socktown", &Observed::default());
        clock.end_refresh(true);
        assert!(!clock.is_disputed());
    }
}
