//! What vmagent of `VictoriaMetrics` scrapes is what Prometheus scrapes: it sends it
//! to the same Prometheus by remote write.

use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::formats::{assert_same, scrape, set_up, stored};
use crate::support::process::free_address;
use crate::support::prometheus::Prometheus;

/// A scraper with its configuration. Dropping it kills it.
struct Scraper {
    _child: Child,
    _folder: TempDir,
}

impl Scraper {
    /// Starts a program of tests/peers.sh; `arguments` are made from its folder
    /// and its configuration file.
    fn start(
        program: &str,
        configuration: &str,
        arguments: impl Fn(&str, &str) -> Vec<String>,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("configuration.yml");
        std::fs::write(&file, configuration).unwrap();
        let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
        let child = Command::new(program)
            .args(arguments(&path(folder.path()), &path(&file)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{program} is not on PATH: run tests/peers.sh ({error})")
            });
        Self {
            _child: child,
            _folder: folder,
        }
    }
}

#[tokio::test]
#[ignore = "needs vmagent: tests/peers.sh"]
async fn vmagent_stores_what_prometheus_stores() {
    let _permit = crate::support::permit().await;
    let setup = set_up().await;
    let job = |name| format!("scrape_configs:\n{}", scrape(name, &setup.address, ""));
    let flags = ["--web.enable-remote-write-receiver"];
    let prometheus = Prometheus::start_with(&flags, &job("prometheus")).await;
    let write = format!("http://{}/api/v1/write", prometheus.address());
    let _vmagent = Scraper::start("vmagent", &job("vmagent"), |folder, file| {
        vec![
            format!("-promscrape.config={file}"),
            format!("-remoteWrite.url={write}"),
            format!("-remoteWrite.tmpDataPath={folder}/unsent"),
            "-remoteWrite.flushInterval=1s".into(),
            format!("-httpListenAddr={}", free_address([127, 0, 0, 1])),
        ]
    });
    let by_prometheus = stored(&prometheus, "prometheus", "none").await;
    let by_vmagent = stored(&prometheus, "vmagent", "none").await;
    assert_same("vmagent", &by_prometheus, &by_vmagent);
}
