//! The queue that every request of a tenant goes through. Requests leave it at
//! the tenant's request rate, are counted, bounded in time, and repeated where
//! that can help.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;
use tokio::time::Instant;

use super::failure::Failure;
use super::pacing::{NotSent, Pacer};
use super::{Call, Transport, TransportError, headers};
use crate::clock::Clock;
use crate::telemetry::{Endpoint, Reason, TenantTelemetry};

/// How many times a request is sent at most.
const MAX_ATTEMPTS: u32 = 5;

/// The upper bound of the first wait between attempts; it doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);

/// The largest upper bound.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// A request, and the secrets in it, which no error may repeat.
pub(super) struct ApiRequest<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) request: hyper::Request<Bytes>,
    pub(super) secrets: Vec<&'a SecretString>,
}

/// The request queue of one tenant.
#[derive(Debug)]
pub(super) struct RequestQueue {
    transport: Arc<dyn Transport>,
    pacer: Pacer,
    telemetry: TenantTelemetry,
    clock: Clock,
    timeout: Duration,
}

impl RequestQueue {
    pub(super) fn new(
        tenant: &crate::config::Tenant,
        transport: Arc<dyn Transport>,
        telemetry: TenantTelemetry,
        clock: Clock,
    ) -> Self {
        Self {
            transport,
            pacer: Pacer::new(tenant.api.requests_per_second),
            telemetry,
            clock,
            timeout: tenant.api.timeout,
        }
    }

    /// The wall clock.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The body of a successful response. Retries where that can help, with a
    /// backoff, and returns by the deadline: a wait that would exceed it is
    /// not begun.
    pub(super) async fn send(
        &self,
        request: &ApiRequest<'_>,
        call: &mut Call,
    ) -> Result<Bytes, Failure> {
        let mut last = None;
        for attempt in 0..MAX_ATTEMPTS {
            if attempt > 0 {
                let wait = backoff(attempt, fastrand::f64());
                if Instant::now() + wait >= call.deadline {
                    break;
                }
                tokio::time::sleep(wait).await;
            }
            if let Err(not_sent) = self.wait_for_turn(call).await {
                return Err(last.unwrap_or_else(|| not_sent_failure(not_sent)));
            }
            if attempt > 0 {
                self.telemetry.api_retries.inc();
            }
            match self.attempt(request, call).await {
                Ok(body) => return Ok(body),
                Err(failure) if failure.transient => last = Some(failure),
                // The failure of an earlier attempt says more.
                Err(failure) if failure.deadline_exceeded => return Err(last.unwrap_or(failure)),
                Err(failure) => return Err(failure),
            }
        }
        Err(last.unwrap_or_else(|| not_sent_failure(NotSent::NoTime)))
    }

    async fn wait_for_turn(&self, call: &Call) -> Result<(), NotSent> {
        let began = Instant::now();
        let turn = self.pacer.turn(call.priority, call.deadline).await;
        let waited = began.elapsed();
        // Taking a token takes some microseconds even if nothing is queued.
        if waited >= Duration::from_millis(1) {
            self.telemetry.rate_limit_wait.inc_by(waited.as_secs_f64());
        }
        // A timer may fire late: the request would exceed the deadline.
        if turn.is_ok() && Instant::now() >= call.deadline {
            return Err(NotSent::NoTime);
        }
        turn
    }

    /// Sends the request once and counts it.
    async fn attempt(&self, request: &ApiRequest<'_>, call: &mut Call) -> Result<Bytes, Failure> {
        let sent = Instant::now();
        let ends = call.deadline.min(sent + self.timeout);
        let deadline_first = ends < sent + self.timeout;
        call.observed.requests += 1;
        let exchange = self.transport.send(request.request.clone());
        let outcome = match tokio::time::timeout_at(ends, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(timed_out(ends - sent)),
        };
        let now = self.clock.now();
        let (code, response_headers) = match &outcome {
            Ok(response) => (Some(response.status().as_u16()), response.headers()),
            // A response that broke off counts as one only if it was an error.
            Err(error) => (
                error.status.filter(|code| !(200..300).contains(code)),
                &error.headers,
            ),
        };
        self.telemetry
            .request(request.endpoint, code, sent.elapsed());
        headers::observe(&mut call.observed, request.endpoint, response_headers, now);
        let failure = match outcome {
            Ok(response) if response.status().is_success() => return Ok(response.into_body()),
            Ok(response) => Failure::of_status(
                response.status(),
                response.headers(),
                response.body(),
                &request.secrets,
                now,
            ),
            Err(error) if deadline_first && Instant::now() >= ends => {
                Failure::deadline_exceeded(error.message)
            }
            Err(error) => Failure::of_transport(&error, &request.secrets, now),
        };
        self.slow_down(&failure, sent);
        tracing::debug!(
            endpoint = request.endpoint.as_str(),
            reason = %failure.reason,
            error = failure.text,
            "a request failed"
        );
        Err(failure)
    }

    fn slow_down(&self, failure: &Failure, sent: Instant) {
        if failure.reason == Reason::RateLimited {
            self.pacer.slow_down(sent);
        }
        if let Some(length) = failure.retry_after.filter(|_| failure.transient) {
            self.pacer.pause(length, failure.reason);
        }
    }
}

/// The wait before an attempt: any length up to a bound that doubles ("full
/// jitter"), so that clients which failed together do not retry together.
/// `random` is in `0.0..1.0`.
fn backoff(attempt: u32, random: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    let bound = FIRST_BACKOFF
        .saturating_mul(1 << doublings)
        .min(LONGEST_BACKOFF);
    bound.mul_f64(random.clamp(0.0, 1.0))
}

fn timed_out(waited: Duration) -> TransportError {
    let waited = Duration::from_millis(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
    TransportError {
        reason: Reason::Timeout,
        message: format!("no response within {}", humantime::format_duration(waited)),
        status: None,
        headers: hyper::HeaderMap::new(),
    }
}

fn not_sent_failure(not_sent: NotSent) -> Failure {
    match not_sent {
        NotSent::NoTime => {
            Failure::deadline_exceeded("not sent: no time was left when it was its turn")
        }
        NotSent::SlowedDown => Failure::permanent(
            Reason::RateLimited,
            "not sent: the API asked for fewer requests, and no time was left for this one",
        ),
        NotSent::Paused(reason) => Failure::permanent(
            reason,
            "not sent: the API asked with Retry-After to wait for longer than there was time",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_backoff_never_exceeds_its_bound_or_the_longest(attempt: u32, random in 0.0..1.0_f64) {
            let wait = backoff(attempt, random);
            prop_assert!(wait <= LONGEST_BACKOFF);
            prop_assert!(attempt > 2 || wait <= FIRST_BACKOFF * attempt.max(1));
        }
    }

    #[test]
    fn the_bound_of_the_backoff_doubles() {
        let bounds = [1, 2, 3, 4, 40].map(|attempt| backoff(attempt, 1.0).as_millis());
        assert_eq!(bounds, [250, 500, 1000, 2000, 30_000]);
    }
}
