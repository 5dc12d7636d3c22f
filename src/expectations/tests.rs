//! What is learned from generated histories.

use fastrand::Rng;
use jiff::Timestamp;

use super::day_rule::DAY;
use super::*;

mod amounts;
mod cases;
mod properties;
mod schedules;

const HOUR: i64 = 3_600;
const MINUTE: i64 = 60;

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A successful run of a feed.
fn run(start: i64, length: i64, read: u64) -> Run {
    Run {
        started_at: time(start),
        ended_at: time(start + length),
        succeeded: true,
        read: Some(read),
        rejected: Some(0),
        errors: Some(0),
    }
}

/// 2026-06-01 00:00, a Monday.
const MONDAY: i64 = 1_780_272_000;

/// A nightly feed at 02:30 for this many nights.
fn nightly(nights: i64) -> Vec<Run> {
    let mut random = Rng::with_seed(7);
    let mut night = |night: i64| {
        let start = MONDAY + night * DAY + 2 * HOUR + 30 * MINUTE + random.i64(0..300);
        run(
            start,
            1_200 + random.i64(0..240),
            100_000 + random.u64(0..8_000),
        )
    };
    (0..nights).map(&mut night).collect()
}

/// At an interval in minutes between two times of working days, for this many days.
fn intraday(every: i64, hours: std::ops::Range<i64>, days: i64) -> Vec<Run> {
    let days = (0..days).filter(|day| day % 7 < 5);
    let starts = days.flat_map(|day| {
        let begin = MONDAY + day * DAY + hours.start * HOUR;
        (0..(hours.end - hours.start) * 60 / every).map(move |run| begin + run * every * MINUTE)
    });
    starts.map(|start| run(start, 120, 1_000)).collect()
}
