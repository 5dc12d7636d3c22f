//! What is usual and unusual: rows, durations, errors.

use fastrand::Rng;

use super::*;

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
