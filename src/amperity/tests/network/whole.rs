//! The whole client over the network.

use super::*;

const EXAMPLE: &str = r#"{"id":"isj-1f73r9u2","workflow_id":"wf-20240618-3423-b45","tables":[
    {"feed_id":"df-5L6d1veh","table_name":"My table","state":"succeeded","read":1000}]}"#;

/// Requires the documented headers, as the API does.
fn strict(request: &hyper::Request<Incoming>) -> hyper::Response<Body> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let welcome = header("amperity-tenant") == Some("socktown")
        && header("api-version") == Some("2024-04-01")
        && header("authorization") == Some(&format!("Bearer {TOKEN}"));
    match (welcome, request.uri().path()) {
        (true, "/api/ingest/jobs/isj-1f73r9u2") => whole(EXAMPLE),
        (true, "/api/ingest/jobs") => whole(format!(r#"{{"data":[{EXAMPLE}],"total":1}}"#)),
        _ => {
            let mut answer = whole(r#"{"message":"who are you?"}"#);
            *answer.status_mut() = hyper::StatusCode::UNAUTHORIZED;
            answer
        }
    }
}

#[tokio::test]
async fn both_requests_work_over_the_network() {
    let address = serve(|request| strict(&request)).await;
    let tenant = Tenant {
        api: api(address),
        ..socktown()
    };
    let client = Client::new(&tenant, telemetry(), Clock::system()).unwrap();
    let job = client.job(JOB, within(60)).await.outcome.unwrap();
    assert_eq!(job.tables[0].rows.read, Some(1000));
    let (from, to) = (START.parse().unwrap(), Timestamp::MAX);
    let listing = client.jobs(from, to, within(60)).await.outcome.unwrap();
    assert_eq!((listing.jobs, listing.malformed), (vec![job], 0));
}

#[tokio::test]
async fn an_outage_is_one_line_with_what_to_check() {
    let tenant = Tenant {
        api: api("127.0.0.1:1"),
        ..socktown()
    };
    let client = Client::new(&tenant, telemetry(), Clock::system()).unwrap();
    let soon = Instant::now() + Duration::from_millis(200);
    let error = client.job(JOB, soon).await.outcome.unwrap_err();
    assert_eq!(error.reason, Reason::Unreachable);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: tcp connect error: connection refused. Check that 127.0.0.1 can be reached from here: base_url, DNS, firewall, proxy");
}
