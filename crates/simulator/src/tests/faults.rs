//! Which requests a fault applies to, and what it does.

use hyper::StatusCode;

use super::*;
use crate::{Delivery, Endpoint, Fault, FaultKind, Reply, RetryAfter};

fn reply_with(kind: FaultKind) -> Reply {
    let simulator = simulator(small_world());
    simulator.inject(Fault::new(kind));
    simulator.respond(&get("/ingest/jobs/isj-1"))
}

#[tokio::test(start_paused = true)]
async fn a_fault_applies_to_its_tenant_and_endpoint_only() {
    let simulator = simulator(small_world());
    let down = Fault::status(StatusCode::SERVICE_UNAVAILABLE);
    simulator.inject(down.tenant("socktown").endpoint(Endpoint::IngestJobs));
    let other = with(get(TODAY), "amperity-tenant", "acme");
    let other = with(other, "authorization", "Bearer token-of-acme");
    assert_eq!(status(&simulator, &get(TODAY)), 503);
    assert_eq!(status(&simulator, &get("/ingest/jobs/isj-1")), 200);
    assert_eq!(status(&simulator, &token_request(VALID_CLIENT)), 200);
    assert_eq!(status(&simulator, &other), 200);
    simulator.clear_faults();
    assert_eq!(status(&simulator, &get(TODAY)), 200);
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_one_job_does_not_affect_others() {
    let simulator = simulator(small_world());
    simulator.inject(Fault::status(StatusCode::INTERNAL_SERVER_ERROR).job("isj-1"));
    assert_eq!(status(&simulator, &get("/ingest/jobs/isj-1")), 500);
    assert_eq!(status(&simulator, &get("/ingest/jobs/other-isj-1")), 404);
}

#[tokio::test(start_paused = true)]
async fn a_fault_can_be_limited_to_a_number_of_requests() {
    let simulator = simulator(small_world());
    simulator.inject(Fault::status(StatusCode::BAD_GATEWAY).after(1).times(2));
    let statuses: Vec<u16> = (0..5).map(|_| status(&simulator, &get(TODAY))).collect();
    assert_eq!(statuses, [200, 502, 502, 200, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_can_be_limited_to_a_period() {
    let simulator = simulator(small_world());
    let period = (seconds_after_start(5), seconds_after_start(7));
    simulator.inject(Fault::status(StatusCode::GATEWAY_TIMEOUT).between(period.0, period.1));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        tokio::time::advance(Duration::from_secs(2)).await;
        statuses.push(status(&simulator, &get(TODAY)));
    }
    assert_eq!(statuses, [200, 200, 504, 200]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_seconds_or_a_date() {
    let busy = StatusCode::TOO_MANY_REQUESTS;
    let reply = reply_with(FaultKind::Status(busy, Some(RetryAfter::Seconds(7))));
    assert_eq!(reply.response.headers()["retry-after"], "7");
    let later = RetryAfter::Date(seconds_after_start(90));
    let reply = reply_with(FaultKind::Status(busy, Some(later)));
    assert_eq!(
        reply.response.headers()["retry-after"],
        "Mon, 01 Jul 2024 12:01:30 GMT"
    );
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_fault_changes_the_response() {
    let complete = simulator(small_world())
        .respond(&get("/ingest/jobs/isj-1"))
        .response
        .into_body();
    let half = complete.len() / 2;
    let delay = Duration::from_secs(3);
    assert_eq!(reply_with(FaultKind::Delay(delay)).delay, delay);
    assert_eq!(reply_with(FaultKind::Hang).delivery, Delivery::Hang);
    assert_eq!(reply_with(FaultKind::Reset).delivery, Delivery::Reset);
    assert_eq!(
        reply_with(FaultKind::ResetInBody).delivery,
        Delivery::ResetAfter(half)
    );
    assert_eq!(
        reply_with(FaultKind::CloseInBody).delivery,
        Delivery::CloseAfter(half)
    );
    let body = |kind| reply_with(kind).response.into_body();
    assert_eq!(body(FaultKind::TruncatedJson), complete.slice(..half));
    assert_eq!(body(FaultKind::Oversized(1000)).len(), 1000);
    assert!(serde_json::from_slice::<Value>(&body(FaultKind::Oversized(1000))).is_ok());
    assert_eq!(body(FaultKind::WrongContent), "[1,2,3]");
    let page = reply_with(FaultKind::Html).response;
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-type"], "text/html");
    let redirect = reply_with(FaultKind::Redirect("https://example.org/".into())).response;
    assert_eq!(redirect.status(), 302);
    assert_eq!(redirect.headers()["location"], "https://example.org/");
}

#[tokio::test(start_paused = true)]
async fn two_faults_can_be_combined() {
    let simulator = simulator(small_world());
    simulator.inject(Fault::new(FaultKind::Delay(Duration::from_secs(1))));
    simulator.inject(Fault::status(StatusCode::SERVICE_UNAVAILABLE));
    let reply = simulator.respond(&get(TODAY));
    assert_eq!(reply.response.status(), 503);
    assert_eq!(reply.delay, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_overridden_body_is_sent_for_valid_requests_only() {
    let simulator = simulator(small_world());
    simulator.override_job("socktown", "isj-9", r#"{"id":"isj-9"}"#);
    simulator.override_list("socktown", "[");
    assert_eq!(ask(&simulator, &get("/ingest/jobs/isj-9")).1["id"], "isj-9");
    assert_eq!(simulator.respond(&get(TODAY)).response.body(), "[");
    assert_eq!(status(&simulator, &get("/ingest/jobs")), 400);
    let unauthenticated = with(get(TODAY), "authorization", "");
    assert_eq!(status(&simulator, &unauthenticated), 401);
}

#[tokio::test(start_paused = true)]
async fn every_request_is_logged() {
    let simulator = simulator(small_world());
    simulator.inject(Fault::new(FaultKind::Hang).endpoint(Endpoint::Token));
    let _ = simulator.respond(&get("/ingest/jobs/isj-1"));
    let _ = simulator.respond(&token_request(VALID_CLIENT));
    let _ = simulator.respond(&with(get("/x"), "amperity-tenant", ""));
    let log: Vec<_> = simulator
        .log()
        .into_iter()
        .map(|entry| (entry.tenant, entry.endpoint, entry.status, entry.bytes > 0))
        .collect();
    assert_eq!(
        log,
        [
            (
                "socktown".into(),
                Some(Endpoint::IngestJob),
                Some(200),
                true
            ),
            ("socktown".into(), Some(Endpoint::Token), None, false),
            ("".into(), None, Some(404), true),
        ]
    );
    assert_eq!(simulator.count(|entry| entry.status == Some(404)), 1);
}
