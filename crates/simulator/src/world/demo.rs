//! Ready-made worlds: the one of `demo`, the same without trouble, and one of
//! any size for load tests.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::generated::{Incident, Pipeline, Recurring};
use super::job::{Outcome, milliseconds};
use super::{Tenant, World};
use crate::chance::{dice, mixed, number_of};
use crate::token;

/// How long before `start` the demo world's history begins.
const HISTORY: Duration = Duration::from_hours(3);
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A pipeline of the demo world: seconds from `start` to its first run,
/// between runs, and for a run; its tables and their rows; its troubles.
type Sketch = (
    i64,
    i64,
    u64,
    &'static [(&'static str, u64)],
    &'static [Recurring],
);

const fn trouble(incident: Incident, first: i64, every: i64, slots: i64) -> Recurring {
    Recurring {
        incident,
        first,
        every,
        slots,
    }
}

const SKETCHES: &[Sketch] = &[
    (
        1,
        60,
        20,
        &[("Customers", 48_000)],
        &[trouble(Incident::Absent, 2, 60, 7)],
    ),
    (
        5,
        120,
        45,
        &[
            ("Web orders", 36_000),
            ("Web order items", 94_000),
            ("Web returns", 2_600),
        ],
        &[trouble(Incident::Slow(5), 0, 30, 2)],
    ),
    (
        9,
        90,
        30,
        &[("Loyalty members", 21_000)],
        &[trouble(Incident::Ends(Outcome::Failed), 0, 20, 1)],
    ),
    (
        25,
        180,
        75,
        &[("Email events", 310_000), ("Email unsubscribes", 1_300)],
        &[trouble(Incident::Ends(Outcome::Stopped), 2, 15, 1)],
    ),
    (
        13,
        75,
        25,
        &[("Store transactions", 64_000)],
        &[trouble(Incident::Rejects, 0, 24, 1)],
    ),
    (
        17,
        300,
        15,
        &[("Product catalog", 8_800)],
        &[
            trouble(Incident::Ends(Outcome::Skipped), 0, 6, 1),
            trouble(Incident::Ends(Outcome::Canceled), 2, 6, 1),
        ],
    ),
];

/// The measures of [`World::parametric`].
#[derive(Clone, Debug)]
pub struct Parametric {
    /// Worlds of the same measures and seed are the same.
    pub seed: u64,
    /// Where [`Parametric::history`] ends.
    pub start: Timestamp,
    /// Tenants, named `tenant-0` and so on.
    pub tenants: usize,
    /// Feeds per tenant, one table each.
    pub feeds: usize,
    /// The time between two runs of a feed; at least a second.
    pub period: Duration,
    /// The usual time a run takes, give or take an eighth.
    pub duration: Duration,
    /// How long before `start` the first runs began.
    pub history: Duration,
}

impl World {
    /// The tenant `socktown` as `demo` shows it: nine tables, runs of 15 to
    /// 90 seconds every one to five minutes, three hours of history, and
    /// within four minutes of `start`, and again and again after that, a
    /// failure, a late feed, a slow run, a spike of rejected rows, a skipped
    /// run, and now and then a stopped or canceled one.
    #[must_use]
    pub fn demo(seed: u64, start: Timestamp) -> Self {
        Self::socktown(seed, start, true)
    }

    /// The demo world on a good day: nothing that anyone should be woken for.
    #[must_use]
    pub fn healthy(seed: u64, start: Timestamp) -> Self {
        Self::socktown(seed, start, false)
    }

    /// A world of any size without trouble.
    #[must_use]
    pub fn parametric(measures: &Parametric) -> Self {
        let period = i64::try_from(measures.period.as_millis())
            .unwrap_or(i64::MAX)
            .max(1000);
        let history = i64::try_from(measures.history.as_millis()).unwrap_or(i64::MAX);
        let mut world = Self::empty();
        for number in 0..measures.tenants {
            let mut tenant = Tenant::new(format!("tenant-{number}"));
            for feed in 0..measures.feeds {
                let seed = seed_of(measures.seed, &tenant.name, feed as u64);
                let share =
                    u64::try_from(period).unwrap_or(0) / measures.feeds as u64 * feed as u64;
                tenant.pipelines.push(Pipeline {
                    seed,
                    tables: vec![(format!("Table {feed}"), feed_id(seed, 0), 5_000)],
                    anchor: measures
                        .start
                        .as_millisecond()
                        .saturating_add_unsigned(share),
                    period,
                    duration: milliseconds(measures.duration),
                    first_slot: -(history / period),
                    recurring: Vec::new(),
                    ordered: BTreeMap::new(),
                    held_back: Vec::new(),
                });
            }
            world = world.tenant(tenant);
        }
        world
    }

    fn socktown(seed: u64, start: Timestamp, troubled: bool) -> Self {
        let mut tenant = Tenant::new("socktown");
        let expiry = start.saturating_add(TOKEN_LIFE).unwrap_or(Timestamp::MAX);
        let made_by_hand = token::jwt(&tenant.name, "made-by-hand", start, expiry, seed);
        tenant = tenant.token(made_by_hand, Some(expiry));
        for (number, (offset, period, duration, tables, troubles)) in (0..).zip(SKETCHES) {
            let seed = seed_of(seed, &tenant.name, number);
            let tables = (0..)
                .zip(*tables)
                .map(|(index, (name, rows))| ((*name).to_owned(), feed_id(seed, index), *rows));
            tenant.pipelines.push(Pipeline {
                seed,
                tables: tables.collect(),
                anchor: start.as_millisecond() + offset * 1000,
                period: period * 1000,
                duration: duration * 1000,
                first_slot: -(i64::try_from(HISTORY.as_secs()).unwrap_or(0) / period),
                recurring: if troubled {
                    troubles.to_vec()
                } else {
                    Vec::new()
                },
                ordered: BTreeMap::new(),
                held_back: Vec::new(),
            });
        }
        Self::empty().tenant(tenant)
    }
}

fn seed_of(seed: u64, tenant: &str, pipeline: u64) -> u64 {
    dice(&[seed, number_of(tenant), pipeline]).u64(..)
}

fn feed_id(seed: u64, table: u64) -> String {
    format!("df-{}", mixed(&mut dice(&[seed, table]), 8))
}
