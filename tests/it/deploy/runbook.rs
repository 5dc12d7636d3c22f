//! The conventions of alerts, and their sections in the runbook.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{alerts, array, files, read, repository, text, yaml};

/// The severity of an alert: for feeds the one without a configured severity, for
/// workflows the one of an error that the customer can fix, and the first one where
/// the expression sets it.
fn severity(alert: &Value) -> &str {
    let label = text(&alert["labels"], "severity");
    if label == "{{ $labels.severity }}" {
        let (_, rest) = text(alert, "expr").split_once("\"severity\", \"").unwrap();
        return rest.split('"').next().unwrap();
    }
    label
        .strip_prefix("{{ or $labels.severity \"")
        .and_then(|rest| rest.strip_suffix("\" }}"))
        .or_else(|| label.split_once("{{ else }}")?.1.strip_suffix("{{ end }}"))
        .unwrap_or(label)
}

#[test]
fn every_alert_has_severity_texts_and_links() {
    for alert in alerts() {
        let name = text(&alert, "alert");
        assert!(name.starts_with("Amperity"), "{name}");
        let severity = severity(&alert);
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}: {severity}"
        );
        for annotation in ["summary", "description"] {
            let words = text(&alert["annotations"], annotation);
            assert!(words.contains("{{"), "{name}: no value in its {annotation}");
        }
        let anchor = format!("#{}{{{{ end }}}}", name.to_lowercase());
        let url = text(&alert["annotations"], "runbook_url");
        assert!(url.ends_with(&anchor), "{name}: {url}");
        let url = text(&alert["annotations"], "dashboard_url");
        assert!(url.contains("/d/amperity-"), "{name}: {url}");
    }
}

#[test]
fn alerts_and_sections_of_the_runbook_match() {
    let runbook = read(&repository("docs/RUNBOOK.md"));
    let sections: Vec<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let alerts = alerts();
    for alert in &alerts {
        let name = text(alert, "alert");
        assert!(sections.contains(&name), "no section for {name}");
        let severity = severity(alert);
        let row = format!("| [{name}](#{}) | {severity}", name.to_lowercase());
        assert!(runbook.contains(&row), "no row {row}");
    }
    for section in sections {
        let known = alerts.iter().any(|alert| text(alert, "alert") == section);
        assert!(known, "no alert {section}");
        let (_, body) = runbook.split_once(&format!("### {section}\n")).unwrap();
        let body = body.split("\n#").next().unwrap();
        for part in
            ["Meaning", "Impact", "Diagnosis", "Mitigation"].map(|part| format!("**{part}.**"))
        {
            assert!(body.contains(&part), "{section}: no {part}");
        }
    }
}

#[test]
fn every_alert_has_a_unit_test_that_fires_and_one_that_does_not() {
    let mut tested: BTreeMap<String, [bool; 2]> = BTreeMap::new();
    for path in files("tests/prometheus", "yml") {
        for test in array(&yaml(&path), "tests") {
            for case in array(test, "alert_rule_test") {
                let firing = !array(case, "exp_alerts").is_empty();
                let name = text(case, "alertname").to_owned();
                tested.entry(name).or_default()[usize::from(firing)] = true;
            }
        }
    }
    for alert in alerts() {
        let name = text(&alert, "alert");
        let [quiet, firing] = tested.get(name).copied().unwrap_or_default();
        assert!(firing, "{name}: no test in which it fires");
        assert!(quiet, "{name}: no test in which it does not fire");
    }
}
