//! The error for each status and for unreadable answers.

use super::*;

async fn refusal(tenant: &Tenant, status: u16, body: &str) -> ApiError {
    let script = Script::always(status, body);
    client(tenant, &script)
        .job(JOB, within(60))
        .await
        .outcome
        .unwrap_err()
}

async fn of_status(status: u16) -> ApiError {
    let body =
        r#"{"status":0,"message":"The vendor's message.","request_id":"req-1","trace_id":"t-2"}"#;
    refusal(&socktown(), status, body).await
}

#[tokio::test(start_paused = true)]
async fn status_400_is_a_bad_request_and_points_to_the_configuration() {
    let error = of_status(400).await;
    assert_eq!(error.reason, Reason::BadRequest);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: 400 Bad Request: The vendor's message. (request_id req-1, trace_id t-2). Check base_url, the tenant's name and api.version (2024-04-01)");
}

#[tokio::test(start_paused = true)]
async fn status_401_is_unauthorized_and_asks_for_a_new_token() {
    let error = of_status(401).await;
    assert_eq!(error.reason, Reason::Unauthorized);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: 401 Unauthorized: The vendor's message. (request_id req-1, trace_id t-2). The token was refused: it is wrong, expired or revoked. Put a new one into the configuration and reload, or set AMPERITY_TOKEN and restart");
}

#[tokio::test(start_paused = true)]
async fn status_403_is_forbidden_and_names_the_policy_and_the_tenant() {
    let error = of_status(403).await;
    assert_eq!(error.reason, Reason::Forbidden);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: 403 Forbidden: The vendor's message. (request_id req-1, trace_id t-2). The API key needs the DataGrid Operator policy and must belong to tenant socktown");
}

#[tokio::test(start_paused = true)]
async fn status_404_is_not_found_and_tells_to_check_the_id() {
    let error = of_status(404).await;
    assert_eq!(error.reason, Reason::NotFound);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: 404 Not Found: The vendor's message. (request_id req-1, trace_id t-2). Tenant socktown has no such job: check the id, and that base_url ends in /api");
}

#[tokio::test(start_paused = true)]
async fn status_429_is_rate_limited_and_tells_who_shares_the_limit() {
    let error = of_status(429).await;
    assert_eq!(error.reason, Reason::RateLimited);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: 429 Too Many Requests: The vendor's message. (request_id req-1, trace_id t-2). All clients of tenant socktown share 10 requests per second; this one now sends fewer. If it persists, lower requests_per_second");
}

#[tokio::test(start_paused = true)]
async fn every_5xx_is_a_server_error() {
    for status in [500, 501, 502, 503, 504, 599] {
        assert_eq!(of_status(status).await.reason, Reason::ServerError);
    }
    insta::assert_snapshot!(of_status(503).await, @"GET ingest/jobs/isj-1f73r9u2: 503 Service Unavailable: The vendor's message. (request_id req-1, trace_id t-2). The problem is on Amperity's side: if it persists, give their support the request_id");
}

