//! Connections, TLS, proxies, credentials, and workflows.

use super::{
    Action, Effect, Group, PAGE, Row, Target, Through, Tls, VENDOR, ok, reason_of, response,
};

pub(super) fn add(rows: &mut Vec<Row>) {
    connections(rows);
    tls(rows);
    proxies(rows);
    oauth2(rows);
    token_files(rows);
    workflows(rows);
}

fn connections(rows: &mut Vec<Row>) {
    let mut group = Group {
        title: "Connections",
        target: Target::Connection,
        rows,
    };
    group.row("refused", Action::Refuse, Effect::Down("unreachable"));
    group.row("closed at once", Action::Close, Effect::Down("unreachable"));
    group.row("reset at once", Action::Reset, Effect::Down("unreachable"));
    group.row(
        "accepted, and nothing more",
        Action::AnswerAndHang(Vec::new()),
        Effect::Down("timeout"),
    );
    group.target = Target::Any;
    group.row(
        "closed after the request",
        Action::Close,
        Effect::Down("unreachable"),
    );
    group.row(
        "reset after the request",
        Action::Reset,
        Effect::Down("unreachable"),
    );
    group.row(
        "no response",
        Action::AnswerAndHang(Vec::new()),
        Effect::Down("timeout"),
    );
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":[".to_vec();
    group.row(
        "a body that stops in the middle",
        Action::AnswerAndHang(half),
        Effect::Down("timeout"),
    );
    group.row(
        "a head that stops in the middle",
        Action::AnswerAndHang(b"HTTP/1.1 200".to_vec()),
        Effect::Down("timeout"),
    );
    group.row(
        "a byte every 100 ms",
        Action::Slowly(ok(&[b' '; 1000])),
        Effect::Down("timeout"),
    );
    let status = b"HTTP/1.1 503 Status\r\nContent-Length: 100\r\n\r\n{".to_vec();
    group.row(
        "503 with a body that stops in the middle",
        Action::AnswerAndHang(status),
        Effect::Down("server_error"),
    );
    let endless = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n".to_vec();
    group.row(
        "only headers, again and again",
        Action::Repeat(endless),
        Effect::Down("malformed"),
    );
}

