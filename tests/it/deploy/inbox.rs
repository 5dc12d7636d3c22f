//! A receiver of Alertmanager's messages: a webhook, and an endpoint that
//! accepts what is sent to Slack.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{array, text};

/// One alert of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ReceivedAlert {
    /// `firing` or `resolved`.
    pub(super) status: String,
    pub(super) labels: Value,
    pub(super) annotations: Value,
}

impl ReceivedAlert {
    pub(super) fn label(&self, name: &str) -> &str {
        text(&self.labels, name)
    }

    /// `AmperityFeedLate firing` and the like.
    pub(super) fn is(&self, name: &str, status: &str) -> bool {
        self.label("alertname") == name && self.status == status
    }
}

#[derive(Debug, Default)]
struct Received {
    alerts: Vec<ReceivedAlert>,
    /// Titles and texts of messages.
    texts: Vec<String>,
}

/// A receiver that keeps everything it is sent.
pub(super) struct Inbox {
    pub(super) address: SocketAddr,
    received: watch::Receiver<Received>,
}

impl Inbox {
    pub(super) async fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = watch::channel(Received::default());
        let sender = Arc::new(sender);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let sender = Arc::clone(&sender);
                let service = service_fn(move |request| receive(request, Arc::clone(&sender)));
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Self { address, received }
    }

    /// How many alerts arrived so far.
    pub(super) fn len(&self) -> usize {
        self.received.borrow().alerts.len()
    }

    /// What arrived after the first `since`.
    pub(super) fn after(&self, since: usize) -> Vec<ReceivedAlert> {
        self.received.borrow().alerts[since..].to_vec()
    }

    /// The titles and texts of the messages so far.
    pub(super) fn messages(&self) -> Vec<String> {
        self.received.borrow().texts.clone()
    }

    /// Waits for an alert after the first `since`; `None` if it does not come.
    pub(super) async fn wait(
        &self,
        since: usize,
        wanted: impl Fn(&ReceivedAlert) -> bool,
    ) -> Option<ReceivedAlert> {
        let mut received = self.received.clone();
        let arrived = received.wait_for(|received| received.alerts[since..].iter().any(&wanted));
        let found = tokio::time::timeout(Duration::from_mins(4), arrived).await;
        let found = found.ok()?.unwrap();
        found.alerts[since..]
            .iter()
            .find(|alert| wanted(alert))
            .cloned()
    }

    /// Waits for a message that contains a text.
    pub(super) async fn wait_for_text(&self, wanted: &str) -> Option<String> {
        let mut received = self.received.clone();
        let arrived =
            received.wait_for(|received| received.texts.iter().any(|text| text.contains(wanted)));
        let found = tokio::time::timeout(Duration::from_mins(4), arrived).await;
        let found = found.ok()?.unwrap();
        found
            .texts
            .iter()
            .find(|text| text.contains(wanted))
            .cloned()
    }
}

async fn receive(
    request: Request<Incoming>,
    sender: Arc<watch::Sender<Received>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let message: Value = serde_json::from_slice(&body).unwrap();
    sender.send_modify(|received| {
        if path == "/slack" {
            let attachments = array(&message, "attachments").iter();
            let texts =
                attachments.map(|part| format!("{}\n{}", text(part, "title"), text(part, "text")));
            received.texts.extend(texts);
        } else {
            let alerts = array(&message, "alerts").iter().map(|alert| ReceivedAlert {
                status: text(alert, "status").to_owned(),
                labels: alert["labels"].clone(),
                annotations: alert["annotations"].clone(),
            });
            received.alerts.extend(alerts);
        }
    });
    Ok(Response::new(Full::new(Bytes::from_static(b"ok"))))
}
