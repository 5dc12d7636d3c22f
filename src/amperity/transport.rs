//! One HTTP exchange, without opinion: no retry, no pacing, no redirect, a
//! bounded body. The network's is reqwest; tests put the simulator's own
//! handler here, so that scenarios run with paused time.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::HeaderMap;

use super::ApiError;
use crate::config;
use crate::telemetry::Reason;

/// Sends a request and reads the whole answer.
pub trait Transport: Debug + Send + Sync + 'static {
    /// One exchange. The caller bounds the time, the transport the size.
    fn send(&self, request: hyper::Request<Bytes>) -> Exchange<'_>;
}

/// The future of an exchange.
pub type Exchange<'a> =
    Pin<Box<dyn Future<Output = Result<hyper::Response<Bytes>, TransportError>> + Send + 'a>>;

/// An exchange that did not end with an answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    /// Why, as a label value.
    pub reason: Reason,
    /// The causes in words, without address parameters and secrets.
    pub message: String,
    /// The status, if the answer had begun.
    pub status: Option<u16>,
    /// The headers, if the answer had begun.
    pub headers: HeaderMap,
}

/// reqwest, set up for one tenant.
pub(super) fn network(_api: &config::Api) -> Result<Arc<dyn Transport>, ApiError> {
    Err(ApiError {
        reason: Reason::Unreachable,
        message: "not written yet".to_owned(),
    })
}
