//! Access tokens and the token endpoint. A token looks like the vendor's JWT
//! but its signature is random: it is valid while it is stored here.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hyper::{Request, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use super::Inner;
use super::http::single;
use super::random::{hash, rng};
use super::response::{ErrorResponse, HandlerResult, to_json};

/// The valid tokens, with their tenant and expiry.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    valid: HashMap<String, (Arc<str>, Option<Timestamp>)>,
}

impl Tokens {
    pub(super) fn add(&mut self, token: String, tenant: &Arc<str>, expiry: Option<Timestamp>) {
        self.valid.insert(token, (Arc::clone(tenant), expiry));
    }

    /// The tenant of a token; `None` if the token is unknown or expired.
    pub(super) fn tenant(&self, token: &str, now: Timestamp) -> Option<Arc<str>> {
        let (tenant, expiry) = self.valid.get(token)?;
        expiry
            .is_none_or(|expiry| now < expiry)
            .then(|| Arc::clone(tenant))
    }

    /// Removes all tokens of a tenant.
    pub(super) fn revoke(&mut self, tenant: &str) {
        self.valid.retain(|_, (owner, _)| **owner != *tenant);
    }

    /// Removes expired tokens.
    pub(super) fn remove_expired(&mut self, now: Timestamp) {
        self.valid
            .retain(|_, (_, expiry)| expiry.is_none_or(|expiry| now < expiry));
    }
}

#[derive(Serialize)]
struct TokenBody<'a> {
    access_token: &'a str,
    expires_in: u64,
    token_type: &'static str,
}

impl Inner {
    /// OAuth2 client credentials. The vendor's rate limit applies to the API
    /// of a tenant, not to this endpoint.
    pub(super) fn issue_token(
        &mut self,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> HandlerResult {
        let headers = request.headers();
        let content_type = single(headers, "content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(ErrorResponse::bad_request("The body must be form-encoded."));
        }
        let tenant = single(headers, "x-amperity-tenant").ok_or_else(|| {
            ErrorResponse::bad_request("The X-Amperity-SimulatedTenant header is required.")
        })?;
        let field = |name: &str| {
            let mut pairs = form_urlencoded::parse(request.body());
            pairs.find(|(key, _)| key == name).map(|(_, value)| value)
        };
        if field("grant_type").as_deref() != Some("client_credentials") {
            return Err(ErrorResponse::bad_request(
                "grant_type must be client_credentials.",
            ));
        }
        let (Some(id), Some(secret)) = (field("client_id"), field("client_secret")) else {
            return Err(ErrorResponse::bad_request(
                "client_id and client_secret are required.",
            ));
        };
        let tenant = self.world.get(tenant);
        let tenant = tenant
            .filter(|tenant| tenant.client_id == id && tenant.client_secret == secret)
            .ok_or_else(|| {
                ErrorResponse::new(StatusCode::UNAUTHORIZED, "Invalid client credentials.")
            })?;
        let lifetime = self.options.token_lifetime;
        let expiry = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
        let access_token = jwt(&tenant.name, &id, now, expiry, self.serial);
        self.tokens.remove_expired(now);
        self.tokens
            .add(access_token.clone(), &tenant.name, Some(expiry));
        Ok(to_json(&TokenBody {
            access_token: &access_token,
            expires_in: lifetime.as_secs(),
            token_type: "Bearer",
        }))
    }
}

/// A token in the format of a signed JWT; `serial` makes it unique.
pub(super) fn jwt(
    tenant: &str,
    subject: &str,
    issued: Timestamp,
    expiry: Timestamp,
    serial: u64,
) -> String {
    let mut rng = rng(&[hash(tenant), hash(subject), serial]);
    let claims = serde_json::json!({
        "iss": format!("https://{tenant}.amperity.com/"),
        "sub": subject,
        "aud": format!("{tenant}/api"),
        "iat": issued.as_second(),
        "exp": expiry.as_second(),
        "jti": format!("{:016x}", rng.u64(..)),
    });
    let mut signature = [0; 32];
    rng.fill(&mut signature);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
}
