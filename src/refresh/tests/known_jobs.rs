//! Which jobs are kept, and which are on the page.

use super::*;

#[test]
fn a_finished_job_that_vanished_from_the_list_vanishes_from_the_page() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = Known::new(&tenant);
    known.list(
        &tenant,
        vec![job("a", Some(ago(minutes(5))), true)],
        true,
        now(),
    );
    known.list(&tenant, vec![], true, now() + minutes(1));
    assert_eq!(known.page(), [""; 0]);
}

#[test]
fn an_incomplete_list_makes_no_job_vanish() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = Known::new(&tenant);
    known.list(
        &tenant,
        vec![job("a", Some(ago(minutes(5))), true)],
        true,
        now(),
    );
    known.list(&tenant, vec![], false, now() + minutes(1));
    assert_eq!(known.page(), ["a"]);
}

#[test]
fn jobs_leave_the_page_when_older_than_the_window_unless_unfinished() {
    let tenant = tenant(&["configured"], Some(DAY));
    let mut known = Known::new(&tenant);
    let start = Some(ago(DAY * 2));
    let jobs = vec![job("old", start, true), job("running", start, false)];
    known.list(&tenant, jobs, true, now());
    known.jobs.fetched(job("configured", start, true), now());
    known.jobs.expire(&tenant, now());
    assert_eq!(known.page(), ["configured", "running"]);
}

#[test]
fn a_configured_job_the_api_does_not_know_any_more_leaves_the_page() {
    let tenant = tenant(&["a"], None);
    let mut known = Known::new(&tenant);
    known.jobs.fetched(job("a", Some(ago(DAY)), false), now());
    assert!(!known.jobs.failed("a", Reason::ServerError, now()));
    assert_eq!(known.page(), ["a"]);
    assert!(known.jobs.failed("a", Reason::NotFound, now()));
    assert_eq!(known.page(), [""; 0]);
    assert_eq!(known.jobs.configured(), [("a".into(), false)]);
}

#[test]
fn a_job_that_cannot_be_fetched_leaves_the_page_when_it_is_stale() {
    let tenant = tenant(&["a"], None);
    let mut known = Known::new(&tenant);
    known
        .jobs
        .fetched(job("a", Some(ago(DAY)), false), ago(DAY));
    known.jobs.failed("a", Reason::Malformed, now());
    known
        .jobs
        .failed("a", Reason::Malformed, now() + minutes(15));
    let shown = |known: &Known, stale_before| known.jobs.select(stale_before).jobs.len();
    assert_eq!(shown(&known, now()), 1);
    assert_eq!(shown(&known, now() + minutes(1)), 0);
    known
        .jobs
        .fetched(job("a", Some(ago(DAY)), false), now() + minutes(16));
    assert_eq!(shown(&known, now() + minutes(1)), 1);
}

#[test]
fn the_limit_keeps_configured_jobs_and_the_newest() {
    let mut tenant = tenant(&["configured"], Some(DAY));
    tenant.max_jobs = 3;
    let mut known = Known::new(&tenant);
    let jobs = (1..=4).map(|age| job(&format!("{age}h"), Some(ago(minutes(60 * age))), true));
    known.list(&tenant, jobs.collect(), true, now());
    let configured = job("configured", Some(ago(DAY * 90)), true);
    known.jobs.fetched(configured, now());
    let selection = known.jobs.select(Timestamp::MIN);
    assert_eq!(known.page(), ["1h", "2h", "configured"]);
    assert_eq!(selection.dropped, 2);
}

#[test]
fn ever_new_unfinished_jobs_are_kept_and_requested_only_up_to_the_limit() {
    let mut tenant = tenant(&["configured"], Some(DAY));
    tenant.max_jobs = 100;
    let mut known = Known::new(&tenant);
    for minute in 0..5 {
        let now = now() + minutes(minute);
        let id = |n| format!("isj-{minute}-{n}");
        let jobs = (0..5_000).map(|n| job(&id(n), Some(now - minutes(5)), false));
        known.list(&tenant, jobs.collect(), true, now);
        assert_eq!(known.jobs.entries().count(), 100);
        assert!(known.due(now + minutes(1)).len() <= 100);
        // Those of the list, and those that it displaced.
        let dropped = known.jobs.select(Timestamp::MIN).dropped;
        assert!((4_901..=5_500).contains(&dropped), "{minute}: {dropped}");
    }
    known
        .jobs
        .follow((0..5_000).map(|n| format!("followed-{n}").into()));
    assert_eq!(known.jobs.entries().count(), 100);
}

#[test]
fn a_job_with_too_many_tables_is_left_out_and_hides_no_other() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = Known::new(&tenant);
    let mut huge = job("huge", Some(ago(minutes(1))), true);
    huge.tables = vec![huge.tables.remove(0); 50_001];
    let jobs = vec![huge, job("a", Some(ago(minutes(2))), true)];
    known.list(&tenant, jobs, true, now());
    assert_eq!(known.page(), ["a"]);
    assert_eq!(known.jobs.select(Timestamp::MIN).dropped, 1);
}

#[test]
fn an_unchanged_job_keeps_its_allocation() {
    let tenant = tenant(&["a"], None);
    let mut known = Known::new(&tenant);
    let one = known.jobs.fetched(job("a", Some(ago(DAY)), true), now());
    let two = known.jobs.fetched(job("a", Some(ago(DAY)), true), now());
    assert!(Arc::ptr_eq(&one, &two));
}

#[test]
fn a_new_configuration_forgets_former_ids_and_keeps_what_discovery_found() {
    let before = tenant(&["a", "b"], Some(DAY));
    let mut known = Known::new(&before);
    known.list(
        &before,
        vec![job("found", Some(ago(minutes(5))), true)],
        true,
        now(),
    );
    known.jobs.configure(&tenant(&["b"], Some(DAY)));
    assert_eq!(known.due(now()), ["b"]);
    assert_eq!(known.page(), ["found"]);
    known.jobs.configure(&tenant(&["b"], None));
    assert_eq!(known.page(), [""; 0]);
}
