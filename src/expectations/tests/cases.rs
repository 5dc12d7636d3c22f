//! Histories with something in them that must not, or must, change when a feed is
//! due.

use fastrand::Rng;

use super::*;
use crate::config::{Known, KnownSchedule};

/// When a feed is due, in minutes after a time.
fn due_after(runs: &[Run], time: i64) -> Option<i64> {
    let due = learn(runs, &[], None).expected(None, None, &[]).due?;
    Some((due.as_second() - time) / MINUTE)
}

fn on_time(due: Option<i64>) -> bool {
    due.is_some_and(|due| (20..=120).contains(&due))
}

#[test]
fn a_nightly_feed_is_due_two_hours_after_its_time_from_the_first_day() {
    let scheduled = MONDAY + 7 * DAY + 2 * HOUR + 30 * MINUTE;
    assert!(on_time(due_after(&nightly(7), scheduled)));
    let learned = learn(&nightly(7), &[], None);
    assert_eq!(
        learned.describe_schedule(None),
        "daily about 02:33 UTC, 7 of 7"
    );
}

#[test]
fn a_feed_of_business_hours_is_due_on_monday_after_its_first_week() {
    let monday = MONDAY + 7 * DAY + 9 * HOUR;
    let due = due_after(&intraday(60, 9..18, 7), monday);
    assert!(on_time(due), "{due:?}");
}

#[test]
fn the_last_run_before_a_night_is_due_in_the_evening() {
    let mut runs = intraday(60, 9..18, 15);
    runs.pop();
    let due = due_after(&runs, MONDAY + 14 * DAY + 17 * HOUR);
    assert!(on_time(due), "{due:?}");
}

#[test]
fn a_new_feed_is_not_due_at_the_same_time_of_the_next_week() {
    for every in [2, 5, 15] {
        let runs = intraday(every, 9..14, 1);
        for kept in runs.len() - 8..=runs.len() {
            assert_eq!(due_after(&runs[..kept], MONDAY), None, "{every} min");
        }
    }
}

#[test]
fn a_new_feed_without_a_pause_in_a_day_is_always_due() {
    let runs = intraday(15, 0..25, 1);
    let due = due_after(&runs, MONDAY + 25 * HOUR);
    assert!(due.is_some_and(|due| due <= 60), "{due:?}");
}

#[test]
fn outages_holidays_and_late_runs_in_the_history_do_not_postpone() {
    let scheduled = MONDAY + 21 * DAY + 2 * HOUR + 30 * MINUTE;
    let mut runs = nightly(21);
    runs.drain(12..16);
    runs.remove(4);
    let late = &mut runs[8];
    *late = run(late.started_at.as_second() + 7 * HOUR, 1_200, 100_000);
    assert!(on_time(due_after(&runs, scheduled)));
}

#[test]
fn failed_and_repeated_runs_do_not_postpone() {
    let scheduled = MONDAY + 14 * DAY + 2 * HOUR + 30 * MINUTE;
    let mut runs = nightly(14);
    for night in [3, 9] {
        runs[night].succeeded = false;
        let again = runs[night].ended_at.as_second() + 2 * HOUR;
        runs.push(run(again, 1_200, 100_000));
    }
    runs.push(run(MONDAY + 13 * DAY + 15 * HOUR, 900, 100_000));
    assert!(on_time(due_after(&runs, scheduled)));
}

#[test]
fn failed_runs_fulfil_nothing() {
    let mut runs = nightly(14);
    runs[12].succeeded = false;
    runs[13].succeeded = false;
    assert!(on_time(due_after(
        &runs,
        MONDAY + 12 * DAY + 2 * HOUR + 30 * MINUTE
    )));
}

#[test]
fn a_schedule_that_moved_is_known_after_three_runs() {
    for hours in [-2, 1, 3, 8] {
        let mut runs = nightly(17);
        for moved in &mut runs[14..] {
            let start = moved.started_at.as_second() + hours * HOUR;
            *moved = run(start, 1_200, 100_000);
        }
        let scheduled = MONDAY + 17 * DAY + (2 + hours) * HOUR + 30 * MINUTE;
        let due = due_after(&runs, scheduled);
        assert!(on_time(due), "{hours} h: {due:?}");
    }
}

