//! The HTTP side.
//!
//! | path | answer |
//! |---|---|
//! | `/` | the status page, for people; `?tenant=T` shows all jobs of one tenant |
//! | `/metrics` | the page for Prometheus; `?tenant=T`, repeatable, restricts it to these tenants |
//! | `/probe?tenant=T&job=ID` | one job, fetched now |
//! | `/sd` | Prometheus HTTP service discovery: one target group per tenant |
//! | `/-/healthy` | 200 while the refresh loops make progress, else 503 |
//! | `/-/ready` | 200 once every tenant had its first refresh, else 503 |
//! | `POST /-/reload` | reads the configuration again, with `--web.enable-lifecycle` |
//!
//! A request passes the accept loop (`connections`), TLS and the rules of
//! the web configuration file ([`Gate`]) and then [`Routes`], which asks
//! [`crate::refresh::Exporter`] for what is published. The sockets know nothing
//! of the routes: [`serve`] takes any service.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;

mod activity;
mod auth;
mod body;
mod config;
mod connections;
mod fresh;
mod gate;
mod listen;
mod probe;
mod query;
mod respond;
mod routes;
mod scrape;
mod sd;
mod status;
#[cfg(test)]
mod tests;
mod tls;

pub use body::{Body, Rest};
pub use config::WebConfigError;
pub use gate::Gate;
pub use listen::{ListenError, bind, inherited};
pub use routes::{Reload, Routes};

use connections::Connections;

/// How much clients may take. The defaults suit a scraped exporter; tests
/// take smaller ones.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections open at a time.
    pub connections: usize,
    /// Time from the first byte of a request to the end of its head, and from
    /// the connection to the first such head, a TLS handshake included.
    pub request_head: Duration,
    /// Time between two requests on a connection.
    pub idle: Duration,
    /// Time from the head of a request to the last byte of its response.
    pub exchange: Duration,
    /// Time in which a client takes no byte of what is being sent.
    pub write_stall: Duration,
    /// Time for requests under way after a shutdown began.
    pub drain: Duration,
}

impl Limits {
    /// The head of an HTTP/1 request, in bytes.
    const HEAD_BYTES: usize = 32 * 1024;
    /// The head of an HTTP/2 request, in bytes.
    const HEAD_BYTES_HTTP2: u32 = 32 * 1024;
    /// Requests under way on one HTTP/2 connection.
    const STREAMS: u32 = 32;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            request_head: Duration::from_secs(10),
            // Longer than usual scrape intervals, so that Prometheus finds
            // its connection open.
            idle: Duration::from_mins(5),
            exchange: Duration::from_mins(5),
            write_stall: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

/// Something that answers requests, such as [`Routes`].
pub trait Handler:
    Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Handler for S where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Serves until `shutdown`, then lets requests under way end, within
/// `limits.drain`. Errors of single connections never end it.
pub async fn serve(
    listeners: Vec<TcpListener>,
    service: impl Handler,
    gate: Arc<Gate>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Arc::new(Connections::new(limits));
    let (stop, stopping) = watch::channel(false);
    let mut accepting = tokio::task::JoinSet::new();
    for listener in listeners {
        let accept = Arc::clone(&connections).accept(
            listener,
            Arc::clone(&gate),
            service.clone(),
            stopping.clone(),
        );
        accepting.spawn(accept);
    }
    let mut inspection = pin!(connections.inspect());
    tokio::select! {
        () = shutdown => {}
        () = &mut inspection => {}
    }
    // Closes the listening sockets.
    accepting.shutdown().await;
    stop.send_replace(true);
    tokio::select! {
        cut = connections.drain() => {
            if cut > 0 {
                tracing::warn!(connections = cut, "stopped without waiting longer for requests under way");
            }
        }
        () = &mut inspection => {}
    }
}
