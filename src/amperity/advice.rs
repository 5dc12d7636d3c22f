//! What the operator can do about a failure: the last sentence of an error.

use reqwest::Url;

use super::Client;
use crate::config::{Credentials, Secret};
use crate::telemetry::{Endpoint, Reason};

impl Client {
    /// What the operator can do about it.
    pub(super) fn advice(&self, endpoint: Endpoint, reason: Reason) -> String {
        let tenant = &self.tenant;
        let host = self.base_url.host_str().unwrap_or_default();
        match reason {
            Reason::Unreachable => {
                format!(
                    "Check that {host} can be reached from here: base_url, DNS, firewall, proxy"
                )
            }
            Reason::Tls => format!(
                "{host} could not prove who it is, or does not speak TLS: check base_url; a \
                 private CA is named in tls_config.ca_file"
            ),
            Reason::Unauthorized => self.about_the_token(),
            Reason::Forbidden => format!(
                "The API key needs the DataGrid Operator policy and must be one of tenant {tenant}"
            ),
            Reason::NotFound if endpoint == Endpoint::IngestJob => {
                format!(
                    "Tenant {tenant} has no such job: check the id, and that base_url ends in /api"
                )
            }
            Reason::NotFound => "Check base_url: it ends in /api".to_owned(),
            Reason::RateLimited => format!(
                "All clients of tenant {tenant} share 10 requests a second; this one now asks more \
                 slowly. If it goes on, lower requests_per_second"
            ),
            Reason::BadRequest => format!(
                "Check base_url, the tenant's name and api.version ({})",
                self.version
            ),
            Reason::Malformed => {
                "Check that base_url leads to the API and not to a proxy's page".to_owned()
            }
            Reason::TooLarge => "Raise limits.response_bytes".to_owned(),
            Reason::Timeout => {
                "If the API is just slow, raise timeout; else check the network to it".to_owned()
            }
            Reason::ServerError => "The fault is on Amperity's side: if it lasts, tell their \
                 support the request_id"
                .to_owned(),
        }
    }

    fn about_the_token(&self) -> String {
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

/// The same for the token endpoint; begins with the end of the sentence
/// before.
pub(super) fn for_token_endpoint(reason: Reason, token_url: &Url) -> String {
    match reason {
        Reason::Unauthorized | Reason::Forbidden => ". The client credentials were refused: check \
             oauth2.client_id and the client secret, and that the key still exists"
            .to_owned(),
        Reason::NotFound | Reason::Malformed | Reason::BadRequest => {
            ". Check oauth2.token_url".to_owned()
        }
        Reason::Unreachable | Reason::Tls => format!(
            ". This is oauth2.token_url, on the host {}",
            token_url.host_str().unwrap_or_default()
        ),
        Reason::Timeout => ". If the token endpoint is just slow, raise timeout".to_owned(),
        Reason::RateLimited => {
            ". Other clients of the tenant may be asking too often; it is tried again".to_owned()
        }
        Reason::ServerError => ". The fault is on Amperity's side: if it lasts, tell their \
             support the request_id"
            .to_owned(),
        Reason::TooLarge => ". Check oauth2.token_url: no token is as large".to_owned(),
    }
}
