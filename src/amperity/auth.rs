//! Which token to send. One made by hand is read from its file again when
//! that changes; one by OAuth2 is fetched once, renewed before it ends, and
//! once more if the API refuses it. Never do two tasks fetch at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::line::Line;
use super::token::Token;
use super::{ApiError, grant};
use crate::config::{Credentials, Secret, SecretKind, SecretReader, Tenant};
use crate::telemetry::Reason;

/// A token file is looked at again after this long.
const FILE_LOOK: Duration = Duration::from_secs(1);

/// After a renewal that failed, the token still being good, the next one.
const NEXT_RENEWAL: Duration = Duration::from_secs(30);

/// After a fetch that failed, others fail alike for this long.
const SHARED_FAILURE: Duration = Duration::from_secs(5);

/// A token that replaced a refused one, and was refused too, is replaced
/// again only after this long: its age is not what is wrong with it.
const NEXT_REPLACEMENT: Duration = Duration::from_secs(30);

/// The credentials of one tenant, and the token they gave.
#[derive(Debug)]
pub(super) struct Auth {
    tenant: Arc<str>,
    credentials: Credentials,
    /// Of the token or, with OAuth2, of the client's secret.
    secret: SecretReader,
    held: Mutex<Held>,
    /// Whoever holds it may fetch.
    flight: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Held {
    token: Option<Arc<Token>>,
    renew_at: Option<Instant>,
    ends_at: Option<Instant>,
    failure: Option<(Instant, ApiError)>,
    replaced_at: Option<Instant>,
    renewal_fails: bool,
}

/// What there is to send without waiting.
enum Present {
    Fresh(Arc<Token>),
    Due(Arc<Token>),
    Nothing,
}

impl Auth {
    pub(super) fn new(tenant: &Tenant) -> Self {
        let (secret, kind) = match &tenant.credentials {
            Credentials::Token(secret) => (secret, SecretKind::Token),
            Credentials::OAuth2 { client_secret, .. } => (client_secret, SecretKind::ClientSecret),
        };
        Self {
            tenant: Arc::clone(&tenant.tenant),
            credentials: tenant.credentials.clone(),
            secret: SecretReader::new(secret.clone(), kind),
            held: Mutex::default(),
            flight: tokio::sync::Mutex::new(()),
        }
    }

    /// The token to send.
    pub(super) async fn token(
        &self,
        line: &Line,
        deadline: Instant,
    ) -> Result<Arc<Token>, ApiError> {
        match self.present() {
            Present::Fresh(token) => Ok(token),
            Present::Due(token) => {
                // One task renews it; for the others it is good enough.
                let Ok(_flight) = self.flight.try_lock() else {
                    return Ok(token);
                };
                if let Present::Fresh(token) = self.present() {
                    return Ok(token);
                }
                // Half of the time there is: the other half is the caller's.
                let now = Instant::now();
                let half = now + deadline.saturating_duration_since(now) / 2;
                match self.obtain(line, half).await {
                    Ok(renewed) => Ok(renewed),
                    Err(error) => {
                        self.postpone(&error);
                        Ok(token)
                    }
                }
            }
            Present::Nothing => {
                let _flight = self.boarded(deadline).await?;
                match self.present() {
                    Present::Fresh(token) | Present::Due(token) => Ok(token),
                    Present::Nothing => self.fetch(line, deadline).await,
                }
            }
        }
    }

    /// The token to send after the API refused one: `None` if there is no
    /// other.
    pub(super) async fn after_refusal(
        &self,
        refused: &Arc<Token>,
        line: &Line,
        deadline: Instant,
    ) -> Result<Option<Arc<Token>>, ApiError> {
        let _flight = self.boarded(deadline).await?;
        let held = self.held().token.clone();
        if let Some(other) = held.filter(|held| !Arc::ptr_eq(held, refused)) {
            return Ok(Some(other));
        }
        match &self.credentials {
            Credentials::Token(Secret::Value(_)) => Ok(None),
            Credentials::Token(Secret::File(_)) => {
                let read = self.obtain(line, deadline).await.ok();
                Ok(read.filter(|read| !Arc::ptr_eq(read, refused)))
            }
            Credentials::OAuth2 { .. } => {
                if !self.drop_refused(refused) {
                    return Ok(None);
                }
                self.fetch(line, deadline).await.map(Some)
            }
        }
    }

