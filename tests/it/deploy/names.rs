//! Rules and dashboards against the catalogue: they may name only what the
//! exporter exposes.

use std::collections::BTreeSet;

use super::expression::names;
use super::{Catalogue, alerts, catalogue, panel_queries, rules, text};

/// Families that no rule and no panel uses, and why.
const UNUSED: [(&str, &str); 9] = [
    (
        "amperity_feed_run_duration_seconds",
        "the usual duration is a family of its own",
    ),
    (
        "amperity_ingest_file_read_rows",
        "off unless collect.files is set",
    ),
    (
        "amperity_ingest_file_error_rows",
        "off unless collect.files is set",
    ),
    (
        "amperity_feed_last_run_started_timestamp_seconds",
        "the end and the duration are shown",
    ),
    ("probe_duration_seconds", "depends on what is probed"),
    ("probe_success", "depends on what is probed"),
    ("process_max_fds", "a limit of the system"),
    ("process_threads", "does not change"),
    (
        "process_virtual_memory_bytes",
        "the resident memory is shown",
    ),
];

/// Labels that Prometheus adds to what the exporter exposes.
const ADDED: [&str; 7] = [
    "__name__",
    "job",
    "instance",
    "le",
    "alertname",
    "alertstate",
    "severity",
];

fn recorded() -> BTreeSet<String> {
    let rules = rules();
    let records = rules.iter().map(|rule| text(rule, "record").to_owned());
    records.collect()
}

/// A metric's family in the catalogue: `_sum`, `_count`, `_bucket` are parts of one.
fn family<'a>(catalogue: &Catalogue, metric: &'a str) -> &'a str {
    let parts = ["_sum", "_count", "_bucket"];
    let part = parts.iter().find_map(|part| metric.strip_suffix(part));
    part.filter(|name| catalogue.contains_key(*name))
        .unwrap_or(metric)
}

/// Every expression of dashboards and rules, with where it is.
fn expressions() -> Vec<(String, String)> {
    let panels = panel_queries().into_iter();
    let panels = panels.map(|query| {
        let place = format!("{}, {}", query.dashboard, query.title);
        (place, query.expression)
    });
    let mut expressions: Vec<_> = panels.collect();
    for rule in rules() {
        let place = format!("{}{}", text(&rule, "record"), text(&rule, "alert"));
        expressions.push((place, text(&rule, "expr").to_owned()));
    }
    expressions
}

#[test]
fn every_metric_and_label_in_rules_and_dashboards_is_in_the_catalogue() {
    let catalogue = catalogue();
    let recorded = recorded();
    let added: BTreeSet<String> = ADDED.map(str::to_owned).into();
    let known: BTreeSet<String> = catalogue.values().flatten().cloned().collect();
    let mut known: BTreeSet<String> = &known | &added;
    // Labels of recorded series.
    known.insert("problem".to_owned());
    for (place, expression) in expressions() {
        let names = names(&expression);
        for selector in &names.selectors {
            let metric = &selector.metric;
            let labels = match catalogue.get(family(&catalogue, metric)) {
                Some(labels) => labels | &added,
                None => known.clone(),
            };
            assert!(
                catalogue.contains_key(family(&catalogue, metric))
                    || recorded.contains(metric)
                    || ["up", "ALERTS", "ALERTS_FOR_STATE"].contains(&metric.as_str()),
                "{place}: unknown metric {metric}"
            );
            // Prometheus renames labels that the target has as well.
            let is_known = |label: &&String| {
                labels.contains(label.strip_prefix("exported_").unwrap_or(label.as_str()))
            };
            let unknown: Vec<_> = selector.labels.iter().filter(|it| !is_known(it)).collect();
            assert!(unknown.is_empty(), "{place}: {metric} has no {unknown:?}");
        }
        let unknown: Vec<_> = names.grouping.difference(&known).collect();
        assert!(unknown.is_empty(), "{place}: unknown labels {unknown:?}");
    }
}

#[test]
fn every_metric_in_an_annotation_is_in_the_catalogue() {
    let (catalogue, recorded) = (catalogue(), recorded());
    for alert in alerts() {
        for annotation in alert["annotations"].as_object().unwrap().values() {
            let annotation = annotation.as_str().unwrap();
            let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_:".contains(letter);
            for word in annotation.split(|letter| !is_part(letter)) {
                let metric = word.starts_with("amperity:") || word.starts_with("amperity_");
                assert!(
                    !metric
                        || word == "amperity_exporter"
                        || recorded.contains(word)
                        || catalogue.contains_key(family(&catalogue, word)),
                    "{}: unknown metric {word}",
                    text(&alert, "alert")
                );
            }
        }
    }
}

#[test]
fn every_family_is_used_or_listed_as_unused() {
    let catalogue = catalogue();
    let used: BTreeSet<String> = expressions()
        .iter()
        .flat_map(|(_, expression)| names(expression).selectors)
        .map(|selector| family(&catalogue, &selector.metric).to_owned())
        .collect();
    let left: BTreeSet<String> = UNUSED.map(|(name, _)| name.to_owned()).into();
    let families: BTreeSet<String> = catalogue.into_keys().collect();
    let settled = &used | &left;
    let forgotten: Vec<_> = families.difference(&settled).collect();
    assert!(
        forgotten.is_empty(),
        "neither used nor listed: {forgotten:?}"
    );
    let both: Vec<_> = families
        .intersection(&left)
        .filter(|name| used.contains(*name))
        .collect();
    assert!(both.is_empty(), "used and listed as unused: {both:?}");
}

#[test]
fn every_recorded_series_is_used_by_an_alert_a_panel_or_another_rule() {
    let used: BTreeSet<String> = expressions()
        .iter()
        .flat_map(|(_, expression)| names(expression).selectors)
        .map(|selector| selector.metric)
        .collect();
    let left: Vec<String> = recorded().difference(&used).cloned().collect();
    // Alerts have no `record`; the addresses are in annotations.
    assert_eq!(left, ["", "amperity:links_info"]);
}
