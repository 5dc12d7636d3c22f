//! How the binary ends.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::hostile::job;
use super::{Api, Binary, TENANT, TOKEN, binary};

#[tokio::test]
async fn it_ends_with_0_though_a_file_it_reads_hangs() {
    let api = Api::start().await;
    let running = job("isj-1", &json!({"state": "running"}), &json!({}));
    api.job("isj-1", running);
    let folder = tempfile::tempdir().unwrap();
    let (token, pipe) = (folder.path().join("token"), folder.path().join("pipe"));
    std::fs::write(&token, TOKEN).unwrap();
    let mut exporter = Binary::start(
        binary()
            .arg(format!("--amperity.tenant={TENANT}"))
            .arg(format!("--amperity.base-url={}", api.base_url()))
            .arg(format!("--amperity.token-file={}", token.display()))
            .arg("--amperity.job=isj-1")
            .arg("--refresh.interval=1s"),
    );
    exporter.page().await;
    // To open a pipe that nobody writes to takes for ever.
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    std::fs::rename(&pipe, &token).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let pid = exporter.child.id().to_string();
    Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    for _ in 0..400 {
        if let Some(status) = exporter.child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(0));
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it has not ended after 20 seconds");
}
