//! What the client makes of each status, and what it tells the operator.

use super::*;

async fn refusal(tenant: &Tenant, status: u16, body: &str) -> ApiError {
    let script = Script::always(status, body);
    client(tenant, &script)
        .job(JOB, within(60))
        .await
        .unwrap_err()
}

async fn of_status(status: u16) -> ApiError {
    let body = r#"{"status":0,"message":"Said the vendor.","request_id":"req-1","trace_id":"t-2"}"#;
    refusal(&socktown(), status, body).await
}

#[tokio::test(start_paused = true)]
async fn status_400_is_a_bad_request_and_points_to_the_configuration() {
    let error = of_status(400).await;
    assert_eq!(error.reason, Reason::BadRequest);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: 400 Bad Request: Said the vendor. (request_id req-1, trace_id t-2). Check base_url, the tenant's name and api.version (2024-04-01)");
}

#[tokio::test(start_paused = true)]
async fn status_401_is_unauthorized_and_asks_for_a_new_token() {
    let error = of_status(401).await;
    assert_eq!(error.reason, Reason::Unauthorized);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: 401 Unauthorized: Said the vendor. (request_id req-1, trace_id t-2). The token was refused: it is wrong, expired or revoked. Put a new one into the configuration and reload, or into AMPERITY_TOKEN and restart");
}

#[tokio::test(start_paused = true)]
async fn status_403_is_forbidden_and_names_the_policy_and_the_tenant() {
    let error = of_status(403).await;
    assert_eq!(error.reason, Reason::Forbidden);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: 403 Forbidden: Said the vendor. (request_id req-1, trace_id t-2). The API key needs the DataGrid Operator policy and must belong to tenant socktown");
}

#[tokio::test(start_paused = true)]
async fn status_404_is_not_found_and_tells_to_check_the_id() {
    let error = of_status(404).await;
    assert_eq!(error.reason, Reason::NotFound);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: 404 Not Found: Said the vendor. (request_id req-1, trace_id t-2). Tenant socktown has no such job: check the id, and that base_url ends in /api");
}

#[tokio::test(start_paused = true)]
async fn status_429_is_rate_limited_and_tells_who_shares_the_limit() {
    let error = of_status(429).await;
    assert_eq!(error.reason, Reason::RateLimited);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: 429 Too Many Requests: Said the vendor. (request_id req-1, trace_id t-2). All clients of tenant socktown share 10 requests per second; this one now sends fewer. If it persists, lower requests_per_second");
}

#[tokio::test(start_paused = true)]
async fn every_5xx_is_a_server_error() {
    for status in [500, 501, 502, 503, 504, 599] {
        assert_eq!(of_status(status).await.reason, Reason::ServerError);
    }
    insta::assert_snapshot!(of_status(503).await, @"GET ingest/jobs/isj-1f73r9u2: 503 Service Unavailable: Said the vendor. (request_id req-1, trace_id t-2). The problem is on Amperity's side: if it persists, give their support the request_id");
}

