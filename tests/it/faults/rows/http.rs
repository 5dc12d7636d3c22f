//! Responses: statuses, redirects, bodies, and the framing of HTTP/1.1.

use super::{Action, Effect, Group, PAGE, Row, Target, VENDOR, ok, reason_of, response};

pub(super) fn add(rows: &mut Vec<Row>) {
    statuses(rows);
    redirects_and_waits(rows);
    bodies(rows);
    heads(rows);
    lengths(rows);
}

fn statuses(rows: &mut Vec<Row>) {
    let mut group = Group {
        title: "Statuses, with the vendor's error body",
        target: Target::Any,
        rows,
    };
    let statuses = [
        400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417,
        418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505,
        506, 507, 508, 510, 511, 520, 521, 522, 523, 524, 525, 526, 530, 599,
    ];
    for status in statuses {
        let answer = response(
            &format!("{status} Status"),
            "Content-Type: application/json\r\n",
            VENDOR,
        );
        group.answer(format!("{status}"), answer, reason_of(status));
    }
    group.title = "Statuses, with a page of HTML or nothing";
    for status in [400, 401, 403, 404, 407, 429, 500, 502, 503, 504, 511] {
        let html = response(
            &format!("{status} Status"),
            "Content-Type: text/html\r\n",
            PAGE,
        );
        group.answer(format!("{status}, a page of HTML"), html, reason_of(status));
        let empty = response(&format!("{status} Status"), "", b"");
        group.answer(format!("{status}, no body"), empty, reason_of(status));
    }
    group.title = "Statuses without meaning here";
    for (name, status) in [
        ("204, no body", "204 No Content"),
        ("205, no body", "205 Reset Content"),
    ] {
        let answer = format!("HTTP/1.1 {status}\r\n\r\n");
        group.answer(name, answer.into_bytes(), "malformed");
    }
    group.answer(
        "206, part of a body",
        response("206 Partial Content", "", br#"{"data":["#),
        "malformed",
    );
    group.answer(
        "100, and nothing more",
        b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
        "unreachable",
    );
    group.answer(
        "101, another protocol",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n".to_vec(),
        "bad_request",
    );
}

fn redirects_and_waits(rows: &mut Vec<Row>) {
    let mut group = Group {
        title: "Redirects, which are not followed",
        target: Target::Any,
        rows,
    };
    for status in [300, 301, 302, 303, 304, 307, 308] {
        let to = "Location: https://login.example/?token=x\r\n";
        let answer = response(&format!("{status} Redirect"), to, b"");
        group.answer(format!("{status} to another host"), answer, "bad_request");
    }
    let answers = [
        ("302 without Location", ""),
        ("302 to itself", "Location: /api/ingest/jobs\r\n"),
        ("302 to no address", "Location: ::::\r\n"),
    ];
    for (name, headers) in answers {
        group.answer(name, response("302 Found", headers, b""), "bad_request");
    }
    group.title = "Retry-After";
    for value in [
        "0",
        "1",
        "-1",
        "1.5",
        "soon",
        "",
        "86400",
        "99999999999999999999",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        for status in [429, 503] {
            let headers = format!("Retry-After: {value}\r\n");
            let answer = response(&format!("{status} Status"), &headers, VENDOR);
            group.answer(
                format!("{status}, Retry-After: `{value}`"),
                answer,
                reason_of(status),
            );
        }
    }
}

fn bodies(rows: &mut Vec<Row>) {
    let mut group = Group {
        title: "Bodies of a list of jobs",
        target: Target::Jobs,
        rows,
    };
    let deep = [&b"{\"data\":"[..], &b"[".repeat(100_000)].concat();
    let bodies: [(&str, &[u8]); 21] = [
        ("nothing", b""),
        ("white space", b" \n\t "),
        ("`null`", b"null"),
        ("`true`", b"true"),
        ("a number", b"7"),
        ("a string", b"\"data\""),
        ("a list of objects", b"[{\"id\":\"isj-1\"}]"),
        ("an object without `data`", b"{}"),
        ("`data` is null", b"{\"data\":null}"),
        ("`data` is an object", b"{\"data\":{}}"),
        ("`data` is a string", b"{\"data\":\"none\"}"),
        ("entries that are no objects", b"{\"data\":[1,\"a\",null]}"),
        ("entries without an id", b"{\"data\":[{},{\"id\":7}]}"),
        (
            "half of a list",
            b"{\"data\":[{\"id\":\"isj-1\",\"tables\":[",
        ),
        ("a page of HTML", PAGE),
        ("two objects", b"{\"data\":[]}{\"data\":[]}"),
        ("single quotes", b"{'data':[]}"),
        ("`NaN`", b"{\"data\":NaN}"),
        ("UTF-16", b"\xff\xfe{\0\"\0d\0a\0t\0a\0\"\0"),
        ("random bytes", b"\x00\x9f\x92\x96\xff\x01\x80"),
        ("100,000 brackets", &deep),
    ];
    for (name, body) in bodies {
        group.answer(name, ok(body), "malformed");
    }
    // Each entry is read by itself then, and there is none.
    let comma = Action::Answer(ok(b"{\"data\":[],}"));
    group.row("a comma too many", comma, Effect::None);
    group.title = "Content codings of a list of jobs";
    let coded = |coding: &str, body: &[u8]| {
        response("200 OK", &format!("Content-Encoding: {coding}\r\n"), body)
    };
    group.answer(
        "gzip, but plain",
        coded("gzip", b"{\"data\":[]}"),
        "malformed",
    );
    group.answer(
        "gzip, cut short",
        coded("gzip", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b]),
        "malformed",
    );
    group.answer(
        "a coding that was not accepted",
        coded("br", b"\x0b\x02\x80{}\x03"),
        "malformed",
    );
    group.answer(
        "a coding that does not exist",
        coded("x-none", b"\x01\x02"),
        "malformed",
    );
}

