//! What a failed request means: its reason, whether a retry can help, and the
//! vendor's message, made safe to print.

use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use jiff::Timestamp;
use secrecy::SecretString;

use super::TransportError;
use super::redact::clean;
use crate::telemetry::Reason;
use crate::wire::{OneOf, Text};

/// The longest message of the vendor that is passed on, in characters.
const MAX_TEXT: usize = 300;

/// The longest id that is passed on, in characters.
const MAX_ID: usize = 100;

/// An attempt without a usable response.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    /// Why, as a label value.
    pub(super) reason: Reason,
    /// What happened, safe to print.
    pub(super) text: String,
    /// Whether a retry may succeed.
    pub(super) transient: bool,
    /// How long the API asked to wait, by `Retry-After`.
    pub(super) retry_after: Option<Duration>,
    /// Whether the caller's deadline ended it, not the API.
    pub(super) deadline_exceeded: bool,
    /// What to do about it, where the reason alone does not say.
    pub(super) advice: Option<&'static str>,
}

const PROXY_CREDENTIALS: &str = "The proxy asks for credentials: put user and password into \
                                 proxy_url, as in http://user:password@proxy.example.com:3128";

const PROXY_REFUSED: &str = "The proxy does not connect to the API: check proxy_url, the proxy \
                             variables of the environment, and what the proxy allows";

const LOGIN_PAGE: &str = "The network requires a login before it lets requests through: ask its \
                          administrator";

const NOT_THE_API: &str = "It comes from a proxy or from another server: check base_url, proxy_url \
                           and what the proxy allows";

const REDIRECT: &str = "The API does not redirect: check base_url, its scheme and host";

/// The vendor's error body, and the one of OAuth2 (RFC 6749, 5.2).
#[derive(Default, serde::Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
struct ErrorBody<'a> {
    message: Text<'a>,
    request_id: Text<'a>,
    trace_id: Text<'a>,
    error: Text<'a>,
    error_description: Text<'a>,
}

impl Failure {
    /// A failure that a retry cannot fix.
    pub(super) fn permanent(reason: Reason, text: impl Into<String>) -> Self {
        Self {
            reason,
            text: text.into(),
            transient: false,
            retry_after: None,
            deadline_exceeded: false,
            advice: None,
        }
    }

    /// A request that did not fit in the caller's deadline.
    pub(super) fn deadline_exceeded(text: impl Into<String>) -> Self {
        Self {
            deadline_exceeded: true,
            ..Self::permanent(Reason::Timeout, text)
        }
    }

    /// A response whose status is not 2xx.
    pub(super) fn of_status(
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
        secrets: &[&SecretString],
        now: Timestamp,
    ) -> Self {
        let error = serde_json::from_slice::<OneOf<ErrorBody<'_>>>(body);
        let is_foreign = error.is_err() && !body.is_empty();
        let error = error.map(|OneOf(error)| error.unwrap_or_default());
        let mut text = status.to_string();
        match &error {
            _ if status.is_redirection() => text.push_str(&redirect_target(headers, secrets)),
            Ok(error) => error.write_to(&mut text, secrets),
            Err(_) if body.is_empty() => {}
            Err(_) => {
                // The page of a proxy; its content type is a hint.
                let content_type = headers
                    .get(CONTENT_TYPE)
                    .and_then(|value| value.to_str().ok());
                text.push_str(": a response that is not the API's, of content type ");
                text.push_str(&clean(content_type.unwrap_or("unknown"), MAX_ID, secrets));
            }
        }
        Self {
            reason: error.unwrap_or_default().reason(status),
            text,
            transient: matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504),
            retry_after: retry_after(headers, now),
            deadline_exceeded: false,
            advice: match status.as_u16() {
                407 => Some(PROXY_CREDENTIALS),
                511 => Some(LOGIN_PAGE),
                300..=399 => Some(REDIRECT),
                400 | 401 | 403 | 404 if is_foreign => Some(NOT_THE_API),
                _ => None,
            },
        }
    }

    /// An exchange that ended without a whole response. If it had begun with a
    /// status that is not 2xx, that status counts.
    pub(super) fn of_transport(
        error: &TransportError,
        secrets: &[&SecretString],
        now: Timestamp,
    ) -> Self {
        let begun = error
            .status
            .and_then(|code| StatusCode::from_u16(code).ok());
        if let Some(status) = begun.filter(|status| !status.is_success()) {
            return Self::of_status(status, &error.headers, &Bytes::new(), secrets, now);
        }
        // reqwest does not expose it as a type.
        let refused_by_proxy = error.message.contains("tunnel error");
        Self {
            transient: matches!(error.reason, Reason::Unreachable | Reason::Timeout),
            advice: refused_by_proxy.then_some(PROXY_REFUSED),
            ..Self::permanent(error.reason, clean(&error.message, MAX_TEXT, secrets))
        }
    }
}

impl ErrorBody<'_> {
    fn reason(&self, status: StatusCode) -> Reason {
        // OAuth2 answers 400 to credentials that are wrong.
        let refused = matches!(
            self.error.as_deref(),
            Some("invalid_client" | "invalid_grant" | "unauthorized_client")
        );
        match status.as_u16() {
            400 if refused => Reason::Unauthorized,
            401 => Reason::Unauthorized,
            403 => Reason::Forbidden,
            404 => Reason::NotFound,
            // The proxy's and the network's: the API was not reached.
            407 | 511 => Reason::Unreachable,
            429 => Reason::RateLimited,
            500..=599 => Reason::ServerError,
            _ => Reason::BadRequest,
        }
    }

    fn write_to(&self, text: &mut String, secrets: &[&SecretString]) {
        let message = [&self.message, &self.error_description, &self.error]
            .into_iter()
            .find_map(Text::as_deref);
        if let Some(message) = message {
            text.push_str(": ");
            text.push_str(&clean(message, MAX_TEXT, secrets));
        }
        let ids: Vec<String> = [
            ("request_id", &self.request_id),
            ("trace_id", &self.trace_id),
        ]
        .into_iter()
        .filter_map(|(name, id)| {
            let id = clean(id.as_deref()?, MAX_ID, secrets);
            Some(format!("{name} {id}"))
        })
        .collect();
        if !ids.is_empty() {
            text.push_str(" (");
            text.push_str(&ids.join(", "));
            text.push(')');
        }
    }
}

/// The host a redirect leads to, without path and parameters, which may be
/// secret.
fn redirect_target(headers: &HeaderMap, secrets: &[&SecretString]) -> String {
    let Some(location) = headers.get(LOCATION) else {
        return ", without a Location".to_owned();
    };
    // What is not a URL may be a path, or text that only looks like one.
    let location = location.to_str().ok();
    let location = location.and_then(|location| location.parse::<hyper::Uri>().ok());
    match location.as_ref().map(|location| location.host()) {
        Some(Some(host)) => format!(", to the host {}", clean(host, MAX_ID, secrets)),
        Some(None) => ", to another path of the same host".to_owned(),
        None => ", to a Location that is not a URL".to_owned(),
    }
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

/// A value of an `application/x-www-form-urlencoded` body.
pub(super) fn form_encoded(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}
