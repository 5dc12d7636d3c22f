//! A database of version 2, which had no workflows, is upgraded in place.

use rusqlite::types::Value;

use super::*;
use crate::feeds::store::row;

/// Turns the file into one of version 2.
fn downgrade(path: &Path) {
    let mut connection = Connection::open(path).unwrap();
    let transaction = connection.transaction().unwrap();
    let tenants = read::tenants(&transaction, true).unwrap();
    let schema = "DROP VIEW run_history; DROP VIEW workflow_history; DROP TABLE tenants; \
                  DROP TABLE workflow_failures; DROP TABLE run_durations; \
                  CREATE TABLE tenants (id INTEGER PRIMARY KEY, tenant TEXT NOT NULL UNIQUE, \
                  history_until INTEGER, covered_since INTEGER, covered_until INTEGER, \
                  checksum INTEGER NOT NULL) STRICT; \
                  CREATE VIEW run_history AS SELECT tenants.tenant FROM tenants;";
    transaction.execute_batch(schema).unwrap();
    for (id, (tenant, history)) in tenants {
        let columns = vec![
            Value::Integer(id),
            row::text(&tenant),
            row::optional_time(history.history_until),
            row::optional_time(history.covered_since),
            row::optional_time(history.covered_until),
        ];
        let statement = "INSERT INTO tenants VALUES (?, ?, ?, ?, ?, ?)";
        row::insert(&transaction, statement, columns).unwrap();
    }
    transaction.pragma_update(None, "user_version", 2).unwrap();
    transaction.commit().unwrap();
}

#[tokio::test]
async fn version_2_is_upgraded_in_place_and_counts_on() {
    let (folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    for tenant in ["acme", "socktown"] {
        store.save(tenant, &mut history(3)).await.unwrap();
    }
    drop(store);
    downgrade(&path);
    Store::check(&path).unwrap();
    let read = check::stored(&path).unwrap();
    assert_eq!(counted(&read[&("acme".into(), HistoryKind::Feeds)]), 3);

    for _ in 0..2 {
        let store = Store::open(&path, noon()).unwrap();
        for tenant in ["acme", "socktown"] {
            let history = store.history(tenant).unwrap();
            assert_eq!(counted(&history), 3);
            let totals = &history.feeds()[0].totals;
            assert_eq!(totals.duration_histogram.count(), totals.durations);
        }
        assert!(store.workflow_history("other").is_none());
        let runs = store.runs("acme", HistoryKind::Feeds, &customers()).await;
        assert_eq!(runs.unwrap().len(), 3);
        let mut workflows = RunHistory::of_workflows();
        workflows.observe([], noon());
        workflows.observe(&[succeeded("wf-1", "15 12:01", "15 12:02")], at("15 12:03"));
        store.save("acme", &mut workflows).await.unwrap();
        assert_eq!(counted(&store.workflow_history("acme").unwrap()), 1);
    }
    assert_eq!(names(&folder), ["state.db"]);
}

#[tokio::test]
async fn feeds_and_workflows_of_a_tenant_are_kept_apart() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    store.save("acme", &mut history(2)).await.unwrap();
    let mut workflows = RunHistory::of_workflows();
    workflows.observe([], noon());
    // The same names as those of the feed.
    workflows.observe(&[running("wf-1", "15 12:01")], at("15 12:03"));
    store.save("acme", &mut workflows).await.unwrap();
    drop(store);
    let store = Store::open(&path, noon()).unwrap();
    let (feeds, workflows) = (store.history("acme"), store.workflow_history("acme"));
    assert_eq!(counted(&feeds.unwrap()), 2);
    let workflows = workflows.unwrap();
    assert_eq!(workflows.kind(), HistoryKind::Workflows);
    assert_eq!(workflows.unfinished().len(), 1);
    store.forget_tenants(at("16 12:00"), |_| false);
    store.save("other", &mut history(1)).await.unwrap();
    drop(store);
    let store = Store::open(&path, noon()).unwrap();
    assert!(store.history("acme").is_none());
    assert!(store.workflow_history("acme").is_none());
    assert!(store.history("other").is_some());
}
