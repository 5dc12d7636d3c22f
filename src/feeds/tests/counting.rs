//! Which runs are counted, and that none is counted twice.

use super::*;
use crate::feeds::limits::MAX_FEEDS;

#[test]
fn a_run_is_counted_once_when_it_is_seen_finished_and_never_again() {
    let mut history = begun();
    history.observe(&[running("a", "15 12:01")], at("15 12:02"));
    assert_eq!(counted(&history), 0);
    let done = succeeded("a", "15 12:01", "15 12:03");
    for minute in 4..9 {
        let now = at(&format!("15 12:0{minute}"));
        history.observe([&done, &done, &running("a", "15 12:01")], now);
    }
    let feed = only(&history);
    assert_eq!(feed.totals.runs[&State::Succeeded], 1);
    assert_eq!((feed.totals.read, feed.totals.durations), (5, 1));
    assert_eq!(feed.totals.duration_ms, 120_000);
    assert_eq!(feed.running_since, None);
}

#[test]
fn runs_finished_before_the_first_observation_are_known_but_not_counted() {
    let mut history = RunHistory::new();
    let jobs = [
        succeeded("a", "14 10:00", "14 10:30"),
        job("b", State::Failed, Some("15 10:00"), Some("15 10:10")),
    ];
    history.observe(&jobs, noon());
    let feed = only(&history);
    assert_eq!(feed.totals, Totals::default());
    assert_eq!(feed.state, Some(State::Failed));
    assert_eq!(feed.last_success, Some(at("14 10:30")));
    assert_eq!(feed.last_run.unwrap().ended_at, Some(at("15 10:10")));
    assert_eq!(feed.created, noon());
}

#[test]
fn a_job_whose_fetch_failed_at_first_is_counted_only_if_it_ended_after_the_start() {
    let mut history = begun();
    history.observe(&[succeeded("a", "15 11:00", "15 11:59")], at("15 12:01"));
    assert_eq!(counted(&history), 0);
    history.observe(&[succeeded("b", "15 11:00", "15 12:00")], at("15 12:02"));
    assert_eq!(counted(&history), 1);
}

#[test]
fn feeds_beyond_the_bound_are_dropped_and_those_known_before_go_on() {
    let many = |feeds: std::ops::Range<usize>| {
        let mut job = succeeded("a", "15 12:01", "15 12:03");
        let table = job.tables.remove(0);
        job.tables.extend(feeds.map(|feed| Table {
            feed: format!("df-{feed}").into(),
            ..table.clone()
        }));
        job
    };
    let mut history = begun();
    history.observe(&[many(0..MAX_FEEDS - 1)], at("15 12:03"));
    history.observe(&[many(0..MAX_FEEDS - 1)], at("15 12:04"));
    assert_eq!(
        (history.feeds().len(), history.dropped()),
        (MAX_FEEDS - 1, 0)
    );
    let more = many(MAX_FEEDS - 1..MAX_FEEDS + 2);
    history.observe(&[more.clone(), more], at("15 12:05"));
    assert_eq!((history.feeds().len(), history.dropped()), (MAX_FEEDS, 2));
    history.observe(&[succeeded("b", "15 12:05", "15 12:06")], at("15 12:07"));
    assert_eq!(counted(&history), MAX_FEEDS as u64 + 1);
    assert_eq!(history.dropped(), 0);
}

#[test]
fn an_api_that_makes_up_a_state_for_every_run_does_not_fill_the_page() {
    let mut history = begun();
    for n in 0..100 {
        let state = State::Other(format!("state_{n}").into());
        let mut run = job(&n.to_string(), state, Some("15 12:01"), Some("15 12:02"));
        run.tables[0].finished = true;
        history.observe(&[run], at("15 12:03"));
    }
    let runs = only(&history).totals.runs;
    assert_eq!((runs.len(), runs.values().sum::<u64>()), (21, 100));
    assert_eq!(runs[&State::Other("unknown".into())], 85);
}

#[test]
fn a_run_seen_open_is_counted_whatever_its_times_say() {
    let mut history = begun();
    history.observe(&[running("a", "01 10:00")], at("15 12:01"));
    history.observe(&[succeeded("a", "01 10:00", "01 09:00")], at("15 12:02"));
    assert_eq!(counted(&history), 1);
    assert_eq!(only(&history).totals.durations, 0);
}

#[test]
fn a_finished_run_without_an_end_is_judged_by_its_start_and_one_without_times_is_new() {
    let mut history = begun();
    let jobs = [
        job("a", State::Skipped, Some("15 11:00"), None),
        job("b", State::Skipped, Some("15 12:01"), None),
        job("c", State::Skipped, None, None),
    ];
    history.observe(&jobs, at("15 12:02"));
    history.observe(&jobs, at("15 12:03"));
    assert_eq!(only(&history).totals.runs[&State::Skipped], 2);
}

#[test]
fn a_table_without_times_has_those_of_its_job() {
    let mut history = begun();
    let mut job = succeeded("a", "14 10:00", "14 10:30");
    let mut skipped = job.tables[0].clone();
    skipped.table = "orders".into();
    (skipped.started_at, skipped.ended_at) = (None, None);
    job.tables.push(skipped);
    history.observe(&[job], at("15 12:01"));
    assert_eq!((counted(&history), history.feeds().len()), (0, 2));
}

