//! What a refresh asks for, and what becomes of the answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::known::{Known, Window};
use super::plan::{self, RECHECK, UNKNOWN_RECHECK};
use crate::config::{self, MAX_WINDOW, Secret};
use crate::jobs::{Job, Rows, State, Table};
use crate::telemetry::Reason;

mod harvest;
mod properties;

const NOW: &str = "2024-07-01T12:00:00Z";
const DAY: Duration = Duration::from_hours(24);

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn ago(age: Duration) -> Timestamp {
    now() - age
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

fn tenant(jobs: &[&str], discovery: Option<Duration>) -> config::Tenant {
    config::Tenant {
        tenant: "socktown".into(),
        api: config::Api {
            base_url: "http://127.0.0.1:1/api".parse().unwrap(),
            version: "2024-04-01".to_owned(),
            timeout: Duration::from_secs(30),
            requests_per_second: 5.0,
            proxy_url: None,
            ca_file: None,
            response_bytes: 1 << 26,
        },
        credentials: config::Credentials::Token(Secret::Value(SecretString::from("t"))),
        jobs: jobs.iter().map(|id| (*id).into()).collect(),
        discovery,
        collect: config::Collect {
            jobs: true,
            feeds: true,
            files: false,
        },
        max_jobs: 10_000,
    }
}

fn job(id: &str, started: Option<Timestamp>, finished: bool) -> Job {
    let state = if finished {
        State::Succeeded
    } else {
        State::Running
    };
    Job {
        id: id.into(),
        workflow_id: None,
        merged: 0,
        tables: vec![Table {
            table: "Customers".into(),
            feed: "df-1".into(),
            state: Some(state),
            finished,
            rows: Rows::default(),
            started_at: started,
            ended_at: started.filter(|_| finished).map(|start| start + minutes(1)),
            files: Vec::new(),
        }],
    }
}

fn knowing(tenant: &config::Tenant) -> Known {
    let mut known = Known::default();
    known.configure(tenant);
    known
}

fn list(known: &mut Known, tenant: &config::Tenant, jobs: Vec<Job>, now: Timestamp) -> Window {
    let window = plan::window(known, tenant, now).unwrap();
    known.listed(window, jobs, true, now);
    window
}

fn due(known: &Known, now: Timestamp) -> Vec<String> {
    let due = plan::due(known, now, usize::MAX);
    due.iter().map(ToString::to_string).collect()
}

fn page(known: &Known) -> Vec<String> {
    let selection = known.select(usize::MAX, Timestamp::MIN);
    selection
        .jobs
        .iter()
        .map(|job| job.id.to_string())
        .collect()
}

#[test]
fn the_first_list_reaches_back_as_far_as_the_api_allows() {
    let tenant = tenant(&[], Some(DAY));
    let window = plan::window(&knowing(&tenant), &tenant, now()).unwrap();
    assert_eq!(
        window.to.duration_since(window.from),
        MAX_WINDOW.try_into().unwrap()
    );
    assert!(window.full && window.contains(now()));
}

#[test]
fn without_feeds_to_learn_the_first_list_is_the_configured_window() {
    let mut tenant = tenant(&[], Some(DAY));
    tenant.collect.feeds = false;
    let window = plan::window(&knowing(&tenant), &tenant, now()).unwrap();
    assert_eq!(window.from, ago(DAY));
}

#[test]
fn the_second_list_asks_for_little_more_than_the_time_since_the_first() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = knowing(&tenant);
    list(
        &mut known,
        &tenant,
        vec![job("a", Some(ago(minutes(60))), true)],
        now(),
    );
    let window = plan::window(&known, &tenant, now() + minutes(1)).unwrap();
    assert_eq!(window.from, ago(minutes(10)));
    assert!(!window.full);
}

#[test]
fn a_list_reaches_back_to_the_oldest_unfinished_job() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = knowing(&tenant);
    let start = ago(minutes(400));
    list(
        &mut known,
        &tenant,
        vec![job("a", Some(start), false)],
        now(),
    );
    let window = plan::window(&known, &tenant, now() + minutes(1)).unwrap();
    assert_eq!(window.from, start);
    assert_eq!(page(&known), ["a"]);
}

