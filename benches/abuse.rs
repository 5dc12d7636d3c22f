//! Hostile clients against a running exporter, for `benches/abuse.sh`:
//! `abuse ADDRESS`, or `abuse ADDRESS tls` for the attacks over HTTP/2.
//! During each attack a scrape on a new connection is made every 50 ms; printed
//! are the numbers of scrapes and of failed ones, and how long they took. Each
//! attack ends within two minutes.

#![expect(clippy::print_stdout, reason = "the numbers are for the terminal")]

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

/// Connections that send their request byte by byte.
const SLOW: usize = 2_000;
/// Connections that do not read their response: more than may be open.
const NOT_READING: usize = 600;
/// Clients that do not read and connect again at once.
const RECONNECTING: usize = 1_500;
/// Clients that request the status page of a tenant in a loop.
const STATUS_CLIENTS: usize = 100;
/// HTTP/2 connections, and requests on each of them.
const HTTP2_CONNECTIONS: usize = 500;
const HTTP2_STREAMS: usize = 32;
/// Connections at a time of attacks with short connections.
const AT_A_TIME: usize = 64;
/// How long the attacks that do not end by themselves take.
const ATTACK: Duration = Duration::from_secs(20);
const TIME_LIMIT: Duration = Duration::from_mins(2);

const METRICS: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";

/// A running exporter.
#[derive(Clone)]
struct Target {
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

/// What a connection is, with or without TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Target {
    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(self.address).await?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = self.address.ip().into();
                Box::new(tls.connect(name, stream).await?)
            }
        })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().context("usage: abuse ADDRESS [tls]")?;
    let address = address.parse()?;
    let tls = arguments.next().is_some();
    println!(
        "{:<38}  {:>7}  {:>7}  {:>6}  {:>9}  {:>6}  {:>8}",
        "attack", "seconds", "scrapes", "failed", "median ms", "99% ms", "worst ms"
    );
    let plain = Target { address, tls: None };
    if tls {
        return http2_attacks(address).await;
    }
    let report =
        async |what, attack: Pin<Box<dyn Future<Output = ()>>>| report(&plain, what, attack).await;
    report("none", Box::pin(sleep(Duration::from_secs(5)))).await?;
    report("2,000 slow-loris connections", Box::pin(slow(address))).await?;
    let garbage = many(address, 100_000, |number| Visit::sending(garbage(number)));
    report("100,000 connections with garbage", Box::pin(garbage)).await?;
    let requests = METRICS.repeat(100);
    let pipelined = many(address, 2_000, |_| Visit::sending(requests.clone()));
    report("2,000 × 100 requests, unread", Box::pin(pipelined)).await?;
    let oversized = [b"GET / HTTP/1.1\r\nX: ", vec![b'x'; 1 << 20].as_slice()].concat();
    let oversized = many(address, 2_000, |_| Visit::sending(oversized.clone()));
    report("2,000 heads of 1 MiB", Box::pin(oversized)).await?;
    let halves = many(address, 5_000, |number| Visit {
        closes_half: true,
        reads: number % 2 == 0,
        ..Visit::sending(METRICS.to_vec())
    });
    report("5,000 half-closed connections", Box::pin(halves)).await?;
    report("600 clients that do not read", Box::pin(stalled(address))).await?;
    let reconnecting = loops(RECONNECTING, move |_| not_reading(address));
    report(
        "1,500 that do not read, reconnecting",
        Box::pin(reconnecting),
    )
    .await?;
    let status = loops(STATUS_CLIENTS, move |_| {
        let request = b"GET /?tenant=tenant-0 HTTP/1.0\r\n\r\n".to_vec();
        let visit = Visit {
            reads: true,
            ..Visit::sending(request)
        };
        visit.pay(address)
    });
    report("100 clients of /?tenant=T", Box::pin(status)).await?;
    Ok(())
}

/// Requests on many streams whose responses are not read.
async fn http2_attacks(address: SocketAddr) -> Result<()> {
    let target = Target {
        address,
        tls: Some(connector(b"http/1.1")?),
    };
    let http2 = Target {
        address,
        tls: Some(connector(b"h2")?),
    };
    report(
        &target,
        "none, over TLS",
        Box::pin(sleep(Duration::from_secs(5))),
    )
    .await?;
    for path in [
        "/",
        "/?tenant=tenant-0",
        "/metrics?tenant=tenant-0",
        "/metrics",
    ] {
        let http2 = http2.clone();
        let streams = loops(HTTP2_CONNECTIONS, move |_| streams(http2.clone(), path));
        let what = format!("500 × 32 streams of {path}");
        report(&target, &what, Box::pin(streams)).await?;
    }
    Ok(())
}

