//! Faults strike where, when and as often as they were told.

use hyper::StatusCode;

use super::*;
use crate::{Act, Endpoint, Fault, Reply, RetryAfter, Trouble};

fn struck(trouble: Trouble) -> Reply {
    let simulator = simulator(small_world());
    simulator.inject(Fault::new(trouble));
    simulator.respond(&get("/ingest/jobs/isj-1"))
}

#[tokio::test(start_paused = true)]
async fn a_fault_strikes_its_tenant_and_endpoint_only() {
    let simulator = simulator(small_world());
    let down = Fault::status(StatusCode::SERVICE_UNAVAILABLE);
    simulator.inject(down.tenant("socktown").endpoint(Endpoint::IngestJobs));
    let other = with(get(TODAY), "amperity-tenant", "acme");
    let other = with(other, "authorization", "Bearer token-of-acme");
    assert_eq!(status(&simulator, &get(TODAY)), 503);
    assert_eq!(status(&simulator, &get("/ingest/jobs/isj-1")), 200);
    assert_eq!(status(&simulator, &token_request(GOOD_CLIENT)), 200);
    assert_eq!(status(&simulator, &other), 200);
    simulator.mend();
    assert_eq!(status(&simulator, &get(TODAY)), 200);
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_one_job_spares_the_others() {
    let simulator = simulator(small_world());
    simulator.inject(Fault::status(StatusCode::INTERNAL_SERVER_ERROR).job("isj-1"));
    assert_eq!(status(&simulator, &get("/ingest/jobs/isj-1")), 500);
    assert_eq!(status(&simulator, &get("/ingest/jobs/other-isj-1")), 404);
}

#[tokio::test(start_paused = true)]
async fn a_fault_can_be_counted_out() {
    let simulator = simulator(small_world());
    simulator.inject(Fault::status(StatusCode::BAD_GATEWAY).after(1).times(2));
    let seen: Vec<u16> = (0..5).map(|_| status(&simulator, &get(TODAY))).collect();
    assert_eq!(seen, [200, 502, 502, 200, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_can_be_timed() {
    let simulator = simulator(small_world());
    let span = (seconds_after_start(5), seconds_after_start(7));
    simulator.inject(Fault::status(StatusCode::GATEWAY_TIMEOUT).between(span.0, span.1));
    let mut seen = Vec::new();
    for _ in 0..4 {
        tokio::time::advance(Duration::from_secs(2)).await;
        seen.push(status(&simulator, &get(TODAY)));
    }
    assert_eq!(seen, [200, 200, 504, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_can_say_when_to_come_back() {
    let busy = StatusCode::TOO_MANY_REQUESTS;
    let reply = struck(Trouble::Status(busy, Some(RetryAfter::Seconds(7))));
    assert_eq!(reply.response.headers()["retry-after"], "7");
    let later = RetryAfter::Date(seconds_after_start(90));
    let reply = struck(Trouble::Status(busy, Some(later)));
    assert_eq!(
        reply.response.headers()["retry-after"],
        "Mon, 01 Jul 2024 12:01:30 GMT"
    );
}

#[tokio::test(start_paused = true)]
async fn each_trouble_spoils_the_answer_in_its_way() {
    let whole = simulator(small_world())
        .respond(&get("/ingest/jobs/isj-1"))
        .response
        .into_body();
    let half = whole.len() / 2;
    let delay = Duration::from_secs(3);
    assert_eq!(struck(Trouble::Delay(delay)).delay, delay);
    assert_eq!(struck(Trouble::Hang).act, Act::Hang);
    assert_eq!(struck(Trouble::Reset).act, Act::Reset);
    assert_eq!(struck(Trouble::ResetInBody).act, Act::ResetAfter(half));
    assert_eq!(struck(Trouble::CloseInBody).act, Act::CloseAfter(half));
    let body = |trouble| struck(trouble).response.into_body();
    assert_eq!(body(Trouble::TruncatedJson), whole.slice(..half));
    assert_eq!(body(Trouble::Oversized(1000)).len(), 1000);
    assert!(serde_json::from_slice::<Value>(&body(Trouble::Oversized(1000))).is_ok());
    assert_eq!(body(Trouble::WrongContent), "[1,2,3]");
    let page = struck(Trouble::Html).response;
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-type"], "text/html");
    let elsewhere = struck(Trouble::Redirect("https://example.org/".into())).response;
    assert_eq!(elsewhere.status(), 302);
    assert_eq!(elsewhere.headers()["location"], "https://example.org/");
}

#[tokio::test(start_paused = true)]
async fn two_faults_add_up() {
    let simulator = simulator(small_world());
    simulator.inject(Fault::new(Trouble::Delay(Duration::from_secs(1))));
    simulator.inject(Fault::status(StatusCode::SERVICE_UNAVAILABLE));
    let reply = simulator.respond(&get(TODAY));
    assert_eq!(reply.response.status(), 503);
    assert_eq!(reply.delay, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_body_can_be_given_for_an_id_or_the_list_but_the_rules_still_hold() {
    let simulator = simulator(small_world());
    simulator.answer_job("socktown", "isj-9", r#"{"id":"isj-9"}"#);
    simulator.answer_jobs("socktown", "[");
    assert_eq!(ask(&simulator, &get("/ingest/jobs/isj-9")).1["id"], "isj-9");
    assert_eq!(simulator.respond(&get(TODAY)).response.body(), "[");
    assert_eq!(status(&simulator, &get("/ingest/jobs")), 400);
    let stranger = with(get(TODAY), "authorization", "");
    assert_eq!(status(&simulator, &stranger), 401);
}

#[tokio::test(start_paused = true)]
async fn every_request_is_in_the_log() {
    let simulator = simulator(small_world());
    simulator.inject(Fault::new(Trouble::Hang).endpoint(Endpoint::Token));
    let _ = simulator.respond(&get("/ingest/jobs/isj-1"));
    let _ = simulator.respond(&token_request(GOOD_CLIENT));
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
