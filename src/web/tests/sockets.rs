//! Clients that misbehave, at a small scale.

use http_body_util::BodyExt as _;
use hyper::service::service_fn;
use tokio::time::{sleep, timeout};

use super::*;

/// Short limits, since these tests cannot pause time: sockets do not wait.
const SHORT: Limits = Limits {
    connections: 4,
    idle: Duration::from_millis(400),
    response: Duration::from_millis(300),
    drain: Duration::from_millis(300),
};

/// Limits of which only the number of connections matters.
const FOUR_CONNECTIONS: Limits = Limits {
    connections: 4,
    idle: Duration::from_mins(1),
    response: Duration::from_mins(1),
    drain: Duration::from_mins(1),
};

async fn closes(stream: &mut TcpStream, within: Duration) -> bool {
    let mut rest = Vec::new();
    timeout(within, stream.read_to_end(&mut rest)).await.is_ok()
}

/// A service that sends `length` bytes.
fn large(length: usize) -> impl Handler {
    service_fn(move |_| async move { Ok(Response::new(Body::from("x".repeat(length)))) })
}

#[tokio::test]
async fn a_request_sent_byte_by_byte_is_closed_after_the_idle_limit() {
    let server = Server::start(WebSecurity::disabled(), SHORT).await;
    let mut slow = server.connect().await;
    let head = b"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Slow: yes yes yes yes yes yes";
    let writing = async {
        for byte in head.iter().cycle() {
            if slow.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(10), writing).await.unwrap();
    assert!(server.healthy().await);
}

#[tokio::test]
async fn an_idle_connection_is_reused_and_later_closed() {
    let server = Server::start(WebSecurity::disabled(), SHORT).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream
            .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK"));
        sleep(Duration::from_millis(100)).await;
    }
    assert!(closes(&mut stream, Duration::from_secs(5)).await);
}

#[tokio::test]
async fn the_oldest_incomplete_request_makes_room_when_the_limit_is_reached() {
    let server = Server::start(WebSecurity::disabled(), FOUR_CONNECTIONS).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = server.connect().await;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
            .await
            .unwrap();
        slow.push(stream);
    }
    assert!(server.healthy().await);
    assert!(
        closes(&mut slow[0], Duration::from_secs(5)).await,
        "the oldest is closed"
    );
    assert!(
        !closes(&mut slow[19], Duration::from_millis(50)).await,
        "the newest stays open"
    );
}

#[tokio::test]
async fn clients_that_do_not_read_make_room_for_a_scrape() {
    let server =
        Server::start_with(large(64 << 20), WebSecurity::disabled(), FOUR_CONNECTIONS).await;
    let mut readers = Vec::new();
    for _ in 0..FOUR_CONNECTIONS.connections {
        let mut stream = server.connect().await;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        readers.push(stream);
    }
    let mut scrape = server.connect().await;
    scrape.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut status = [0; 12];
    let answer = timeout(Duration::from_secs(5), scrape.read_exact(&mut status));
    answer.await.unwrap().unwrap();
    assert_eq!(&status, b"HTTP/1.0 200");
}

