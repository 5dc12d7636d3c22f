//! One connection: TLS if it is configured, then HTTP/1.1 or HTTP/2.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::service::service_fn;
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::activity::Activity;
use super::listener::{Peer, Stream};
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

/// Marks the requests that come over TLS.
#[derive(Clone, Copy, Debug)]
pub(super) struct OverTls;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http1OverTls,
    Http2OverTls,
}

/// Serves a connection until it ends.
pub(super) async fn serve_connection(
    stream: Stream,
    client: Peer,
    activity: Arc<Activity>,
    admission: Arc<Admission>,
    service: impl Handler,
    watcher: Watcher,
) {
    let stream = Socket::new(stream, Arc::clone(&activity));
    let Some(tls) = admission.security.tls().await else {
        let protocol = Protocol::Http1;
        return serve_http(
            stream, protocol, client, activity, admission, service, watcher,
        )
        .await;
    };
    match TlsAcceptor::from(tls).accept(stream).await {
        Ok(stream) => {
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Protocol::Http2OverTls,
                _ => Protocol::Http1OverTls,
            };
            serve_http(
                stream, protocol, client, activity, admission, service, watcher,
            )
            .await;
        }
        Err(error) => admission.refusals.record_handshake(client, &error),
    }
}

async fn serve_http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    protocol: Protocol,
    client: Peer,
    activity: Arc<Activity>,
    admission: Arc<Admission>,
    service: impl Handler,
    watcher: Watcher,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        if protocol != Protocol::Http1 {
            request.extensions_mut().insert(OverTls);
        }
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
    let builder = if protocol == Protocol::Http2OverTls {
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
