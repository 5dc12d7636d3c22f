//! What operators install beside the exporter: rules, scrape configurations,
//! notifications, dashboards, the runbook. Checked by the programs that will
//! read them, and against the catalogue of metrics they all rely on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

mod alerts;
mod chain;
mod chart;
mod compose;
mod dashboards;
mod demo;
mod expression;
mod inbox;
mod names;
mod notifications;
mod prometheus;
mod runbook;

/// A file or folder of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&read(path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder with this extension, in the order of their names.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = repository(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no .{extension} in {}", folder.display());
    paths
}

/// Runs one of the programs that `tests/run.sh` puts on PATH and returns its
/// output. Fails the test with that output if the program fails.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; run ./tests/run.sh"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(
        output.status.success(),
        "{program} {}\n{text}",
        arguments.join(" ")
    );
    text
}

fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The labels of each metric family.
type Catalogue = BTreeMap<String, BTreeSet<String>>;

/// The families of the catalogue with their labels, from the output of
/// `amperity_exporter metrics`.
fn catalogue() -> Catalogue {
    let quoted = |cell: &str| -> BTreeSet<String> {
        let words = cell.split('`').skip(1).step_by(2);
        words.map(str::to_owned).collect()
    };
    let families: Catalogue = amperity_exporter::exposition::catalogue::markdown()
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let name = cells.next()?.strip_suffix('`')?.to_owned();
            Some((name, quoted(cells.nth(1)?)))
        })
        .collect();
    assert!(families.contains_key("amperity_up"), "{families:?}");
    families
}

/// Every rule of `deploy/prometheus/rules/`.
fn rules() -> Vec<Value> {
    let groups = files("deploy/prometheus/rules", "yml");
    groups
        .iter()
        .flat_map(|path| array(&yaml(path), "groups").to_vec())
        .flat_map(|group| array(&group, "rules").to_vec())
        .collect()
}

/// The alerting ones among them.
fn alerts() -> Vec<Value> {
    let alerts: Vec<Value> = rules()
        .into_iter()
        .filter(|rule| rule.get("alert").is_some())
        .collect();
    assert!(!alerts.is_empty());
    alerts
}

/// Every panel of a dashboard but the headings of its rows.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = array(dashboard, "panels").iter();
    panels.filter(|panel| panel["type"] != "row").collect()
}

/// The dashboards by the name of their file.
fn dashboards() -> Vec<(String, Value)> {
    files("dashboards", "json")
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let dashboard = serde_json::from_str(&read(path));
            (name, dashboard.unwrap())
        })
        .collect()
}

/// One query of a panel.
struct PanelQuery {
    dashboard: String,
    title: String,
    reference: String,
    expression: String,
    /// Whether it is a graph of one point a day.
    daily: bool,
    /// Whether its rows are merged with those of other queries.
    merged: bool,
}

/// Every query of every panel.
fn panel_queries() -> Vec<PanelQuery> {
    let mut queries = Vec::new();
    for (name, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            let mut transformations = array(panel, "transformations").iter();
            let merged = transformations.any(|step| step["id"] == "merge");
            queries.extend(array(panel, "targets").iter().map(|target| PanelQuery {
                daily: target["interval"] == "1d",
                merged,
                dashboard: name.clone(),
                title: text(panel, "title").to_owned(),
                reference: text(target, "refId").to_owned(),
                expression: text(target, "expr").to_owned(),
            }));
        }
    }
    queries
}
