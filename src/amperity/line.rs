//! The line to the API: every request of a tenant goes through it, in turn,
//! counted, bounded in time and, if that can help, more than once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;
use tokio::time::Instant;

use super::failure::Failure;
use super::observer::Observer;
use super::pacing::{NoTurn, Pacer};
use super::{Transport, TransportError};
use crate::clock::Clock;
use crate::telemetry::{Endpoint, Reason, TenantTelemetry};

/// A request is made at most this often.
const MAX_ATTEMPTS: u32 = 5;

/// The upper end of the first wait between attempts; it doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);

/// No upper end grows over this.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// A request, and the secrets in it, which no error may repeat.
pub(super) struct Question<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) request: hyper::Request<Bytes>,
    pub(super) secrets: Vec<&'a SecretString>,
}

/// The line of one tenant.
#[derive(Debug)]
pub(super) struct Line {
    transport: Arc<dyn Transport>,
    pacer: Pacer,
    telemetry: TenantTelemetry,
    clock: Clock,
    timeout: Duration,
    pub(super) observer: Observer,
}

impl Line {
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
            observer: Observer::new(Arc::clone(&tenant.tenant)),
        }
    }

    /// The wall clock.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The body of a successful answer. Asks again where that can help, waits
    /// between, and is back by the deadline: a wait that would pass it is not
    /// begun.
    pub(super) async fn ask(
        &self,
        question: &Question<'_>,
        deadline: Instant,
    ) -> Result<Bytes, Failure> {
        let mut last = None;
        for attempt in 0..MAX_ATTEMPTS {
            if attempt > 0 {
                let wait = backoff(attempt, fastrand::f64());
                if Instant::now() + wait >= deadline {
                    break;
                }
                tokio::time::sleep(wait).await;
            }
            if let Err(no_turn) = self.turn(deadline).await {
                return Err(last.unwrap_or_else(|| out_of_time(no_turn)));
            }
            if attempt > 0 {
                self.telemetry.api_retries.inc();
            }
            match self.attempt(question, deadline).await {
                Ok(body) => return Ok(body),
                Err(failure) if failure.passing => last = Some(failure),
                // What an earlier attempt met says more.
                Err(failure) if failure.cut_short => return Err(last.unwrap_or(failure)),
                Err(failure) => return Err(failure),
            }
        }
        Err(last.unwrap_or_else(|| out_of_time(NoTurn { slowed: false })))
    }

    async fn turn(&self, deadline: Instant) -> Result<(), NoTurn> {
        let asked = Instant::now();
        let turn = self.pacer.turn(deadline).await;
        let waited = asked.elapsed();
        // A free turn takes some microseconds, too, but nobody waits for it.
        if waited >= Duration::from_millis(1) {
            self.telemetry.rate_limit_wait.inc_by(waited.as_secs_f64());
        }
        // A timer may be late: what is begun now would be past the deadline.
        if turn.is_ok() && Instant::now() >= deadline {
            return Err(NoTurn { slowed: false });
        }
        turn
    }

    /// One exchange, counted, its headers noted, its failure told.
    async fn attempt(&self, question: &Question<'_>, deadline: Instant) -> Result<Bytes, Failure> {
        let sent = Instant::now();
        let ends = deadline.min(sent + self.timeout);
        let cut_short = ends < sent + self.timeout;
        let exchange = self.transport.send(question.request.clone());
        let outcome = match tokio::time::timeout_at(ends, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(no_answer(ends - sent)),
        };
        let now = self.clock.now();
        let (code, headers) = match &outcome {
            Ok(response) => (Some(response.status().as_u16()), response.headers()),
            // Of an answer that broke off only a refusal is an answer.
            Err(error) => (
                error.status.filter(|code| !(200..300).contains(code)),
                &error.headers,
            ),
        };
        self.telemetry
            .request(question.endpoint, code, sent.elapsed());
        self.observer.headers(question.endpoint, headers, now);
        let failure = match outcome {
            Ok(response) if response.status().is_success() => return Ok(response.into_body()),
            Ok(response) => Failure::of_status(
                response.status(),
                response.headers(),
                response.body(),
                &question.secrets,
                now,
            ),
            Err(error) if cut_short && Instant::now() >= ends => Failure::cut_short(error.message),
            Err(error) => Failure::of_transport(&error, &question.secrets, now),
        };
        if failure.reason == Reason::RateLimited {
            self.pacer.slow_down(sent);
        }
        if let Some(length) = failure.retry_after.filter(|_| failure.passing) {
            self.pacer.pause(length);
        }
        tracing::debug!(
            endpoint = question.endpoint.as_str(),
            reason = %failure.reason,
            error = failure.text,
            "a request failed"
        );
        Err(failure)
    }
}

/// The wait before an attempt: any length up to an end that doubles ("full
/// jitter"), so that clients which failed together do not come back together.
/// `random` is in `0.0..1.0`.
fn backoff(attempt: u32, random: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    let end = FIRST_BACKOFF
        .saturating_mul(1 << doublings)
        .min(LONGEST_BACKOFF);
    end.mul_f64(random.clamp(0.0, 1.0))
}

fn no_answer(waited: Duration) -> TransportError {
    let waited = Duration::from_millis(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
    TransportError {
        reason: Reason::Timeout,
        message: format!("no answer within {}", humantime::format_duration(waited)),
        status: None,
        headers: hyper::HeaderMap::new(),
    }
}

fn out_of_time(no_turn: NoTurn) -> Failure {
    if no_turn.slowed {
        Failure::lasting(
            Reason::RateLimited,
            "not sent: the API asked for fewer requests, and the time for this one was up",
        )
    } else {
        Failure::cut_short("not sent: the time was up before its turn came")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_backoff_never_exceeds_its_end_or_the_longest(attempt: u32, random in 0.0..1.0_f64) {
            let wait = backoff(attempt, random);
            prop_assert!(wait <= LONGEST_BACKOFF);
            prop_assert!(attempt > 2 || wait <= FIRST_BACKOFF * attempt.max(1));
        }
    }

    #[test]
    fn the_end_of_the_backoff_doubles() {
        let ends = [1, 2, 3, 4, 40].map(|attempt| backoff(attempt, 1.0).as_millis());
        assert_eq!(ends, [250, 500, 1000, 2000, 30_000]);
    }
}