/// Connects without verifying the server, whose certificate is of no interest
/// here.
fn connector(protocol: &[u8]) -> Result<TlsConnector> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Opens a connection, requests the path on many streams and reads no response.
async fn streams(target: Target, path: &'static str) -> io::Result<()> {
    let stream = TokioIo::new(target.connect().await?);
    let handshake = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(0)
        .handshake(stream);
    let (mut sender, connection) = handshake.await.map_err(io::Error::other)?;
    let mut connection = pin!(connection);
    let requests = async {
        let mut responses = Vec::new();
        for _ in 0..HTTP2_STREAMS {
            let request = hyper::Request::get(format!("https://a{path}"))
                .body(Empty::<Bytes>::new())
                .map_err(io::Error::other)?;
            sender.ready().await.map_err(io::Error::other)?;
            responses.push(sender.send_request(request));
        }
        let mut unread = Vec::new();
        for response in responses {
            unread.push(response.await.map_err(io::Error::other)?);
        }
        std::future::pending::<io::Result<()>>().await
    };
    tokio::select! {
        outcome = connection.as_mut() => outcome.map_err(io::Error::other),
        outcome = requests => outcome,
    }
}

/// Scrapes during `attack`, and prints how that went.
async fn report(
    target: &Target,
    what: &str,
    attack: Pin<Box<dyn Future<Output = ()> + '_>>,
) -> Result<()> {
    let begun = Instant::now();
    let mut attack = pin!(timeout(TIME_LIMIT, attack));
    let (mut times, mut failed) = (Vec::new(), 0);
    let scraping = async {
        loop {
            let begun = Instant::now();
            match timeout(Duration::from_secs(10), scrape(target)).await {
                Ok(Ok(())) => times.push(begun.elapsed().as_secs_f64() * 1e3),
                _ => failed += 1,
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        _ = &mut attack => {}
        () = scraping => {}
    }
    times.sort_by(f64::total_cmp);
    ensure!(!times.is_empty(), "every scrape failed: {what}");
    println!(
        "{what:<38}  {:>7.1}  {:>7}  {failed:>6}  {:>9.2}  {:>6.0}  {:>8.0}",
        begun.elapsed().as_secs_f64(),
        times.len() + failed,
        times[times.len() / 2],
        times[times.len() * 99 / 100],
        times[times.len() - 1]
    );
    Ok(())
}

/// One scrape on a new connection.
async fn scrape(target: &Target) -> Result<()> {
    let mut stream = target.connect().await?;
    let request = b"GET /metrics HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    ensure!(answer.starts_with(b"HTTP/1.0 200"), "the status is not 200");
    Ok(())
}

/// Holds many connections that send a byte a second each, and opens those that
/// are closed again.
async fn slow(address: SocketAddr) {
    let mut clients = JoinSet::new();
    for _ in 0..SLOW {
        clients.spawn(async move {
            loop {
                if let Ok(mut stream) = TcpStream::connect(address).await {
                    let head =
                        b"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Slow: yes yes yes yes yes yes yes";
                    for byte in head {
                        if stream.write_all(&[*byte]).await.is_err() {
                            break;
                        }
                        sleep(Duration::from_secs(1)).await;
                    }
                }
                sleep(Duration::from_secs(1)).await;
            }
        });
    }
    sleep(ATTACK).await;
}

/// What a client does on a connection before it drops it.
#[derive(Debug, Default)]
struct Visit {
    sends: Vec<u8>,
    closes_half: bool,
    reads: bool,
}

impl Visit {
    fn sending(bytes: Vec<u8>) -> Self {
        Self {
            sends: bytes,
            ..Self::default()
        }
    }

    async fn pay(self, address: SocketAddr) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&self.sends).await?;
        if self.closes_half {
            stream.shutdown().await?;
        }
        if self.reads {
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
        }
        Ok(())
    }
}

/// A number of visits, some at a time.
async fn many(address: SocketAddr, count: usize, visit: impl Fn(usize) -> Visit) {
    let mut visits = JoinSet::new();
    for number in 0..count {
        let visit = visit(number);
        // That it fails is expected.
        visits.spawn(timeout(Duration::from_secs(5), visit.pay(address)));
        if visits.len() >= AT_A_TIME {
            visits.join_next().await;
        }
    }
    while visits.join_next().await.is_some() {}
}

/// Bytes that are no valid request: random ones, a TLS handshake, an HTTP/2
/// preface, an invalid request, or none.
fn garbage(number: usize) -> Vec<u8> {
    match number % 5 {
        0 => (0..512).map(|_| fastrand::u8(..)).collect(),
        1 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        2 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        3 => b"GET /\x00\xff HTTP/9.9\r\nContent-Length: -1\r\n\r\n".to_vec(),
        _ => Vec::new(),
    }
}

/// Holds connections that request the whole page and never read it.
async fn stalled(address: SocketAddr) {
    let mut streams = Vec::new();
    for _ in 0..NOT_READING {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            continue;
        };
        if stream.write_all(METRICS).await.is_ok() {
            streams.push(stream);
        }
    }
    sleep(ATTACK).await;
}

/// Runs many clients, each in a loop.
async fn loops<F>(clients: usize, client: impl Fn(usize) -> F + Clone + Send + 'static)
where
    F: Future<Output = io::Result<()>> + Send,
{
    let mut tasks = JoinSet::new();
    for number in 0..clients {
        let client = client.clone();
        tasks.spawn(async move {
            loop {
                if client(number).await.is_err() {
                    sleep(Duration::from_millis(1)).await;
                }
            }
        });
    }
    sleep(ATTACK).await;
}

/// Requests the page, reads nothing for half a second, and leaves.
async fn not_reading(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(METRICS).await?;
    sleep(Duration::from_millis(500)).await;
    Ok(())
}
