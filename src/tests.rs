//! The order of the modules.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A module may use those before it only.
const MODULES: [&str; 19] = [
    "clock",
    "logging",
    "telemetry",
    "log_once",
    "config",
    "wire",
    "jobs",
    "amperity",
    "expectations",
    "feeds",
    "snapshot",
    "exposition",
    "refresh",
    "backfill",
    "web",
    "exporter",
    "cli",
    "commands",
    "fuzzing",
];

/// The Rust files below a folder except tests.
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

/// The modules that a file names as `crate::MODULE` or
/// `use crate::{MODULE, …}`, except in comments and tests.
fn used(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim().starts_with("//"));
    let paths = lines.flat_map(|line| line.split("crate::").skip(1));
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let names = paths.flat_map(|path| match path.strip_prefix('{') {
        Some(list) => list.trim_end_matches("};").split(", ").collect(),
        None => vec![path],
    });
    let names = names.map(|path| path.split(|letter| !is_name(letter)).next().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn a_module_uses_only_those_before_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&root);
    assert!(files.len() > 60, "{files:?}");
    for file in files {
        let path = file.strip_prefix(&root).unwrap();
        let module = path.components().next().unwrap().as_os_str();
        let module = module.to_str().unwrap().trim_end_matches(".rs");
        if ["main", "lib"].contains(&module) {
            continue;
        }
        let position = MODULES.iter().position(|name| *name == module);
        let position = position.unwrap_or_else(|| panic!("add `{module}` to the list above"));
        let used = used(&std::fs::read_to_string(&file).unwrap());
        let later = used
            .iter()
            .find(|name| !MODULES[..=position].contains(&name.as_str()));
        assert_eq!(later, None, "in {}", path.display());
    }
}
