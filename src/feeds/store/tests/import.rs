//! The JSON state file of version 0.1.

use super::*;

const FILE: &str = r#"{"amperity_exporter_state":1,"tenants":{"acme":{
    "history_until":"2024-07-15T12:00:00Z","covered_until":"2024-07-15T12:03:00Z",
    "tables":{"customers":{"df-1":{
        "created":"2024-07-15T12:03:00Z","active_at":"2024-07-15T12:02:00Z",
        "open":{"isj-2":{"state":"running","started_at":"2024-07-15T12:02:00Z",
            "place":"2024-07-15T12:02:00Z","heard_at":"2024-07-15T12:03:00Z"}},
        "settled":{"2024-07-15":["isj-0","isj-1"]},
        "newest":{"place":"2024-07-15T12:01:00Z","job":"isj-1","state":"succeeded"},
        "last_run":{"place":"2024-07-15T12:02:00Z","job":"isj-1",
            "rows":{"read":5,"inserted":null,"updated":null,"rejected":null,"errors":null},
            "files":0,"started_at":"2024-07-15T12:01:00Z","ended_at":"2024-07-15T12:02:00Z"},
        "last_success":"2024-07-15T12:02:00Z",
        "totals":{"runs":{"succeeded":2,"half_done":1},"read":15,"inserted":0,"updated":0,
            "rejected":0,"errors":0,"duration_ms":60000,"durations":1}}}}}}}"#;

/// What the API lists afterwards: two counted runs, and a new one.
fn listed() -> [Job; 3] {
    [
        succeeded("isj-0", "15 11:50", "15 12:01"),
        succeeded("isj-1", "15 12:01", "15 12:02"),
        succeeded("isj-2", "15 12:02", "15 12:04"),
    ]
}

#[tokio::test]
async fn a_json_state_file_is_imported_once_and_counts_on() {
    // At the configured path, or beside it by the earlier default name.
    for earlier in ["state.db", "state.json"] {
        let (folder, path) = folder();
        std::fs::write(folder.path().join(earlier), FILE).unwrap();
        Store::check(&path).unwrap();
        let store = Store::open(&path, noon()).unwrap();
        let mut history = store.history("acme").unwrap();
        assert_eq!(counted(&history), 3);
        assert_eq!(history.unfinished(), BTreeSet::from(["isj-2".into()]));
        history.observe(&listed(), at("15 12:05"));
        assert_eq!(counted(&history), 4);
        assert_eq!(history.feeds()[0].totals.read, 20);
        store.save("acme", &mut history).await.unwrap();
        // The runs that the file had only the keys of are known whole now.
        assert_eq!(
            store
                .runs("acme", HistoryKind::Feeds, &customers())
                .await
                .unwrap()
                .len(),
            3
        );
        drop(store);
        assert!(!folder.path().join("state.json").exists(), "{earlier}");

        let store = Store::open(&path, noon()).unwrap();
        let mut history = store.history("acme").unwrap();
        history.observe(&listed(), at("15 12:06"));
        assert_eq!(counted(&history), 4);
    }
}

#[test]
fn a_json_file_of_an_unknown_version_is_refused() {
    let (_folder, path) = folder();
    std::fs::write(&path, r#"{"amperity_exporter_state":2}"#).unwrap();
    let error = Store::open(&path, noon()).unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { version: 2, .. }),
        "{error}"
    );
}
