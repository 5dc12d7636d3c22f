//! What is shown of the latest runs, and when runs and feeds leave.

use super::*;

#[test]
fn of_two_runs_at_once_the_one_that_started_last_gives_the_state() {
    let mut ledger = begun();
    let early = running("b", "15 12:00");
    let late = job("a", State::Finalizing, Some("15 12:01"), None);
    ledger.observe([&early, &late], at("15 12:02"));
    let feed = only(&ledger);
    assert_eq!(feed.state, Some(State::Finalizing));
    assert_eq!(feed.running_since, Some(at("15 12:01")));

    ledger.observe(
        [&early, &succeeded("a", "15 12:01", "15 12:03")],
        at("15 12:04"),
    );
    let feed = only(&ledger);
    assert_eq!(feed.state, Some(State::Succeeded));
    assert_eq!(feed.running_since, Some(at("15 12:00")));

    let failed = job("b", State::Failed, Some("15 12:00"), Some("15 12:05"));
    ledger.observe([&failed], at("15 12:06"));
    let feed = only(&ledger);
    assert_eq!(feed.state, Some(State::Succeeded), "it started later");
    assert_eq!(feed.last_run.unwrap().ended_at, Some(at("15 12:05")));
    assert_eq!(feed.last_success, Some(at("15 12:03")));
    assert_eq!(feed.running_since, None);
    assert_eq!(feed.totals.runs[&State::Failed], 1);
}

#[test]
fn a_run_that_waits_for_its_start_gives_the_state_but_no_time() {
    let mut ledger = begun();
    ledger.observe(&[succeeded("a", "15 12:00", "15 12:01")], at("15 12:02"));
    ledger.observe(&[job("b", State::Scheduled, None, None)], at("15 12:03"));
    let feed = only(&ledger);
    assert_eq!(feed.state, Some(State::Scheduled));
    assert_eq!(feed.running_since, None);
}

#[test]
fn a_run_whose_job_is_gone_is_open_no_more_and_counted_if_it_comes_back() {
    let mut ledger = begun();
    ledger.observe(&[running("a", "15 12:00")], at("15 12:01"));
    ledger.gone("a");
    assert_eq!(only(&ledger).running_since, None);
    assert!(ledger.unfinished().is_empty());
    ledger.observe(&[succeeded("a", "15 12:00", "15 12:02")], at("15 12:03"));
    ledger.gone("a");
    assert_eq!(counted(&ledger), 1);
}

#[test]
fn a_table_that_its_finished_job_does_not_name_any_more_is_not_running() {
    let mut ledger = begun();
    let mut both = running("a", "15 12:00");
    both.tables
        .push(succeeded("a", "15 12:00", "15 12:01").tables.remove(0));
    both.tables[1].table = "orders".into();
    ledger.observe([&both], at("15 12:02"));
    both.tables.remove(0);
    ledger.observe(&[both], at("15 12:03"));
    assert!(ledger.unfinished().is_empty());
    assert_eq!(ledger.feeds()[0].running_since, None);
    assert_eq!(counted(&ledger), 1);
}

#[test]
fn a_feed_without_a_run_is_forgotten_and_begins_anew_without_counting_again() {
    let mut ledger = begun();
    let done = succeeded("a", "15 12:01", "15 12:02");
    ledger.observe([&done], at("15 12:05"));
    let horizon = |now: Timestamp| now - DAY * 14;
    for hours in 0..24 * 14 {
        let now = at("15 12:05") + HOUR * hours;
        ledger.observe([&done], now);
        ledger.forget(horizon(now));
    }
    assert_eq!(counted(&ledger), 1);
    let now = at("29 12:06");
    ledger.observe([&done], now);
    ledger.forget(horizon(now));
    assert_eq!(ledger.feeds(), []);

    let next = succeeded("b", "30 12:00", "30 12:01");
    ledger.observe([&done, &next], at("30 12:02"));
    let feed = only(&ledger);
    assert_eq!(feed.totals.runs[&State::Succeeded], 1);
    assert_eq!(feed.created, at("30 12:02"));
}

#[test]
fn a_short_horizon_forgets_nothing_the_list_still_shows() {
    let mut ledger = begun();
    let done = succeeded("a", "15 12:01", "15 12:02");
    ledger.observe([&done], at("15 12:05"));
    ledger.forget(at("15 12:05"));
    ledger.observe([&done], at("17 12:05"));
    ledger.forget(at("17 12:05"));
    assert_eq!(counted(&ledger), 1);
}

