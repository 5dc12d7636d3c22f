//! A token made by hand, in a file that somebody rotates.

use super::*;

fn in_file(content: &str) -> (tempfile::TempDir, std::path::PathBuf, Tenant) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token.jwt");
    std::fs::write(&path, content).unwrap();
    let tenant = Tenant {
        credentials: Credentials::Token(Secret::File(path.clone())),
        ..socktown()
    };
    (folder, path, tenant)
}

#[tokio::test(start_paused = true)]
async fn a_rotated_token_file_works_without_a_refusal() {
    let (_folder, path, tenant) = in_file("one\n");
    let script = Script::new(|_, _| Answer::job());
    let client = client(&tenant, &script);
    client.job(JOB, within(60)).await.outcome.unwrap();
    std::fs::write(&path, "two").unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.job(JOB, within(60)).await.outcome.unwrap();
    assert_eq!(script.bearers(), ["Bearer one", "Bearer two"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_file_is_read_again_and_the_request_repeated_only_if_it_changed() {
    let (_folder, path, tenant) = in_file("one");
    let script = Script::new(|_, call| match call.headers["authorization"].as_bytes() {
        b"Bearer two" => Answer::job(),
        _ => Answer::json(401, "{}"),
    });
    let client = client(&tenant, &script);
    client.job(JOB, within(60)).await.outcome.unwrap_err();
    assert_eq!(script.bearers(), ["Bearer one"]);
    std::fs::write(&path, "two").unwrap();
    client.job(JOB, within(60)).await.outcome.unwrap();
    assert_eq!(script.bearers(), ["Bearer one", "Bearer one", "Bearer two"]);
}

#[tokio::test(start_paused = true)]
async fn while_a_token_file_is_rewritten_the_current_token_is_used() {
    let (_folder, path, tenant) = in_file("one");
    let script = Script::new(|_, _| Answer::job());
    let client = client(&tenant, &script);
    client.job(JOB, within(60)).await.outcome.unwrap();
    std::fs::write(&path, "").unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    client.job(JOB, within(60)).await.outcome.unwrap();
    assert_eq!(script.bearers(), ["Bearer one", "Bearer one"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_file_that_is_unusable_from_the_start_is_an_error_with_advice() {
    let (_folder, path, tenant) = in_file("");
    let script = Script::new(|_, _| Answer::job());
    let unusable = client(&tenant, &script);
    let error = unusable.job(JOB, within(60)).await.outcome.unwrap_err();
    assert_eq!(error.reason, Reason::Unauthorized);
    let text = error.to_string();
    assert!(
        text.ends_with("token.jwt: the file's content must not be blank"),
        "{text}"
    );

    for more_than_a_token in ["one\ntwo", "Bearer one"] {
        std::fs::write(&path, more_than_a_token).unwrap();
        let unusable = client(&tenant, &script);
        let error = unusable.job(JOB, within(60)).await.outcome.unwrap_err();
        let text = error.to_string();
        assert!(
            text.ends_with(
                "must be the token alone: one line, no white space, no word `Bearer` before it"
            ),
            "{text}"
        );
    }
    assert!(script.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_error_of_an_expired_token_says_when_it_expired() {
    let (_folder, _path, tenant) = in_file(&jwt(r#"{"exp":1717214400}"#));
    let script = Script::always(401, "{}");
    let error = client(&tenant, &script)
        .job(JOB, within(60))
        .await
        .outcome
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("it expired at 2024-06-01T04:00:00Z. Write a new one into /"),
        "{text}"
    );
}
