//! What a refresh requests, and what becomes of the answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::discovery::{Discovery, Window};
use super::known_jobs::KnownJobs;
use super::plan::{self, RECHECK, UNKNOWN_RECHECK};
use crate::config::{self, MAX_WINDOW, Secret};
use crate::jobs::{Job, Rows, State, Table};
use crate::telemetry::Reason;

mod discovery;
mod outcome;
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
            workflows: false,
        },
        max_jobs: 10_000,
        page_bytes: 256 << 20,
        feed_rules: Arc::default(),
        workflow_types: Arc::default(),
        ui_url: None,
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
        failure: None,
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

/// What is known of a tenant's jobs, and how far its discovery is.
struct Known {
    jobs: KnownJobs,
    discovery: Discovery,
}

impl Known {
    fn new(tenant: &config::Tenant) -> Self {
        let mut jobs = KnownJobs::default();
        jobs.configure(tenant);
        Self {
            jobs,
            discovery: Discovery::default(),
        }
    }

    fn window(&self, tenant: &config::Tenant, now: Timestamp) -> Window {
        plan::window(&self.jobs, &self.discovery, tenant, now).unwrap()
    }

    /// Lists the next window, with this answer.
    fn list(
        &mut self,
        tenant: &config::Tenant,
        jobs: Vec<Job>,
        complete: bool,
        now: Timestamp,
    ) -> Window {
        let window = self.window(tenant, now);
        if window.full {
            self.jobs.full_list_begins();
        }
        self.discovery.add(window);
        let piece = self.discovery.next().unwrap();
        self.jobs.listed(piece, jobs, complete, now);
        self.discovery.listed(piece, now);
        window
    }

    fn due(&self, now: Timestamp) -> Vec<String> {
        let due = plan::due(&self.jobs, now, usize::MAX);
        due.iter().map(ToString::to_string).collect()
    }

    fn page(&self) -> Vec<String> {
        let selection = self.jobs.select(Timestamp::MIN);
        let ids = selection.jobs.iter().map(|job| job.id.to_string());
        ids.collect()
    }
}

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
fn jobs_that_did_not_get_their_turn_come_first_the_next_time() {
    let tenant = tenant(&["a", "b", "c"], None);
    let mut known = Known::new(&tenant);
    let mut asked = Vec::new();
    for minute in 0..3 {
        let now = now() + minutes(minute);
        for id in plan::due(&known.jobs, now, 1) {
            asked.push(id.to_string());
            known.jobs.fetched(job(&id, Some(ago(DAY)), false), now);
        }
    }
    assert_eq!(asked, ["a", "b", "c"]);
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
