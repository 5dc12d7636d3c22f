//! Workflows: the vendor's rules, one test each, and the generated runs.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{Attribution, Incident};

const GROUP: &str = "courier.group/run";

/// Three runs: one that failed and goes on, one that runs, one that was
/// stopped.
fn world() -> World {
    let at = seconds_after_start;
    let failed = WorkflowOutcome::Failed(WorkflowError::missing_file());
    let retried = WorkflowRun::new("wf-1", "Nightly", GROUP, at(-300))
        .ending(failed)
        .resuming_after(Duration::from_mins(10))
        .started_by(Principal::person("socktown"));
    let running = WorkflowRun::new("wf-2", "Hourly", GROUP, at(-30));
    let stopped = WorkflowRun::new("wf-3", "Send", "campaign.send", at(-200))
        .ending(WorkflowOutcome::Stopped);
    let tenant = SimulatedTenant::new("socktown")
        .workflow_run(retried)
        .workflow_run(running)
        .workflow_run(stopped);
    World::empty().tenant(tenant)
}

/// The ids of a list, its token, and its total.
fn list(simulator: &Simulator, query: &str) -> (Vec<String>, Option<String>, Option<u64>) {
    let target = format!("/workflow/runs{query}");
    let (status, list) = ask(simulator, &get(&target));
    assert_eq!(status, 200, "{list}");
    let runs = list["data"].as_array().unwrap().iter();
    let ids = runs.map(|run| run["id"].as_str().unwrap().to_owned());
    let token = list["next_token"].as_str().map(str::to_owned);
    (ids.collect(), token, list["total"].as_u64())
}

fn ids(simulator: &Simulator, query: &str) -> Vec<String> {
    list(simulator, query).0
}

/// The id of the feed that the workflow `Loyalty program` loads.
fn loyalty_feed(simulator: &Simulator) -> String {
    let mut feeds = simulator.feeds("socktown").into_iter();
    let feed = feeds.find(|(table, _)| table == "Loyalty members");
    feed.unwrap().1
}

