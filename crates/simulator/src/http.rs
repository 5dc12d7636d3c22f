//! The HTTP face: routing, the vendor's rules, and answers. A request comes
//! in whole, an answer goes out whole; no socket is near, so tests can call
//! it as it is. [`super::serve`] puts it on one.
//!
//! The rules in the order in which they are asked: path 404, method 405,
//! token 401, tenant and version 400, foreign tenant 403, too many requests
//! 429, window 400, id 404. The vendor tells no order; this one never lets a
//! stranger learn anything. Faults come on top of all of them.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use super::log::{Endpoint, Entry};
use super::query::{LONGEST, decoded, question};
use super::reply::{Answer, Refusal, http_date, json, written};
use super::world::JobAnswer;
use super::{Act, Inner, Reply, faults};

/// The one version of the API there is.
const API_VERSION: &str = "2024-04-01";

#[derive(Serialize)]
struct ListAnswer {
    data: Vec<JobAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
}

/// What a path stands for.
enum Route {
    Token,
    Job(String),
    Jobs,
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
        let answer = self.answer(route, request, now);
        let request_id = format!("{:016x}", super::chance::dice(&[self.serial]).u64(..));
        let response = answer.unwrap_or_else(|refusal| refusal.response(&request_id));
        let mut reply = Reply::new(response);
        faults::strike(&mut self.faults, &entry, &request_id, &mut reply);
        self.dress(request.headers(), &mut reply.response, now);
        reply.settle();
        if !matches!(reply.act, Act::Hang | Act::Reset) {
            entry.status = Some(reply.response.status().as_u16());
        }
        entry.bytes = reply.bytes();
        self.log.add(entry);
        reply
    }

    fn answer(&mut self, route: Option<Route>, request: &Request<Bytes>, now: Timestamp) -> Answer {
        let route = route.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "Not found."))?;
        let (method, allow) = match route {
            Route::Token => (Method::POST, "POST"),
            Route::Job(_) | Route::Jobs => (Method::GET, "GET"),
        };
        if request.method() != method {
            return Err(Refusal::method(allow));
        }
        if matches!(route, Route::Token) {
            return self.issue_token(request, now);
        }
        let tenant = self.admit(request.headers(), now)?;
        match route {
            Route::Job(id) => self.job(&tenant, &id, now),
            Route::Jobs | Route::Token => {
                self.jobs(&tenant, request.uri().query().unwrap_or_default(), now)
            }
        }
    }

    /// Lets in whoever shows a good token, names its tenant and the version,
    /// and does not ask too often. The tenant is the token's.
    fn admit(&mut self, headers: &HeaderMap, now: Timestamp) -> Result<Arc<str>, Refusal> {
        let unauthorized = || Refusal::new(StatusCode::UNAUTHORIZED, "Authentication required.");
        let token = bearer(headers).ok_or_else(unauthorized)?;
        let owner = self.tokens.tenant(token, now).ok_or_else(unauthorized)?;
        let tenant = single(headers, "amperity-tenant")
            .ok_or_else(|| Refusal::bad_request("The amperity-tenant header is required."))?;
        if single(headers, "api-version") != Some(API_VERSION) {
            let message = format!("The api-version header must be {API_VERSION}.");
            return Err(Refusal::bad_request(&message));
        }
        if *tenant != *owner {
            let message = "The API key does not have permission for this tenant.";
            return Err(Refusal::new(StatusCode::FORBIDDEN, message));
        }
        if self
            .rate
            .passes(&owner, self.options.requests_per_second, now)
        {
            Ok(owner)
        } else {
            Err(Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests.",
            ))
        }
    }

    fn job(&self, tenant: &str, id: &str, now: Timestamp) -> Answer {
        let instead = self.instead.get(&(tenant.to_owned(), Some(id.to_owned())));
        if let Some(body) = instead {
            return Ok(json(StatusCode::OK, body.clone()));
        }
        let job = self
            .world
            .get(tenant)
            .and_then(|tenant| tenant.find(id, now));
        let job = job.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "No such ingest job."))?;
        Ok(written(&JobAnswer::of(job, now)))
    }

    fn jobs(&self, tenant: &str, query: &str, now: Timestamp) -> Answer {
        let question = question(query).map_err(|message| Refusal::bad_request(&message))?;
        if let Some(body) = self.instead.get(&(tenant.to_owned(), None)) {
            return Ok(json(StatusCode::OK, body.clone()));
        }
        // Only what has started, and not longer than seven days ago.
        let oldest = now.saturating_sub(LONGEST).unwrap_or(Timestamp::MIN);
        let next = super::a_millisecond_after(now);
        let window = question.window.start.max(oldest)..question.window.end.min(next);
        let jobs = self.world.get(tenant).map(|tenant| tenant.jobs(window));
        let data: Vec<JobAnswer> = jobs
            .into_iter()
            .flatten()
            .map(|job| JobAnswer::of(job, now))
            .collect();
        Ok(written(&ListAnswer {
            next_token: self.options.next_token.then_some("ZVEy1iwsKBs9a6H"),
            total: question.with_total.then_some(data.len()),
            data,
        }))
    }

    /// The headers every answer wears, and compression.
    fn dress(&self, asked: &HeaderMap, response: &mut Response<Bytes>, now: Timestamp) {
        let accepted = asked.get(header::ACCEPT_ENCODING);
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
        }
    }
}

fn route(path: &str) -> Option<Route> {
    match path.strip_prefix("/api/")? {
        "v0/oauth2/token" => Some(Route::Token),
        "ingest/jobs" => Some(Route::Jobs),
        path => {
            let id = path.strip_prefix("ingest/jobs/")?;
            let whole = !id.is_empty() && !id.contains('/');
            whole.then(|| decoded(id).map(Route::Job))?
        }
    }
}

/// The value of a header that is there exactly once and not empty.
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

/// Whether gzip is named, and not with a weight of zero.
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
