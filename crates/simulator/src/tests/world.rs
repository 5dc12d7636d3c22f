//! The world tells one story, always the same, and its numbers add up.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{Incident, State, Tally};

const ORDER: [&str; 7] = [
    "scheduled",
    "started",
    "in_progress",
    "running",
    "finalizing",
    "stopping",
    "(ended)",
];

fn place(state: &str) -> usize {
    let place = ORDER.iter().position(|name| *name == state);
    place.unwrap_or(ORDER.len() - 1)
}

/// A demo simulator and a request for its list of the day.
fn demo(world: World) -> (Simulator, Request<Bytes>) {
    let simulator = simulator(world);
    let token = simulator.credentials()[0].token.clone();
    let request = with(get(TODAY), "authorization", &format!("Bearer {token}"));
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
async fn a_finished_job_has_the_vendors_fields() {
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
async fn a_running_table_has_no_end_written_in_either_way() {
    let mut tenant = Tenant::new("socktown");
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
async fn ids_look_like_the_vendors() {
    let (simulator, request) = demo(World::demo(1, start()));
    let (_, list) = ask(&simulator, &request);
    let finished = tables(&list).find(|table| table["state"] == "succeeded");
    let table = finished.unwrap();
    insta::assert_snapshot!(
        format!("{} {} {}", table["job_id"], table["feed_id"], table["files"][0]["file_id"]),
        @r#""isj-20240701-32403-J1RjQq" "df-xer4V4Mf" "cb-20240701-88498-MXkVK/part0.avro""#
    );
}

#[tokio::test(start_paused = true)]
async fn every_listed_job_is_found_by_its_id() {
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
async fn tables_only_move_forward_and_add_up_when_finished() {
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
                assert!(place(earlier) <= place(state), "{earlier} → {state}");
                for name in ["read", "inserted", "updated", "rejected", "errors"] {
                    assert!(count(before, name) <= count(table, name), "{table}");
                }
                if place(earlier) == 6 {
                    assert_eq!(before, table, "a finished table does not change");
                }
            }
            let parts = ["inserted", "updated", "rejected", "errors"];
            let sum: u64 = parts.iter().map(|name| count(table, name)).sum();
            let files = table["files"].as_array().unwrap();
            let in_files = |name| files.iter().map(|file| count(file, name)).sum::<u64>();
            assert!(sum <= count(table, "read"), "{table}");
            if place(state) == 6 {
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

const STATES: [State; 11] = [
    State::Scheduled,
    State::Started,
    State::InProgress,
    State::Running,
    State::Finalizing,
    State::Stopping,
    State::Succeeded,
    State::Stopped,
    State::Failed,
    State::Skipped,
    State::Canceled,
];

#[tokio::test(start_paused = true)]
async fn the_tally_equals_what_the_list_shows() {
    let (simulator, request) = demo(World::demo(7, start()));
    tokio::time::advance(Duration::from_mins(30)).await;
    let (_, list) = ask(&simulator, &request);
    let mut shown: BTreeMap<(String, String), Tally> = BTreeMap::new();
    for table in tables(&list) {
        let state = STATES.iter().find(|state| table["state"] == state.as_str());
        if !table["ended_at"].is_string() {
            continue;
        }
        let text = |name: &str| table[name].as_str().unwrap().to_owned();
        let tally = shown
            .entry((text("table_name"), text("feed_id")))
            .or_default();
        *tally.runs.entry(state.unwrap().as_str()).or_default() += 1;
        tally.counts.read += count(table, "read");
        tally.counts.rows.inserted += count(table, "inserted");
        tally.counts.rows.updated += count(table, "updated");
        tally.counts.rows.rejected += count(table, "rejected");
        tally.counts.rows.errors += count(table, "errors");
        let time = |name| text(name).parse::<Timestamp>().unwrap().as_millisecond();
        tally.duration_ms += u64::try_from(time("ended_at") - time("started_at")).unwrap();
    }
    let ever = Timestamp::MIN..Timestamp::MAX;
    let told = simulator.tally("socktown", ever, simulator.now());
    assert_eq!(told, shown);
    assert_eq!(told.len(), 9);
}

#[tokio::test(start_paused = true)]
async fn the_demo_shows_its_troubles_within_the_first_minutes_and_again() {
    let (simulator, _) = demo(World::demo(1, start()));
    let told = |from: i64, to: i64| {
        let window = seconds_after_start(from)..seconds_after_start(to);
        simulator
            .tally("socktown", window, seconds_after_start(to))
            .into_iter()
            .map(|((table, _), tally)| (table, tally))
            .collect::<BTreeMap<_, _>>()
    };
    for hour in 0..24 {
        let from = hour * 3600;
        let tallies = told(from, from + 300);
        let rejected = &tallies["Store transactions"].counts;
        assert!(rejected.rows.rejected * 10 > rejected.read, "{hour}");
        assert!(tallies["Web orders"].duration_ms > 180_000, "{hour}");
        // Due every minute.
        assert!(tallies["Customers"].runs["succeeded"] <= 3, "{hour}");
    }
    let tallies = told(0, 240);
    assert_eq!(tallies["Loyalty members"].runs["failed"], 1);
    assert_eq!(tallies["Product catalog"].runs["skipped"], 1);
    assert_eq!(tallies["Customers"].runs["succeeded"], 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_wrong_in_the_healthy_world() {
    let (simulator, _) = demo(World::healthy(1, start()));
    let day = start()..seconds_after_start(86_400);
    let told = simulator.tally("socktown", day, seconds_after_start(90_000));
    for ((table, _), tally) in told {
        let (period, duration_ms) = match table.as_str() {
            "Customers" => (60, 20_000),
            "Web orders" | "Web order items" | "Web returns" => (120, 45_000),
            "Loyalty members" => (90, 30_000),
            "Email events" | "Email unsubscribes" => (180, 75_000),
            "Store transactions" => (75, 25_000),
            _ => (300, 15_000),
        };
        let runs = 86_400 / period;
        let states = BTreeMap::from([("succeeded", runs)]);
        assert_eq!(tally.runs, states, "{table}: none fails, none is late");
        let usual = duration_ms * runs;
        assert!(tally.duration_ms.abs_diff(usual) * 50 < usual, "{table}");
        let (read, rows) = (tally.counts.read, tally.counts.rows);
        assert!(rows.rejected * 50 < read, "{table}");
        assert!(rows.errors * 200 < read, "{table}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_incident_can_be_ordered_for_the_next_run_of_a_feed() {
    let simulator = simulator(World::healthy(1, start()));
    let feeds = simulator.feeds("socktown");
    let (table, feed) = feeds
        .iter()
        .find(|(table, _)| table == "Web returns")
        .unwrap();
    let id = simulator
        .order("socktown", feed, Incident::Ends(Outcome::Failed))
        .unwrap();
    let by = seconds_after_start(7200);
    let told = simulator.tally("socktown", start()..by, by);
    assert_eq!(told[&(table.clone(), feed.clone())].runs["failed"], 1);
    let failed: u64 = told
        .values()
        .filter_map(|tally| tally.runs.get("failed"))
        .sum();
    assert_eq!(failed, 1, "the tables beside it come through");
    assert!(
        simulator.job_ids("socktown", start()..by).is_empty(),
        "not yet"
    );
    tokio::time::advance(Duration::from_mins(2)).await;
    assert!(simulator.job_ids("socktown", start()..by).contains(&id));
    assert_eq!(
        simulator.order("socktown", "df-none", Incident::Absent),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn a_feed_can_be_held_back_and_let_go() {
    let simulator = simulator(World::healthy(1, start()));
    let (table, feed) = simulator.feeds("socktown")[0].clone();
    assert!(simulator.hold_back("socktown", &feed));
    assert!(!simulator.hold_back("socktown", "df-none"));
    tokio::time::advance(Duration::from_mins(10)).await;
    let runs = |simulator: &Simulator| {
        let told = simulator.tally("socktown", start()..Timestamp::MAX, simulator.now());
        let tally = told.get(&(table.clone(), feed.clone()));
        tally.map_or(0, |tally| tally.runs["succeeded"])
    };
    assert_eq!(runs(&simulator), 0);
    assert!(simulator.let_go("socktown", &feed));
    tokio::time::advance(Duration::from_mins(10)).await;
    assert!(runs(&simulator) >= 9);
}

#[tokio::test(start_paused = true)]
async fn a_job_can_be_added_or_replaced_at_run_time() {
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
    fn any_plan_adds_up_and_moves_forward(
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
            prop_assert!(place(pair[0].state.as_str()) <= place(pair[1].state.as_str()));
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
