//! Peers that break the protocol, and proxies that refuse.

use super::*;

#[tokio::test]
async fn a_peer_that_breaks_the_protocol_is_malformed_wherever_it_does() {
    let heads_and_bodies: [&'static [u8]; 4] = [
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}garbage\r\n0\r\n\r\n",
    ];
    for answer in heads_and_bodies {
        let error = failure(&api(raw(answer).await)).await;
        let shown = String::from_utf8_lossy(answer);
        assert_eq!(error.reason, Reason::Malformed, "{shown}: {error}");
    }
}

#[tokio::test]
async fn chunks_that_break_off_are_unreachable() {
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"id\"";
    let error = failure(&api(raw(answer).await)).await;
    assert_eq!(error.reason, Reason::Unreachable, "{error}");
}

/// A proxy that answers every request with this.
async fn through_proxy(answer: &'static [u8], base_url: &str) -> ApiError {
    let proxy = raw(answer).await;
    let mut tenant = socktown();
    tenant.api.base_url = base_url.parse().unwrap();
    let proxy_url = format!("http://{proxy}");
    tenant.api.proxy_url = Some(crate::config::ProxyUrl(proxy_url.parse().unwrap()));
    let client = Client::new(&tenant, telemetry(), clock()).unwrap();
    client.job(JOB, within(5)).await.outcome.unwrap_err()
}

#[tokio::test]
async fn a_proxy_that_refuses_or_asks_for_credentials_is_named() {
    let asks = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
    let refuses = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
    let login = b"HTTP/1.1 511 Network Authentication Required\r\ncontent-length: 0\r\n\r\n";
    for (answer, base_url, advice) in [
        (
            &asks[..],
            "http://api.test/api",
            "The proxy asks for credentials",
        ),
        (
            asks,
            "https://api.test/api",
            "The proxy does not connect to the API",
        ),
        (
            refuses,
            "https://api.test/api",
            "The proxy does not connect to the API",
        ),
        (login, "http://api.test/api", "The network requires a login"),
    ] {
        let error = through_proxy(answer, base_url).await;
        assert_eq!(error.reason, Reason::Unreachable, "{error}");
        assert!(error.to_string().contains(advice), "{error}");
    }
}
