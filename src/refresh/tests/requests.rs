//! Which windows are listed, and which jobs are requested by id.

use super::*;

#[test]
fn the_first_list_reaches_back_as_far_as_the_api_allows() {
    let tenant = tenant(&[], Some(DAY));
    let window = Known::new(&tenant).window(&tenant, now());
    assert_eq!(
        window.to.duration_since(window.from),
        MAX_WINDOW.try_into().unwrap()
    );
    assert!(window.full && window.contains(now()));
}

#[test]
fn without_feeds_the_first_list_is_the_configured_window() {
    let mut tenant = tenant(&[], Some(DAY));
    tenant.collect.feeds = false;
    let window = Known::new(&tenant).window(&tenant, now());
    assert_eq!(window.from, ago(DAY));
}

#[test]
fn the_second_list_covers_little_more_than_the_time_since_the_first() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = Known::new(&tenant);
    known.list(
        &tenant,
        vec![job("a", Some(ago(minutes(60))), true)],
        true,
        now(),
    );
    let window = known.window(&tenant, now() + minutes(1));
    assert_eq!(window.from, ago(minutes(10)));
    assert!(!window.full);
}

#[test]
fn a_list_reaches_back_to_the_oldest_unfinished_job() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = Known::new(&tenant);
    let start = ago(minutes(400));
    known.list(&tenant, vec![job("a", Some(start), false)], true, now());
    let window = known.window(&tenant, now() + minutes(1));
    assert_eq!(window.from, start);
    assert_eq!(known.page(), ["a"]);
}

#[test]
fn a_failed_job_is_listed_for_two_hours_in_case_it_is_retried() {
    let tenant = tenant(&["configured"], Some(DAY));
    let mut known = Known::new(&tenant);
    let failed = |id, start| {
        let mut job = job(id, Some(start), true);
        job.tables[0].state = Some(State::Failed);
        job
    };
    let start = ago(minutes(20));
    known.list(&tenant, vec![failed("a", start)], true, now());
    known.jobs.fetched(failed("configured", start), now());
    let next = known.window(&tenant, now() + minutes(30));
    assert_eq!(next.from, start);
    assert_eq!(known.due(now() + minutes(4)), [""; 0]);
    assert_eq!(known.due(now() + minutes(5)), ["configured"]);
    let running = job("a", Some(start), false);
    known.list(&tenant, vec![running.clone()], true, now() + minutes(31));
    assert_eq!(
        known.jobs.answered(),
        [Arc::new(running), Arc::new(failed("configured", start))]
    );
    let mut known = Known::new(&tenant);
    known.list(&tenant, vec![failed("a", start)], true, now());
    let later = known.window(&tenant, now() + minutes(59));
    assert_eq!(later.from, start, "it ended an hour and 18 minutes ago");
    known.list(
        &tenant,
        vec![failed("a", start)],
        true,
        now() + minutes(110),
    );
    let later = known.window(&tenant, now() + minutes(111));
    assert!(later.from > start);
}

#[test]
fn a_full_window_is_listed_again_after_an_hour() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = Known::new(&tenant);
    known.list(&tenant, vec![], true, now());
    let before = known.list(&tenant, vec![], true, now() + minutes(59));
    let after = known.list(&tenant, vec![], true, now() + minutes(60));
    assert!(!before.full && after.full);
    assert_eq!(after.from, now() + minutes(60) - DAY);
}

#[test]
fn a_job_that_started_over_seven_days_ago_is_followed_by_its_id_to_its_end() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = Known::new(&tenant);
    let start = ago(DAY * 6);
    known.list(&tenant, vec![job("long", Some(start), false)], true, now());
    assert_eq!(known.due(now()), [""; 0]);

    let later = now() + DAY * 2;
    known.list(&tenant, vec![], true, later);
    assert_eq!(known.due(later), ["long"]);
    known.jobs.fetched(job("long", Some(start), false), later);
    known.jobs.expire(&tenant, later);
    assert_eq!(known.page(), ["long"]);

    let ended = later + minutes(1);
    known.jobs.fetched(job("long", Some(start), true), ended);
    assert_eq!(known.due(ended), [""; 0]);
}

#[test]
fn an_unfinished_job_that_vanished_from_the_list_is_requested_and_dropped_when_unknown() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = Known::new(&tenant);
    known.list(
        &tenant,
        vec![job("a", Some(ago(minutes(5))), false)],
        true,
        now(),
    );
    let next = now() + minutes(1);
    known.list(&tenant, vec![], true, next);
    assert_eq!(known.due(next), ["a"]);
    assert!(known.jobs.failed("a", Reason::NotFound, next));
    assert_eq!(known.page(), [""; 0]);
}

#[test]
fn a_configured_job_in_the_list_is_not_requested_by_id() {
    let tenant = tenant(&["a", "b"], Some(DAY));
    let mut known = Known::new(&tenant);
    known.list(
        &tenant,
        vec![job("a", Some(ago(minutes(5))), false)],
        true,
        now(),
    );
    assert_eq!(known.due(now()), ["b"]);
    assert_eq!(known.page(), ["a"]);
}

#[test]
fn a_finished_configured_job_is_not_requested_for_an_hour() {
    let tenant = tenant(&["a"], None);
    let mut known = Known::new(&tenant);
    known.jobs.fetched(job("a", Some(ago(DAY)), true), now());
    assert_eq!(known.due(now() + RECHECK - minutes(1)), [""; 0]);
    assert_eq!(known.due(now() + RECHECK), ["a"]);
}

#[test]
fn an_unknown_configured_id_is_requested_again_but_not_each_time() {
    let tenant = tenant(&["a"], None);
    let mut known = Known::new(&tenant);
    assert!(known.jobs.failed("a", Reason::NotFound, now()));
    assert_eq!(known.due(now() + minutes(1)), [""; 0]);
    assert_eq!(known.due(now() + UNKNOWN_RECHECK), ["a"]);
    assert_eq!(known.jobs.configured(), [("a".into(), false)]);
}

#[test]
fn jobs_that_did_not_get_their_turn_come_first_the_next_time() {
    let tenant = tenant(&["a", "b", "c"], None);
    let mut known = Known::new(&tenant);
    let mut requested = Vec::new();
    for minute in 0..3 {
        let now = now() + minutes(minute);
        for id in plan::due(&known.jobs, now, 1) {
            requested.push(id.to_string());
            known.jobs.fetched(job(&id, Some(ago(DAY)), false), now);
        }
    }
    assert_eq!(requested, ["a", "b", "c"]);
}

#[test]
fn a_list_reaches_back_to_an_unfinished_job_that_the_limit_left_out() {
    let mut tenant = tenant(&[], Some(DAY));
    tenant.max_jobs = 1;
    let mut known = Known::new(&tenant);
    let old = ago(minutes(400));
    let jobs = vec![
        job("old", Some(old), false),
        job("new", Some(ago(minutes(5))), true),
    ];
    known.list(&tenant, jobs, true, now());
    assert_eq!(known.page(), ["new"]);
    let next = now() + minutes(1);
    let window = known.list(&tenant, vec![job("old", Some(old), true)], true, next);
    assert_eq!(window.from, old);
    let window = known.window(&tenant, next + minutes(1));
    assert_eq!(window.from, next - minutes(10), "it is finished");
}
