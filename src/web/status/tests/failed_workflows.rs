//! Failed workflows on the pages.

use super::*;
use crate::feeds::RunHistory;
use crate::jobs::{Attribution, WorkflowFailure};

/// A workflow whose only run failed this many hours ago.
fn failed_workflow(id: &str, workflow: &str, hours: u64, failure: WorkflowFailure) -> Job {
    Job {
        id: id.into(),
        tables: vec![Table {
            table: workflow.into(),
            feed: "courier_group".into(),
            state: Some(State::Failed),
            finished: true,
            rows: Rows::default(),
            started_at: Some(hours_ago(hours + 1)),
            ended_at: Some(hours_ago(hours)),
            files: Files::default(),
        }],
        failure: Some(Arc::new(failure)),
        ..Job::default()
    }
}

fn failure(attribution: Attribution, message: &str) -> WorkflowFailure {
    WorkflowFailure {
        attribution,
        error_type: "amperity.workflow.task.courier/x".into(),
        message: message.into(),
    }
}

fn with_workflows(runs: &[Job]) -> Snapshot {
    let mut history = RunHistory::of_workflows();
    history.observe(runs, now());
    Snapshot {
        workflows: history.feeds().into(),
        ..tenant("socktown", vec![nightly("Customers", 20)], Vec::new())
    }
}

#[test]
fn failed_workflows_come_first_with_message_and_advice() {
    let runs = [
        failed_workflow(
            "wf-1",
            "Nightly",
            3,
            failure(Attribution::Customer, "No file <b>."),
        ),
        failed_workflow("wf-2", "Hourly", 1, failure(Attribution::Platform, "")),
    ];
    let mut snapshot = with_workflows(&runs);
    snapshot.status.workflows_up = Some(false);
    let page = tenant_page(snapshot.clone());
    let notes = text(&page);
    let notes = notes
        .lines()
        .filter(|line| line.contains("orkflow") || line.contains("Run wf"));
    insta::assert_snapshot!(notes.collect::<Vec<_>>().join("\n"), @"
    Workflow Hourly failed
    (amperity.workflow.task.courier/x) The cause is Amperity's platform, and is often transient: retry the task with Show resolutions; if it fails again, contact Amperity Support.
    Ended 2024-07-01 11:00:00 UTC, 1 h ago. Run wf-2
    Workflow Nightly failed
    No file &lt;b&gt;. (amperity.workflow.task.courier/x) You can fix it: in Amperity, Show resolutions in the error offers what applies, such as updating credentials, ignoring a missing file or retrying the task.
    Ended 2024-07-01 09:00:00 UTC, 3 h ago. Run wf-1
    Workflows cannot be requestedThe log says why. Ingest jobs are still shown.
    ");
    assert!(page.contains("No file &lt;b&gt;."));
    assert!(!page.contains("/runs/wf-1"));
    let order = positions(
        &page,
        &["Workflow <bdi>Hourly", "Workflow <bdi>Nightly", "Feeds"],
    );
    assert!(order.is_sorted());

    snapshot.ui_url = Some("https://{tenant}.example.com/runs/{workflow_id}".into());
    let page = overview(&[Arc::new(snapshot)]);
    assert!(
        page.contains("href=\"https://socktown.example.com/runs/wf-1\""),
        "{page}"
    );
    assert!(page.contains("of <a href=\"?tenant=socktown\">"));
}

#[test]
fn a_failed_workflow_is_on_the_overview_however_many_tenants_are_fine() {
    let failure = failure(Attribution::Unknown, "No file.");
    let mut tenants: Vec<_> = (0..100)
        .map(|index| Arc::new(tenant(&format!("tenant-{index:02}"), vec![], vec![])))
        .collect();
    tenants.push(Arc::new(with_workflows(&[failed_workflow(
        "wf-1", "Nightly", 1, failure,
    )])));
    let page = overview(&tenants);
    assert!(page.contains("Workflow <bdi>Nightly"), "{page}");
}

#[test]
fn many_failed_workflows_take_little_space() {
    let runs: Vec<Job> = (0..500)
        .map(|n| {
            let failure = failure(Attribution::Unknown, &"x".repeat(300));
            failed_workflow(&format!("wf-{n}"), &format!("W {n}"), n, failure)
        })
        .collect();
    let page = tenant_page(with_workflows(&runs));
    assert!(page.contains("495 other workflows"));
    assert!(page.len() < 30_000, "{} bytes", page.len());
}
