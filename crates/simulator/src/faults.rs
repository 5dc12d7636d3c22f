//! What can be made to go wrong, where, and for how long. A fault changes the
//! answer that would have been given; what cannot be said in an answer is left
//! to the socket ([`Act`]).

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use jiff::Timestamp;

use super::log::{Endpoint, Entry};
use super::reply::{Refusal, http_date};

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The vendor's error body with this status, and `Retry-After` if given.
    Status(StatusCode, Option<RetryAfter>),
    /// The answer comes after this long.
    Delay(Duration),
    /// The answer never comes, the connection stays.
    Hang,
    /// The connection is reset instead of an answer.
    Reset,
    /// The connection is reset in the middle of the body.
    ResetInBody,
    /// The connection is closed in the middle of the body, short of its
    /// `Content-Length`.
    CloseInBody,
    /// A complete answer whose JSON ends in its middle.
    TruncatedJson,
    /// 200 and a page for people, as of a proxy's log-in.
    Html,
    /// 200 and JSON that is no answer: a list of numbers.
    WrongContent,
    /// 200 and a JSON object blown up to this many bytes, before compression.
    Oversized(usize),
    /// 302 to this place.
    Redirect(String),
}

/// How long to wait before the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// In seconds.
    Seconds(u64),
    /// Until this time.
    Date(Timestamp),
}

/// A trouble and where it strikes; everywhere and always unless told
/// otherwise.
#[derive(Clone, Debug)]
pub struct Fault {
    trouble: Trouble,
    tenant: Option<String>,
    endpoint: Option<Endpoint>,
    path_end: Option<String>,
    from: Timestamp,
    until: Timestamp,
    skip: u64,
    times: u64,
}

/// What the socket does with the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Act {
    /// Sends it.
    #[default]
    Send,
    /// Never sends it, but keeps the connection open.
    Hang,
    /// Resets the connection instead.
    Reset,
    /// Resets the connection after so many bytes of the body.
    ResetAfter(usize),
    /// Closes the connection after so many bytes of the body.
    CloseAfter(usize),
}

/// An answer and how to deliver it.
#[derive(Debug)]
pub struct Reply {
    /// The whole answer, even if not all of it is to be sent.
    pub response: Response<Bytes>,
    /// Wait this long first.
    pub delay: Duration,
    /// Then do this.
    pub act: Act,
}

impl Fault {
    /// This trouble for every request, from now on.
    #[must_use]
    pub fn new(trouble: Trouble) -> Self {
        Self {
            trouble,
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
        Self::new(Trouble::Status(status, None))
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

    /// Spares the first so many of the requests it would strike.
    #[must_use]
    pub fn after(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Strikes so many requests, then no more.
    #[must_use]
    pub fn times(mut self, requests: u64) -> Self {
        self.times = requests;
        self
    }

    /// Whether it strikes this request; remembers that it did.
    fn strikes(&mut self, request: &Entry) -> bool {
        let path = request.target.split('?').next().unwrap_or_default();
        let meant = (self.from..self.until).contains(&request.at)
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
        if meant && self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= u64::from(meant);
        meant
    }
}

/// Makes every fault that strikes the request do its work, in the order they
/// were injected.
pub(super) fn strike(faults: &mut [Fault], request: &Entry, request_id: &str, reply: &mut Reply) {
    for fault in faults {
        if fault.strikes(request) {
            fault.trouble.befall(request_id, reply);
        }
    }
}

impl Trouble {
    fn befall(&self, request_id: &str, reply: &mut Reply) {
        match self {
            Self::Status(status, retry_after) => {
                reply.response =
                    Refusal::new(*status, "The fault that was asked for.").response(request_id);
                if let Some(value) = retry_after.and_then(RetryAfter::header) {
                    reply
                        .response
                        .headers_mut()
                        .insert(header::RETRY_AFTER, value);
                }
            }
            Self::Delay(delay) => reply.delay += *delay,
            Self::Hang => reply.act = Act::Hang,
            Self::Reset => reply.act = Act::Reset,
            Self::ResetInBody => reply.act = Act::ResetAfter(0),
            Self::CloseInBody => reply.act = Act::CloseAfter(0),
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
            Self::Redirect(place) => {
                reply.replace("text/plain", Bytes::new());
                *reply.response.status_mut() = StatusCode::FOUND;
                if let Ok(place) = HeaderValue::from_str(place) {
                    reply.response.headers_mut().insert(header::LOCATION, place);
                }
            }
        }
    }
}

impl Reply {
    /// An answer without a fault.
    pub(super) fn new(response: Response<Bytes>) -> Self {
        Self {
            response,
            delay: Duration::ZERO,
            act: Act::Send,
        }
    }

    /// Bytes of the body that are sent.
    pub(super) fn bytes(&self) -> usize {
        match self.act {
            Act::Send => self.response.body().len(),
            Act::Hang | Act::Reset => 0,
            Act::ResetAfter(bytes) | Act::CloseAfter(bytes) => bytes,
        }
    }

    /// Now that the body is as it will be sent: where its middle is.
    pub(super) fn settle(&mut self) {
        let middle = self.response.body().len() / 2;
        match &mut self.act {
            Act::ResetAfter(bytes) | Act::CloseAfter(bytes) => *bytes = middle,
            Act::Send | Act::Hang | Act::Reset => {}
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
