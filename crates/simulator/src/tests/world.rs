//! The world is reproducible and its numbers add up.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{FeedTotals, Incident, TableState};

const ORDER: [&str; 7] = [
    "scheduled",
    "started",
    "in_progress",
    "running",
    "finalizing",
    "stopping",
    "(ended)",
];

fn state_index(state: &str) -> usize {
    let place = ORDER.iter().position(|name| *name == state);
    place.unwrap_or(ORDER.len() - 1)
}

/// A demo simulator and a request for its list of the day.
fn demo(world: World) -> (Simulator, Request<Bytes>) {
    let simulator = simulator(world);
    let request = authorized(&simulator, TODAY);
    (simulator, request)
}

fn tables(list: &Value) -> impl Iterator<Item = &Value> {
    let jobs = list["data"].as_array().unwrap().iter();
    jobs.flat_map(|job| job["tables"].as_array().unwrap())
}

fn count(table: &Value, name: &str) -> u64 {
    table[name].as_u64().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_finished_job_has_the_documented_fields() {
    let simulator = simulator(small_world());
    tokio::time::advance(Duration::from_mins(1)).await;
    let (_, job) = ask(&simulator, &get("/ingest/jobs/isj-1"));
    insta::assert_snapshot!(serde_json::to_string_pretty(&job).unwrap(), @r#"
    {
      "id": "isj-1",
      "tables": [
        {
          "ended_at": "2024-07-01T12:01:00.000Z",
          "errors": 200,
          "feed_id": "df-5L6d1veh",
          "files": [
            {
              "errors": 200,
              "file_id": "cb-1-81485-uAC1B/part0.avro",
              "name": "part0.avro",
              "read": 1000
            }
          ],
          "inserted": 400,
          "job_id": "isj-1",
          "read": 1000,
          "rejected": 200,
          "started_at": "2024-07-01T11:59:00.000Z",
          "state": "succeeded",
          "table_name": "My table",
          "updated": 200
        }
      ],
      "workflow_id": "wf-1"
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_running_table_is_absent_or_null() {
    let mut tenant = SimulatedTenant::new("socktown");
    for number in 0..20 {
        let job = Job::new(format!("isj-{number}"), seconds_after_start(-30));
        tenant = tenant.job(job.table(Table::new("T", "df-1")));
    }
    let (_, list) = ask(&simulator(World::empty().tenant(tenant)), &get(TODAY));
    let ends: BTreeSet<Option<String>> = tables(&list)
        .map(|table| table.get("ended_at").map(Value::to_string))
        .collect();
    assert_eq!(ends, BTreeSet::from([None, Some("null".to_owned())]));
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_and_time_give_the_same_bytes() {
    let mut bytes = Vec::new();
    for seed in [1, 1, 2] {
        let (simulator, request) = demo(World::demo(seed, start()));
        bytes.push(simulator.respond(&request).response.into_body());
    }
    assert_eq!(bytes[0], bytes[1]);
    assert_ne!(bytes[1], bytes[2]);
}

#[tokio::test(start_paused = true)]
async fn ids_have_the_vendors_format() {
    let (simulator, request) = demo(World::demo(1, start()));
    let (_, list) = ask(&simulator, &request);
    let finished = tables(&list).find(|table| table["state"] == "succeeded");
    let table = finished.unwrap();
    insta::assert_snapshot!(
        format!("{} {} {}", table["job_id"], table["feed_id"], table["files"][0]["file_id"]),
        @r#""isj-20240701-01210-924nVr" "df-A8718U1Y" "cb-20240701-35380-m55TT/part0.avro""#
    );
}

#[tokio::test(start_paused = true)]
async fn every_listed_job_is_found_by_id() {
    let (simulator, request) = demo(World::demo(1, start()));
    simulator.set(|options| options.requests_per_second = usize::MAX);
    let (_, list) = ask(&simulator, &request);
    let ids = simulator.job_ids("socktown", seconds_after_start(-600)..start());
    assert!(ids.len() > 20);
    for id in ids {
        let mut request = request.clone();
        *request.uri_mut() = format!("/api/ingest/jobs/{id}").parse().unwrap();
        let (_, job) = ask(&simulator, &request);
        assert!(list["data"].as_array().unwrap().contains(&job), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn states_move_forward_and_final_counts_add_up() {
    let (simulator, mut request) = demo(World::demo(1, start()));
    let target = "/api/ingest/jobs?created_from=2024-07-01T12&created_to=2024-07-02";
    *request.uri_mut() = target.parse().unwrap();
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    let mut states = BTreeSet::new();
    for _ in 0..600 {
        tokio::time::advance(Duration::from_millis(1_300)).await;
        let (_, list) = ask(&simulator, &request);
        for table in tables(&list) {
            let key = format!("{}{}", table["job_id"], table["feed_id"]);
            let state = table["state"].as_str().unwrap();
            states.insert(state.to_owned());
            if let Some(before) = seen.get(&key) {
                let earlier = before["state"].as_str().unwrap();
                assert!(
                    state_index(earlier) <= state_index(state),
                    "{earlier} → {state}"
                );
                for name in ["read", "inserted", "updated", "rejected", "errors"] {
                    assert!(count(before, name) <= count(table, name), "{table}");
                }
                if state_index(earlier) == 6 {
                    assert_eq!(before, table, "a finished table does not change");
                }
            }
            let parts = ["inserted", "updated", "rejected", "errors"];
            let sum: u64 = parts.iter().map(|name| count(table, name)).sum();
            let files = table["files"].as_array().unwrap();
            let in_files = |name| files.iter().map(|file| count(file, name)).sum::<u64>();
            assert!(sum <= count(table, "read"), "{table}");
            if state_index(state) == 6 {
                assert_eq!(sum, count(table, "read"), "{table}");
                assert_eq!(in_files("errors"), count(table, "errors"), "{table}");
                assert!(table["ended_at"].is_string(), "{table}");
            } else {
                assert!(table["ended_at"].is_null(), "{table}");
            }
            assert_eq!(in_files("read"), count(table, "read"), "{table}");
            seen.insert(key, table.clone());
        }
    }
    let all: BTreeSet<String> = STATES
        .iter()
        .map(|state| state.as_str().to_owned())
        .collect();
    assert_eq!(states, all, "every documented state is seen");
}

const STATES: [TableState; 11] = [
    TableState::Scheduled,
    TableState::Started,
    TableState::InProgress,
    TableState::Running,
    TableState::Finalizing,
    TableState::Stopping,
    TableState::Succeeded,
    TableState::Stopped,
    TableState::Failed,
    TableState::Skipped,
    TableState::Canceled,
];

#[tokio::test(start_paused = true)]
async fn the_totals_equal_the_sums_of_the_list() {
    let (simulator, request) = demo(World::demo(7, start()));
    tokio::time::advance(Duration::from_mins(30)).await;
    let (_, list) = ask(&simulator, &request);
    let mut listed: BTreeMap<(String, String), FeedTotals> = BTreeMap::new();
    for table in tables(&list) {
        let state = STATES.iter().find(|state| table["state"] == state.as_str());
        if !table["ended_at"].is_string() {
            continue;
        }
        let text = |name: &str| table[name].as_str().unwrap().to_owned();
        let feed_totals = listed
            .entry((text("table_name"), text("feed_id")))
            .or_default();
        *feed_totals.runs.entry(state.unwrap().as_str()).or_default() += 1;
        feed_totals.counts.read += count(table, "read");
        feed_totals.counts.rows.inserted += count(table, "inserted");
        feed_totals.counts.rows.updated += count(table, "updated");
        feed_totals.counts.rows.rejected += count(table, "rejected");
        feed_totals.counts.rows.errors += count(table, "errors");
        let time = |name| text(name).parse::<Timestamp>().unwrap().as_millisecond();
        feed_totals.duration_ms += u64::try_from(time("ended_at") - time("started_at")).unwrap();
    }
    let midnight: Timestamp = "2024-07-01T00:00:00Z".parse().unwrap();
    let today = midnight..Timestamp::MAX;
    let totals = simulator.feed_totals("socktown", today, simulator.now());
    assert_eq!(totals, listed);
    assert_eq!(totals.len(), 13);
}

#[tokio::test(start_paused = true)]
async fn the_demo_incidents_recur_every_hour() {
    let (simulator, _) = demo(World::demo(1, start()));
    let totals = |from: i64, to: i64| {
        let window = seconds_after_start(from)..seconds_after_start(to);
        simulator
            .feed_totals("socktown", window, seconds_after_start(to))
            .into_iter()
            .map(|((table, _), feed_totals)| (table, feed_totals))
            .collect::<BTreeMap<_, _>>()
    };
    for hour in 0..24 {
        let from = hour * 3600;
        let by_table = totals(from, from + 300);
        let rejected = &by_table["Store transactions"].counts;
        assert!(rejected.rows.rejected * 10 > rejected.read, "{hour}");
        assert!(by_table["Web orders"].duration_ms > 180_000, "{hour}");
        // Due every minute.
        assert!(by_table["Customers"].runs["succeeded"] <= 3, "{hour}");
    }
    let by_table = totals(0, 240);
    assert_eq!(by_table["Loyalty members"].runs["failed"], 1);
    assert_eq!(by_table["Product catalog"].runs["skipped"], 1);
    assert_eq!(by_table["Customers"].runs["succeeded"], 2);
}

#[tokio::test(start_paused = true)]
async fn the_healthy_world_has_no_incidents() {
    let (simulator, _) = demo(World::healthy(1, start()));
    let day = start()..seconds_after_start(86_400);
    let totals = simulator.feed_totals("socktown", day, seconds_after_start(90_000));
    for ((table, _), feed_totals) in totals {
        let (period, duration_ms) = match table.as_str() {
            "Customers" => (60, 20_000),
            "Web orders" | "Web order items" | "Web returns" => (120, 45_000),
            "Loyalty members" => (90, 30_000),
            "Email events" | "Email unsubscribes" => (180, 75_000),
            "Store transactions" => (75, 25_000),
            "Product catalog" => (300, 15_000),
            "Orders" | "Order items" => (3_600, 240_000),
            "Agency leads" => (3_600, 90_000),
            _ => (86_400, 900_000),
        };
        let runs = 86_400 / period;
        let states = BTreeMap::from([("succeeded", runs)]);
        assert_eq!(feed_totals.runs, states, "{table}");
        let usual = duration_ms * runs;
        // The mean of a few runs differs more from the usual duration.
        let share = if runs > 100 { 50 } else { 8 };
        assert!(
            feed_totals.duration_ms.abs_diff(usual) * share < usual,
            "{table}"
        );
        let (read, rows) = (feed_totals.counts.read, feed_totals.counts.rows);
        assert!(rows.rejected * 50 < read, "{table}");
        assert!(rows.errors * 200 < read, "{table}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_incident_applies_to_the_next_run_of_a_feed() {
    let simulator = simulator(World::healthy(1, start()));
    let feeds = simulator.feeds("socktown");
    let (table, feed) = feeds
        .iter()
        .find(|(table, _)| table == "Web returns")
        .unwrap();
    let id = simulator
        .schedule_incident("socktown", feed, Incident::Ends(Outcome::Failed))
        .unwrap();
    let by = seconds_after_start(7200);
    let totals = simulator.feed_totals("socktown", start()..by, by);
    assert_eq!(totals[&(table.clone(), feed.clone())].runs["failed"], 1);
    let failed: u64 = totals
        .values()
        .filter_map(|feed_totals| feed_totals.runs.get("failed"))
        .sum();
    assert_eq!(failed, 1, "other tables of the job succeed");
    assert!(
        simulator.job_ids("socktown", start()..by).is_empty(),
        "not yet"
    );
    tokio::time::advance(Duration::from_mins(2)).await;
    assert!(simulator.job_ids("socktown", start()..by).contains(&id));
    assert_eq!(
        simulator.schedule_incident("socktown", "df-none", Incident::Absent),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn a_feed_can_be_paused_and_resumed() {
    let simulator = simulator(World::healthy(1, start()));
    let (table, feed) = simulator.feeds("socktown")[0].clone();
    assert!(simulator.pause_feed("socktown", &feed));
    assert!(!simulator.pause_feed("socktown", "df-none"));
    tokio::time::advance(Duration::from_mins(10)).await;
    let runs = |simulator: &Simulator| {
        let totals = simulator.feed_totals("socktown", start()..Timestamp::MAX, simulator.now());
        let feed_totals = totals.get(&(table.clone(), feed.clone()));
        feed_totals.map_or(0, |feed_totals| feed_totals.runs["succeeded"])
    };
    assert_eq!(runs(&simulator), 0);
    assert!(simulator.resume_feed("socktown", &feed));
    tokio::time::advance(Duration::from_mins(10)).await;
    assert!(runs(&simulator) >= 9);
}

#[tokio::test(start_paused = true)]
async fn a_job_can_be_added_or_replaced() {
    let simulator = simulator(small_world());
    let job = |table: &str| Job::new("isj-1", start()).table(Table::new(table, "df-2"));
    assert!(simulator.add_job("socktown", job("Other")));
    assert!(!simulator.add_job("nobody", job("Other")));
    let (_, list) = ask(&simulator, &get(TODAY));
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(list["data"][0]["tables"][0]["table_name"], "Other");
}

proptest! {
    #[test]
    fn progress_of_any_plan_moves_forward_and_adds_up(
        parts in prop::array::uniform4(0_u64..u64::MAX / 4),
        files in 0_u64..40,
        milliseconds in 0_u64..2_000_000_000,
        outcome in prop::sample::select(vec![
            Outcome::Succeeded, Outcome::Failed, Outcome::Stopped, Outcome::Canceled, Outcome::Skipped,
        ]),
        mut times in prop::collection::vec(0_u64..3_000_000_000, 2..20),
    ) {
        let [inserted, updated, rejected, errors] = parts;
        let rows = Rows { inserted, updated, rejected, errors };
        let table = Table::new("T", "df-1")
            .lasting(Duration::from_millis(milliseconds))
            .ending(outcome)
            .rows(rows)
            .files(files);
        times.sort_unstable();
        let progress: Vec<_> = times.iter().map(|time| table.progress(*time)).collect();
        for pair in progress.windows(2) {
            prop_assert!(state_index(pair[0].state.as_str()) <= state_index(pair[1].state.as_str()));
            prop_assert!(pair[0].counts.read <= pair[1].counts.read);
        }
        for progress in progress {
            prop_assert!(progress.counts.rows.read() <= progress.counts.read);
            if progress.ended {
                prop_assert_eq!(progress.counts.rows, rows);
                prop_assert_eq!(progress.counts.read, rows.read());
            }
        }
    }
}
