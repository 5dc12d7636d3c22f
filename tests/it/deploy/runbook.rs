//! The alerts' conventions, and the runbook they lead to.

use std::collections::BTreeMap;

use super::{alerts, array, files, read, repository, text, yaml};

#[test]
fn every_alert_says_how_bad_what_where_and_what_to_do() {
    for alert in alerts() {
        let name = text(&alert, "alert");
        assert!(name.starts_with("Amperity"), "{name}");
        let severity = text(&alert["labels"], "severity");
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}: {severity}"
        );
        for annotation in ["summary", "description"] {
            let words = text(&alert["annotations"], annotation);
            assert!(words.contains("{{"), "{name}: no value in its {annotation}");
        }
        let anchor = format!("#{}", name.to_lowercase());
        let url = text(&alert["annotations"], "runbook_url");
        assert!(url.ends_with(&anchor), "{name}: {url}");
    }
}

#[test]
fn every_alert_has_a_section_in_the_runbook_and_the_runbook_no_other() {
    let runbook = read(&repository("docs/RUNBOOK.md"));
    let sections: Vec<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let alerts = alerts();
    for alert in &alerts {
        let name = text(alert, "alert");
        assert!(sections.contains(&name), "no section for {name}");
        let severity = text(&alert["labels"], "severity");
        let row = format!("| [{name}](#{}) | {severity} |", name.to_lowercase());
        assert!(runbook.contains(&row), "no row {row}");
    }
    for section in sections {
        let known = alerts.iter().any(|alert| text(alert, "alert") == section);
        assert!(known, "no alert {section}");
        let (_, body) = runbook.split_once(&format!("### {section}\n")).unwrap();
        let body = body.split("\n#").next().unwrap();
        for part in ["**Means.**", "**Check.**", "**Mend.**"] {
            assert!(body.contains(part), "{section}: no {part}");
        }
    }
}

#[test]
fn every_alert_has_a_unit_test_that_fires_and_one_that_stays_quiet() {
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
        assert!(quiet, "{name}: no test in which it stays quiet");
    }
}