#[test]
fn an_open_run_never_heard_of_again_leaves_with_its_feed() {
    let mut ledger = begun();
    ledger.observe(&[running("a", "15 12:00")], at("15 12:01"));
    ledger.observe([], at("24 12:00"));
    ledger.forget(at("15 12:00"));
    assert_eq!(only(&ledger).running_since, Some(at("15 12:00")));
    ledger.forget(at("15 12:02"));
    assert_eq!(ledger.feeds(), []);
}

#[test]
fn feeds_come_ordered_by_table_and_feed() {
    let mut ledger = begun();
    let mut job = running("a", "15 12:00");
    for (table, feed) in [("b", "1"), ("a", "2"), ("a", "1")] {
        let mut entry = job.tables[0].clone();
        (entry.table, entry.feed) = (table.into(), feed.into());
        job.tables.push(entry);
    }
    ledger.observe(&[job], at("15 12:01"));
    let names: Vec<_> = ledger
        .feeds()
        .iter()
        .map(|feed| format!("{}/{}", feed.table, feed.feed))
        .collect();
    assert_eq!(names, ["a/1", "a/2", "b/1", "customers/df-1"]);
}

#[test]
fn the_last_run_is_shown_as_it_is_told_now_and_counted_as_it_was_told_first() {
    let mut ledger = begun();
    let failed = job("a", State::Failed, Some("15 12:01"), Some("15 12:02"));
    ledger.observe(&[failed], at("15 12:03"));
    let mut mended = succeeded("a", "15 12:01", "15 12:04");
    mended.tables[0].rows.read = Some(9);
    ledger.observe(&[mended], at("15 12:05"));
    let feed = only(&ledger);
    assert_eq!(feed.state, Some(State::Succeeded));
    assert_eq!(feed.last_run.unwrap().rows.read, Some(9));
    assert_eq!(feed.last_success, Some(at("15 12:04")));
    assert_eq!(feed.totals.read, 5);
    assert_eq!(feed.totals.runs[&State::Failed], 1);
    assert_eq!(feed.totals.runs[&State::Succeeded], 0);
}

#[test]
fn the_file_says_what_the_ledger_knows() {
    let mut ledger = begun();
    let jobs = [
        succeeded("isj-1", "15 12:01", "15 12:02"),
        running("isj-2", "15 12:02"),
    ];
    ledger.observe(&jobs, at("15 12:03"));
    insta::assert_snapshot!(serde_json::to_string_pretty(&ledger).unwrap(), @r#"
    {
      "history_until": "2024-07-15T12:00:00Z",
      "covered_until": "2024-07-15T12:03:00Z",
      "tables": {
        "customers": {
          "df-1": {
            "created": "2024-07-15T12:03:00Z",
            "active_at": "2024-07-15T12:02:00Z",
            "open": {
              "isj-2": {
                "state": "running",
                "started_at": "2024-07-15T12:02:00Z",
                "place": "2024-07-15T12:02:00Z",
                "heard_at": "2024-07-15T12:03:00Z"
              }
            },
            "settled": {
              "2024-07-15": [
                "isj-1"
              ]
            },
            "newest": {
              "place": "2024-07-15T12:01:00Z",
              "job": "isj-1",
              "state": "succeeded"
            },
            "last_run": {
              "place": "2024-07-15T12:02:00Z",
              "job": "isj-1",
              "rows": {
                "read": 5,
                "inserted": null,
                "updated": null,
                "rejected": null,
                "errors": null
              },
              "files": 0,
              "started_at": "2024-07-15T12:01:00Z",
              "ended_at": "2024-07-15T12:02:00Z"
            },
            "last_success": "2024-07-15T12:02:00Z",
            "totals": {
              "runs": {
                "succeeded": 1,
                "stopped": 0,
                "failed": 0,
                "skipped": 0,
                "canceled": 0
              },
              "read": 5,
              "inserted": 0,
              "updated": 0,
              "rejected": 0,
              "errors": 0,
              "duration_ms": 60000,
              "durations": 1
            }
          }
        }
      }
    }
    "#);
}
