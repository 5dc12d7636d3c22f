//! The clock by which a feed's schedule is kept.
//!
//! The history is in UTC. In a configured time zone the schedule is learned in
//! local time, and clock changes do not matter. Otherwise the zone cannot be
//! known, but when the schedule may have moved by an hour can.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Past, Span};

/// A zone for each date on which many clocks change.
static ZONES: LazyLock<Vec<TimeZone>> = LazyLock::new(|| {
    let names = [
        "America/New_York",
        "Europe/Berlin",
        "Australia/Sydney",
        "Pacific/Auckland",
    ];
    let zones = names.iter().filter_map(|name| TimeZone::get(name).ok());
    zones.collect()
});

/// In which direction clocks change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// In spring: what happens at a local time happens an hour earlier.
    Forward,
    /// In autumn: an hour later.
    Back,
}

impl Change {
    /// Whether clocks change somewhere in this direction after `from` and until
    /// `until`, in seconds since 1970.
    fn happens(self, from: i64, until: i64) -> bool {
        let Ok(from) = Timestamp::from_second(from) else {
            return false;
        };
        ZONES.iter().any(|zone| {
            let mut before = zone.to_offset(from);
            zone.following(from)
                .take_while(|next| next.timestamp().as_second() <= until)
                .any(|next| {
                    let earlier = std::mem::replace(&mut before, next.offset());
                    match self {
                        Self::Forward => next.offset() > earlier,
                        Self::Back => next.offset() < earlier,
                    }
                })
        })
    }
}

/// Whether clocks change somewhere after `from` and until `until`, in seconds
/// since 1970.
pub(super) fn changes(from: i64, until: i64) -> bool {
    Change::Forward.happens(from, until) || Change::Back.happens(from, until)
}

/// A configured time zone, or UTC while that is unknown. Local times are in
/// seconds since 1970-01-01 00:00 of that zone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Clock(pub(super) Option<TimeZone>);

impl Clock {
    /// The local time at a time in seconds since 1970.
    fn local(&self, time: i64) -> i64 {
        let zone = self.0.as_ref().zip(Timestamp::from_second(time).ok());
        let offset = zone.map_or(0, |(zone, time)| zone.to_offset(time).seconds());
        time + i64::from(offset)
    }

    /// The time in seconds since 1970 at a local time. Of a time that occurs twice
    /// it is the first, and of one that is skipped the end of the gap.
    pub(super) fn time(&self, local: i64) -> i64 {
        let Some((zone, time)) = self.0.as_ref().zip(Timestamp::from_second(local).ok()) else {
            return local;
        };
        let civil = TimeZone::UTC.to_datetime(time);
        zone.to_timestamp(civil).map_or(local, Timestamp::as_second)
    }

    /// The run in local time. It takes as long as it did.
    pub(super) fn local_run(&self, run: &Past) -> Past {
        let start = self.local(run.start);
        Past {
            start,
            end: start + (run.end - run.start),
            ..*run
        }
    }

    /// The span in local time.
    pub(super) fn local_span(&self, span: &Span) -> Span {
        Span {
            from: self.local(span.from),
            until: self.local(span.until),
        }
    }

    /// Whether local times may change in this direction after `from` and until
    /// `until`: not in a known zone.
    pub(super) fn may_change(&self, change: Change, from: i64, until: i64) -> bool {
        self.0.is_none() && change.happens(from, until)
    }

    /// Its name, for people.
    pub(super) fn name(&self) -> &str {
        self.0
            .as_ref()
            .and_then(TimeZone::iana_name)
            .unwrap_or("UTC")
    }
}
