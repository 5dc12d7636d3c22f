//! What becomes of the API's answers, the documented and the hostile ones.

use super::*;

mod properties;
mod values;

/// The job of an answer; the test fails if there is none.
fn job(text: &str) -> Job {
    wire::read_job(text.as_bytes(), Job::from_wire)
        .unwrap()
        .unwrap()
}

/// A job of these tables, each the inside of a JSON object.
fn job_of(tables: &[&str]) -> Job {
    let tables: Vec<String> = tables.iter().map(|table| format!("{{{table}}}")).collect();
    job(&format!(
        r#"{{"id":"isj-1","tables":[{}]}}"#,
        tables.join(",")
    ))
}

/// The only table of a job.
fn table(fields: &str) -> Table {
    let mut tables = job_of(&[fields]).tables;
    assert_eq!(tables.len(), 1);
    tables.remove(0)
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[test]
fn the_documented_example_is_read_whole() {
    let example = r#"{
        "id": "isj-1f73r9u2",
        "tables": [{
            "errors": 200, "feed_id": "df-5L6d1veh", "read": 1000, "rejected": 200,
            "updated": 200, "started_at": "2024-06-01T04:02:54.433Z", "state": "succeeded",
            "ended_at": "2024-06-01T04:02:57.433Z",
            "files": [{
                "file_id": "cb-20240618-71992-SF3Uz/part0.avro", "name": "part0.avro",
                "read": 1000, "errors": 200
            }],
            "inserted": 400, "table_name": "My table", "job_id": "isj-1f73r9u2"
        }],
        "workflow_id": "wf-20240618-3423-b45"
    }"#;
    let job = job(example);
    assert!(job.is_finished());
    assert_eq!(job.tables[0].duration_ms(), Some(3000));
    assert_eq!(job.started_at(), time("2024-06-01T04:02:54.433Z"));
    insta::assert_debug_snapshot!(job, @r#"
    Job {
        id: "isj-1f73r9u2",
        workflow_id: Some(
            "wf-20240618-3423-b45",
        ),
        tables: [
            Table {
                table: "My table",
                feed: "df-5L6d1veh",
                state: Some(
                    Succeeded,
                ),
                finished: true,
                rows: Rows {
                    read: Some(
                        1000,
                    ),
                    inserted: Some(
                        400,
                    ),
                    updated: Some(
                        200,
                    ),
                    rejected: Some(
                        200,
                    ),
                    errors: Some(
                        200,
                    ),
                },
                started_at: Some(
                    2024-06-01T04:02:54.433Z,
                ),
                ended_at: Some(
                    2024-06-01T04:02:57.433Z,
                ),
                files: Files {
                    count: 1,
                    entries: [
                        File {
                            file: "cb-20240618-71992-SF3Uz/part0.avro",
                            read: Some(
                                1000,
                            ),
                            errors: Some(
                                200,
                            ),
                        },
                    ],
                },
            },
        ],
        merged: 0,
        failure: None,
    }
    "#);
}

#[test]
fn names_keep_quotes_backslashes_newlines_and_emoji() {
    let long = "x".repeat(1024);
    for name in [
        "\"",
        "\\",
        "a\nb\r\tc\0",
        "\u{1f9e6} socks \u{202e}",
        "{}",
        &long,
    ] {
        let quoted = serde_json::to_string(name).unwrap();
        let text = format!(
            r#"{{"id":{quoted},"workflow_id":{quoted},"tables":[{{"table_name":{quoted},
            "feed_id":{quoted},"files":[{{"file_id":{quoted}}}]}}]}}"#
        );
        let job = job(&text);
        let table = &job.tables[0];
        let seen = [
            &job.id,
            &table.table,
            &table.feed,
            &table.files.entries[0].file,
        ];
        assert!(seen.iter().all(|text| &***text == name), "{name:?}");
        assert_eq!(job.workflow_id.as_deref(), Some(name));
    }
}

#[test]
fn two_entries_of_one_table_and_feed_become_one() {
    let job = job_of(&[
        r#""table_name":"t","feed_id":"f","state":"succeeded","read":1,"errors":5,
           "started_at":"2024-06-01T02:00:00Z","ended_at":"2024-06-01T03:00:00Z",
           "files":[{"file_id":"a","read":1},{"file_id":"b","read":7}]"#,
        r#""table_name":"other","feed_id":"f","state":"running""#,
        r#""table_name":"t","feed_id":"f","state":"failed","read":2,
           "started_at":"2024-06-01T01:00:00Z","ended_at":"2024-06-01T02:30:00Z",
           "files":[{"file_id":"a","read":10}]"#,
    ]);
    assert_eq!((job.merged, job.tables.len()), (1, 2));
    let table = &job.tables[1];
    assert_eq!((&*table.table, &*table.feed), ("t", "f"));
    assert_eq!(table.state, Some(State::Failed));
    assert_eq!((table.rows.read, table.rows.errors), (Some(3), Some(5)));
    assert_eq!(table.started_at, time("2024-06-01T01:00:00Z"));
    assert_eq!(table.ended_at, time("2024-06-01T03:00:00Z"));
    let files: Vec<_> = table
        .files
        .entries
        .iter()
        .map(|file| (&*file.file, file.read))
        .collect();
    assert_eq!(files, [("a", Some(11)), ("b", Some(7))]);
}

