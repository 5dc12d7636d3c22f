//! What the operator can do about a failed request: the last sentence of an
//! error. The texts are those of [`Reason`], except for a refused token, where
//! they depend on how the token is configured.

use jiff::Timestamp;

use super::Client;
use crate::config::{Credentials, Secret};
use crate::telemetry::{Endpoint, Reason, Target};

impl Client {
    /// `token_expiry` is that of the token that was sent.
    pub(super) fn advice(
        &self,
        endpoint: Endpoint,
        reason: Reason,
        token_expiry: Option<Timestamp>,
    ) -> String {
        if reason == Reason::Unauthorized {
            return self.token_advice(token_expiry);
        }
        reason.advice(&Target {
            endpoint,
            host: self.base_url.host_str().unwrap_or_default(),
            tenant: &self.tenant,
            version: &self.version,
        })
    }

    fn token_advice(&self, expiry: Option<Timestamp>) -> String {
        let expired = expiry.filter(|expiry| *expiry <= self.queue.clock().now());
        let why = match expired {
            Some(expiry) => format!("The token was refused: it expired at {expiry}"),
            None => "The token was refused: it is wrong, expired or revoked".to_owned(),
        };
        match &self.credentials {
            Credentials::Token(Secret::Value(_)) => {
                format!(
                    "{why}. Put a new one into the configuration and reload, or set AMPERITY_TOKEN \
                     and restart"
                )
            }
            Credentials::Token(Secret::File(path)) => {
                format!("{why}. Write a new one into {}", path.display())
            }
            Credentials::OAuth2 { .. } => "A new token was refused: check that the API key still \
                 exists and belongs to this tenant"
                .to_owned(),
        }
    }
}
