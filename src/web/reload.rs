//! `/-/reload`: asks for a reload of the configuration.

use hyper::header::{self, HeaderMap};
use hyper::{Response, StatusCode};
use tokio::sync::{mpsc, oneshot};

use super::body::Body;
use super::respond::text;

/// Asks for a reload of the configuration. Cloning gives the same one.
#[derive(Clone, Debug)]
pub struct Reload(mpsc::Sender<ReloadRequest>);

/// A request for a reload: gets its outcome, an error says why the current
/// configuration was kept.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

impl Reload {
    /// The way to ask, and where the requests arrive.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<ReloadRequest>) {
        let (sender, requests) = mpsc::channel(8);
        (Self(sender), requests)
    }

    pub(super) async fn request(&self) -> Result<(), String> {
        let (reply, outcome) = oneshot::channel();
        let _ = self.0.send(reply).await;
        let stopping = || Err("the exporter is stopping".to_owned());
        outcome.await.unwrap_or_else(|_| stopping())
    }
}

/// The response to a request for a reload; `reload` is `None` if that is not
/// enabled.
pub(super) async fn answer(headers: &HeaderMap, reload: Option<&Reload>) -> Response<Body> {
    if is_cross_site(headers) {
        let message = "a page of another site cannot reload the configuration";
        return text(StatusCode::FORBIDDEN, message);
    }
    let Some(reload) = reload else {
        return text(
            StatusCode::FORBIDDEN,
            "reloading over HTTP is disabled; start with --web.enable-lifecycle, or send SIGHUP",
        );
    };
    match reload.request().await {
        Ok(()) => text(StatusCode::OK, "reloaded"),
        Err(reason) => text(
            StatusCode::UNPROCESSABLE_ENTITY,
            &format!("the current configuration is kept: {reason}"),
        ),
    }
}

/// Whether a browser sent the request for a page of another site. Other
/// clients send neither header.
fn is_cross_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse().ok());
    let authority = origin.and_then(|origin: hyper::Uri| origin.into_parts().authority);
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    authority.is_none_or(|authority| host != Some(authority.as_str()))
}
