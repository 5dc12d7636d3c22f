//! Refused connections and requests: counted by reason, and logged with the
//! client's address, at most once a minute for each reason.

use std::fmt::Display;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::{Response, StatusCode};
use tokio::time::Instant;

use super::listener::Peer;
use crate::telemetry::Telemetry;

/// How often a reason is logged.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Why a connection or request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    TlsHandshake,
    ClientCertificate,
    Unauthorized,
    RateLimited,
    InvalidWebConfig,
}

impl Refusal {
    const ALL: [Self; 5] = [
        Self::TlsHandshake,
        Self::ClientCertificate,
        Self::Unauthorized,
        Self::RateLimited,
        Self::InvalidWebConfig,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::TlsHandshake => "tls_handshake",
            Self::ClientCertificate => "client_certificate",
            Self::Unauthorized => "unauthorized",
            Self::RateLimited => "rate_limited",
            Self::InvalidWebConfig => "invalid_web_config",
        }
    }
}

/// Counts and logs refusals.
#[derive(Debug)]
pub(super) struct Refusals {
    telemetry: Telemetry,
    logged: Mutex<[Logged; Refusal::ALL.len()]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Logged {
    last: Option<Instant>,
    /// Refusals since then that were not logged.
    suppressed: u64,
}

impl Refusals {
    pub(super) fn new(telemetry: Telemetry) -> Self {
        for refusal in Refusal::ALL {
            telemetry.refused.with_label_values(&[refusal.label()]);
        }
        Self {
            telemetry,
            logged: Mutex::default(),
        }
    }

    /// A request that [`super::WebSecurity`] did not allow.
    pub(super) fn record_response<B>(&self, client: Peer, response: &Response<B>) {
        let status = response.status();
        let refusal = match status {
            StatusCode::UNAUTHORIZED => Refusal::Unauthorized,
            StatusCode::TOO_MANY_REQUESTS => Refusal::RateLimited,
            _ => Refusal::InvalidWebConfig,
        };
        self.record(refusal, client, status);
    }

    /// A failed TLS handshake, unless the client left before it began.
    pub(super) fn record_handshake(&self, client: Peer, error: &io::Error) {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        match cause {
            Some(rustls::Error::NoCertificatesPresented) => {
                let detail = "it sent no certificate, or has a key that is not supported, such as \
                              one on the curve P-521 (make another with: openssl ecparam -name \
                              prime256v1 -genkey)";
                self.record(Refusal::ClientCertificate, client, detail);
            }
            Some(rustls::Error::InvalidCertificate(_)) => {
                self.record(Refusal::ClientCertificate, client, error);
            }
            Some(_) => self.record(Refusal::TlsHandshake, client, error),
            None => tracing::debug!(%client, %error, "TLS handshake failed"),
        }
    }

    fn record(&self, refusal: Refusal, client: Peer, detail: impl Display) {
        let reason = refusal.label();
        self.telemetry.refused.with_label_values(&[reason]).inc();
        let mut all = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let logged = &mut all[refusal as usize];
        if logged
            .last
            .is_some_and(|last| last.elapsed() < LOG_INTERVAL)
        {
            logged.suppressed += 1;
            return;
        }
        let suppressed = std::mem::take(&mut logged.suppressed);
        logged.last = Some(Instant::now());
        drop(all);
        tracing::warn!(reason, %client, suppressed, "client refused: {detail}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(refusals: &Refusals, reason: &str) -> u64 {
        refusals
            .telemetry
            .refused
            .with_label_values(&[reason])
            .get()
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_all_counted_and_logged_once_a_minute() {
        let refusals = Refusals::new(Telemetry::new().unwrap());
        let client = Peer::Tcp("192.0.2.1:1".parse().unwrap());
        for status in [401, 401, 401, 429, 500] {
            let response = Response::builder().status(status).body(()).unwrap();
            refusals.record_response(client, &response);
        }
        assert_eq!(count(&refusals, "unauthorized"), 3);
        assert_eq!(count(&refusals, "rate_limited"), 1);
        assert_eq!(count(&refusals, "invalid_web_config"), 1);
        assert_eq!(count(&refusals, "client_certificate"), 0);
        let suppressed = |refusals: &Refusals| refusals.logged.lock().unwrap()[2].suppressed;
        assert_eq!(suppressed(&refusals), 2);
        tokio::time::advance(LOG_INTERVAL * 2).await;
        let response = Response::builder().status(401).body(()).unwrap();
        refusals.record_response(client, &response);
        assert_eq!(suppressed(&refusals), 0);
    }

    #[test]
    fn a_handshake_is_refused_for_its_certificate_or_another_reason() {
        let refusals = Refusals::new(Telemetry::new().unwrap());
        let client = Peer::Tcp("192.0.2.1:1".parse().unwrap());
        let tls = |error: rustls::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        refusals.record_handshake(client, &tls(rustls::Error::NoCertificatesPresented));
        let expired = rustls::CertificateError::Expired;
        refusals.record_handshake(client, &tls(expired.into()));
        refusals.record_handshake(client, &tls(rustls::Error::DecryptError));
        refusals.record_handshake(client, &io::ErrorKind::UnexpectedEof.into());
        assert_eq!(count(&refusals, "client_certificate"), 2);
        assert_eq!(count(&refusals, "tls_handshake"), 1);
    }
}
