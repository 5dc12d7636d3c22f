//! What is learned from generated histories.

use jiff::Timestamp;

use super::day_rule::DAY;
use super::*;

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
