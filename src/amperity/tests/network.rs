//! The real transport, against real sockets on loopback. These tests wait for
//! the network, so they run on the real clock.

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use super::*;

mod broken;
mod trust;
mod whole;

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

/// Serves every connection with a handler; returns the address.
async fn serve(
    handler: impl Fn(hyper::Request<Incoming>) -> hyper::Response<Body> + Clone + Send + 'static,
) -> SocketAddr {
    serve_with(None, handler).await
}

async fn serve_with(
    tls: Option<tokio_rustls::TlsAcceptor>,
    handler: impl Fn(hyper::Request<Incoming>) -> hyper::Response<Body> + Clone + Send + 'static,
) -> SocketAddr {
    accept(move |stream| {
        let (tls, handler) = (tls.clone(), handler.clone());
        async move {
            let service = hyper::service::service_fn(move |request| {
                std::future::ready(Ok::<_, Infallible>(handler(request)))
            });
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            match tls {
                None => {
                    let io = TokioIo::new(stream);
                    server.serve_connection(io, service).await.ok();
                }
                Some(tls) => {
                    let Ok(stream) = tls.accept(stream).await else {
                        return;
                    };
                    let io = TokioIo::new(stream);
                    server.serve_connection(io, service).await.ok();
                }
            }
        }
    })
    .await
}

/// Handles every connection in its own task.
async fn accept<F: Future<Output = ()> + Send + 'static>(
    task: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(task(stream));
        }
    });
    address
}

/// Answers every connection's first request with these bytes, then closes it.
async fn raw(answer: &'static [u8]) -> SocketAddr {
    accept(move |mut stream| async move {
        let _request = stream.read(&mut [0; 4096]).await;
        stream.write_all(answer).await.ok();
    })
    .await
}

fn whole(text: impl Into<Bytes>) -> hyper::Response<Body> {
    hyper::Response::new(Full::new(text.into()).boxed_unsync())
}

fn api(address: impl fmt::Display) -> Api {
    Api {
        base_url: format!("http://{address}/api").parse().unwrap(),
        timeout: Duration::from_secs(10),
        ..socktown().api
    }
}

async fn exchange(api: &Api) -> Result<hyper::Response<Bytes>, TransportError> {
    let transport = transport::network(api).unwrap();
    let request = hyper::Request::get(format!("{}/ingest/jobs?secret=hush", api.base_url))
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Bytes::new())
        .unwrap();
    transport.send(request).await
}

async fn failure(api: &Api) -> TransportError {
    let error = exchange(api).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(TOKEN) && !shown.contains("hush"), "{shown}");
    error
}

#[tokio::test]
async fn an_answer_arrives_whole_and_the_request_names_this_exporter_and_its_version() {
    let address = serve(|request| {
        let agent = request.headers()["user-agent"].clone();
        let accepted = request.headers()["accept-encoding"].clone();
        whole([agent.as_bytes(), b" ", accepted.as_bytes()].concat())
    })
    .await;
    let answer = exchange(&api(address)).await.unwrap();
    let expected = concat!("amperity_exporter/", env!("CARGO_PKG_VERSION"), " gzip");
    assert_eq!(answer.body(), expected);
}

