//! What a client sees on the socket.

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::{Fault, FaultKind, serve};

async fn served(kind: Option<FaultKind>) -> (TcpStream, oneshot::Sender<()>, JoinHandle<()>) {
    let simulator = Simulator::new(small_world(), clock());
    if let Some(kind) = kind {
        simulator.inject(Fault::new(kind));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let server = tokio::spawn(serve(listener, simulator, shutdown));
    (TcpStream::connect(address).await.unwrap(), stop, server)
}

/// Sends a valid request; returns the response and how the connection ended.
async fn exchange(kind: Option<FaultKind>) -> (String, Result<usize, ErrorKind>) {
    let (mut stream, _stop, _server) = served(kind).await;
    let request = "GET /api/ingest/jobs/isj-1 HTTP/1.1\r\nhost: localhost\r\n\
        authorization: Bearer token-of-socktown\r\namperity-tenant: socktown\r\n\
        api-version: 2024-04-01\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    (answer, end.map_err(|error| error.kind()))
}

fn body_and_length(answer: &str) -> (usize, usize) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head.split("content-length: ").nth(1).unwrap();
    let length = length.lines().next().unwrap().parse().unwrap();
    (body.len(), length)
}

#[tokio::test]
async fn a_response_arrives_complete() {
    let (answer, end) = exchange(None).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(answer.matches("date: ").count(), 1, "{answer}");
    assert!(
        answer.contains("date: Mon, 01 Jul 2024 12:00:0"),
        "{answer}"
    );
    let (body, length) = body_and_length(&answer);
    assert_eq!(body, length);
    assert!(end.is_ok());
}

#[tokio::test]
async fn a_connection_is_reset_without_a_response() {
    let (answer, end) = exchange(Some(FaultKind::Reset)).await;
    assert_eq!(answer, "");
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_connection_is_reset_in_the_middle_of_the_body() {
    let (_, end) = exchange(Some(FaultKind::ResetInBody)).await;
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_connection_is_closed_in_the_middle_of_the_body() {
    let (answer, end) = exchange(Some(FaultKind::CloseInBody)).await;
    let (body, length) = body_and_length(&answer);
    assert_eq!(body, length / 2);
    assert!(end.is_ok());
}

#[tokio::test]
async fn a_hanging_connection_ends_when_the_server_stops() {
    let (mut stream, stop, server) = served(Some(FaultKind::Hang)).await;
    let request = "GET /api/x HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let waiting = tokio::time::timeout(Duration::from_millis(50), stream.read_to_end(&mut answer));
    assert!(waiting.await.is_err());
    stop.send(()).unwrap();
    server.await.unwrap();
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(answer, b"");
}

#[tokio::test]
async fn a_request_with_an_endless_body_is_refused() {
    let (mut stream, _stop, _server) = served(None).await;
    let request = "POST /api/v0/oauth2/token HTTP/1.1\r\nhost: localhost\r\n\
        content-length: 100000\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    // The server may close the connection before it has read the whole body.
    let _ = stream.write_all("x".repeat(70_000).as_bytes()).await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}
