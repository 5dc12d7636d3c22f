//! One test per rule of the vendor.

use super::*;
use crate::WorldParameters;

#[tokio::test(start_paused = true)]
async fn a_documented_request_succeeds() {
    let simulator = simulator(small_world());
    assert_eq!(status(&simulator, &get("/ingest/jobs/isj-1")), 200);
    assert_eq!(listed_ids(&simulator, TODAY), ["isj-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_or_wrong_authorization_is_401() {
    let simulator = simulator(small_world());
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Basic token-of-socktown",
        "token-of-socktown",
        "Bearer  token-of-socktown",
    ] {
        let request = with(get(TODAY), "authorization", value);
        assert_eq!(status(&simulator, &request), 401, "{value:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_authorization_scheme_is_case_insensitive() {
    let request = with(get(TODAY), "authorization", "bearer token-of-socktown");
    assert_eq!(status(&simulator(small_world()), &request), 200);
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_401() {
    let expiry = seconds_after_start(10);
    let tenant = SimulatedTenant::new("socktown").token("short", Some(expiry));
    let simulator = simulator(World::empty().tenant(tenant));
    let request = with(get(TODAY), "authorization", "Bearer short");
    assert_eq!(status(&simulator, &request), 200);
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(status(&simulator, &request), 401);
}

#[tokio::test(start_paused = true)]
async fn a_missing_tenant_or_a_wrong_version_is_400() {
    let simulator = simulator(small_world());
    for (name, value) in [
        ("amperity-tenant", ""),
        ("api-version", ""),
        ("api-version", "2024-04-02"),
        ("api-version", "v1"),
    ] {
        let request = with(get(TODAY), name, value);
        assert_eq!(status(&simulator, &request), 400, "{name}: {value}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_tenant_is_403() {
    let simulator = simulator(small_world());
    for tenant in ["acme", "nobody", "Socktown"] {
        let request = with(get(TODAY), "amperity-tenant", tenant);
        assert_eq!(status(&simulator, &request), 403, "{tenant}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_id_or_path_is_404() {
    let simulator = simulator(small_world());
    for target in [
        "/ingest/jobs/isj-2",
        "/ingest/jobs/isj-20240701-48815-6dcXdk",
        "/ingest/jobs/isj-99999999-99999-6dcXdk",
        "/ingest/jobs/",
        "/ingest/jobs/isj-1/",
        "/ingest/jobs/%ff",
        "/ingest/jobs/%2",
        "/ingest",
        "/workflow",
        "/workflow/runs/wf-1",
        "/workflow/runs/wf-20240701-48815-6dcXdk",
        "/workflow/runs/",
        "/workflow/runs/wf-1/stop",
        "",
    ] {
        assert_eq!(status(&simulator, &get(target)), 404, "{target}");
        simulator.clear_log();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_of_another_tenant_is_404() {
    let simulator = simulator(small_world());
    let request = with(get("/ingest/jobs/isj-1"), "amperity-tenant", "acme");
    let request = with(request, "authorization", "Bearer token-of-acme");
    assert_eq!(status(&simulator, &request), 404);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_has_not_started_is_404_and_not_listed() {
    let job = Job::new("isj-2", seconds_after_start(5)).table(Table::new("T", "df-1"));
    let tenant = SimulatedTenant::new("socktown").job(job);
    let simulator = simulator(World::empty().tenant(tenant));
    assert_eq!(status(&simulator, &get("/ingest/jobs/isj-2")), 404);
    assert!(listed_ids(&simulator, TODAY).is_empty());
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(status(&simulator, &get("/ingest/jobs/isj-2")), 200);
    assert_eq!(listed_ids(&simulator, TODAY), ["isj-2"]);
}

#[tokio::test(start_paused = true)]
async fn another_method_is_405_with_the_allowed_one() {
    let simulator = simulator(small_world());
    for (method, target, allow) in [
        ("POST", TODAY, "GET"),
        ("HEAD", TODAY, "GET"),
        ("DELETE", "/ingest/jobs/isj-1", "GET"),
        ("GET", "/v0/oauth2/token", "POST"),
    ] {
        let mut request = get(target);
        *request.method_mut() = method.parse().unwrap();
        let response = simulator.respond(&request).response;
        assert_eq!(response.status(), 405, "{method} {target}");
        assert_eq!(response.headers()["allow"], allow);
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_ten_requests_in_any_second_are_429() {
    let simulator = simulator(small_world());
    for _ in 0..5 {
        assert_eq!(status(&simulator, &get(TODAY)), 200);
    }
    tokio::time::advance(Duration::from_millis(900)).await;
    for _ in 0..5 {
        assert_eq!(status(&simulator, &get("/ingest/jobs/isj-1")), 200);
    }
    assert_eq!(status(&simulator, &get(TODAY)), 429);
    let other = with(get(TODAY), "amperity-tenant", "acme");
    let other = with(other, "authorization", "Bearer token-of-acme");
    assert_eq!(status(&simulator, &other), 200, "another tenant may");
    assert_eq!(status(&simulator, &token_request(VALID_CLIENT)), 200);
    tokio::time::advance(Duration::from_millis(100)).await;
    for expected in [200, 200, 200, 200, 200, 429] {
        assert_eq!(status(&simulator, &get(TODAY)), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_window_is_400_with_the_reason() {
    let simulator = simulator(small_world());
    let mut messages = String::new();
    for query in [
        "",
        "created_from=2024-07-01",
        "created_to=2024-07-01",
        "created_from=&created_to=2024-07-01",
        "created_from=yesterday&created_to=2024-07-01",
        "created_from=2024-07-01T00:00:00%2B02:00&created_to=2024-07-02",
        "created_from=2024-13&created_to=2024-07-02",
        "created_from=2024-07-02&created_to=2024-07-02",
        "created_from=2024-07-03&created_to=2024-07-02",
        "created_from=2024-07-01&created_to=2024-07-08T00:00:00.001Z",
        "created_from=2024-07-01&created_from=2024-07-01&created_to=2024-07-02",
        "created_from=%ff&created_to=2024-07-02",
        "created_from=2024-07-01&created_to=2024-07-02&with_total=yes",
    ] {
        let (status, body) = ask(&simulator, &get(&format!("/ingest/jobs?{query}")));
        assert_eq!(status, 400, "{query}");
        messages += body["message"].as_str().unwrap();
        messages.push('\n');
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    insta::assert_snapshot!(messages, @r"
    created_from is required
    created_to is required
    created_from is required
    created_from must be an ISO-8601 timestamp in UTC
    created_from must be an ISO-8601 timestamp in UTC
    created_from must be an ISO-8601 timestamp in UTC
    created_from must be an ISO-8601 timestamp in UTC
    created_from must be before created_to
    created_from must be before created_to
    created_from and created_to must be at most 7 days apart
    created_from must be given once
    created_from must be an ISO-8601 timestamp in UTC
    with_total must be true or false
    ");
}

#[tokio::test(start_paused = true)]
async fn a_window_includes_its_start_and_excludes_its_end() {
    let simulator = simulator(small_world());
    let listed = |from: &str, to: &str| {
        let target = format!("/ingest/jobs?created_from={from}&created_to={to}");
        listed_ids(&simulator, &target).len()
    };
    assert_eq!(listed("2024-07-01T11:59", "2024-07-01T12"), 1);
    assert_eq!(listed("2024-07-01T11%3A59%3A00.001Z", "2024-07-01T12"), 0);
    assert_eq!(listed("2024-07", "2024-07-01T11:59:00.000Z"), 0);
    assert_eq!(listed("2024-07", "2024-07-01T11:59:00.001"), 1);
}

#[test]
fn a_timestamp_may_end_after_any_part() {
    let read = |text| crate::query::timestamp(text).map(|time| time.to_string());
    for (text, time) in [
        ("2024", "2024-01-01T00:00:00Z"),
        ("2024-06", "2024-06-01T00:00:00Z"),
        ("2024-06-03", "2024-06-03T00:00:00Z"),
        ("2024-06-03T04", "2024-06-03T04:00:00Z"),
        ("2024-06-03T04:02", "2024-06-03T04:02:00Z"),
        ("2024-06-03T04:02Z", "2024-06-03T04:02:00Z"),
        ("2024-06-03T04:02:54", "2024-06-03T04:02:54Z"),
        ("2024-06-03T04:02:54.433Z", "2024-06-03T04:02:54.433Z"),
    ] {
        assert_eq!(read(text).as_deref(), Some(time), "{text}");
    }
    for text in [
        "",
        "Z",
        "24",
        "2024-",
        "+024",
        "2024-6-3",
        "2024-06-03 04:02:54",
        "20240603",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_older_than_seven_days_is_found_by_id_only() {
    let eight_days = Duration::from_hours(8 * 24);
    let table = Table::new("Slow", "df-1").lasting(eight_days * 2);
    let job = Job::new("isj-old", start()).table(table);
    let simulator = simulator(World::empty().tenant(SimulatedTenant::new("socktown").job(job)));
    tokio::time::advance(eight_days).await;
    assert!(listed_ids(&simulator, TODAY).is_empty());
    let (_, job) = ask(&simulator, &get("/ingest/jobs/isj-old"));
    assert_eq!(job["tables"][0]["state"], "running");
}

#[tokio::test(start_paused = true)]
async fn the_total_is_included_on_request() {
    let simulator = simulator(small_world());
    let (_, list) = ask(&simulator, &get(TODAY));
    assert_eq!(list.get("total"), None);
    let (_, list) = ask(&simulator, &get(&format!("{TODAY}&with_total=true")));
    assert_eq!(list["total"], 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_has_the_documented_body() {
    let (_, body) = ask(&simulator(small_world()), &get("/ingest/jobs/isj-2"));
    let body = serde_json::to_string_pretty(&body).unwrap();
    insta::assert_snapshot!(body, @r#"
    {
      "message": "No such ingest job.",
      "request_id": "691ff2b4795653d8",
      "status": 404,
      "trace_id": "691ff2b4795653d8"
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn an_issued_token_is_valid_until_it_expires() {
    let simulator = simulator(small_world());
    let (status_code, token) = ask(&simulator, &token_request(VALID_CLIENT));
    assert_eq!(status_code, 200);
    assert_eq!(token["expires_in"], 3600);
    assert_eq!(token["token_type"], "Bearer");
    let token = token["access_token"].as_str().unwrap();
    assert_eq!(token.split('.').count(), 3);
    let request = with(get(TODAY), "authorization", &format!("Bearer {token}"));
    tokio::time::advance(Duration::from_secs(3599)).await;
    assert_eq!(status(&simulator, &request), 200);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(status(&simulator, &request), 401);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_token_request_is_refused() {
    let simulator = simulator(small_world());
    let good = || token_request(VALID_CLIENT);
    for (expected, request) in [
        (400, with(good(), "x-amperity-tenant", "")),
        (400, with(good(), "content-type", "application/json")),
        (400, with(good(), "content-type", "")),
        (400, token_request("")),
        (400, token_request("grant_type=password")),
        (
            400,
            token_request("grant_type=client_credentials&client_id=client-of-socktown"),
        ),
        (
            401,
            token_request(
                "grant_type=client_credentials&client_id=client-of-socktown&client_secret=guess",
            ),
        ),
        (
            401,
            token_request(
                "grant_type=client_credentials&client_id=client-of-acme&client_secret=secret-of-acme",
            ),
        ),
        (401, with(good(), "x-amperity-tenant", "acme")),
        (401, with(good(), "x-amperity-tenant", "nobody")),
    ] {
        assert_eq!(status(&simulator, &request), expected, "{request:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_401_and_a_new_one_is_valid() {
    let simulator = simulator(small_world());
    simulator.revoke_tokens("socktown");
    assert_eq!(status(&simulator, &get(TODAY)), 401);
    let day = Duration::from_hours(24);
    let token = simulator.make_token("socktown", day).unwrap();
    let request = with(get(TODAY), "authorization", &format!("Bearer {token}"));
    assert_eq!(status(&simulator, &request), 200);
    assert_eq!(simulator.credentials()[1].token, token);
    assert!(simulator.set_client_secret("socktown", "another"));
    assert_eq!(status(&simulator, &token_request(VALID_CLIENT)), 401);
}

#[tokio::test(start_paused = true)]
async fn a_response_is_compressed_if_accepted() {
    let simulator = simulator(World::demo(1, start()));
    let request = authorized(&simulator, TODAY);
    let plain = simulator.respond(&request).response.into_body();
    for (accepted, compressed) in [
        ("gzip", true),
        ("br, gzip;q=0.5", true),
        ("gzip;q=0", false),
        ("br", false),
    ] {
        let request = with(request.clone(), "accept-encoding", accepted);
        let response = simulator.respond(&request).response;
        assert_eq!(
            response.headers().contains_key("content-encoding"),
            compressed
        );
        if compressed {
            let mut body = String::new();
            let mut decoder = flate2::read::GzDecoder::new(&response.body()[..]);
            std::io::Read::read_to_string(&mut decoder, &mut body).unwrap();
            assert_eq!(body.as_bytes(), plain);
        } else {
            assert_eq!(response.body(), &plain);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn date_deprecation_and_sunset_are_in_the_headers() {
    let simulator = simulator(small_world());
    simulator.set(|options| {
        options.clock_skew = SignedDuration::from_hours(1);
        options.deprecation = Some(seconds_after_start(0));
        options.sunset = Some(seconds_after_start(86_400));
    });
    let response = simulator.respond(&get(TODAY)).response;
    insta::assert_debug_snapshot!(response.headers(), @r#"
    {
        "content-type": "application/json",
        "date": "Mon, 01 Jul 2024 13:00:00 GMT",
        "deprecation": "Mon, 01 Jul 2024 12:00:00 GMT",
        "sunset": "Tue, 02 Jul 2024 12:00:00 GMT",
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_jobs_are_one_list() {
    let world = World::generated(&WorldParameters {
        seed: 1,
        start: start(),
        tenants: 1,
        feeds: 10,
        period: Duration::from_millis(43_200),
        duration: Duration::from_secs(20),
        history: Duration::from_hours(12),
    });
    let simulator = simulator(world);
    let request = with(get(TODAY), "authorization", "Bearer token-of-tenant-0");
    let request = with(request, "amperity-tenant", "tenant-0");
    let (_, list) = ask(&simulator, &request);
    let jobs = list["data"].as_array().unwrap().len();
    assert!((9_980..=10_010).contains(&jobs), "{jobs}");
}

proptest::proptest! {
    #[test]
    fn no_request_makes_it_panic(
        target in "[a-z0-9/%&=?:TZ_.-]{0,60}",
        query in "\\PC{0,30}",
        body in proptest::collection::vec(proptest::num::u8::ANY, 0..60),
        value in "[ -~]{0,20}",
        accept in "[a-z;,=. 0-9]{0,20}",
    ) {
        let simulator = simulator(small_world());
        let _ = crate::query::list_query(&query);
        let _ = crate::query::timestamp(&query);
        for target in [format!("/api/ingest/jobs/{target}"), format!("/api/ingest/jobs?{target}"), format!("/{target}")] {
            let Ok(request) = Request::get(target).body(Bytes::from(body.clone())) else { continue };
            let request = with(request, "authorization", &value);
            let request = with(request, "accept-encoding", &accept);
            let _ = simulator.respond(&request);
            let request = with(request, "authorization", "Bearer token-of-socktown");
            let request = with(request, "amperity-tenant", "socktown");
            let request = with(request, "api-version", "2024-04-01");
            let _ = simulator.respond(&request);
        }
        let mut request = token_request("");
        *request.body_mut() = body.into();
        let _ = simulator.respond(&request);
    }
}
