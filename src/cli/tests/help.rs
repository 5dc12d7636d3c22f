//! The complete help texts, and the documentation of the flags.

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "the whole help text")]
fn help_is_complete() {
    insta::assert_snapshot!(parsed(&["--help"], &[]).unwrap_err(), @r#"
    Exports Amperity ingest jobs as Prometheus metrics.

    Without a subcommand it serves the metrics: give --config.file, or one tenant by flags or
    environment. To try it without configuration, run `amperity_exporter demo`.

    Usage: amperity_exporter [OPTIONS]
           amperity_exporter <COMMAND>

    Commands:
      demo         Export a simulated tenant; needs no configuration
      simulator    Serve only the simulated API, to test a configuration against it
      check        Validate the configuration, and with --live test it against the API
      backfill     Write past values as OpenMetrics, for promtool tsdb create-blocks-from
      metrics      Print the metrics reference as Markdown
      healthcheck  Exit with 0 if the exporter on this machine is healthy, otherwise with 1

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Settings:
          --config.file <FILE>
              Configuration file (YAML), reloaded on SIGHUP

          --refresh.mode <MODE>
              When to fetch from the API: `interval` (in the background) or `scrape` (on each scrape)
              [default: interval] [env: AMPERITY_REFRESH_MODE]

          --refresh.interval <DURATION>
              Time between refreshes in mode `interval` [default: 1m] [env: AMPERITY_REFRESH_INTERVAL]

          --state.file <FILE>
              File that keeps the counters across restarts [env: AMPERITY_STATE_FILE]

    One tenant without a file:
          --amperity.tenant <TENANT>
              Tenant id, such as `socktown` [env: AMPERITY_TENANT]

          --amperity.base-url <URL>
              Base URL of the API [default: https://app.amperity.com/api] [env: AMPERITY_BASE_URL]

          --amperity.token-file <FILE>
              File with the access token, read again when it changes. The token itself can only be given
              as the environment variable AMPERITY_TOKEN [env: AMPERITY_TOKEN_FILE]

          --amperity.job <ID>
              Id of a job to export whenever it started; may be repeated or comma-separated [env:
              AMPERITY_JOBS, comma-separated]

          --amperity.discovery-window <DURATION>
              Discover jobs that started within this window, such as 24h; at most 7d [env:
              AMPERITY_DISCOVERY_WINDOW]

    Web:
          --web.listen-address <ADDRESS>
              Address to listen on, HOST:PORT, :PORT or unix:PATH; may be repeated
              
              [default: :10109]

          --web.systemd-socket
              Use the listening sockets passed by systemd

          --web.external-url <URL>
              URL under which the exporter is reached from outside, if a proxy is in front of it

          --web.route-prefix <PATH>
              Prefix of the paths of all pages [default: the path of --web.external-url]

          --web.telemetry-path <PATH>
              Path of the metrics page, below the prefix
              
              [default: /metrics]

          --web.config.file <FILE>
              File that enables TLS or authentication, in the format of other Prometheus exporters

          --web.enable-lifecycle
              Enable POST /-/reload

    Log:
          --log.level <LEVEL>
              Minimum log level

              Possible values:
              - debug: Details for troubleshooting
              - info:  Normal events, such as a start or a reload
              - warn:  Problems the exporter can work around
              - error: Problems that need attention
              
              [default: info]

          --log.format <FORMAT>
              Log format; the log goes to standard error

              Possible values:
              - logfmt: `time=… level=info msg="…" key=value`
              - json:   One JSON object per line
              
              [default: logfmt]

    Flags override the environment, which overrides the file. Metrics, configuration and alerts are
    documented in docs/.
    "#);
    insta::assert_snapshot!(parsed(&["demo", "--help"], &[]).unwrap_err(), @r#"
    Export a simulated tenant; needs no configuration

    Usage: amperity_exporter demo [OPTIONS]

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Web:
          --web.listen-address <ADDRESS>
              Address to listen on, HOST:PORT or :PORT; may be repeated
              
              [default: 127.0.0.1:10109]

    Log:
          --log.level <LEVEL>
              Minimum log level

              Possible values:
              - debug: Details for troubleshooting
              - info:  Normal events, such as a start or a reload
              - warn:  Problems the exporter can work around
              - error: Problems that need attention
              
              [default: info]

          --log.format <FORMAT>
              Log format; the log goes to standard error

              Possible values:
              - logfmt: `time=… level=info msg="…" key=value`
              - json:   One JSON object per line
              
              [default: logfmt]
    "#);
    insta::assert_snapshot!(parsed(&["simulator", "-h"], &[]).unwrap_err(), @"
    Serve only the simulated API, to test a configuration against it

    Usage: amperity_exporter simulator [OPTIONS]

    Options:
      -h, --help  Print help (see more with '--help')

    Web:
          --web.listen-address <ADDRESS>  Address to listen on, HOST:PORT or :PORT; may be repeated
                                          [default: 127.0.0.1:10110]

    Log:
          --log.level <LEVEL>    Minimum log level [default: info] [possible values: debug, info, warn,
                                 error]
          --log.format <FORMAT>  Log format; the log goes to standard error [default: logfmt] [possible
                                 values: logfmt, json]
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
fn the_reference_names_every_flag_and_subcommand() {
    let reference = include_str!("../../../docs/CONFIGURATION.md");
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
