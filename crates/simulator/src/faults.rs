//! Faults: what goes wrong, for which requests, and for how long. A fault
//! changes the response, or how the socket sends it ([`Delivery`]).

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use jiff::Timestamp;

use super::log::{Endpoint, Entry};
use super::response::{ErrorResponse, http_date};

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The vendor's error body with this status, and `Retry-After` if given.
    Status(StatusCode, Option<RetryAfter>),
    /// The response is sent after this delay.
    Delay(Duration),
    /// No response is sent, and the connection stays open.
    Hang,
    /// The connection is reset without a response.
    Reset,
    /// The connection is reset in the middle of the body.
    ResetInBody,
    /// The connection is closed in the middle of the body, short of its
    /// `Content-Length`.
    CloseInBody,
    /// A complete response with half of the JSON.
    TruncatedJson,
    /// 200 with an HTML page, such as the login page of a proxy.
    Html,
    /// 200 with JSON of another shape: an array of numbers.
    WrongContent,
    /// 200 with a JSON object of this many bytes, before compression.
    Oversized(usize),
    /// 302 to this location.
    Redirect(String),
}

/// A `Retry-After` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// A number of seconds.
    Seconds(u64),
    /// A date.
    Date(Timestamp),
}

/// A fault and the requests it applies to; by default all.
#[derive(Clone, Debug)]
pub struct Fault {
    kind: FaultKind,
    tenant: Option<String>,
    endpoint: Option<Endpoint>,
    path_end: Option<String>,
    from: Timestamp,
    until: Timestamp,
    skip: u64,
    times: u64,
}

/// What the socket does with the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Sends it.
    #[default]
    Send,
    /// Does not send it and keeps the connection open.
    Hang,
    /// Resets the connection without sending it.
    Reset,
    /// Resets the connection after this many bytes of the body.
    ResetAfter(usize),
    /// Closes the connection after this many bytes of the body.
    CloseAfter(usize),
}

/// A response and how to deliver it.
#[derive(Debug)]
pub struct Reply {
    /// The whole response, even if only part of it is sent.
    pub response: Response<Bytes>,
    /// The time to wait before sending it.
    pub delay: Duration,
    /// How to send it.
    pub delivery: Delivery,
}

impl Fault {
    /// A fault of every request.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            tenant: None,
            endpoint: None,
            path_end: None,
            from: Timestamp::MIN,
            until: Timestamp::MAX,
            skip: 0,
            times: u64::MAX,
        }
    }

    /// An error status without `Retry-After`.
    #[must_use]
    pub fn status(status: StatusCode) -> Self {
        Self::new(FaultKind::Status(status, None))
    }

    /// Only requests with this tenant header.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Only requests to this endpoint.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Only requests for this job.
    #[must_use]
    pub fn job(mut self, id: &str) -> Self {
        self.endpoint = Some(Endpoint::IngestJob);
        self.path_end = Some(format!("/{id}"));
        self
    }

    /// Only from `from` (inclusive) to `until` (exclusive), by the
    /// simulator's clock.
    #[must_use]
    pub fn between(mut self, from: Timestamp, until: Timestamp) -> Self {
        (self.from, self.until) = (from, until);
        self
    }

    /// Not the first `requests` of the requests that match.
    #[must_use]
    pub fn after(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Only for `requests` requests.
    #[must_use]
    pub fn times(mut self, requests: u64) -> Self {
        self.times = requests;
        self
    }

    /// Whether it applies to this request; counts the requests that match.
    fn matches(&mut self, request: &Entry) -> bool {
        let path = request.target.split('?').next().unwrap_or_default();
        let matches = (self.from..self.until).contains(&request.at)
            && self.times > 0
            && self
                .tenant
                .as_deref()
                .is_none_or(|tenant| *tenant == *request.tenant)
            && self
                .endpoint
                .is_none_or(|endpoint| Some(endpoint) == request.endpoint)
            && self
                .path_end
                .as_deref()
                .is_none_or(|end| path.ends_with(end));
        if matches && self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= u64::from(matches);
        matches
    }
}

/// Applies every fault that matches the request, in the order of injection.
pub(super) fn apply(faults: &mut [Fault], request: &Entry, request_id: &str, reply: &mut Reply) {
    for fault in faults {
        if fault.matches(request) {
            fault.kind.apply(request_id, reply);
        }
    }
}

impl FaultKind {
    fn apply(&self, request_id: &str, reply: &mut Reply) {
        match self {
            Self::Status(status, retry_after) => {
                reply.response =
                    ErrorResponse::new(*status, "Injected fault.").response(request_id);
                if let Some(value) = retry_after.and_then(RetryAfter::header) {
                    reply
                        .response
                        .headers_mut()
                        .insert(header::RETRY_AFTER, value);
                }
            }
            Self::Delay(delay) => reply.delay += *delay,
            Self::Hang => reply.delivery = Delivery::Hang,
            Self::Reset => reply.delivery = Delivery::Reset,
            Self::ResetInBody => reply.delivery = Delivery::ResetAfter(0),
            Self::CloseInBody => reply.delivery = Delivery::CloseAfter(0),
            Self::TruncatedJson => {
                let body = reply.response.body_mut();
                body.truncate(body.len() / 2);
            }
            Self::Html => {
                reply.replace("text/html", "<!DOCTYPE html><title>Log in</title>\n".into());
            }
            Self::WrongContent => reply.replace("application/json", "[1,2,3]".into()),
            Self::Oversized(bytes) => {
                let padding = "x".repeat(bytes.saturating_sub(r#"{"padding":""}"#.len()));
                let body = format!(r#"{{"padding":"{padding}"}}"#);
                reply.replace("application/json", body.into());
            }
            Self::Redirect(location) => {
                reply.replace("text/plain", Bytes::new());
                *reply.response.status_mut() = StatusCode::FOUND;
                if let Ok(location) = HeaderValue::from_str(location) {
                    reply
                        .response
                        .headers_mut()
                        .insert(header::LOCATION, location);
                }
            }
        }
    }
}

impl Reply {
    /// A response without a fault.
    pub(super) fn new(response: Response<Bytes>) -> Self {
        Self {
            response,
            delay: Duration::ZERO,
            delivery: Delivery::Send,
        }
    }

    /// Bytes of the body that are sent.
    pub(super) fn bytes(&self) -> usize {
        match self.delivery {
            Delivery::Send => self.response.body().len(),
            Delivery::Hang | Delivery::Reset => 0,
            Delivery::ResetAfter(bytes) | Delivery::CloseAfter(bytes) => bytes,
        }
    }

    /// Sets where a cut body ends, once the body is final: in its middle.
    pub(super) fn set_cut_position(&mut self) {
        let middle = self.response.body().len() / 2;
        match &mut self.delivery {
            Delivery::ResetAfter(bytes) | Delivery::CloseAfter(bytes) => *bytes = middle,
            Delivery::Send | Delivery::Hang | Delivery::Reset => {}
        }
    }

    fn replace(&mut self, content_type: &'static str, body: Bytes) {
        self.response = Response::new(body);
        let content_type = HeaderValue::from_static(content_type);
        self.response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
    }
}

impl RetryAfter {
    fn header(self) -> Option<HeaderValue> {
        match self {
            Self::Seconds(seconds) => Some(seconds.into()),
            Self::Date(time) => http_date(time),
        }
    }
}
