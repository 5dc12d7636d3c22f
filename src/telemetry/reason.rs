//! Why a request or a refresh failed: the label value of each reason, its
//! explanation for the catalogue, and what the operator can do about it.

use std::fmt;

use super::Endpoint;

/// Why a refresh or a request failed: the values of the `reason` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is explained by its description")]
pub enum Reason {
    Unreachable,
    Tls,
    Timeout,
    Unauthorized,
    Forbidden,
    NotFound,
    RateLimited,
    BadRequest,
    ServerError,
    Malformed,
    TooLarge,
}

/// The texts about a reason.
struct Description {
    label: &'static str,
    /// What happened.
    meaning: &'static str,
    /// What to do if a request to the API failed, with placeholders for
    /// [`Target`].
    advice: &'static str,
    /// What to do if a request to the OAuth2 token endpoint failed.
    token_advice: &'static str,
}

/// What a failed request was sent to; fills in the advice.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The host name.
    pub host: &'a str,
    /// The tenant.
    pub tenant: &'a str,
    /// The version of the API.
    pub version: &'a str,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::Unreachable,
        Self::Tls,
        Self::Timeout,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::RateLimited,
        Self::BadRequest,
        Self::ServerError,
        Self::Malformed,
        Self::TooLarge,
    ];

    const fn description(self) -> Description {
        match self {
            Self::Unreachable => Description {
                label: "unreachable",
                meaning: "the connection to the API could not be made, or it broke",
                advice: "Check that {host} can be reached from here: base_url, DNS, firewall, proxy",
                token_advice: "This is oauth2.token_url, on the host {host}",
            },
            Self::Tls => Description {
                label: "tls",
                meaning: "the TLS handshake failed: the API's certificate is not trusted, or the \
                          host does not speak TLS",
                advice: "The certificate of {host} is not trusted, or the host does not speak \
                         TLS: check base_url; name a private CA in tls_config.ca_file",
                token_advice: "This is oauth2.token_url, on the host {host}",
            },
            Self::Timeout => Description {
                label: "timeout",
                meaning: "no response within `api.timeout`",
                advice: "If the API is only slow, raise timeout; otherwise check the network to it",
                token_advice: "If the token endpoint is only slow, raise timeout",
            },
            Self::Unauthorized => Description {
                label: "unauthorized",
                meaning: "401: the token or the client secret is wrong, expired or revoked",
                advice: "The token was refused: it is wrong, expired or revoked",
                token_advice: "The client credentials were refused: check oauth2.client_id and \
                               the client secret, and that the key still exists",
            },
            Self::Forbidden => Description {
                label: "forbidden",
                meaning: "403: the API key lacks the policy, or belongs to another tenant",
                advice: "The API key needs the DataGrid Operator policy and must belong to tenant \
                         {tenant}",
                token_advice: "The client credentials were refused: check oauth2.client_id and \
                               the client secret, and that the key still exists",
            },
            Self::NotFound => Description {
                label: "not_found",
                meaning: "404: `base_url` or `token_url` is wrong; an unknown job id does not \
                          fail a refresh",
                advice: "Check base_url: it must end in /api",
                token_advice: "Check oauth2.token_url",
            },
            Self::RateLimited => Description {
                label: "rate_limited",
                meaning: "429: the clients of the tenant together send too many requests",
                advice: "All clients of tenant {tenant} share 10 requests per second; this one \
                         now sends fewer. If it persists, lower requests_per_second",
                token_advice: "Other clients of the tenant may be sending too many requests; the \
                               exporter retries",
            },
            Self::BadRequest => Description {
                label: "bad_request",
                meaning: "any other 4xx or a redirect: check `base_url`, the tenant and `version`",
                advice: "Check base_url, the tenant's name and api.version ({version})",
                token_advice: "Check oauth2.token_url",
            },
            Self::ServerError => Description {
                label: "server_error",
                meaning: "5xx: the API has a problem",
                advice: "The problem is on Amperity's side: if it persists, give their support \
                         the request_id",
                token_advice: "The problem is on Amperity's side: if it persists, give their \
                               support the request_id",
            },
            Self::Malformed => Description {
                label: "malformed",
                meaning: "the response is not one of the API's, such as a proxy's page",
                advice: "Check that base_url leads to the API and not to a proxy's page",
                token_advice: "Check oauth2.token_url",
            },
            Self::TooLarge => Description {
                label: "too_large",
                meaning: "the response is larger than `limits.response_bytes`, or has more objects than it allows",
                advice: "Raise limits.response_bytes",
                token_advice: "Check oauth2.token_url: no token is that large",
            },
        }
    }

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.description().label
    }

    /// What happened, for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.description().meaning
    }

    /// What the operator can do about it: a sentence without its full stop.
    #[must_use]
    pub fn advice(self, target: &Target<'_>) -> String {
        let template = match (self, target.endpoint) {
            (_, Endpoint::Token) => self.description().token_advice,
            (Self::NotFound, Endpoint::IngestJob) => {
                "Tenant {tenant} has no such job: check the id, and that base_url ends in /api"
            }
            (Self::NotFound, Endpoint::WorkflowRun) => {
                "Tenant {tenant} has no such workflow: check that base_url ends in /api"
            }
            _ => self.description().advice,
        };
        template
            .replace("{host}", target.host)
            .replace("{version}", target.version)
            .replace("{tenant}", target.tenant)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
