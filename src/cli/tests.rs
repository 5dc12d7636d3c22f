//! What the command line means, and the order of precedence.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use super::*;
use crate::config::{Credentials, Mode, Secret, Settings};

mod help;

fn parsed(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Command, clap::Error> {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    let program = std::iter::once("amperity_exporter");
    let arguments = program.chain(arguments.iter().copied()).map(OsString::from);
    parse(arguments, |name| variables.get(name).map(OsString::from))
}

fn serve(arguments: &[&str], variables: &[(&str, &str)]) -> Serve {
    match parsed(arguments, variables) {
        Ok(Command::Serve(serve)) => serve,
        other => panic!("{other:?}"),
    }
}

fn settings(arguments: &[&str], variables: &[(&str, &str)]) -> Settings {
    serve(arguments, variables).settings.load().unwrap()
}

/// The error of the command line or, behind it, of the settings.
fn error(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    match parsed(arguments, variables) {
        Err(error) => {
            assert_eq!(error.exit_code(), 2);
            error.to_string().lines().next().unwrap().to_owned()
        }
        Ok(Command::Serve(serve)) => serve.settings.load().unwrap_err().to_string(),
        Ok(other) => panic!("{other:?}"),
    }
}

const ENVIRONMENT: [(&str, &str); 3] = [
    ("AMPERITY_TENANT", "socktown"),
    ("AMPERITY_TOKEN", "t0ken"),
    ("AMPERITY_JOBS", "isj-2, isj-1"),
];

#[test]
fn the_command_line_definition_is_valid() {
    flags::Cli::command().debug_assert();
}

#[test]
fn a_tenant_can_be_given_by_environment() {
    let settings = settings(&[], &ENVIRONMENT);
    let tenant = &settings.tenants[0];
    assert_eq!(&*tenant.tenant, "socktown");
    let jobs: Vec<&str> = tenant.jobs.iter().map(|job| &**job).collect();
    assert_eq!(jobs, ["isj-1", "isj-2"]);
    let token = Secret::Value("t0ken".into());
    assert_eq!(tenant.credentials, Credentials::Token(token));
}

#[test]
fn a_tenant_can_be_given_by_flags() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "t0ken\n").unwrap();
    let token_file = format!("--amperity.token-file={}", token.display());
    let settings = settings(
        &[
            "--amperity.tenant=socktown",
            "--amperity.base-url=http://127.0.0.1:1/api/",
            &token_file,
            "--amperity.job=isj-1",
            "--amperity.job=isj-2",
            "--amperity.discovery-window=24h",
            "--refresh.mode=scrape",
            "--state.file=state.json",
        ],
        &[],
    );
    let tenant = &settings.tenants[0];
    assert_eq!(tenant.credentials, Credentials::Token(Secret::File(token)));
    assert_eq!(tenant.jobs.len(), 2);
    assert_eq!(tenant.discovery, Some(Duration::from_hours(24)));
    assert_eq!(tenant.api.base_url.as_str(), "http://127.0.0.1:1/api");
    let max_age = Duration::ZERO;
    assert_eq!(settings.refresh.mode, Mode::Scrape { max_age });
    assert_eq!(settings.state_file, Some("state.json".into()));
}

#[test]
fn flags_override_the_environment_which_overrides_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("amperity_exporter.yml");
    let text = "{refresh: {interval: 1s}, tenants: [{tenant: a, authorization: {credentials: x}, jobs: [isj-1]}]}";
    fs::write(&file, text).unwrap();
    let file = format!("--config.file={}", file.display());
    let interval = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut all = vec![file.as_str()];
        all.extend(arguments);
        settings(&all, variables).refresh.mode
    };
    let variable = [("AMPERITY_REFRESH_INTERVAL", "2s")];
    let seconds = |seconds| Mode::Interval(Duration::from_secs(seconds));
    assert_eq!(interval(&[], &[]), seconds(1));
    assert_eq!(
        interval(&[], &[("AMPERITY_REFRESH_INTERVAL", "")]),
        seconds(1)
    );
    assert_eq!(interval(&[], &variable), seconds(2));
    assert_eq!(interval(&["--refresh.interval=3s"], &variable), seconds(3));
}

#[test]
fn loading_again_reads_the_file_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("amperity_exporter.yml");
    let text = "tenants: [{tenant: a, authorization: {credentials: x}, jobs: [isj-1]}]";
    fs::write(&file, text).unwrap();
    let serve = serve(&["--config.file", file.to_str().unwrap()], &[]);
    assert_eq!(serve.settings.load().unwrap().tenants[0].jobs.len(), 1);
    fs::write(&file, text.replace("isj-1", "isj-1, isj-2")).unwrap();
    assert_eq!(serve.settings.load().unwrap().tenants[0].jobs.len(), 2);
}

