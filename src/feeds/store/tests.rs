//! The database on a real file system: what comes back, who may write, and
//! what a crash, a full disk or a bad byte leaves.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::feeds::tests::{at, begun, counted, noon, running, succeeded};
use crate::jobs::Job;

mod damage;
mod import;
mod limits;
mod numbers;
mod upgrade;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    (folder, path)
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A history that counted as many runs.
fn history(runs: u64) -> RunHistory {
    let mut history = begun();
    count_more(&mut history, 0..runs);
    history
}

fn count_more(history: &mut RunHistory, runs: std::ops::Range<u64>) {
    for run in runs {
        let done = succeeded(&run.to_string(), "15 12:01", "15 12:02");
        history.observe(&[done], at("15 12:03"));
    }
}

/// What the file holds for a tenant.
fn on_disk(path: &Path, tenant: &str) -> Option<u64> {
    let connection = Connection::open(path).unwrap();
    let histories = read::histories(&connection, true).unwrap();
    histories
        .get(&(tenant.into(), HistoryKind::Feeds))
        .map(counted)
}

fn shown(error: &StoreError, path: &Path) -> String {
    error.to_string().replace(path.to_str().unwrap(), "FILE")
}

fn customers() -> FeedId {
    FeedId {
        table: "customers".into(),
        feed: "df-1".into(),
    }
}

