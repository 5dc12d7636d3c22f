//! Rules and scrape configurations, checked by Prometheus' `promtool`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::{files, panel_queries, read, repository, run};

fn arguments<'a>(first: &[&'a str], paths: &'a [std::path::PathBuf]) -> Vec<&'a str> {
    let paths = paths.iter().map(|path| path.to_str().unwrap());
    first.iter().copied().chain(paths).collect()
}

#[test]
fn promtool_accepts_the_rules() {
    let rules = files("deploy/prometheus/rules", "yml");
    run("promtool", &arguments(&["check", "rules"], &rules));
    let demo = repository("deploy/compose/amperity_thresholds.yml");
    run("promtool", &["check", "rules", demo.to_str().unwrap()]);
}

#[test]
fn promtool_passes_the_unit_tests_of_the_rules() {
    let tests = files("tests/prometheus", "yml");
    run("promtool", &arguments(&["test", "rules"], &tests));
}

/// Copies the configurations together with the files of the user they name.
fn with_secrets(folder: &Path) {
    for path in files("deploy/prometheus", "yml") {
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    for sub in ["rules", "tls", "targets"] {
        fs::create_dir(folder.join(sub)).unwrap();
    }
    for path in files("deploy/prometheus/rules", "yml") {
        fs::copy(&path, folder.join("rules").join(path.file_name().unwrap())).unwrap();
    }
    let key = rcgen::generate_simple_self_signed(["exporter".to_owned()]).unwrap();
    fs::write(folder.join("tls/ca.crt"), key.cert.pem()).unwrap();
    fs::write(folder.join("tls/prometheus.crt"), key.cert.pem()).unwrap();
    fs::write(
        folder.join("tls/prometheus.key"),
        key.signing_key.serialize_pem(),
    )
    .unwrap();
    fs::write(folder.join("tls/password"), "secret").unwrap();
    fs::write(
        folder.join("targets/amperity_jobs.json"),
        r#"[{"targets": ["isj-20240701-48815-6dcXdk"], "labels": {"tenant": "socktown"}}]"#,
    )
    .unwrap();
}

#[test]
fn promtool_accepts_every_scrape_configuration_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    with_secrets(folder.path());
    for path in files("deploy/prometheus", "yml") {
        let copy = folder.path().join(path.file_name().unwrap());
        let output = run("promtool", &["check", "config", copy.to_str().unwrap()]);
        assert!(!output.contains("WARNING"), "{output}");
        assert!(output.contains("3 rule files found"), "{output}");
    }
    let demo = repository("deploy/compose/prometheus.yml");
    let copy = folder.path().join("demo.yml");
    fs::copy(demo, &copy).unwrap();
    run("promtool", &["check", "config", copy.to_str().unwrap()]);
}

#[test]
fn every_scrape_job_has_a_name_that_the_alert_selects() {
    for path in files("deploy/prometheus", "yml") {
        let names = read(&path);
        let names = names
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- job_name: "));
        for name in names {
            assert!(name.starts_with("amperity"), "{}: {name}", path.display());
        }
    }
}

#[test]
fn promtool_accepts_every_query_of_the_dashboards() {
    let mut rules = "groups:\n  - name: panels\n    rules:\n".to_owned();
    for (number, query) in panel_queries().into_iter().enumerate() {
        let expression = query
            .expression
            .replace("$__rate_interval", "5m")
            .replace("$__interval", "5m")
            .replace("$__range", "1d");
        let expression = serde_json::to_string(&expression).unwrap();
        let place = format!("{}, {}", query.dashboard, query.title);
        writeln!(
            rules,
            "      # {place}\n      - {{record: 'panel:{number}', expr: {expression}}}"
        )
        .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("panels.yml");
    fs::write(&path, &rules).unwrap();
    run("promtool", &["check", "rules", path.to_str().unwrap()]);
}
