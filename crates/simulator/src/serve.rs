//! Serves the simulator over HTTP/1.1 and carries out the faults.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Delivery, Simulator};

/// Requests with a larger body are refused.
const REQUEST_BYTES: usize = 64 * 1024;

/// Serves until `shutdown` resolves, then drops every connection. An error of
/// a connection ends that connection only.
pub async fn serve(
    listener: TcpListener,
    simulator: Simulator,
    shutdown: impl Future<Output = ()>,
) {
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, simulator.clone()));
                }
                // Probably out of file descriptors: wait until some are free.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

/// Tells a connection to end early.
#[derive(Debug, Default)]
struct ConnectionEnd {
    reset: Notify,
    close: Notify,
}

async fn connection(stream: TcpStream, simulator: Simulator) {
    let ends = Arc::new(ConnectionEnd::default());
    let service = service_fn(|request| respond(request, simulator.clone(), Arc::clone(&ends)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    let mut connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        biased;
        _ = &mut connection => {}
        () = ends.close.notified() => {}
        () = ends.reset.notified() => {
            // With a linger time of zero the system sends a reset. If that
            // fails, the connection is closed, which breaks it as well.
            let stream = connection.into_parts().io.into_inner();
            stream.set_zero_linger().unwrap_or_default();
        }
    }
}

async fn respond(
    request: Request<Incoming>,
    simulator: Simulator,
    ends: Arc<ConnectionEnd>,
) -> Result<Response<ResponseBody>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, REQUEST_BYTES).collect().await else {
        let mut response = Response::new(ResponseBody::whole(Bytes::new()));
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Ok(response);
    };
    let (method, path) = (head.method.clone(), head.uri.path().to_owned());
    let reply = simulator.respond(&Request::from_parts(head, body.to_bytes()));
    log_response(&method, &path, &reply.response);
    tokio::time::sleep(reply.delay).await;
    let (mut head, body) = reply.response.into_parts();
    head.headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let delivery = match reply.delivery {
        Delivery::Send => ResponseBody::whole(body),
        Delivery::Hang => std::future::pending().await,
        Delivery::Reset => {
            ends.reset.notify_one();
            std::future::pending().await
        }
        Delivery::ResetAfter(bytes) | Delivery::CloseAfter(bytes) => ResponseBody {
            length: body.len(),
            sent: false,
            part: body.slice(..bytes.min(body.len())),
            then: Some((reply.delivery, ends)),
        },
    };
    Ok(Response::from_parts(head, delivery))
}

/// Logs requests, with the reason if refused, for who tries a configuration.
fn log_response(method: &Method, path: &str, response: &Response<Bytes>) {
    #[derive(serde::Deserialize)]
    struct ErrorBody {
        message: String,
    }
    let status = response.status().as_u16();
    if response.status().is_success() {
        tracing::debug!(%method, path, status, "request answered");
        return;
    }
    let error = serde_json::from_slice::<ErrorBody>(response.body());
    let message = error.map(|error| error.message).unwrap_or_default();
    tracing::info!(%method, path, status, message, "request refused");
}

/// A body that may end early.
#[derive(Debug)]
struct ResponseBody {
    /// The `Content-Length`.
    length: usize,
    sent: bool,
    /// The bytes to send.
    part: Bytes,
    then: Option<(Delivery, Arc<ConnectionEnd>)>,
}

impl ResponseBody {
    fn whole(body: Bytes) -> Self {
        Self {
            length: body.len(),
            sent: body.is_empty(),
            part: body,
            then: None,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if !self.sent {
            self.sent = true;
            return Poll::Ready(Some(Ok(Frame::data(self.part.clone()))));
        }
        match &self.then {
            None => Poll::Ready(None),
            Some((delivery, ends)) => {
                // hyper flushes its buffer while this is pending; then the
                // connection's task ends the connection.
                match delivery {
                    Delivery::CloseAfter(_) => ends.close.notify_one(),
                    _ => ends.reset.notify_one(),
                }
                Poll::Pending
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length as u64)
    }
}
