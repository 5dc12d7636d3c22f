//! The smallest HTTP client that will do: one request on a connection.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::process::PATIENCE;

/// Status and body of a GET; `None` if there is no whole answer.
pub(crate) async fn get(address: SocketAddr, path: &str, accept: &str) -> Option<(u16, String)> {
    let request = Request::get(format!("http://{address}{path}"))
        .header("accept", accept)
        .body(Empty::<Bytes>::new())
        .unwrap();
    let exchange = async {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, String::from_utf8(body.to_vec()).unwrap()))
    };
    tokio::time::timeout(PATIENCE, exchange).await.ok()?
}
