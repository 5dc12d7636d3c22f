//! What response headers and tokens show besides the answer.

use super::*;

async fn after(headers: Vec<(&'static str, &'static str)>) -> Observed {
    let script = Script::new(move |_, _| {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Answer::Of(404, headers.collect(), "{}".to_owned())
    });
    let client = client(&socktown(), &script);
    let reply = client.job(JOB, within(60)).await;
    reply.outcome.unwrap_err();
    reply.observed
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[tokio::test(start_paused = true)]
async fn deprecation_and_sunset_are_read_in_both_spellings() {
    let seen = after(vec![
        ("deprecation", "@1735689600"),
        ("sunset", "Tue, 01 Jul 2025 00:00:00 GMT"),
    ])
    .await;
    assert_eq!(seen.deprecation, time("2025-01-01T00:00:00Z"));
    assert_eq!(seen.sunset, time("2025-07-01T00:00:00Z"));
    let seen = after(vec![("deprecation", "Wed, 01 Jan 2025 00:00:00 GMT")]).await;
    assert_eq!(seen.deprecation, time("2025-01-01T00:00:00Z"));
}

#[tokio::test(start_paused = true)]
async fn headers_that_are_no_dates_are_ignored() {
    let seen = after(vec![
        ("deprecation", "true"),
        ("sunset", "@99999999999999999999"),
        ("date", "yesterday"),
    ])
    .await;
    assert_eq!(
        seen,
        Observed {
            requests: 1,
            token_sent: true,
            ..Observed::default()
        }
    );
}

#[tokio::test(start_paused = true)]
async fn the_clock_offset_comes_back_with_the_answer_it_was_read_from() {
    let ahead = after(vec![("date", "Sat, 01 Jun 2024 05:03:00 GMT")]).await;
    assert_eq!(ahead.clock_offset, Some(SignedDuration::from_hours(1)));
    let behind = after(vec![("date", "Sat, 01 Jun 2024 03:03:00 GMT")]).await;
    assert_eq!(behind.clock_offset, Some(SignedDuration::from_hours(-1)));
    let near = after(vec![("date", "Sat, 01 Jun 2024 04:03:01 GMT")]).await;
    assert_eq!(near.clock_offset, Some(SignedDuration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn a_call_counts_its_own_requests_retries_and_tokens_included() {
    let script = Script::new(|_, call| match call.line.starts_with("POST") {
        true => Answer::grant("first", 3600),
        false if call.at.is_zero() => Answer::json(503, "{}"),
        false => Answer::job(),
    });
    let client = client(&with_oauth2(), &script);
    let (job, probe) = tokio::join!(client.job(JOB, within(60)), client.probe(JOB, within(60)));
    let all = job.observed.requests + probe.observed.requests;
    assert_eq!(all, script.calls().len() as u64);
    assert_eq!(client.job(JOB, within(60)).await.observed.requests, 1);
}

async fn expiry(token: String) -> Option<Timestamp> {
    let tenant = Tenant {
        credentials: Credentials::Token(Secret::Value(token.into())),
        ..socktown()
    };
    let script = Script::new(|_, _| Answer::job());
    let client = client(&tenant, &script);
    client.job(JOB, within(60)).await.observed.token_expiry
}

#[tokio::test(start_paused = true)]
async fn the_expiry_of_a_jwt_is_read_from_it_and_an_opaque_token_has_none() {
    let exp = jwt(r#"{"exp":1735689600,"iat":"nonsense","sub":"x"}"#);
    assert_eq!(expiry(exp).await, time("2025-01-01T00:00:00Z"));
    for written in ["\"1735689600\"", "1735689600.7", "1.7356896e9"] {
        let claims = format!(r#"{{"exp":{written}}}"#);
        assert_eq!(expiry(jwt(&claims)).await, time("2025-01-01T00:00:00Z"));
    }
    for claims in [
        "{}",
        "[]",
        "[1735689600]",
        "x",
        r#"{"exp":"soon"}"#,
        r#"{"exp":9e18}"#,
        r#"{"exp":0}"#,
        r#"{"exp":-5}"#,
        r#"{"exp":null}"#,
    ] {
        assert_eq!(expiry(jwt(claims)).await, None, "{claims}");
    }
    for opaque in [TOKEN, "a.b.c", "..", "a.e30.b.c"] {
        assert_eq!(expiry(opaque.to_owned()).await, None, "{opaque}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_expiry_of_an_oauth2_token_is_its_own_or_else_counted_from_expires_in() {
    let expiry = async |token: String| {
        let script = Script::new(move |_, call| {
            if call.line.starts_with("POST") {
                Answer::grant(&token, 3600)
            } else {
                Answer::job()
            }
        });
        let client = client(&with_oauth2(), &script);
        client.job(JOB, within(60)).await.observed.token_expiry
    };
    assert_eq!(expiry(TOKEN.to_owned()).await, time("2024-06-01T05:03:00Z"));
    let own = jwt(r#"{"exp":1717214999}"#);
    assert_eq!(expiry(own).await, time("2024-06-01T04:09:59Z"));
}
