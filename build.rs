//! Tells the program which compiler and which revision of the source made it.
//! A source tree without git is built all the same, with an empty revision,
//! or with the one in `AMPERITY_EXPORTER_REVISION`.

use std::path::Path;
use std::process::Command;

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
        .or_else(|| output("git", &["rev-parse", "HEAD"]))
        .unwrap_or_default();
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = output(&compiler, &["--version"]).unwrap_or_default();
    let version = version.split(' ').nth(1).unwrap_or_default();
    println!("cargo::rustc-env=AMPERITY_EXPORTER_REVISION={revision}");
    println!("cargo::rustc-env=AMPERITY_EXPORTER_RUSTVERSION={version}");
}

/// The first line a command prints, if it runs and succeeds.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim().to_owned();
    output.status.success().then_some(line)
}
