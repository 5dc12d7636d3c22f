//! The table of tested versions in `docs/INSTALL.md`, from the files that set
//! them.

use std::fs;
use std::io;

const HEADING: &str = "| with | version | tested by |\n|---|---|---|\n";

/// Replaces the table.
///
/// # Errors
/// If a file cannot be read or written, or does not contain what is expected.
pub(crate) fn write() -> io::Result<()> {
    fs::write(crate::repository("docs/INSTALL.md"), document()?)
}

/// `docs/INSTALL.md` with a new table.
fn document() -> io::Result<String> {
    let document = read("docs/INSTALL.md")?;
    let (text, _) = document
        .split_once(HEADING)
        .ok_or_else(|| io::Error::other("docs/INSTALL.md has no table of versions"))?;
    let peers = read("tests/peers.sh")?;
    let compose = read("deploy/compose.yaml")?;
    let modules = read("tests/shipping/manifests/go.mod")?;
    let tools = read("tests/shipping/tools.sh")?;
    let config = read("docs/CONFIGURATION.md")?;
    let operator = "prometheus-operator/pkg/apis/monitoring ";
    let rows = [
        (
            "Prometheus",
            format!("{} and Debian 12's", after(&peers, "# Prometheus ")?),
            "`tests/peers.sh`, `tests/run.sh`: rules, alerts, scrapes",
        ),
        (
            "vmagent",
            after(&peers, "vmagent=")?,
            "`tests/peers.sh`: scrapes",
        ),
        (
            "OpenTelemetry Collector, Prometheus receiver",
            after(&peers, "receiver=")?,
            "`tests/peers.sh`: scrapes",
        ),
        (
            "Python's `prometheus_client`",
            "Debian 12's".to_owned(),
            "`tests/peers.sh`: reads OpenMetrics 1.0",
        ),
        (
            "Alertmanager",
            "Debian 12's".to_owned(),
            "`tests/run.sh`: routes, texts",
        ),
        (
            "Grafana",
            after(&compose, "grafana/grafana:")?,
            "the version of `deploy/compose.yaml`; no test runs it, the dashboards' queries run in Prometheus",
        ),
        (
            "Kubernetes",
            after(&modules, "k8s.io/client-go v0.")?
                .split('.')
                .next()
                .map(|minor| format!("1.{minor}"))
                .unwrap_or_default(),
            "`tests/shipping.sh`: its API server accepts the chart and the manifests",
        ),
        (
            "Prometheus Operator",
            after(&modules, operator)?,
            "`tests/shipping.sh`: its types accept the manifests",
        ),
        (
            "Helm",
            after(&tools, "helm.sh/helm/v3/cmd/helm@")?,
            "`tests/shipping.sh`: the chart",
        ),
        (
            "Amperity API",
            after(&config, "version: \"")?.replace('"', ""),
            "`tests/run.sh`: a simulated API",
        ),
    ];
    let rows = rows.map(|(with, version, by)| format!("| {with} | {version} | {by} |\n"));
    Ok(format!("{text}{HEADING}{}", rows.concat()))
}

fn read(path: &str) -> io::Result<String> {
    fs::read_to_string(crate::repository(path))
}

/// The word after the first `prefix`.
fn after(text: &str, prefix: &str) -> io::Result<String> {
    let (_, rest) = text
        .split_once(prefix)
        .ok_or_else(|| io::Error::other(format!("no {prefix:?}")))?;
    Ok(rest
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_versions_is_generated() {
        let actual = read("docs/INSTALL.md").unwrap();
        assert!(
            actual == document().unwrap(),
            "run: cargo run --package amperity_packaging"
        );
    }
}
