//! Invalid configurations: exit code 2, one clear line per problem, no secret.

use std::process::{Command, Stdio};

use super::with_file;
use crate::support::process::binary;

const SECRET: &str = "s3cr3t-t0k3n";

/// What the binary prints about this file, without the name of its folder.
fn refused(written: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let printed = refused_by(&mut with_file(
        folder.path(),
        &written.replace("SECRET", SECRET),
    ));
    let folder = folder.path().display().to_string();
    printed
        .replace(&format!("{folder}/"), "")
        .replace(&folder, "FOLDER")
}

fn refused_by(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(!printed.contains(SECRET), "{printed}");
    printed.trim_end().to_owned()
}

#[test]
fn every_mistake_is_named_with_its_place_and_its_remedy() {
    let tenant = "tenants:\n  - tenant: socktown\n    authorization: {credentials: SECRET}\n";
    let mistakes = [
        format!("refresh: {{intervall: 1m}}\n{tenant}    jobs: [isj-1]\n"),
        format!("{tenant}    tenant: again\n    jobs: [isj-1]\n"),
        format!("{tenant}    oauth2: {{client_id: a, client_secret: SECRET, token_url: 'https://a.b/'}}\n    jobs: [isj-1]\n"),
        "tenants:\n  - tenant: socktown\n    jobs: [isj-1]\n".to_owned(),
        format!("{tenant}    jobs: ['']\n"),
        format!("refresh: {{interval: soon}}\n{tenant}    jobs: [isj-1]\n"),
        format!("{tenant}    discovery: {{window: 8d}}\n"),
        "tenants:\n  - tenant: socktown\n    authorization: {credentials_file: missing.jwt}\n    jobs: [isj-1]\n".to_owned(),
        format!("{tenant}    authorization: SECRET\n"),
        "tenants:\n  - tenant: socktown\n    authorization: SECRET\n    jobs: [isj-1]\n".to_owned(),
        format!("{tenant}    jobs: [isj-1\n"),
    ];
    let printed: Vec<String> = mistakes.iter().map(|written| refused(written)).collect();
    insta::assert_snapshot!(printed.join("\n--\n"), @r#"
    amperity_exporter: amperity_exporter.yml:1: unknown field "intervall" in refresh; expected one of mode, interval, max_age, stale_after
    --
    amperity_exporter: amperity_exporter.yml:4: repeated field "tenant" in tenants[0]; keep one of them
    --
    amperity_exporter: amperity_exporter.yml:2: tenants[0]: two credentials; keep authorization or oauth2, not both
    --
    amperity_exporter: amperity_exporter.yml:2: tenants[0]: no credentials; add `authorization: {credentials_file: …}` or `oauth2: …`
    --
    amperity_exporter: amperity_exporter.yml:4: tenants[0].jobs[0]: must not be blank
    --
    amperity_exporter: amperity_exporter.yml:1: refresh.interval: not a duration; write it like 30s, 5m or 7d
    --
    amperity_exporter: amperity_exporter.yml:4: tenants[0].discovery.window: must be from 1m to 7d
    --
    amperity_exporter: amperity_exporter.yml:3: tenants[0].authorization.credentials_file: the file cannot be read in FOLDER: No such file or directory (os error 2); check path and permissions
    --
    amperity_exporter: amperity_exporter.yml:4: repeated field "authorization" in tenants[0]; keep one of them
    --
    amperity_exporter: amperity_exporter.yml:3: tenants[0].authorization: expected a mapping (`field: value`)
    --
    amperity_exporter: amperity_exporter.yml:4: not valid YAML: unclosed bracket '['; check indentation, quotes and colons here and in the line above
    "#);
}

#[test]
fn a_missing_file_and_no_tenant_at_all_say_what_to_do() {
    let missing = refused_by(binary().arg("--config.file=/nowhere/amperity_exporter.yml"));
    let nothing = refused_by(&mut binary());
    insta::assert_snapshot!(format!("{missing}\n--\n{nothing}"), @r#"
    amperity_exporter: /nowhere/amperity_exporter.yml: cannot be read: No such file or directory (os error 2); check path and permissions
    --
    error: nothing to export; give --config.file=FILE, or one tenant by flags or environment, or try `amperity_exporter demo`

    Usage: amperity_exporter [OPTIONS]
           amperity_exporter <COMMAND>

    For more information, try '--help'.
    "#);
}

#[test]
fn a_ca_file_that_turns_out_to_be_damaged_is_bad_configuration_too() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let damaged = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
    std::fs::write(&ca_file, damaged).unwrap();
    let file = folder.path().join("amperity_exporter.yml");
    let written = "api: {tls_config: {ca_file: ca.pem}}\n\
                   tenants:\n  - {tenant: socktown, authorization: {credentials: t}, jobs: [a]}\n";
    std::fs::write(&file, written).unwrap();
    let printed = refused_by(
        binary()
            .arg("--web.listen-address=127.0.0.1:0")
            .arg(format!("--config.file={}", file.display())),
    );
    assert!(
        printed.contains("ca.pem: a certificate in it is damaged"),
        "{printed}"
    );
}

#[test]
fn an_unusable_proxy_variable_is_a_configuration_error() {
    let mut command = binary();
    command
        .args(["--amperity.tenant=socktown", "--amperity.job=isj-1"])
        .arg("--web.listen-address=127.0.0.1:0")
        .env("AMPERITY_TOKEN", "t")
        .env("HTTPS_PROXY", format!("http://{SECRET}@proxy:port"));
    let output = refused_by(&mut command);
    insta::assert_snapshot!(output.lines().last().unwrap(), @"amperity_exporter: HTTPS_PROXY: not the URL of a proxy; it must be HOST:PORT or a URL, such as http://proxy.example:3128");
}

#[test]
fn check_is_quiet_when_its_reader_has_gone() {
    let mut command = binary();
    command
        .args([
            "check",
            "--amperity.tenant=socktown",
            "--amperity.job=isj-1",
        ])
        .env("AMPERITY_TOKEN", "t")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut check = command.spawn().unwrap();
    drop(check.stdout.take());
    let output = check.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
}
