//! The accept loop and the life of each connection.
//!
//! A fixed number of connections is open at a time. When there is no room for
//! another, the one that matters least makes place ([`Worth`]): first those
//! that take no byte of their answers or have not sent a whole request, then
//! idle ones, then those whose request takes long. So clients that only open
//! connections, send their request byte by byte or do not read what they asked
//! for cost a fixed amount of memory and stand in nobody's way. A connection
//! that does what it is there for is closed only if for a second no other
//! made place.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::activity::{Activity, Watched, Worth};
use super::body::Body;
use super::gate::Gate;
use super::{Handler, Limits};

/// How often connections are looked at for being overdue.
const INSPECTION: Duration = Duration::from_secs(1);

/// The wait after an accept error that will not go away by itself, such as
/// too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a new connection waits for a place before it looks for one again.
const TURN: Duration = Duration::from_millis(50);

/// How long it waits before one that was answered has to make place: until
/// then it has turned out which of the others never ask.
const MOMENT: Duration = Duration::from_millis(200);

/// How long it waits before one that does no wrong has to make place.
const PATIENCE: Duration = Duration::from_secs(1);

/// A lack of file descriptors is said at most this often.
const REMINDER: Duration = Duration::from_mins(5);

/// All open connections of all listeners.
#[derive(Debug)]
pub(super) struct Connections {
    limits: Limits,
    room: Arc<Semaphore>,
    open: Mutex<Open>,
    /// When it was last logged that connections cannot be accepted.
    warned: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Arc<Activity>>,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            room: Arc::new(Semaphore::new(limits.connections)),
            open: Mutex::default(),
            warned: Mutex::default(),
        }
    }

    /// Closes overdue connections, for ever.
    pub(super) async fn inspect(&self) {
        let mut ticks = interval(INSPECTION);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for connection in self.lock().connections.values() {
                if connection.is_overdue(&self.limits) {
                    connection.close();
                }
            }
        }
    }

    /// Accepts and serves connections, for ever.
    pub(super) async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        gate: Arc<Gate>,
        service: impl Handler,
        stopping: watch::Receiver<bool>,
    ) {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    self.accept_failed(&error).await;
                    continue;
                }
            };
            let registration = self.register().await;
            let activity = Arc::clone(&registration.activity);
            let (gate, service, stopping) = (Arc::clone(&gate), service.clone(), stopping.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = converse(stream, &activity, gate, service, stopping) => {}
                    () = activity.closed() => {}
                }
                drop(registration);
            });
        }
    }

    /// Waits until every connection has ended, `limits.drain` at most, and
    /// tells how many had not. Those that have not asked for anything are not
    /// waited for.
    pub(super) async fn drain(&self) -> usize {
        for connection in self.lock().connections.values() {
            if connection.is_unproven() {
                connection.close();
            }
        }
        let all = u32::try_from(self.limits.connections).unwrap_or(u32::MAX);
        let everyone_left = self.room.acquire_many(all);
        if timeout(self.limits.drain, everyone_left).await.is_ok() {
            return 0;
        }
        let open = self.lock();
        for connection in open.connections.values() {
            connection.close();
        }
        open.connections.len()
    }

    /// A failed accept tells of a client that has left already, or of a lack
    /// of file descriptors or memory: the latter passes with time, or when
    /// somebody makes place.
    async fn accept_failed(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionReset | Interrupted
        ) {
            return;
        }
        if self.is_news() {
            tracing::warn!(%error, "cannot accept a connection, and tries on; if too many files are open, raise the limit (ulimit -n, LimitNOFILE=)");
        }
        self.make_room(Worth::Slow);
        sleep(ACCEPT_PAUSE).await;
    }

    /// Whether it is long ago that a failed accept was logged.
    fn is_news(&self) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = warned.is_none_or(|warned| warned.elapsed() > REMINDER);
        if is_news {
            *warned = Some(Instant::now());
        }
        is_news
    }

    async fn register(self: &Arc<Self>) -> Registration {
        let mut arrived = None;
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
                break Some(permit);
            }
            let arrived = *arrived.get_or_insert_with(Instant::now);
            self.make_room(match arrived.elapsed() {
                waited if waited < MOMENT => Worth::Unadmitted,
                waited if waited < PATIENCE => Worth::Slow,
                _ => Worth::Busy,
            });
            let freed = Arc::clone(&self.room).acquire_owned();
            if let Ok(permit) = timeout(TURN, freed).await {
                break permit.ok();
            }
        };
        let activity = Arc::new(Activity::new());
        let mut open = self.lock();
        let id = open.next;
        open.next += 1;
        open.connections.insert(id, Arc::clone(&activity));
        Registration {
            id,
            activity,
            all: Arc::clone(self),
            _permit: permit,
        }
    }

    /// Closes the connection that matters least, if it matters no more than
    /// `most`.
    fn make_room(&self, most: Worth) {
        let open = self.lock();
        let connections = open.connections.values();
        let ranked = connections.map(|connection| (connection.worth(), connection));
        let least = ranked.min_by_key(|(worth, _)| *worth);
        if let Some(((worth, _), connection)) = least
            && worth <= most
        {
            connection.close();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, given back when dropped.
#[derive(Debug)]
struct Registration {
    id: u64,
    activity: Arc<Activity>,
    all: Arc<Connections>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.all.lock().connections.remove(&self.id);
    }
}

/// One connection, from its first byte to its last.
async fn converse(
    stream: TcpStream,
    activity: &Arc<Activity>,
    gate: Arc<Gate>,
    service: impl Handler,
    stopping: watch::Receiver<bool>,
) {
    // Without it a small response can wait for an acknowledgement.
    let _unimportant = stream.set_nodelay(true);
    let tls = gate.tls().await;
    let noted = Arc::clone(activity);
    let service = service_fn(move |request: Request<Incoming>| {
        let (gate, service) = (Arc::clone(&gate), service.clone());
        let exchange = noted.begin();
        async move {
            let mut response = match gate.admit(&request).await {
                Ok(()) => {
                    exchange.admitted();
                    service.call(request).await?
                }
                Err(refusal) => *refusal,
            };
            gate.mark(response.headers_mut());
            Ok::<_, Infallible>(response.map(|body| body.during(exchange)))
        }
    });
    let Some(tls) = tls else {
        return serve(stream, activity, service, false, stopping).await;
    };
    match TlsAcceptor::from(tls).accept(stream).await {
        Ok(stream) => {
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            serve(stream, activity, service, http2, stopping).await;
        }
        Err(error) => tracing::debug!(%error, "TLS handshake failed"),
    }
}

/// Speaks HTTP/1.1, or HTTP/2 where TLS agreed on it.
async fn serve<I, S>(
    stream: I,
    activity: &Arc<Activity>,
    service: S,
    http2: bool,
    mut stopping: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send>,
    S: Send + 'static,
{
    let io = TokioIo::new(Watched::new(stream, Arc::clone(activity)));
    let stop = async move { stopping.wait_for(|stopping| *stopping).await.is_ok() };
    let outcome = if http2 {
        activity.multiplexed();
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .max_header_list_size(Limits::HEAD_BYTES_HTTP2)
            .max_concurrent_streams(Limits::STREAMS)
            .serve_connection(io, service);
        tokio::pin!(connection);
        tokio::select! {
            outcome = connection.as_mut() => outcome,
            _ = stop => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    } else {
        let connection = hyper::server::conn::http1::Builder::new()
            // `Activity` knows the difference between a slow and an idle one.
            .header_read_timeout(None)
            // A client may close its half once it has asked.
            .half_close(true)
            .max_buf_size(Limits::HEAD_BYTES)
            .serve_connection(io, service);
        tokio::pin!(connection);
        tokio::select! {
            outcome = connection.as_mut() => outcome,
            _ = stop => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection ended early");
    }
}
