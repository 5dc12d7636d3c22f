//! The state file on a real file system: what comes back, who may write, and
//! what a crash or a full disk leaves.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::feeds::tests::{at, begun, counted, noon, running, succeeded};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
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

/// A ledger that counted as many runs.
fn ledger(runs: u64) -> Ledger {
    let mut ledger = begun();
    for run in 0..runs {
        let done = succeeded(&run.to_string(), "15 12:01", "15 12:02");
        ledger.observe(&[done], at("15 12:03"));
    }
    ledger
}

/// What the file holds for a tenant.
fn on_disk(path: &Path, tenant: &str) -> Option<u64> {
    let ledgers = file::read(path, noon()).unwrap();
    ledgers.get(tenant).map(counted)
}

#[tokio::test]
async fn a_saved_ledger_comes_back_with_the_next_process() {
    let (folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    assert!(store.ledger("acme").is_none());
    store.save("acme", &ledger(2)).await.unwrap();
    drop(store);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(names(&folder), ["state.json", "state.json.lock"]);

    let store = Store::open(&path, noon()).unwrap();
    let feeds = store.ledger("acme").unwrap().feeds();
    assert_eq!(feeds, ledger(2).feeds());
}

#[test]
fn a_second_process_is_refused() {
    let (_folder, path) = folder();
    let _store = Store::open(&path, noon()).unwrap();
    let error = Store::open(&path, noon()).unwrap_err();
    let shown = error.to_string().replace(path.to_str().unwrap(), "FILE");
    insta::assert_snapshot!(shown, @"the state file FILE is in use by another amperity_exporter; give each its own state.file");
}

#[test]
fn a_damaged_or_foreign_file_is_set_aside_and_no_earlier_one_overwritten() {
    let (folder, path) = folder();
    let good = file::encode(&file::Ledgers::from([("acme".into(), ledger(1))])).unwrap();
    let damaged: [&[u8]; 4] = [
        b"",
        &good[..good.len() / 2],
        br#"{"global": {}}"#,
        br#"{"amperity_exporter_state": 1, "tenants": {"acme": 7}}"#,
    ];
    for contents in damaged {
        std::fs::write(&path, contents).unwrap();
        let store = Store::open(&path, noon()).unwrap();
        assert!(store.ledger("acme").is_none());
    }
    assert_eq!(
        names(&folder),
        [
            "state.json.corrupt-20240715T120000Z",
            "state.json.corrupt-20240715T120000Z-2",
            "state.json.corrupt-20240715T120000Z-3",
            "state.json.corrupt-20240715T120000Z-4",
            "state.json.lock",
        ]
    );
    let first = std::fs::read(folder.path().join(&names(&folder)[0])).unwrap();
    assert!(first.is_empty());
}

#[test]
fn the_file_of_a_newer_version_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let newer = r#"{"amperity_exporter_state": 2, "sheep": []}"#;
    std::fs::write(&path, newer).unwrap();
    let error = Store::open(&path, noon()).unwrap_err();
    let shown = error.to_string().replace(path.to_str().unwrap(), "FILE");
    insta::assert_snapshot!(shown, @"the state file FILE was written by a newer amperity_exporter (format 2, this one knows 1); run the newer one, or move the file away to start the counters anew");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), newer);
}

#[test]
fn a_missing_folder_is_an_error_that_says_what_to_do() {
    let (_folder, path) = folder();
    let path = path.join("state.json");
    let error = Store::open(&path, noon()).unwrap_err();
    let shown = error.to_string().replace(path.to_str().unwrap(), "FILE");
    insta::assert_snapshot!(shown, @"cannot lock the state file FILE: No such file or directory (os error 2); its folder must exist and belong to the user the exporter runs as (state.file)");
}

#[test]
fn what_a_crashed_write_left_is_removed() {
    let (folder, path) = folder();
    std::fs::write(folder.path().join("state.json.tmp"), "{").unwrap();
    let _store = Store::open(&path, noon()).unwrap();
    assert_eq!(names(&folder), ["state.json.lock"]);
}

