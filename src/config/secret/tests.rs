//! Secrets that can be read, and the errors for those that cannot.

use std::time::Duration;

use super::*;

async fn read(path: impl Into<PathBuf>) -> Result<SecretString, SecretError> {
    let mut reader = SecretReader::new(Secret::File(path.into()), Kind::ClientSecret);
    reader.read(Instant::now() + Duration::from_secs(30)).await
}

async fn of_file(content: &[u8]) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, content).unwrap();
    match read(path).await {
        Ok(secret) => Ok(secret.expose_secret().to_owned()),
        Err(error) => Err(error
            .to_string()
            .replace(&folder.path().display().to_string(), "…")),
    }
}

#[tokio::test]
async fn white_space_around_the_secret_of_a_file_does_not_count() {
    assert_eq!(of_file(b" \n s3cr3t\r\n").await.unwrap(), "s3cr3t");
}

#[tokio::test]
async fn a_byte_order_mark_is_not_part_of_the_secret() {
    assert_eq!(of_file(b"\xef\xbb\xbfs3cr3t\n").await.unwrap(), "s3cr3t");
}

#[test]
fn placeholders_and_quotes_are_refused() {
    let problem = |kind: Kind, secret| kind.problem(secret).is_some();
    for secret in ["\"token\"", "'token'", "${TOKEN}", "<token>", "{{ token }}"] {
        assert!(problem(Kind::Token, secret), "{secret}");
        assert!(problem(Kind::ClientSecret, secret), "{secret}");
    }
    assert!(problem(Kind::Token, "Bearer<token"));
    for secret in ["a<b", "it's", "$a{b}", "a\"b"] {
        assert!(!problem(Kind::ClientSecret, secret), "{secret}");
    }
    assert!(!problem(Kind::Token, "eyJhbGciOi.c2VjcmV0-_.dG9r+/=="));
}

#[tokio::test]
async fn an_unusable_file_is_named_with_what_to_do() {
    let empty = of_file(b" \n").await.unwrap_err();
    assert_eq!(empty, "…/token: the file's content must not be blank");
    let binary = of_file(b"\xff\xfe").await.unwrap_err();
    assert_eq!(
        binary,
        "…/token: the file's content is not text; is it the right file?"
    );
    let long = of_file(&vec![b'x'; 70_000]).await.unwrap_err();
    assert_eq!(
        long,
        "…/token: the file's content is too long for a secret (over 64 KiB); is it the right file?"
    );
    let absent = read("/does/not/exist").await;
    assert_eq!(
        absent.unwrap_err().to_string(),
        "/does/not/exist: the file cannot be read: No such file or directory (os error 2); check \
         path and permissions"
    );
}

#[tokio::test]
async fn the_secret_read_last_is_used_while_the_file_is_unusable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "first").unwrap();
    let mut reader = SecretReader::new(Secret::File(path.clone()), Kind::ClientSecret);
    let soon = Instant::now() + Duration::from_secs(30);
    reader.read(soon).await.unwrap();
    for unusable in [&b""[..], b"\xff\xfe", &vec![b'x'; 70_000]] {
        std::fs::write(&path, unusable).unwrap();
        assert_eq!(reader.read(soon).await.unwrap().expose_secret(), "first");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(reader.read(soon).await.unwrap().expose_secret(), "first");
    std::fs::create_dir(&path).unwrap();
    assert_eq!(reader.read(soon).await.unwrap().expose_secret(), "first");
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, "\u{feff}second").unwrap();
    assert_eq!(reader.read(soon).await.unwrap().expose_secret(), "second");
}

fn pipe(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("token");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    path
}

#[tokio::test]
async fn a_pipe_is_waited_for_until_the_deadline_and_read_by_one_thread() {
    let folder = tempfile::tempdir().unwrap();
    let path = pipe(&folder);
    let mut reader = SecretReader::new(Secret::File(path.clone()), Kind::Token);
    for _ in 0..3 {
        let soon = Instant::now() + Duration::from_millis(20);
        let error = reader.read(soon).await.unwrap_err().to_string();
        assert!(error.contains("cannot be read within 5 s"), "{error}");
    }
    // One reader takes it all; another one would be left without an end.
    tokio::task::spawn_blocking(move || std::fs::write(path, "late"));
    let later = Instant::now() + Duration::from_secs(30);
    assert_eq!(reader.read(later).await.unwrap().expose_secret(), "late");
}

#[tokio::test]
async fn reading_a_pipe_without_a_writer_times_out_and_a_file_in_its_place_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = pipe(&folder);
    let mut reader = SecretReader::new(Secret::File(path.clone()), Kind::Token);
    let later = Instant::now() + Duration::from_mins(1);
    reader.read(later).await.unwrap_err();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "regular").unwrap();
    assert_eq!(reader.read(later).await.unwrap().expose_secret(), "regular");
}

#[test]
fn debug_shows_the_path_and_never_the_secret() {
    let value = Secret::Value("hunter2".into());
    assert!(!format!("{value:?}").contains("hunter2"));
    let file = Secret::File("/etc/token".into());
    assert_eq!(format!("{file:?}"), r#"File("/etc/token")"#);
}
