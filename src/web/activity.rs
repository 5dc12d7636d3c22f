//! What a connection is doing, noted where it happens: bytes that arrive or
//! cannot leave in [`Watched`], requests under way in [`Exchange`].
//!
//! Nothing here has a timer. [`super::connections`] looks at every connection
//! once a second and closes those that are overdue, and when there is no room
//! it closes the one that matters least.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Limits;

/// The time in which a client that means well has sent its request.
const UNPROVEN: Duration = Duration::from_millis(100);

/// The time in which a client that means well takes the next bytes of an
/// answer, and in which it is known whether a request may pass.
const STALLED: Duration = Duration::from_secs(1);

/// Prometheus' usual scrape timeout: a request that takes longer is slow.
const SLOW: Duration = Duration::from_secs(10);

/// How much a connection matters when there are too many: the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// It takes no byte of the answers it asked for.
    Stalled,
    /// It has not sent a whole request, though there was time.
    Unproven,
    /// It is not known yet whether its requests may pass, though there was
    /// time.
    Unadmitted,
    /// It was answered and is kept for the next request.
    Idle,
    /// Its requests have been under way for long.
    Slow,
    /// It does what it is there for.
    Busy,
}

/// What one connection is doing.
#[derive(Debug)]
pub(super) struct Activity {
    doing: Mutex<Doing>,
    close: Notify,
}

#[derive(Debug)]
struct Doing {
    /// What it waits for while no request is under way, and since when.
    waits_for: WaitsFor,
    since: Instant,
    /// Since when bytes cannot leave.
    blocked_since: Option<Instant>,
    /// Whether it speaks HTTP/2, where bytes that arrive need not be the
    /// beginning of a request.
    multiplexed: bool,
    /// One at a time, or several with HTTP/2.
    under_way: Vec<UnderWay>,
    next_id: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitsFor {
    /// The first request.
    First,
    /// The rest of a request that has begun.
    Rest,
    /// Another request after the last one.
    Next,
}

#[derive(Debug)]
struct UnderWay {
    id: u64,
    begun: Instant,
    stage: Stage,
    /// When it came to this stage.
    since: Instant,
}

/// How far a request has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Asked,
    Admitted,
    /// There is an answer, and the client has taken nothing of it.
    Answered,
    /// The client took something of it, last at `since`.
    Sending,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            doing: Mutex::new(Doing {
                waits_for: WaitsFor::First,
                since: Instant::now(),
                blocked_since: None,
                multiplexed: false,
                under_way: Vec::new(),
                next_id: 0,
            }),
            close: Notify::new(),
        }
    }

    /// Notes that it speaks HTTP/2.
    pub(super) fn multiplexed(&self) {
        self.doing().multiplexed = true;
    }

    /// A request came in; it lasts until the returned value is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Exchange {
        let mut doing = self.doing();
        let (id, now) = (doing.next_id, Instant::now());
        doing.next_id += 1;
        doing.under_way.push(UnderWay {
            id,
            begun: now,
            stage: Stage::Asked,
            since: now,
        });
        Exchange {
            activity: Arc::clone(self),
            id,
        }
    }

    /// Whether it should have got further by now.
    pub(super) fn is_overdue(&self, limits: &Limits) -> bool {
        let doing = self.doing();
        let over = |since: Instant, limit: Duration| since.elapsed() > limit;
        let stuck = |request: &UnderWay| {
            let waits_for_client = matches!(request.stage, Stage::Answered | Stage::Sending);
            over(request.begun, limits.exchange)
                || waits_for_client && over(request.since, limits.write_stall)
        };
        let waits = match doing.waits_for {
            WaitsFor::Next => limits.idle,
            WaitsFor::First | WaitsFor::Rest => limits.request_head,
        };
        doing
            .blocked_since
            .is_some_and(|since| over(since, limits.write_stall))
            || doing.under_way.iter().any(stuck)
            || doing.under_way.is_empty() && over(doing.since, waits)
    }

    /// How much it matters, and since when: the smaller, the sooner it has to
    /// go.
    pub(super) fn worth(&self) -> (Worth, Instant) {
        let doing = self.doing();
        let requests = doing.under_way.iter();
        // Its best request speaks for it.
        requests.map(UnderWay::worth).max().unwrap_or_else(|| {
            let worth = match doing.waits_for {
                WaitsFor::Next => Worth::Idle,
                _ if doing.since.elapsed() > UNPROVEN => Worth::Unproven,
                _ => Worth::Busy,
            };
            (worth, doing.since)
        })
    }

    /// Whether no whole request is there, not even one that was answered.
    pub(super) fn is_unproven(&self) -> bool {
        let doing = self.doing();
        doing.under_way.is_empty() && doing.waits_for != WaitsFor::Next
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
        let mut doing = self.doing();
        if doing.waits_for == WaitsFor::Next && !doing.multiplexed && doing.under_way.is_empty() {
            doing.since = Instant::now();
            doing.waits_for = WaitsFor::Rest;
        }
    }

    fn wrote<T>(&self, outcome: &Poll<io::Result<T>>) {
        let mut doing = self.doing();
        if outcome.is_pending() {
            doing.blocked_since.get_or_insert_with(Instant::now);
        } else {
            doing.blocked_since = None;
        }
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    fn worth(&self) -> (Worth, Instant) {
        let stands_still = self.since.elapsed() > STALLED;
        let worth = match self.stage {
            Stage::Answered | Stage::Sending if stands_still => Worth::Stalled,
            Stage::Asked if stands_still => Worth::Unadmitted,
            _ if self.begun.elapsed() > SLOW => Worth::Slow,
            _ => Worth::Busy,
        };
        (worth, self.since)
    }
}

/// A request under way, from its head to the last byte of its response.
#[derive(Debug)]
pub(super) struct Exchange {
    activity: Arc<Activity>,
    id: u64,
}

impl Exchange {
    /// The request may pass.
    pub(super) fn admitted(&self) {
        self.reached(Stage::Admitted);
    }

    /// Its answer is ready to be taken.
    pub(super) fn answered(&self) {
        self.reached(Stage::Answered);
    }

    /// The client takes some of its answer.
    pub(super) fn sending(&self) {
        self.reached(Stage::Sending);
    }

    fn reached(&self, stage: Stage) {
        let mut doing = self.activity.doing();
        let mut under_way = doing.under_way.iter_mut();
        if let Some(request) = under_way.find(|request| request.id == self.id) {
            request.stage = stage;
            request.since = Instant::now();
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut doing = self.activity.doing();
        doing.under_way.retain(|request| request.id != self.id);
        doing.since = Instant::now();
        doing.waits_for = WaitsFor::Next;
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