#[tokio::test(start_paused = true)]
async fn windows_and_filters_are_optional_and_combine() {
    let simulator = simulator(world());
    simulator.set(|options| options.requests_per_second = usize::MAX);
    for (query, expected) in [
        ("", &["wf-2", "wf-3", "wf-1"][..]),
        ("?created_from=2024-07-01T11:59:30Z", &["wf-2"]),
        ("?created_to=2024-07-01T11:59:30Z", &["wf-3", "wf-1"]),
        (
            "?created_from=2024-07-01T11:55&created_to=2024-07-01T11:57",
            &["wf-3", "wf-1"],
        ),
        // Runs that have not ended are in no window of ends.
        ("?ended_from=2024-07", &["wf-3", "wf-1"]),
        (
            "?ended_from=2024-07-01T11:56:30&ended_to=2024-07-01T12",
            &["wf-3"],
        ),
        ("?state=Stopped", &["wf-3"]),
        ("?state=In%20progress", &["wf-2"]),
        ("?type=courier.group/run", &["wf-2", "wf-1"]),
        ("?type=courier", &[]),
        ("?type=courier.group/run&state=stopped", &[]),
    ] {
        assert_eq!(ids(&simulator, query), expected, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_query_is_400_with_the_reason() {
    let simulator = simulator(world());
    simulator.set(|options| options.requests_per_second = usize::MAX);
    let mut messages = String::new();
    for query in [
        "/workflow/runs?created_from=yesterday",
        "/workflow/runs?ended_from=",
        "/workflow/runs?created_from=2024-07-02&created_to=2024-07-01",
        "/workflow/runs?state=failed",
        "/workflow/runs?limit=0",
        "/workflow/runs?limit=many",
        "/workflow/runs?with_total=1",
        "/workflow/runs?next_token=",
        "/workflow/runs?next_token=null",
        "/workflow/runs?type=a&type=b",
        "/workflow/runs/wf-1?view=all",
    ] {
        let (status, body) = ask(&simulator, &get(query));
        assert_eq!(status, 400, "{query}");
        messages += body["message"].as_str().unwrap();
        messages.push('\n');
    }
    insta::assert_snapshot!(messages, @"
    created_from must be an ISO-8601 timestamp in UTC
    ended_from must be an ISO-8601 timestamp in UTC
    created_from must be before created_to
    state must be one of started, in_progress, stopping, stopped, succeeded
    limit must be a number of at least 1
    limit must be a number of at least 1
    with_total must be true or false
    next_token must be the one of the page before
    next_token must be the one of the page before
    type must be given once
    view must be overview or verbose
    ");
}

#[tokio::test(start_paused = true)]
async fn pages_follow_one_another_until_the_token_is_empty_or_absent() {
    let simulator = simulator(world());
    let (first, token, total) = list(&simulator, "?limit=2&with_total=true");
    assert_eq!(
        (first, total),
        (vec!["wf-2".to_owned(), "wf-3".to_owned()], Some(3))
    );
    let token = token.unwrap();
    let query = format!("?limit=2&next_token={token}");
    let (second, last, total) = list(&simulator, &query);
    assert_eq!((second, total), (vec!["wf-1".to_owned()], None));
    assert_eq!(last.as_deref(), Some(""));
    simulator.set(|options| options.next_token = false);
    assert_eq!(list(&simulator, &query).1, None);
    let other_filters = format!("/workflow/runs?limit=2&state=stopped&next_token={token}");
    assert_eq!(status(&simulator, &get(&other_filters)), 400);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_starts_meanwhile_shifts_the_pages() {
    let simulator = simulator(world());
    let (_, token, _) = list(&simulator, "?limit=1");
    let run = WorkflowRun::new("wf-4", "Hourly", GROUP, start());
    assert!(simulator.add_workflow_run("socktown", run));
    let (second, _, _) = list(
        &simulator,
        &format!("?limit=1&next_token={}", token.unwrap()),
    );
    assert_eq!(second, ["wf-2"], "again");
}

#[tokio::test(start_paused = true)]
async fn a_key_without_the_policy_is_403_for_workflows_only() {
    let simulator = simulator(small_world());
    assert!(simulator.set_workflow_policy("socktown", false));
    for target in [
        "/workflow/runs",
        "/workflow/runs?state=failed",
        "/workflow/runs/wf-1",
    ] {
        assert_eq!(status(&simulator, &get(target)), 403, "{target}");
    }
    assert_eq!(status(&simulator, &get(TODAY)), 200);
    assert!(simulator.set_workflow_policy("socktown", true));
    assert_eq!(status(&simulator, &get("/workflow/runs")), 200);
}

#[tokio::test(start_paused = true)]
async fn an_overview_has_seven_fields_and_verbose_has_all() {
    let simulator = simulator(world());
    let (_, overview) = ask(&simulator, &get("/workflow/runs/wf-1"));
    insta::assert_snapshot!(overview, @r#"{"created_at":"2024-07-01T11:55:00.000Z","ended_at":"2024-07-01T11:56:00.000Z","id":"wf-1","name":"Nightly","state":"failed","tenant":"socktown","type":"courier.group/run"}"#);
    let (_, verbose) = ask(&simulator, &get("/workflow/runs/wf-1?view=verbose"));
    insta::assert_snapshot!(serde_json::to_string_pretty(&verbose).unwrap(), @r#"
    {
      "created_at": "2024-07-01T11:55:00.000Z",
      "current_version": "etv-20240210-12345-q9qHjN",
      "ended_at": "2024-07-01T11:56:00.000Z",
      "error": {
        "attribution": "customer",
        "data": null,
        "message": "Required files are missing.\nNo file matched customers/2024-07-01/*.csv before the wait time ended.",
        "type": "amperity.workflow.task.courier/missing-files"
      },
      "id": "wf-1",
      "launched_version": "etv-20240210-12345-q9qHjN",
      "name": "Nightly",
      "principal_email": "justin.scott@socktown.com",
      "principal_id": "google-apps|justin.scott@socktown.com",
      "principal_name": "Justin Scott",
      "state": "failed",
      "task_instances": [
        {
          "created_at": "2024-07-01T11:55:00.000Z",
          "ended_at": "2024-07-01T11:56:00.000Z",
          "error": {
            "attribution": "customer",
            "data": null,
            "message": "Required files are missing.\nNo file matched customers/2024-07-01/*.csv before the wait time ended.",
            "type": "amperity.workflow.task.courier/missing-files"
          },
          "id": "wft-20240619-14574-ruR9Xm",
          "label": "Collect files",
          "state": "failed",
          "task_definition_type": "courier",
          "tenant": "socktown",
          "timeout_ms": 172800000,
          "workflow_id": "wf-1"
        }
      ],
      "tenant": "socktown",
      "type": "courier.group/run",
      "warn_after_ms": 86400000
    }
    "#);
    let (_, list) = ask(
        &simulator,
        &get("/workflow/runs?created_to=2024-07-01T11:56"),
    );
    assert_eq!(list["data"][0]["error"], verbose["error"]);
    assert_eq!(list["data"][0].get("task_instances"), None);
    simulator.set(|options| options.workflow_overviews = true);
    let (_, list) = ask(
        &simulator,
        &get("/workflow/runs?created_to=2024-07-01T11:56"),
    );
    assert_eq!(list["data"][0], overview);
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_that_is_retried_goes_on_under_the_same_id() {
    let simulator = simulator(world());
    let mut seen = Vec::new();
    for _ in 0..9 {
        let (_, run) = ask(&simulator, &get("/workflow/runs/wf-1?view=verbose"));
        let state = run["state"].as_str().unwrap();
        let ended = run["ended_at"].as_str().unwrap_or("-").to_owned();
        seen.push(format!("{state} {ended} {}", run.get("error").is_some()));
        tokio::time::advance(Duration::from_mins(1)).await;
    }
    seen.dedup();
    insta::assert_snapshot!(seen.join("\n"), @"
    failed 2024-07-01T11:56:00.000Z true
    started - false
    succeeded 2024-07-01T12:07:00.000Z false
    ");
}

#[tokio::test(start_paused = true)]
async fn every_generated_job_names_a_workflow_that_is_listed_and_found() {
    let simulator = simulator(World::demo(1, start()));
    simulator.set(|options| options.requests_per_second = usize::MAX);
    let (_, jobs) = ask(
        &simulator,
        &authorized(
            &simulator,
            "/ingest/jobs?created_from=2024-07-01T11:30&created_to=2024-07-01T12:01",
        ),
    );
    let (_, list) = ask(
        &simulator,
        &authorized(&simulator, "/workflow/runs?limit=1000"),
    );
    let runs = list["data"].as_array().unwrap();
    let by_id: BTreeMap<&str, &Value> = runs
        .iter()
        .map(|run| (run["id"].as_str().unwrap(), run))
        .collect();
    let jobs = jobs["data"].as_array().unwrap();
    assert!(jobs.len() > 50);
    for job in jobs {
        let id = job["workflow_id"].as_str().unwrap();
        let run = by_id[id];
        assert!(
            run["created_at"].as_str() <= job["tables"][0]["started_at"].as_str(),
            "{run} {job}"
        );
        let (status, found) = ask(
            &simulator,
            &authorized(&simulator, &format!("/workflow/runs/{id}")),
        );
        assert_eq!((status.as_u16(), &found["name"]), (200, &run["name"]));
    }
    let types: BTreeSet<&str> = runs
        .iter()
        .map(|run| run["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, BTreeSet::from(["campaign.send", GROUP]));
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_fails_before_ingest_leaves_no_job() {
    for (attribution, name) in [
        (Attribution::Customer, "customer"),
        (Attribution::Platform, "platform"),
    ] {
        let simulator = simulator(World::healthy(1, start()));
        let feed = loyalty_feed(&simulator);
        let incident = Incident::FailsBeforeIngest(attribution);
        let job = simulator
            .schedule_incident("socktown", &feed, incident)
            .unwrap_or_default();
        let by = seconds_after_start(3600);
        let totals = &simulator.workflow_totals("socktown", start()..by, by)
            [&("Loyalty program".to_owned(), GROUP.to_owned())];
        assert_eq!(totals.runs["failed"], 1);
        assert_eq!(totals.failures, BTreeMap::from([(name, 1)]));
        let failed: u64 = simulator
            .feed_totals("socktown", start()..by, by)
            .values()
            .filter_map(|totals| totals.runs.get("failed"))
            .sum();
        assert_eq!(failed, 0);
        tokio::time::advance(Duration::from_hours(1)).await;
        assert!(!simulator.job_ids("socktown", start()..by).contains(&job));
    }
}

#[tokio::test(start_paused = true)]
async fn a_retried_workflow_starts_its_job_late() {
    let simulator = simulator(World::healthy(1, start()));
    let feed = loyalty_feed(&simulator);
    let incident = Incident::Retried(Attribution::Customer);
    let job = simulator
        .schedule_incident("socktown", &feed, incident)
        .unwrap();
    tokio::time::advance(Duration::from_mins(10)).await;
    let fetch = |target: String| ask(&simulator, &authorized(&simulator, &target)).1;
    let job = fetch(format!("/ingest/jobs/{job}"));
    let id = job["workflow_id"].as_str().unwrap();
    let run = fetch(format!("/workflow/runs/{id}"));
    assert_eq!(run["state"], "succeeded");
    let time = |text: &Value| text.as_str().unwrap().parse::<Timestamp>().unwrap();
    let delay = time(&job["tables"][0]["started_at"]).duration_since(time(&run["created_at"]));
    assert_eq!(delay.as_secs(), 36);
    assert!(time(&run["ended_at"]) > time(&job["tables"][0]["ended_at"]));
}