#[tokio::test(start_paused = true)]
async fn any_other_4xx_is_a_bad_request() {
    for status in [402, 405, 408, 410, 418, 422, 451] {
        assert_eq!(of_status(status).await.reason, Reason::BadRequest);
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed_and_only_its_host_is_shown() {
    let script = Script::new(|_, _| {
        let target = "https://elsewhere.example/login?session=abc".to_owned();
        Answer::Of(302, vec![("location", target)], String::new())
    });
    let client = client(&socktown(), &script);
    let error = client.job(JOB, within(60)).await.outcome.unwrap_err();
    assert_eq!(error.reason, Reason::BadRequest);
    assert_eq!(script.lines().len(), 1);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: 302 Found, to the host elsewhere.example. The API does not redirect: check base_url, its scheme and host");
}

#[tokio::test(start_paused = true)]
async fn of_a_page_that_is_not_the_apis_only_the_content_type_is_shown() {
    let script = Script::new(|_, _| {
        let html = vec![("content-type", "text/html".to_owned())];
        Answer::Of(403, html, "<h1>Blocked by policy</h1>".to_owned())
    });
    let client = client(&socktown(), &script);
    let error = client
        .job(JOB, within(60))
        .await
        .outcome
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(
            "403 Forbidden: a response that is not the API's, of content type text/html."
        ),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_vendors_message_is_cut_and_loses_its_control_characters() {
    let body = format!(
        r#"{{"message":"one\ntwo \u001b[31m{}"}}"#,
        "é".repeat(10_000)
    );
    let error = refusal(&socktown(), 400, &body).await.to_string();
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
async fn unreadable_answers_are_malformed_and_say_where() {
    let message = async |body: &str| {
        let error = refusal(&socktown(), 200, body).await;
        assert_eq!(error.reason, Reason::Malformed, "{body}");
        let text = error.to_string();
        let from = text.find(": ").unwrap() + 2;
        text[from..text.find(". Check").unwrap()].to_owned()
    };
    assert_eq!(
        message("<html>").await,
        "the response is not JSON (line 1 column 1)"
    );
    assert_eq!(
        message("").await,
        "the response ends too early (line 1 column 0)"
    );
    let truncated = r#"{"id":"isj-1f73r9u2","tab"#;
    assert_eq!(
        message(truncated).await,
        "the response ends too early (line 1 column 25)"
    );
    assert_eq!(
        message(r#"["isj-1f73r9u2",null,[]]"#).await,
        "the response is JSON with an unexpected structure: not an object"
    );
    assert_eq!(message("{}").await, "the response is a job without an id");
    assert_eq!(
        message(r#"{"id":"isj-2"}"#).await,
        "the response is another job, isj-2"
    );
}

#[tokio::test(start_paused = true)]
async fn every_request_carries_the_documented_headers() {
    let script = Script::new(|_, _| Answer::job());
    client(&socktown(), &script)
        .job(JOB, within(60))
        .await
        .outcome
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
        assert!(client.job(id, within(60)).await.outcome.is_err());
    }
    assert_eq!(
        script.lines(),
        ["GET /api/ingest/jobs/a%2F..%2Fb%3Fc%23d%252f%20%F0%9F%A7%A6"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_window_is_requested_in_utc_with_milliseconds() {
    let script = Script::always(200, r#"{"data":[]}"#);
    let client = client(&socktown(), &script);
    let (from, to) = ("2024-06-01T00:00:00Z", "2024-06-02T00:00:00.1239Z");
    let listing = client
        .jobs(from.parse().unwrap(), to.parse().unwrap(), within(60))
        .await
        .outcome
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
        client(&tenant, &script).job(JOB, within(60)).await.outcome
    };
    ask(answer(998)).await.unwrap();
    let error = ask(answer(999)).await.unwrap_err();
    assert_eq!(error.reason, Reason::TooLarge);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: the response has 1001 objects, more than limits.response_bytes allows (1000). Raise limits.response_bytes");
}

async fn listed(body: &str) -> Result<(Vec<String>, usize), Reason> {
    let script = Script::always(200, body);
    let (from, to) = (START.parse().unwrap(), Timestamp::MAX);
    let listing = client(&socktown(), &script)
        .jobs(from, to, within(60))
        .await
        .outcome;
    let listing = listing.map_err(|error| error.reason)?;
    let ids = listing.jobs.iter().map(|job| job.id.to_string()).collect();
    Ok((ids, listing.malformed))
}

#[tokio::test(start_paused = true)]
async fn one_bad_entry_of_a_list_does_not_hide_the_others() {
    let body = r#"{"data":[{"id":"a"},null,7,[],"x",{},{"id":null},{"id":"b","id":"c"},
        {"id":"\ud800"},{"id":"d","tables":{"not":"a list"},"later":[[[]]]}],"total":"x"}"#;
    assert_eq!(
        listed(body).await,
        Ok((vec!["a".into(), "\u{fffd}".into(), "d".into()], 7))
    );
    let only_shapes = r#"{"next_token":"x","data":[{"id":"a"},null,["b"]]}"#;
    assert_eq!(listed(only_shapes).await, Ok((vec!["a".into()], 2)));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_a_list_of_jobs_is_malformed() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"data":null}"#,
        r#"{"data":[{"id":"a"}"#,
        "<p>",
        // An array where an object belongs.
        r#"[[{"id":"a"}]]"#,
        r#"[{"id":"a"}]"#,
        // A non-empty list of which nothing can be read.
        r#"{"data":[null]}"#,
        r#"{"data":[{"tables":[]},{"id":7},["a"]]}"#,
    ] {
        assert_eq!(listed(body).await, Err(Reason::Malformed), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn deep_nesting_is_malformed_and_costs_one_entry_at_most() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    for deep in [nested(100_000), objects(100_000)] {
        assert_eq!(listed(&deep).await, Err(Reason::Malformed));
        let error = refusal(&socktown(), 200, &deep).await;
        assert_eq!(error.reason, Reason::Malformed);
        assert_eq!(
            refusal(&socktown(), 403, &deep).await.reason,
            Reason::Forbidden
        );
        let list = format!(r#"{{"data":[{{"id":"a"}},{{"id":"b","tables":{deep}}},{deep}]}}"#);
        let (ids, malformed) = listed(&list).await.unwrap();
        assert!(ids.contains(&"a".to_owned()) && malformed >= 1, "{ids:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_503_that_asks_for_a_long_pause_is_a_server_error_also_for_the_requests_after_it() {
    let script =
        Script::new(|_, _| Answer::Of(503, vec![("retry-after", "3600".to_owned())], "{}".into()));
    let client = client(&socktown(), &script);
    for _ in 0..3 {
        let error = client.job(JOB, within(30)).await.outcome.unwrap_err();
        assert_eq!(error.reason, Reason::ServerError, "{error}");
    }
    assert_eq!(script.lines().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_says_where_to_and_hides_a_secret_in_the_host() {
    let to = async |location: Option<String>| {
        let script = Script::new(move |_, _| {
            let location = location.clone().map(|location| ("location", location));
            Answer::Of(307, location.into_iter().collect(), String::new())
        });
        let reply = client(&socktown(), &script).job(JOB, within(60)).await;
        let error = reply.outcome.unwrap_err().to_string();
        error.split("Redirect").nth(1).unwrap().to_owned()
    };
    let advice = ". The API does not redirect: check base_url, its scheme and host";
    assert_eq!(to(None).await, format!(", without a Location{advice}"));
    let same = format!(", to another path of the same host{advice}");
    assert_eq!(to(Some("/login".into())).await, same);
    let host = format!(
        "https://{}.example.com/",
        TOKEN.replace('_', "-").to_lowercase()
    );
    let hidden = to(Some(host)).await;
    assert!(
        hidden.contains("<secret>") && !hidden.contains("opaque"),
        "{hidden}"
    );
}
