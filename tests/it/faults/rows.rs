//! All faults, group by group.

use super::matrix::{Action, Effect, Row, Target, Through, Tls};

mod http;
mod network;

/// All faults.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    http::add(&mut rows);
    network::add(&mut rows);
    rows
}

/// The rows of one group.
struct Group<'a> {
    title: &'static str,
    target: Target,
    rows: &'a mut Vec<Row>,
}

impl Group<'_> {
    fn row(&mut self, name: impl Into<String>, action: Action, effect: Effect) -> &mut Row {
        self.rows.push(Row {
            group: self.title,
            name: name.into(),
            action,
            target: self.target,
            effect,
            tls: None,
            through: Through::BaseUrl,
            number: self.rows.len() + 1,
        });
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }

    fn answer(&mut self, name: impl Into<String>, bytes: Vec<u8>, reason: &'static str) {
        self.row(name, Action::Answer(bytes), Effect::Down(reason));
    }
}

/// A whole HTTP/1.1 response.
fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A successful response with this body.
fn ok(body: &[u8]) -> Vec<u8> {
    response("200 OK", "Content-Type: application/json\r\n", body)
}

const VENDOR: &[u8] =
    br#"{"status":"error","message":"Injected.","request_id":"r-1","trace_id":"t-1"}"#;
const PAGE: &[u8] = b"<html><title>A proxy</title></html>";

/// The reason of each status that is not 2xx.
fn reason_of(status: u16) -> &'static str {
    match status {
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        407 | 511 => "unreachable",
        429 => "rate_limited",
        500..=599 => "server_error",
        _ => "bad_request",
    }
}