#[tokio::test]
async fn the_connection_is_used_again() {
    let connections = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&connections);
    let address = accept(move |mut stream| {
        *counted.lock().unwrap() += 1;
        async move {
            let mut request = [0; 4096];
            while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer).await.ok();
            }
        }
    })
    .await;
    let transport = transport::network(&api(address)).unwrap();
    for _ in 0..5 {
        let request = hyper::Request::get(format!("http://{address}/")).body(Bytes::new());
        transport.send(request.unwrap()).await.unwrap();
    }
    assert_eq!(*connections.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_redirect_is_handed_back_and_not_followed() {
    let address = serve(|request| {
        assert_eq!(request.uri().path(), "/api/ingest/jobs");
        let mut answer = whole("");
        *answer.status_mut() = hyper::StatusCode::MOVED_PERMANENTLY;
        let headers = answer.headers_mut();
        headers.insert("location", HeaderValue::from_static("/stolen"));
        answer
    })
    .await;
    assert_eq!(exchange(&api(address)).await.unwrap().status(), 301);
}

fn gzipped(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn as_gzip(bytes: Vec<u8>) -> hyper::Response<Body> {
    let mut answer = whole(bytes);
    let headers = answer.headers_mut();
    headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    answer
}

#[tokio::test]
async fn a_compressed_answer_is_unpacked() {
    let bytes = gzipped(&vec![b'x'; 100_000]);
    let address = serve(move |_| as_gzip(bytes.clone())).await;
    assert_eq!(exchange(&api(address)).await.unwrap().body().len(), 100_000);
}

#[tokio::test]
async fn a_small_answer_that_unpacks_to_a_large_one_is_too_large() {
    let bytes = gzipped(&vec![0; 4 << 20]);
    assert!(bytes.len() < 100_000);
    let address = serve(move |_| as_gzip(bytes.clone())).await;
    let api = Api {
        response_bytes: 1 << 20,
        ..api(address)
    };
    let error = failure(&api).await;
    assert_eq!((error.reason, error.status), (Reason::TooLarge, Some(200)));
    insta::assert_snapshot!(error, @"the response is larger than limits.response_bytes (1048576 bytes)");
}

#[tokio::test]
async fn an_answer_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
    let address = serve(|_| whole(vec![b'x'; 1000])).await;
    let limited = |response_bytes| Api {
        response_bytes,
        ..api(address)
    };
    assert_eq!(exchange(&limited(1000)).await.unwrap().body().len(), 1000);
    assert_eq!(failure(&limited(999)).await.reason, Reason::TooLarge);
    let endless = serve(|_| hyper::Response::new(Endless.boxed_unsync())).await;
    assert_eq!(
        failure(&Api {
            response_bytes: 5000,
            ..api(endless)
        })
        .await
        .reason,
        Reason::TooLarge
    );
}

/// A body without an end.
struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 1000])))))
    }
}

#[tokio::test]
async fn a_body_that_is_not_the_gzip_it_claims_to_be_is_malformed() {
    let address = serve(|_| as_gzip(b"plain text".to_vec())).await;
    assert_eq!(failure(&api(address)).await.reason, Reason::Malformed);
}

#[tokio::test]
async fn a_peer_that_does_not_speak_http_is_malformed() {
    let address = raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    assert_eq!(failure(&api(address)).await.reason, Reason::Malformed);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_unreachable_and_keeps_its_status() {
    let address = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"id\":").await;
    let error = failure(&api(address)).await;
    assert_eq!(
        (error.reason, error.status),
        (Reason::Unreachable, Some(200))
    );
    let packed = raw(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1000\r\n\r\n\x1f\x8b\x08\0",
    )
    .await;
    assert_eq!(failure(&api(packed)).await.reason, Reason::Unreachable);
}

#[tokio::test]
async fn a_connection_that_closes_without_an_answer_is_unreachable() {
    let address = raw(b"").await;
    let error = failure(&api(address)).await;
    assert_eq!(error.reason, Reason::Unreachable);
    insta::assert_snapshot!(error, @"connection closed before message completed");
}

#[tokio::test]
async fn a_refused_connection_and_an_unknown_name_are_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = failure(&api(address)).await;
    assert_eq!(error.reason, Reason::Unreachable);
    insta::assert_snapshot!(error, @"tcp connect error: connection refused");
    let error = failure(&api("nowhere.invalid")).await;
    assert_eq!(error.reason, Reason::Unreachable);
    assert!(error.message.starts_with("dns error: "), "{error}");
}

#[tokio::test]
async fn an_answer_that_comes_too_slowly_is_a_timeout() {
    let silent = accept(|mut stream| async move {
        let mut request = [0; 4096];
        while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {}
    })
    .await;
    let trickling = accept(|mut stream| async move {
        let _request = stream.read(&mut [0; 4096]).await;
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
        stream.write_all(head).await.ok();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    for (address, status) in [(silent, None), (trickling, Some(200))] {
        let timeout = Duration::from_millis(100);
        let error = failure(&Api {
            timeout,
            ..api(address)
        })
        .await;
        assert_eq!(
            (error.reason, error.status),
            (Reason::Timeout, status),
            "{error}"
        );
    }
}
