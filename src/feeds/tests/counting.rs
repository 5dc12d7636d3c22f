//! Which runs are counted, and that none is counted twice.

use super::*;

#[test]
fn a_run_is_counted_once_when_it_is_seen_finished_and_never_again() {
    let mut ledger = begun();
    ledger.observe(&[running("a", "15 12:01")], at("15 12:02"));
    assert_eq!(counted(&ledger), 0);
    let done = succeeded("a", "15 12:01", "15 12:03");
    for minute in 4..9 {
        let now = at(&format!("15 12:0{minute}"));
        ledger.observe([&done, &done, &running("a", "15 12:01")], now);
    }
    let feed = only(&ledger);
    assert_eq!(feed.totals.runs[&State::Succeeded], 1);
    assert_eq!((feed.totals.read, feed.totals.durations), (5, 1));
    assert_eq!(feed.totals.duration_ms, 120_000);
    assert_eq!(feed.running_since, None);
}

#[test]
fn runs_finished_before_the_first_observation_are_known_but_not_counted() {
    let mut ledger = Ledger::new();
    let jobs = [
        succeeded("a", "14 10:00", "14 10:30"),
        job("b", State::Failed, Some("15 10:00"), Some("15 10:10")),
    ];
    ledger.observe(&jobs, noon());
    let feed = only(&ledger);
    assert_eq!(feed.totals, Totals::default());
    assert_eq!(feed.state, Some(State::Failed));
    assert_eq!(feed.last_success, Some(at("14 10:30")));
    assert_eq!(feed.last_run.unwrap().ended_at, Some(at("15 10:10")));
    assert_eq!(feed.created, noon());
}

#[test]
fn a_job_whose_fetch_failed_at_first_is_counted_only_if_it_ended_after_the_start() {
    let mut ledger = begun();
    ledger.observe(&[succeeded("a", "15 11:00", "15 11:59")], at("15 12:01"));
    assert_eq!(counted(&ledger), 0);
    ledger.observe(&[succeeded("b", "15 11:00", "15 12:00")], at("15 12:02"));
    assert_eq!(counted(&ledger), 1);
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
    let mut ledger = begun();
    ledger.observe(&[many(0..MAX_FEEDS - 1)], at("15 12:04"));
    assert_eq!((ledger.feeds().len(), ledger.dropped()), (MAX_FEEDS - 1, 0));
    let more = many(MAX_FEEDS - 1..MAX_FEEDS + 2);
    ledger.observe(&[more.clone(), more], at("15 12:05"));
    assert_eq!((ledger.feeds().len(), ledger.dropped()), (MAX_FEEDS, 2));
    ledger.observe(&[succeeded("b", "15 12:05", "15 12:06")], at("15 12:07"));
    assert_eq!(counted(&ledger), MAX_FEEDS as u64 + 1);
    assert_eq!(ledger.dropped(), 0);
}

#[test]
fn an_api_that_makes_up_a_state_for_every_run_does_not_fill_the_page() {
    let mut ledger = begun();
    for n in 0..100 {
        let state = State::Other(format!("state_{n}").into());
        let mut run = job(&n.to_string(), state, Some("15 12:01"), Some("15 12:02"));
        run.tables[0].finished = true;
        ledger.observe(&[run], at("15 12:03"));
    }
    let runs = only(&ledger).totals.runs;
    assert_eq!((runs.len(), runs.values().sum::<u64>()), (21, 100));
    assert_eq!(runs[&State::Other("unknown".into())], 85);
}

#[test]
fn a_run_seen_open_is_counted_whatever_its_times_say() {
    let mut ledger = begun();
    ledger.observe(&[running("a", "01 10:00")], at("15 12:01"));
    ledger.observe(&[succeeded("a", "01 10:00", "01 09:00")], at("15 12:02"));
    assert_eq!(counted(&ledger), 1);
    assert_eq!(only(&ledger).totals.durations, 0);
}

#[test]
fn a_finished_run_without_an_end_is_judged_by_its_start_and_one_without_times_is_new() {
    let mut ledger = begun();
    let jobs = [
        job("a", State::Skipped, Some("15 11:00"), None),
        job("b", State::Skipped, Some("15 12:01"), None),
        job("c", State::Skipped, None, None),
    ];
    ledger.observe(&jobs, at("15 12:02"));
    ledger.observe(&jobs, at("15 12:03"));
    assert_eq!(only(&ledger).totals.runs[&State::Skipped], 2);
}

#[test]
fn a_table_without_times_has_those_of_its_job() {
    let mut ledger = begun();
    let mut job = succeeded("a", "14 10:00", "14 10:30");
    let mut skipped = job.tables[0].clone();
    skipped.table = "orders".into();
    (skipped.started_at, skipped.ended_at) = (None, None);
    job.tables.push(skipped);
    ledger.observe(&[job], at("15 12:01"));
    assert_eq!((counted(&ledger), ledger.feeds().len()), (0, 2));
}

#[test]
fn a_run_without_times_is_counted_once_for_as_long_as_it_is_shown() {
    let mut ledger = begun();
    let timeless = job("a", State::Canceled, None, None);
    for days in 1..100 {
        let now = noon() + DAY * days;
        ledger.observe([&timeless], now);
        ledger.forget(now - DAY * 35);
    }
    assert_eq!(counted(&ledger), 1);
}

