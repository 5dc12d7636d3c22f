//! Answers in the vendor's form: JSON, the body of a refusal, dates.

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

/// A no, and why.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    allow: Option<&'static str>,
}

/// What comes of a request before faults strike it.
pub(super) type Answer = Result<Response<Bytes>, Refusal>;

#[derive(Serialize)]
struct ErrorAnswer<'a> {
    status: u16,
    message: &'a str,
    request_id: &'a str,
    trace_id: &'a str,
}

impl Refusal {
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

    /// 405, with the methods that are allowed.
    pub(super) fn method(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.")
        }
    }

    pub(super) fn response(&self, request_id: &str) -> Response<Bytes> {
        let body = ErrorAnswer {
            status: self.status.as_u16(),
            message: &self.message,
            request_id,
            trace_id: request_id,
        };
        let mut response = written(&body);
        *response.status_mut() = self.status;
        if let Some(allow) = self.allow {
            let allow = HeaderValue::from_static(allow);
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }
}

/// 200 with this JSON.
pub(super) fn written(body: &impl Serialize) -> Response<Bytes> {
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

/// A time as HTTP writes it.
pub(super) fn http_date(time: Timestamp) -> Option<HeaderValue> {
    let time = time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::from_str(&time).ok()
}
