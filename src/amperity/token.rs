//! One access token: its header, and when it expires.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hyper::header::HeaderValue;
use jiff::Timestamp;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::wire::OneOf;

/// A longer lifetime is treated as a mistake.
const LONGEST_LIFETIME: Duration = Duration::from_hours(10 * 366 * 24);

/// The size limit of a token, in bytes. Anything longer exceeds the header limits of servers.
const LONGEST: usize = 64 << 10;

/// An access token.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    header: HeaderValue,
    pub(super) expiry: Option<Timestamp>,
    /// From its issue to its expiry, if known.
    pub(super) lifetime: Option<Duration>,
}

/// The claims of a JWT, not verified: only the API can do that.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Claims {
    exp: Seconds,
    iat: Seconds,
}

/// A number of seconds greater than 0, or nothing where the JSON holds anything
/// else. Fractions and numbers in strings are accepted, as issuers send both.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seconds(pub(super) Option<u64>);

impl<'de> serde::Deserialize<'de> for Seconds {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range"
    )]
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&serde_json::value::RawValue>::deserialize(deserializer)?;
        let number = json.get().trim_matches('"').trim().parse::<f64>();
        let in_range = number.ok().filter(|number| (1.0..1e15).contains(number));
        Ok(Self(in_range.map(|number| number as u64)))
    }
}

impl Token {
    /// A token from a file or the configuration. `None` if it is too
    /// long, or a header cannot carry it.
    pub(super) fn new(secret: SecretString) -> Option<Self> {
        if secret.expose_secret().len() > LONGEST {
            return None;
        }
        let text = Zeroizing::new(format!("Bearer {}", secret.expose_secret()));
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        let claims = Claims::of(secret.expose_secret());
        Some(Self {
            header,
            expiry: claims.exp.0.and_then(timestamp),
            // Two times of one clock: right even if that differs from ours.
            lifetime: claims.exp.0.zip(claims.iat.0).and_then(|(exp, iat)| {
                let seconds = exp.checked_sub(iat)?;
                plausible(seconds)
            }),
            secret,
        })
    }

    /// A token of the token endpoint, with the lifetime that came with it.
    pub(super) fn granted(
        secret: SecretString,
        expires_in: Option<u64>,
        now: Timestamp,
    ) -> Option<Self> {
        let mut token = Self::new(secret)?;
        let promised = expires_in.and_then(plausible);
        token.lifetime = promised.or(token.lifetime).or_else(|| {
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
}

impl Claims {
    /// Empty if the token is no JWT.
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
            .and_then(|json| serde_json::from_slice::<OneOf<Self>>(&json).ok()?.0)
            .unwrap_or_default()
    }
}

fn timestamp(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

fn plausible(seconds: u64) -> Option<Duration> {
    let lifetime = Duration::from_secs(seconds);
    (!lifetime.is_zero() && lifetime <= LONGEST_LIFETIME).then_some(lifetime)
}