#[test]
fn a_full_window_is_listed_again_after_an_hour() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = knowing(&tenant);
    list(&mut known, &tenant, vec![], now());
    let before = list(&mut known, &tenant, vec![], now() + minutes(59));
    let after = list(&mut known, &tenant, vec![], now() + minutes(60));
    assert!(!before.full && after.full);
    assert_eq!(after.from, now() + minutes(60) - DAY);
}

#[test]
fn a_job_that_started_over_seven_days_ago_is_followed_by_its_id_to_its_end() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = knowing(&tenant);
    let start = ago(DAY * 6);
    list(
        &mut known,
        &tenant,
        vec![job("long", Some(start), false)],
        now(),
    );
    assert_eq!(due(&known, now()), [""; 0]);

    let later = now() + DAY * 2;
    list(&mut known, &tenant, vec![], later);
    assert_eq!(due(&known, later), ["long"]);
    known.fetched(job("long", Some(start), false), later);
    known.expire(&tenant, later);
    assert_eq!(page(&known), ["long"]);

    let ended = later + minutes(1);
    known.fetched(job("long", Some(start), true), ended);
    assert_eq!(due(&known, ended), [""; 0]);
}

#[test]
fn an_unfinished_job_that_vanished_from_the_list_is_asked_for_and_dropped_when_unknown() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = knowing(&tenant);
    list(
        &mut known,
        &tenant,
        vec![job("a", Some(ago(minutes(5))), false)],
        now(),
    );
    let next = now() + minutes(1);
    list(&mut known, &tenant, vec![], next);
    assert_eq!(due(&known, next), ["a"]);
    assert!(known.failed("a", Reason::NotFound, next));
    assert_eq!(page(&known), [""; 0]);
}

#[test]
fn a_finished_job_that_vanished_from_the_list_vanishes_from_the_page() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = knowing(&tenant);
    list(
        &mut known,
        &tenant,
        vec![job("a", Some(ago(minutes(5))), true)],
        now(),
    );
    list(&mut known, &tenant, vec![], now() + minutes(1));
    assert_eq!(page(&known), [""; 0]);
}

#[test]
fn an_incomplete_list_makes_no_job_vanish() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = knowing(&tenant);
    list(
        &mut known,
        &tenant,
        vec![job("a", Some(ago(minutes(5))), true)],
        now(),
    );
    let window = plan::window(&known, &tenant, now() + minutes(1)).unwrap();
    known.listed(window, vec![], false, now() + minutes(1));
    assert_eq!(page(&known), ["a"]);
}

#[test]
fn jobs_leave_the_page_when_older_than_the_window_unless_unfinished() {
    let tenant = tenant(&["configured"], Some(DAY));
    let mut known = knowing(&tenant);
    let start = Some(ago(DAY * 2));
    let jobs = vec![job("old", start, true), job("running", start, false)];
    list(&mut known, &tenant, jobs, now());
    known.fetched(job("configured", start, true), now());
    known.expire(&tenant, now());
    assert_eq!(page(&known), ["configured", "running"]);
}

#[test]
fn a_configured_job_in_the_list_is_not_asked_for_by_id() {
    let tenant = tenant(&["a", "b"], Some(DAY));
    let mut known = knowing(&tenant);
    list(
        &mut known,
        &tenant,
        vec![job("a", Some(ago(minutes(5))), false)],
        now(),
    );
    assert_eq!(due(&known, now()), ["b"]);
    assert_eq!(page(&known), ["a"]);
}

#[test]
fn a_settled_configured_job_rests_for_an_hour() {
    let tenant = tenant(&["a"], None);
    let mut known = knowing(&tenant);
    known.fetched(job("a", Some(ago(DAY)), true), now());
    assert_eq!(due(&known, now() + RECHECK - minutes(1)), [""; 0]);
    assert_eq!(due(&known, now() + RECHECK), ["a"]);
}

#[test]
fn an_unknown_configured_id_is_asked_for_again_but_not_each_time() {
    let tenant = tenant(&["a"], None);
    let mut known = knowing(&tenant);
    assert!(known.failed("a", Reason::NotFound, now()));
    assert_eq!(due(&known, now() + minutes(1)), [""; 0]);
    assert_eq!(due(&known, now() + UNKNOWN_RECHECK), ["a"]);
    assert_eq!(known.configured(), [("a".into(), false)]);
}

