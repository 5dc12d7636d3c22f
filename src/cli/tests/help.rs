//! The help texts, whole, and the reference that repeats them.

use super::*;

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
              The id of a job that is always on the page; may be repeated, or several separated by
              commas [env: AMPERITY_JOBS, separated by commas]

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