#[tokio::test(start_paused = true)]
async fn any_other_4xx_is_a_bad_request() {
    for status in [402, 405, 408, 410, 418, 422, 451] {
        assert_eq!(of_status(status).await.reason, Reason::BadRequest);
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed_and_only_its_host_is_told() {
    let script = Script::new(|_, _| {
        let target = "https://elsewhere.example/login?session=abc".to_owned();
        Answer::Of(302, vec![("location", target)], String::new())
    });
    let client = client(&socktown(), &script);
    let error = client.job(JOB, within(60)).await.unwrap_err();
    assert_eq!(error.reason, Reason::BadRequest);
    assert_eq!(script.lines().len(), 1);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: 302 Found, to the host elsewhere.example. Check base_url, the tenant's name and api.version (2024-04-01)");
}

#[tokio::test(start_paused = true)]
async fn a_page_of_some_proxy_is_told_by_its_kind_alone() {
    let script = Script::new(|_, _| {
        let html = vec![("content-type", "text/html".to_owned())];
        Answer::Of(403, html, "<h1>Blocked by policy</h1>".to_owned())
    });
    let client = client(&socktown(), &script);
    let error = client.job(JOB, within(60)).await.unwrap_err().to_string();
    assert!(
        error
            .contains("403 Forbidden: an answer that is not the API's, of content type text/html."),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_vendors_words_are_cut_short_and_lose_their_control_characters() {
    let said = format!(
        r#"{{"message":"one\ntwo \u001b[31m{}"}}"#,
        "é".repeat(10_000)
    );
    let error = refusal(&socktown(), 400, &said).await.to_string();
    assert!(error.contains("one two  [31mééé"), "{error}");
    assert!(error.chars().count() < 500 && !error.contains(char::is_control));
}

#[tokio::test(start_paused = true)]
async fn a_token_file_is_named_when_its_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token.jwt");
    std::fs::write(&path, TOKEN).unwrap();
    let tenant = Tenant {
        credentials: Credentials::Token(Secret::File(path.clone())),
        ..socktown()
    };
    let error = refusal(&tenant, 401, "{}").await.to_string();
    assert!(
        error.ends_with(&format!("Write a new one into {}", path.display())),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn answers_that_make_no_sense_are_malformed_and_say_where() {
    let told = async |body: &str| {
        let error = refusal(&socktown(), 200, body).await;
        assert_eq!(error.reason, Reason::Malformed, "{body}");
        let text = error.to_string();
        let from = text.find(": ").unwrap() + 2;
        text[from..text.find(". Check").unwrap()].to_owned()
    };
    assert_eq!(
        told("<html>").await,
        "the answer is not JSON (line 1 column 1)"
    );
    assert_eq!(
        told("").await,
        "the answer ends too early (line 1 column 0)"
    );
    let truncated = r#"{"id":"isj-1f73r9u2","tab"#;
    assert_eq!(
        told(truncated).await,
        "the answer ends too early (line 1 column 25)"
    );
    assert_eq!(
        told("[]").await,
        "the answer is JSON of another shape (line 0 column 0)"
    );
    assert_eq!(told("{}").await, "the answer is a job without an id");
    assert_eq!(
        told(r#"{"id":"isj-2"}"#).await,
        "the answer is another job, isj-2"
    );
}

#[tokio::test(start_paused = true)]
async fn every_request_carries_the_documented_headers() {
    let script = Script::new(|_, _| Answer::job());
    client(&socktown(), &script)
        .job(JOB, within(60))
        .await
        .unwrap();
    let call = &script.calls()[0];
    assert_eq!(call.line, "GET /api/ingest/jobs/isj-1f73r9u2");
    let header = |name: &str| call.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("authorization"), format!("Bearer {TOKEN}"));
    assert!(call.headers["authorization"].is_sensitive());
    assert_eq!(header("amperity-tenant"), "socktown");
    assert_eq!(header("api-version"), "2024-04-01");
    assert_eq!(header("accept"), "application/json");
}

#[tokio::test(start_paused = true)]
async fn an_id_cannot_leave_its_place_in_the_path() {
    let script = Script::always(404, "{}");
    let client = client(&socktown(), &script);
    for id in [
        "a/../b?c#d%2f \u{1f9e6}",
        // Addresses lose these, and what stands around them becomes one.
        ".\t.",
        "a\nb",
        "",
        ".",
        "..",
        &"x".repeat(100_000),
    ] {
        assert!(client.job(id, within(60)).await.is_err());
    }
    assert_eq!(
        script.lines(),
        ["GET /api/ingest/jobs/a%2F..%2Fb%3Fc%23d%252f%20%F0%9F%A7%A6"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_window_is_asked_for_in_utc_with_milliseconds() {
    let script = Script::always(200, r#"{"data":[]}"#);
    let client = client(&socktown(), &script);
    let (from, to) = ("2024-06-01T00:00:00Z", "2024-06-02T00:00:00.1239Z");
    let listing = client
        .jobs(from.parse().unwrap(), to.parse().unwrap(), within(60))
        .await
        .unwrap();
    assert!(listing.jobs.is_empty() && listing.malformed == 0);
    assert_eq!(
        script.lines(),
        [
            "GET /api/ingest/jobs?created_from=2024-06-01T00%3A00%3A00.000Z\
             &created_to=2024-06-02T00%3A00%3A00.123Z"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_more_objects_than_its_size_allows_is_refused_before_it_is_read() {
    let answer = |tables: usize| {
        format!(
            r#"{{"id":"{JOB}","tables":[{}{{}}]}}"#,
            "{},".repeat(tables)
        )
    };
    let mut tenant = socktown();
    tenant.api.response_bytes = 64 * 1000;
    let ask = async |body: String| {
        let script = Script::always(200, &body);
        client(&tenant, &script).job(JOB, within(60)).await
    };
    ask(answer(998)).await.unwrap();
    let error = ask(answer(999)).await.unwrap_err();
    assert_eq!(error.reason, Reason::TooLarge);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: the answer holds 1001 objects, more than limits.response_bytes has room for (1000). Raise limits.response_bytes");
}

async fn listed(body: &str) -> Result<(Vec<String>, usize), Reason> {
    let script = Script::always(200, body);
    let (from, to) = (START.parse().unwrap(), Timestamp::MAX);
    let listing = client(&socktown(), &script)
        .jobs(from, to, within(60))
        .await;
    let listing = listing.map_err(|error| error.reason)?;
    let ids = listing.jobs.iter().map(|job| job.id.to_string()).collect();
    Ok((ids, listing.malformed))
}

#[tokio::test(start_paused = true)]
async fn one_bad_entry_of_a_list_does_not_hide_the_others() {
    let body = r#"{"data":[{"id":"a"},null,7,[],"x",{},{"id":null},{"id":"b","id":"c"},
        {"id":"\ud800"},{"id":"d","tables":{"not":"a list"},"later":[[[]]]}],"total":"x"}"#;
    assert_eq!(listed(body).await, Ok((vec!["a".into(), "d".into()], 8)));
    let only_shapes = r#"{"next_token":"x","data":[{"id":"a"},null,["b"]]}"#;
    assert_eq!(listed(only_shapes).await, Ok((vec!["a".into()], 2)));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_none_is_malformed() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"data":null}"#,
        r#"{"data":[{"id":"a"}"#,
        "<p>",
    ] {
        assert_eq!(listed(body).await, Err(Reason::Malformed), "{body}");
    }
}
