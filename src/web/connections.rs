//! The accept loop, and which connections may stay open.
//!
//! When the limit of connections is reached, a new connection replaces the one
//! that made no progress for the longest time (see [`Activity`]), though none
//! that made some within [`TENURE`] and none whose response is still being
//! prepared. Clients that only connect, send a request byte by byte or do not
//! read their response therefore cost a fixed amount of memory and delay no
//! other client.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::activity::Activity;
use super::connection::{Admission, serve_connection};
use super::listener::{Listener, Peer, Stream};
use super::refusals::Refusals;
use super::security::WebSecurity;
use super::{Handler, Limits};
use crate::telemetry::Telemetry;

/// How often overdue connections are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// How long a connection may stay open without progress, however many others
/// are waiting: enough for a request to arrive and be read. This lets a
/// scrape through while many clients connect at once.
const TENURE: Duration = Duration::from_millis(100);

/// The wait after an accept error that does not resolve itself, such as too
/// many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A lack of file descriptors is logged at most this often.
const ACCEPT_WARNING_INTERVAL: Duration = Duration::from_mins(5);

/// Serves until `shutdown`, then lets requests under way finish, within
/// `limits.drain`. Errors of single connections never end it.
pub async fn serve(
    listeners: impl IntoIterator<Item: Into<Listener>>,
    service: impl Handler,
    security: Arc<WebSecurity>,
    telemetry: &Telemetry,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let listeners: Vec<Listener> = listeners.into_iter().map(Into::into).collect();
    for warning in security.warnings() {
        tracing::warn!("{warning}");
    }
    let admission = Arc::new(Admission {
        security,
        refusals: Refusals::new(telemetry.clone()),
    });
    let mut connections = Connections::new(limits);
    let mut sweep = interval(SWEEP_INTERVAL);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_listener = 0;
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            _ = sweep.tick() => connections.close_overdue(),
            Some(ended) = connections.tasks.join_next_with_id() => connections.remove(ended),
            accepted = accept(&listeners, &mut next_listener) => match accepted {
                Ok((stream, client)) => {
                    connections.make_room().await;
                    connections.open(stream, client, &admission, &service);
                }
                Err(error) => connections.accept_failed(&error).await,
            },
        }
    }
    drop(listeners);
    connections.drain().await;
}

/// The next connection of any listener, each in its turn.
async fn accept(listeners: &[Listener], next: &mut usize) -> io::Result<(Stream, Peer)> {
    poll_fn(|context| {
        for _ in 0..listeners.len() {
            let index = *next % listeners.len();
            *next = index + 1;
            if let Poll::Ready(accepted) = listeners[index].poll_accept(context) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

struct Connection {
    handle: AbortHandle,
    activity: Arc<Activity>,
}

impl Connection {
    fn close(&self) {
        self.activity.discard();
        self.handle.abort();
    }
}

/// All open connections.
struct Connections {
    limits: Limits,
    tasks: JoinSet<()>,
    open: HashMap<Id, Connection>,
    graceful: GracefulShutdown,
    accept_warned: Option<Instant>,
}

impl Connections {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            tasks: JoinSet::new(),
            open: HashMap::new(),
            graceful: GracefulShutdown::new(),
            accept_warned: None,
        }
    }

    fn open(
        &mut self,
        stream: Stream,
        client: Peer,
        admission: &Arc<Admission>,
        service: &impl Handler,
    ) {
        let activity = Arc::new(Activity::new());
        let handle = self.tasks.spawn(serve_connection(
            stream,
            client,
            Arc::clone(&activity),
            Arc::clone(admission),
            service.clone(),
            self.graceful.watcher(),
        ));
        let connection = Connection { handle, activity };
        self.open.insert(connection.handle.id(), connection);
    }

    fn remove(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
        self.open.remove(&id);
    }

    fn close_overdue(&self) {
        for connection in self.open.values() {
            if connection.activity.is_overdue(&self.limits) {
                connection.close();
            }
        }
    }

    fn first_to_close(&self) -> Option<&Connection> {
        let connections = self.open.values();
        connections.min_by_key(|connection| connection.activity.eviction_rank())
    }

    /// Waits until another connection is allowed, and closes the one
    /// without progress for the longest time if necessary.
    async fn make_room(&mut self) {
        while self.tasks.len() >= self.limits.connections {
            let Some(oldest) = self.first_to_close() else {
                return;
            };
            let (_, last_progress) = oldest.activity.eviction_rank();
            let tenure = TENURE.saturating_sub(last_progress.elapsed());
            if tenure.is_zero() {
                oldest.close();
            }
            tokio::select! {
                Some(ended) = self.tasks.join_next_with_id() => self.remove(ended),
                () = sleep(tenure), if !tenure.is_zero() => {}
            }
        }
    }

    /// A failed accept means that a client has left already, or that file
    /// descriptors or memory are short, which passes when a connection closes.
    async fn accept_failed(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionReset | Interrupted
        ) {
            return;
        }
        let warned = self.accept_warned;
        if warned.is_none_or(|warned| warned.elapsed() > ACCEPT_WARNING_INTERVAL) {
            self.accept_warned = Some(Instant::now());
            tracing::warn!(%error, "accept failed, retrying; if too many files are open, raise the limit (ulimit -n, LimitNOFILE=)");
        }
        if let Some(oldest) = self.first_to_close() {
            oldest.close();
        }
        sleep(ACCEPT_PAUSE).await;
    }

    /// Waits until every request under way has its response. Connections
    /// without one are closed at once.
    async fn drain(mut self) {
        for connection in self.open.values() {
            if connection.activity.is_idle() {
                connection.handle.abort();
            }
        }
        if timeout(self.limits.drain, self.graceful.shutdown())
            .await
            .is_err()
        {
            while self.tasks.try_join_next().is_some() {}
            let connections = self.tasks.len();
            tracing::warn!(connections, "stopped before all requests were finished");
        }
        self.tasks.shutdown().await;
    }
}