    /// Forgets a refused token. `false` if it replaced another refused one
    /// only lately, so that a third is not worth a request.
    fn drop_refused(&self, refused: &Token) -> bool {
        let now = Instant::now();
        let mut held = self.held();
        let lately = held
            .replaced_at
            .is_some_and(|at| now.saturating_duration_since(at) < NEXT_REPLACEMENT);
        if lately && !refused.was_accepted() {
            return false;
        }
        held.token = None;
        held.replaced_at = Some(now);
        true
    }

    async fn boarded(
        &self,
        deadline: Instant,
    ) -> Result<tokio::sync::MutexGuard<'_, ()>, ApiError> {
        tokio::time::timeout_at(deadline, self.flight.lock())
            .await
            .map_err(|_| ApiError {
                cut_short: true,
                ..ApiError::new(
                    Reason::Timeout,
                    "no access token in time: it was still being fetched",
                )
            })
    }

    /// Obtains a token where there is none, or fails as another task just
    /// did.
    async fn fetch(&self, line: &Line, deadline: Instant) -> Result<Arc<Token>, ApiError> {
        let lately = self.held().failure.clone();
        if let Some((at, error)) = lately
            && at.elapsed() < SHARED_FAILURE
        {
            return Err(error);
        }
        let obtained = self.obtain(line, deadline).await;
        if let Err(error) = &obtained
            // For want of time here is not for want of time there.
            && error.reason != Reason::Timeout
        {
            self.held().failure = Some((Instant::now(), error.clone()));
        }
        obtained
    }

    fn present(&self) -> Present {
        let now = Instant::now();
        let held = self.held();
        match &held.token {
            Some(_) if held.ends_at.is_some_and(|ends| ends <= now) => Present::Nothing,
            Some(token) if held.renew_at.is_some_and(|due| due <= now) => {
                Present::Due(Arc::clone(token))
            }
            Some(token) => Present::Fresh(Arc::clone(token)),
            None => Present::Nothing,
        }
    }

    async fn obtain(&self, line: &Line, deadline: Instant) -> Result<Arc<Token>, ApiError> {
        match &self.credentials {
            Credentials::Token(secret) => {
                let read = self.secret.read(deadline).await.map_err(|error| {
                    ApiError::new(Reason::Unauthorized, format!("access token: {error}"))
                })?;
                let renew_after = matches!(secret, Secret::File(_)).then_some(FILE_LOOK);
                let same = self.held().token.clone();
                let token = match same.filter(|token| token.is_same(&read)) {
                    Some(token) => token,
                    None => Arc::new(Token::new(read).ok_or_else(not_a_token)?),
                };
                Ok(self.hold(line, token, renew_after, None))
            }
            Credentials::OAuth2 {
                client_id,
                token_url,
                ..
            } => {
                let token = grant::fetch(
                    line,
                    &self.tenant,
                    (client_id, &self.secret),
                    token_url,
                    deadline,
                )
                .await?;
                let ends_after = token.life;
                // Not all exporters of a tenant at the same moment.
                let share = 0.8 + 0.1 * fastrand::f64();
                let renew_after = ends_after.map(|life| life.mul_f64(share));
                Ok(self.hold(line, Arc::new(token), renew_after, ends_after))
            }
        }
    }

    fn hold(
        &self,
        line: &Line,
        token: Arc<Token>,
        renew_after: Option<Duration>,
        ends_after: Option<Duration>,
    ) -> Arc<Token> {
        line.observer.token_expiry(token.expiry);
        let now = Instant::now();
        let mut held = self.held();
        if std::mem::take(&mut held.renewal_fails) {
            tracing::info!(tenant = %self.tenant, "the access token was renewed again");
        }
        held.renew_at = renew_after.and_then(|after| now.checked_add(after));
        held.ends_at = ends_after.and_then(|after| now.checked_add(after));
        held.failure = None;
        held.token = Some(Arc::clone(&token));
        token
    }

    fn postpone(&self, error: &ApiError) {
        let wait = NEXT_RENEWAL.mul_f64(0.5 + 0.5 * fastrand::f64());
        let mut held = self.held();
        held.renew_at = Some(Instant::now() + wait);
        if !std::mem::replace(&mut held.renewal_fails, true) {
            tracing::warn!(
                tenant = %self.tenant,
                reason = %error.reason,
                %error,
                "the access token could not be renewed; the present one is used on"
            );
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The configuration and the reader of its files have seen to it that this
/// does not happen.
fn not_a_token() -> ApiError {
    ApiError::new(Reason::Unauthorized, "access token: no header can hold it")
}
