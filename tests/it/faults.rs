//! The fault matrix: one tenant per fault, all in one exporter at the same time,
//! over sockets. Each tenant's requests pass a proxy of its own on the way to the
//! simulator, which has the fault for some refreshes.
//!
//! What is observed is the table of docs/RELIABILITY.md. To write it again:
//!
//! ```text
//! AMPERITY_UPDATE_DOCS=1 cargo test --test it faults
//! ```

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use amperity_exporter::clock::Clock;
use amperity_simulator::{Job, Rows, SimulatedTenant, Simulator, Table, World};
use jiff::SignedDuration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::support::process::Process;
use crate::support::upstream::Upstream;
use crate::support::{Page, label};
use matrix::{Effect, Row};
use proxy::FaultProxy;
use rows::rows;

mod matrix;
mod proxy;
mod rows;

/// For every tenant to reach the state that is waited for, on a busy machine.
const LONGEST_WAIT: Duration = Duration::from_mins(3);

/// As in the configuration.
const INTERVAL: Duration = Duration::from_secs(10);

/// The rows of the run that ends while the fault lasts.
const ROWS: Rows = Rows {
    inserted: 7,
    updated: 5,
    rejected: 3,
    errors: 1,
};

/// A failure that was logged.
#[derive(Debug)]
struct Failure {
    tenant: String,
    of_workflows: bool,
    reason: String,
    message: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_has_its_reason_keeps_the_data_and_loses_no_run() {
    let rows = rows();
    let folder = TempDir::new().unwrap();
    let upstream = Upstream::serve(world(&rows)).await;
    let mut proxies = Vec::new();
    for row in &rows {
        proxies.push(FaultProxy::serve(row, upstream.address(), folder.path()).await);
    }
    let configuration = folder.path().join("amperity.yml");
    std::fs::write(&configuration, yaml(&rows, &proxies)).unwrap();
    let config = format!("--config.file={}", configuration.display());
    let mut exporter = Process::spawn(&[config.as_str(), "--log.format=json"]);
    exporter.listening().await;

    until(&exporter, "all tenants are up", |page| {
        rows_not_up(page, &rows)
    })
    .await;
    let now = Clock::system().now();
    for row in &rows {
        // Ends while the fault lasts.
        let job = job("during", now);
        assert!(upstream.simulator.add_job(&row.tenant(), job));
    }
    for proxy in &mut proxies {
        proxy.start_fault();
    }
    sleep(INTERVAL * 2).await;
    until(&exporter, "all faults have their effect", |page| {
        without_effect(page, &rows)
    })
    .await;
    let page = exporter.page().await;
    let kept = page.family("amperity_feed_last_success_timestamp_seconds");
    let kept: Vec<String> = kept
        .into_keys()
        .map(|labels| label(&labels, "tenant"))
        .collect();
    let failures = failures(&exporter.log());
    for proxy in &mut proxies {
        proxy.end_fault();
    }
    until(&exporter, "all tenants are up again", |page| {
        rows_not_up(page, &rows)
    })
    .await;
    until(&exporter, "all runs are counted", |page| {
        miscounted(page, &rows, &upstream.simulator)
    })
    .await;
    // Nothing is counted a second time.
    sleep(INTERVAL * 2).await;
    let page = exporter.page().await;
    assert_eq!(
        miscounted(&page, &rows, &upstream.simulator),
        Vec::<String>::new()
    );

    for row in &rows {
        assert!(
            kept.contains(&row.tenant()),
            "the feeds of {} left the page",
            row.title()
        );
    }
    let log = exporter.log().join("\n");
    assert!(
        !log.contains("token-of-") && !log.contains("secret-of-"),
        "{log}"
    );
    check_document(&table(&rows, &failures, folder.path()));
}

fn world(rows: &[Row]) -> World {
    let before = Clock::system().now() - SignedDuration::from_mins(5);
    rows.iter().fold(World::empty(), |world, row| {
        let tenant = SimulatedTenant::new(row.tenant()).job(job("before", before));
        world.tenant(tenant)
    })
}

fn job(id: &str, start: jiff::Timestamp) -> Job {
    let table = Table::new("Customers", "df-1");
    let table = table.lasting(Duration::from_secs(1)).rows(ROWS);
    Job::new(format!("isj-{id}"), start).table(table)
}

fn yaml(rows: &[Row], proxies: &[FaultProxy]) -> String {
    let mut text = String::from("refresh: {interval: 10s}\napi: {timeout: 8s}\ntenants:\n");
    for (row, proxy) in rows.iter().zip(proxies) {
        let (tenant, settings) = (row.tenant(), row.settings(proxy));
        writeln!(
            text,
            "  - {{tenant: {tenant}, discovery: {{window: 1h}}, {settings}}}"
        )
        .unwrap();
    }
    text
}

/// Waits until nothing is missing.
async fn until(exporter: &Process, what: &str, mut missing: impl FnMut(&Page) -> Vec<String>) {
    let deadline = Instant::now() + LONGEST_WAIT;
    loop {
        let missing = missing(&exporter.page().await);
        if missing.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{what}, but for: {missing:#?}");
        sleep(Duration::from_millis(500)).await;
    }
}

fn value(page: &Page, family: &str, row: &Row) -> Option<f64> {
    page.value(&format!("{family}{{tenant=\"{}\"}}", row.tenant()))
}

fn rows_not_up(page: &Page, rows: &[Row]) -> Vec<String> {
    let down = |row: &&Row| value(page, "amperity_up", row) != Some(1.0);
    rows.iter().filter(down).map(Row::title).collect()
}

fn without_effect(page: &Page, rows: &[Row]) -> Vec<String> {
    let has_effect = |row: &&Row| {
        let up = value(page, "amperity_up", row);
        let workflows_up = value(page, "amperity_workflows_up", row);
        match row.effect {
            Effect::Down(_) => up == Some(0.0),
            Effect::WorkflowsDown(_) => (up, workflows_up) == (Some(1.0), Some(0.0)),
            Effect::None => (up, workflows_up) == (Some(1.0), Some(1.0)),
        }
    };
    let without = rows.iter().filter(|row| !has_effect(row));
    without.map(Row::title).collect()
}

/// Tenants whose counters are not what the simulator says: the run that ended
/// before the exporter started is not counted, the other one once.
fn miscounted(page: &Page, rows: &[Row], simulator: &Simulator) -> Vec<String> {
    let always = jiff::Timestamp::UNIX_EPOCH..jiff::Timestamp::MAX;
    let is_wrong = |row: &&Row| {
        let truth = simulator.feed_totals(&row.tenant(), always.clone(), jiff::Timestamp::MAX);
        let read = truth.values().map(|totals| totals.counts.read).sum::<u64>() / 2;
        let series = format!(
            "amperity_feed_read_rows_total{{tenant=\"{}\",table=\"Customers\",feed=\"df-1\"}}",
            row.tenant()
        );
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let read = read as f64;
        page.value(&series) != Some(read)
    };
    let wrong = rows.iter().filter(is_wrong);
    wrong.map(Row::title).collect()
}

/// The failures of each tenant, from the log: those of refreshes and those of
/// requests for workflows.
fn failures(log: &[String]) -> Vec<Failure> {
    let lines = log.iter().map(|line| serde_json::from_str(line).unwrap());
    let failures = lines.filter_map(|line: serde_json::Value| {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let of_workflows = text("msg").starts_with("workflows cannot be requested");
        let is_failure = of_workflows || text("msg").starts_with("refresh ");
        (line["level"] == "warn" && is_failure).then(|| Failure {
            tenant: text("tenant"),
            of_workflows,
            reason: text("reason"),
            message: text("error"),
        })
    });
    failures.collect()
}

/// The message without what differs from run to run: ports, ids and the folder.
fn normalized(message: &str, folder: &Path) -> String {
    let message = message.replace(folder.to_str().unwrap(), "/etc/amperity_exporter");
    let words = message.split(' ').map(|word| {
        let (before, port) = word.split_once("127.0.0.1:").unwrap_or((word, ""));
        let core = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let is_number = core.len() > 8 && core.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_number {
            word.replace(core, "…")
        } else if port.is_empty() {
            word.to_owned()
        } else {
            let rest = port.trim_start_matches(|letter: char| letter.is_ascii_digit());
            format!("{before}127.0.0.1:PORT{rest}")
        }
    });
    words.collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// The table of the document; panics where the expected failure was not logged.
fn table(rows: &[Row], failures: &[Failure], folder: &Path) -> String {
    let mut text = String::from("| Fault | Reason | Message in the log |\n|---|---|---|\n");
    let mut missing = Vec::new();
    let mut group = "";
    for row in rows {
        if row.group != group {
            group = row.group;
            writeln!(text, "| **{group}** | | |").unwrap();
        }
        let (reason, of_workflows) = match row.effect {
            Effect::Down(reason) => (reason, false),
            Effect::WorkflowsDown(reason) => (reason, true),
            Effect::None => {
                writeln!(text, "| {} | none | |", row.name).unwrap();
                continue;
            }
        };
        let of_tenant = failures.iter().filter(|one| one.tenant == row.tenant());
        let of_tenant: Vec<&Failure> = of_tenant.collect();
        // On a busy machine it may also have timed out.
        let expected = |one: &&&Failure| one.of_workflows == of_workflows && one.reason == reason;
        let Some(failure) = of_tenant.iter().find(expected) else {
            missing.push(format!("{}: {reason:?} not in {of_tenant:#?}", row.title()));
            continue;
        };
        let message = normalized(&failure.message, folder);
        writeln!(text, "| {} | {reason} | {message} |", row.name).unwrap();
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    text
}

/// Compares the table with the one in the document.
fn check_document(table: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/RELIABILITY.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- faults -->\n", "<!-- end of faults -->");
    let (before, rest) = text.split_once(begin).unwrap();
    let (documented, after) = rest.split_once(end).unwrap();
    if std::env::var_os("AMPERITY_UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
        return;
    }
    let documented: Vec<String> = documented.lines().map(without_cause).collect();
    let differing = table.lines();
    let differing = differing.filter(|line| !documented.contains(&without_cause(line)));
    let differing: Vec<&str> = differing.collect();
    assert!(
        differing.is_empty() && documented.len() == table.lines().count(),
        "docs/RELIABILITY.md differs; AMPERITY_UPDATE_DOCS=1 writes it again: {differing:#?}"
    );
}

/// Fault, reason and advice. The cause between them may be another one: which packet
/// comes first differs, and on a busy machine a response may come too late.
fn without_cause(line: &str) -> String {
    let mut cells = line.splitn(4, " | ");
    let fault_and_reason: Vec<&str> = cells.by_ref().take(2).collect();
    let message = cells.next().unwrap_or_default();
    let end = ["trace_id t-1). ", ". "];
    let advice = end.iter().find_map(|end| message.split_once(*end));
    let advice = advice.map_or(message, |(_, advice)| advice);
    format!("{} | {advice}", fault_and_reason.join(" | "))
}
