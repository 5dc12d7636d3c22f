//! OAuth2 client credentials: the request for an access token.

use bytes::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use reqwest::Url;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::ApiError;
use super::failure::{Failure, form_encoded};
use super::line::{Line, Question};
use super::token::Token;
use crate::config::SecretReader;
use crate::telemetry::{Endpoint, Reason, Target};
use crate::wire::{Count, Text};

/// The answer of the token endpoint.
#[derive(Default, serde::Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
struct Grant<'a> {
    access_token: Text<'a>,
    expires_in: Count,
}

/// Asks for a token with a client's id and secret; the secret is read anew.
pub(super) async fn fetch(
    line: &Line,
    tenant: &str,
    (client_id, client_secret): (&str, &SecretReader),
    token_url: &Url,
    deadline: Instant,
) -> Result<Token, ApiError> {
    let secret = client_secret.read(deadline).await.map_err(|error| {
        let message = format!("OAuth2 client secret: {error}");
        ApiError::new(Reason::Unauthorized, message)
    })?;
    let explained = |failure: Failure| {
        let advice = failure.reason.advice(&Target {
            endpoint: Endpoint::Token,
            host: token_url.host_str().unwrap_or_default(),
            tenant,
            version: "",
        });
        let message = format!("POST {}: {}. {advice}", token_url.path(), failure.text);
        ApiError {
            cut_short: failure.cut_short,
            ..ApiError::new(failure.reason, message)
        }
    };
    let request = request(tenant, client_id, &secret, token_url)
        .map_err(|error| explained(Failure::lasting(Reason::BadRequest, error.to_string())))?;
    let question = Question {
        endpoint: Endpoint::Token,
        request,
        secrets: vec![&secret],
    };
    let body = line.ask(&question, deadline).await.map_err(explained)?;
    // Nothing of the answer is told: it may be the token.
    let grant: Grant<'_> = serde_json::from_slice(&body).unwrap_or_default();
    grant
        .access_token
        .as_deref()
        .filter(|token| !token.is_empty())
        .and_then(|token| Token::granted(token.into(), grant.expires_in.0, line.clock().now()))
        .ok_or_else(|| {
            explained(Failure::lasting(
                Reason::Malformed,
                "the answer holds no access_token",
            ))
        })
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
