//! What is shown of the latest runs, and when runs and feeds leave.

use super::*;

#[test]
fn of_two_runs_at_once_the_one_that_started_last_gives_the_state() {
    let mut history = begun();
    let early = running("b", "15 12:00");
    let late = job("a", State::Finalizing, Some("15 12:01"), None);
    history.observe([&early, &late], at("15 12:02"));
    let feed = only(&history);
    assert_eq!(feed.state, Some(State::Finalizing));
    assert_eq!(feed.running_since, Some(at("15 12:01")));

    history.observe(
        [&early, &succeeded("a", "15 12:01", "15 12:03")],
        at("15 12:04"),
    );
    let feed = only(&history);
    assert_eq!(feed.state, Some(State::Succeeded));
    assert_eq!(feed.running_since, Some(at("15 12:00")));

    let failed = job("b", State::Failed, Some("15 12:00"), Some("15 12:05"));
    history.observe([&failed], at("15 12:06"));
    let feed = only(&history);
    assert_eq!(feed.state, Some(State::Succeeded), "it started later");
    assert_eq!(feed.last_run.unwrap().ended_at, Some(at("15 12:05")));
    assert_eq!(feed.last_success, Some(at("15 12:03")));
    assert_eq!(feed.running_since, None);
    assert_eq!(feed.totals.runs[&State::Failed], 1);
}

#[test]
fn a_run_that_waits_for_its_start_gives_the_state_but_no_time() {
    let mut history = begun();
    history.observe(&[succeeded("a", "15 12:00", "15 12:01")], at("15 12:02"));
    history.observe(&[job("b", State::Scheduled, None, None)], at("15 12:03"));
    let feed = only(&history);
    assert_eq!(feed.state, Some(State::Scheduled));
    assert_eq!(feed.running_since, None);
}

#[test]
fn a_run_whose_job_is_gone_is_open_no_more_and_counted_if_it_comes_back() {
    let mut history = begun();
    history.observe(&[running("a", "15 12:00")], at("15 12:01"));
    history.gone("a");
    assert_eq!(only(&history).running_since, None);
    assert!(history.unfinished().is_empty());
    history.observe(&[succeeded("a", "15 12:00", "15 12:02")], at("15 12:03"));
    history.gone("a");
    assert_eq!(counted(&history), 1);
}

#[test]
fn a_table_that_its_finished_job_does_not_name_any_more_is_not_running() {
    let mut history = begun();
    let mut both = running("a", "15 12:00");
    both.tables
        .push(succeeded("a", "15 12:00", "15 12:01").tables.remove(0));
    both.tables[1].table = "orders".into();
    history.observe([&both], at("15 12:02"));
    both.tables.remove(0);
    history.observe(&[both], at("15 12:03"));
    assert!(history.unfinished().is_empty());
    assert_eq!(history.feeds()[0].running_since, None);
    assert_eq!(counted(&history), 1);
}

#[test]
fn a_feed_without_a_run_is_forgotten_and_begins_anew_without_counting_again() {
    let mut history = begun();
    let done = succeeded("a", "15 12:01", "15 12:02");
    history.observe([&done], at("15 12:05"));
    let horizon = |now: Timestamp| now - DAY * 14;
    for hours in 0..24 * 14 {
        let now = at("15 12:05") + HOUR * hours;
        history.observe([&done], now);
        history.forget(horizon(now));
    }
    assert_eq!(counted(&history), 1);
    let now = at("29 12:06");
    history.observe([&done], now);
    history.forget(horizon(now));
    assert_eq!(history.feeds(), []);

    let next = succeeded("b", "30 12:00", "30 12:01");
    history.observe([&done, &next], at("30 12:02"));
    let feed = only(&history);
    assert_eq!(feed.totals.runs[&State::Succeeded], 1);
    assert_eq!(feed.created, at("30 12:02"));
}

#[test]
fn a_short_horizon_forgets_nothing_the_list_still_shows() {
    let mut history = begun();
    let done = succeeded("a", "15 12:01", "15 12:02");
    history.observe([&done], at("15 12:05"));
    history.forget(at("15 12:05"));
    history.observe([&done], at("17 12:05"));
    history.forget(at("17 12:05"));
    assert_eq!(counted(&history), 1);
}

#[test]
fn an_open_run_never_seen_again_leaves_with_its_feed() {
    let mut history = begun();
    history.observe(&[running("a", "15 12:00")], at("15 12:01"));
    for day in 16..25 {
        history.observe([], at(&format!("{day} 12:00")));
    }
    history.forget(at("15 12:00"));
    assert_eq!(only(&history).running_since, Some(at("15 12:00")));
    history.forget(at("15 12:02"));
    assert_eq!(history.feeds(), []);
}

#[test]
fn feeds_come_ordered_by_table_and_feed() {
    let mut history = begun();
    let mut job = running("a", "15 12:00");
    for (table, feed) in [("b", "1"), ("a", "2"), ("a", "1")] {
        let mut entry = job.tables[0].clone();
        (entry.table, entry.feed) = (table.into(), feed.into());
        job.tables.push(entry);
    }
    history.observe(&[job], at("15 12:01"));
    let names: Vec<_> = history
        .feeds()
        .iter()
        .map(|feed| format!("{}/{}", feed.table, feed.feed))
        .collect();
    assert_eq!(names, ["a/1", "a/2", "b/1", "customers/df-1"]);
}

/// Observes hourly, without runs, and forgets what had none for 35 days.
fn pass(history: &mut RunHistory, from: Timestamp, hours: i32) {
    for hour in 0..hours {
        let now = from + HOUR * hour;
        history.observe([], now);
        history.forget(now - DAY * 35);
    }
}

#[test]
fn a_gap_longer_than_the_horizon_forgets_no_feed_and_no_counter() {
    let mut history = begun();
    history.observe(&[succeeded("a", "15 12:01", "15 12:02")], at("15 12:03"));
    let mut history = restarted(&history);
    let back = at("15 12:03") + DAY * 36;
    pass(&mut history, back, 24 * 34);
    let mut history = restarted(&history);
    assert_eq!(counted(&history), 1);
    // It had no run while the exporter could have seen one.
    pass(&mut history, back + DAY * 34, 24 * 2);
    assert_eq!(history.feeds(), []);
}

#[test]
fn a_clock_forty_days_ahead_for_a_while_forgets_nothing() {
    let mut history = begun();
    let one = succeeded("a", "15 12:01", "15 12:02");
    history.observe([&one, &running("b", "15 12:02")], at("15 12:03"));
    pass(&mut history, at("15 13:00") + DAY * 40, 48);
    let mut history = restarted(&history);
    pass(&mut history, at("17 13:00"), 2);
    let done = succeeded("b", "15 12:02", "17 14:00");
    history.observe([&one, &done], at("17 15:00"));
    assert_eq!(counted(&history), 2);
    assert_eq!(only(&history).created, at("15 12:03"));
}
