//! What the command line means, and which of its sources wins.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use super::*;
use crate::config::{Credentials, Mode, Secret, Settings};

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
fn the_command_line_is_sound() {
    flags::Cli::command().debug_assert();
}

#[test]
#[expect(clippy::too_many_lines, reason = "the whole help text")]
fn help_tells_a_newcomer_everything() {
    insta::assert_snapshot!(parsed(&["--help"], &[]).unwrap_err(), @r#"
    Exports Amperity ingest jobs as Prometheus metrics.

    Without a subcommand it serves: give --config.file, or one tenant by flags or environment. To see it
    at work with nothing configured: `amperity_exporter demo`.

    Usage: amperity_exporter [OPTIONS]
           amperity_exporter <COMMAND>

    Commands:
      demo       Export a simulated tenant: needs nothing, shows everything
      simulator  Serve the simulated API alone, to try a configuration against it
      check      Say whether a configuration is good, and with --live whether it works
      metrics    Print the catalogue of metrics as Markdown

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Settings:
          --config.file <FILE>
              The configuration file, in YAML. Read again on SIGHUP

          --refresh.mode <MODE>
              When the API is asked: `interval` (in the background) or `scrape` (on each scrape)
              [default: interval] [env: AMPERITY_REFRESH_MODE]

          --refresh.interval <DURATION>
              Time between refreshes in mode interval [default: 1m] [env: AMPERITY_REFRESH_INTERVAL]

          --state.file <FILE>
              Where counters are kept, so that they survive a restart [env: AMPERITY_STATE_FILE]

    One tenant without a file:
          --amperity.tenant <TENANT>
              The tenant's id, such as `socktown` [env: AMPERITY_TENANT]

          --amperity.base-url <URL>
              Where its API is [default: https://app.amperity.com/api] [env: AMPERITY_BASE_URL]

          --amperity.token-file <FILE>
              A file that holds the access token; read again when it changes. The token itself can be
              given in the environment only, as AMPERITY_TOKEN [env: AMPERITY_TOKEN_FILE]

          --amperity.job <ID>
              The id of a job that is always on the page; may be repeated [env: AMPERITY_JOBS, separated
              by commas]

          --amperity.discovery-window <DURATION>
              Find jobs by themselves, this far back, such as 24h; at most 7d [env:
              AMPERITY_DISCOVERY_WINDOW]

    Web:
          --web.listen-address <ADDRESS>
              Where to listen, HOST:PORT or :PORT; may be repeated
              
              [default: :10109]

          --web.systemd-socket
              Take the listening sockets from systemd

          --web.telemetry-path <PATH>
              The path of the metrics page
              
              [default: /metrics]

          --web.config.file <FILE>
              A file that switches on TLS or authentication, as other exporters have it

          --web.enable-lifecycle
              Reload the configuration on POST /-/reload, too

    Log:
          --log.level <LEVEL>
              The least severe messages to log, to standard error

              Possible values:
              - debug: For finding out what the exporter does
              - info:  For seeing that it does something
              - warn:  Something is worth a look
              - error: Something does not work
              
              [default: info]

          --log.format <FORMAT>
              How a message is written

              Possible values:
              - logfmt: `time=… level=info msg="…" key=value`
              - json:   One JSON object per line
              
              [default: logfmt]

    A flag wins over the environment, and that over the file. Metrics, configuration and alerts are
    described in docs/.
    "#);
    insta::assert_snapshot!(parsed(&["demo", "--help"], &[]).unwrap_err(), @r#"
    Export a simulated tenant: needs nothing, shows everything

    Usage: amperity_exporter demo [OPTIONS]

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Web:
          --web.listen-address <ADDRESS>
              Where to listen, HOST:PORT or :PORT; may be repeated
              
              [default: 127.0.0.1:10109]

    Log:
          --log.level <LEVEL>
              The least severe messages to log, to standard error

              Possible values:
              - debug: For finding out what the exporter does
              - info:  For seeing that it does something
              - warn:  Something is worth a look
              - error: Something does not work
              
              [default: info]

          --log.format <FORMAT>
              How a message is written

              Possible values:
              - logfmt: `time=… level=info msg="…" key=value`
              - json:   One JSON object per line
              
              [default: logfmt]
    "#);
    insta::assert_snapshot!(parsed(&["simulator", "-h"], &[]).unwrap_err(), @"
    Serve the simulated API alone, to try a configuration against it

    Usage: amperity_exporter simulator [OPTIONS]

    Options:
      -h, --help  Print help (see more with '--help')

    Web:
          --web.listen-address <ADDRESS>  Where to listen, HOST:PORT or :PORT; may be repeated [default:
                                          127.0.0.1:10110]

    Log:
          --log.level <LEVEL>    The least severe messages to log, to standard error [default: info]
                                 [possible values: debug, info, warn, error]
          --log.format <FORMAT>  How a message is written [default: logfmt] [possible values: logfmt,
                                 json]
    ");
}

#[test]
fn help_never_shows_the_environment() {
    let help = parsed(&["--help"], &ENVIRONMENT).unwrap_err();
    assert_eq!(help.exit_code(), 0);
    assert!(!help.to_string().contains("t0ken"));
}

#[test]
fn the_version_names_revision_and_compiler() {
    let version = parsed(&["--version"], &[]).unwrap_err().to_string();
    let expected = concat!(
        "amperity_exporter ",
        env!("CARGO_PKG_VERSION"),
        " (revision "
    );
    assert!(version.starts_with(expected), "{version}");
    assert!(version.contains(", rust "));
}

#[test]
fn the_environment_alone_is_enough() {
    let settings = settings(&[], &ENVIRONMENT);
    let tenant = &settings.tenants[0];
    assert_eq!(&*tenant.tenant, "socktown");
    let jobs: Vec<&str> = tenant.jobs.iter().map(|job| &**job).collect();
    assert_eq!(jobs, ["isj-1", "isj-2"]);
    let token = Secret::Value("t0ken".into());
    assert_eq!(tenant.credentials, Credentials::Token(token));
}

#[test]
fn flags_alone_are_enough() {
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
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
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
fn a_source_reads_its_file_again() {
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
fn what_is_missing_or_too_much_is_one_clear_line() {
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
    insta::assert_snapshot!(error(&["--web.telemetry-path=/sd"], &[]), @"error: invalid value '/sd' for '--web.telemetry-path <PATH>': another page has this path");
    insta::assert_snapshot!(error(&["--amperity.token=x"], &[]), @"error: unexpected argument '--amperity.token' found");
    insta::assert_snapshot!(error(&["--log.level=loud"], &[]), @"error: invalid value 'loud' for '--log.level <LEVEL>'");
    insta::assert_snapshot!(error(&["--web.systemd-socket", "--web.listen-address=:1"], &[]), @"error: the argument '--web.systemd-socket' cannot be used with '--web.listen-address <ADDRESS>'");
    insta::assert_snapshot!(error(&["serve"], &[]), @"error: unrecognized subcommand 'serve'");
}

#[test]
fn debug_of_a_command_shows_no_secret() {
    let command = parsed(&[], &ENVIRONMENT).unwrap();
    assert!(!format!("{command:?}").contains("t0ken"));
}

#[test]
fn the_web_side_has_its_defaults() {
    let web = serve(&[], &ENVIRONMENT).web;
    let expected = Web {
        listen_addresses: vec![":10109".to_owned()],
        systemd_socket: false,
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
fn the_reference_names_every_flag_and_subcommand() {
    let reference = include_str!("../../docs/CONFIGURATION.md");
    let command = flags::Cli::command();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    for command in commands.filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        assert!(reference.contains(&format!("`{name}`")) || name == "amperity_exporter");
        for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
            assert!(reference.contains(&format!("`--{flag}`")), "{flag}");
        }
    }
    for line in command.clone().render_long_help().to_string().lines() {
        for word in line.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_') {
            if word.starts_with("AMPERITY_") {
                assert!(reference.contains(&format!("`{word}`")), "{word}");
            }
        }
    }
}
