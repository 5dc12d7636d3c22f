//! The token to send. A token made by hand is read from its file again when
//! the file changes. An OAuth2 token is requested once, renewed before it
//! expires, and replaced if the API refuses it. Two tasks never request one
//! at the same time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::failure::Failure;
use super::request_queue::RequestQueue;
use super::token::Token;
use super::{ApiError, Call, grant};
use crate::config::{Credentials, Secret, SecretKind, SecretReader, Tenant};
use crate::log_once::LogOnChange;
use crate::telemetry::{Endpoint, Reason};

/// Time between two reads of a token file.
const FILE_REREAD: Duration = Duration::from_secs(1);

/// Time between two attempts to renew a token that is still valid.
const RENEWAL_RETRY: Duration = Duration::from_secs(30);

/// For this long after a failed token request other tasks get the same error.
const SHARED_FAILURE: Duration = Duration::from_secs(5);

/// The shortest time between two replacements of tokens that the API refused:
/// if a new one is refused as well, its age is not the reason.
const REPLACEMENT_INTERVAL: Duration = Duration::from_mins(1);

/// After this many failures in a row a new OAuth2 token is requested: some
/// gateways do not answer 401 to one they do not accept.
const FAILURES: u32 = 3;

/// The credentials of one tenant, and the current token.
#[derive(Debug)]
pub(super) struct Auth {
    tenant: Arc<str>,
    credentials: Credentials,
    current: Mutex<Current>,
    /// Reads the token or, with OAuth2, the client secret. Whoever holds the
    /// lock may replace the current token.
    reader: tokio::sync::Mutex<SecretReader>,
}

#[derive(Debug, Default)]
struct Current {
    token: Option<Arc<Token>>,
    /// Whether the API ever accepted the token.
    accepted: bool,
    renew_at: Option<Instant>,
    expires_at: Option<Instant>,
    replaced_at: Option<Instant>,
    /// Failures in a row that may be due to the token.
    failures: u32,
    /// The last failed token request.
    failure: Option<(Instant, ApiError)>,
    renewal_failing: LogOnChange<bool>,
}

/// The current token, without waiting.
enum Available {
    Fresh(Arc<Token>),
    /// Still valid, but due for renewal.
    Due(Arc<Token>),
    Nothing,
}

type ReaderGuard<'a> = tokio::sync::MutexGuard<'a, SecretReader>;

impl Auth {
    pub(super) fn new(tenant: &Tenant) -> Self {
        let (secret, kind) = match &tenant.credentials {
            Credentials::Token(secret) => (secret, SecretKind::Token),
            Credentials::OAuth2 { client_secret, .. } => (client_secret, SecretKind::ClientSecret),
        };
        Self {
            tenant: Arc::clone(&tenant.tenant),
            credentials: tenant.credentials.clone(),
            current: Mutex::default(),
            reader: tokio::sync::Mutex::new(SecretReader::new(secret.clone(), kind)),
        }
    }

    /// The token to send.
    pub(super) async fn token(
        &self,
        queue: &RequestQueue,
        call: &mut Call,
    ) -> Result<Arc<Token>, ApiError> {
        match self.available() {
            Available::Fresh(token) => Ok(token),
            Available::Due(token) => {
                // One task renews it; the others use the current one.
                let Ok(reader) = self.reader.try_lock() else {
                    return Ok(token);
                };
                if let Available::Fresh(token) = self.available() {
                    return Ok(token);
                }
                self.renew(token, reader, queue, call).await
            }
            Available::Nothing => {
                let reader = self.lock_reader(call).await?;
                match self.available() {
                    Available::Fresh(token) | Available::Due(token) => Ok(token),
                    Available::Nothing => self.fetch(reader, queue, call).await,
                }
            }
        }
    }

    /// The token to send after the API refused `refused`: `None` if there is
    /// no other.
    pub(super) async fn after_refusal(
        &self,
        refused: &Arc<Token>,
        queue: &RequestQueue,
        call: &mut Call,
    ) -> Result<Option<Arc<Token>>, ApiError> {
        let reader = self.lock_reader(call).await?;
        let current = self.current().token.clone();
        if let Some(other) = current.filter(|current| !Arc::ptr_eq(current, refused)) {
            return Ok(Some(other));
        }
        match &self.credentials {
            Credentials::Token(Secret::Value(_)) => Ok(None),
            Credentials::Token(Secret::File(_)) => {
                let read = self.obtain(reader, queue, call).await.ok();
                Ok(read.filter(|read| !Arc::ptr_eq(read, refused)))
            }
            Credentials::OAuth2 { .. } => {
                {
                    let mut current = self.current();
                    let now = Instant::now();
                    if current.was_replaced_lately(now) {
                        // The API accepts it some of the time, so it is worth a retry.
                        return Ok(current.accepted.then(|| Arc::clone(refused)));
                    }
                    current.token = None;
                    current.replaced_at = Some(now);
                }
                self.fetch(reader, queue, call).await.map(Some)
            }
        }
    }

    /// Notes that the API accepted a token.
    pub(super) fn accepted(&self, token: &Arc<Token>) {
        let mut current = self.current();
        if current.is(token) {
            current.accepted = true;
            current.failures = 0;
        }
    }

    /// Notes that a request failed. After several failures in a row an OAuth2
    /// token is renewed, whatever the status was, but not too often.
    pub(super) fn failed(&self, token: &Arc<Token>, endpoint: Endpoint, failure: &Failure) {
        let may_be_the_token = match failure.reason {
            Reason::Forbidden | Reason::BadRequest | Reason::ServerError => true,
            // An unknown job is not a failure.
            Reason::NotFound => endpoint != Endpoint::IngestJob,
            _ => false,
        };
        let mut current = self.current();
        if !may_be_the_token || !current.is(token) {
            return;
        }
        current.failures += 1;
        let now = Instant::now();
        if current.failures >= FAILURES && !current.was_replaced_lately(now) {
            current.failures = 0;
            current.replaced_at = Some(now);
            if matches!(self.credentials, Credentials::OAuth2 { .. }) {
                current.renew_at = Some(now);
            }
        }
    }