#[test]
fn an_outage_of_the_api_postpones_until_feeds_caught_up() {
    let learned = learn(&nightly(7), &[], None);
    let scheduled = MONDAY + 7 * DAY + 2 * HOUR + 30 * MINUTE;
    let outage = Unobserved {
        from: time(scheduled - HOUR),
        until: time(scheduled + 4 * HOUR),
    };
    let due = learned.expected(None, None, &[outage]).due.unwrap();
    assert_eq!((due.as_second() - scheduled) / HOUR, 9);
    let earlier = Unobserved {
        from: time(scheduled - 9 * HOUR),
        until: time(scheduled - 7 * HOUR),
    };
    let due = learned.expected(None, None, &[earlier]).due;
    assert_eq!(due, learned.expected(None, None, &[]).due);
}

#[test]
fn a_feed_that_stopped_stays_due() {
    let due = due_after(&nightly(10), MONDAY);
    assert!(due.is_some_and(|due| due < 11 * 24 * 60));
}

#[test]
fn a_run_in_progress_is_not_late_before_it_takes_too_long() {
    let started = MONDAY + 14 * DAY + 6 * HOUR;
    let open = OpenRun {
        started_at: time(started),
        read: None,
    };
    let learned = learn(&nightly(14), &[], None);
    let expected = learned.expected(None, Some(open), &[]);
    let limit = statistics::whole(expected.duration_limit.unwrap());
    assert_eq!(expected.due, Some(time(started + limit)));
    let known = Known {
        duration: Some(std::time::Duration::from_hours(3)),
        ..Known::default()
    };
    let expected = learned.expected(Some(&known), Some(open), &[]);
    assert_eq!(expected.due, Some(time(started + 3 * HOUR)));
}

#[test]
fn a_feed_that_is_never_late_is_never_due() {
    let known = Known {
        schedule: Some(KnownSchedule::AdHoc),
        ..Known::default()
    };
    let learned = learn(&nightly(9), &[], None);
    assert_eq!(learned.expected(Some(&known), None, &[]).due, None);
    assert_eq!(
        learned.describe_schedule(Some(&known)),
        "configured: ad hoc, never late"
    );
}

#[test]
fn what_should_have_started_during_a_long_run_is_left_out() {
    // By hand in the afternoon of the seventh day, until after the next start.
    let mut runs = nightly(7);
    runs.push(run(MONDAY + 6 * DAY + 14 * HOUR, 14 * HOUR, 900_000));
    let scheduled = MONDAY + 8 * DAY + 2 * HOUR + 30 * MINUTE;
    assert!(on_time(due_after(&runs, scheduled)));
    // Even if it ends just after that.
    runs[7].ended_at = time(scheduled - DAY + 10 * MINUTE);
    assert!(on_time(due_after(&runs, scheduled)));
    // One that ends before the next start does not replace it.
    runs[7].ended_at = time(MONDAY + 7 * DAY);
    assert!(on_time(due_after(&runs, scheduled - DAY)));

    let quarter_hourly = (0..96 * 7).map(|index| run(MONDAY + index * 15 * MINUTE, 120, 1_000));
    let mut runs: Vec<Run> = quarter_hourly.collect();
    let due = due_after(&runs, MONDAY + 7 * DAY).unwrap();
    let long = 4 * HOUR;
    runs.push(run(MONDAY + 7 * DAY, long, 90_000));
    let later = due_after(&runs, MONDAY + 7 * DAY + long).unwrap();
    assert!((due..=due + 15).contains(&later), "{due} {later}");
}

