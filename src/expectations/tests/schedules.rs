//! Lateness by kind of schedule: how often a feed that runs is late, and how
//! long after its time one that does not run is.

use fastrand::Rng;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::*;

/// A schedule: the local times of a day's runs, in seconds.
type Times = fn(Date) -> Vec<i64>;

struct Kind {
    name: &'static str,
    zone: &'static str,
    times: Times,
    /// The greatest delay of a run's start, in seconds.
    jitter: i64,
    /// The length of the history to begin with, in days.
    history: i64,
}

fn at(hour: i64, minute: i64) -> i64 {
    hour * HOUR + minute * MINUTE
}

fn every(period: i64, from: i64, until: i64) -> Vec<i64> {
    (from..until)
        .step_by(usize::try_from(period).unwrap())
        .collect()
}

fn working(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

fn if_on(on: bool, times: &[i64]) -> Vec<i64> {
    if on { times.to_vec() } else { Vec::new() }
}

fn weeks(date: Date) -> i32 {
    date.since(Date::constant(2024, 1, 1)).unwrap().get_days() / 7
}

const KINDS: [Kind; 19] = [
    kind("every 15 minutes", "UTC", 60, 7, |_| {
        every(15 * MINUTE, 0, DAY)
    }),
    kind("hourly", "UTC", 300, 7, |_| every(HOUR, at(0, 10), DAY)),
    kind("hourly, 8 to 18", "America/New_York", 300, 7, |day| {
        if_on(working(day), &every(HOUR, at(8, 0), at(18, 1)))
    }),
    kind("every 15 minutes, 8 to 18", "Europe/Berlin", 60, 7, |day| {
        if_on(working(day), &every(15 * MINUTE, at(8, 0), at(18, 1)))
    }),
    kind("4-hourly", "UTC", 600, 7, |_| {
        every(4 * HOUR, at(1, 0), DAY)
    }),
    kind("nightly", "UTC", 600, 7, |_| vec![at(2, 30)]),
    kind("nightly, jitter of 1 h", "UTC", 3_600, 7, |_| {
        vec![at(2, 30)]
    }),
    kind("nightly, New York", "America/New_York", 600, 7, |_| {
        vec![at(23, 0)]
    }),
    kind("working days", "America/Los_Angeles", 600, 7, |day| {
        if_on(working(day), &[at(18, 30)])
    }),
    kind("working days, Tokyo", "Asia/Tokyo", 600, 7, |day| {
        if_on(working(day), &[at(2, 30)])
    }),
    kind("3 a day, uneven", "UTC", 600, 7, |_| {
        vec![at(6, 0), at(11, 30), at(18, 0)]
    }),
    kind("2 on working days, 1 else", "UTC", 600, 21, |day| {
        if working(day) {
            vec![at(6, 0), at(15, 0)]
        } else {
            vec![at(6, 0)]
        }
    }),
    kind("Mon, Wed, Fri", "UTC", 600, 35, |day| {
        use Weekday::{Friday, Monday, Wednesday};
        if_on(
            matches!(day.weekday(), Monday | Wednesday | Friday),
            &[at(4, 0)],
        )
    }),
    kind("weekly", "UTC", 1_200, 35, |day| {
        if_on(day.weekday() == Weekday::Sunday, &[at(4, 0)])
    }),
    kind("every two weeks", "UTC", 1_200, 70, |day| {
        if_on(
            day.weekday() == Weekday::Tuesday && weeks(day) % 2 == 0,
            &[at(4, 0)],
        )
    }),
    kind("monthly on day 1", "America/Chicago", 1_200, 200, |day| {
        if_on(day.day() == 1, &[at(3, 0)])
    }),
    kind("monthly, last day", "UTC", 1_200, 200, |day| {
        if_on(day.day() == day.days_in_month(), &[at(20, 0)])
    }),
    kind(
        "monthly, first Monday",
        "Australia/Sydney",
        1_200,
        200,
        |day| {
            if_on(
                day.weekday() == Weekday::Monday && day.day() <= 7,
                &[at(3, 0)],
            )
        },
    ),
    kind("irregular", "UTC", 0, 35, |day| {
        let mut random = Rng::with_seed(u64::from(day.day_of_year().unsigned_abs()) * 77);
        (0..random.usize(0..3))
            .map(|_| random.i64(0..DAY))
            .collect()
    }),
];

const fn kind(
    name: &'static str,
    zone: &'static str,
    jitter: i64,
    history: i64,
    times: Times,
) -> Kind {
    Kind {
        name,
        zone,
        times,
        jitter,
        history,
    }
}

/// A scheduled time and its run.
#[derive(Clone, Copy)]
struct Scheduled {
    at: i64,
    run: Run,
}

/// The runs of this many days up to `end`. Every run is delayed by up to the
/// jitter, one in 60 fails and is repeated after a while.
fn runs(kind: &Kind, first: Date, days: i64, random: &mut Rng) -> Vec<Scheduled> {
    let zone = TimeZone::get(kind.zone).unwrap();
    let mut runs = Vec::new();
    for day in 0..days {
        let date = first.checked_add(day.days()).unwrap();
        for time in (kind.times)(date) {
            let local = date.at(0, 0, 0, 0).checked_add(time.seconds()).unwrap();
            let at = zone.to_timestamp(local).unwrap().as_second();
            let start = at + random.i64(0..=kind.jitter);
            let length = 300 + random.i64(0..120);
            let good = run(start, length, 10_000);
            let fails = random.usize(0..60) == 0;
            if fails {
                let failed = Run {
                    succeeded: false,
                    ..good
                };
                runs.push(Scheduled { at, run: failed });
                let again = run(start + length + 300, length, 10_000);
                runs.push(Scheduled { at, run: again });
            } else {
                runs.push(Scheduled { at, run: good });
            }
        }
    }
    runs.sort_by_key(|scheduled| scheduled.run.started_at);
    runs
}

/// How a kind of schedule fares.
#[derive(Default)]
struct Score {
    runs: usize,
    expected: usize,
    late: usize,
    delays: Vec<i64>,
}

/// Lives through `days` after the history: a run that ends after it was due
/// was late in vain; the delay is the time from each scheduled time to due, as
/// if its run had not come.
fn score(kind: &Kind, first: Date, days: i64, random: &mut Rng) -> Score {
    let all = runs(kind, first, kind.history + days, random);
    let begin = first.checked_add(kind.history.days()).unwrap();
    let begin = TimeZone::UTC
        .to_timestamp(begin.at(0, 0, 0, 0))
        .unwrap()
        .as_second();
    let mut score = Score::default();
    for (index, next) in all.iter().enumerate() {
        let before: Vec<Run> = all[..index].iter().map(|past| past.run).collect();
        if next.at < begin || !next.run.succeeded || before.last().is_none_or(|run| !run.succeeded)
        {
            continue;
        }
        // Of frequent runs a sample.
        if all.len() > 200 && random.usize(0..all.len()) > 60 {
            continue;
        }
        let horizon = next.at - 35 * DAY;
        let kept = before.len().saturating_sub(100);
        let recent = before
            .iter()
            .position(|run| run.started_at.as_second() > horizon);
        let before = &before[recent.unwrap_or(kept).min(kept)..];
        score.runs += 1;
        let learned = learn(before, &[], None);
        if let Some(due) = learned.expected(None, None, &[]).due {
            score.expected += 1;
            score.late += usize::from(due < next.run.ended_at);
            score.delays.push((due.as_second() - next.at) / MINUTE);
        }
    }
    score
}

fn table(first: Date, days: i64) -> String {
    let mut lines = vec![format!(
        "{:28} {:>6} {:>9} {:>5} {:>12}",
        "schedule", "runs", "expected", "late", "delay, min"
    )];
    for kind in &KINDS {
        let mut total = Score::default();
        for seed in 0..2 {
            let score = score(kind, first, days, &mut Rng::with_seed(seed));
            total.runs += score.runs;
            total.expected += score.expected;
            total.late += score.late;
            total.delays.extend(score.delays);
        }
        total.delays.sort_unstable();
        let at = |share: usize| total.delays.get(total.delays.len() * share / 100).copied();
        let delays = at(50).zip(at(99)).map_or("-".to_owned(), |(middle, most)| {
            format!("{middle} / {most}")
        });
        lines.push(format!(
            "{:28} {:>6} {:>8}% {:>5} {:>12}",
            kind.name,
            total.runs,
            total.expected * 100 / total.runs.max(1),
            total.late,
            delays
        ));
    }
    lines.join("\n")
}

#[test]
fn feeds_are_late_soon_and_not_in_vain() {
    insta::assert_snapshot!(table(Date::constant(2026, 5, 1), 28), @"
    schedule                       runs  expected  late   delay, min
    every 15 minutes                 94      100%     0      56 / 57
    hourly                          102      100%     0      68 / 71
    hourly, 8 to 18                  90      100%     0      68 / 72
    every 15 minutes, 8 to 18        96      100%     0      56 / 68
    4-hourly                         98      100%     0    100 / 105
    nightly                          56      100%     0    101 / 105
    nightly, jitter of 1 h           56      100%     0    128 / 154
    nightly, New York                58      100%     0   101 / 1543
    working days                     42      100%     0    101 / 105
    working days, Tokyo              38      100%     0    101 / 105
    3 a day, uneven                 168      100%     0    100 / 105
    2 on working days, 1 else        96      100%     0    100 / 104
    Mon, Wed, Fri                    24      100%     0    100 / 104
    weekly                            8      100%     0    139 / 142
    every two weeks                   4      100%     0    139 / 140
    monthly on day 1                  2      100%     0    207 / 207
    monthly, last day                 2      100%     0    200 / 200
    monthly, first Monday             2      100%     0    203 / 203
    irregular                        62        0%     0            -
    ");
}

#[test]
fn clock_changes_make_no_feed_late() {
    insta::assert_snapshot!(table(Date::constant(2026, 10, 20), 28), @"
    schedule                       runs  expected  late   delay, min
    every 15 minutes                 94      100%     0      56 / 57
    hourly                          102      100%     0      68 / 71
    hourly, 8 to 18                  90      100%     0    69 / 3786
    every 15 minutes, 8 to 18        96      100%     0    56 / 3910
    4-hourly                         98      100%     0    103 / 120
    nightly                          56      100%     0    112 / 120
    nightly, jitter of 1 h           56      100%     0    139 / 169
    nightly, New York                58      100%     0   104 / 1558
    working days                     42      100%     0    104 / 120
    working days, Tokyo              38      100%     0    104 / 120
    3 a day, uneven                 168      100%     0    104 / 120
    2 on working days, 1 else        96      100%     0    101 / 105
    Mon, Wed, Fri                    24      100%     0    100 / 104
    weekly                            8      100%     0    139 / 142
    every two weeks                   4      100%     0    139 / 140
    monthly on day 1                  2      100%     0    203 / 203
    monthly, last day                 2      100%     0    202 / 202
    monthly, first Monday             0        0%     0            -
    irregular                        52        0%     0            -
    ");
}
