//! The limits of what is remembered, whatever the API answers.

use super::*;
use crate::feeds::limits::{MAX_FEEDS, MAX_KEY_BYTES, MAX_OPEN_RUNS};

/// A job with a run of each of these feeds.
fn job_of_feeds(id: &str, feeds: impl IntoIterator<Item = String>, minute: Timestamp) -> Job {
    let mut job = succeeded(id, "15 12:01", "15 12:03");
    let mut table = job.tables.remove(0);
    table.started_at = Some(minute - SignedDuration::from_mins(2));
    table.ended_at = Some(minute - SignedDuration::from_mins(1));
    job.tables.extend(feeds.into_iter().map(|feed| Table {
        feed: feed.into(),
        ..table.clone()
    }));
    job
}

fn feeds_of(history: &RunHistory, prefix: &str) -> Vec<Feed> {
    let mut feeds = history.feeds();
    feeds.retain(|feed| feed.feed.starts_with(prefix));
    feeds
}

#[test]
fn feeds_of_one_list_make_room_for_new_ones_and_old_feeds_stay() {
    let mut history = begun();
    let mut now = noon();
    let mut step = |history: &mut RunHistory, jobs: &[Job], minutes: i64| {
        now += SignedDuration::from_mins(minutes);
        history.observe(jobs, now);
        now
    };
    let start = noon();
    // A feed that runs daily for two weeks, then pauses.
    for day in 1..15 {
        let at = start + DAY * day;
        let daily = job_of_feeds(&format!("daily-{day}"), ["daily".into()], at);
        step(&mut history, &[daily], 24 * 60);
    }
    // Every list has as many feeds as fit, none of them twice.
    for list in 0..4 {
        let at = start + DAY * 14;
        let many = (0..MAX_FEEDS).map(|feed| format!("made-up-{list}-{feed}"));
        step(
            &mut history,
            &[job_of_feeds(&format!("flood-{list}"), many, at)],
            1,
        );
        let real = job_of_feeds(&format!("real-{list}"), [format!("real-{list}")], at);
        // The list overlaps the next one.
        step(&mut history, std::slice::from_ref(&real), 1);
        step(&mut history, &[real], 1);
        assert_eq!(history.feeds().len(), MAX_FEEDS);
    }
    assert_eq!(
        feeds_of(&history, "daily")[0].totals.runs[&State::Succeeded],
        14
    );
    let real = feeds_of(&history, "real");
    assert_eq!(real.len(), 4);
    assert!(
        real.iter()
            .all(|feed| feed.totals.runs[&State::Succeeded] == 1)
    );
}

#[test]
fn a_new_feed_that_is_seen_again_replaces_one_with_few_runs() {
    let mut history = begun();
    let many = || (0..MAX_FEEDS).map(|feed| format!("made-up-{feed}"));
    for list in 1..4 {
        let now = noon() + SignedDuration::from_mins(list);
        history.observe(&[job_of_feeds("flood", many(), now)], now);
    }
    let now = at("15 12:30");
    let real = job_of_feeds("real", ["real".into()], now);
    history.observe(std::slice::from_ref(&real), now);
    assert_eq!(
        (feeds_of(&history, "real").len(), history.dropped()),
        (0, 1)
    );
    history.observe(&[real], at("15 12:31"));
    assert_eq!(
        feeds_of(&history, "real")[0].totals.runs[&State::Succeeded],
        1
    );
    assert_eq!(history.feeds().len(), MAX_FEEDS);
}

#[test]
fn keys_of_finished_runs_are_limited_and_none_is_counted_twice() {
    let mut history = begun();
    let run = |number: usize, minute: Timestamp| {
        let id = format!("{number:0>1000}");
        job_of_feeds(&id, ["df-1".into()], minute)
    };
    let mut counted_runs = 0;
    let mut jobs = Vec::new();
    for hour in 1..60 {
        let now = noon() + HOUR * hour;
        let new: Vec<_> = (0..2_000).map(|n| run(counted_runs + n, now)).collect();
        counted_runs += new.len();
        history.observe(&new, now);
        jobs.extend(new);
        assert!(history.key_bytes() <= MAX_KEY_BYTES);
        assert_eq!(counted(&history), counted_runs as u64);
    }
    let now = noon() + HOUR * 60;
    history.observe(&jobs, now);
    assert_eq!(counted(&history), counted_runs as u64);
    let mut restarted = restarted(&history);
    restarted.observe(&jobs, now);
    assert_eq!(counted(&restarted), counted_runs as u64);
    restarted.observe(&[run(counted_runs, now)], now);
    assert_eq!(counted(&restarted), counted_runs as u64 + 1);
}

#[test]
fn open_runs_are_limited_and_those_seen_again_are_counted() {
    let mut history = begun();
    let open: Vec<_> = (0..=MAX_OPEN_RUNS)
        .map(|run| running(&format!("flood-{run}"), "15 12:00"))
        .collect();
    let real = running("real", "15 11:00");
    history.observe(std::slice::from_ref(&real), at("15 12:01"));
    history.observe(open.iter().chain([&real]), at("15 12:40"));
    assert!(history.open_runs().count() <= MAX_OPEN_RUNS);
    history.observe(&[succeeded("real", "15 11:00", "15 12:41")], at("15 12:42"));
    assert_eq!(counted(&history), 1);
}
