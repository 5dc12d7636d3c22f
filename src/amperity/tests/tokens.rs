//! Requesting, keeping and replacing OAuth2 tokens.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A token endpoint that grants `first`, `second`, …, and an API that takes
/// what `takes` says.
fn granting(
    expires_in: u64,
    takes: impl Fn(&str, Duration) -> bool + Send + Sync + 'static,
) -> Arc<Script> {
    let granted = AtomicUsize::new(0);
    Script::new(move |_, call| {
        if call.line.starts_with("POST") {
            let number = granted.fetch_add(1, Ordering::Relaxed);
            return Answer::grant(
                ["first", "second", "third", "more"][number.min(3)],
                expires_in,
            );
        }
        let sent = call.headers["authorization"].to_str().unwrap();
        if takes(sent.trim_start_matches("Bearer "), call.at) {
            Answer::job()
        } else {
            Answer::json(401, r#"{"message":"expired"}"#)
        }
    })
}

fn fetches(script: &Script) -> usize {
    script
        .lines()
        .iter()
        .filter(|line| line.starts_with("POST"))
        .count()
}

#[tokio::test(start_paused = true)]
async fn the_token_request_is_the_documented_one() {
    let script = granting(3600, |_, _| true);
    client(&with_oauth2(), &script)
        .job(JOB, within(60))
        .await
        .outcome
        .unwrap();
    let call = &script.calls()[0];
    assert_eq!(call.line, "POST /api/v0/oauth2/token");
    assert_eq!(call.headers["x-amperity-tenant"], "socktown");
    assert_eq!(
        call.headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(
        call.body,
        "grant_type=client_credentials&client_id=the+client\
         &client_secret=client%2Bsecret%2F%26%3D9876543210"
    );
    assert_eq!(script.bearers(), ["Bearer first"]);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_need_a_token_at_once_share_one_fetch() {
    let script = granting(3600, |_, _| true);
    let client = Arc::new(client(&with_oauth2(), &script));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = Arc::clone(&client);
        tasks.spawn(async move { client.job(JOB, within(60)).await.outcome });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    assert_eq!(fetches(&script), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_it_ends_and_not_much_before() {
    let script = granting(1000, |_, _| true);
    let client = client(&with_oauth2(), &script);
    for _ in 0..100 {
        client.job(JOB, within(60)).await.outcome.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    let posts: Vec<u64> = script
        .calls()
        .iter()
        .filter(|call| call.line.starts_with("POST"))
        .map(|call| call.at.as_secs())
        .collect();
    assert_eq!(posts.len(), 2);
    assert!((800..=910).contains(&posts[1]), "{posts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_leaves_the_good_token_in_use() {
    let script = Script::new(|call, sent| match sent.line.starts_with("POST") {
        true if call == 0 => Answer::grant("first", 1000),
        true if sent.at.as_secs() < 990 => Answer::json(503, "{}"),
        true => Answer::grant("second", 1000),
        false => Answer::job(),
    });
    let client = client(&with_oauth2(), &script);
    for _ in 0..110 {
        client.job(JOB, within(60)).await.outcome.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    let bearers = script.bearers();
    assert_eq!(bearers.first().unwrap(), "Bearer first");
    assert_eq!(bearers.last().unwrap(), "Bearer second");
    // A renewal each half minute at most, of five attempts.
    assert!(fetches(&script) <= 1 + 14 * 5 + 1, "{}", fetches(&script));
}

#[tokio::test(start_paused = true)]
async fn requests_during_a_renewal_use_the_good_token() {
    let script = Script::new(|call, sent| match sent.line.starts_with("POST") {
        true if call == 0 => Answer::grant("first", 1000),
        true => Answer::Silent,
        false => Answer::job(),
    });
    let client = Arc::new(client(&with_oauth2(), &script));
    client.job(JOB, within(60)).await.outcome.unwrap();
    tokio::time::sleep(Duration::from_secs(950)).await;
    let renewing = {
        let client = Arc::clone(&client);
        tokio::spawn(async move { client.job(JOB, within(20)).await.outcome })
    };
    tokio::time::sleep(Duration::from_millis(1)).await;
    let began = Instant::now();
    client.job(JOB, within(20)).await.outcome.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    // And the one who renews keeps half of its time for its own question.
    renewing.await.unwrap().unwrap();
    assert_eq!(began.elapsed().as_secs(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_once_and_the_request_repeated() {
    let script = granting(3600, |token, _| token == "second");
    let client = client(&with_oauth2(), &script);
    client.job(JOB, within(60)).await.outcome.unwrap();
    client.job(JOB, within(60)).await.outcome.unwrap();
    assert_eq!(
        script.bearers(),
        ["Bearer first", "Bearer second", "Bearer second"]
    );
    assert_eq!(fetches(&script), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_refused_to_many_at_once_is_replaced_once() {
    let script = granting(3600, |token, at| token != "first" || at.as_secs() < 100);
    let client = Arc::new(client(&with_oauth2(), &script));
    client.job(JOB, within(60)).await.outcome.unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let client = Arc::clone(&client);
        tasks.spawn(async move { client.job(JOB, within(60)).await.outcome });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    assert_eq!(fetches(&script), 2);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_key_costs_two_tokens_and_not_two_per_job() {
    let script = granting(3600, |_, _| false);
    let client = client(&with_oauth2(), &script);
    for _ in 0..10 {
        let error = client.job(JOB, within(60)).await.outcome.unwrap_err();
        assert_eq!(error.reason, Reason::Unauthorized);
    }
    assert_eq!((fetches(&script), script.bearers().len()), (2, 11));
    tokio::time::sleep(Duration::from_mins(1)).await;
    client.job(JOB, within(60)).await.outcome.unwrap_err();
    assert_eq!(fetches(&script), 3);
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_is_down_is_reported_and_not_called_by_every_task() {
    let script = Script::always(503, r#"{"message":"maintenance"}"#);
    let client = Arc::new(client(&with_oauth2(), &script));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = Arc::clone(&client);
        tasks.spawn(async move { client.job(JOB, within(60)).await.outcome });
    }
    for outcome in tasks.join_all().await {
        let error = outcome.unwrap_err();
        assert_eq!(error.reason, Reason::ServerError);
        assert_eq!(
            error.to_string(),
            "POST /api/v0/oauth2/token: 503 Service Unavailable: maintenance. The problem is on \
             Amperity's side: if it persists, give their support the request_id"
        );
    }
    assert_eq!(fetches(&script), 5);
    tokio::time::sleep(Duration::from_secs(6)).await;
    client.job(JOB, within(60)).await.outcome.unwrap_err();
    assert_eq!(fetches(&script), 10);
}

#[tokio::test(start_paused = true)]
async fn refused_client_credentials_are_unauthorized_whatever_the_status() {
    for (status, body) in [
        (
            400,
            r#"{"error":"invalid_client","error_description":"no such client"}"#,
        ),
        (401, r#"{"error":"invalid_client"}"#),
    ] {
        let script = Script::always(status, body);
        let error = client(&with_oauth2(), &script)
            .job(JOB, within(60))
            .await
            .outcome
            .unwrap_err();
        assert_eq!(error.reason, Reason::Unauthorized);
        let text = error.to_string();
        assert!(
            text.contains("check oauth2.client_id and the client secret"),
            "{text}"
        );
        assert_eq!(script.lines().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_without_a_usable_token_is_malformed() {
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"access_token":""}"#,
        "[7]",
        r#"["token",3600]"#,
    ] {
        let script = Script::always(200, body);
        let error = client(&with_oauth2(), &script)
            .job(JOB, within(60))
            .await
            .outcome
            .unwrap_err();
        assert_eq!(error.reason, Reason::Malformed);
        assert_eq!(
            error.to_string(),
            "POST /api/v0/oauth2/token: the response has no access_token. Check oauth2.token_url"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_with_a_lifetime_of_zero_is_not_requested_for_every_request() {
    let script = granting(0, |_, _| true);
    let client = client(&with_oauth2(), &script);
    for _ in 0..5 {
        client.job(JOB, within(60)).await.outcome.unwrap();
    }
    assert_eq!(fetches(&script), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_sent_is_malformed_and_not_called_missing() {
    let mega = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(1 << 20));
    for body in [r#"{"access_token":"a\nb"}"#, &mega] {
        let script = Script::always(200, body);
        let reply = client(&with_oauth2(), &script).job(JOB, within(60)).await;
        let error = reply.outcome.unwrap_err();
        assert_eq!(error.reason, Reason::Malformed);
        let text = error.to_string();
        assert!(
            text.contains("too long, or not valid in a header"),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn after_several_failures_of_other_kinds_a_new_token_is_requested_at_most_once_a_minute() {
    for status in [403, 400, 500] {
        let script = Script::new(move |_, call| {
            if call.line.starts_with("POST") {
                Answer::grant("token", 3600)
            } else {
                Answer::json(status, "{}")
            }
        });
        let client = client(&with_oauth2(), &script);
        for _ in 0..3 {
            client.job(JOB, within(60)).await.outcome.unwrap_err();
        }
        assert_eq!(fetches(&script), 1, "{status}");
        for _ in 0..50 {
            client.job(JOB, within(60)).await.outcome.unwrap_err();
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
        let fetched = fetches(&script);
        assert!((3..=9).contains(&fetched), "{status}: {fetched} tokens");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_jobs_and_failures_between_successes_cost_no_token() {
    let script = Script::new(move |number, call| match number % 3 {
        _ if call.line.starts_with("POST") => Answer::grant("token", 3600),
        0 => Answer::json(404, "{}"),
        1 => Answer::json(403, "{}"),
        _ => Answer::job(),
    });
    let client = client(&with_oauth2(), &script);
    for _ in 0..60 {
        let _ = client.job(JOB, within(60)).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    assert_eq!(fetches(&script), 1);
}

#[tokio::test(start_paused = true)]
async fn a_401_on_every_second_request_does_not_cost_a_token_each() {
    let requests = AtomicUsize::new(0);
    let script = granting(3600, move |_, _| {
        requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(2)
    });
    let client = client(&with_oauth2(), &script);
    for _ in 0..60 {
        client.job(JOB, within(60)).await.outcome.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert!(
        fetches(&script) <= 7,
        "{} in five minutes",
        fetches(&script)
    );
}

#[tokio::test(start_paused = true)]
async fn expires_in_may_be_a_fraction_or_a_string() {
    for expires_in in ["1000", "999.9", "\"1000\"", "\"1000.5\"", "1e3"] {
        let body = format!(r#"{{"access_token":"token","expires_in":{expires_in}}}"#);
        let script = Script::new(move |_, call| {
            if call.line.starts_with("POST") {
                Answer::json(200, &body)
            } else {
                Answer::job()
            }
        });
        let reply = client(&with_oauth2(), &script).job(JOB, within(60)).await;
        let expiry = reply.observed.token_expiry.unwrap();
        let left = expiry.as_second() - START.parse::<Timestamp>().unwrap().as_second();
        assert!((999..=1000).contains(&left), "{expires_in}: {left}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_secret_that_cannot_be_read_any_more_is_used_as_read_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, CLIENT_SECRET).unwrap();
    let mut tenant = with_oauth2();
    if let Credentials::OAuth2 { client_secret, .. } = &mut tenant.credentials {
        *client_secret = Secret::File(path.clone());
    }
    let script = granting(100, |_, _| true);
    let client = client(&tenant, &script);
    client.job(JOB, within(60)).await.outcome.unwrap();
    std::fs::remove_file(&path).unwrap();
    tokio::time::sleep(Duration::from_secs(200)).await;
    client.job(JOB, within(60)).await.outcome.unwrap();
    assert_eq!(fetches(&script), 2);
}
