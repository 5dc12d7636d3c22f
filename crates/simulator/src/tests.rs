//! What the tests of the simulator share.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Job, Outcome, Principal, Rows, SimulatedTenant, Simulator, Table, WorkflowError,
    WorkflowOutcome, WorkflowRun, World,
};

mod faults;
mod openapi;
mod rules;
mod socket;
mod workflows;
mod world;

fn start() -> Timestamp {
    "2024-07-01T12:00:00Z".parse().unwrap()
}

fn seconds_after_start(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

/// A clock that shows `start` now and advances with tokio's clock.
fn clock() -> impl Fn() -> Timestamp + Send + Sync + 'static {
    let origin = tokio::time::Instant::now();
    move || start() + origin.elapsed()
}

fn simulator(world: World) -> Simulator {
    Simulator::new(world, clock())
}

/// One tenant with one job that started a minute ago and takes two.
fn small_world() -> World {
    let rows = Rows {
        inserted: 400,
        updated: 200,
        rejected: 200,
        errors: 200,
    };
    let table = Table::new("My table", "df-5L6d1veh")
        .lasting(Duration::from_mins(2))
        .ending(Outcome::Succeeded)
        .rows(rows);
    let job = Job::new("isj-1", seconds_after_start(-60))
        .workflow("wf-1")
        .table(table);
    World::empty()
        .tenant(SimulatedTenant::new("socktown").job(job))
        .tenant(SimulatedTenant::new("acme"))
}

/// A valid request for the tenant `socktown`.
fn get(target: &str) -> Request<Bytes> {
    Request::get(format!("/api{target}"))
        .header("authorization", "Bearer token-of-socktown")
        .header("amperity-tenant", "socktown")
        .header("api-version", "2024-04-01")
        .body(Bytes::new())
        .unwrap()
}

const TODAY: &str = "/ingest/jobs?created_from=2024-07-01&created_to=2024-07-02";

/// The request with a header replaced, or removed by an empty value.
fn with(mut request: Request<Bytes>, name: &'static str, value: &str) -> Request<Bytes> {
    let headers = request.headers_mut();
    headers.remove(name);
    if !value.is_empty() {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    request
}

/// A valid request for `socktown` in a world whose tokens are generated.
fn authorized(simulator: &Simulator, target: &str) -> Request<Bytes> {
    let token = &simulator.credentials()[0].token;
    with(get(target), "authorization", &format!("Bearer {token}"))
}

fn token_request(body: &'static str) -> Request<Bytes> {
    Request::post("/api/v0/oauth2/token")
        .header("x-amperity-tenant", "socktown")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from_static(body.as_bytes()))
        .unwrap()
}

const VALID_CLIENT: &str =
    "grant_type=client_credentials&client_id=client-of-socktown&client_secret=secret-of-socktown";

fn ask(simulator: &Simulator, request: &Request<Bytes>) -> (StatusCode, Value) {
    let response = simulator.respond(request).response;
    let body = serde_json::from_slice(response.body()).unwrap();
    (response.status(), body)
}

fn status(simulator: &Simulator, request: &Request<Bytes>) -> u16 {
    simulator.respond(request).response.status().as_u16()
}

fn listed_ids(simulator: &Simulator, target: &str) -> Vec<String> {
    let (status, list) = ask(simulator, &get(target));
    assert_eq!(status, 200, "{list}");
    let jobs = list["data"].as_array().unwrap();
    jobs.iter()
        .map(|job| job["id"].as_str().unwrap().to_owned())
        .collect()
}
