//! One tenant: at most one refresh in flight, which everybody who wants one
//! joins, and the loop that starts them on the clock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::Environment;
use super::core::{Core, Terms};
use super::publisher::Publisher;
use crate::amperity::Client;
use crate::config::{self, Mode, Refresh};
use crate::snapshot::Snapshot;

/// One tenant and its refreshes.
#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) name: Arc<str>,
    environment: Environment,
    publisher: Arc<Publisher>,
    core: tokio::sync::Mutex<Core>,
    /// The client of the present configuration, for questions beside the
    /// refreshes.
    client: RwLock<Arc<Client>>,
    flight: Mutex<Option<Flight>>,
    pulse: Mutex<Pulse>,
    /// Whether the first refresh is over.
    ready: AtomicBool,
}

/// A refresh under way.
#[derive(Debug)]
struct Flight {
    since: Instant,
    /// Closed when the refresh is over and published.
    landed: watch::Receiver<()>,
    task: JoinHandle<()>,
}

/// When the refreshes last showed a sign of life.
#[derive(Clone, Copy, Debug)]
struct Pulse {
    last: Instant,
    last_success: Option<Instant>,
}

/// How long a refresh may take: the interval, but at least two full timeouts,
/// so that one slow answer and a retry fit.
pub(super) fn budget(refresh: Refresh, timeout: Duration) -> Duration {
    let patience = timeout.saturating_mul(2);
    match refresh.mode {
        Mode::Interval(interval) => interval.max(patience),
        Mode::Scrape { .. } => patience,
    }
}

impl Tenant {
    pub(super) fn new(core: Core, environment: Environment, publisher: Arc<Publisher>) -> Self {
        Self {
            name: Arc::clone(&core.settings.tenant),
            environment,
            publisher,
            client: RwLock::new(Arc::clone(&core.client)),
            core: tokio::sync::Mutex::new(core),
            flight: Mutex::new(None),
            pulse: Mutex::new(Pulse {
                last: Instant::now(),
                last_success: None,
            }),
            ready: AtomicBool::new(false),
        }
    }

    pub(super) fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts a refresh, or joins the one under way; the receiver closes when
    /// it is over and published.
    pub(super) fn refresh(self: &Arc<Self>, terms: Terms) -> watch::Receiver<()> {
        let mut flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flight.as_ref().filter(|flight| !flight.task.is_finished()) {
            return flight.landed.clone();
        }
        let (sender, landed) = watch::channel(());
        let tenant = Arc::clone(self);
        let task = tokio::spawn(async move {
            tenant.run(terms).await;
            drop(sender);
        });
        let receiver = landed.clone();
        let since = Instant::now();
        *flight = Some(Flight {
            since,
            landed,
            task,
        });
        receiver
    }

    async fn run(self: &Arc<Self>, terms: Terms) {
        let mut core = self.core.lock().await;
        // Nobody may have scraped for long, and this refresh may take its time.
        let now = self.environment.clock.now();
        if core.status.jobs > 0 && core.is_stale(terms, now) {
            let stale = core.snapshot(terms, now);
            self.publisher.publish(vec![stale], None).await;
        }
        core.refresh(&self.environment, terms).await;
        let snapshot = core.snapshot(terms, self.environment.clock.now());
        let up = snapshot.status.up;
        self.publisher.publish(vec![snapshot], None).await;
        let now = Instant::now();
        let mut pulse = self.pulse();
        pulse.last = now;
        pulse.last_success = if up { Some(now) } else { pulse.last_success };
        self.ready.store(true, Ordering::Release);
    }

    /// Refreshes on the clock until it is dropped: at once, then at a moment
    /// of the interval that differs between tenants; missed ones are skipped.
    pub(super) async fn every(self: Arc<Self>, interval: Duration, terms: Terms) {
        // How long it is since the last scrape is no sign of this loop.
        self.pulse().last = Instant::now();
        let _ = self.refresh(terms).changed().await;
        let phase = interval.mul_f64(0.5 + phase(&self.name) / 2.0);
        let mut ticks = tokio::time::interval_at(Instant::now() + phase, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let _ = self.refresh(terms).changed().await;
        }
    }

    /// Whether an answer younger than `max_age` is there.
    pub(super) fn is_fresh(&self, max_age: Duration) -> bool {
        let age = self.pulse().last_success.map(|success| success.elapsed());
        !max_age.is_zero() && age.is_some_and(|age| age <= max_age)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Whether the refreshes make progress: on the clock one ends at least
    /// every `patience`, on scrapes none takes longer.
    pub(super) fn is_alive(&self, mode: Mode, patience: Duration) -> bool {
        let since = match mode {
            Mode::Interval(_) => Some(self.pulse().last),
            Mode::Scrape { .. } => {
                let flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
                let flying = flight.as_ref().filter(|flight| !flight.task.is_finished());
                flying.map(|flight| flight.since)
            }
        };
        since.is_none_or(|since| since.elapsed() <= patience)
    }

    fn pulse(&self) -> MutexGuard<'_, Pulse> {
        self.pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the refresh under way, if there is one.
    pub(super) async fn ground(&self) {
        let flight = self
            .flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(flight) = flight {
            flight.task.abort();
            let _ = flight.task.await;
        }
    }

    /// Takes over new settings with everything that is known; returns what
    /// the page is to show by them. A refresh by the old ones is given up.
    pub(super) async fn adopt(
        &self,
        settings: Arc<config::Tenant>,
        client: Arc<Client>,
        terms: Terms,
    ) -> Snapshot {
        let mut core = loop {
            self.ground().await;
            // A scrape may have started another one just now.
            if let Ok(core) = self.core.try_lock() {
                break core;
            }
        };
        core.known.configure(&settings);
        if settings.collect.feeds && !core.settings.collect.feeds {
            // The ledger has not seen what was found meanwhile.
            core.unaccounted = core.known.found();
        }
        core.settings = settings;
        core.client = Arc::clone(&client);
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
        core.snapshot(terms, self.environment.clock.now())
    }
}

/// A number from 0 to 1 that is always the same for a name.
fn phase(name: &str) -> f64 {
    let hash = crc32fast::hash(name.as_bytes());
    f64::from(hash) / f64::from(u32::MAX)
}
