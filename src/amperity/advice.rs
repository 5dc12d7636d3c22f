//! What the operator can do about a failed request: the last sentence of an
//! error. The texts are those of [`Reason`], but for a refused token, where
//! they depend on how the token is configured.

use super::Client;
use crate::config::{Credentials, Secret};
use crate::telemetry::{Endpoint, Reason, Target};

impl Client {
    pub(super) fn advice(&self, endpoint: Endpoint, reason: Reason) -> String {
        if reason == Reason::Unauthorized {
            return self.token_advice();
        }
        reason.advice(&Target {
            endpoint,
            host: self.base_url.host_str().unwrap_or_default(),
            tenant: &self.tenant,
            version: &self.version,
        })
    }

    fn token_advice(&self) -> String {
        let ended = self
            .observations()
            .token_expiry
            .filter(|ended| *ended <= self.line.clock().now());
        let why = match ended {
            Some(ended) => format!("The token was refused: it ended at {ended}"),
            None => "The token was refused: it is wrong, expired or revoked".to_owned(),
        };
        match &self.credentials {
            Credentials::Token(Secret::Value(_)) => {
                format!(
                    "{why}. Put a new one into the configuration and reload, or into \
                     AMPERITY_TOKEN and restart"
                )
            }
            Credentials::Token(Secret::File(path)) => {
                format!("{why}. Write a new one into {}", path.display())
            }
            Credentials::OAuth2 { .. } => "The token was refused though it is new: check that the \
                 API key still exists and is this tenant's"
                .to_owned(),
        }
    }
}
