//! The whole exporter against the simulator, for days of paused time.

mod credentials;
mod discovery;
mod economy;
mod failures;
mod learning;
mod outage;
mod reload;
mod slow;
mod stop;
mod tenants;
mod weeks;
mod workflow_requests;
mod workflows;

use std::time::Duration;

use amperity_simulator::{Job, Outcome, Rows, SimulatedTenant, Table, World};

use crate::support::start;

/// A world with one tenant, `socktown`, and these jobs.
fn world(jobs: impl IntoIterator<Item = Job>) -> World {
    let tenant = jobs
        .into_iter()
        .fold(SimulatedTenant::new("socktown"), SimulatedTenant::job);
    World::empty().tenant(tenant)
}

/// A job of one table that starts `offset` seconds after the scenario and
/// succeeds `duration` later with 100 rows.
fn job(id: &str, offset: i64, duration: Duration) -> Job {
    job_of(id, "df-1", offset, duration, Outcome::Succeeded)
}

fn job_of(id: &str, feed: &str, offset: i64, duration: Duration, outcome: Outcome) -> Job {
    let rows = Rows {
        inserted: 70,
        updated: 20,
        rejected: 6,
        errors: 4,
    };
    let started = start() + jiff::SignedDuration::from_secs(offset);
    let table = Table::new("Customers", feed);
    Job::new(id, started).table(table.lasting(duration).ending(outcome).rows(rows))
}
