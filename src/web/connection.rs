//! One connection: TLS if it is configured, then HTTP/1.1 or HTTP/2.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::service::service_fn;
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::activity::Activity;
use super::refusals::Refusals;
use super::respond::text;
use super::security::WebSecurity;
use super::socket::Socket;
use super::{Handler, Limits};

/// What decides which connections and requests are allowed.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) security: Arc<WebSecurity>,
    pub(super) refusals: Refusals,
}

/// Serves a connection until it ends.
pub(super) async fn serve_connection(
    stream: TcpStream,
    client: SocketAddr,
    activity: Arc<Activity>,
    admission: Arc<Admission>,
    service: impl Handler,
    watcher: Watcher,
) {
    let stream = Socket::new(stream, Arc::clone(&activity));
    let Some(tls) = admission.security.tls().await else {
        return serve_http(stream, false, client, activity, admission, service, watcher).await;
    };
    match TlsAcceptor::from(tls).accept(stream).await {
        Ok(stream) => {
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            serve_http(stream, http2, client, activity, admission, service, watcher).await;
        }
        Err(error) => admission.refusals.record_handshake(client, &error),
    }
}

async fn serve_http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    http2: bool,
    client: SocketAddr,
    activity: Arc<Activity>,
    admission: Arc<Admission>,
    service: impl Handler,
    watcher: Watcher,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (admission, service) = (Arc::clone(&admission), service.clone());
        let exchange = activity.begin();
        async move {
            let mut response = if has_valid_host(&request) {
                match admission.security.check(&request).await {
                    Ok(()) => service.call(request).await?,
                    Err(response) => {
                        admission.refusals.record_response(client, &response);
                        *response
                    }
                }
            } else {
                let message = "HTTP/1.1 needs exactly one Host header";
                text(StatusCode::BAD_REQUEST, message)
            };
            admission.security.add_headers(response.headers_mut());
            Ok::<_, Infallible>(response.map(|body| body.during(exchange)))
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    // A client may close its half of the connection after its request.
    // hyper's timeout for reading a head also runs between two requests, so it
    // could not be shorter than the scrape interval; `Limits::idle` covers
    // both, and the TLS handshake.
    builder
        .http1()
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(Limits::HEAD_BYTES);
    builder
        .http2()
        .max_header_list_size(Limits::HEAD_BYTES_HTTP2)
        .max_concurrent_streams(Limits::STREAMS);
    let builder = if http2 {
        builder.http2_only()
    } else {
        builder.http1_only()
    };
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended early");
    }
}

fn has_valid_host(request: &Request<Incoming>) -> bool {
    request.version() != Version::HTTP_11 || request.headers().get_all(HOST).iter().count() == 1
}
