//! Runs that change after they finished.

use super::*;

fn failed(id: &str, started: &str, ended: &str) -> Job {
    job(id, State::Failed, Some(started), Some(ended))
}

fn with_rows(mut job: Job, read: u64) -> Job {
    job.tables[0].rows.read = Some(read);
    job
}

#[test]
fn a_run_that_resumes_shows_as_running_and_its_rows_are_counted_once() {
    for restarts in [false, true] {
        let mut history = begun();
        history.observe(&[failed("a", "15 12:01", "15 12:02")], at("15 12:03"));
        let feed = only(&history);
        assert_eq!((feed.state, feed.totals.read), (Some(State::Failed), 5));
        if restarts {
            history = restarted(&history);
        }
        history.observe(&[with_rows(running("a", "15 12:01"), 7)], at("15 12:04"));
        let feed = only(&history);
        assert_eq!(feed.state, Some(State::Running));
        assert_eq!(feed.running_since, Some(at("15 12:01")));
        assert_eq!(feed.totals.read, 5, "it is counted when it ends");
        assert_eq!(history.unfinished(), BTreeSet::from(["a".into()]));
        if restarts {
            history = restarted(&history);
        }
        let done = with_rows(succeeded("a", "15 12:01", "15 12:06"), 9);
        for minute in 7..10 {
            history.observe([&done], at(&format!("15 12:0{minute}")));
            let feed = only(&history);
            assert_eq!(feed.state, Some(State::Succeeded));
            assert_eq!(feed.running_since, None);
            assert_eq!(feed.last_success, Some(at("15 12:06")));
            assert_eq!(feed.last_run.unwrap().rows.read, Some(9));
            assert_eq!(feed.totals.read, 9);
            assert_eq!(feed.totals.runs[&State::Failed], 1);
            assert_eq!(feed.totals.runs[&State::Succeeded], 1);
            assert_eq!(
                (feed.totals.durations, feed.totals.duration_ms),
                (2, 300_000)
            );
            assert_eq!(feed.failures_since_success, 0);
            assert_eq!(feed.recent_runs.len(), 1);
        }
    }
}

#[test]
fn a_run_that_resumes_and_ends_in_the_same_state_adds_rows_but_no_run() {
    let mut history = begun();
    history.observe(&[failed("a", "15 12:01", "15 12:02")], at("15 12:03"));
    history.observe(&[running("a", "15 12:01")], at("15 12:04"));
    let again = with_rows(failed("a", "15 12:01", "15 12:05"), 8);
    history.observe(&[again], at("15 12:06"));
    let feed = only(&history);
    assert_eq!(feed.totals.runs[&State::Failed], 1);
    assert_eq!((feed.totals.read, feed.failures_since_success), (8, 1));
}

#[test]
fn a_retry_between_two_refreshes_is_counted_like_one_that_was_seen() {
    let mut history = begun();
    history.observe(&[failed("a", "15 12:01", "15 12:02")], at("15 12:03"));
    let done = with_rows(succeeded("a", "15 12:01", "15 12:04"), 9);
    history.observe(&[done], at("15 12:05"));
    let feed = only(&history);
    assert_eq!(feed.state, Some(State::Succeeded));
    assert_eq!(
        (feed.totals.read, feed.totals.runs[&State::Succeeded]),
        (9, 1)
    );
    assert_eq!(feed.totals.runs[&State::Failed], 1);
}

#[test]
fn counters_never_fall_and_old_answers_change_nothing() {
    let mut history = begun();
    let done = with_rows(succeeded("a", "15 12:01", "15 12:04"), 9);
    let early = failed("a", "15 12:01", "15 12:02");
    history.observe([&early], at("15 12:03"));
    history.observe([&done], at("15 12:05"));
    let counted = only(&history).totals;
    for _ in 0..3 {
        for answer in [&early, &running("a", "15 12:01"), &done] {
            history.observe([answer], at("15 12:06"));
            assert_eq!(only(&history).totals, counted);
        }
    }
    let fewer = with_rows(succeeded("a", "15 12:01", "15 12:04"), 2);
    history.observe(&[fewer, done.clone()], at("15 12:07"));
    assert_eq!(only(&history).totals, counted);
}

#[test]
fn of_a_run_of_history_only_what_it_does_after_resuming_is_counted() {
    let mut history = RunHistory::new();
    history.observe(&[failed("a", "15 11:01", "15 11:02")], noon());
    assert_eq!(only(&history).totals, Totals::default());
    history.observe(&[running("a", "15 11:01")], at("15 12:01"));
    let done = with_rows(succeeded("a", "15 11:01", "15 12:02"), 9);
    history.observe(&[done], at("15 12:03"));
    let totals = only(&history).totals;
    assert_eq!((totals.read, totals.runs[&State::Succeeded]), (4, 1));
    assert_eq!(totals.runs[&State::Failed], 0);
}

#[test]
fn failures_are_counted_from_the_newest_success_in_whatever_order_answers_come() {
    let mut jobs = vec![succeeded("a", "15 12:00", "15 12:01")];
    for minute in 2..5 {
        let (start, end) = (format!("15 12:0{minute}"), format!("15 12:0{}", minute + 1));
        jobs.push(failed(&format!("f{minute}"), &start, &end));
    }
    jobs.push(job("s", State::Skipped, Some("15 12:06"), Some("15 12:07")));
    jobs.push(failed("early", "15 11:00", "15 11:30"));
    for turn in 0..jobs.len() {
        jobs.rotate_left(1);
        let mut history = RunHistory::new();
        history.observe(&jobs, at("15 12:08"));
        assert_eq!(only(&history).failures_since_success, 3, "{turn}");
        let mut one_by_one = RunHistory::new();
        for job in &jobs {
            one_by_one.observe([job], at("15 12:08"));
            one_by_one = restarted(&one_by_one);
        }
        assert_eq!(only(&one_by_one).failures_since_success, 3, "{turn}");
        history.observe(&[succeeded("z", "15 12:07", "15 12:08")], at("15 12:09"));
        assert_eq!(only(&history).failures_since_success, 0);
    }
}

#[test]
fn answers_that_alternate_between_two_times_of_a_run_do_not_add_up() {
    let mut history = begun();
    let early = succeeded("a", "15 12:01", "15 12:05");
    let late = succeeded("a", "15 12:03", "15 12:05");
    for minute in 6..10 {
        history.observe([&late], at(&format!("15 12:0{minute}")));
        history.observe([&early], at(&format!("15 12:0{minute}")));
        let totals = only(&history).totals;
        assert_eq!((totals.duration_ms, totals.durations), (240_000, 1));
    }
}
