//! A real Prometheus from PATH, with its own data folder.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::http;
use super::process::{TIMEOUT, free_address, read_log};

/// A running Prometheus. Dropping it kills it.
pub(crate) struct Prometheus {
    _child: Child,
    _folder: TempDir,
    address: SocketAddr,
}

/// One series of a result: its labels, and its samples by time.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) samples: Vec<(f64, f64)>,
}

impl Prometheus {
    /// Starts it with this configuration and waits until it answers.
    pub(crate) async fn start(configuration: &str) -> Self {
        Self::start_with(&[], configuration).await
    }

    /// The same, with flags.
    pub(crate) async fn start_with(flags: &[&str], configuration: &str) -> Self {
        Self::run(TempDir::new().unwrap(), flags, configuration).await
    }

    /// The same, with the blocks that are in its data folder already.
    pub(crate) async fn start_in(folder: TempDir, configuration: &str) -> Self {
        Self::run(folder, &[], configuration).await
    }

    async fn run(folder: TempDir, flags: &[&str], configuration: &str) -> Self {
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, configuration).unwrap();
        let address = free_address([127, 0, 0, 1]);
        let mut child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("prometheus is not on PATH: run ./tests/run.sh, or leave out `peers::`");
        let log = Arc::<Mutex<Vec<String>>>::default();
        let stderr = child.stderr.take().unwrap();
        tokio::spawn(read_log(stderr, Arc::clone(&log)));
        let deadline = Instant::now() + TIMEOUT;
        while http::get(address, "/-/ready", "*/*")
            .await
            .is_none_or(|ready| ready.status() != 200)
        {
            let log = || log.lock().unwrap().join("\n");
            assert!(Instant::now() < deadline, "not ready: {}", log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self {
            _child: child,
            _folder: folder,
            address,
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The answer to an expression, now or at a time in seconds since 1970.
    pub(crate) async fn query(&self, expression: &str, at: Option<f64>) -> Vec<Series> {
        let expression_encoded = percent_encoded(expression);
        let time = at.map_or_else(String::new, |at| format!("&time={at:.3}"));
        let path = format!("query?query={expression_encoded}{time}");
        let data = self.data(&path).await;
        let results = data["result"].as_array();
        let results = results.unwrap_or_else(|| panic!("{expression}: {data}"));
        results.iter().map(Series::new).collect()
    }

    /// The current result of an expression, once it is as expected.
    pub(crate) async fn query_until(
        &self,
        expression: &str,
        good: impl Fn(&[Series]) -> bool,
    ) -> Vec<Series> {
        let waiting = async {
            loop {
                let series = self.query(expression, None).await;
                if good(&series) {
                    return series;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if let Ok(series) = tokio::time::timeout(2 * TIMEOUT, waiting).await {
            return series;
        }
        panic!("{expression}: {:#?}", self.query(expression, None).await)
    }

    /// The targets it scrapes, as its API shows them.
    pub(crate) async fn targets(&self) -> Vec<Value> {
        let data = self.data("targets?state=active").await;
        data["activeTargets"].as_array().unwrap().clone()
    }

    async fn data(&self, path: &str) -> Value {
        let path = format!("/api/v1/{path}");
        let answer = http::get(self.address, &path, "*/*").await.unwrap();
        let body = answer.into_body();
        let mut answer: Value = serde_json::from_str(&body).unwrap();
        answer["data"].take()
    }
}

impl Series {
    fn new(result: &Value) -> Self {
        let values = result["values"].as_array();
        let samples = values.map_or_else(|| vec![&result["value"]], |all| all.iter().collect());
        let sample = |value: &Value| {
            let number = value[1].as_str().unwrap().parse().unwrap();
            (value[0].as_f64().unwrap(), number)
        };
        Self {
            labels: serde_json::from_value(result["metric"].clone()).unwrap(),
            samples: samples.into_iter().map(sample).collect(),
        }
    }

    /// The last, or the only, sample.
    pub(crate) fn last(&self) -> (f64, f64) {
        *self.samples.last().unwrap()
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        write!(encoded, "%{byte:02X}").unwrap();
        encoded
    })
}