fn heads(rows: &mut Vec<Row>) {
    let mut group = Group {
        title: "Framing of HTTP/1.1",
        target: Target::Any,
        rows,
    };
    let heads: [(&str, &[u8]); 12] = [
        ("no HTTP at all", b"220 mail.example ESMTP\r\n"),
        ("HTTP/0.9", b"<html></html>"),
        ("a version that does not exist", b"HTTP/7.3 200 OK\r\n\r\n"),
        ("no status", b"HTTP/1.1\r\n\r\n"),
        ("a status of four digits", b"HTTP/1.1 2000 OK\r\n\r\n"),
        ("a status that is a word", b"HTTP/1.1 OK\r\n\r\n"),
        (
            "a header without a colon",
            b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
        ),
        ("a NUL in a header", b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"),
        (
            "a negative length",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        ),
        (
            "a length that is a word",
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
        ),
        (
            "two lengths",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
        ),
        (
            "a handshake of TLS",
            b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        ),
    ];
    for (name, bytes) in heads {
        group.answer(name, bytes.to_vec(), "malformed");
    }
}

fn lengths(rows: &mut Vec<Row>) {
    let mut group = Group {
        title: "Framing of HTTP/1.1",
        target: Target::Any,
        rows,
    };
    let broken: [(&str, &[u8], &'static str); 9] = [
        (
            "half of a head",
            b"HTTP/1.1 200 OK\r\nContent-Ty",
            "unreachable",
        ),
        (
            "half of a body",
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":[",
            "unreachable",
        ),
        (
            "a head only",
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
            "unreachable",
        ),
        (
            "half of a chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{\"data\"",
            "unreachable",
        ),
        (
            "no last chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
            "unreachable",
        ),
        (
            "a chunk's length that is a word",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n{}\r\n",
            "malformed",
        ),
        (
            "a chunk longer than its length",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
            "malformed",
        ),
        (
            "a length beyond the limit",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{",
            "too_large",
        ),
        (
            "a length beyond all numbers",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n{",
            "malformed",
        ),
    ];
    for (name, bytes, reason) in broken {
        group.answer(name, bytes.to_vec(), reason);
    }
    let endless = [
        &b"HTTP/1.1 200 OK\r\n"[..],
        &b"X-Padding: 0123456789\r\n".repeat(1000),
    ]
    .concat();
    group.row(
        "headers without end",
        Action::Repeat(endless),
        Effect::Down("malformed"),
    );
    let early = [
        &b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"[..],
        &response("503 Status", "", VENDOR),
    ]
    .concat();
    group.answer("early hints before a 503", early, "server_error");
}
