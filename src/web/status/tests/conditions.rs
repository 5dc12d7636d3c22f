//! What counts as wrong.

use super::super::condition::{Condition, Problem};
use super::*;

fn assess(feed: &Feed) -> (Condition, Vec<Problem>) {
    let assessed = AssessedFeed::new(feed, Some(now()));
    (assessed.condition, assessed.problems)
}

#[test]
fn a_failed_run_counts_until_a_later_one_succeeds() {
    let failures = vec![
        run(50, 10, State::Succeeded, 1),
        run(26, 10, State::Failed, 1),
        run(4, 10, State::Canceled, 1),
    ];
    let (condition, problems) = assess(&feed("Orders", failures.clone()));
    assert_eq!(condition, Condition::Failed);
    assert_eq!(problems, [Problem::Failed { runs: 2 }]);
    let recovered = failures
        .into_iter()
        .chain([run(1, 10, State::Succeeded, 1)]);
    let recovered = feed("Orders", recovered.collect());
    assert_eq!(assess(&recovered), (Condition::Fine, vec![]));
}

#[test]
fn a_failure_remains_one_while_the_next_run_is_in_progress() {
    let mut feed = failed("Orders");
    feed.state = Some(State::Running);
    feed.running_since = Some(hours_ago(1));
    assert_eq!(assess(&feed).0, Condition::Failed);
}

#[test]
fn stopped_runs_are_no_failures_and_skipped_ones_no_problem() {
    let success = run(50, 10, State::Succeeded, 1);
    let after = |state: State| feed("Orders", vec![success.clone(), run(4, 1, state, 0)]);
    assert_eq!(assess(&after(State::Canceled)).0, Condition::Stopped);
    assert_eq!(assess(&after(State::Skipped)).0, Condition::Fine);
}

#[test]
fn a_feed_is_late_by_the_time_of_the_data() {
    let feed = late("Orders");
    assert_eq!(
        assess(&feed),
        (Condition::Late, vec![Problem::Late { by: 7_800 }])
    );
    let assessed = |data_time| AssessedFeed::new(&feed, data_time).condition;
    assert_eq!(assessed(feed.expected.due), Condition::Fine);
    assert_eq!(assessed(None), Condition::Fine);
}

#[test]
fn a_failed_feed_that_is_late_is_failed_first() {
    let mut feed = failed("Orders");
    feed.expected.due = Some(hours_ago(1));
    let problems = [Problem::Failed { runs: 1 }, Problem::Late { by: 3_600 }];
    assert_eq!(assess(&feed), (Condition::Failed, problems.to_vec()));
}

#[test]
fn a_run_is_slow_beyond_the_limit_unless_it_waits() {
    let mut feed = running("Orders");
    assert_eq!(assess(&feed).0, Condition::Running);
    feed.expected.duration_limit = Some(509.0);
    let slow = Problem::Slow {
        running: 510,
        limit: 509.0,
    };
    assert_eq!(assess(&feed), (Condition::Unusual, vec![slow]));
    feed.state = Some(State::Scheduled);
    assert_eq!(assess(&feed).0, Condition::Running);
}

#[test]
fn rows_outside_the_usual_range_are_unusual_in_a_successful_run() {
    let with = |state: State, read: u64| assess(&nightly_and("Orders", state, read)).1;
    let few = Problem::FewRows {
        read: 7_999,
        low: 8_000.0,
    };
    let many = Problem::ManyRows {
        read: 14_001,
        high: 14_000.0,
    };
    assert_eq!(with(State::Succeeded, 7_999), [few]);
    assert_eq!(with(State::Succeeded, 8_000), []);
    assert_eq!(with(State::Succeeded, 14_001), [many]);
    assert_eq!(with(State::Skipped, 0), []);
}

#[test]
fn errors_and_rejections_count_above_their_limits_only() {
    let mut feed = nightly("Orders", 5);
    let mut last = Run::clone(&run(2, 10, State::Succeeded, 1_000));
    last.rows.errors = Some(20);
    last.rows.rejected = Some(300);
    feed.last_run = Some(Arc::new(last));
    feed.expected.low_read_rows = None;
    assert_eq!(assess(&feed).0, Condition::Fine);
    feed.expected.error_ratio_limit = Some(0.02);
    feed.expected.rejected_ratio_limit = Some(0.25);
    let rejections = Problem::Rejections {
        ratio: 0.3,
        limit: 0.25,
    };
    assert_eq!(assess(&feed), (Condition::Unusual, vec![rejections]));
    feed.expected.error_ratio_limit = Some(0.01);
    assert_eq!(assess(&feed).1.len(), 2);
}

#[test]
fn a_feed_without_alerts_is_no_trouble() {
    let (condition, problems) = assess(&muted(failed("Orders")));
    assert_eq!(condition, Condition::Muted);
    assert_eq!(problems.len(), 1);
    assert_eq!(assess(&muted(nightly("Orders", 3))).0, Condition::Fine);
}