#[test]
fn a_hostile_job_of_twenty_thousand_entries_for_one_table_is_read_in_no_time() {
    let entries: Vec<String> = (0..20_000)
        .map(|number| format!(r#""files":[{{"file_id":"{number:05}"}},{{"file_id":"all"}}]"#))
        .collect();
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let job = job_of(&entries);
    assert_eq!((job.tables.len(), job.merged), (1, 19_999));
    assert_eq!(job.tables[0].files.count, 20_001);
}

#[test]
fn a_merged_table_is_finished_when_all_of_its_entries_are() {
    let ended = r#""table_name":"t","state":"failed","ended_at":"2024-06-01T03:00:00Z""#;
    let running = r#""table_name":"t","state":"running","started_at":"2024-06-01T01:00:00Z""#;
    for entries in [[ended, running], [running, ended]] {
        let table = &job_of(&entries).tables[0];
        assert!(!table.finished);
        assert_eq!(table.state, Some(State::Failed));
        assert_eq!((table.ended_at, table.duration_ms()), (None, None));
    }
}

#[test]
fn a_table_without_an_end_has_no_duration() {
    for ended_at in [
        "",
        r#","ended_at":null"#,
        r#","ended_at":"""#,
        r#","ended_at":0"#,
    ] {
        let fields = r#""state":"succeeded","started_at":"2024-06-01T01:00:00Z""#;
        let table = table(&format!("{fields}{ended_at}"));
        assert_eq!((table.ended_at, table.duration_ms()), (None, None));
        assert!(table.finished);
    }
}

#[test]
fn an_end_before_the_start_has_no_duration() {
    let table = table(
        r#""state":"failed","started_at":"2024-06-01T01:00:00Z","ended_at":"2024-06-01T00:00:00Z""#,
    );
    assert_eq!(table.duration_ms(), None);
    assert!(table.started_at.is_some() && table.ended_at.is_some());
}

#[test]
fn a_table_that_runs_has_no_end_whatever_stands_there() {
    let table = table(r#""state":"running","ended_at":"2024-06-01T00:00:00Z""#);
    assert_eq!((table.finished, table.ended_at), (false, None));
}

#[test]
fn an_undocumented_state_is_final_once_the_table_has_an_end() {
    assert!(!table(r#""state":"archived""#).finished);
    assert!(table(r#""state":"archived","ended_at":"2024-06-01T03:00:00Z""#).finished);
    assert!(table(r#""ended_at":"2024-06-01T03:00:00Z""#).finished);
    assert!(!table("").finished);
}

#[test]
fn an_undocumented_field_changes_nothing() {
    let plain = table(r#""read":7,"state":"running""#);
    let added = table(r#""added":{"read":[8,{"state":"failed"}]},"read":7,"state":"running""#);
    assert_eq!(plain, added);
}

#[test]
fn tables_that_are_missing_empty_or_mistyped_are_none() {
    for tables in [
        "",
        r#","tables":[]"#,
        r#","tables":null"#,
        r#","tables":"t""#,
        r#","tables":{"table_name":"t"}"#,
        r#","tables":[null,7,"t",[],["f","t"]]"#,
    ] {
        let job = job(&format!(r#"{{"id":"isj-1"{tables}}}"#));
        assert!(job.tables.is_empty() && !job.is_finished(), "{tables}");
        assert_eq!((job.merged, job.started_at()), (0, None));
    }
}

#[test]
fn files_without_an_id_go_by_their_name() {
    let table = table(
        r#""files":[{"name":"n","read":1},{"file_id":"","name":"m"},{"read":2},null,{"file_id":"n","read":4}]"#,
    );
    let files: Vec<_> = table
        .files
        .entries
        .iter()
        .map(|file| (&*file.file, file.read))
        .collect();
    assert_eq!(files, [("", Some(2)), ("m", None), ("n", Some(5))]);
}

#[test]
fn an_answer_without_an_id_is_no_job() {
    for text in [
        "{}",
        r#"{"id":null}"#,
        r#"{"id":""}"#,
        r#"{"id":7}"#,
        r#"{"id":["isj-1"]}"#,
    ] {
        assert_eq!(
            wire::read_job(text.as_bytes(), Job::from_wire).unwrap(),
            None,
            "{text}"
        );
    }
}

#[test]
fn what_is_no_object_is_no_job() {
    for text in [
        "",
        "null",
        "[]",
        r#"["isj-1","wf",[]]"#,
        "7",
        "<html>",
        r#"{"id":"isj-1""#,
    ] {
        assert!(wire::read_job(text.as_bytes(), |_| ()).is_err(), "{text}");
    }
}

#[test]
fn nesting_without_end_is_survived() {
    let deep = "[".repeat(100_000);
    assert!(wire::read_job(deep.as_bytes(), |_| ()).is_err());
    let text = format!(r#"{{"id":"isj-1","x":{deep}{}}}"#, "]".repeat(100_000));
    assert_eq!(&*job(&text).id, "isj-1");
}
