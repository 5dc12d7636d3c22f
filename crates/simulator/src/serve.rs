//! The socket face: HTTP/1.1 on a listener, with the faults acted out.

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

use super::{Act, Simulator};

/// Requests with a larger body are refused.
const REQUEST_BYTES: usize = 64 * 1024;

/// Serves until `shutdown` resolves; then drops every connection. Trouble
/// with one connection ends that connection only.
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
                // Out of file descriptors, most likely: let some go first.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

/// How a connection ends before its time.
#[derive(Debug, Default)]
struct Ends {
    reset: Notify,
    close: Notify,
}

async fn connection(stream: TcpStream, simulator: Simulator) {
    let ends = Arc::new(Ends::default());
    let service = service_fn(|request| answer(request, simulator.clone(), Arc::clone(&ends)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    let mut connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        biased;
        _ = &mut connection => {}
        () = ends.close.notified() => {}
        () = ends.reset.notified() => {
            // Without time to linger the system sends a reset. If even that
            // fails the connection is closed, which is broken enough.
            let stream = connection.into_parts().io.into_inner();
            stream.set_zero_linger().unwrap_or_default();
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    simulator: Simulator,
    ends: Arc<Ends>,
) -> Result<Response<Delivery>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, REQUEST_BYTES).collect().await else {
        let mut response = Response::new(Delivery::whole(Bytes::new()));
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Ok(response);
    };
    let (method, path) = (head.method.clone(), head.uri.path().to_owned());
    let reply = simulator.respond(&Request::from_parts(head, body.to_bytes()));
    say(&method, &path, &reply.response);
    tokio::time::sleep(reply.delay).await;
    let (mut head, body) = reply.response.into_parts();
    head.headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let delivery = match reply.act {
        Act::Send => Delivery::whole(body),
        Act::Hang => std::future::pending().await,
        Act::Reset => {
            ends.reset.notify_one();
            std::future::pending().await
        }
        Act::ResetAfter(bytes) | Act::CloseAfter(bytes) => Delivery {
            whole: body.len(),
            sent: false,
            part: body.slice(..bytes.min(body.len())),
            then: Some((reply.act, ends)),
        },
    };
    Ok(Response::from_parts(head, delivery))
}

/// Tells whoever tries a configuration what was asked, and why it was refused.
fn say(method: &Method, path: &str, response: &Response<Bytes>) {
    #[derive(serde::Deserialize)]
    struct Refused {
        message: String,
    }
    let status = response.status().as_u16();
    if response.status().is_success() {
        tracing::debug!(%method, path, status, "answered");
        return;
    }
    let refused = serde_json::from_slice::<Refused>(response.body());
    let message = refused.map(|refused| refused.message).unwrap_or_default();
    tracing::info!(%method, path, status, message, "refused");
}

/// A body that may break off.
#[derive(Debug)]
struct Delivery {
    whole: usize,
    sent: bool,
    part: Bytes,
    then: Option<(Act, Arc<Ends>)>,
}

impl Delivery {
    fn whole(body: Bytes) -> Self {
        Self {
            whole: body.len(),
            sent: body.is_empty(),
            part: body,
            then: None,
        }
    }
}

impl Body for Delivery {
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
            Some((act, ends)) => {
                // hyper flushes what it has while this is pending, and then
                // the connection's task acts.
                match act {
                    Act::CloseAfter(_) => ends.close.notify_one(),
                    _ => ends.reset.notify_one(),
                }
                Poll::Pending
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.whole as u64)
    }
}
