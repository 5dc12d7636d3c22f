//! Access tokens: JWTs that look like the vendor's, and which of them still
//! open the door. Nobody checks their signature; a token counts because it is
//! remembered, so taking it back is forgetting it. The token endpoint is here
//! as well.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hyper::{Request, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use super::Inner;
use super::chance::{dice, number_of};
use super::http::single;
use super::query::decoded;
use super::reply::{Answer, Refusal, written};

/// The tokens that were given out or made by hand.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    known: HashMap<String, (Arc<str>, Option<Timestamp>)>,
}

impl Tokens {
    pub(super) fn add(&mut self, token: String, tenant: &Arc<str>, expiry: Option<Timestamp>) {
        self.known.insert(token, (Arc::clone(tenant), expiry));
    }

    /// Whose token it is; `None` if it is nobody's or no longer valid.
    pub(super) fn tenant(&self, token: &str, now: Timestamp) -> Option<Arc<str>> {
        let (tenant, expiry) = self.known.get(token)?;
        expiry
            .is_none_or(|expiry| now < expiry)
            .then(|| Arc::clone(tenant))
    }

    /// Forgets all tokens of a tenant.
    pub(super) fn revoke(&mut self, tenant: &str) {
        self.known.retain(|_, (owner, _)| **owner != *tenant);
    }

    /// Forgets what has expired.
    pub(super) fn tidy(&mut self, now: Timestamp) {
        self.known
            .retain(|_, (_, expiry)| expiry.is_none_or(|expiry| now < expiry));
    }
}

#[derive(Serialize)]
struct TokenAnswer<'a> {
    access_token: &'a str,
    expires_in: u64,
    token_type: &'static str,
}

impl Inner {
    /// OAuth2 client credentials. The vendor's limit of requests is the
    /// tenant's API; this endpoint stands apart from it and does not count.
    pub(super) fn issue_token(&mut self, request: &Request<Bytes>, now: Timestamp) -> Answer {
        let headers = request.headers();
        let content_type = single(headers, "content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refusal::bad_request("The body must be form-encoded."));
        }
        let tenant = single(headers, "x-amperity-tenant")
            .ok_or_else(|| Refusal::bad_request("The X-Amperity-Tenant header is required."))?;
        let body = std::str::from_utf8(request.body()).unwrap_or_default();
        let field = |name: &str| {
            let mut pairs = body.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(key, _)| decoded(key).as_deref() == Some(name))?;
            decoded(value)
        };
        if field("grant_type").as_deref() != Some("client_credentials") {
            return Err(Refusal::bad_request(
                "grant_type must be client_credentials.",
            ));
        }
        let (Some(id), Some(secret)) = (field("client_id"), field("client_secret")) else {
            return Err(Refusal::bad_request(
                "client_id and client_secret are required.",
            ));
        };
        let tenant = self.world.get(tenant);
        let tenant = tenant
            .filter(|tenant| tenant.client_id == id && tenant.client_secret == secret)
            .ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, "Invalid client credentials."))?;
        let life = self.options.token_lifetime;
        let expiry = now.checked_add(life).unwrap_or(Timestamp::MAX);
        let access_token = jwt(&tenant.name, &id, now, expiry, self.serial);
        self.tokens.tidy(now);
        self.tokens
            .add(access_token.clone(), &tenant.name, Some(expiry));
        Ok(written(&TokenAnswer {
            access_token: &access_token,
            expires_in: life.as_secs(),
            token_type: "Bearer",
        }))
    }
}

/// A token in the shape of a signed JWT; `serial` tells apart two tokens that
/// are alike in everything else.
pub(super) fn jwt(
    tenant: &str,
    subject: &str,
    issued: Timestamp,
    expiry: Timestamp,
    serial: u64,
) -> String {
    let mut dice = dice(&[number_of(tenant), number_of(subject), serial]);
    let claims = serde_json::json!({
        "iss": format!("https://{tenant}.amperity.com/"),
        "sub": subject,
        "aud": format!("{tenant}/api"),
        "iat": issued.as_second(),
        "exp": expiry.as_second(),
        "jti": format!("{:016x}", dice.u64(..)),
    });
    let mut signature = [0; 32];
    dice.fill(&mut signature);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
}
