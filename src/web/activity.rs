//! What a connection is doing, as far as it decides how long it may stay open.
//!
//! A connection makes progress when it is accepted, when a request is complete
//! and when its client takes bytes of a response. Bytes of an incomplete
//! request are no progress.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Limits;

/// The order in which connections are closed when there are too many, the
/// smallest first: whether the server still owes it a response, then the time
/// of its last progress.
pub(super) type EvictionRank = (bool, Instant);

/// The activity of one connection.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    last_progress: Instant,
    /// Requests without a response so far: one at most, or several with HTTP/2.
    pending: usize,
    /// When each response that is being sent was ready.
    sending: Vec<Instant>,
    /// Whether the server closes it without sending the rest.
    discarded: bool,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            last_progress: Instant::now(),
            pending: 0,
            sending: Vec::new(),
            discarded: false,
        }))
    }

    /// A request is complete. It lasts until the returned value is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Exchange {
        let mut state = self.state();
        state.last_progress = Instant::now();
        state.pending += 1;
        Exchange {
            activity: Arc::clone(self),
            ready: None,
        }
    }

    pub(super) fn eviction_rank(&self) -> EvictionRank {
        let state = self.state();
        (state.pending > 0, state.last_progress)
    }

    /// Whether it has no request whose response is not wholly sent.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state();
        state.pending == 0 && state.sending.is_empty()
    }

    /// Whether it has been idle, or sending one response, for too long.
    pub(super) fn is_overdue(&self, limits: &Limits) -> bool {
        let state = self.state();
        match state.sending.iter().min() {
            Some(ready) => ready.elapsed() > limits.response,
            None => state.pending == 0 && state.last_progress.elapsed() > limits.idle,
        }
    }

    /// The server closes the connection without sending the rest.
    pub(super) fn discard(&self) {
        self.state().discarded = true;
    }

    pub(super) fn is_discarded(&self) -> bool {
        self.state().discarded
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request and its response, until the last byte is sent.
#[derive(Debug)]
pub(super) struct Exchange {
    activity: Arc<Activity>,
    /// When the response was ready to be sent.
    ready: Option<Instant>,
}

impl Exchange {
    /// The response is ready to be sent.
    pub(super) fn ready(&mut self) {
        let now = Instant::now();
        let mut state = self.activity.state();
        if self.ready.replace(now).is_none() {
            state.pending -= 1;
            state.sending.push(now);
        }
    }

    /// The client took bytes of the response.
    pub(super) fn progress(&self) {
        self.activity.state().last_progress = Instant::now();
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        match self.ready {
            None => state.pending -= 1,
            Some(ready) => {
                let index = state.sending.iter().position(|other| *other == ready);
                if let Some(index) = index {
                    state.sending.swap_remove(index);
                }
            }
        }
        state.last_progress = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::advance;

    const LIMITS: Limits = Limits {
        connections: 1,
        idle: Duration::from_secs(10),
        response: Duration::from_secs(5),
        drain: Duration::ZERO,
    };

    #[tokio::test(start_paused = true)]
    async fn connections_are_ranked_by_progress_and_after_them_those_without_a_response() {
        let [pending, reading, idle, stalled] = [(); 4].map(|()| Arc::new(Activity::new()));
        let _pending = pending.begin();
        let mut sending = reading.begin();
        sending.ready();
        let mut not_sending = stalled.begin();
        not_sending.ready();
        advance(Duration::from_secs(1)).await;
        drop(idle.begin());
        advance(Duration::from_secs(1)).await;
        sending.progress();
        let mut ranked = [&pending, &reading, &idle, &stalled];
        ranked.sort_by_key(|activity| activity.eviction_rank());
        let expected = [&stalled, &idle, &reading, &pending];
        let same = |(one, other): (&&Arc<Activity>, &&Arc<Activity>)| Arc::ptr_eq(one, other);
        assert!(ranked.iter().zip(&expected).all(same));
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_that_is_sent_for_too_long_makes_its_connection_overdue() {
        let activity = Arc::new(Activity::new());
        let mut exchange = activity.begin();
        advance(LIMITS.idle * 2).await;
        assert!(!activity.is_overdue(&LIMITS), "no response so far");
        exchange.ready();
        advance(LIMITS.response / 2).await;
        exchange.progress();
        assert!(!activity.is_overdue(&LIMITS));
        advance(LIMITS.response).await;
        assert!(activity.is_overdue(&LIMITS));
        drop(exchange);
        assert!(!activity.is_overdue(&LIMITS));
        advance(LIMITS.idle * 2).await;
        assert!(activity.is_overdue(&LIMITS));
    }
}
