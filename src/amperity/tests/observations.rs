//! What headers and tokens tell besides the answer.

use super::*;

async fn after(headers: Vec<(&'static str, &'static str)>) -> Observations {
    let script = Script::new(move |_, _| {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Answer::Of(404, headers.collect(), "{}".to_owned())
    });
    let client = client(&socktown(), &script);
    client.job(JOB, within(60)).await.unwrap_err();
    client.observations()
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
async fn headers_that_are_no_dates_tell_nothing() {
    let seen = after(vec![
        ("deprecation", "true"),
        ("sunset", "@99999999999999999999"),
        ("date", "yesterday"),
    ])
    .await;
    assert_eq!(seen, Observations::default());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_an_hour_off_is_noticed_and_a_second_is_not() {
    let ahead = after(vec![("date", "Sat, 01 Jun 2024 05:03:00 GMT")]).await;
    assert_eq!(ahead.clock_offset_ms, 3_600_000);
    let behind = after(vec![("date", "Sat, 01 Jun 2024 03:03:00 GMT")]).await;
    assert_eq!(behind.clock_offset_ms, -3_600_000);
    let near = after(vec![("date", "Sat, 01 Jun 2024 04:03:01 GMT")]).await;
    assert_eq!(near.clock_offset_ms, 0);
}

#[tokio::test(start_paused = true)]
async fn of_two_announced_ends_the_earlier_counts_and_each_is_news_once() {
    let script = Script::new(|_, call| {
        let date = if call.line.contains('?') {
            "Tue, 01 Jul 2025 00:00:00 GMT"
        } else {
            "Sun, 01 Jun 2025 00:00:00 GMT"
        };
        let headers = vec![("sunset", date.to_owned())];
        Answer::Of(404, headers, "{}".to_owned())
    });
    let client = client(&socktown(), &script);
    let now: Timestamp = START.parse().unwrap();
    for earliest in ["2025-07-01T00:00:00Z", "2025-06-01T00:00:00Z"] {
        client
            .jobs(now, Timestamp::MAX, within(60))
            .await
            .unwrap_err();
        assert_eq!(client.observations().sunset, time(earliest));
        client.job(JOB, within(60)).await.unwrap_err();
        assert_eq!(client.observations().sunset, time("2025-06-01T00:00:00Z"));
    }
}

async fn expiry(token: String) -> Option<Timestamp> {
    let tenant = Tenant {
        credentials: Credentials::Token(Secret::Value(token.into())),
        ..socktown()
    };
    let script = Script::new(|_, _| Answer::job());
    let client = client(&tenant, &script);
    client.job(JOB, within(60)).await.unwrap();
    client.observations().token_expiry
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_jwt_is_read_from_it_and_an_opaque_token_has_none() {
    let exp = jwt(r#"{"exp":1735689600,"iat":"nonsense","sub":"x"}"#);
    assert_eq!(expiry(exp).await, time("2025-01-01T00:00:00Z"));
    for claims in ["{}", "[]", "x", r#"{"exp":"soon"}"#, r#"{"exp":9e18}"#] {
        assert_eq!(expiry(jwt(claims)).await, None, "{claims}");
    }
    for opaque in [TOKEN, "a.b.c", "..", "a.e30.b.c"] {
        assert_eq!(expiry(opaque.to_owned()).await, None, "{opaque}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_granted_token_is_its_own_or_else_counted_from_expires_in() {
    let expiry = async |token: String| {
        let script = Script::new(move |_, call| {
            if call.line.starts_with("POST") {
                Answer::grant(&token, 3600)
            } else {
                Answer::job()
            }
        });
        let client = client(&with_oauth2(), &script);
        client.job(JOB, within(60)).await.unwrap();
        client.observations().token_expiry
    };
    assert_eq!(expiry(TOKEN.to_owned()).await, time("2024-06-01T05:03:00Z"));
    let own = jwt(r#"{"exp":1717214999}"#);
    assert_eq!(expiry(own).await, time("2024-06-01T04:09:59Z"));
}
