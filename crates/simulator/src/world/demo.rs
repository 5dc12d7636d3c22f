//! Generated worlds: the one of `demo`, the same without incidents, and one of
//! any size for load tests.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::generated::{Incident, Pipeline, RecurringIncident};
use super::job::{Outcome, milliseconds};
use super::workflow::Attribution;
use super::{SimulatedTenant, World};
use crate::random::{hash, mixed, rng};
use crate::token;

/// How long before `start` the first runs of the demo world begin: of workflows that
/// run every few minutes, and of those that run every hour or every night.
const HISTORY: Duration = Duration::from_hours(3);
const LONG_HISTORY: Duration = Duration::from_hours(7 * 24);
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The type of workflows that load files.
const COURIER_GROUP: &str = "courier.group/run";

/// A pipeline of the demo world: the workflow's name; seconds from `start` to
/// its first run, between runs and of a run; its tables and their rows; its
/// incidents.
type PipelineSpec = (
    &'static str,
    i64,
    i64,
    u64,
    &'static [(&'static str, u64)],
    &'static [RecurringIncident],
);

const fn recurring(incident: Incident, first: i64, every: i64, slots: i64) -> RecurringIncident {
    RecurringIncident {
        incident,
        first,
        every,
        slots,
    }
}

const DEMO_PIPELINES: &[PipelineSpec] = &[
    (
        "CRM export",
        1,
        60,
        20,
        &[("Customers", 48_000)],
        &[recurring(Incident::Absent, 2, 60, 7)],
    ),
    (
        "Web shop",
        5,
        120,
        45,
        &[
            ("Web orders", 36_000),
            ("Web order items", 94_000),
            ("Web returns", 2_600),
        ],
        &[recurring(Incident::Slow(5), 0, 30, 2)],
    ),
    (
        "Loyalty program",
        9,
        90,
        30,
        &[("Loyalty members", 21_000)],
        &[
            recurring(Incident::Ends(Outcome::Failed), 0, 20, 1),
            recurring(Incident::Retried(Attribution::Platform), 10, 20, 1),
        ],
    ),
    (
        "Email service",
        25,
        180,
        75,
        &[("Email events", 310_000), ("Email unsubscribes", 1_300)],
        &[
            recurring(Incident::Ends(Outcome::Stopped), 2, 15, 1),
            recurring(Incident::FailsBeforeIngest(Attribution::Customer), 1, 15, 1),
        ],
    ),
    (
        "Point of sale",
        13,
        75,
        25,
        &[("Store transactions", 64_000)],
        &[recurring(Incident::Rejects, 0, 24, 1)],
    ),
    (
        "Product information",
        17,
        300,
        15,
        &[("Product catalog", 8_800)],
        &[
            recurring(Incident::Ends(Outcome::Skipped), 0, 6, 1),
            recurring(Incident::Ends(Outcome::Canceled), 2, 6, 1),
        ],
    ),
    (
        "Data warehouse",
        20 * 60,
        HOUR,
        240,
        &[("Orders", 180_000), ("Order items", 420_000)],
        &[],
    ),
    (
        "Loyalty statements",
        DAY - 2 * HOUR,
        DAY,
        900,
        &[("Loyalty points", 1_200_000)],
        &[],
    ),
    // Its last run started four hours ago, and the next one starts in less than three.
    (
        "Call center",
        -10 * 60,
        HOUR,
        90,
        &[("Agency leads", 5_400)],
        &[recurring(Incident::Absent, -3, 1_000, 6)],
    ),
];

/// The parameters of [`World::generated`].
#[derive(Clone, Debug)]
pub struct WorldParameters {
    /// The same parameters give the same world.
    pub seed: u64,
    /// The end of [`WorldParameters::history`].
    pub start: Timestamp,
    /// Tenants, named `tenant-0` and so on.
    pub tenants: usize,
    /// Feeds per tenant, one table each.
    pub feeds: usize,
    /// The time between two runs of a feed; at least one second.
    pub period: Duration,
    /// The usual duration of a run; it varies by 12 %.
    pub duration: Duration,
    /// How long before `start` the first runs start.
    pub history: Duration,
}