#[test]
fn a_configured_job_is_not_counted_again_when_its_key_was_dropped() {
    let mut ledger = begun();
    let done = succeeded("a", "15 12:01", "15 12:02");
    let key = "\"settled\":{\"2024-07-15\"";
    for days in 0..30 {
        let mut other = succeeded("b", "16 12:01", "16 12:02");
        other.tables[0].feed = "df-2".into();
        ledger.observe([&done, &other], at("16 12:05") + DAY * days);
        ledger = restarted(&ledger);
        let file = serde_json::to_string(&ledger).unwrap();
        assert_eq!(file.contains(key), days < 7, "{file}");
    }
    assert_eq!(counted(&ledger), 2);
}

#[test]
fn an_end_in_the_future_is_not_believed_and_does_not_stay_the_last_one() {
    let mut ledger = begun();
    let mut odd = succeeded("a", "15 12:01", "15 12:02");
    odd.tables[0].ended_at = Some("2099-01-01T00:00:00Z".parse().unwrap());
    for days in 0..60 {
        let now = at("15 12:05") + DAY * days;
        ledger.observe([&odd], now);
        ledger.forget(now - DAY * 35);
    }
    assert_eq!(counted(&ledger), 1);
    ledger.observe(&[succeeded("b", "20 12:00", "20 12:01")], at("20 12:05"));
    let last = only(&ledger).last_run.unwrap();
    assert_eq!(last.ended_at, Some(at("20 12:01")));
}

#[test]
fn runs_that_finish_while_the_exporter_is_down_are_counted_once() {
    let mut ledger = begun();
    ledger.observe(&[running("a", "15 11:00")], at("15 12:01"));
    let mut ledger = restarted(&ledger);
    let jobs = [
        succeeded("a", "15 11:00", "16 12:00"),
        succeeded("b", "17 11:00", "17 12:00"),
        succeeded("old", "15 10:00", "15 11:00"),
    ];
    ledger.observe(&jobs, at("18 12:00"));
    let mut ledger = restarted(&ledger);
    ledger.observe(&jobs, at("18 12:01"));
    assert_eq!(counted(&ledger), 2);
    assert_eq!(ledger.state_gap(), Duration::ZERO);
}

#[test]
fn a_gap_beyond_what_the_list_covers_is_told() {
    let mut ledger = restarted(&begun());
    ledger.observe_part([], at("25 11:00"));
    assert_eq!(ledger.state_gap(), Duration::ZERO);
    ledger.observe([], at("25 12:00"));
    ledger.observe([], at("25 13:00"));
    assert_eq!(ledger.state_gap(), Duration::from_hours(3 * 24));
}

#[test]
fn a_long_run_is_counted_after_any_gap() {
    let mut ledger = begun();
    ledger.observe(&[running("a", "15 12:00")], at("15 12:01"));
    let mut ledger = restarted(&ledger);
    assert_eq!(ledger.unfinished(), BTreeSet::from(["a".into()]));
    let done = succeeded("a", "15 12:00", "16 12:00");
    ledger.forget(at("31 00:00"));
    for days in 0..20 {
        ledger.observe([&done], at("31 12:00") + DAY * days);
    }
    assert_eq!(counted(&ledger), 1);
    assert!(ledger.unfinished().is_empty());
}

#[test]
fn a_state_unknown_to_this_version_gets_a_count_of_its_own_and_survives_the_file() {
    let mut ledger = begun();
    let mut odd = succeeded("a", "15 12:01", "15 12:02");
    odd.tables[0].state = Some(State::Other("half_done".into()));
    let mut stateless = succeeded("b", "15 12:01", "15 12:02");
    stateless.tables[0].state = None;
    ledger.observe(&[odd, stateless], at("15 12:03"));
    let mut ledger = restarted(&ledger);
    ledger.observe([], at("15 12:04"));
    let totals = only(&ledger).totals;
    assert_eq!(totals.runs[&State::Other("half_done".into())], 1);
    assert_eq!(totals.runs[&State::Other("unknown".into())], 1);
    assert_eq!(totals.runs.len(), State::TERMINAL.len() + 2);
}

#[test]
fn sums_stop_where_a_sample_cannot_tell_numbers_apart() {
    let mut ledger = begun();
    for id in ["a", "b"] {
        let mut huge = succeeded(id, "15 12:01", "15 12:02");
        huge.tables[0].rows.read = Some(MAX_COUNT - 1);
        ledger.observe(&[huge], at("15 12:03"));
    }
    assert_eq!(only(&ledger).totals.read, MAX_COUNT);
}

#[test]
fn a_clock_gone_wild_for_one_refresh_counts_nothing_twice_and_stops_nothing() {
    for wild in ["2099-01-01T00:00:00Z", "1999-01-01T00:00:00Z"] {
        let wild: Timestamp = wild.parse().unwrap();
        let mut ledger = begun();
        let old = succeeded("old", "01 10:00", "01 11:00");
        let one = succeeded("a", "15 12:01", "15 12:02");
        ledger.observe([&one, &old], at("15 12:03"));
        ledger.observe([&one, &old], wild);
        ledger.observe([&one, &old], at("15 12:05"));
        let two = succeeded("b", "15 12:05", "15 12:06");
        ledger.observe([&one, &two, &old], at("15 12:07"));
        assert_eq!(counted(&ledger), 2, "{wild}");
    }
}
