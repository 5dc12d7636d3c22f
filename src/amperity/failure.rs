//! What an unusable answer means: a closed reason, whether asking again can
//! help, and the vendor's own words, made safe to print.

use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::TransportError;
use crate::telemetry::Reason;
use crate::wire::Text;

/// The longest text of the vendor's that is passed on, in characters.
const MAX_TEXT: usize = 300;

/// The longest id that is passed on, in characters.
const MAX_ID: usize = 100;

/// One attempt that got no usable answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    /// Why, as a label value.
    pub(super) reason: Reason,
    /// What happened, safe to print.
    pub(super) text: String,
    /// Whether the same request may fare better later.
    pub(super) passing: bool,
    /// How long the API asked to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// Whether the caller's deadline ended it, and not the API.
    pub(super) cut_short: bool,
}

/// The vendor's error answer, and the one of OAuth2 (RFC 6749, 5.2).
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
    /// A failure that asking again does not help.
    pub(super) fn lasting(reason: Reason, text: impl Into<String>) -> Self {
        Self {
            reason,
            text: text.into(),
            passing: false,
            retry_after: None,
            cut_short: false,
        }
    }

    /// A request the caller had no time for.
    pub(super) fn cut_short(text: impl Into<String>) -> Self {
        Self {
            cut_short: true,
            ..Self::lasting(Reason::Timeout, text)
        }
    }

    /// An answer whose status is not one of success.
    pub(super) fn of_status(
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
        secrets: &[&SecretString],
        now: Timestamp,
    ) -> Self {
        let said = serde_json::from_slice::<ErrorBody<'_>>(body);
        let mut text = status.to_string();
        match &said {
            _ if status.is_redirection() => text.push_str(&pointed_to(headers)),
            Ok(said) => said.write_to(&mut text, secrets),
            Err(_) if body.is_empty() => {}
            Err(_) => {
                // Some proxy's page; its kind is a hint, its text is none.
                let kind = headers
                    .get(CONTENT_TYPE)
                    .and_then(|kind| kind.to_str().ok());
                text.push_str(": an answer that is not the API's, of content type ");
                text.push_str(&safe(kind.unwrap_or("unknown"), MAX_ID, secrets));
            }
        }
        Self {
            reason: said.unwrap_or_default().reason(status),
            text,
            passing: matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504),
            retry_after: retry_after(headers, now),
            cut_short: false,
        }
    }

    /// An exchange that ended without a whole answer. If it had begun with a
    /// status that is not one of success, that status is what counts.
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
        Self {
            passing: matches!(error.reason, Reason::Unreachable | Reason::Timeout),
            ..Self::lasting(error.reason, safe(&error.message, MAX_TEXT, secrets))
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
            429 => Reason::RateLimited,
            500..=599 => Reason::ServerError,
            _ => Reason::BadRequest,
        }
    }

    fn write_to(&self, text: &mut String, secrets: &[&SecretString]) {
        let said = [&self.message, &self.error_description, &self.error]
            .into_iter()
            .find_map(Text::as_deref);
        if let Some(said) = said {
            text.push_str(": ");
            text.push_str(&safe(said, MAX_TEXT, secrets));
        }
        let ids: Vec<String> = [
            ("request_id", &self.request_id),
            ("trace_id", &self.trace_id),
        ]
        .into_iter()
        .filter_map(|(name, id)| {
            let id = safe(id.as_deref()?, MAX_ID, secrets);
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

/// Where a redirect leads: the host alone, as parameters may be secret.
fn pointed_to(headers: &HeaderMap) -> String {
    let host = headers
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| location.parse::<hyper::Uri>().ok())
        .and_then(|location| location.host().map(str::to_owned));
    match host {
        Some(host) => format!(", to the host {}", safe(&host, MAX_ID, &[])),
        None => ", to another path of the same host".to_owned(),
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

/// A text from outside, fit for one line of a log: no secret, no control
/// character, not too long.
pub(super) fn safe(text: &str, longest: usize, secrets: &[&SecretString]) -> String {
    let mut text: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    for secret in secrets {
        let secret = secret.expose_secret();
        for form in [secret.to_owned(), form_encoded(secret)] {
            if !form.is_empty() && text.contains(&form) {
                text = text.replace(&form, "<secret>");
            }
        }
    }
    let text = text.trim();
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A value of an `application/x-www-form-urlencoded` body.
pub(super) fn form_encoded(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}