impl World {
    /// The tenant `socktown` of `demo`: nine tables, runs of 15 to 90 seconds
    /// every one to five minutes, three hours of history, and recurring
    /// incidents: within four minutes of `start` a failure, a late feed, a
    /// slow run, a spike of rejected rows and a skipped run, less often a
    /// stopped or canceled run, a workflow that fails before its ingest job, and
    /// one that is retried. And three tables that have been loaded every hour for a
    /// week, of which one has not been loaded for hours, and a nightly one.
    #[must_use]
    pub fn demo(seed: u64, start: Timestamp) -> Self {
        Self::socktown(seed, start, true)
    }

    /// The demo world without incidents: no alert fires.
    #[must_use]
    pub fn healthy(seed: u64, start: Timestamp) -> Self {
        Self::socktown(seed, start, false)
    }

    /// A world of any size without incidents.
    #[must_use]
    pub fn generated(parameters: &WorldParameters) -> Self {
        let period = i64::try_from(parameters.period.as_millis())
            .unwrap_or(i64::MAX)
            .max(1000);
        let history = i64::try_from(parameters.history.as_millis()).unwrap_or(i64::MAX);
        let mut world = Self::empty();
        for number in 0..parameters.tenants {
            let mut tenant = SimulatedTenant::new(format!("tenant-{number}"));
            for feed in 0..parameters.feeds {
                let seed = seed_of(parameters.seed, &tenant.name, feed as u64);
                let share =
                    u64::try_from(period).unwrap_or(0) / parameters.feeds as u64 * feed as u64;
                tenant.pipelines.push(Pipeline {
                    seed,
                    name: format!("Group {feed}"),
                    workflow_type: COURIER_GROUP,
                    tables: vec![(format!("Table {feed}"), feed_id(seed, 0), 5_000)],
                    anchor: parameters
                        .start
                        .as_millisecond()
                        .saturating_add_unsigned(share),
                    period,
                    duration: milliseconds(parameters.duration),
                    first_slot: -(history / period),
                    recurring: Vec::new(),
                    scheduled: BTreeMap::new(),
                    paused: Vec::new(),
                });
            }
            world = world.tenant(tenant);
        }
        world
    }

    fn socktown(seed: u64, start: Timestamp, with_incidents: bool) -> Self {
        let mut tenant = SimulatedTenant::new("socktown");
        let expiry = start
            .saturating_add(TOKEN_LIFETIME)
            .unwrap_or(Timestamp::MAX);
        let token = token::jwt(&tenant.name, "api-key", start, expiry, seed);
        tenant = tenant.token(token, Some(expiry));
        for (number, (name, offset, period, duration, tables, incidents)) in
            (0..).zip(DEMO_PIPELINES)
        {
            let seed = seed_of(seed, &tenant.name, number);
            let tables = (0..)
                .zip(*tables)
                .map(|(index, (name, rows))| ((*name).to_owned(), feed_id(seed, index), *rows));
            tenant.pipelines.push(Pipeline {
                seed,
                name: (*name).to_owned(),
                workflow_type: COURIER_GROUP,
                tables: tables.collect(),
                anchor: start.as_millisecond() + offset * 1000,
                period: period * 1000,
                duration: duration * 1000,
                first_slot: first_slot(*period),
                recurring: if with_incidents {
                    incidents.to_vec()
                } else {
                    Vec::new()
                },
                scheduled: BTreeMap::new(),
                paused: Vec::new(),
            });
        }
        tenant.pipelines.push(campaign(seed, start));
        Self::empty().tenant(tenant)
    }
}

fn first_slot(period: i64) -> i64 {
    let history = if period < HOUR { HISTORY } else { LONG_HISTORY };
    -(i64::try_from(history.as_secs()).unwrap_or(0) / period)
}

/// A workflow that loads nothing.
fn campaign(seed: u64, start: Timestamp) -> Pipeline {
    Pipeline {
        seed: seed_of(seed, "campaign", 0),
        name: "Customer Attribute Daily".to_owned(),
        workflow_type: "campaign.send",
        tables: Vec::new(),
        anchor: start.as_millisecond(),
        period: 240_000,
        duration: 30_000,
        first_slot: -45,
        recurring: Vec::new(),
        scheduled: BTreeMap::new(),
        paused: Vec::new(),
    }
}

fn seed_of(seed: u64, tenant: &str, pipeline: u64) -> u64 {
    rng(&[seed, hash(tenant), pipeline]).u64(..)
}

fn feed_id(seed: u64, table: u64) -> String {
    format!("df-{}", mixed(&mut rng(&[seed, table]), 8))
}
