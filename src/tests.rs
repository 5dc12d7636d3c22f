//! The house as a whole, and what joins its ends.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

/// Each uses only those before it.
const ROOMS: [&str; 12] = [
    "clock",
    "telemetry",
    "config",
    "wire",
    "jobs",
    "amperity",
    "feeds",
    "snapshot",
    "exposition",
    "refresh",
    "web",
    "cli",
];

/// The Rust files below a folder that are not tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.file_stem().unwrap() != "tests");
    paths
        .flat_map(|path| match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(extension) if extension == "rs" => vec![path],
            _ => Vec::new(),
        })
        .collect()
}

/// The rooms that a text names as `crate::ROOM`, comments and tests aside.
fn used(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim().starts_with("//"));
    let paths = lines.flat_map(|line| line.split("crate::").skip(1));
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let names = paths.map(|path| path.split(|letter| !is_name(letter)).next().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn data_flows_one_way_through_the_rooms() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&house);
    assert!(files.len() > 80, "{files:?}");
    for file in files {
        let place = file.strip_prefix(&house).unwrap();
        let room = place.components().next().unwrap().as_os_str();
        let room = room.to_str().unwrap().trim_end_matches(".rs");
        let Some(position) = ROOMS.iter().position(|name| *name == room) else {
            // What joins the ends.
            assert!(
                ["main", "lib", "demo"].contains(&room),
                "a room without a place: {room}"
            );
            continue;
        };
        let allowed = &ROOMS[..=position];
        let used = used(&std::fs::read_to_string(&file).unwrap());
        let other = used.iter().find(|name| !allowed.contains(&name.as_str()));
        assert_eq!(other, None, "in {}", place.display());
    }
}

#[tokio::test]
async fn a_reload_goes_on_when_nobody_waits_for_it_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("amperity_exporter.yml");
    let written = "api: {base_url: 'http://127.0.0.1:1/api'}\n\
                   tenants:\n  - {tenant: socktown, authorization: {credentials: t}, jobs: [a]}\n";
    std::fs::write(&file, written).unwrap();
    let exporter = Exporter::new(Environment {
        clock: Clock::system(),
        telemetry: Telemetry::new().unwrap(),
        store: None,
        connect: Arc::new(amperity::network),
    });
    let reload = reloading(exporter.clone(), config::Source::file(&file));
    drop(reload());
    let taken = async {
        while exporter.tenants().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, taken).await.unwrap();
}
