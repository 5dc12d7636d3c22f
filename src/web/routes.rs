//! The endpoints listed in [`super`].

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{self, HeaderValue};
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::Instant;

use crate::refresh::{Exporter, ProbeError, Probed};
use crate::snapshot::Snapshot;

use super::body::Body;
use super::connection::OverTls;
use super::page_cache::{Key, PageCache, TooManyPages};
use super::paths::Paths;
use super::probe::Probe;
use super::query::Query;
use super::reload::{self, Reload};
use super::respond::{exposition, refuse_method, respond, text};
use super::status::View;
use super::{probe, scrape, sd, status};

/// The endpoints of an exporter. Cloning gives the same ones.
#[derive(Clone, Debug)]
pub struct Routes(Arc<Inner>);

struct Inner {
    exporter: Exporter,
    paths: Paths,
    reload: Option<Reload>,
    /// The metrics of all tenants, which wait for no other page.
    scrapes: PageCache,
    /// All other pages.
    pages: PageCache,
}

/// How long scrapes share the exporter's own series. Gathering and writing
/// them takes about as long as sending the rest of a compressed page.
const SCRAPE_MAX_AGE: Duration = Duration::from_millis(100);

/// More than are made in [`super::Limits::response`].
const MAX_SCRAPED_PAGES: usize = 1024;

/// How long other pages are shared; the ages on them are that old.
const PAGE_MAX_AGE: Duration = Duration::from_secs(1);

/// Other pages in memory at a time.
const MAX_PAGES: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    Status,
    Metrics,
    Probe,
    Discovery,
    Healthy,
    Ready,
    Reload,
}

impl Routes {
    /// Serves the endpoints at these paths, `/-/reload` only if `reload` is given.
    #[must_use]
    pub fn new(exporter: Exporter, paths: impl Into<Paths>, reload: Option<Reload>) -> Self {
        Self(Arc::new(Inner {
            exporter,
            paths: paths.into(),
            reload,
            scrapes: PageCache::new(SCRAPE_MAX_AGE, MAX_SCRAPED_PAGES),
            pages: PageCache::new(PAGE_MAX_AGE, MAX_PAGES),
        }))
    }

    /// The response to a request.
    pub async fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let inner = &*self.0;
        if let Some(location) = inner.paths.redirect(request.uri().path()) {
            return redirect(&location, request.uri().query());
        }
        let Some(route) = inner.route(request.uri().path()) else {
            return text(StatusCode::NOT_FOUND, "not found; / lists the pages");
        };
        let mut response = match (route.allowed(), request.method()) {
            ("POST, PUT", &Method::POST | &Method::PUT)
            | ("GET, HEAD", &Method::GET | &Method::HEAD) => inner.answer(route, request).await,
            (allowed, _) => refuse_method(allowed),
        };
        if route == Route::Metrics {
            let code = response.status().as_u16();
            inner.exporter.telemetry().scrape(code);
        }
        if request.method() == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        response
    }
}

impl Route {
    fn allowed(self) -> &'static str {
        match self {
            // As Prometheus has it.
            Self::Reload => "POST, PUT",
            _ => "GET, HEAD",
        }
    }
}

impl Inner {
    fn route(&self, path: &str) -> Option<Route> {
        if path == self.paths.telemetry() {
            return Some(Route::Metrics);
        }
        match self.paths.endpoint(path)? {
            "/" => Some(Route::Status),
            "/probe" => Some(Route::Probe),
            "/sd" => Some(Route::Discovery),
            "/-/healthy" => Some(Route::Healthy),
            "/-/ready" => Some(Route::Ready),
            "/-/reload" => Some(Route::Reload),
            _ => None,
        }
    }

