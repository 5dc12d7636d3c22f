//! The client against a scripted transport, on paused time, and against real
//! sockets on loopback.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;

use super::*;
use crate::config::{Api, Collect, Secret, Tenant};
use crate::telemetry::Telemetry;

mod answers;
mod network;
mod observations;
mod pace;
mod retries;
mod secrets;
mod token_files;
mod tokens;

/// A token that is easy to find in places where it must not be.
const TOKEN: &str = "opaque-Token_0123456789";

/// The documented answer's id.
const JOB: &str = "isj-1f73r9u2";

/// When the tests begin.
const START: &str = "2024-06-01T04:03:00Z";

/// A transport that answers as a test says and records the requests.
struct Script {
    began: Instant,
    calls: Mutex<Vec<Call>>,
    answer: AnswerFn,
}

/// What to answer to which call; calls are counted from 0.
type AnswerFn = Box<dyn Fn(usize, &Call) -> Answer + Send + Sync>;

/// A request, and when it came, from the start of the script.
#[derive(Clone)]
struct Call {
    at: Duration,
    line: String,
    headers: HeaderMap,
    body: String,
}

/// The answer of the script.
enum Answer {
    /// Status, headers, body.
    Of(u16, Vec<(&'static str, String)>, String),
    /// No answer.
    Broken(Reason, &'static str),
    /// No response, ever.
    Silent,
}

impl Script {
    fn new(answer: impl Fn(usize, &Call) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            calls: Mutex::default(),
            answer: Box::new(answer),
        })
    }

    /// Always the same status and body.
    fn always(status: u16, body: &str) -> Arc<Self> {
        let body = body.to_owned();
        Self::new(move |_, _| Answer::Of(status, vec![], body.clone()))
    }

    /// Its calls as `METHOD path`.
    fn lines(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.line).collect()
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The `Authorization` of every call for jobs.
    fn bearers(&self) -> Vec<String> {
        let calls = self.calls();
        let headers = calls
            .iter()
            .filter_map(|call| call.headers.get("authorization"));
        headers
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Script")
    }
}

impl Transport for Script {
    fn send(&self, request: hyper::Request<Bytes>) -> Exchange<'_> {
        let call = Call {
            at: self.began.elapsed(),
            line: format!(
                "{} {}",
                request.method(),
                request.uri().path_and_query().unwrap()
            ),
            headers: request.headers().clone(),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
        };
        let mut calls = self.calls.lock().unwrap();
        let answer = (self.answer)(calls.len(), &call);
        calls.push(call);
        Box::pin(answer.play())
    }
}

impl Answer {
    fn json(status: u16, body: &str) -> Self {
        Self::Of(status, vec![], body.to_owned())
    }

    fn job() -> Self {
        Self::json(200, &format!(r#"{{"id":"{JOB}","tables":[]}}"#))
    }

    fn grant(token: &str, expires_in: u64) -> Self {
        let body = format!(
            r#"{{"access_token":"{token}","expires_in":{expires_in},"token_type":"Bearer"}}"#
        );
        Self::json(200, &body)
    }

    async fn play(self) -> Result<hyper::Response<Bytes>, TransportError> {
        match self {
            Self::Of(status, headers, body) => {
                let mut response = hyper::Response::new(Bytes::from(body));
                *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
                for (name, value) in headers {
                    response.headers_mut().insert(
                        HeaderName::from_static(name),
                        HeaderValue::from_str(&value).unwrap(),
                    );
                }
                Ok(response)
            }
            Self::Broken(reason, message) => Err(TransportError {
                reason,
                message: message.to_owned(),
                status: None,
                headers: HeaderMap::new(),
            }),
            Self::Silent => std::future::pending().await,
        }
    }
}

/// The tenant of the documentation, with [`TOKEN`].
fn socktown() -> Tenant {
    Tenant {
        tenant: "socktown".into(),
        api: Api {
            base_url: "https://app.amperity.com/api".parse().unwrap(),
            version: "2024-04-01".to_owned(),
            timeout: Duration::from_secs(30),
            requests_per_second: 5.0,
            proxy_url: None,
            ca_file: None,
            response_bytes: 64 << 20,
        },
        credentials: Credentials::Token(Secret::Value(TOKEN.into())),
        jobs: vec![],
        discovery: None,
        collect: Collect {
            jobs: true,
            feeds: true,
            files: false,
            workflows: false,
        },
        max_jobs: 10_000,
        feed_rules: Arc::default(),
        workflow_types: Arc::default(),
        ui_url: None,
        page_bytes: 256 << 20,
        created_series: false,
    }
}

/// The tenant with OAuth2, and a secret that needs encoding.
fn with_oauth2() -> Tenant {
    Tenant {
        credentials: Credentials::OAuth2 {
            client_id: "the client".to_owned(),
            client_secret: Secret::Value(SecretString::from(CLIENT_SECRET)),
            token_url: "https://socktown.amperity.com/api/v0/oauth2/token"
                .parse()
                .unwrap(),
        },
        ..socktown()
    }
}

/// Has letters that a form encodes.
const CLIENT_SECRET: &str = "client+secret/&=9876543210";

fn client(tenant: &Tenant, transport: &Arc<Script>) -> Client {
    let transport: Arc<dyn Transport> = transport.clone();
    Client::with_transport(tenant, transport, telemetry(), clock())
}

fn telemetry() -> TenantTelemetry {
    Telemetry::new().unwrap().tenant("socktown")
}

fn clock() -> Clock {
    Clock::starting_at(START.parse().unwrap())
}

/// This many seconds from now.
fn within(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// An unsigned JWT with these claims.
fn jwt(claims: &str) -> String {
    use base64::Engine;
    let encode = |text: &str| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", encode(r#"{"alg":"none"}"#), encode(claims))
}
