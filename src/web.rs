//! The HTTP server.
//!
//! | path | answer |
//! |---|---|
//! | `/` | the status page; `?tenant=T` shows the feeds of one tenant, `&feed=F` a feed, `&show=jobs` its jobs |
//! | `/metrics` | the metrics; `?tenant=T`, repeatable, restricts them to these tenants |
//! | `/probe?tenant=T&job=ID` | one job, fetched now |
//! | `/sd` | Prometheus HTTP service discovery: one target group per tenant |
//! | `/-/healthy` | 200 while the refresh loops make progress, else 503 |
//! | `/-/ready` | 200 once every tenant had its first refresh, else 503 |
//! | `POST /-/reload` | reads the configuration again, with `--web.enable-lifecycle` |
//!
//! All of them are below the route prefix, if there is one ([`Paths`]).
//!
//! A request passes the accept loop (`connections`), TLS, the rules of the web
//! configuration file ([`WebSecurity`]) and then [`Routes`], which asks
//! [`crate::refresh::Exporter`] for what is published. Sockets and routes are
//! independent: [`serve`] takes any service.

use std::convert::Infallible;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Request, Response};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

mod activity;
mod auth;
mod body;
mod config;
mod connection;
mod connections;
mod listen;
mod listener;
mod page_cache;
mod paths;
mod probe;
pub(crate) mod query;
mod refusals;
mod reload;
mod respond;
mod routes;
mod scrape;
mod sd;
mod security;
mod socket;
mod status;
#[cfg(test)]
mod tests;
mod tls;
mod unix_socket;

pub use body::{Body, Rest};
pub use config::WebConfigError;
pub use connections::serve;
pub(crate) use listen::unix_path;
pub use listen::{ListenError, bind, bind_tcp, inherited};
pub use listener::Listener;
pub use paths::Paths;
pub use reload::{Reload, ReloadRequest};
pub use routes::Routes;
pub use security::WebSecurity;

/// What clients may use. The defaults suit a scraped exporter; tests use
/// smaller ones.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections open at a time.
    pub connections: usize,
    /// Time without a complete request and without a response under way: the
    /// wait for a request, for the rest of one and for the TLS handshake.
    pub idle: Duration,
    /// Time from a response being ready to its last byte being sent. It also
    /// bounds how long a replaced page stays in memory.
    pub response: Duration,
    /// Time for requests under way after a shutdown began.
    pub drain: Duration,
}

impl Limits {
    /// The defaults, with as many connections as the limit of open files
    /// allows. Raises that limit as far as the process may.
    #[must_use]
    pub fn of_process() -> Self {
        let mut files = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: files.maximum,
            ..files
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            files = raised;
        }
        Self {
            connections: connection_limit(files.current),
            ..Self::default()
        }
    }

    /// The head of an HTTP/1 request, in bytes.
    const HEAD_BYTES: usize = 32 * 1024;
    /// The head of an HTTP/2 request, in bytes.
    const HEAD_BYTES_HTTP2: u32 = 16 * 1024;
    /// Requests under way on one HTTP/2 connection.
    const STREAMS: u32 = 8;
}

/// Connections open at a time.
const MAX_CONNECTIONS: usize = 512;

/// The connection limit of a process that may open this many files. Half of
/// them are left for files and for connections to the API.
fn connection_limit(open_files: Option<u64>) -> usize {
    let half = open_files.map(|files| usize::try_from(files / 2).unwrap_or(usize::MAX));
    half.unwrap_or(MAX_CONNECTIONS).clamp(4, MAX_CONNECTIONS)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: MAX_CONNECTIONS,
            // Longer than usual scrape intervals, so that Prometheus can use
            // its connection again.
            idle: Duration::from_mins(2),
            response: Duration::from_mins(1),
            drain: Duration::from_secs(10),
        }
    }
}

/// A service that answers requests, such as [`Routes`].
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
