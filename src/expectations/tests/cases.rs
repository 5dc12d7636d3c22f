//! Histories with something in them that must not, or must, change what is
//! expected.

use fastrand::Rng;

use super::*;
use crate::config::{Known, KnownSchedule};

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

/// At an interval in minutes between two times of working days, for this many days.
fn intraday(every: i64, hours: std::ops::Range<i64>, days: i64) -> Vec<Run> {
    let days = (0..days).filter(|day| day % 7 < 5);
    let starts = days.flat_map(|day| {
        let begin = MONDAY + day * DAY + hours.start * HOUR;
        (0..(hours.end - hours.start) * 60 / every).map(move |run| begin + run * every * MINUTE)
    });
    starts.map(|start| run(start, 120, 1_000)).collect()
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
fn a_backfill_may_take_as_much_longer_as_it_has_more_rows() {
    let learned = learn(&nightly(14), &[], None);
    let open = |read| OpenRun {
        started_at: time(MONDAY + 14 * DAY),
        read: Some(read),
    };
    let usual = learned.expected(None, Some(open(100_000)), &[]);
    let backfill = learned.expected(None, Some(open(1_040_000)), &[]);
    let ratio = backfill.duration_limit.unwrap() / usual.duration_limit.unwrap();
    assert!((9.0..11.0).contains(&ratio), "{ratio}");
    assert!(backfill.due.unwrap() > usual.due.unwrap());
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

/// The bounds of the rows of the last run, whatever it read.
fn bounds(rows: impl Fn(i64) -> u64, days: i64, hours: i64) -> (f64, f64) {
    let start = |index: i64| MONDAY + index * hours * HOUR + 2 * HOUR;
    let runs: Vec<Run> = (0..days * 24 / hours)
        .map(|index| run(start(index), 600, rows(index * hours / 24)))
        .collect();
    let expected = learn(&runs, &[], None).expected(None, None, &[]);
    (
        expected.low_read_rows.unwrap(),
        expected.high_read_rows.unwrap(),
    )
}

#[test]
fn weekends_are_compared_with_weekends() {
    let weekly = |day: i64| if day % 7 >= 5 { 2_000 } else { 10_000 };
    // The last day is a Sunday, and then a Tuesday.
    let (low, high) = bounds(|day| weekly(day) + day.unsigned_abs() % 3 * 100, 28, 24);
    assert!((500.0..2_000.0).contains(&low), "{low}");
    assert!((4_000.0..9_000.0).contains(&high), "{high}");
    let (low, _) = bounds(|day| weekly(day) + day.unsigned_abs() % 3 * 100, 30, 24);
    assert!(low > 2_500.0, "{low}");
    // In the first week everything seen is normal.
    let (low, _) = bounds(weekly, 8, 24);
    assert!(low < 2_000.0, "{low}");
}

#[test]
fn no_rows_are_low_only_where_there_always_were_some() {
    let (low, _) = bounds(|day| 200 + day.unsigned_abs() % 5, 20, 24);
    assert!(low >= 1.0);
    let (low, _) = bounds(|day| if day % 7 == 6 { 0 } else { 10_000 }, 35, 24);
    assert!(low < 1.0, "{low}");
    let mut random = Rng::with_seed(3);
    let tiny: Vec<u64> = (0..40).map(|_| random.u64(0..=20)).collect();
    let (low, high) = bounds(|day| tiny[usize::try_from(day).unwrap()], 40, 24);
    assert!(low < 1.0 && high > 20.0, "{low} {high}");
}

#[test]
fn growth_is_followed() {
    let (low, high) = bounds(|day| 10_000 + 500 * day.unsigned_abs(), 35, 24);
    assert!(low < 27_000.0 && high > 27_000.0);
    // A feed that has three times the rows since four days.
    let (_, high) = bounds(|day| if day >= 26 { 40_000 } else { 10_000 }, 31, 24);
    assert!(high > 40_000.0, "{high}");
}

#[test]
fn many_errors_are_unusual_and_a_few_of_a_small_run_are_not() {
    let mut runs = nightly(14);
    for run in &mut runs {
        run.errors = Some(run.read.unwrap() / 1_000);
        run.rejected = Some(run.read.unwrap() / 10);
    }
    let expected = learn(&runs, &[], None).expected(None, None, &[]);
    let limit = expected.error_ratio_limit.unwrap();
    assert!((0.005..0.02).contains(&limit), "{limit}");
    let limit = expected.rejected_ratio_limit.unwrap();
    assert!((0.15..0.3).contains(&limit), "{limit}");
    runs.push(run(MONDAY + 14 * DAY + 9_000, 100, 10));
    let expected = learn(&runs, &[], None).expected(None, None, &[]);
    assert!(expected.error_ratio_limit.unwrap() > 0.3);
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
fn the_first_run_after_a_night_may_take_no_longer_than_others() {
    for every in [15, 60] {
        let runs = intraday(every, 8..18, 12);
        let limit = learn(&runs, &[], None)
            .expected(None, None, &[])
            .duration_limit;
        assert_eq!(limit, Some(120.0 + 1_800.0), "every {every} min");
        // Nor does it read more.
        let mut monday = runs;
        monday.push(run(MONDAY + 14 * DAY + 8 * HOUR, 120, 1_000));
        let high = learn(&monday, &[], None)
            .expected(None, None, &[])
            .high_read_rows;
        assert!(high.unwrap() < 4_000.0, "every {every} min: {high:?}");
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

#[test]
fn a_manual_run_just_after_another_may_read_nothing() {
    let mut runs = nightly(14);
    let last = runs.last().unwrap().ended_at.as_second();
    runs.push(run(last + HOUR, 20, 0));
    let low = |runs: &[Run]| {
        learn(runs, &[], None)
            .expected(None, None, &[])
            .low_read_rows
    };
    assert_eq!(low(&runs), Some(0.0));
    runs.pop();
    assert!(low(&runs) > Some(30_000.0));
}

#[test]
fn a_new_feed_may_read_half_of_what_it_read_at_the_same_time_a_week_before() {
    let hourly = |days: i64| {
        let hours = (0..days * 24).map(|hour| {
            let weekend = hour / 24 % 7 >= 5;
            let rows = if weekend { 2_000 } else { 10_000 };
            run(
                MONDAY + hour * HOUR,
                120,
                rows + hour.unsigned_abs() % 24 * rows / 10,
            )
        });
        hours.collect::<Vec<Run>>()
    };
    let mut runs = hourly(12);
    let saturday = MONDAY + 12 * DAY;
    runs.push(run(saturday, 120, 1_050));
    let low = learn(&runs, &[], None)
        .expected(None, None, &[])
        .low_read_rows;
    assert!(low < Some(1_050.0), "{low:?}");
}