#[test]
fn a_run_without_times_is_counted_once_for_as_long_as_it_is_shown() {
    let mut history = begun();
    let timeless = job("a", State::Canceled, None, None);
    for days in 1..100 {
        let now = noon() + DAY * days;
        history.observe([&timeless], now);
        history.forget(now - DAY * 35);
    }
    assert_eq!(counted(&history), 1);
}

#[test]
fn a_configured_job_is_not_counted_again_when_its_key_was_dropped() {
    let mut history = begun();
    let done = succeeded("a", "15 12:01", "15 12:02");
    for days in 0..30 {
        let mut other = succeeded("b", "16 12:01", "16 12:02");
        other.tables[0].feed = "df-2".into();
        history.observe([&done, &other], at("16 12:05") + DAY * days);
        history = restarted(&history);
        let record = &history.tables["customers"]["df-1"];
        assert_eq!(record.finished.is_empty(), days >= 7);
    }
    assert_eq!(counted(&history), 2);
}

#[test]
fn an_end_in_the_future_is_not_believed_and_does_not_stay_the_last_one() {
    let mut history = begun();
    let mut odd = succeeded("a", "15 12:01", "15 12:02");
    odd.tables[0].ended_at = Some("2099-01-01T00:00:00Z".parse().unwrap());
    for days in 0..60 {
        let now = at("15 12:05") + DAY * days;
        history.observe([&odd], now);
        history.forget(now - DAY * 35);
    }
    assert_eq!(counted(&history), 1);
    history.observe(&[succeeded("b", "20 12:00", "20 12:01")], at("20 12:05"));
    let last = only(&history).last_run.unwrap();
    assert_eq!(last.ended_at, Some(at("20 12:01")));
}

#[test]
fn runs_that_finish_while_the_exporter_is_down_are_counted_once() {
    let mut history = begun();
    history.observe(&[running("a", "15 11:00")], at("15 12:01"));
    let mut history = restarted(&history);
    let jobs = [
        succeeded("a", "15 11:00", "16 12:00"),
        succeeded("b", "17 11:00", "17 12:00"),
        succeeded("old", "15 10:00", "15 11:00"),
    ];
    history.observe(&jobs, at("18 12:00"));
    let mut history = restarted(&history);
    history.observe(&jobs, at("18 12:01"));
    assert_eq!(counted(&history), 2);
    assert_eq!(history.state_gap(), Duration::ZERO);
}

#[test]
fn a_gap_beyond_what_the_list_covers_is_told() {
    let mut history = restarted(&begun());
    history.observe_part([], at("25 11:00"));
    assert_eq!(history.state_gap(), Duration::ZERO);
    history.observe([], at("25 12:00"));
    history.observe([], at("25 13:00"));
    assert_eq!(history.state_gap(), Duration::from_hours(3 * 24));
}

#[test]
fn a_long_run_is_counted_after_any_gap() {
    let mut history = begun();
    history.observe(&[running("a", "15 12:00")], at("15 12:01"));
    let mut history = restarted(&history);
    assert_eq!(history.unfinished(), BTreeSet::from(["a".into()]));
    let done = succeeded("a", "15 12:00", "16 12:00");
    history.forget(at("31 00:00"));
    for days in 0..20 {
        history.observe([&done], at("31 12:00") + DAY * days);
    }
    assert_eq!(counted(&history), 1);
    assert!(history.unfinished().is_empty());
}

#[test]
fn a_state_unknown_to_this_version_gets_a_count_of_its_own_and_survives_the_file() {
    let mut history = begun();
    let mut odd = succeeded("a", "15 12:01", "15 12:02");
    odd.tables[0].state = Some(State::Other("half_done".into()));
    let mut stateless = succeeded("b", "15 12:01", "15 12:02");
    stateless.tables[0].state = None;
    history.observe(&[odd, stateless], at("15 12:03"));
    let mut history = restarted(&history);
    history.observe([], at("15 12:04"));
    let totals = only(&history).totals;
    assert_eq!(totals.runs[&State::Other("half_done".into())], 1);
    assert_eq!(totals.runs[&State::Other("unknown".into())], 1);
    assert_eq!(totals.runs.len(), State::TERMINAL.len() + 2);
}

#[test]
fn sums_stop_where_a_sample_cannot_tell_numbers_apart() {
    let mut history = begun();
    for id in ["a", "b"] {
        let mut huge = succeeded(id, "15 12:01", "15 12:02");
        huge.tables[0].rows.read = Some(MAX_COUNT - 1);
        history.observe(&[huge], at("15 12:03"));
    }
    assert_eq!(only(&history).totals.read, MAX_COUNT);
}

#[test]
fn a_clock_gone_wild_for_one_refresh_counts_nothing_twice_and_stops_nothing() {
    for wild in ["2099-01-01T00:00:00Z", "1999-01-01T00:00:00Z"] {
        let wild: Timestamp = wild.parse().unwrap();
        let mut history = begun();
        let old = succeeded("old", "01 10:00", "01 11:00");
        let one = succeeded("a", "15 12:01", "15 12:02");
        history.observe([&one, &old], at("15 12:03"));
        history.observe([&one, &old], wild);
        history.observe([&one, &old], at("15 12:05"));
        let two = succeeded("b", "15 12:05", "15 12:06");
        history.observe([&one, &two, &old], at("15 12:07"));
        assert_eq!(counted(&history), 2, "{wild}");
    }
}
