//! Tells the program which compiler and which revision of the source made it.
//!
//! The revision is that of `AMPERITY_EXPORTER_REVISION`, of the crate as it was
//! published, or of git; without any of them it is empty. There is no build date:
//! builds of one revision are identical.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Written by `cargo package`.
const PUBLISHED: &str = ".cargo_vcs_info.json";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=AMPERITY_EXPORTER_REVISION");
    // A file that is missing would make Cargo run this every time.
    for file in [".git/HEAD", ".git/logs/HEAD"] {
        if Path::new(file).exists() {
            println!("cargo::rerun-if-changed={file}");
        }
    }
    let revision = std::env::var("AMPERITY_EXPORTER_REVISION")
        .ok()
        .or_else(published_revision)
        .or_else(git_revision)
        .unwrap_or_default();
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = output(&compiler, &["--version"]).unwrap_or_default();
    let version = version.split(' ').nth(1).unwrap_or_default();
    println!("cargo::rustc-env=AMPERITY_EXPORTER_REVISION={revision}");
    println!("cargo::rustc-env=AMPERITY_EXPORTER_RUSTVERSION={version}");
}

/// The revision that this crate was published from.
fn published_revision() -> Option<String> {
    let text = fs::read_to_string(PUBLISHED).ok()?;
    let (_, rest) = text.split_once("\"sha1\": \"")?;
    let (revision, _) = rest.split_once('"')?;
    Some(revision.to_owned())
}

/// The revision of this repository, not of one that this folder happens to be in.
fn git_revision() -> Option<String> {
    Path::new(".git")
        .exists()
        .then(|| output("git", &["rev-parse", "HEAD"]))?
}

/// The first line a command prints, if it runs and succeeds.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim().to_owned();
    output.status.success().then_some(line)
}
