//! Responses with the headers of their kind.

use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};

use crate::exposition::{Encoding, Negotiated};

use super::body::Body;

const TEXT: &str = "text/plain; charset=utf-8";

/// A page of metrics.
pub(super) fn exposition(body: Body, negotiated: &Negotiated) -> Response<Body> {
    let mut response = respond(StatusCode::OK, TEXT, body);
    let headers = response.headers_mut();
    if let Ok(content_type) = HeaderValue::from_str(&negotiated.content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    let coding = match negotiated.encoding {
        Encoding::Identity => None,
        Encoding::Gzip => Some("gzip"),
        Encoding::Zstd => Some("zstd"),
    };
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, accept-encoding"),
    );
    response
}

/// A line of plain text.
pub(super) fn text(status: StatusCode, message: &str) -> Response<Body> {
    respond(status, TEXT, Body::from(format!("{message}\n")))
}

/// The response to a method that the page does not support.
pub(super) fn refuse_method(allowed: &'static str) -> Response<Body> {
    let message = format!("method not allowed; use {allowed}");
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, &message);
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A complete body of a content type.
pub(super) fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: Body,
) -> Response<Body> {
    let length = hyper::body::Body::size_hint(&body).lower();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}
