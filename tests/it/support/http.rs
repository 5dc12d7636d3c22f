//! A minimal HTTP client: one request per connection.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::process::TIMEOUT;

/// The answer to a GET; `None` if there is no whole one.
pub(crate) async fn get(address: SocketAddr, path: &str, accept: &str) -> Option<Response<String>> {
    let answer = get_bytes(address, path, &[("accept", accept)]).await?;
    Some(answer.map(|body| String::from_utf8(body.to_vec()).unwrap()))
}

/// The same with any headers, and the body as it was sent.
pub(crate) async fn get_bytes(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> Option<Response<Bytes>> {
    let request = Request::get(format!("http://{address}{path}"));
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let exchange = async {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (head, body) = client.request(request).await.ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Response::from_parts(head, body))
    };
    tokio::time::timeout(TIMEOUT, exchange).await.ok()?
}