#[tokio::test]
async fn a_burst_of_scrapes_is_answered_while_all_connections_are_idle() {
    let server = Server::start(WebSecurity::disabled(), FOUR_CONNECTIONS).await;
    let mut slow = Vec::new();
    for _ in 0..FOUR_CONNECTIONS.connections {
        slow.push(server.connect().await);
    }
    let server = Arc::new(server);
    let mut burst = tokio::task::JoinSet::new();
    for _ in 0..5 * FOUR_CONNECTIONS.connections {
        let server = Arc::clone(&server);
        burst.spawn(async move { server.healthy().await });
    }
    let answered = burst.join_all().await;
    assert_eq!(answered, [true; 20], "none is closed for another");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_incomplete_requests() {
    let server = Server::start(WebSecurity::disabled(), FOUR_CONNECTIONS).await;
    let _silent = server.connect().await;
    let mut half = server.connect().await;
    half.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: ")
        .await
        .unwrap();
    sleep(Duration::from_millis(100)).await;
    timeout(Duration::from_secs(5), server.stop())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_request_under_way_outlives_newer_idle_connections() {
    let slow = service_fn(|_| async {
        sleep(Duration::from_secs(1)).await;
        Ok(Response::new(Body::from("done".to_owned())))
    });
    let server = Server::start_with(slow, WebSecurity::disabled(), FOUR_CONNECTIONS).await;
    let mut scrape = server.connect().await;
    scrape.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut others = Vec::new();
    for _ in 0..20 {
        others.push(server.connect().await);
    }
    let mut answer = String::new();
    scrape.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("done"), "{answer}");
}

#[tokio::test]
async fn garbage_is_answered_with_an_error() {
    let server = Server::start(WebSecurity::disabled(), SHORT).await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01"[..],
        b"\0\0\0\0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = server.exchange(garbage, true).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    assert!(server.healthy().await);
}

#[tokio::test]
async fn an_oversized_head_is_refused() {
    let server = Server::start(WebSecurity::disabled(), SHORT).await;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(4 * Limits::HEAD_BYTES)
    );
    let answer = server.exchange(request.as_bytes(), false).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    let request = format!("GET / HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(200));
    let answer = server.exchange(request.as_bytes(), false).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
}

#[tokio::test]
async fn http_1_1_without_exactly_one_host_is_a_bad_request() {
    let server = Server::start(WebSecurity::disabled(), SHORT).await;
    for (head, status) in [
        ("HTTP/1.1\r\n", 400),
        ("HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400),
        ("HTTP/1.1\r\nHost: a\r\n", 200),
        ("HTTP/1.0\r\n", 200),
    ] {
        let request = format!("GET /-/healthy {head}\r\n");
        let response = server.exchange(request.as_bytes(), true).await;
        assert_eq!(response[9..12], status.to_string(), "{head}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let server = Server::start(WebSecurity::disabled(), SHORT).await;
    let request =
        b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\nGET /-/ready HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.0\r\n\r\n";
    let answer = server.exchange(request, false).await;
    let order = ["200 OK", "healthy", "200 OK", "ready", "404 Not Found"];
    let mut rest = answer.as_str();
    for next in order {
        rest = rest
            .split_once(next)
            .unwrap_or_else(|| panic!("{next}: {answer}"))
            .1;
    }
}

#[tokio::test]
async fn a_client_may_close_its_half_after_its_request() {
    let server = Server::start(WebSecurity::disabled(), SHORT).await;
    let answer = server
        .exchange(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n", true)
        .await;
    assert!(answer.ends_with("healthy\n"), "{answer}");
}

#[tokio::test]
async fn an_unexpected_request_body_is_not_read() {
    let server = Server::start(WebSecurity::disabled(), SHORT).await;
    let mut stream = server.connect().await;
    let head = b"POST /-/healthy HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 405");
    let chunk = vec![b'x'; 64 * 1024];
    for _ in 0..1000 {
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    assert!(server.healthy().await);
}

#[tokio::test]
async fn a_client_that_stops_reading_is_disconnected() {
    let server = Server::start_with(large(64 << 20), WebSecurity::disabled(), SHORT).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_secs(3)).await;
    let mut received = Vec::new();
    let outcome = timeout(Duration::from_secs(5), stream.read_to_end(&mut received)).await;
    assert!(outcome.is_ok(), "the connection is closed");
    assert!(received.len() < 64 << 20);
}

#[tokio::test]
async fn a_stop_waits_for_requests_under_way() {
    let slow = service_fn(|_| async {
        sleep(Duration::from_millis(200)).await;
        Ok(Response::new(Body::from("done".to_owned())))
    });
    let limits = Limits {
        drain: Duration::from_secs(5),
        ..SHORT
    };
    let server = Server::start_with(slow, WebSecurity::disabled(), limits).await;
    let address = server.address;
    let mut stream = server.connect().await;
    let idle = server.connect().await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_millis(50)).await;
    let stopped = server.stop();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("done"), "{answer}");
    timeout(Duration::from_secs(2), stopped)
        .await
        .unwrap()
        .unwrap();
    assert!(
        TcpStream::connect(address).await.is_err(),
        "no longer listening"
    );
    drop(idle);
}

#[tokio::test]
async fn a_stop_takes_no_longer_than_the_drain_limit() {
    let never = service_fn(|_| async {
        std::future::pending::<()>().await;
        Ok(Response::new(Body::empty()))
    });
    let server = Server::start_with(never, WebSecurity::disabled(), SHORT).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_millis(50)).await;
    timeout(Duration::from_secs(5), server.stop())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_body_has_a_known_length() {
    let chunks = vec!["a".repeat(2_000_000).into(), "bc".into()];
    let body = Body::from(crate::exposition::Body::new(chunks));
    assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(2_000_002));
    assert_eq!(body.collect().await.unwrap().to_bytes().len(), 2_000_002);
}

#[test]
fn the_connection_limit_depends_on_the_limit_of_open_files() {
    for (files, connections) in [
        (None, 512),
        (Some(u64::MAX), 512),
        (Some(1_024), 512),
        (Some(64), 32),
        (Some(3), 4),
    ] {
        assert_eq!(connection_limit(files), connections, "{files:?}");
    }
}
