//! Responses in the vendor's format: JSON, errors, dates.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

/// An error response.
#[derive(Debug)]
pub(super) struct ErrorResponse {
    status: StatusCode,
    message: String,
    allow: Option<&'static str>,
}

/// The response to a request before faults are applied.
pub(super) type HandlerResult = Result<Response<Bytes>, ErrorResponse>;

#[derive(Serialize)]
struct ErrorBody<'a> {
    status: u16,
    message: &'a str,
    request_id: &'a str,
    trace_id: &'a str,
}

impl ErrorResponse {
    pub(super) fn new(status: StatusCode, message: &str) -> Self {
        Self {
            status,
            message: message.to_owned(),
            allow: None,
        }
    }

    pub(super) fn bad_request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 405, with the allowed method.
    pub(super) fn method(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.")
        }
    }

    pub(super) fn response(&self, request_id: &str) -> Response<Bytes> {
        let body = ErrorBody {
            status: self.status.as_u16(),
            message: &self.message,
            request_id,
            trace_id: request_id,
        };
        let mut response = to_json(&body);
        *response.status_mut() = self.status;
        if let Some(allow) = self.allow {
            let allow = HeaderValue::from_static(allow);
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }
}

/// 200 with this JSON.
pub(super) fn to_json(body: &impl Serialize) -> Response<Bytes> {
    match serde_json::to_vec(body) {
        Ok(body) => json(StatusCode::OK, body.into()),
        Err(_) => json(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
    }
}

/// These bytes as JSON.
pub(super) fn json(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// A time as an HTTP date; `None` before 1970.
pub(super) fn http_date(time: Timestamp) -> Option<HeaderValue> {
    let since_epoch = Duration::from_secs(time.as_second().try_into().ok()?);
    let time = SystemTime::UNIX_EPOCH + since_epoch;
    HeaderValue::from_str(&httpdate::fmt_http_date(time)).ok()
}