#[test]
fn a_configured_job_the_api_does_not_know_any_more_leaves_the_page() {
    let tenant = tenant(&["a"], None);
    let mut known = knowing(&tenant);
    known.fetched(job("a", Some(ago(DAY)), false), now());
    assert!(!known.failed("a", Reason::ServerError, now()));
    assert_eq!(page(&known), ["a"]);
    assert!(known.failed("a", Reason::NotFound, now()));
    assert_eq!(page(&known), [""; 0]);
    assert_eq!(known.configured(), [("a".into(), false)]);
}

#[test]
fn a_job_that_cannot_be_had_leaves_the_page_once_it_is_stale_and_not_before() {
    let tenant = tenant(&["a"], None);
    let mut known = knowing(&tenant);
    known.fetched(job("a", Some(ago(DAY)), false), ago(DAY));
    known.failed("a", Reason::Malformed, now());
    known.failed("a", Reason::Malformed, now() + minutes(15));
    let shown = |known: &Known, stale_before| known.select(9, stale_before).jobs.len();
    assert_eq!(shown(&known, now()), 1);
    assert_eq!(shown(&known, now() + minutes(1)), 0);
    known.fetched(job("a", Some(ago(DAY)), false), now() + minutes(16));
    assert_eq!(shown(&known, now() + minutes(1)), 1);
}

#[test]
fn when_not_all_can_be_asked_the_longest_unasked_comes_first_the_next_time() {
    let tenant = tenant(&["a", "b", "c"], None);
    let mut known = knowing(&tenant);
    let mut asked = Vec::new();
    for minute in 0..3 {
        let now = now() + minutes(minute);
        for id in plan::due(&known, now, 1) {
            asked.push(id.to_string());
            known.fetched(job(&id, Some(ago(DAY)), false), now);
        }
    }
    assert_eq!(asked, ["a", "b", "c"]);
}

#[test]
fn the_limit_keeps_configured_jobs_and_the_newest() {
    let tenant = tenant(&["configured"], Some(DAY));
    let mut known = knowing(&tenant);
    let jobs = (1..=4).map(|age| job(&format!("{age}h"), Some(ago(minutes(60 * age))), true));
    list(&mut known, &tenant, jobs.collect(), now());
    known.fetched(job("configured", Some(ago(DAY * 90)), true), now());
    let selection = known.select(3, Timestamp::MIN);
    let ids: Vec<&str> = selection.jobs.iter().map(|job| &*job.id).collect();
    assert_eq!(
        (ids, selection.dropped),
        (vec!["1h", "2h", "configured"], 2)
    );
}

#[test]
fn a_job_of_more_tables_than_the_page_has_room_for_is_left_out_and_hides_no_other() {
    let tenant = tenant(&[], Some(DAY));
    let mut known = knowing(&tenant);
    let mut huge = job("huge", Some(ago(minutes(1))), true);
    huge.tables = vec![huge.tables.remove(0); 50_001];
    let jobs = vec![huge, job("a", Some(ago(minutes(2))), true)];
    list(&mut known, &tenant, jobs, now());
    assert_eq!(page(&known), ["a"]);
    assert_eq!(known.select(9, Timestamp::MIN).dropped, 1);
}

#[test]
fn an_unchanged_job_keeps_its_allocation() {
    let tenant = tenant(&["a"], None);
    let mut known = knowing(&tenant);
    let one = known.fetched(job("a", Some(ago(DAY)), true), now());
    let two = known.fetched(job("a", Some(ago(DAY)), true), now());
    assert!(Arc::ptr_eq(&one, &two));
}

#[test]
fn a_new_configuration_forgets_former_ids_and_keeps_what_discovery_found() {
    let before = tenant(&["a", "b"], Some(DAY));
    let mut known = knowing(&before);
    list(
        &mut known,
        &before,
        vec![job("found", Some(ago(minutes(5))), true)],
        now(),
    );
    known.configure(&tenant(&["b"], Some(DAY)));
    assert_eq!(due(&known, now()), ["b"]);
    assert_eq!(page(&known), ["found"]);
    known.configure(&tenant(&["b"], None));
    assert_eq!(page(&known), [""; 0]);
}
