//! One HTTP exchange: no retry, no pacing, no redirect, a bounded body. On the
//! network it is reqwest's; tests use the simulator's request handler instead,
//! so that scenarios run with paused time.

use std::fmt::{self, Debug};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;

use super::ApiError;
use crate::config;
use crate::telemetry::Reason;

mod causes;
mod proxy;
mod tls;

/// How long a connection may take, name lookup and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections kept for the next refresh.
const IDLE_CONNECTIONS: usize = 8;

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
    /// The causes as text, without URL parameters and secrets.
    pub message: String,
    /// The status, if the response had begun.
    pub status: Option<u16>,
    /// The headers, if the response had begun.
    pub headers: HeaderMap,
}

/// The network transport of one tenant.
///
/// # Errors
/// If the CA file, `proxy_url` or a proxy variable cannot be used.
pub fn network(api: &config::Api) -> Result<Arc<dyn Transport>, ApiError> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config(api)?)
        .user_agent(concat!("amperity_exporter/", env!("CARGO_PKG_VERSION")))
        // A token must not follow a redirect to another host.
        .redirect(reqwest::redirect::Policy::none())
        // The only layer of retries is `super::request_queue`.
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .connect_timeout(api.timeout.min(CONNECT_TIMEOUT))
        .read_timeout(read_timeout(api.timeout))
        .timeout(api.timeout);
    // reqwest ignores proxy variables that it cannot use.
    builder = builder.no_proxy();
    if let Some(proxy) = &api.proxy_url {
        let proxy = reqwest::Proxy::all(proxy.0.clone()).map_err(|error| {
            unusable(format!(
                "proxy_url: {}; it should look like http://proxy.example.com:3128",
                causes::words(&error)
            ))
        })?;
        builder = builder.proxy(proxy);
    } else if !config::is_loopback(&api.base_url) {
        let variables = |name: &str| std::env::var_os(name);
        for proxy in proxy::from_environment(variables).map_err(unusable)? {
            builder = builder.proxy(proxy);
        }
    }
    let client = builder
        .build()
        .map_err(|error| unusable(format!("HTTP client: {}", causes::words(&error))))?;
    Ok(Arc::new(Network {
        client,
        response_bytes: api.response_bytes,
    }))
}

/// How long the peer may send nothing within an exchange: a share of the whole,
/// so that a longer `api.timeout` gives a slow response more time to begin.
fn read_timeout(timeout: Duration) -> Duration {
    timeout.mul_f64(2.0 / 3.0)
}

fn unusable(message: String) -> ApiError {
    ApiError::new(Reason::Unreachable, message)
}

struct Network {
    client: reqwest::Client,
    response_bytes: u64,
}

/// reqwest's own shows proxies and with them their passwords.
impl Debug for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Network")
            .field("response_bytes", &self.response_bytes)
            .finish_non_exhaustive()
    }
}

impl Transport for Network {
    fn send(&self, request: hyper::Request<Bytes>) -> Exchange<'_> {
        Box::pin(async move {
            let request = reqwest::Request::try_from(request).map_err(|e| failed(&e))?;
            let response = self.client.execute(request).await.map_err(|e| failed(&e))?;
            self.read(response).await
        })
    }
}

impl Network {
    /// Reads the body as far as the limit, counted after decompression.
    async fn read(
        &self,
        mut response: reqwest::Response,
    ) -> Result<hyper::Response<Bytes>, TransportError> {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let begun = |error: TransportError| TransportError {
            status: Some(status.as_u16()),
            headers: headers.clone(),
            ..error
        };
        // The length of a compressed body is not known.
        if response
            .content_length()
            .is_some_and(|length| length > self.response_bytes)
        {
            return Err(begun(self.too_large()));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| begun(failed(&e)))? {
            if (body.len() + chunk.len()) as u64 > self.response_bytes {
                return Err(begun(self.too_large()));
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = hyper::Response::new(body.freeze());
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }

    fn too_large(&self) -> TransportError {
        TransportError {
            reason: Reason::TooLarge,
            message: format!(
                "the response is larger than limits.response_bytes ({} bytes)",
                self.response_bytes
            ),
            status: None,
            headers: HeaderMap::new(),
        }
    }
}

fn failed(error: &reqwest::Error) -> TransportError {
    TransportError {
        reason: causes::reason(error),
        message: causes::words(error),
        status: None,
        headers: HeaderMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_timeout_gives_a_response_more_time_to_begin() {
        let timeouts =
            [6, 30, 600].map(|seconds| read_timeout(Duration::from_secs(seconds)).as_secs());
        assert_eq!(timeouts, [4, 20, 400]);
    }
}