    async fn answer<B>(&self, route: Route, request: &Request<B>) -> Response<Body> {
        let query = Query::parse(request.uri().query());
        match route {
            Route::Status => self.status(&query).await,
            Route::Metrics => self.metrics(request.headers(), &query).await,
            Route::Probe => self.probe(request.headers(), &query).await,
            Route::Discovery => self.discovery(request),
            Route::Healthy if self.exporter.is_healthy() => text(StatusCode::OK, "healthy"),
            Route::Healthy => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "no refresh has completed for three intervals",
            ),
            Route::Ready if self.exporter.is_ready() => text(StatusCode::OK, "ready"),
            Route::Ready => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the first refresh of a tenant is still in progress",
            ),
            Route::Reload => reload::answer(request.headers(), self.reload.as_ref()).await,
        }
    }

    async fn metrics(&self, headers: &header::HeaderMap, query: &Query) -> Response<Body> {
        let budget = scrape::budget(headers);
        let negotiated = scrape::negotiate(headers);
        let (format, encoding) = (negotiated.format, negotiated.encoding);
        let tenants: Vec<&str> = query.all("tenant").collect();
        let some = (!tenants.is_empty()).then_some(&*tenants);
        let (page, names) = match self.exporter.page(some, budget).await {
            Ok(found) => found,
            Err(unknown) => return text(StatusCode::BAD_REQUEST, &unknown.to_string()),
        };
        let telemetry = self.exporter.telemetry().clone();
        let names_of_page = Arc::clone(&names);
        let render = move || {
            let own = telemetry.gather(|tenant| names_of_page.contains(tenant));
            Body::from(page.body(format, encoding, &own))
        };
        let snapshots = self.exporter.snapshots().into_iter();
        let snapshots = snapshots
            .filter(|snapshot| names.contains(&snapshot.tenant))
            .collect();
        let key = Key::Metrics(names, format, encoding);
        let cache = if some.is_some() {
            &self.pages
        } else {
            &self.scrapes
        };
        let body = cache.get_or_render(key, snapshots, render).await;
        body.map_or_else(too_many_pages, |body| exposition(body, &negotiated))
    }

    async fn probe(&self, headers: &header::HeaderMap, query: &Query) -> Response<Body> {
        let (tenant, job) = match (query.one("tenant"), query.one("job")) {
            (Ok(tenant), Ok(job)) => (tenant, job),
            (Err(problem), _) | (_, Err(problem)) => {
                return text(StatusCode::BAD_REQUEST, &problem);
            }
        };
        let budget = scrape::budget(headers).unwrap_or(probe::DEFAULT_BUDGET);
        let started = Instant::now();
        let Probed { outcome, files } = match self.exporter.probe(tenant, job, budget).await {
            Ok(probed) => probed,
            Err(error) => {
                let status = match error {
                    ProbeError::UnknownTenant(_) => StatusCode::BAD_REQUEST,
                    ProbeError::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
                };
                return text(status, &error.to_string());
            }
        };
        let elapsed = started.elapsed();
        if let Err(error) = &outcome {
            tracing::debug!(%tenant, job, reason = %error.reason, %error, "probe failed");
        }
        let probe = Probe {
            tenant,
            job,
            outcome,
            elapsed,
            files,
        };
        let negotiated = scrape::negotiate(headers);
        let body = probe.body(negotiated.format, negotiated.encoding);
        exposition(body.into(), &negotiated)
    }

    fn discovery<B>(&self, request: &Request<B>) -> Response<Body> {
        // HTTP/2 has the host in the URI, HTTP/1 in a header.
        let header = request.headers().get(header::HOST);
        let authority = request
            .uri()
            .authority()
            .map(hyper::http::uri::Authority::as_str);
        let host = authority.or_else(|| header.and_then(|host| host.to_str().ok()));
        let Some(host) = host.filter(|host| !host.is_empty()) else {
            return text(StatusCode::BAD_REQUEST, "the Host header is missing");
        };
        let target = sd::Target {
            address: host,
            https: request.extensions().get::<OverTls>().is_some(),
            path: self.paths.telemetry(),
        };
        let document = sd::document(target, &self.exporter.tenants());
        respond(StatusCode::OK, "application/json", Body::from(document))
    }

    async fn status(&self, query: &Query) -> Response<Body> {
        let only = query.all("tenant").next();
        let only = match only.map(|name| self.exporter.tenant(name)).transpose() {
            Ok(only) => only,
            Err(unknown) => return text(StatusCode::BAD_REQUEST, &unknown.to_string()),
        };
        let known = self.exporter.snapshots();
        let snapshot = |tenant: Arc<str>| {
            let found = known.iter().find(|snapshot| snapshot.tenant == tenant);
            found.map_or_else(|| Arc::new(Snapshot::empty(tenant)), Arc::clone)
        };
        let tenants = self.exporter.tenants().into_iter();
        let tenants = tenants.filter(|tenant| only.as_ref().is_none_or(|only| only == tenant));
        let snapshots: Vec<_> = tenants.map(snapshot).collect();
        let view = match View::from_query(query, only, &snapshots) {
            Ok(view) => view,
            Err(unknown) => return text(StatusCode::NOT_FOUND, &unknown),
        };
        let now = self.exporter.clock().now();
        let telemetry_path = self.paths.telemetry_from_status();
        let (shown, key) = (snapshots.clone(), Key::Status(view.clone()));
        let render = move || Body::from(status::page(&snapshots, &view, &telemetry_path, now));
        let body = match self.pages.get_or_render(key, shown, render).await {
            Ok(body) => body,
            Err(error) => return too_many_pages(error),
        };
        let mut response = respond(StatusCode::OK, "text/html; charset=utf-8", body);
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, status::policy()),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

fn redirect(location: &str, query: Option<&str>) -> Response<Body> {
    let mut response = text(StatusCode::FOUND, location);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(location) = format!("{location}{query}").try_into() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn too_many_pages(_: TooManyPages) -> Response<Body> {
    let message = "too many pages are being sent; try again later";
    text(StatusCode::SERVICE_UNAVAILABLE, message)
}

impl Service<Request<hyper::body::Incoming>> for Routes {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<hyper::body::Incoming>) -> Self::Future {
        let routes = self.clone();
        // No route reads a body.
        let request = request.map(|_body| ());
        Box::pin(async move { Ok(routes.answer(&request).await) })
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Routes")
            .field("exporter", &self.exporter)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}