#[test]
fn missing_and_conflicting_values_are_named_in_one_line() {
    insta::assert_snapshot!(error(&[], &[]), @"error: nothing to export; give --config.file=FILE, or one tenant by flags or environment, or try `amperity_exporter demo`");
    insta::assert_snapshot!(error(&["--config.file=x.yml", "--amperity.tenant=a"], &ENVIRONMENT), @"error: --config.file cannot be used together with --amperity.tenant, AMPERITY_TOKEN, AMPERITY_JOBS: tenants come from the file, or one from flags and environment; remove one of the two");
    insta::assert_snapshot!(error(&["--amperity.tenant=a"], &[]), @"
    --amperity.tenant: no credentials; add --amperity.token-file=FILE or set AMPERITY_TOKEN
    --amperity.tenant: nothing to export; add --amperity.job=ID or --amperity.discovery-window=24h
    ");
    insta::assert_snapshot!(error(&["--amperity.tenant="], &[("AMPERITY_TOKEN", "Bearer x"), ("AMPERITY_JOBS", "a,,b")]), @"
    --amperity.tenant: must not be blank
    AMPERITY_TOKEN: must be the token alone: one line, no white space, no word `Bearer` before it
    AMPERITY_JOBS: must not be blank
    ");
    insta::assert_snapshot!(error(&["--amperity.token-file=no/such"], &ENVIRONMENT), @"AMPERITY_TENANT: two credentials; give a token file or AMPERITY_TOKEN, not both");
    insta::assert_snapshot!(error(&["--refresh.interval=0s"], &[("AMPERITY_TOKEN_FILE", "no/such"), ("AMPERITY_REFRESH_MODE", "x")]), @"
    --refresh.interval: must be from 1s to 1d
    AMPERITY_REFRESH_MODE: must be interval or scrape
    --amperity.tenant: the tenant's id is missing; give the flag or AMPERITY_TENANT
    AMPERITY_TOKEN_FILE: the file cannot be read: No such file or directory (os error 2); check path and permissions
    --amperity.tenant: nothing to export; add --amperity.job=ID or --amperity.discovery-window=24h
    ");
    insta::assert_snapshot!(error(&["--web.telemetry-path=/sd"], &[]), @"error: invalid value '/sd' for '--web.telemetry-path <PATH>': is the path of another page");
    for path in ["//metrics", "/a//b", "/a/../metrics", "/.", "/metrics//"] {
        let message = error(&["--web.telemetry-path", path], &[]);
        assert!(
            message.ends_with("must not contain `//`, `.` or `..`"),
            "{message}"
        );
    }
    for path in ["/a b", "/a?b", "/a#b", "/%61", "/ä", "/{a}"] {
        let message = error(&["--web.telemetry-path", path], &[]);
        assert!(
            message.ends_with("must be a plain path, such as /metrics"),
            "{message}"
        );
    }
    insta::assert_snapshot!(error(&["--amperity.token=x"], &[]), @"error: unexpected argument '--amperity.token' found");
    insta::assert_snapshot!(error(&["--log.level=loud"], &[]), @"error: invalid value 'loud' for '--log.level <LEVEL>'");
    insta::assert_snapshot!(error(&["--web.systemd-socket", "--web.listen-address=:1"], &[]), @"error: the argument '--web.systemd-socket' cannot be used with '--web.listen-address <ADDRESS>'");
    insta::assert_snapshot!(error(&["serve"], &[]), @"error: unrecognized subcommand 'serve'");
}

#[test]
fn debug_output_contains_no_secret() {
    let command = parsed(&[], &ENVIRONMENT).unwrap();
    assert!(!format!("{command:?}").contains("t0ken"));
}

#[test]
fn the_web_flags_have_defaults() {
    let web = serve(&[], &ENVIRONMENT).web;
    let expected = Web {
        listen_addresses: vec![":10109".to_owned()],
        systemd_socket: false,
        route_prefix: String::new(),
        telemetry_path: "/metrics".to_owned(),
        config_file: None,
        enable_lifecycle: false,
    };
    assert_eq!(web, expected);
    let arguments = ["--web.listen-address=:1", "--web.listen-address=:2"];
    let web = serve(&arguments, &ENVIRONMENT).web;
    assert_eq!(web.listen_addresses, [":1", ":2"]);
}

#[test]
fn the_route_prefix_is_the_path_of_the_external_url_unless_it_is_given() {
    let prefix = |arguments: &[&str]| serve(arguments, &ENVIRONMENT).web.route_prefix;
    assert_eq!(prefix(&["--web.external-url=https://example.com"]), "");
    let external = "--web.external-url=https://example.com:8443/ops/amperity/";
    assert_eq!(prefix(&[external]), "/ops/amperity");
    assert_eq!(prefix(&[external, "--web.route-prefix=/"]), "");
    assert_eq!(prefix(&[external, "--web.route-prefix=other/"]), "/other");
    assert_eq!(prefix(&["--web.external-url=/ops"]), "/ops");
    for wrong in [
        "example.com/ops",
        "https://example.com/?a=1",
        "/a//b",
        "/a/../b",
    ] {
        let argument = format!("--web.external-url={wrong}");
        assert!(parsed(&[&argument], &ENVIRONMENT).is_err(), "{wrong}");
    }
}
