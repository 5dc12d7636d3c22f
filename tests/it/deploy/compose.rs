//! The demo with containers, without running one: paths and names that its
//! files share.

use std::collections::BTreeSet;

use super::{array, files, read, repository, text, yaml};

#[test]
fn mounted_files_exist_and_images_have_versions() {
    let compose = yaml(&repository("deploy/compose.yaml"));
    let services = compose["services"].as_object().unwrap();
    assert_eq!(services.len(), 5);
    for (service, settings) in services {
        for volume in array(settings, "volumes") {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            let path = repository("deploy").join(source);
            assert!(path.exists(), "{service}: {}", path.display());
        }
        let image = text(settings, "image");
        assert!(!image.ends_with(":latest"), "{service}: {image}");
        assert!(
            image.contains(':') || settings.get("build").is_some(),
            "{service}: no version"
        );
    }
}

#[test]
fn the_services_call_each_other_by_their_names() {
    let compose = yaml(&repository("deploy/compose.yaml"));
    let services = compose["services"].as_object().unwrap();
    let prometheus = read(&repository("deploy/compose/prometheus.yml"));
    let alertmanager = read(&repository("deploy/alertmanager/alertmanager.yml"));
    let grafana = read(&repository(
        "deploy/grafana/provisioning/datasources/prometheus.yaml",
    ));
    for (name, address, wanted) in [
        ("amperity-exporter", "amperity-exporter:10109", &prometheus),
        ("alertmanager", "alertmanager:9093", &prometheus),
        ("mail", "mail:1025", &alertmanager),
        ("prometheus", "http://prometheus:9090", &grafana),
    ] {
        assert!(services.contains_key(name), "no service {name}");
        assert!(wanted.contains(address), "{address}");
    }
}

#[test]
fn grafana_finds_the_dashboards_where_they_are_mounted() {
    let compose = yaml(&repository("deploy/compose.yaml"));
    let provider = yaml(&repository(
        "deploy/grafana/provisioning/dashboards/amperity.yaml",
    ));
    let path = text(&provider["providers"][0]["options"], "path");
    let grafana = &compose["services"]["grafana"];
    let mounted = format!("../dashboards:{path}:ro");
    let volumes = array(grafana, "volumes");
    assert!(
        volumes.iter().any(|volume| *volume == mounted.as_str()),
        "{mounted}"
    );
    let home = text(
        &grafana["environment"],
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH",
    );
    let home = home.strip_prefix(path).unwrap();
    assert!(
        repository("dashboards")
            .join(home.trim_start_matches('/'))
            .exists()
    );
}

#[test]
fn the_demo_has_every_threshold_and_mounts_every_rule_file() {
    let records = |path: &str| -> BTreeSet<String> {
        let groups = yaml(&repository(path));
        let groups = array(&groups, "groups").iter();
        groups
            .flat_map(|group| array(group, "rules"))
            .map(|rule| text(rule, "record").to_owned())
            .collect()
    };
    assert_eq!(
        records("deploy/compose/amperity_thresholds.yml"),
        records("deploy/prometheus/rules/amperity_thresholds.yml")
    );
    let compose = read(&repository("deploy/compose.yaml"));
    for path in files("deploy/prometheus/rules", "yml") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let mount = format!("/etc/prometheus/rules/{name}:ro");
        assert!(compose.contains(&mount), "{mount}");
    }
}