#[test]
fn a_schedule_in_a_configured_time_zone_follows_its_clock_changes() {
    let zone = TimeZone::get("America/Los_Angeles").unwrap();
    let at = |day: i8| {
        let local = jiff::civil::date(2026, 3, day).at(23, 30, 0, 0);
        zone.to_timestamp(local).unwrap().as_second()
    };
    // Clocks are set forward on 8 March.
    for last in 7..=9 {
        let nights = last - 6..=last;
        let runs: Vec<Run> = nights.map(|day| run(at(day), 1_200, 100_000)).collect();
        let learned = learn(&runs, &[], Some(&zone));
        let due = learned.expected(None, None, &[]).due.unwrap();
        assert_eq!((due.as_second() - at(last + 1)) / MINUTE, 110, "{last}");
        assert_eq!(
            learned.describe_schedule(None),
            "daily about 23:30 America/Los_Angeles, 7 of 7"
        );
    }
}

#[test]
fn an_hourly_feed_is_not_late_in_an_hour_that_occurs_twice() {
    let zone = TimeZone::get("America/Los_Angeles").unwrap();
    // Clocks are set back on 1 November 2026 at 09:00 UTC.
    let midnight: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
    let midnight = midnight.as_second();
    for hours in 5..14 {
        let starts = (hours - 7 * 24..=hours).map(|hour| midnight + hour * HOUR);
        let runs: Vec<Run> = starts.map(|start| run(start, 120, 1_000)).collect();
        let due = learn(&runs, &[], Some(&zone)).expected(None, None, &[]).due;
        let minutes = (due.unwrap().as_second() - midnight - (hours + 1) * HOUR) / MINUTE;
        assert!((50..=130).contains(&minutes), "{hours}: {minutes}");
    }
}

#[test]
fn one_start_an_hour_earlier_after_a_clock_change_moves_a_nightly_schedule() {
    // Clocks are set forward on 29 March 2026 in Berlin, and somewhere else before.
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let at = |day: i8| {
        let local = jiff::civil::date(2026, 3, day).at(4, 30, 0, 0);
        zone.to_timestamp(local).unwrap().as_second()
    };
    let nights = |last: i8| (last - 9..=last).map(|day| run(at(day), 1_200, 100_000));
    let due = |last: i8| due_after(&nights(last).collect::<Vec<_>>(), at(last + 1)).unwrap();
    assert!(due(28) > 150);
    assert!(on_time(Some(due(29))), "{}", due(29));
}

#[test]
fn a_catch_up_at_night_makes_no_feed_of_business_hours_due_at_night() {
    let mut runs = intraday(60, 9..18, 12);
    let night = MONDAY + 4 * DAY + 20 * HOUR;
    runs.push(run(night, 120, 1_000));
    // It ran until Friday evening, a week later.
    let due = due_after(&runs, MONDAY + 14 * DAY + 9 * HOUR);
    assert!(on_time(due), "{due:?}");
}

#[test]
fn a_day_without_runs_in_the_first_weeks_changes_no_business_hours() {
    let holiday = MONDAY..MONDAY + DAY;
    let mut runs = intraday(60, 9..18, 14);
    runs.retain(|run| !holiday.contains(&(run.started_at.as_second() - 7 * DAY)));
    let due = due_after(&runs, MONDAY + 14 * DAY + 9 * HOUR);
    assert!(on_time(due), "{due:?}");
}

#[test]
fn hardly_any_feed_that_runs_at_random_has_a_schedule() {
    let mut random = Rng::with_seed(11);
    let (mut all, mut due) = (0, 0);
    for _ in 0..60 {
        let starts = (0..21).flat_map(|day| (0..random.i64(0..5)).map(move |_| MONDAY + day * DAY));
        let starts: Vec<i64> = starts.collect();
        let mut runs: Vec<Run> = starts
            .into_iter()
            .map(|day| run(day + random.i64(0..DAY), 600, 1_000))
            .collect();
        runs.sort_by_key(|run| run.started_at);
        for known in 8..=runs.len() {
            all += 1;
            due += usize::from(due_after(&runs[..known], 0).is_some());
        }
    }
    assert!(due * 1_000 < all, "{due} of {all}");
}