#[tokio::test]
async fn a_saved_history_comes_back_with_the_next_process() {
    let (folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    assert!(store.history("acme").is_none());
    let mut saved = history(2);
    saved.observe(&[running("open", "15 12:03")], at("15 12:04"));
    store.save("acme", &mut saved).await.unwrap();
    drop(store);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(names(&folder), ["state.db"]);

    let store = Store::open(&path, noon()).unwrap();
    let mut read = store.history("acme").unwrap();
    assert_eq!(read.feeds(), saved.feeds());
    assert_eq!(read.unfinished(), saved.unfinished());
    assert_eq!(read.take_updated(), BTreeSet::from([customers()]));
    assert_eq!(read.take_updated(), BTreeSet::new());
}

#[tokio::test]
async fn the_runs_of_a_feed_can_be_read_also_those_that_were_not_counted() {
    let (_folder, path) = folder();
    for store in [Store::in_memory(), Store::open(&path, noon()).unwrap()] {
        let mut history = RunHistory::new();
        history.observe(&[succeeded("old", "14 10:00", "14 10:30")], noon());
        store.save("acme", &mut history).await.unwrap();
        history.observe(&[succeeded("new", "15 12:01", "15 12:02")], at("15 12:03"));
        store.save("acme", &mut history).await.unwrap();
        let runs = store
            .runs("acme", HistoryKind::Feeds, &customers())
            .await
            .unwrap();
        let jobs: Vec<&str> = runs.iter().map(|run| &*run.job).collect();
        assert_eq!(jobs, ["old", "new"]);
        assert_eq!(runs[1], history.feeds()[0].last_run.clone().unwrap());
        assert_eq!(counted(&history), 1);
        assert!(
            store
                .runs("other", HistoryKind::Feeds, &customers())
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn only_feeds_with_new_runs_are_named_as_updated() {
    let mut history = history(1);
    history.take_updated();
    let mut other = running("b", "15 12:03");
    other.tables[0].feed = "df-2".into();
    history.observe(&[other.clone()], at("15 12:04"));
    assert_eq!(history.take_updated(), BTreeSet::new());
    let mut done = succeeded("b", "15 12:03", "15 12:05");
    done.tables[0].feed = "df-2".into();
    for _ in 0..2 {
        history.observe(
            &[done.clone(), succeeded("0", "15 12:01", "15 12:02")],
            at("15 12:06"),
        );
    }
    let updated = history.take_updated();
    assert_eq!(
        updated.into_iter().map(|id| id.feed).collect::<Vec<_>>(),
        ["df-2".into()]
    );
}

#[tokio::test]
async fn a_person_reads_the_file_while_the_exporter_runs() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    store.save("acme", &mut history(1)).await.unwrap();
    let connection = Connection::open(&path).unwrap();
    let row = connection.query_row("SELECT * FROM run_history", [], |row| {
        let columns = (0..13).map(|column| row.get::<_, rusqlite::types::Value>(column));
        columns.collect::<Result<Vec<_>, _>>()
    });
    insta::assert_compact_debug_snapshot!(row.unwrap(), @r#"[Text("acme"), Text("customers"), Text("df-1"), Text("0"), Text("succeeded"), Text("2024-07-15 12:01:00"), Text("2024-07-15 12:02:00"), Real(60.0), Integer(5), Null, Null, Null, Null]"#);
    store.save("acme", &mut history(2)).await.unwrap();
}

#[test]
fn a_second_process_is_refused() {
    let (_folder, path) = folder();
    let _store = Store::open(&path, noon()).unwrap();
    let error = Store::open(&path, noon()).unwrap_err();
    insta::assert_snapshot!(shown(&error, &path), @"the state file FILE is in use by another amperity_exporter; give each its own state.file");
}

#[test]
fn a_missing_folder_is_an_error_that_says_what_to_do() {
    let (_folder, path) = folder();
    let path = path.join("state.db");
    let error = Store::open(&path, noon()).unwrap_err();
    insta::assert_snapshot!(shown(&error, &path), @"cannot write the state file FILE: No such file or directory (os error 2); its folder must exist and belong to the user the exporter runs as (state.file)");
}

#[tokio::test]
async fn a_deleted_file_is_written_anew_with_all_that_counts() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    let mut history = history(30);
    store.save("acme", &mut history).await.unwrap();
    for name in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{name}", path.display()));
    }
    count_more(&mut history, 30..31);
    store.save("acme", &mut history).await.unwrap();
    drop(store);
    let store = Store::open(&path, noon()).unwrap();
    let mut read = store.history("acme").unwrap();
    assert_eq!(read.feeds(), history.feeds());
    count_more(&mut read, 0..31);
    assert_eq!(counted(&read), 31);
}

#[tokio::test]
async fn tenants_that_save_at_the_same_time_share_a_transaction() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    let busy = store.shared.database.lock().await;
    let mut saves = tokio::task::JoinSet::new();
    for tenant in 0..50 {
        let store = store.clone();
        saves.spawn(async move { store.save(&tenant.to_string(), &mut history(1)).await });
    }
    while store.shared.histories().saves < 50 {
        tokio::task::yield_now().await;
    }
    drop(busy);
    saves.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(store.shared.histories().written, 50);
    while let Some(outcome) = saves.join_next().await {
        outcome.unwrap().unwrap();
    }
    drop(store);
    let store = Store::open(&path, noon()).unwrap();
    assert_eq!(store.shared.histories().tenants.len(), 50);
}

#[tokio::test]
async fn a_write_that_fails_says_so_and_is_tried_again() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    let mut history = history(1);
    // A person's shell in the middle of a transaction.
    let shell = Connection::open(&path).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.save("acme", &mut history).await.unwrap_err();
    insta::assert_snapshot!(shown(&error, &path), @"cannot write the state file FILE: database is locked; counting continues in memory and the next refresh tries again, but a restart before that would count from the last state written");
    // What is not on disk yet is in the history all the same.
    assert_eq!(
        store
            .runs("acme", HistoryKind::Feeds, &customers())
            .await
            .unwrap()
            .len(),
        1
    );
    drop(shell);
    count_more(&mut history, 1..2);
    store.save("acme", &mut history).await.unwrap();
    assert_eq!(on_disk(&path, "acme"), Some(2));
    assert_eq!(
        store
            .runs("acme", HistoryKind::Feeds, &customers())
            .await
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn a_full_disk_costs_no_run_and_is_used_again_when_it_has_room() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    let mut history = history(1);
    store.save("acme", &mut history).await.unwrap();
    store.shared.database.lock().await.limit_disk(1);
    count_more(&mut history, 1..500);
    let error = store.save("acme", &mut history).await.unwrap_err();
    insta::assert_snapshot!(shown(&error, &path), @"cannot write the state file FILE: database or disk is full; counting continues in memory and the next refresh tries again, but a restart before that would count from the last state written");
    assert_eq!(counted(&history), 500);
    assert_eq!(on_disk(&path, "acme"), Some(1));
    store.shared.database.lock().await.limit_disk(100_000);
    store.save("acme", &mut history).await.unwrap();
    assert_eq!(on_disk(&path, "acme"), Some(500));
}

#[tokio::test]
async fn a_save_that_nobody_waits_for_any_more_is_made_up_for() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    let mut history = history(1);
    store.save("acme", &mut history).await.unwrap();
    count_more(&mut history, 1..2);
    let busy = store.shared.database.lock().await;
    let save = store.save("acme", &mut history);
    tokio::select! {
        biased;
        _ = save => panic!("it is not its turn"),
        () = std::future::ready(()) => {}
    }
    drop(busy);
    assert_eq!(on_disk(&path, "acme"), Some(1));
    store.save("acme", &mut history).await.unwrap();
    assert_eq!(on_disk(&path, "acme"), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_costs_one_wait_and_no_run() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    let mut history = history(1);
    store.save("acme", &mut history).await.unwrap();
    let hanging = store.shared.database.lock().await;
    for run in 1..4 {
        count_more(&mut history, run..run + 1);
        let begin = tokio::time::Instant::now();
        store.save("acme", &mut history).await.unwrap_err();
        let waits = if run == 1 { TIMEOUT } else { Duration::ZERO };
        assert_eq!(begin.elapsed().as_secs(), waits.as_secs());
        store
            .runs("acme", HistoryKind::Feeds, &customers())
            .await
            .unwrap_err();
    }
    drop(hanging);
    store.save("acme", &mut history).await.unwrap();
    assert_eq!(on_disk(&path, "acme"), Some(4));
}

#[tokio::test]
async fn a_link_leads_to_the_same_file_and_lock_and_stays_a_link() {
    let (folder, path) = folder();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(path.file_name().unwrap(), &link).unwrap();
    let store = Store::open(&link, noon()).unwrap();
    let second = Store::open(&path, noon());
    assert!(matches!(second, Err(StoreError::InUse(_))), "{second:?}");
    store.save("acme", &mut history(1)).await.unwrap();
    assert_eq!(on_disk(&path, "acme"), Some(1));
    assert!(link.is_symlink());
}

#[tokio::test]
async fn a_tenant_that_is_not_configured_stays_until_it_is_too_old() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    for tenant in ["acme", "former"] {
        store.save(tenant, &mut history(1)).await.unwrap();
    }
    store.forget_tenants(at("15 12:03"), |tenant| tenant == "acme");
    assert!(store.history("former").is_some());
    store.forget_tenants(at("15 12:04"), |tenant| tenant == "acme");
    assert!(store.history("former").is_none());
    store.save("acme", &mut history(2)).await.unwrap();
    assert_eq!(
        (on_disk(&path, "former"), on_disk(&path, "acme")),
        (None, Some(2))
    );
}
