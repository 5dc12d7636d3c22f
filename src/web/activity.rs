//! What a connection is doing, noted where it happens: bytes that arrive or
//! cannot leave in [`Watched`], requests under way in [`Exchange`].
//!
//! Nothing here has a timer. [`super::connections`] looks at every connection
//! once a second and closes those that are overdue, and when there is no room
//! it closes the one that matters least; a request costs a few atomic writes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Limits;

/// What a connection without a request under way waits for.
const FIRST_REQUEST: u8 = 0;
const REST_OF_REQUEST: u8 = 1;
const NEXT_REQUEST: u8 = 2;

const NEVER: u64 = u64::MAX;

/// How much a connection matters when there are too many: the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// It has not sent a whole request yet.
    Unproven,
    /// It was answered and is kept for the next request.
    Idle,
}

/// What one connection is doing. Times are milliseconds since `opened`.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    waits_for: AtomicU8,
    since: AtomicU64,
    exchanges: AtomicU32,
    blocked_since: AtomicU64,
    multiplexed: AtomicBool,
    close: Notify,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            waits_for: AtomicU8::new(FIRST_REQUEST),
            since: AtomicU64::new(0),
            exchanges: AtomicU32::new(0),
            blocked_since: AtomicU64::new(NEVER),
            multiplexed: AtomicBool::new(false),
            close: Notify::new(),
        }
    }

    /// Notes that it speaks HTTP/2, where bytes that arrive need not be the
    /// beginning of a request.
    pub(super) fn multiplexed(&self) {
        self.multiplexed.store(true, Ordering::Relaxed);
    }

    /// A request came in; it lasts until the returned value is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Exchange {
        if self.exchanges.fetch_add(1, Ordering::AcqRel) == 0 {
            self.since.store(self.now(), Ordering::Relaxed);
        }
        Exchange(Arc::clone(self))
    }

    /// Whether a request is under way.
    pub(super) fn is_serving(&self) -> bool {
        self.exchanges.load(Ordering::Acquire) > 0
    }

    /// Whether it should have got further by now.
    pub(super) fn is_overdue(&self, limits: &Limits) -> bool {
        let now = self.now();
        let blocked = now.saturating_sub(self.blocked_since.load(Ordering::Relaxed).min(now));
        if self.blocked_since.load(Ordering::Relaxed) != NEVER
            && Duration::from_millis(blocked) > limits.write_stall
        {
            return true;
        }
        let waited = now.saturating_sub(self.since.load(Ordering::Relaxed));
        let limit = if self.is_serving() {
            limits.exchange
        } else if self.waits_for.load(Ordering::Relaxed) == NEXT_REQUEST {
            limits.idle
        } else {
            limits.request_head
        };
        Duration::from_millis(waited) > limit
    }

    /// How much it matters, and how long it has waited: the smaller, the
    /// sooner it has to go. `None` while a request is under way.
    pub(super) fn worth(&self) -> Option<(Worth, Instant)> {
        if self.is_serving() {
            return None;
        }
        let worth = match self.waits_for.load(Ordering::Relaxed) {
            NEXT_REQUEST => Worth::Idle,
            _ => Worth::Unproven,
        };
        let since = Duration::from_millis(self.since.load(Ordering::Relaxed));
        Some((worth, self.opened + since))
    }

    /// Asks the connection to close at once.
    pub(super) fn close(&self) {
        self.close.notify_one();
    }

    /// Waits until it is asked to close.
    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }

    fn arrived(&self) {
        if self.waits_for.load(Ordering::Relaxed) == NEXT_REQUEST
            && !self.multiplexed.load(Ordering::Relaxed)
            && !self.is_serving()
        {
            self.since.store(self.now(), Ordering::Relaxed);
            self.waits_for.store(REST_OF_REQUEST, Ordering::Relaxed);
        }
    }

    fn wrote<T>(&self, outcome: &Poll<io::Result<T>>) {
        let blocked = self.blocked_since.load(Ordering::Relaxed) != NEVER;
        match (blocked, outcome.is_pending()) {
            (false, true) => self.blocked_since.store(self.now(), Ordering::Relaxed),
            (true, false) => self.blocked_since.store(NEVER, Ordering::Relaxed),
            _ => {}
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }
}

/// A request under way, from its head to the last byte of its response.
#[derive(Debug)]
pub(super) struct Exchange(Arc<Activity>);

impl Drop for Exchange {
    fn drop(&mut self) {
        let activity = &self.0;
        activity.since.store(activity.now(), Ordering::Relaxed);
        activity.waits_for.store(NEXT_REQUEST, Ordering::Relaxed);
        activity.exchanges.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A stream that notes in [`Activity`] what passes through it.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.arrived();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.activity.wrote(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.activity.wrote(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.activity.wrote(&outcome);
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
        self.activity.wrote(&outcome);
        outcome
    }
}
