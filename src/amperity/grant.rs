//! OAuth2 client credentials: the request for an access token.

use bytes::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use jiff::Timestamp;
use reqwest::Url;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::failure::{Failure, form_encoded};
use super::request_queue::{ApiRequest, RequestQueue};
use super::token::{Seconds, Token};
use super::{ApiError, Call, Priority};
use crate::config::SecretReader;
use crate::telemetry::{Endpoint, Reason, Target};
use crate::wire::{OneOf, Text};

/// The answer of the token endpoint.
#[derive(Default, serde::Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
struct Grant<'a> {
    access_token: Text<'a>,
    expires_in: Seconds,
}

/// Requests a token with a client's id and secret; the secret is read again.
pub(super) async fn fetch(
    queue: &RequestQueue,
    tenant: &str,
    (client_id, client_secret): (&str, &mut SecretReader),
    token_url: &Url,
    call: &mut Call,
) -> Result<Token, ApiError> {
    let secret = client_secret.read(call.deadline).await.map_err(|error| {
        let message = format!("OAuth2 client secret: {error}");
        ApiError::new(Reason::Unauthorized, message)
    })?;
    let target = Target {
        endpoint: Endpoint::Token,
        host: token_url.host_str().unwrap_or_default(),
        tenant,
        version: "",
    };
    let explained = |failure: Failure| {
        let advice = failure
            .advice
            .map_or_else(|| failure.reason.advice(&target), str::to_owned);
        let message = format!("POST {}: {}. {advice}", token_url.path(), failure.text);
        ApiError {
            deadline_exceeded: failure.deadline_exceeded,
            ..ApiError::new(failure.reason, message)
        }
    };
    let request = request(tenant, client_id, &secret, token_url)
        .map_err(|error| explained(Failure::permanent(Reason::BadRequest, error.to_string())))?;
    let request = ApiRequest {
        endpoint: Endpoint::Token,
        request,
        secrets: vec![&secret],
    };
    // Refreshes may wait for the token, whoever needed it first.
    let priority = std::mem::replace(&mut call.priority, Priority::Refresh);
    let sent = queue.send(&request, call).await;
    call.priority = priority;
    let body = sent.map_err(explained)?;
    read(&body, queue.clock().now())
        .map_err(|problem| explained(Failure::permanent(Reason::Malformed, problem)))
}

/// Reads the token from an answer that came at `now`. The error quotes nothing
/// of the answer: it may be the token.
fn read(answer: &[u8], now: Timestamp) -> Result<Token, &'static str> {
    let grant = serde_json::from_slice::<OneOf<Grant<'_>>>(answer);
    let grant = grant.ok().and_then(|grant| grant.0).unwrap_or_default();
    let token = grant.access_token.as_deref();
    let token = token
        .filter(|text| !text.is_empty())
        .ok_or("the response has no access_token")?;
    Token::granted(token.into(), grant.expires_in.0, now)
        .ok_or("the access_token in the response is too long, or not valid in a header")
}

/// Whatever the answer, a token is not shown, and its times are plausible.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_answer(answer: &[u8], now: Timestamp) {
    if let Ok(token) = read(answer, now) {
        let header = token.header();
        assert!(header.is_sensitive());
        let secret = token.secret.expose_secret();
        assert_eq!(header.as_bytes(), format!("Bearer {secret}").as_bytes());
        let (expiry, lifetime) = (token.expiry, token.lifetime);
        let shown = format!(
            "Token {{ secret: SecretBox<str>([REDACTED]), header: Sensitive, expiry: {expiry:?}, \
             lifetime: {lifetime:?} }}"
        );
        assert_eq!(format!("{token:?}"), shown);
    }
}

fn request(
    tenant: &str,
    client_id: &str,
    client_secret: &SecretString,
    token_url: &Url,
) -> Result<hyper::Request<Bytes>, hyper::http::Error> {
    let encoded = Zeroizing::new(form_encoded(client_secret.expose_secret()));
    let body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        form_encoded(client_id),
        encoded.as_str()
    );
    hyper::Request::post(token_url.as_str())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .header("x-amperity-tenant", tenant)
        .body(Bytes::from(body))
}
