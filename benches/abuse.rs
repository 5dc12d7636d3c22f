//! Hostile clients against a running exporter, for `benches/abuse.sh`:
//! `abuse ADDRESS`. While each kind is at work, a scrape of its own connection
//! is made every 50 ms; what is printed is how many were answered, and how
//! long that took. Everything stays within bounds of time.

#![expect(clippy::print_stdout, reason = "the numbers are for the terminal")]

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// Connections that send their request byte by byte.
const SLOW: usize = 2_000;
/// Connections that ask and do not read: more than there is room for.
const READERS: usize = 600;
/// Connections at a time, for the kinds that come and go.
const AT_A_TIME: usize = 64;
const AT_MOST: Duration = Duration::from_mins(2);

#[tokio::main]
async fn main() -> Result<()> {
    let address = std::env::args().nth(1).context("usage: abuse ADDRESS")?;
    let address: SocketAddr = address.parse()?;
    println!(
        "{:<38}  {:>8}  {:>7}  {:>7}  {:>9}  {:>9}",
        "while there are", "seconds", "scrapes", "failed", "median ms", "worst ms"
    );
    report(address, "no others", sleep(Duration::from_secs(5))).await?;
    report(address, "2,000 slow-loris connections", slow(address)).await?;
    let garbage = many(address, 100_000, |number| Visit::sending(garbage(number)));
    report(address, "100,000 connections with garbage", garbage).await?;
    let requests = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
    let pipelined = many(address, 2_000, |_| Visit::sending(requests.clone()));
    report(address, "2,000 × 100 requests, unread", pipelined).await?;
    let oversized = [b"GET / HTTP/1.1\r\nX: ", vec![b'x'; 1 << 20].as_slice()].concat();
    let oversized = many(address, 2_000, |_| Visit::sending(oversized.clone()));
    report(address, "2,000 heads of 1 MiB", oversized).await?;
    let halves = many(address, 5_000, |number| Visit {
        closes_half: true,
        reads: number % 2 == 0,
        ..Visit::sending(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".to_vec())
    });
    report(address, "5,000 half-closed connections", halves).await?;
    report(address, "600 readers that stop reading", stalled(address)).await?;
    Ok(())
}

/// Scrapes while `attack` is under way, and prints how that went.
async fn report(address: SocketAddr, what: &str, attack: impl Future<Output = ()>) -> Result<()> {
    let begun = Instant::now();
    let mut attack = std::pin::pin!(timeout(AT_MOST, attack));
    let (mut times, mut failed) = (Vec::new(), 0);
    let scraping = async {
        loop {
            let begun = Instant::now();
            match timeout(Duration::from_secs(10), scrape(address)).await {
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
    ensure!(!times.is_empty(), "no scrape was answered: {what}");
    println!(
        "{what:<38}  {:>8.1}  {:>7}  {failed:>7}  {:>9.2}  {:>9.2}",
        begun.elapsed().as_secs_f64(),
        times.len() + failed,
        times[times.len() / 2],
        times[times.len() - 1]
    );
    Ok(())
}

/// One scrape on a connection of its own, read to its end.
async fn scrape(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let request = b"GET /metrics HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    ensure!(answer.starts_with(b"HTTP/1.0 200"), "not answered");
    Ok(())
}

/// Holds many connections, each of which sends a byte a second; one that is
/// closed is opened again.
async fn slow(address: SocketAddr) {
    let mut clients = JoinSet::new();
    for _ in 0..SLOW {
        clients.spawn(async move {
            loop {
                if let Ok(mut stream) = TcpStream::connect(address).await {
                    let head = b"GET /metrics HTTP/1.1\r\nX-Slow: yes yes yes yes yes yes yes";
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
    sleep(Duration::from_secs(20)).await;
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

/// So many visits, some at a time.
async fn many(address: SocketAddr, count: usize, visit: impl Fn(usize) -> Visit) {
    let mut visits = JoinSet::new();
    for number in 0..count {
        let visit = visit(number);
        // Being thrown out is what these clients are here for.
        visits.spawn(timeout(Duration::from_secs(5), visit.pay(address)));
        if visits.len() >= AT_A_TIME {
            visits.join_next().await;
        }
    }
    while visits.join_next().await.is_some() {}
}

/// Bytes that are no request: noise, a TLS greeting, an HTTP/2 preface, a
/// request with nonsense in it, or nothing.
fn garbage(number: usize) -> Vec<u8> {
    match number % 5 {
        0 => (0..512).map(|_| fastrand::u8(..)).collect(),
        1 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        2 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        3 => b"GET /\x00\xff HTTP/9.9\r\nContent-Length: -1\r\n\r\n".to_vec(),
        _ => Vec::new(),
    }
}

/// Holds connections that ask for the whole page and never read it.
async fn stalled(address: SocketAddr) {
    let mut streams = Vec::new();
    for _ in 0..READERS {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            continue;
        };
        let request = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
        if stream.write_all(request).await.is_ok() {
            streams.push(stream);
        }
    }
    sleep(Duration::from_secs(20)).await;
}
