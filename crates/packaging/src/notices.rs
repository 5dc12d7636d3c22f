//! Licenses of the crates that the program contains. Most of them require their
//! text to accompany a binary.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Names and license texts of all crates in the program, by name.
///
/// # Errors
/// If cargo fails, or the sources of a crate cannot be read.
pub(crate) fn text() -> io::Result<String> {
    let metadata = metadata()?;
    let crates = in_program(&metadata);
    let mut text = "amperity_exporter contains these Rust crates.\n".to_owned();
    let packages = array(&metadata["packages"]);
    for package in packages.filter(|package| crates.contains(str(&package["id"]))) {
        // Crates of this repository have no source.
        if package["source"].is_null() {
            continue;
        }
        let license = package["license"].as_str().unwrap_or("see below");
        let (name, version) = (str(&package["name"]), str(&package["version"]));
        let _ = write!(text, "\n{}\n{name} {version}: {license}\n", "=".repeat(80));
        let folder = Path::new(str(&package["manifest_path"])).parent();
        for license in license_texts(folder.unwrap_or(Path::new("")))? {
            let _ = write!(text, "\n{}\n", license.trim_end());
        }
    }
    Ok(text)
}

fn metadata() -> io::Result<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .args(["--manifest-path", &crate::repository("Cargo.toml")])
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr)));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The ids of the packages that the program is linked from.
fn in_program(metadata: &Value) -> BTreeSet<&str> {
    let nodes: Vec<&Value> = array(&metadata["resolve"]["nodes"]).collect();
    let is_program = |package: &&Value| package["name"] == "amperity_exporter";
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = array(&metadata["packages"])
        .filter(is_program)
        .map(|package| str(&package["id"]))
        .collect();
    while let Some(id) = open.pop() {
        if !found.insert(id) {
            continue;
        }
        let node = nodes.iter().find(|node| node["id"] == id);
        let dependencies = node.map(|node| array(&node["deps"])).into_iter().flatten();
        let linked = dependencies.filter(|dependency| {
            // The kind of an ordinary dependency is null.
            array(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null())
        });
        open.extend(linked.map(|dependency| str(&dependency["pkg"])));
    }
    found
}

/// The license files of a crate.
fn license_texts(folder: &Path) -> io::Result<Vec<String>> {
    let mut paths: Vec<_> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = name.to_ascii_uppercase();
            ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        })
        .collect();
    paths.sort();
    paths.iter().map(fs::read_to_string).collect()
}

fn array(value: &Value) -> std::slice::Iter<'_, Value> {
    value
        .as_array()
        .map_or(&[] as &[Value], Vec::as_slice)
        .iter()
}

fn str(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_the_program_are_listed_with_their_licenses() {
        let text = text().unwrap();
        assert!(text.contains("\nring 0."), "{text}");
        assert!(text.contains("\ntokio 1."), "{text}");
        assert!(text.contains("Permission is hereby granted"));
        // Only tests and benchmarks use it.
        assert!(!text.contains("\ncriterion 0."));
    }
}
