//! Responses, with the headers each kind of them needs.

use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};

use crate::exposition::{self, Encoding};

use super::body::Body;

const TEXT: &str = "text/plain; charset=utf-8";

/// A page for Prometheus.
pub(super) fn exposition(page: exposition::Body, encoding: Encoding) -> Response<Body> {
    let mut response = respond(StatusCode::OK, page.content_type, page.into());
    let headers = response.headers_mut();
    if encoding == Encoding::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, accept-encoding"),
    );
    response
}

/// A sentence as plain text.
pub(super) fn text(status: StatusCode, sentence: &str) -> Response<Body> {
    respond(status, TEXT, Body::from(format!("{sentence}\n")))
}

/// The answer to another method than the page takes.
pub(super) fn refuse_method(allowed: &'static str) -> Response<Body> {
    let sentence = format!("this page takes {allowed} only; use that method");
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, &sentence);
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A whole body of this type.
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
