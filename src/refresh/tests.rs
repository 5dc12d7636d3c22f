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
use crate::jobs::{Files, Job, Rows, State, Table};
use crate::telemetry::Reason;

mod discovery;
mod known_jobs;
mod outcome;
mod properties;
mod requests;
mod workflows;

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
        created_series: false,
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
            files: Files::default(),
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
