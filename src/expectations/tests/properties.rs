//! What holds for every history.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{Known, KnownSchedule};

/// Histories that a schedule may or may not have made.
fn histories() -> impl Strategy<Value = Vec<Run>> {
    let period = prop_oneof![Just(900), Just(HOUR), Just(DAY), Just(7 * DAY), 1..30 * DAY];
    let noise = (0..2 * HOUR, 0..3 * HOUR, any::<bool>(), 0..40_u64, 0..3_u8);
    (period, prop::collection::vec(noise, 0..60)).prop_map(|(period, noises)| {
        let runs = noises.into_iter().enumerate().map(|(index, noise)| {
            let (delay, length, large, rows, outcome) = noise;
            let start = 1_790_000_000 + i64::try_from(index).unwrap() * period + delay;
            let read = if large { rows * 1_000 } else { rows };
            Run {
                succeeded: outcome > 0,
                read: (outcome < 2).then_some(read),
                errors: Some(rows / 3),
                rejected: Some(read / 2),
                ..run(start, length, 0)
            }
        });
        runs.collect()
    })
}

fn expected(runs: &[Run]) -> Expected {
    learn(runs, &[], None).expected(None, None, &[])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_value_is_finite_and_in_order(runs in histories()) {
        let expected = expected(&runs);
        let pairs = [
            (expected.usual_duration, expected.duration_limit),
            (expected.low_read_rows, expected.usual_read_rows),
            (expected.usual_read_rows, expected.high_read_rows),
            (expected.usual_error_ratio, expected.error_ratio_limit),
            (expected.usual_rejected_ratio, expected.rejected_ratio_limit),
        ];
        for (lesser, greater) in pairs {
            prop_assert_eq!(lesser.is_some(), greater.is_some());
            let (lesser, greater) = (lesser.unwrap_or(0.0), greater.unwrap_or(0.0));
            prop_assert!(lesser.is_finite() && greater.is_finite());
            prop_assert!(0.0 <= lesser && lesser <= greater, "{lesser} {greater}");
        }
        prop_assert!(expected.usual_error_ratio.is_none_or(|ratio| ratio <= 1.0));
    }

    #[test]
    fn due_is_after_the_last_success(runs in histories()) {
        let successes = runs.iter().filter(|run| run.succeeded);
        let last = successes.max_by_key(|run| run.started_at);
        if let (Some(due), Some(last)) = (expected(&runs).due, last) {
            prop_assert!(due > last.ended_at);
        }
    }

    #[test]
    fn the_order_of_the_runs_is_irrelevant(runs in histories(), seed: u64) {
        let mut shuffled = runs.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        prop_assert_eq!(learn(&runs, &[], None), learn(&shuffled, &[], None));
    }

    #[test]
    fn an_outage_only_postpones(runs in histories(), from in 0..90 * DAY, length in 0..DAY) {
        let learned = learn(&runs, &[], None);
        let from = 1_790_000_000 + from;
        let outage = Unobserved {
            from: time(from),
            until: time(from + length),
        };
        let due = learned.expected(None, None, &[]).due;
        let postponed = learned.expected(None, None, &[outage]).due;
        prop_assert_eq!(due.is_some(), postponed.is_some());
        prop_assert!(postponed >= due);
    }

    #[test]
    fn what_is_known_replaces_what_was_learned(runs in histories(), low in 0..1_000_u64) {
        let every = Duration::from_hours(24);
        let known = Known {
            schedule: Some(KnownSchedule::Every(every, Duration::ZERO)),
            low_read_rows: Some(low),
            ..Known::default()
        };
        let expected = learn(&runs, &[], None).expected(Some(&known), None, &[]);
        prop_assert_eq!(expected.low_read_rows, Some(statistics::rows(low)));
        let successes = runs.iter().filter(|run| run.succeeded);
        if let Some(last) = successes.max_by_key(|run| (run.started_at, run.ended_at)) {
            prop_assert_eq!(expected.due, Some(last.ended_at + every));
        }
    }

    #[test]
    fn more_rows_never_shorten_a_run(runs in histories(), read: u64, more: u64) {
        let learned = learn(&runs, &[], None);
        let limit = |read| {
            let open = OpenRun { started_at: time(0), read: Some(read) };
            learned.expected(None, Some(open), &[]).duration_limit
        };
        prop_assert!(limit(read) <= limit(read.saturating_add(more)));
    }
}
