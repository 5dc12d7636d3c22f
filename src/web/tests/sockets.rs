//! Clients that misbehave, at a small scale.

use http_body_util::BodyExt as _;
use hyper::service::service_fn;
use tokio::time::{sleep, timeout};

use super::*;

/// Short limits, since these tests cannot pause time: sockets do not wait.
const SHORT: Limits = Limits {
    connections: 4,
    request_head: Duration::from_millis(200),
    idle: Duration::from_millis(400),
    exchange: Duration::from_secs(20),
    write_stall: Duration::from_millis(300),
    drain: Duration::from_millis(300),
};

const ROOMY: Limits = Limits {
    connections: 4,
    request_head: Duration::from_mins(1),
    idle: Duration::from_mins(1),
    exchange: Duration::from_mins(1),
    write_stall: Duration::from_mins(1),
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
async fn a_request_that_comes_byte_by_byte_is_given_up_after_the_deadline() {
    let server = Server::start(Gate::open(), SHORT).await;
    let mut slow = server.connect().await;
    let head = b"GET /metrics HTTP/1.1\r\nX-Slow: yes yes yes yes yes yes";
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
async fn an_idle_connection_is_kept_for_a_while_and_then_closed() {
    let server = Server::start(Gate::open(), SHORT).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream
            .write_all(b"GET /-/healthy HTTP/1.1\r\n\r\n")
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
async fn a_full_house_makes_room_for_a_scrape() {
    let server = Server::start(Gate::open(), ROOMY).await;
    let mut loris = Vec::new();
    for _ in 0..20 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
        loris.push(stream);
    }
    assert!(server.healthy().await);
    assert!(
        closes(&mut loris[0], Duration::from_secs(5)).await,
        "the oldest made room"
    );
    assert!(
        !closes(&mut loris[19], Duration::from_millis(50)).await,
        "the newest is still there"
    );
}

#[tokio::test]
async fn readers_that_take_nothing_make_room_for_a_scrape() {
    let server = Server::start_with(large(64 << 20), Gate::open(), ROOMY).await;
    let mut readers = Vec::new();
    for _ in 0..ROOMY.connections {
        let mut stream = server.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
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
async fn a_burst_of_scrapes_is_answered_though_all_places_were_taken_by_idlers() {
    let server = Server::start(Gate::open(), ROOMY).await;
    let mut loris = Vec::new();
    for _ in 0..ROOMY.connections {
        loris.push(server.connect().await);
    }
    let server = Arc::new(server);
    let mut burst = tokio::task::JoinSet::new();
    for _ in 0..5 * ROOMY.connections {
        let server = Arc::clone(&server);
        burst.spawn(async move { server.healthy().await });
    }
    let answered = burst.join_all().await;
    assert_eq!(answered, [true; 20], "none was cut for another");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_those_who_have_not_asked() {
    let server = Server::start(Gate::open(), ROOMY).await;
    let _silent = server.connect().await;
    let mut half = server.connect().await;
    half.write_all(b"GET /metrics HTTP/1.1\r\nX: ")
        .await
        .unwrap();
    sleep(Duration::from_millis(100)).await;
    timeout(Duration::from_secs(5), server.stop())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_connection_that_was_answered_before_outlives_those_that_never_asked() {
    let server = Server::start(Gate::open(), ROOMY).await;
    let mut prometheus = server.connect().await;
    let mut answer = vec![0; 4096];
    prometheus
        .write_all(b"GET /-/ready HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    assert!(prometheus.read(&mut answer).await.unwrap() > 0);
    let mut loris = Vec::new();
    for _ in 0..20 {
        loris.push(server.connect().await);
    }
    assert!(server.healthy().await);
    prometheus
        .write_all(b"GET /-/ready HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    assert!(prometheus.read(&mut answer).await.unwrap() > 0);
}

#[tokio::test]
async fn garbage_is_answered_with_an_error_and_does_no_harm() {
    let server = Server::start(Gate::open(), SHORT).await;
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
    let server = Server::start(Gate::open(), SHORT).await;
    let request = format!(
        "GET / HTTP/1.1\r\nX: {}\r\n\r\n",
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
async fn pipelined_requests_are_answered_in_their_order() {
    let server = Server::start(Gate::open(), SHORT).await;
    let request =
        b"GET /-/healthy HTTP/1.1\r\n\r\nGET /-/ready HTTP/1.1\r\n\r\nGET /x HTTP/1.0\r\n\r\n";
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
async fn a_client_may_close_its_half_after_asking() {
    let server = Server::start(Gate::open(), SHORT).await;
    let answer = server
        .exchange(b"GET /-/healthy HTTP/1.1\r\n\r\n", true)
        .await;
    assert!(answer.ends_with("healthy\n"), "{answer}");
}

#[tokio::test]
async fn a_body_nobody_asked_for_does_no_harm() {
    let server = Server::start(Gate::open(), SHORT).await;
    let mut stream = server.connect().await;
    let head = b"POST /-/healthy HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n";
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
async fn a_reader_that_stops_reading_is_cut_off() {
    let server = Server::start_with(large(64 << 20), Gate::open(), SHORT).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_secs(3)).await;
    let mut received = Vec::new();
    let outcome = timeout(Duration::from_secs(5), stream.read_to_end(&mut received)).await;
    assert!(outcome.is_ok(), "the connection is closed");
    assert!(received.len() < 64 << 20);
}

#[tokio::test]
async fn a_stop_lets_a_request_under_way_end() {
    let slow = service_fn(|_| async {
        sleep(Duration::from_millis(200)).await;
        Ok(Response::new(Body::from("done".to_owned())))
    });
    let limits = Limits {
        drain: Duration::from_secs(5),
        ..SHORT
    };
    let server = Server::start_with(slow, Gate::open(), limits).await;
    let address = server.address;
    let mut stream = server.connect().await;
    let idle = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
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
async fn a_stop_does_not_wait_for_ever() {
    let never = service_fn(|_| async {
        std::future::pending::<()>().await;
        Ok(Response::new(Body::empty()))
    });
    let server = Server::start_with(never, Gate::open(), SHORT).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    timeout(Duration::from_secs(5), server.stop())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_body_keeps_its_length_known_while_it_is_sent() {
    let chunks = vec!["a".repeat(2_000_000).into(), "bc".into()];
    let body = Body::from(crate::exposition::Body::new(chunks, "text/plain"));
    assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(2_000_002));
    assert_eq!(body.collect().await.unwrap().to_bytes().len(), 2_000_002);
}
