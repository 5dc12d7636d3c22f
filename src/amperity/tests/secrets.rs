//! No secret in any error, log or `Debug`, whatever the API echoes.

use std::io::Write;

use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// Where the logs of a test go.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    /// Collects every event of this thread, the most detailed ones too.
    fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn lines_with(&self, word: &str) -> usize {
        self.text()
            .lines()
            .filter(|line| line.contains(word))
            .count()
    }
}

/// Echoes all of the request, as a careless proxy or debug mode does.
fn echo(status: u16, call: &Call) -> Answer {
    let mut all = format!("{} {} ", call.line, call.body);
    for (name, value) in &call.headers {
        all += &[name.as_str(), value.to_str().unwrap(), ""].join(" ");
    }
    let body = serde_json::json!({"message": all, "request_id": all, "trace_id": all});
    Answer::Of(status, vec![("content-type", all)], body.to_string())
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_any_error_log_or_debug_output() {
    let (log, _guard) = Log::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, TOKEN).unwrap();
    let from_file = Tenant {
        credentials: Credentials::Token(Secret::File(path)),
        ..socktown()
    };
    let mut shown = Vec::new();
    for tenant in [socktown(), from_file, with_oauth2()] {
        for status in [200, 302, 400, 401, 403, 404, 418, 429, 500, 503] {
            for token_endpoint_echoes in [false, true] {
                let script = Script::new(move |_, call| {
                    if call.line.starts_with("POST") && !token_endpoint_echoes {
                        return Answer::grant(TOKEN, 3600);
                    }
                    echo(status, call)
                });
                let client = client(&tenant, &script);
                let job = client.job(JOB, within(600)).await.outcome;
                let jobs = client
                    .jobs(Timestamp::UNIX_EPOCH, Timestamp::MAX, within(600))
                    .await
                    .outcome;
                shown.push(format!("{client:?} {tenant:?} {job:?} {jobs:?}"));
                for error in [job.unwrap_err(), jobs.unwrap_err()] {
                    shown.push(error.to_string());
                }
            }
        }
    }
    shown.extend(log.text().lines().map(str::to_owned));
    assert!(log.text().contains("a request failed"));
    let encoded = "client%2Bsecret%2F%26%3D9876543210";
    for secret in [TOKEN, CLIENT_SECRET, encoded] {
        let line = shown.iter().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} in {}", line.unwrap());
    }
    assert!(shown.iter().any(|line| line.contains("<secret>")));
}

#[tokio::test(start_paused = true)]
async fn renewals_that_fail_are_logged_once_and_their_end_too() {
    let (log, _guard) = Log::begin();
    let script = Script::new(|call, sent| match sent.line.starts_with("POST") {
        true if call == 0 || sent.at.as_secs() > 990 => Answer::grant(TOKEN, 1000),
        true => Answer::json(503, "{}"),
        false => Answer::job(),
    });
    let client = client(&with_oauth2(), &script);
    for _ in 0..110 {
        client.job(JOB, within(60)).await.outcome.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(log.lines_with(" WARN "), 1, "{}", log.text());
    assert_eq!(log.lines_with(" INFO "), 1, "{}", log.text());
}
