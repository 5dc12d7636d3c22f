//! Retries.

use super::*;

/// Seconds since the script began, to the tenth, of each call.
fn times(script: &Script) -> Vec<f64> {
    let calls = script.calls();
    let tenths = |call: &Call| (call.at.as_secs_f64() * 10.0).round() / 10.0;
    calls.iter().map(tenths).collect()
}

#[tokio::test(start_paused = true)]
async fn transient_errors_are_retried() {
    for first in [
        || Answer::json(500, "{}"),
        || Answer::json(502, "<html>"),
        || Answer::json(503, ""),
        || Answer::json(504, ""),
        || Answer::Broken(Reason::Unreachable, "connection reset by peer"),
        || Answer::Broken(Reason::Timeout, "no response in time"),
    ] {
        let script = Script::new(move |call, _| if call < 3 { first() } else { Answer::job() });
        let job = client(&socktown(), &script)
            .job(JOB, within(60))
            .await
            .outcome;
        assert_eq!(&*job.unwrap().id, JOB);
        assert_eq!(script.lines().len(), 4);
        assert!(times(&script)[3] <= 0.25 + 0.5 + 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn permanent_errors_are_not_retried() {
    for answer in [
        || Answer::json(400, "{}"),
        || Answer::json(401, "{}"),
        || Answer::json(403, "{}"),
        || Answer::json(404, "{}"),
        || Answer::json(501, "{}"),
        || Answer::json(307, ""),
        || Answer::json(200, "<html>"),
        || Answer::Broken(Reason::TooLarge, "too large"),
        || Answer::Broken(Reason::Malformed, "not gzip"),
        || Answer::Broken(Reason::Tls, "unknown issuer"),
    ] {
        let script = Script::new(move |_, _| answer());
        client(&socktown(), &script)
            .job(JOB, within(60))
            .await
            .outcome
            .unwrap_err();
        assert_eq!(script.lines().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_down_gets_five_requests_within_seconds() {
    let script = Script::always(500, r#"{"message":"boom","request_id":"r"}"#);
    let error = client(&socktown(), &script)
        .job(JOB, within(600))
        .await
        .outcome;
    assert_eq!(error.unwrap_err().reason, Reason::ServerError);
    assert_eq!(script.lines().len(), 5);
    assert!(times(&script)[4] <= 3.8);
}

#[tokio::test(start_paused = true)]
async fn no_request_or_wait_exceeds_the_deadline() {
    for attempt in 0..50 {
        let script = Script::always(500, "{}");
        let budget = Duration::from_millis(20 * attempt);
        let began = Instant::now();
        let error = client(&socktown(), &script)
            .job(JOB, began + budget)
            .await
            .outcome;
        assert!(error.is_err() && began.elapsed() <= budget);
        assert!(
            script
                .calls()
                .iter()
                .all(|call| call.at < budget.max(Duration::from_nanos(1)))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_ends_with_the_timeout_or_the_deadline() {
    let script = Script::new(|_, _| Answer::Silent);
    let client = client(&socktown(), &script);
    let began = Instant::now();
    let error = client.job(JOB, within(12)).await.outcome.unwrap_err();
    assert_eq!(error.reason, Reason::Timeout);
    insta::assert_snapshot!(error, @"GET ingest/jobs/isj-1f73r9u2: no response within 12s. If the API is only slow, raise timeout; otherwise check the network to it");
    assert_eq!(began.elapsed().as_millis(), 12_000);
    let error = client.job(JOB, within(31)).await.outcome.unwrap_err();
    assert_eq!(error.reason, Reason::Timeout);
    let second = script.calls()[1].at;
    assert_eq!(second.as_secs(), 12);
    assert!(began.elapsed().as_secs() >= 42);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_in_seconds_as_a_date_and_within_its_cap() {
    for (header, expected) in [
        ("7", 7.0),
        ("Sat, 01 Jun 2024 04:03:09 GMT", 9.0),
        ("86400", 60.0),
        ("18446744073709551615", 60.0),
        ("Sat, 01 Jun 2999 04:03:00 GMT", 60.0),
        // In the past, or no time at all: as if there were none.
        ("Sat, 01 Jun 2002 04:03:00 GMT", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
    ] {
        for status in [429, 503] {
            let script = Script::new(move |call, _| match call {
                0 => Answer::Of(
                    status,
                    vec![("retry-after", header.to_owned())],
                    "{}".into(),
                ),
                _ => Answer::job(),
            });
            client(&socktown(), &script)
                .job(JOB, within(300))
                .await
                .outcome
                .unwrap();
            let second = times(&script)[1];
            assert!(
                (expected..=expected + 0.5).contains(&second),
                "{header}: {second}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_the_deadline_is_not_waited_for() {
    let script =
        Script::new(|_, _| Answer::Of(429, vec![("retry-after", "30".into())], "{}".into()));
    let client = client(&socktown(), &script);
    let began = Instant::now();
    let error = client.job(JOB, within(20)).await.outcome.unwrap_err();
    assert_eq!(error.reason, Reason::RateLimited);
    assert!(began.elapsed() < Duration::from_secs(1));
    // Nor does the next question disturb the API before that.
    let error = client.job(JOB, within(20)).await.outcome.unwrap_err();
    assert_eq!(error.reason, Reason::RateLimited);
    assert_eq!(script.lines().len(), 1);
}

/// The API while others use up its limit for ten minutes: two a second are
/// left for us.
fn crowded() -> Arc<Script> {
    let passed = Mutex::new(Vec::<Duration>::new());
    Script::new(move |_, call| {
        let mut passed = passed.lock().unwrap();
        passed.retain(|at| call.at.saturating_sub(*at) < Duration::from_secs(1));
        if passed.len() < 2 || call.at >= Duration::from_mins(10) {
            passed.push(call.at);
            return Answer::job();
        }
        Answer::json(429, "{}")
    })
}

#[tokio::test(start_paused = true)]
async fn the_rate_falls_under_the_limit_while_429s_come_and_recovers_afterwards() {
    let script = crowded();
    let client = Arc::new(client(&socktown(), &script));
    let ask = async |questions: usize| {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..questions {
            let client = Arc::clone(&client);
            tasks.spawn(async move { client.job(JOB, within(300)).await.outcome.is_ok() });
        }
        tasks.join_all().await.into_iter().filter(|ok| *ok).count()
    };
    let answered = ask(100).await;
    assert!(answered >= 90, "{answered} of 100 answered");
    let calls = script.calls();
    // No second sees more than rate and burst of the bucket.
    for (index, call) in calls.iter().enumerate() {
        let second = call.at + Duration::from_millis(999);
        let seen = calls[index..]
            .iter()
            .take_while(|later| later.at <= second)
            .count();
        assert!(seen <= 10, "{seen} requests within a second");
    }
    // Most of what is sent is let in: the rate has found its level.
    let refused = calls.len() - answered;
    assert!(refused <= 60, "{refused} refusals for {answered} answers");

    tokio::time::sleep_until(script.began + Duration::from_mins(15)).await;
    let before = script.lines().len();
    let began = script.began.elapsed();
    ask(5).await;
    let burst = &script.calls()[before..before + 5];
    assert!(
        burst
            .iter()
            .all(|call| call.at.saturating_sub(began) < Duration::from_millis(50))
    );
}

#[tokio::test(start_paused = true)]
async fn after_ten_minutes_of_500s_the_next_request_is_answered_at_once() {
    let script = Script::new(|_, call| match call.at.as_secs() {
        ..600 => Answer::json(500, "{}"),
        _ => Answer::job(),
    });
    let client = client(&socktown(), &script);
    for _ in 0..10 {
        client.job(JOB, within(50)).await.outcome.unwrap_err();
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    let asked = script.lines().len();
    assert_eq!(asked, 50);
    client.job(JOB, within(50)).await.outcome.unwrap();
    assert_eq!(script.lines().len(), 51);
}