fn tls(rows: &mut Vec<Row>) {
    let mut group = Group {
        title: "TLS",
        target: Target::Any,
        rows,
    };
    let certificates = [
        (
            "a certificate of an unknown authority",
            Tls::UnknownAuthority,
        ),
        ("a certificate for another name", Tls::OtherName),
        ("an expired certificate", Tls::Expired),
    ];
    for (name, tls) in certificates {
        group.row(name, Action::Close, Effect::Down("tls")).tls = Some(tls);
    }
    group.target = Target::Connection;
    let handshakes: [(&str, Action, &'static str); 6] = [
        ("closed before the handshake", Action::Close, "unreachable"),
        ("reset before the handshake", Action::Reset, "unreachable"),
        (
            "no answer to the handshake",
            Action::AnswerAndHang(Vec::new()),
            "timeout",
        ),
        (
            "plain HTTP instead of TLS",
            Action::Answer(response("400 Bad Request", "", PAGE)),
            "tls",
        ),
        (
            "an alert instead of a handshake",
            Action::Answer(b"\x15\x03\x03\x00\x02\x02\x28".to_vec()),
            "tls",
        ),
        (
            "random bytes instead of a handshake",
            Action::Answer(vec![0x9f; 64]),
            "tls",
        ),
    ];
    for (name, action, reason) in handshakes {
        group.row(name, action, Effect::Down(reason)).tls = Some(Tls::Good);
    }
    group.target = Target::Session;
    group
        .row(
            "closed after the handshake",
            Action::Close,
            Effect::Down("unreachable"),
        )
        .tls = Some(Tls::Good);
    group
        .row(
            "no response after the handshake",
            Action::AnswerAndHang(Vec::new()),
            Effect::Down("timeout"),
        )
        .tls = Some(Tls::Good);
}

fn proxies(rows: &mut Vec<Row>) {
    let mut group = Group {
        title: "A proxy by `proxy_url`",
        target: Target::Any,
        rows,
    };
    let answers: [(&str, Action, &'static str); 7] = [
        ("refused", Action::Refuse, "unreachable"),
        ("closed after the request", Action::Close, "unreachable"),
        ("no response", Action::AnswerAndHang(Vec::new()), "timeout"),
        (
            "407",
            Action::Answer(response("407 Proxy Authentication Required", "", PAGE)),
            "unreachable",
        ),
        (
            "403, a page of HTML",
            Action::Answer(response(
                "403 Forbidden",
                "Content-Type: text/html\r\n",
                PAGE,
            )),
            "forbidden",
        ),
        (
            "502",
            Action::Answer(response("502 Bad Gateway", "", b"")),
            "server_error",
        ),
        (
            "a login page",
            Action::Answer(response("200 OK", "Content-Type: text/html\r\n", PAGE)),
            "malformed",
        ),
    ];
    for (name, action, reason) in answers {
        group.row(name, action, Effect::Down(reason)).through = Through::ProxyUrl;
    }
}

fn oauth2(rows: &mut Vec<Row>) {
    let mut group = Group {
        title: "OAuth2: the API refuses the token, and the token endpoint answers",
        target: Target::Token,
        rows,
    };
    let error = |status: &str, code: &str| {
        response(status, "", format!("{{\"error\":\"{code}\"}}").as_bytes())
    };
    let answers: [(&str, Action, &'static str); 14] = [
        (
            "401",
            Action::Answer(response("401 Unauthorized", "", VENDOR)),
            "unauthorized",
        ),
        (
            "400, invalid_client",
            Action::Answer(error("400 Bad Request", "invalid_client")),
            "unauthorized",
        ),
        (
            "400, invalid_scope",
            Action::Answer(error("400 Bad Request", "invalid_scope")),
            "bad_request",
        ),
        (
            "403",
            Action::Answer(response("403 Forbidden", "", VENDOR)),
            "forbidden",
        ),
        (
            "404",
            Action::Answer(response("404 Not Found", "", VENDOR)),
            "not_found",
        ),
        (
            "429",
            Action::Answer(response("429 Too Many Requests", "", VENDOR)),
            "rate_limited",
        ),
        (
            "500",
            Action::Answer(response("500 Error", "", VENDOR)),
            "server_error",
        ),
        (
            "503",
            Action::Answer(response("503 Error", "", VENDOR)),
            "server_error",
        ),
        ("nothing", Action::Answer(ok(b"")), "malformed"),
        (
            "no token",
            Action::Answer(ok(b"{\"expires_in\":3600}")),
            "malformed",
        ),
        (
            "a token with a line feed",
            Action::Answer(ok(b"{\"access_token\":\"a\\nb\"}")),
            "malformed",
        ),
        ("a page of HTML", Action::Answer(ok(PAGE)), "malformed"),
        ("closed after the request", Action::Close, "unreachable"),
        ("no response", Action::AnswerAndHang(Vec::new()), "timeout"),
    ];
    for (name, action, reason) in answers {
        group.row(name, action, Effect::Down(reason)).through = Through::OAuth2;
    }
}

fn token_files(rows: &mut Vec<Row>) {
    let mut group = Group {
        title: "The token file",
        target: Target::Nothing,
        rows,
    };
    // A file that cannot be used: the token read last is used.
    let files: [(&str, Action, Effect); 6] = [
        ("missing", Action::NoTokenFile, Effect::None),
        ("empty", Action::TokenFile(Vec::new()), Effect::None),
        (
            "random bytes",
            Action::TokenFile(vec![0, 0x9f, 0xff]),
            Effect::None,
        ),
        (
            "two lines",
            Action::TokenFile(b"token-of-a\ntoken-of-b\n".to_vec()),
            Effect::None,
        ),
        (
            "a MiB",
            Action::TokenFile(vec![b'a'; 1 << 20]),
            Effect::None,
        ),
        (
            "a token that is wrong",
            Action::TokenFile(b"wrong".to_vec()),
            Effect::Down("unauthorized"),
        ),
    ];
    for (name, action, effect) in files {
        group.row(name, action, effect);
    }
}

fn workflows(rows: &mut Vec<Row>) {
    let mut group = Group {
        title: "Runs of workflows only; ingest jobs are not affected",
        target: Target::Workflows,
        rows,
    };
    for status in [400, 403, 404, 429, 500, 503] {
        let answer = response(&format!("{status} Status"), "", VENDOR);
        let effect = Effect::WorkflowsDown(reason_of(status));
        group.row(format!("{status}"), Action::Answer(answer), effect);
    }
    group.row(
        "half of a list",
        Action::Answer(ok(b"{\"data\":[{\"id\":")),
        Effect::WorkflowsDown("malformed"),
    );
    group.row(
        "closed after the request",
        Action::Close,
        Effect::WorkflowsDown("unreachable"),
    );
    group.row(
        "no response",
        Action::AnswerAndHang(Vec::new()),
        Effect::WorkflowsDown("timeout"),
    );
}
