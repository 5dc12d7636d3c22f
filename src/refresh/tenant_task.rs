//! The task of one tenant. It owns the tenant's state, receives messages, and
//! runs at most one refresh at a time, by interval or when a scrape needs
//! one. A scrape that comes during a refresh waits for that one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::Environment;
use super::publisher::Publisher;
use super::tenant_state::{RefreshTimes, TenantState};
use crate::amperity::Client;
use crate::config::{self, Mode, Refresh};
use crate::snapshot::Snapshot;

/// Messages that may wait for a tenant's task.
const INBOX: usize = 64;

/// A command to a tenant's task.
#[derive(Debug)]
enum Message {
    /// Refresh now. Answered when the result is published.
    Refresh(oneshot::Sender<()>),
    Reconfigure(Reconfigure),
    /// End. Answered when the refresh in flight is cancelled.
    Stop(oneshot::Sender<()>),
}

/// New settings. A refresh in flight is cancelled.
#[derive(Debug)]
struct Reconfigure {
    config: TenantConfig,
    client: Arc<Client>,
    /// Gets what the page shows by the new settings, if there is anything.
    snapshot: oneshot::Sender<Option<Snapshot>>,
    /// The task goes on when the other end is dropped.
    resume: oneshot::Receiver<()>,
}

/// What the configuration says about one tenant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TenantConfig {
    pub(super) settings: Arc<config::Tenant>,
    pub(super) times: RefreshTimes,
    pub(super) mode: Mode,
}

impl TenantConfig {
    pub(super) fn new(settings: &config::Settings, tenant: &Arc<config::Tenant>) -> Self {
        Self {
            settings: Arc::clone(tenant),
            times: RefreshTimes {
                stale_after: settings.refresh.stale_after,
                forget_after: settings.forget_after,
                budget: budget(settings.refresh, tenant.api.timeout),
            },
            mode: settings.refresh.mode,
        }
    }
}

/// How long a refresh may take: the interval, but at least two timeouts, so
/// that one slow answer and a retry fit.
fn budget(refresh: Refresh, timeout: Duration) -> Duration {
    let two = timeout.saturating_mul(2);
    match refresh.mode {
        Mode::Interval(interval) => interval.max(two),
        Mode::Scrape { .. } => two,
    }
}

/// How far the task of a tenant has got.
#[derive(Clone, Copy, Debug)]
struct Progress {
    /// When the last refresh ended, or else when the present schedule began.
    last_end: Instant,
    last_success: Option<Instant>,
    /// When the refresh in flight began.
    refreshing_since: Option<Instant>,
    /// Whether the first refresh is over.
    is_ready: bool,
}

/// The other end of a tenant's task. Cloning gives the same one.
#[derive(Clone, Debug)]
pub(super) struct TenantHandle {
    messages: mpsc::Sender<Message>,
    progress: watch::Receiver<Progress>,
}

impl TenantHandle {
    /// Asks for a refresh, or joins the one in flight; the future is ready when
    /// it is published.
    pub(super) async fn refresh(&self) -> impl Future<Output = ()> + use<> {
        let (done, published) = oneshot::channel();
        // A task that has ended drops the message, and with it `done`.
        let _ = self.messages.send(Message::Refresh(done)).await;
        async move {
            let _ = published.await;
        }
    }

    /// Gives the task new settings. Returns what the page shows by them; the
    /// task does nothing until the sender is dropped.
    pub(super) async fn reconfigure(
        &self,
        config: TenantConfig,
        client: Arc<Client>,
    ) -> (Option<Snapshot>, oneshot::Sender<()>) {
        let (reply, snapshot) = oneshot::channel();
        let (paused, resume) = oneshot::channel();
        let message = Message::Reconfigure(Reconfigure {
            config,
            client,
            snapshot: reply,
            resume,
        });
        let _ = self.messages.send(message).await;
        (snapshot.await.unwrap_or_default(), paused)
    }

    /// Ends the task, and with it a refresh in flight.
    pub(super) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        let _ = self.messages.send(Message::Stop(done)).await;
        let _ = stopped.await;
    }

    /// Whether the first refresh is over.
    pub(super) fn is_ready(&self) -> bool {
        self.progress.borrow().is_ready
    }

    /// Whether there is an answer younger than `max_age`.
    pub(super) fn is_fresh(&self, max_age: Duration) -> bool {
        let last_success = self.progress.borrow().last_success;
        let age = last_success.map(|success| success.elapsed());
        !max_age.is_zero() && age.is_some_and(|age| age <= max_age)
    }

    /// Whether the refreshes make progress: by interval one ends at least every
    /// `timeout`, by scrape none takes longer.
    pub(super) fn is_alive(&self, mode: Mode, timeout: Duration) -> bool {
        // The task has ended, as after a panic.
        if self.progress.has_changed().is_err() {
            return false;
        }
        let progress = *self.progress.borrow();
        let since = match mode {
            Mode::Interval(_) => Some(progress.last_end),
            Mode::Scrape { .. } => progress.refreshing_since,
        };
        since.is_none_or(|since| since.elapsed() <= timeout)
    }
}

