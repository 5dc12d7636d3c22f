//! Complete lines of the log.

use std::io;
use std::sync::{Arc, Mutex};

use super::*;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged while `events` runs.
fn logged(level: Level, format: Format, events: impl FnOnce()) -> String {
    let memory = Memory::default();
    let writer = memory.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = Clock::starting_at("2024-07-01T12:00:00.5Z".parse().unwrap());
        let options = Options { level, format };
        let subscriber = subscriber(options, clock, move || writer.clone());
        tracing::subscriber::with_default(subscriber, events);
    });
    let bytes = memory.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn events() {
    tracing::info!(address = "[::]:10109", "listening");
    tracing::warn!(
        tenant = "socktown",
        error = "a \"quoted\"\nsecond line \u{1b}[31m\u{2028}\\",
        count = 3,
        empty = "",
        "a = b"
    );
    tracing::debug!(ratio = 0.5, known = true, list = ?["a"], "details");
    tracing::info!(target: "hyper::proto", "dependency detail");
    tracing::error!(target: "rustls", "a dependency's error");
}

#[test]
fn an_event_is_one_line_of_logfmt() {
    insta::assert_snapshot!(logged(Level::Debug, Format::Logfmt, events), @r#"
    time=2024-07-01T12:00:00.500Z level=info msg=listening address=[::]:10109
    time=2024-07-01T12:00:00.500Z level=warn msg="a = b" tenant=socktown error="a \"quoted\"\nsecond line \u001b[31m\u2028\\" count=3 empty=""
    time=2024-07-01T12:00:00.500Z level=debug msg=details ratio=0.5 known=true list="[\"a\"]"
    time=2024-07-01T12:00:00.500Z level=error msg="a dependency's error"
    "#);
}

#[test]
fn an_event_is_one_object_of_json() {
    let lines = logged(Level::Debug, Format::Json, events);
    for line in lines.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    insta::assert_snapshot!(lines, @r#"
    {"time":"2024-07-01T12:00:00.500Z","level":"info","msg":"listening","address":"[::]:10109"}
    {"time":"2024-07-01T12:00:00.500Z","level":"warn","msg":"a = b","tenant":"socktown","error":"a \"quoted\"\nsecond line \u001b[31m\u2028\\","count":3,"empty":""}
    {"time":"2024-07-01T12:00:00.500Z","level":"debug","msg":"details","ratio":0.5,"known":true,"list":"[\"a\"]"}
    {"time":"2024-07-01T12:00:00.500Z","level":"error","msg":"a dependency's error"}
    "#);
}

#[test]
fn events_below_the_level_are_not_logged() {
    insta::assert_snapshot!(logged(Level::Error, Format::Logfmt, events), @r#"time=2024-07-01T12:00:00.500Z level=error msg="a dependency's error""#);
}
