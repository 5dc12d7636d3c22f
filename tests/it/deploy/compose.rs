//! The demo with containers, without running one: paths and names that its
//! files share.

use std::collections::BTreeSet;

use amperity_exporter::clock::Clock;
use amperity_simulator::{Simulator, World};

use super::{array, files, read, repository, run, text, yaml};

const CONFIGURATION: &str = "deploy/compose/amperity_exporter.yml";

#[test]
fn mounted_files_exist_and_images_have_versions() {
    let compose = yaml(&repository("deploy/compose.yaml"));
    let services = compose["services"].as_object().unwrap();
    assert_eq!(services.len(), 6);
    for (service, settings) in services {
        for volume in array(settings, "volumes") {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            let path = repository("deploy").join(source);
            let is_volume = compose["volumes"].get(source).is_some();
            assert!(is_volume || path.exists(), "{service}: {}", path.display());
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
    let exporter = read(&repository(CONFIGURATION));
    for (name, address, wanted) in [
        ("amperity", "http://amperity:10110/api", &exporter),
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
fn the_exporter_has_its_configuration_and_a_state_file_on_a_volume() {
    let compose = yaml(&repository("deploy/compose.yaml"));
    let exporter = &compose["services"]["amperity-exporter"];
    let mounts: Vec<(&str, &str)> = array(exporter, "volumes")
        .iter()
        .map(|volume| {
            let mut parts = volume.as_str().unwrap().split(':');
            (parts.next().unwrap(), parts.next().unwrap())
        })
        .collect();
    let argument = |flag: &str| {
        let arguments = array(exporter, "command").iter();
        let mut values = arguments.filter_map(|argument| argument.as_str()?.strip_prefix(flag));
        values.next().unwrap()
    };
    let mounted = |path: &str| {
        let found = mounts.iter().find(|(_, target)| path.starts_with(target));
        found.unwrap().0
    };
    let configuration = mounted(argument("--config.file="));
    assert_eq!(
        repository("deploy")
            .join(configuration)
            .canonicalize()
            .unwrap(),
        repository(CONFIGURATION)
    );
    let volume = mounted(argument("--state.file="));
    assert!(compose["volumes"].get(volume).is_some(), "{volume}");
    // The folder is there in the image, for the user that the exporter runs as.
    let folder = mounts
        .iter()
        .find(|(source, _)| *source == volume)
        .unwrap()
        .1;
    let image = read(&repository("Dockerfile"));
    let copied = format!("--chown=nonroot:nonroot /image{folder}/ {folder}/");
    assert!(image.contains(&copied), "{copied}");
}

#[test]
fn the_simulator_accepts_the_credentials_of_the_exporter() {
    let path = repository(CONFIGURATION);
    let checked = run(
        env!("CARGO_BIN_EXE_amperity_exporter"),
        &["check", &format!("--config.file={}", path.display())],
    );
    assert!(checked.contains("socktown"), "{checked}");
    let configuration = yaml(&path);
    let [tenant] = array(&configuration, "tenants") else {
        panic!("{configuration}");
    };
    let start = Clock::system().now();
    let simulator = Simulator::new(World::demo(1, start), move || start);
    let credentials = simulator.credentials();
    let [accepted] = &credentials[..] else {
        panic!("{credentials:?}");
    };
    let oauth2 = &tenant["oauth2"];
    assert_eq!(text(tenant, "tenant"), &*accepted.tenant);
    assert_eq!(text(oauth2, "client_id"), accepted.client_id);
    assert_eq!(text(oauth2, "client_secret"), accepted.client_secret);
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
