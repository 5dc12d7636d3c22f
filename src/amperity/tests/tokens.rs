//! Getting a token, keeping it, and getting another.

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
        tasks.spawn(async move { client.job(JOB, within(60)).await });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    assert_eq!(fetches(&script), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_it_ends_and_not_much_before() {
    let script = granting(1000, |_, _| true);
    let client = client(&with_oauth2(), &script);
    for _ in 0..100 {
        client.job(JOB, within(60)).await.unwrap();
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
        client.job(JOB, within(60)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    let bearers = script.bearers();
    assert_eq!(bearers.first().unwrap(), "Bearer first");
    assert_eq!(bearers.last().unwrap(), "Bearer second");
    // A renewal each half minute at most, of five attempts.
    assert!(fetches(&script) <= 1 + 14 * 5 + 1, "{}", fetches(&script));
}

#[tokio::test(start_paused = true)]
async fn those_who_come_during_a_renewal_go_on_with_the_good_token() {
    let script = Script::new(|call, sent| match sent.line.starts_with("POST") {
        true if call == 0 => Answer::grant("first", 1000),
        true => Answer::Silence,
        false => Answer::job(),
    });
    let client = Arc::new(client(&with_oauth2(), &script));
    client.job(JOB, within(60)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(950)).await;
    let renewing = {
        let client = Arc::clone(&client);
        tokio::spawn(async move { client.job(JOB, within(20)).await })
    };
    tokio::time::sleep(Duration::from_millis(1)).await;
    let began = Instant::now();
    client.job(JOB, within(20)).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    // And the one who renews keeps half of its time for its own question.
    renewing.await.unwrap().unwrap();
    assert_eq!(began.elapsed().as_secs(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_once_and_the_request_repeated() {
    let script = granting(3600, |token, _| token == "second");
    let client = client(&with_oauth2(), &script);
    client.job(JOB, within(60)).await.unwrap();
    client.job(JOB, within(60)).await.unwrap();
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
    client.job(JOB, within(60)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let client = Arc::clone(&client);
        tasks.spawn(async move { client.job(JOB, within(60)).await });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    assert_eq!(fetches(&script), 2);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_key_costs_two_tokens_and_not_two_per_job() {
    let script = granting(3600, |_, _| false);
    let client = client(&with_oauth2(), &script);
    for _ in 0..10 {
        let error = client.job(JOB, within(60)).await.unwrap_err();
        assert_eq!(error.reason, Reason::Unauthorized);
    }
    assert_eq!((fetches(&script), script.bearers().len()), (2, 11));
    tokio::time::sleep(Duration::from_mins(1)).await;
    client.job(JOB, within(60)).await.unwrap_err();
    assert_eq!(fetches(&script), 3);
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_is_down_is_told_and_not_asked_by_every_task() {
    let script = Script::always(503, r#"{"message":"maintenance"}"#);
    let client = Arc::new(client(&with_oauth2(), &script));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = Arc::clone(&client);
        tasks.spawn(async move { client.job(JOB, within(60)).await });
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
    client.job(JOB, within(60)).await.unwrap_err();
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
            .unwrap_err();
        assert_eq!(error.reason, Reason::Unauthorized);
        let told = error.to_string();
        assert!(
            told.contains("check oauth2.client_id and the client secret"),
            "{told}"
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
        r#"{"access_token":"a\nb"}"#,
        "[7]",
    ] {
        let script = Script::always(200, body);
        let error = client(&with_oauth2(), &script)
            .job(JOB, within(60))
            .await
            .unwrap_err();
        assert_eq!(error.reason, Reason::Malformed);
        assert_eq!(
            error.to_string(),
            "POST /api/v0/oauth2/token: the answer holds no access_token. Check oauth2.token_url"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ends_as_it_begins_does_not_make_a_fetch_per_request() {
    let script = granting(0, |_, _| true);
    let client = client(&with_oauth2(), &script);
    for _ in 0..5 {
        client.job(JOB, within(60)).await.unwrap();
    }
    assert_eq!(fetches(&script), 1);
}
