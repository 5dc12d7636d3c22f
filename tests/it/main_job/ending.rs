//! How the binary ends.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::hostile::job;
use super::{Api, TENANT, TOKEN, started};
use crate::support::process::binary;

#[tokio::test]
async fn it_ends_with_0_though_a_file_it_reads_hangs() {
    let api = Api::start().await;
    let running = job("isj-1", &json!({"state": "running"}), &json!({}));
    api.job("isj-1", running);
    let folder = tempfile::tempdir().unwrap();
    let (token, pipe) = (folder.path().join("token"), folder.path().join("pipe"));
    std::fs::write(&token, TOKEN).unwrap();
    let mut command = binary();
    command
        .arg(format!("--amperity.tenant={TENANT}"))
        .arg(format!("--amperity.base-url={}", api.base_url()))
        .arg(format!("--amperity.token-file={}", token.display()))
        .arg("--amperity.job=isj-1")
        .arg("--refresh.interval=1s");
    let exporter = started(command).await;
    // Opening a pipe without a writer blocks.
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    std::fs::rename(&pipe, &token).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(exporter.terminate().await.code, Some(0));
}