/// The task of a tenant.
#[derive(Debug)]
pub(super) struct TenantTask {
    state: TenantState,
    mode: Mode,
    environment: Environment,
    publisher: Publisher,
    inbox: mpsc::Receiver<Message>,
    progress: watch::Sender<Progress>,
    /// Who waits for the next refresh to end.
    waiting: Vec<oneshot::Sender<()>>,
}

impl TenantTask {
    pub(super) fn new(
        state: TenantState,
        mode: Mode,
        environment: Environment,
        publisher: Publisher,
    ) -> (Self, TenantHandle) {
        let (messages, inbox) = mpsc::channel(INBOX);
        let (sender, progress) = watch::channel(Progress {
            last_end: Instant::now(),
            last_success: None,
            refreshing_since: None,
            is_ready: false,
        });
        let task = Self {
            state,
            mode,
            environment,
            publisher,
            inbox,
            progress: sender,
            waiting: Vec::new(),
        };
        (task, TenantHandle { messages, progress })
    }

    /// Refreshes at once, then by interval or on demand, until it is stopped.
    pub(super) async fn run(mut self) {
        let mut ticks = None;
        let mut next = self.refresh().await;
        loop {
            match next {
                Some(Message::Refresh(done)) => {
                    self.waiting.push(done);
                    next = self.refresh().await;
                }
                Some(Message::Reconfigure(message)) => {
                    self.reconfigure(message).await;
                    ticks = None;
                    next = self.refresh().await;
                }
                Some(Message::Stop(done)) => {
                    let _ = done.send(());
                    return;
                }
                None => {
                    let ticks = ticks.get_or_insert_with(|| self.ticks());
                    next = tokio::select! {
                        message = self.inbox.recv() => match message {
                            Some(message) => Some(message),
                            // Nobody holds the handle any more.
                            None => return,
                        },
                        () = tick(ticks) => self.refresh().await,
                    };
                }
            }
        }
    }

    /// Runs a refresh and publishes its result. Returns the message that
    /// cancelled it, if one did.
    async fn refresh(&mut self) -> Option<Message> {
        self.progress
            .send_modify(|progress| progress.refreshing_since = Some(Instant::now()));
        let cancelled_by = {
            let is_first = !self.progress.borrow().is_ready;
            let refresh = refresh_and_publish(
                &mut self.state,
                &self.environment,
                &self.publisher,
                is_first,
            );
            tokio::pin!(refresh);
            loop {
                tokio::select! {
                    () = &mut refresh => break None,
                    message = self.inbox.recv() => match message {
                        Some(Message::Refresh(done)) => self.waiting.push(done),
                        Some(message) => break Some(message),
                        None => break None,
                    },
                }
            }
        };
        let now = Instant::now();
        let up = self.state.status.up;
        let is_over = cancelled_by.is_none();
        self.progress.send_modify(|progress| {
            progress.refreshing_since = None;
            if is_over {
                progress.last_end = now;
                progress.is_ready = true;
                progress.last_success = if up { Some(now) } else { progress.last_success };
            }
        });
        for done in self.waiting.drain(..) {
            // The receiver may be gone.
            let _ = done.send(());
        }
        cancelled_by
    }

    async fn reconfigure(&mut self, message: Reconfigure) {
        let TenantConfig {
            settings,
            times,
            mode,
        } = message.config;
        self.state.reconfigure(settings, times, message.client);
        self.mode = mode;
        // The time since the last scrape says nothing about the new schedule.
        self.progress
            .send_modify(|progress| progress.last_end = Instant::now());
        let now = self.environment.clock.now();
        let is_ready = self.progress.borrow().is_ready;
        let snapshot = is_ready.then(|| self.state.snapshot(now));
        let _ = message.snapshot.send(snapshot);
        let _ = message.resume.await;
    }

    /// The moments of refreshes by interval: they differ between tenants, and
    /// missed ones are skipped.
    fn ticks(&self) -> Option<Interval> {
        let Mode::Interval(interval) = self.mode else {
            return None;
        };
        let phase = interval.mul_f64(0.5 + phase(&self.state.settings.tenant) / 2.0);
        let mut ticks = tokio::time::interval_at(Instant::now() + phase, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Some(ticks)
    }
}

async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => drop(ticks.tick().await),
        None => std::future::pending().await,
    }
}

async fn refresh_and_publish(
    state: &mut TenantState,
    environment: &Environment,
    publisher: &Publisher,
    is_first: bool,
) {
    // There may have been no scrape for a long time, and this refresh may take as long as it needs.
    let now = environment.clock.now();
    if state.status.jobs > 0 && state.is_stale(now) {
        let without_jobs = state.snapshot(now);
        publisher.publish(vec![without_jobs], None).await;
    }
    let started = Instant::now();
    let outcome = state.refresh_jobs(environment, started).await;
    if is_first && state.settings.collect.workflows {
        // To list a week of workflows takes some seconds.
        let without_workflows = state.snapshot(environment.clock.now());
        publisher.publish(vec![without_workflows], None).await;
    }
    state.refresh_workflows(environment, started, outcome).await;
    let snapshot = state.snapshot(environment.clock.now());
    state.note_published(&snapshot);
    publisher.publish(vec![snapshot], None).await;
}

/// A number from 0 to 1 that is always the same for a name.
fn phase(name: &str) -> f64 {
    let hash = crc32fast::hash(name.as_bytes());
    f64::from(hash) / f64::from(u32::MAX)
}
