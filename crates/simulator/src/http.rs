//! Routing, the vendor's rules, and responses. It takes and returns whole
//! messages, so that tests can call it without a socket; [`super::serve`]
//! serves it on one.
//!
//! The checks in their order: path 404, method 405, token 401, tenant and
//! version 400, another tenant 403, rate limit 429, window 400, id 404. The
//! vendor documents no order; with this one a client without a token learns
//! nothing. For workflows the key's policy is checked before the query. Faults
//! are applied last.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::log::{Endpoint, Entry};
use super::query::{LONGEST, list_query};
use super::response::{ErrorResponse, HandlerResult, http_date, json, to_json};
use super::world::JobBody;
use super::{Delivery, Inner, Reply, faults};

/// The only version of the API.
const API_VERSION: &str = "2024-04-01";

#[derive(Serialize)]
struct ListBody {
    data: Vec<JobBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
}

/// What a path addresses.
enum Route {
    Token,
    Job(String),
    Jobs,
    WorkflowRun(String),
    WorkflowRuns,
}

impl Inner {
    /// Answers a request at `now`, faults included.
    pub(super) fn respond(&mut self, request: &Request<Bytes>, now: Timestamp) -> Reply {
        self.serial += 1;
        let route = route(request.uri().path());
        let mut entry = Entry {
            at: now,
            tenant: claimed_tenant(request.headers()).into(),
            endpoint: route.as_ref().map(Route::endpoint),
            method: request.method().clone(),
            target: shortened(
                request
                    .uri()
                    .path_and_query()
                    .map_or("", |target| target.as_str()),
            ),
            status: None,
            bytes: 0,
        };
        let result = self.handle(route, request, now);
        let request_id = format!("{:016x}", super::random::rng(&[self.serial]).u64(..));
        let response = result.unwrap_or_else(|error| error.response(&request_id));
        let mut reply = Reply::new(response);
        faults::apply(&mut self.faults, &entry, &request_id, &mut reply);
        self.finish(request.headers(), &mut reply.response, now);
        reply.set_cut_position();
        if !matches!(reply.delivery, Delivery::Hang | Delivery::Reset) {
            entry.status = Some(reply.response.status().as_u16());
        }
        entry.bytes = reply.bytes();
        self.log.add(entry);
        reply
    }

