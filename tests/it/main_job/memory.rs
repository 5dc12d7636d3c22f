//! Memory has a bound whatever the API answers: the largest answers of every
//! shape, in processes whose address space is limited.

use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

use super::{Api, TOKEN, with_file};
use crate::support::process::Process;

const MIB: usize = 1 << 20;

/// `limits.response_bytes` and `limits.page_bytes` of the test.
const RESPONSE: usize = MIB;
const PAGE: usize = 4 * MIB;

/// The most feeds in an answer: it may have an object for every 64 bytes.
const FEEDS: usize = RESPONSE / 64;

/// What docs/CONFIGURATION.md states, and what an unoptimized binary takes.
const PEAK: usize = 64 * MIB + 12 * RESPONSE + 3 * PAGE + FEEDS * 7 * 1024;

/// Of address space, much of which is reserved and never used.
const ADDRESS_SPACE: usize = 3 << 30;

/// A busy machine may take long to read some of the answers.
const READY_TIMEOUT: Duration = Duration::from_mins(5);

const TIMES: &str =
    r#""state":"succeeded","started_at":"2024-06-01T04:02:54Z","ended_at":"2024-06-01T04:03:54Z""#;

/// A list of jobs as large as an answer may be: `start`, elements, `end`.
fn filled(start: &str, element: impl Fn(usize) -> String, end: &str) -> String {
    let mut answer = start.to_owned();
    for number in 0.. {
        let element = element(number);
        if answer.len() + element.len() + end.len() + 1 >= RESPONSE {
            break;
        }
        let comma = if number == 0 { "" } else { "," };
        write!(answer, "{comma}{element}").unwrap();
    }
    answer + end
}

fn one_job(table: impl Fn(usize) -> String) -> String {
    filled(r#"{"data":[{"id":"isj-1","tables":["#, table, "]}]}")
}

fn many_jobs(job: impl Fn(usize) -> String) -> String {
    filled(r#"{"data":["#, job, "]}")
}

fn answers() -> [(&'static str, String); 10] {
    let huge = "x".repeat(RESPONSE - 300);
    let long = "y".repeat(1000);
    [
        (
            "one huge table name",
            format!(
                r#"{{"data":[{{"id":"isj-1","tables":[{{"table_name":"{huge}",{TIMES}}}]}}]}}"#
            ),
        ),
        (
            "one huge id",
            format!(r#"{{"data":[{{"id":"{huge}","tables":[{{"table_name":"t",{TIMES}}}]}}]}}"#),
        ),
        (
            "small tables",
            one_job(|n| {
                format!(r#"{{"table_name":"t{n:06}","state":"succeeded","feed_id":"df-123456"}}"#)
            }),
        ),
        (
            "equal tables",
            one_job(|_| {
                r#"{"table_name":"t","state":"succeeded","feed_id":"df-123456789abc"}"#.to_owned()
            }),
        ),
        (
            "jobs without tables",
            many_jobs(|n| {
                format!(r#"{{"id":"isj-20240701-{n:06}","workflow_id":"wf-20240701-12345"}}"#)
            }),
        ),
        (
            "finished jobs",
            many_jobs(|n| {
                format!(r#"{{"id":"isj-{n:06}","tables":[{{"table_name":"t{n}",{TIMES}}}]}}"#)
            }),
        ),
        (
            "files",
            filled(
                &format!(
                    r#"{{"data":[{{"id":"isj-1","tables":[{{"table_name":"t",{TIMES},"files":["#
                ),
                |n| {
                    format!(r#"{{"file_id":"cb-20240618-71992-SF3Uz/part-{n:06}.avro","read":10}}"#)
                },
                "]}]}]}",
            ),
        ),
        (
            "long names",
            one_job(|n| format!(r#"{{"table_name":"{n}{long}","feed_id":"{n}{long}",{TIMES}}}"#)),
        ),
        (
            "names that double in size when escaped",
            one_job(|n| format!(r#"{{"table_name":"{n}{}",{TIMES}}}"#, r"\n".repeat(1000))),
        ),
        (
            "nesting",
            format!(
                r#"{{"data":[{{"id":"isj-1","x":{}"#,
                "[".repeat(RESPONSE - 100)
            ),
        ),
    ]
}

/// The exporter in a process whose address space is limited.
fn limited(mut command: Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!(
            "ulimit -v {}; exec \"$0\" \"$@\"",
            ADDRESS_SPACE / 1024
        ))
        .arg(command.get_program());
    shell.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    command = shell;
    command
}

async fn exporter_of(api: &Api, folder: &std::path::Path) -> Process {
    let configuration = format!(
        "refresh: {{interval: 1s}}\n\
         api: {{base_url: '{}'}}\n\
         limits: {{response_bytes: {RESPONSE}, page_bytes: {PAGE}}}\n\
         state: {{file: state.db}}\n\
         tenants:\n  \
           - tenant: socktown\n    \
             authorization: {{credentials: {TOKEN}}}\n    \
             discovery: {{window: 1h}}\n    \
             collect: {{files: true}}\n",
        api.base_url()
    );
    let mut process = Process::of(limited(with_file(folder, &configuration)));
    process.listening().await;
    let ready = async {
        while process
            .get("/-/ready")
            .await
            .is_none_or(|(code, _)| code != 200)
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let ready = tokio::time::timeout(READY_TIMEOUT, ready).await;
    assert!(ready.is_ok(), "not ready: {:#?}", process.log());
    process
}

#[tokio::test]
async fn the_largest_answers_cost_bounded_memory() {
    let mut peaks = String::new();
    for (name, answer) in answers() {
        let api = Api::start().await;
        api.list(answer);
        let folder = tempfile::tempdir().unwrap();
        let exporter = exporter_of(&api, folder.path()).await;
        let refreshes = r#"amperity_refreshes_total{tenant="socktown"}"#;
        while exporter.page().await.value(refreshes).unwrap() < 3.0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let peak = exporter.peak_memory();
        let size = exporter.page().await.0.len();
        writeln!(peaks, "{name}: {} MiB, page {} MiB", peak / MIB, size / MIB).unwrap();
        assert!(peak <= PEAK, "{peaks}");
        assert!(size <= PAGE + MIB, "{peaks}");
        assert_eq!(exporter.terminate().await.code, Some(0), "{name}");
        // It starts again with what it remembers.
        let exporter = exporter_of(&api, folder.path()).await;
        assert!(exporter.peak_memory() <= PEAK, "{peaks}");
    }
    println!("{peaks}");
}
