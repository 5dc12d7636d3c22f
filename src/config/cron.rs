//! A cron line in a time zone. An hour that the clocks skip runs at its end; in
//! an hour that comes twice a fixed time runs once, the first time, and `*`
//! or a step runs in both.

use std::cmp::Ordering;

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::time::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ZonedDateTime};

/// A cron line of five fields and the time zone it is meant in.
#[derive(Clone, Debug)]
pub struct CronSchedule {
    cron: Cron,
    zone: TimeZone,
    line: String,
}

impl CronSchedule {
    /// The schedule, unless the line is malformed or names no time at all.
    pub(super) fn new(line: &str, zone: TimeZone) -> Option<Self> {
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let schedule = Self {
            cron: parser.parse(line).ok()?,
            zone,
            line: line.to_owned(),
        };
        schedule.next_after(Timestamp::UNIX_EPOCH)?;
        Some(schedule)
    }

    /// The first time after this one.
    #[must_use]
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let time = Local(time.to_zoned_datetime(self.zone.clone()));
        let next = self.cron.find_next_occurrence(&time, false).ok()?;
        Some(next.0.timestamp())
    }

    /// The line as it is written.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The time zone's name.
    #[must_use]
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }
}

impl PartialEq for CronSchedule {
    fn eq(&self, other: &Self) -> bool {
        (&self.line, &self.zone) == (&other.line, &other.zone)
    }
}

/// A time in a zone, for the cron library.
#[derive(Clone)]
struct Local(ZonedDateTime);

/// A number that always fits.
fn small(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or_default()
}

fn civil(time: CivilDateTime) -> Option<DateTime> {
    let part = |number: u32| i8::try_from(number).ok();
    DateTime::new(
        i16::try_from(time.year()).ok()?,
        part(time.month())?,
        part(time.day())?,
        part(time.hour())?,
        part(time.minute())?,
        part(time.second())?,
        0,
    )
    .ok()
}

impl CronDateTime for Local {
    fn to_civil(&self) -> CivilDateTime {
        let time = &self.0;
        let (month, day) = (small(time.month()), small(time.day()));
        let (hour, minute) = (small(time.hour()), small(time.minute()));
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(time.year().into(), month, day),
            CivilTime::from_parts_unchecked(hour, minute, small(time.second())),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(small(self.0.weekday().to_sunday_zero_offset()))
    }

    fn resolve_civil(&self, time: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let time = civil(time).ok_or(CronError::InvalidDate)?;
        let local = self.0.time_zone().to_ambiguous_zoned_datetime(time);
        let invalid = |_| CronError::InvalidTime;
        Ok(match local.offset() {
            AmbiguousOffset::Unambiguous { .. } => {
                Resolution::Single(Self(local.unambiguous().map_err(invalid)?))
            }
            AmbiguousOffset::Fold { .. } => Resolution::Ambiguous(
                Self(local.clone().earlier().map_err(invalid)?),
                Self(local.later().map_err(invalid)?),
            ),
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        let later = self.0.checked_add(SignedDuration::from_secs(seconds));
        later.ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.timestamp().cmp(&other.0.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(line: &str, zone: &str, times: usize, after: &str) -> Vec<String> {
        let schedule = CronSchedule::new(line, TimeZone::get(zone).unwrap()).unwrap();
        let mut time: Timestamp = after.parse().unwrap();
        let mut all = Vec::new();
        for _ in 0..times {
            time = schedule.next_after(time).unwrap();
            all.push(time.to_string());
        }
        all
    }

    #[test]
    fn a_time_that_the_clocks_skip_is_at_the_end_of_the_gap() {
        // 02:00 to 03:00 do not exist on 2026-03-29 in Berlin.
        let times = next("30 2 * * *", "Europe/Berlin", 3, "2026-03-28T00:00:00Z");
        assert_eq!(
            times,
            [
                "2026-03-28T01:30:00Z",
                "2026-03-29T01:00:00Z",
                "2026-03-30T00:30:00Z"
            ]
        );
    }

    #[test]
    fn a_time_that_comes_twice_is_the_first_one() {
        // 02:00 to 03:00 come twice on 2026-10-25 in Berlin.
        let times = next("30 2 * * *", "Europe/Berlin", 3, "2026-10-24T00:00:00Z");
        assert_eq!(
            times,
            [
                "2026-10-24T00:30:00Z",
                "2026-10-25T00:30:00Z",
                "2026-10-26T01:30:00Z"
            ]
        );
    }

    #[test]
    fn a_line_that_names_no_time_is_refused() {
        for line in ["0 0 30 2 *", "0 0 * *", "0 0 0 * * *", "61 * * * *", ""] {
            assert!(CronSchedule::new(line, TimeZone::UTC).is_none(), "{line}");
        }
    }
}
