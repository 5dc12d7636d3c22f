//! One access token: what is sent, and when it ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hyper::header::HeaderValue;
use jiff::Timestamp;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// A life longer than this is not believed, nor planned for.
const LONGEST_LIFE: Duration = Duration::from_hours(10 * 366 * 24);

/// An access token.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    header: HeaderValue,
    pub(super) expiry: Option<Timestamp>,
    /// From when it was made until it ends, if that is known.
    pub(super) life: Option<Duration>,
    accepted: AtomicBool,
}

/// What a JWT says of itself; not verified, as only the API can.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Claims {
    exp: Count,
    iat: Count,
}

impl Token {
    /// A token from a file or the configuration. `None` if it holds what no
    /// header may.
    pub(super) fn new(secret: SecretString) -> Option<Self> {
        let text = Zeroizing::new(format!("Bearer {}", secret.expose_secret()));
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        let claims = Claims::of(secret.expose_secret());
        Some(Self {
            header,
            expiry: claims.exp.0.and_then(timestamp),
            // Two times of the same clock: right even if that is not ours.
            life: claims.exp.0.zip(claims.iat.0).and_then(|(exp, iat)| {
                let seconds = exp.checked_sub(iat)?;
                believable(seconds)
            }),
            secret,
            accepted: AtomicBool::new(false),
        })
    }

    /// A token just granted, with the life that was promised it.
    pub(super) fn granted(
        secret: SecretString,
        expires_in: Option<u64>,
        now: Timestamp,
    ) -> Option<Self> {
        let mut token = Self::new(secret)?;
        let promised = expires_in.and_then(believable);
        token.life = promised.or(token.life).or_else(|| {
            let left = token.expiry?.duration_since(now);
            Duration::try_from(left).ok()
        });
        token.expiry = token.expiry.or_else(|| now.checked_add(promised?).ok());
        Some(token)
    }

    /// The `Authorization` header, marked as sensitive.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    pub(super) fn is_same(&self, secret: &SecretString) -> bool {
        self.secret.expose_secret() == secret.expose_secret()
    }

    /// Takes note that the API let it in.
    pub(super) fn accept(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }

    /// Whether the API ever let it in.
    pub(super) fn was_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Claims {
    /// Of a token that is no JWT: nothing.
    fn of(token: &str) -> Self {
        let mut parts = token.split('.');
        let (Some(_), Some(claims), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Self::default();
        };
        BASE64_URL_SAFE_NO_PAD
            .decode(claims.trim_end_matches('='))
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default()
    }
}

fn timestamp(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

fn believable(seconds: u64) -> Option<Duration> {
    let life = Duration::from_secs(seconds);
    (!life.is_zero() && life <= LONGEST_LIFE).then_some(life)
}
use crate::wire::Count;
