//! A simulated Amperity API, as strict as the real one, for the exporter's
//! `demo`, `simulator` and tests. It shares no type with the exporter, so
//! that the two cannot be wrong together.
//!
//! [`World`] is what there is to tell, [`Simulator::respond`] tells it over
//! HTTP by the vendor's rules, [`Fault`]s spoil the answers on demand, and
//! [`serve`] puts all of it on a socket under the base path `/api`.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use jiff::{SignedDuration, Timestamp};

mod chance;
mod control;
mod faults;
mod http;
mod log;
mod query;
mod rate;
mod reply;
mod serve;
#[cfg(test)]
mod tests;
mod token;
mod world;

pub use control::Credentials;
pub use faults::{Act, Fault, Reply, RetryAfter, Trouble};
pub use log::{Endpoint, Entry};
pub use serve::serve;
pub use world::{
    Counts, Incident, Job, Outcome, Parametric, Rows, State, Table, Tally, Tenant, World,
};

/// The simulated API. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct Simulator {
    inner: Arc<Mutex<Inner>>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// What can be set while the simulator runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Requests of a tenant in any one second; 10.
    pub requests_per_second: usize,
    /// How long tokens of the token endpoint are good for; an hour.
    pub token_lifetime: Duration,
    /// Whether answers are compressed for those who accept gzip; yes.
    pub gzip: bool,
    /// Whether lists carry a `next_token`, which is good for nothing; yes.
    pub next_token: bool,
    /// How far the simulator's clock is ahead of ours; not at all.
    pub clock_skew: SignedDuration,
    /// The `Deprecation` header; none.
    pub deprecation: Option<Timestamp>,
    /// The `Sunset` header; none.
    pub sunset: Option<Timestamp>,
}

#[derive(Debug)]
struct Inner {
    world: World,
    options: Options,
    tokens: token::Tokens,
    rate: rate::Rate,
    faults: Vec<Fault>,
    /// Bodies to give instead of the world's, by tenant and job id; without
    /// an id it is the list.
    instead: HashMap<(String, Option<String>), Bytes>,
    log: log::Log,
    /// Counts requests and keys.
    serial: u64,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            requests_per_second: 10,
            token_lifetime: Duration::from_hours(1),
            gzip: true,
            next_token: true,
            clock_skew: SignedDuration::ZERO,
            deprecation: None,
            sunset: None,
        }
    }
}

impl Simulator {
    /// A simulator of this world; `clock` returns the present time.
    #[must_use]
    pub fn new(world: World, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let mut tokens = token::Tokens::default();
        for tenant in world.tenants() {
            for (token, expiry) in &tenant.tokens {
                tokens.add(token.clone(), &tenant.name, *expiry);
            }
        }
        let inner = Inner {
            world,
            options: Options::default(),
            tokens,
            rate: rate::Rate::default(),
            faults: Vec::new(),
            instead: HashMap::new(),
            log: log::Log::default(),
            serial: 0,
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
            clock: Arc::new(clock),
        }
    }

    /// Answers a request. Waiting, hanging and resetting is left to the
    /// caller.
    #[must_use]
    pub fn respond(&self, request: &Request<Bytes>) -> Reply {
        let (mut inner, now) = self.lock();
        inner.respond(request, now)
    }

    /// The simulator's time: the clock's and [`Options::clock_skew`].
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.lock().1
    }

    /// Changes the options.
    pub fn set(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.lock().0.options);
    }

    /// Lets a fault strike from now on.
    pub fn inject(&self, fault: Fault) {
        self.lock().0.faults.push(fault);
    }

    /// Ends all faults.
    pub fn mend(&self) {
        self.lock().0.faults.clear();
    }

    /// Gives this body, with status 200, for every job of this id, whether
    /// there is one or not.
    pub fn answer_job(&self, tenant: &str, id: &str, body: impl Into<Bytes>) {
        let key = (tenant.to_owned(), Some(id.to_owned()));
        self.lock().0.instead.insert(key, body.into());
    }

    /// Gives this body, with status 200, for every valid question for a list.
    pub fn answer_jobs(&self, tenant: &str, body: impl Into<Bytes>) {
        let key = (tenant.to_owned(), None);
        self.lock().0.instead.insert(key, body.into());
    }

    /// The requests so far, the last 200,000 of them.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.lock().0.log.entries.iter().cloned().collect()
    }

    /// How many requests so far are of some kind.
    pub fn count(&self, mut kind: impl FnMut(&Entry) -> bool) -> usize {
        let (inner, _) = self.lock();
        inner.log.entries.iter().filter(|entry| kind(entry)).count()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        self.lock().0.log.entries.clear();
    }

    /// What is inside, and the time there.
    fn lock(&self) -> (MutexGuard<'_, Inner>, Timestamp) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (self.clock)().saturating_add(inner.options.clock_skew);
        (inner, now.unwrap_or(Timestamp::MAX))
    }
}

/// The exclusive end of everything that happened up to `time`.
fn a_millisecond_after(time: Timestamp) -> Timestamp {
    time.saturating_add(SignedDuration::from_millis(1))
        .unwrap_or(Timestamp::MAX)
}