#[test]
fn a_crash_after_any_step_of_a_write_leaves_the_old_state_or_the_new_one() {
    let contents = |runs| {
        let ledgers = file::Ledgers::from([("acme".into(), ledger(runs))]);
        file::encode(&ledgers).unwrap()
    };
    let (_folder, path) = folder();
    let mut found = Vec::new();
    for steps in 0.. {
        file::replace(&path, &contents(1), || Ok(())).unwrap();
        let mut left = steps;
        let crash = || {
            if left == 0 {
                return Err(io::Error::other("crash"));
            }
            left -= 1;
            Ok(())
        };
        let outcome = file::replace(&path, &contents(2), crash);
        found.push(on_disk(&path, "acme").unwrap());
        if outcome.is_ok() {
            break;
        }
    }
    assert_eq!(found, [1, 1, 1, 1, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn only_a_counted_run_is_written_at_once() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    let mut ledger = begun();
    store.save("acme", &ledger).await.unwrap();
    let written = || std::fs::read_to_string(&path).unwrap();
    let first = written();

    ledger.observe(&[running("a", "15 12:01")], at("15 12:02"));
    store.save("acme", &ledger).await.unwrap();
    assert_eq!(written(), first);

    tokio::time::advance(UNHURRIED).await;
    store.save("acme", &ledger).await.unwrap();
    let second = written();
    assert_ne!(second, first);

    ledger.observe(&[succeeded("a", "15 12:01", "15 12:03")], at("15 12:04"));
    store.save("acme", &ledger).await.unwrap();
    assert_eq!(on_disk(&path, "acme"), Some(1));
}

#[tokio::test]
async fn tenants_that_save_at_the_same_time_share_a_write() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    let busy = store.shared.turn.lock().await;
    let mut saves = tokio::task::JoinSet::new();
    for tenant in 0..50 {
        let store = store.clone();
        let ledger = ledger(1);
        saves.spawn(async move { store.save(&tenant.to_string(), &ledger).await });
    }
    while store.shared.book().drawn < 50 {
        tokio::task::yield_now().await;
    }
    drop(busy);
    saves.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(store.shared.book().written, 50);
    assert_eq!(file::read(&path, noon()).unwrap().len(), 50);
    while let Some(outcome) = saves.join_next().await {
        outcome.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_write_that_fails_says_so_leaves_nothing_and_is_tried_again() {
    let (folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    let ledger = ledger(1);
    // Nothing can be written where a folder stands, not even by root.
    let obstacle = folder.path().join("state.json.tmp");
    std::fs::create_dir(&obstacle).unwrap();
    for _ in 0..2 {
        let error = store.save("acme", &ledger).await.unwrap_err();
        let shown = error.to_string().replace(path.to_str().unwrap(), "FILE");
        insta::allow_duplicates! {
            insta::assert_snapshot!(shown, @"cannot write the state file FILE: Is a directory (os error 21); the counters go on in memory and the next refresh tries again, but a restart before that would count from the last state written");
        }
    }
    std::fs::remove_dir(&obstacle).unwrap();
    store.save("acme", &ledger).await.unwrap();
    assert_eq!(on_disk(&path, "acme"), Some(1));
}

#[tokio::test]
async fn a_save_that_nobody_waits_for_any_more_is_made_up_for() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    store.save("acme", &ledger(1)).await.unwrap();
    let ledger = ledger(2);
    let busy = store.shared.turn.lock().await;
    let save = store.save("acme", &ledger);
    tokio::select! {
        biased;
        _ = save => panic!("it is not its turn"),
        () = std::future::ready(()) => {}
    }
    drop(busy);
    assert_eq!(on_disk(&path, "acme"), Some(1));
    store.save("acme", &ledger).await.unwrap();
    assert_eq!(on_disk(&path, "acme"), Some(2));
}

#[tokio::test]
async fn a_lock_that_could_not_be_had_at_first_is_taken_before_anything_is_written() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    store.shared.lock.lock().unwrap().take();
    let other = Store::open(&path, noon()).unwrap();
    let error = store.save("acme", &ledger(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::InUse(_)), "{error}");
    drop(other);
    store.save("acme", &ledger(1)).await.unwrap();
    assert!(matches!(
        Store::open(&path, noon()),
        Err(StoreError::InUse(_))
    ));
}

#[tokio::test]
async fn a_link_leads_to_the_same_file_and_lock_and_stays_a_link() {
    let (folder, path) = folder();
    let link = folder.path().join("link.json");
    std::os::unix::fs::symlink(path.file_name().unwrap(), &link).unwrap();
    let store = Store::open(&link, noon()).unwrap();
    let second = Store::open(&path, noon());
    assert!(matches!(second, Err(StoreError::InUse(_))), "{second:?}");
    store.save("acme", &ledger(1)).await.unwrap();
    assert_eq!(on_disk(&path, "acme"), Some(1));
    assert!(link.is_symlink());
}

#[test]
fn a_check_tells_what_a_start_would_and_changes_nothing() {
    let (folder, path) = folder();
    let names = || std::fs::read_dir(folder.path()).unwrap().count();
    Store::check(&path).unwrap();
    assert_eq!(names(), 0);
    std::fs::write(&path, r#"{"amperity_exporter_state": 2}"#).unwrap();
    assert!(matches!(Store::check(&path), Err(StoreError::Newer { .. })));
    std::fs::write(&path, "{").unwrap();
    let damaged = Store::check(&path).unwrap_err();
    assert!(matches!(damaged, StoreError::Damaged { .. }), "{damaged}");
    assert_eq!(names(), 1);
    let missing = Store::check(&folder.path().join("nowhere/state.json"));
    assert!(matches!(missing, Err(StoreError::Unusable { .. })));
}

#[tokio::test]
async fn a_tenant_that_is_not_configured_stays_until_it_is_too_old() {
    let (_folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    for tenant in ["acme", "former"] {
        store.save(tenant, &ledger(1)).await.unwrap();
    }
    store.forget_tenants(at("15 12:03"), |tenant| tenant == "acme");
    assert!(store.ledger("former").is_some());
    store.forget_tenants(at("15 12:04"), |tenant| tenant == "acme");
    assert!(store.ledger("former").is_none());
    assert!(store.ledger("acme").is_some());
}

/// `cargo test --release --lib -- --ignored --nocapture a_week_of_runs`
#[tokio::test]
#[ignore = "a measurement"]
async fn a_week_of_runs_of_ten_thousand_feeds_in_numbers() {
    for per_day in [1, 24] {
        let (_folder, path) = folder();
        let mut jobs = Vec::new();
        for feed in 0..10_000 {
            for run in 0..7 * per_day {
                let id = format!("isj-20240715-{:05}-{run:06}", feed % 99_999);
                let mut job = succeeded(&id, "15 12:01", "15 12:02");
                job.tables[0].table = format!("table_{:03}", feed % 200).into();
                job.tables[0].feed = format!("df-{feed:08}").into();
                let shift =
                    jiff::SignedDuration::from_mins(1440 * i64::from(run) / i64::from(per_day));
                let table = &mut job.tables[0];
                table.started_at = table.started_at.map(|time| time + shift);
                table.ended_at = table.ended_at.map(|time| time + shift);
                jobs.push(job);
            }
        }
        let now = at("22 12:03");
        let mut ledger = begun();
        let timed =
            |what: &str, start: Instant| println!("{per_day}/day {what}: {:?}", start.elapsed());
        let start = Instant::now();
        ledger.observe(&jobs, now);
        timed("first observe of all", start);
        let shown: Vec<_> = jobs.iter().step_by(jobs.len() / 10_000).collect();
        let start = Instant::now();
        ledger.observe(shown, now);
        timed("observe of 10,000 unchanged", start);
        let start = Instant::now();
        let feeds = ledger.feeds();
        timed("feeds()", start);
        assert_eq!(feeds.len(), 10_000);
        let start = Instant::now();
        let copy = ledger.clone();
        timed("copy", start);
        let ledgers = file::Ledgers::from([("acme".into(), copy)]);
        let start = Instant::now();
        let contents = file::encode(&ledgers).unwrap();
        timed("encode", start);
        println!(
            "{per_day}/day size: {} bytes, {} runs",
            contents.len(),
            jobs.len()
        );
        let store = Store::open(&path, now).unwrap();
        let start = Instant::now();
        store.save("acme", &ledger).await.unwrap();
        timed("save", start);
        drop(store);
        let start = Instant::now();
        Store::open(&path, now).unwrap();
        timed("open", start);
    }
}
