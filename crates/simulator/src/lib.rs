//! A simulated Amperity API, as strict as the real one, for the exporter's
//! `demo`, `simulator` and tests. It shares no type with the exporter, so
//! that the two cannot be wrong together.
//!
//! [`World`] holds the tenants and their jobs, [`Simulator::respond`] answers
//! HTTP requests by the vendor's rules, [`Fault`]s change the responses on
//! demand, and [`serve`] serves all of it on a socket under `/api`.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use jiff::{SignedDuration, Timestamp};

mod control;
mod faults;
mod http;
mod log;
mod query;
mod random;
mod rate;
mod response;
mod serve;
#[cfg(test)]
mod tests;
mod token;
mod workflow_query;
mod workflows;
mod world;

pub use control::Credentials;
pub use faults::{Delivery, Fault, FaultKind, Reply, RetryAfter};
pub use log::{Endpoint, Entry};
pub use serve::serve;
pub use world::{
    Attribution, Counts, FeedTotals, Incident, Job, Outcome, Principal, Rows, SimulatedTenant,
    Table, TableState, WorkflowError, WorkflowOutcome, WorkflowRun, WorkflowTotals, World,
    WorldParameters,
};

/// The simulated API. A clone is another handle to the same one.
#[derive(Clone)]
pub struct Simulator {
    inner: Arc<Mutex<Inner>>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// Settings that can be changed while the simulator runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Requests per tenant in any period of one second; default 10.
    pub requests_per_second: usize,
    /// The lifetime of tokens from the token endpoint; default one hour.
    pub token_lifetime: Duration,
    /// Whether responses are compressed for clients that accept gzip; default
    /// true.
    pub gzip: bool,
    /// Whether lists contain a `next_token` where it has no use: that of jobs,
    /// and the last page of workflows, where it is empty; default true.
    pub next_token: bool,
    /// Whether lists of workflows have the fields of an overview only; the
    /// documentation does not say; default false.
    pub workflow_overviews: bool,
    /// How far the simulator's clock is ahead of the given one; default 0.
    pub clock_skew: SignedDuration,
    /// The `Deprecation` header; default none.
    pub deprecation: Option<Timestamp>,
    /// The `Sunset` header; default none.
    pub sunset: Option<Timestamp>,
}

#[derive(Debug)]
struct Inner {
    world: World,
    options: Options,
    tokens: token::Tokens,
    rate_limiter: rate::RateLimiter,
    faults: Vec<Fault>,
    /// Response bodies set by tests, by tenant and job id; without an id, the
    /// list.
    overrides: HashMap<(String, Option<String>), Bytes>,
    log: log::Log,
    /// The number of requests and tokens so far.
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
            workflow_overviews: false,
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
            rate_limiter: rate::RateLimiter::default(),
            faults: Vec::new(),
            overrides: HashMap::new(),
            log: log::Log::default(),
            serial: 0,
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
            clock: Arc::new(clock),
        }
    }

    /// Answers a request. The caller carries out delay and delivery.
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

    /// Adds a fault.
    pub fn inject(&self, fault: Fault) {
        self.lock().0.faults.push(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.lock().0.faults.clear();
    }

    /// Responds with 200 and this body to requests for this job id, whether
    /// the job exists or not.
    pub fn override_job(&self, tenant: &str, id: &str, body: impl Into<Bytes>) {
        let key = (tenant.to_owned(), Some(id.to_owned()));
        self.lock().0.overrides.insert(key, body.into());
    }

    /// Responds with 200 and this body to every valid list request.
    pub fn override_list(&self, tenant: &str, body: impl Into<Bytes>) {
        let key = (tenant.to_owned(), None);
        self.lock().0.overrides.insert(key, body.into());
    }

    /// The last 200,000 requests.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.lock().0.log.entries.iter().cloned().collect()
    }

    /// The number of logged requests that match.
    pub fn count(&self, mut matches: impl FnMut(&Entry) -> bool) -> usize {
        let (inner, _) = self.lock();
        inner
            .log
            .entries
            .iter()
            .filter(|entry| matches(entry))
            .count()
    }

    /// Clears the log of requests.
    pub fn clear_log(&self) {
        self.lock().0.log.entries.clear();
    }

    /// The state and the simulator's time.
    fn lock(&self) -> (MutexGuard<'_, Inner>, Timestamp) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (self.clock)().saturating_add(inner.options.clock_skew);
        (inner, now.unwrap_or(Timestamp::MAX))
    }
}

/// The exclusive end of a range that includes `time`.
fn just_after(time: Timestamp) -> Timestamp {
    time.saturating_add(SignedDuration::from_millis(1))
        .unwrap_or(Timestamp::MAX)
}
