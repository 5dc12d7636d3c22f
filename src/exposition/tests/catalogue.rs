//! The catalogue matches the page.

use std::collections::BTreeSet;

use super::super::catalogue::{Family, Kind, families, markdown, snapshot_families};
use super::super::limit::{
    FEED_CREATED_LINES, FEED_LINES, TABLE_LINES, WORKFLOW_CREATED_LINES, WORKFLOW_LINES,
};
use super::*;

#[test]
fn metrics_md_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/METRICS.md");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == markdown(),
        "docs/METRICS.md is out of date: cargo run -- metrics > docs/METRICS.md"
    );
}

#[test]
fn names_follow_the_conventions() {
    let mut names = BTreeSet::new();
    for family in families() {
        let Family {
            name, kind, help, ..
        } = family;
        assert!(names.insert(family.base_name()), "{name} comes twice");
        let prefixes = ["amperity_", "process_", "probe_"];
        assert!(
            prefixes.iter().any(|prefix| name.starts_with(prefix)),
            "{name}"
        );
        assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        assert!(
            !name.contains("timestamp") || name.ends_with("_timestamp_seconds"),
            "{name}"
        );
        assert!(
            help.ends_with('.') && !help.contains(['\n', '"', '\\', '|']),
            "{name}"
        );
    }
}

#[test]
fn no_label_is_reserved_by_prometheus_or_common_target_labels() {
    let reserved = "job instance type region zone cluster az datacenter owner customer stage \
                    service team env environment le quantile";
    // The info family is there to be joined, so that alerts are routed by team.
    let families = families().filter(|family| family.name != "amperity_feed_info");
    for family in families {
        for label in family.labels {
            // No target label of the shipped configuration is named `type`.
            if family.name.starts_with("amperity_workflow_") && *label == "type" {
                continue;
            }
            assert!(!reserved.split(' ').any(|word| word == *label), "{label}");
        }
    }
}

#[test]
fn pages_match_the_catalogue() {
    let mut full = snapshot("t", vec![documented_job()], vec![feed_with_all_lines()]);
    full.configured = [("isj-1f73r9u2".into(), true)].into();
    full.status.token_expiry = Some(time(1));
    full.status.deprecation = Some(time(1));
    full.status.sunset = Some(time(1));
    full.status.workflows_up = Some(true);
    full.workflows = Arc::clone(&full.feeds);
    full.created_series = true;
    full.ui_url = Some("https://{tenant}.example.com/{workflow_id}".into());
    let (page, open_metrics) = {
        let page = page(&[full]);
        (read(&page, Format::Text), read(&page, Format::OpenMetrics))
    };
    for family in snapshot_families().filter(|family| !family.name.starts_with("probe_")) {
        let Family {
            name, kind, labels, ..
        } = family;
        assert!(
            page.contains(&format!("# TYPE {name} {}\n", kind.as_str())),
            "{name}"
        );
        let sample = page.lines().find(|line| line.starts_with(name)).unwrap();
        let shown: Vec<_> = sample
            .split(['{', ','])
            .filter_map(|part| Some(part.split_once("=\"")?.0))
            .collect();
        assert_eq!(shown, *labels, "{name}");
    }
    let count = |page: &str, prefix: &str| {
        let lines = page.lines().filter(|line| line.starts_with(prefix));
        lines.count()
    };
    let per_table = count(&page, "amperity_ingest_") - 2 - 2;
    assert_eq!(per_table, 20, "in METRICS.md");
    let per_feed = [&page, &open_metrics].map(|page| count(page, "amperity_feed_"));
    assert_eq!(per_feed, [47, 58], "in METRICS.md");
    let per_workflow = [&page, &open_metrics].map(|page| count(page, "amperity_workflow_"));
    assert_eq!(per_workflow, [30, 38], "in METRICS.md");
    assert_eq!(TABLE_LINES, 20);
    assert_eq!([FEED_LINES, FEED_LINES + FEED_CREATED_LINES], [47, 58]);
    let workflow = [WORKFLOW_LINES, WORKFLOW_LINES + WORKFLOW_CREATED_LINES];
    assert_eq!(workflow, [30, 38]);
}
