//! The Helm chart, as far as it can be checked without Helm; `tests/shipping.sh`
//! renders it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{array, files, read, repository, text, yaml};

const CHART: &str = "deploy/helm/amperity-exporter";

fn chart(file: &str) -> std::path::PathBuf {
    repository(CHART).join(file)
}

#[test]
fn rules_and_dashboards_of_the_chart_are_the_shipped_files() {
    for (link, folder) in [
        ("files/rules", "deploy/prometheus/rules"),
        ("files/dashboards", "dashboards"),
    ] {
        let target = chart(link).canonicalize().unwrap();
        assert_eq!(target, repository(folder).canonicalize().unwrap());
    }
}

#[test]
fn the_chart_has_the_version_of_the_program() {
    let chart = yaml(&chart("Chart.yaml"));
    assert_eq!(text(&chart, "version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&chart, "appVersion"), env!("CARGO_PKG_VERSION"));
    let rendered = read(&repository("deploy/kubernetes/amperity-exporter.yaml"));
    let image = format!("image: amperity_exporter:{}\n", env!("CARGO_PKG_VERSION"));
    assert!(rendered.contains(&image), "run: tests/shipping.sh render");
}

#[test]
fn every_threshold_is_a_value_of_the_chart() {
    let rules = files("deploy/prometheus/rules", "yml");
    let thresholds: BTreeSet<String> = rules
        .iter()
        .flat_map(|path| array(&yaml(path), "groups").to_vec())
        .flat_map(|group| array(&group, "rules").to_vec())
        .filter_map(|rule| {
            Some(
                rule["record"]
                    .as_str()?
                    .strip_prefix("amperity:threshold:")?
                    .to_owned(),
            )
        })
        .collect();
    let schema = schema();
    let values = &schema["properties"]["prometheusRule"]["properties"]["thresholds"];
    let values = values["properties"].as_object().unwrap();
    assert_eq!(thresholds, values.keys().cloned().collect());
}

#[test]
fn the_schema_describes_every_value() {
    fn compare(path: &str, schema: &Value, values: &Value) {
        let Some(properties) = schema["properties"].as_object() else {
            return;
        };
        if schema["additionalProperties"] != false {
            return;
        }
        for (key, value) in values.as_object().unwrap() {
            let path = format!("{path}.{key}");
            compare(&path, properties.get(key).expect(&path), value);
        }
    }
    compare("", &schema(), &yaml(&chart("values.yaml")));
}

fn schema() -> Value {
    serde_json::from_str(&read(&chart("values.schema.json"))).unwrap()
}