    fn handle(
        &mut self,
        route: Option<Route>,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> HandlerResult {
        let route = route.ok_or_else(|| ErrorResponse::new(StatusCode::NOT_FOUND, "Not found."))?;
        let (method, allow) = match route {
            Route::Token => (Method::POST, "POST"),
            _ => (Method::GET, "GET"),
        };
        if request.method() != method {
            return Err(ErrorResponse::method(allow));
        }
        if matches!(route, Route::Token) {
            return self.issue_token(request, now);
        }
        let tenant = self.authorize(request.headers(), now)?;
        let query = request.uri().query().unwrap_or_default();
        match route {
            Route::Job(id) => self.job(&tenant, &id, now),
            Route::Jobs | Route::Token => self.jobs(&tenant, query, now),
            Route::WorkflowRun(id) => self.workflow_run(&tenant, &id, query, now),
            Route::WorkflowRuns => self.workflow_runs(&tenant, query, now),
        }
    }

    /// Checks token, tenant, version and rate limit; returns the tenant.
    fn authorize(
        &mut self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Arc<str>, ErrorResponse> {
        let unauthorized =
            || ErrorResponse::new(StatusCode::UNAUTHORIZED, "Authentication required.");
        let token = bearer(headers).ok_or_else(unauthorized)?;
        let owner = self.tokens.tenant(token, now).ok_or_else(unauthorized)?;
        let tenant = single(headers, "amperity-tenant")
            .ok_or_else(|| ErrorResponse::bad_request("The amperity-tenant header is required."))?;
        if single(headers, "api-version") != Some(API_VERSION) {
            let message = format!("The api-version header must be {API_VERSION}.");
            return Err(ErrorResponse::bad_request(&message));
        }
        if *tenant != *owner {
            let message = "The API key does not have permission for this tenant.";
            return Err(ErrorResponse::new(StatusCode::FORBIDDEN, message));
        }
        if self
            .rate_limiter
            .allow(&owner, self.options.requests_per_second, now)
        {
            Ok(owner)
        } else {
            Err(ErrorResponse::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests.",
            ))
        }
    }

    fn job(&self, tenant: &str, id: &str, now: Timestamp) -> HandlerResult {
        let overrides = self
            .overrides
            .get(&(tenant.to_owned(), Some(id.to_owned())));
        if let Some(body) = overrides {
            return Ok(json(StatusCode::OK, body.clone()));
        }
        let job = self
            .world
            .get(tenant)
            .and_then(|tenant| tenant.find(id, now));
        let job =
            job.ok_or_else(|| ErrorResponse::new(StatusCode::NOT_FOUND, "No such ingest job."))?;
        Ok(to_json(&JobBody::of(job, now)))
    }

    fn jobs(&self, tenant: &str, query: &str, now: Timestamp) -> HandlerResult {
        let list = list_query(query).map_err(|message| ErrorResponse::bad_request(&message))?;
        if let Some(body) = self.overrides.get(&(tenant.to_owned(), None)) {
            return Ok(json(StatusCode::OK, body.clone()));
        }
        // Jobs that have started, at most seven days ago.
        let oldest = now.saturating_sub(LONGEST).unwrap_or(Timestamp::MIN);
        let next = super::just_after(now);
        let window = list.window.start.max(oldest)..list.window.end.min(next);
        let jobs = self.world.get(tenant).map(|tenant| tenant.jobs(window));
        let data: Vec<JobBody> = jobs
            .into_iter()
            .flatten()
            .map(|job| JobBody::of(job, now))
            .collect();
        Ok(to_json(&ListBody {
            next_token: self.options.next_token.then_some("ZVEy1iwsKBs9a6H"),
            total: list.with_total.then_some(data.len()),
            data,
        }))
    }

    /// Adds the headers of every response, and compresses the body.
    fn finish(&self, request: &HeaderMap, response: &mut Response<Bytes>, now: Timestamp) {
        let accepted = request.get(header::ACCEPT_ENCODING);
        if self.options.gzip
            && accepted.is_some_and(takes_gzip)
            && let Ok(compressed) = gzip(response.body())
        {
            *response.body_mut() = compressed;
            let gzip = HeaderValue::from_static("gzip");
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, gzip);
        }
        let headers = response.headers_mut();
        let mut dated = |name: HeaderName, time: Option<Timestamp>| {
            if let Some(date) = time.and_then(http_date) {
                headers.insert(name, date);
            }
        };
        dated(header::DATE, Some(now));
        dated(
            HeaderName::from_static("deprecation"),
            self.options.deprecation,
        );
        dated(HeaderName::from_static("sunset"), self.options.sunset);
    }
}

impl Route {
    fn endpoint(&self) -> Endpoint {
        match self {
            Self::Token => Endpoint::Token,
            Self::Job(_) => Endpoint::IngestJob,
            Self::Jobs => Endpoint::IngestJobs,
            Self::WorkflowRun(_) => Endpoint::WorkflowRun,
            Self::WorkflowRuns => Endpoint::WorkflowRuns,
        }
    }
}

fn route(path: &str) -> Option<Route> {
    match path.strip_prefix("/api/")? {
        "v0/oauth2/token" => Some(Route::Token),
        "ingest/jobs" => Some(Route::Jobs),
        "workflow/runs" => Some(Route::WorkflowRuns),
        path => {
            let job = path.strip_prefix("ingest/jobs/");
            let id = job.or_else(|| path.strip_prefix("workflow/runs/"))?;
            let valid = !id.is_empty() && !id.contains('/');
            let decoded = percent_decode_str(id).decode_utf8().ok()?.into_owned();
            let route = if job.is_some() {
                Route::Job(decoded)
            } else {
                Route::WorkflowRun(decoded)
            };
            valid.then_some(route)
        }
    }
}

/// The value of a header that occurs exactly once and is not empty.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values
        .next()?
        .to_str()
        .ok()
        .filter(|value| !value.is_empty())?;
    values.next().is_none().then_some(value)
}

fn claimed_tenant(headers: &HeaderMap) -> &str {
    let tenant =
        single(headers, "amperity-tenant").or_else(|| single(headers, "x-amperity-tenant"));
    tenant
        .filter(|tenant| tenant.len() <= 100)
        .unwrap_or_default()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = single(headers, "authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn shortened(target: &str) -> Box<str> {
    target.chars().take(300).collect()
}

/// Whether gzip is accepted, with a weight above zero.
fn takes_gzip(accepted: &HeaderValue) -> bool {
    let mut encodings = accepted.to_str().unwrap_or_default().split(',');
    encodings.any(|encoding| {
        let (name, weight) = encoding.split_once(';').unwrap_or((encoding, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim() == "gzip" && weight.parse().is_ok_and(|weight: f32| weight > 0.0)
    })
}

fn gzip(body: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body)?;
    encoder.finish().map(Bytes::from)
}
