//! What would make the import of a dashboard fail or a panel look wrong. These
//! tests run without Grafana.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{array, dashboards, files, panels, read, text};

const PANEL_TYPES: [&str; 6] = [
    "bargauge",
    "row",
    "stat",
    "state-timeline",
    "table",
    "timeseries",
];
const UNITS: [&str; 9] = [
    "bytes",
    "dateTimeAsIso",
    "dateTimeFromNow",
    "dtdurations",
    "none",
    "percentunit",
    "reqps",
    "s",
    "short",
];
/// Okabe and Ito's colours, which the colour-blind can distinguish, and a grey.
const COLOURS: [&str; 8] = [
    "#0072B2", "#009E73", "#56B4E9", "#999999", "#CC79A7", "#D55E00", "#E69F00", "#F0E442",
];

/// Every value under this key, however deep.
fn all<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get(key));
            fields.values().for_each(|field| all(field, key, found));
        }
        Value::Array(items) => items.iter().for_each(|item| all(item, key, found)),
        _ => {}
    }
}

fn every<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    all(value, key, &mut found);
    found
}

#[test]
fn dashboards_are_the_output_of_their_generator() {
    let generated: Vec<(String, String)> = amperity_dashboards::files()
        .into_iter()
        .map(|(name, json)| (name.to_owned(), json))
        .collect();
    let written: Vec<(String, String)> = files("dashboards", "json")
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, read(path))
        })
        .collect();
    let same = generated == written;
    assert!(same, "run: cargo run --package amperity_dashboards");
}

#[test]
fn a_dashboard_has_a_unique_uid_and_no_id() {
    let mut uids = BTreeSet::new();
    for (name, dashboard) in dashboards() {
        assert_eq!(dashboard["id"], Value::Null, "{name}");
        assert!(dashboard["schemaVersion"].as_u64() >= Some(39), "{name}");
        assert!(text(&dashboard, "uid").starts_with("amperity-"), "{name}");
        assert!(uids.insert(text(&dashboard, "uid").to_owned()), "{name}");
        for key in ["title", "description", "refresh"] {
            assert!(!text(&dashboard, key).is_empty(), "{name}: no {key}");
        }
        assert!(dashboard.get("__inputs").is_none(), "{name}");
    }
}

#[test]
fn data_source_and_tenant_are_variables() {
    for (name, dashboard) in dashboards() {
        let variables = array(&dashboard["templating"], "list");
        let kinds: Vec<_> = variables
            .iter()
            .map(|variable| (text(variable, "name"), text(variable, "type")))
            .collect();
        assert!(
            kinds.starts_with(&[("datasource", "datasource"), ("tenant", "query")]),
            "{name}"
        );
        for source in every(&dashboard, "datasource") {
            let builtin = text(source, "uid") == "-- Grafana --";
            assert!(
                builtin || text(source, "uid") == "${datasource}",
                "{name}: {source}"
            );
        }
        for panel in panels(&dashboard) {
            for queried in array(panel, "targets").iter().chain([panel]) {
                assert!(
                    queried.get("datasource").is_some(),
                    "{name}: {}",
                    text(panel, "title")
                );
            }
        }
    }
}

#[test]
fn panels_have_unique_ids_and_do_not_overlap() {
    for (name, dashboard) in dashboards() {
        let mut ids = BTreeSet::new();
        let mut cells = BTreeSet::new();
        for panel in array(&dashboard, "panels") {
            let title = text(panel, "title");
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: {title}");
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(w > 0 && h > 0 && x + w <= 24, "{name}: {title}");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(cells.insert(cell), "{name}: {title} overlaps at {cell:?}");
            }
        }
    }
}

#[test]
fn every_panel_has_a_known_type_a_title_a_description_a_unit_and_a_text_for_no_data() {
    for (name, dashboard) in dashboards() {
        for panel in array(&dashboard, "panels") {
            let kind = text(panel, "type");
            assert!(PANEL_TYPES.contains(&kind), "{name}: {kind}");
        }
        for panel in panels(&dashboard) {
            let title = text(panel, "title");
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(
                !title.is_empty() && !text(panel, "description").is_empty(),
                "{name}: {title}"
            );
            assert!(
                UNITS.contains(&text(defaults, "unit")),
                "{name}: {title}: unit"
            );
            assert!(
                !text(defaults, "noValue").is_empty(),
                "{name}: {title}: noValue"
            );
            let steps = array(&defaults["thresholds"], "steps");
            assert_eq!(
                steps[0]["value"],
                Value::Null,
                "{name}: {title}: first step"
            );
            let references: BTreeSet<_> = array(panel, "targets")
                .iter()
                .map(|target| text(target, "refId"))
                .collect();
            assert_eq!(
                references.len(),
                array(panel, "targets").len(),
                "{name}: {title}"
            );
            assert!(!references.is_empty(), "{name}: {title}");
        }
    }
}

#[test]
fn every_colour_is_one_that_colour_blind_people_can_tell_apart() {
    for (name, dashboard) in dashboards() {
        let named = every(&dashboard, "fixedColor")
            .into_iter()
            .chain(every(&dashboard, "color"));
        for colour in named.filter_map(Value::as_str) {
            assert!(COLOURS.contains(&colour), "{name}: {colour}");
        }
    }
}

#[test]
fn every_state_has_a_text() {
    for (name, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            if text(panel, "type") != "state-timeline" {
                continue;
            }
            let mappings = &panel["fieldConfig"]["defaults"]["mappings"][0]["options"];
            for code in 1..=8 {
                let word = text(&mappings[code.to_string()], "text");
                assert!(!word.is_empty(), "{name}: no word for {code}");
            }
        }
    }
}

#[test]
fn dashboards_link_to_each_other_with_variables_and_time() {
    let dashboards = dashboards();
    for (name, dashboard) in &dashboards {
        assert!(
            array(dashboard, "tags").contains(&"amperity".into()),
            "{name}"
        );
        let link = &dashboard["links"][0];
        assert_eq!(text(link, "type"), "dashboards", "{name}");
        assert_eq!(link["tags"], serde_json::json!(["amperity"]), "{name}");
        assert!(
            link["includeVars"] == true && link["keepTime"] == true,
            "{name}"
        );
        for url in every(dashboard, "url")
            .into_iter()
            .filter_map(Value::as_str)
        {
            if let Some(path) = url.strip_prefix("/d/") {
                let (uid, parameters) = path.split_once('?').unwrap();
                let target = dashboards
                    .iter()
                    .find(|(_, found)| text(found, "uid") == uid);
                let (_, target) = target.unwrap_or_else(|| panic!("{name}: no dashboard {uid}"));
                let variables = array(&target["templating"], "list");
                for parameter in parameters
                    .split('&')
                    .filter_map(|one| one.strip_prefix("var-"))
                {
                    let (variable, _) = parameter.split_once('=').unwrap();
                    let known = variables
                        .iter()
                        .any(|found| text(found, "name") == variable);
                    assert!(known, "{name}: {uid} has no {variable}");
                }
                assert!(parameters.contains("${__url_time_range}"), "{name}: {url}");
            } else {
                let amperity = url.starts_with("https://$") && url.ends_with(".amperity.com/");
                // The address that the exporter makes from `ui_url`.
                let run = url == "${__data.fields.url:raw}";
                let outside = amperity || run || url.starts_with("${runbook}#");
                assert!(url.is_empty() || outside, "{name}: {url}");
            }
        }
    }
}
