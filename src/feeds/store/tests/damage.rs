//! What is not ours, and what was ours and is damaged.

use super::*;

/// A closed database with as many runs.
async fn written(path: &Path, runs: u64) -> Vec<u8> {
    let store = Store::open(path, noon()).unwrap();
    store.save("acme", &mut history(runs)).await.unwrap();
    drop(store);
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_no_earlier_one_overwritten() {
    let (folder, path) = folder();
    let good = written(&path, 1).await;
    let mut no_header = good.clone();
    no_header[..100].fill(0xff);
    let mut no_tables = good.clone();
    no_tables[100..4096].fill(0);
    let damaged = [
        good[..30].to_vec(),
        good[..good.len() / 2].to_vec(),
        vec![0; good.len()],
        no_header,
        no_tables,
        br#"{"amperity_exporter_state": 1, "tenants": {"acme": 7}}"#.to_vec(),
    ];
    let count = damaged.len();
    for (number, contents) in damaged.into_iter().enumerate() {
        std::fs::write(&path, &contents).unwrap();
        let refused = Store::check(&path).unwrap_err();
        assert!(
            matches!(refused, StoreError::Damaged { .. }),
            "{number}: {refused}"
        );
        let store = Store::open(&path, noon()).unwrap();
        assert!(store.history("acme").is_none(), "{number}");
        drop(store);
    }
    let names = names(&folder);
    let aside: Vec<_> = names
        .iter()
        .filter(|name| name.contains(".corrupt-"))
        .collect();
    assert_eq!(aside.len(), count, "{names:?}");
    assert_eq!(aside[0], "state.db.corrupt-20240715T120000Z");
    assert_eq!(aside[1], "state.db.corrupt-20240715T120000Z-2");
    let first = std::fs::read(folder.path().join(aside[0])).unwrap();
    assert_eq!(first, good[..30]);
}

#[tokio::test]
async fn no_flipped_byte_changes_a_counter_silently() {
    let (_folder, path) = folder();
    let good = written(&path, 40).await;
    let seed = 7;
    let mut dice = fastrand::Rng::with_seed(seed);
    for turn in 0..400 {
        let mut bad = good.clone();
        for _ in 0..dice.usize(1..4) {
            let place = dice.usize(..bad.len());
            bad[place] ^= dice.u8(1..);
        }
        std::fs::write(&path, &bad).unwrap();
        match Store::open(&path, noon()) {
            // What was changed is not in use, or the counters start anew.
            Ok(store) => {
                let mut read = store.history("acme");
                if let Some(read) = &mut read {
                    assert_eq!(
                        read.feeds()[0].totals,
                        history(40).feeds()[0].totals,
                        "{turn}"
                    );
                    count_more(read, 0..40);
                    assert_eq!(counted(read), 40, "{turn}");
                }
            }
            Err(StoreError::Foreign(_) | StoreError::Newer { .. }) => {}
            Err(error) => panic!("{turn}: {error}"),
        }
        for companion in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{companion}", path.display()));
        }
    }
}

#[tokio::test]
async fn a_database_damaged_while_in_use_is_set_aside_and_written_anew() {
    let (folder, path) = folder();
    let store = Store::open(&path, noon()).unwrap();
    let mut history = history(30);
    store.save("acme", &mut history).await.unwrap();
    let shell = Connection::open(&path).unwrap();
    shell
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(shell);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096..].fill(0x55);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).unwrap();
    drop(file);
    let mut failures = 0;
    loop {
        count_more(&mut history, 30 + failures..31 + failures);
        if store.save("acme", &mut history).await.is_ok() && failures > 0 {
            break;
        }
        failures += 1;
        assert!(failures < 5);
    }
    assert!(names(&folder).iter().any(|name| name.contains(".corrupt-")));
    drop(store);
    let store = Store::open(&path, noon()).unwrap();
    assert_eq!(counted(&store.history("acme").unwrap()), counted(&history));
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let (folder, path) = folder();
    let foreign = folder.path().join("foreign.db");
    let connection = Connection::open(&foreign).unwrap();
    connection
        .execute_batch("CREATE TABLE sheep (name TEXT)")
        .unwrap();
    drop(connection);
    let foreign = std::fs::read(&foreign).unwrap();
    for contents in [foreign.as_slice(), b"global: {}", br#"{"tenants": {}}"#] {
        std::fs::write(&path, contents).unwrap();
        let error = Store::open(&path, noon()).unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(shown(&error, &path), @"the state file FILE is not a state file of amperity_exporter; it was left as it is: set state.file to another path");
        }
        assert!(matches!(Store::check(&path), Err(StoreError::Foreign(_))));
        assert_eq!(std::fs::read(&path).unwrap(), contents);
        assert_eq!(names(&folder), ["foreign.db", "state.db"]);
    }
}

#[test]
fn a_device_a_pipe_and_a_folder_are_refused_at_once_and_left_alone() {
    let (folder, path) = folder();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let device = folder.path().join("device");
    std::os::unix::fs::symlink("/dev/null", &device).unwrap();
    std::fs::create_dir(&path).unwrap();
    let errors = [&pipe, &device, &path].map(|path| {
        let error = Store::open(path, noon()).unwrap_err().to_string();
        assert_eq!(Store::check(path).unwrap_err().to_string(), error);
        error.replace(folder.path().to_str().unwrap(), "DIR")
    });
    insta::assert_snapshot!(errors.join("\n"), @"
    the state file DIR/pipe is a pipe, not a regular file; set state.file to the path of a file
    the state file /dev/null is a device, not a regular file; set state.file to the path of a file
    the state file DIR/state.db is a folder, not a regular file; set state.file to the path of a file
    ");
    assert_eq!(names(&folder), ["device", "pipe", "state.db"]);
}

#[tokio::test]
async fn the_file_of_a_newer_version_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    written(&path, 1).await;
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 4).unwrap();
    drop(connection);
    let newer = std::fs::read(&path).unwrap();
    for error in [
        Store::open(&path, noon()).unwrap_err(),
        Store::check(&path).unwrap_err(),
    ] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(shown(&error, &path), @"the state file FILE was written by a newer amperity_exporter (format 4, this one knows 3); run the newer one, or move the file away to start the counters at 0");
        }
    }
    assert_eq!(std::fs::read(&path).unwrap(), newer);
}

#[tokio::test]
async fn a_check_says_what_a_start_would_and_changes_nothing() {
    let (folder, path) = folder();
    Store::check(&path).unwrap();
    assert_eq!(names(&folder).len(), 0);
    written(&path, 1).await;
    let before = std::fs::read(&path).unwrap();
    Store::check(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let store = Store::open(&path, noon()).unwrap();
    Store::check(&path).unwrap();
    store.save("acme", &mut history(2)).await.unwrap();
    let missing = Store::check(&folder.path().join("nowhere/state.db"));
    assert!(matches!(missing, Err(StoreError::Unusable { .. })));
}

#[tokio::test]
async fn where_nothing_can_be_written_the_counters_are_read_all_the_same() {
    let (folder, path) = folder();
    let path = path.with_file_name("a b?c.db");
    written(&path, 2).await;
    let before = names(&folder);
    let read = check::stored(&path).unwrap();
    assert_eq!(counted(&read[&("acme".into(), HistoryKind::Feeds)]), 2);
    assert_eq!(names(&folder), before);
    // While another process has it open, what is in the log counts, too.
    let store = Store::open(&path, noon()).unwrap();
    store.save("acme", &mut history(5)).await.unwrap();
    let read = check::stored(&path).unwrap();
    assert_eq!(counted(&read[&("acme".into(), HistoryKind::Feeds)]), 5);
}