    async fn lock_reader(&self, call: &Call) -> Result<ReaderGuard<'_>, ApiError> {
        tokio::time::timeout_at(call.deadline, self.reader.lock())
            .await
            .map_err(|_| ApiError {
                deadline_exceeded: true,
                ..ApiError::new(
                    Reason::Timeout,
                    "no access token in time: the request for one has not been answered",
                )
            })
    }

    /// Renews a token that is still valid; if that fails, keeps it.
    async fn renew(
        &self,
        token: Arc<Token>,
        reader: ReaderGuard<'_>,
        queue: &RequestQueue,
        call: &mut Call,
    ) -> Result<Arc<Token>, ApiError> {
        // Half of the time that is left: the other half is for the request.
        let deadline = call.deadline;
        let now = Instant::now();
        call.deadline = now + deadline.saturating_duration_since(now) / 2;
        let renewed = self.obtain(reader, queue, call).await;
        call.deadline = deadline;
        match renewed {
            Ok(renewed) => Ok(renewed),
            Err(error) => {
                self.postpone_renewal(&error);
                Ok(token)
            }
        }
    }

    /// Obtains a token where there is none. Fails as another task just did, if
    /// one did.
    async fn fetch(
        &self,
        reader: ReaderGuard<'_>,
        queue: &RequestQueue,
        call: &mut Call,
    ) -> Result<Arc<Token>, ApiError> {
        let failure = self.current().failure.clone();
        if let Some((at, error)) = failure
            && at.elapsed() < SHARED_FAILURE
        {
            return Err(error);
        }
        let obtained = self.obtain(reader, queue, call).await;
        if let Err(error) = &obtained
            // Another task may have more time.
            && error.reason != Reason::Timeout
        {
            self.current().failure = Some((Instant::now(), error.clone()));
        }
        obtained
    }

    fn available(&self) -> Available {
        let now = Instant::now();
        let current = self.current();
        let is_past = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        match &current.token {
            Some(token) if is_past(current.expires_at) => {
                tracing::debug!(expiry = ?token.expiry, "the access token has expired");
                Available::Nothing
            }
            Some(token) if is_past(current.renew_at) => Available::Due(Arc::clone(token)),
            Some(token) => Available::Fresh(Arc::clone(token)),
            None => Available::Nothing,
        }
    }

    async fn obtain(
        &self,
        mut reader: ReaderGuard<'_>,
        queue: &RequestQueue,
        call: &mut Call,
    ) -> Result<Arc<Token>, ApiError> {
        match &self.credentials {
            Credentials::Token(secret) => {
                let read = reader.read(call.deadline).await.map_err(|error| {
                    ApiError::new(Reason::Unauthorized, format!("access token: {error}"))
                })?;
                let renew_after = matches!(secret, Secret::File(_)).then_some(FILE_REREAD);
                let same = self.current().token.clone();
                let token = match same.filter(|token| token.is_same(&read)) {
                    Some(token) => token,
                    None => Arc::new(Token::new(read).ok_or_else(not_a_token)?),
                };
                self.set(&token, renew_after, None);
                Ok(token)
            }
            Credentials::OAuth2 {
                client_id,
                token_url,
                ..
            } => {
                let client = (client_id.as_str(), &mut *reader);
                let token = grant::fetch(queue, &self.tenant, client, token_url, call).await?;
                let expires_after = token.lifetime;
                // Not all exporters of a tenant at the same moment.
                let share = 0.8 + 0.1 * fastrand::f64();
                let renew_after = expires_after.map(|lifetime| lifetime.mul_f64(share));
                let token = Arc::new(token);
                self.set(&token, renew_after, expires_after);
                Ok(token)
            }
        }
    }

    fn set(
        &self,
        token: &Arc<Token>,
        renew_after: Option<Duration>,
        expires_after: Option<Duration>,
    ) {
        let now = Instant::now();
        let mut current = self.current();
        if current.renewal_failing.update(false).is_some() {
            tracing::info!(tenant = %self.tenant, "the access token was renewed again");
        }
        current.renew_at = renew_after.and_then(|after| now.checked_add(after));
        current.expires_at = expires_after.and_then(|after| now.checked_add(after));
        current.failure = None;
        if !current.is(token) {
            current.accepted = false;
            current.failures = 0;
            current.token = Some(Arc::clone(token));
        }
    }

    fn postpone_renewal(&self, error: &ApiError) {
        let wait = RENEWAL_RETRY.mul_f64(0.5 + 0.5 * fastrand::f64());
        let mut current = self.current();
        current.renew_at = Some(Instant::now() + wait);
        if current.renewal_failing.update(true).is_some() {
            tracing::warn!(
                tenant = %self.tenant,
                reason = %error.reason,
                %error,
                "cannot renew the access token; keeping the current token"
            );
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn is(&self, token: &Arc<Token>) -> bool {
        let current = self.token.as_ref();
        current.is_some_and(|current| Arc::ptr_eq(current, token))
    }

    fn was_replaced_lately(&self, now: Instant) -> bool {
        self.replaced_at
            .is_some_and(|at| now.saturating_duration_since(at) < REPLACEMENT_INTERVAL)
    }
}

/// The configuration and the reader refuse such tokens earlier.
fn not_a_token() -> ApiError {
    ApiError::new(
        Reason::Unauthorized,
        "the access token contains characters that are not valid in a header",
    )
}
