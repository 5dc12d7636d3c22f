//! Parses, logs, runs, and turns what came of it into an exit code: 0, 1 for a
//! failure at run time, 2 for bad usage or configuration.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use amperity_exporter::cli::{self, Command, check::CheckError};
use amperity_exporter::clock::Clock;
use amperity_exporter::exposition::catalogue;
use amperity_exporter::web::ListenError;
use amperity_exporter::{Options, Reloading, RunError, demo, web};
use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Usage or configuration: what is to be mended stands in the message.
const USAGE: u8 = 2;

/// For a write of the state file that is under way at the end. What takes
/// longer is stuck, as a name lookup or a remote file system may be.
const GRACE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os(), |name| std::env::var_os(name)) {
        Ok(command) => command,
        Err(error) => error.exit(),
    };
    let outcome = tokio::runtime::Runtime::new()
        .context("the runtime cannot start")
        .and_then(|runtime| {
            let outcome = runtime.block_on(execute(command));
            runtime.shutdown_timeout(GRACE);
            outcome
        });
    outcome.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "amperity_exporter: {}", told(&error));
        ExitCode::from(if is_usage(&error) { USAGE } else { 1 })
    })
}

async fn execute(command: Command) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    match command {
        Command::Serve(serve) => {
            cli::log::install(serve.log, clock.clone());
            // First of all, so that none of them finds nobody at home.
            let stop = stop_signal()?;
            let hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be received")?;
            let settings = serve.settings.load()?;
            let gate = match &serve.web.config_file {
                Some(file) => web::Gate::from_file(file).context("--web.config.file")?,
                None => web::Gate::open(),
            };
            let listeners = if serve.web.systemd_socket {
                web::inherited()?
            } else {
                bind(&serve.web.listen_addresses).await?
            };
            let options = Options {
                settings,
                reloading: Some(Reloading {
                    source: serve.settings,
                    hangup,
                }),
                telemetry_path: serve.web.telemetry_path,
                enable_lifecycle: serve.web.enable_lifecycle,
                gate: Arc::new(gate),
                clock,
            };
            for address in listeners
                .iter()
                .filter_map(|listener| listener.local_addr().ok())
            {
                tracing::info!(%address, "listening");
            }
            amperity_exporter::run(options, listeners, stop).await?;
            tracing::info!("stopped");
        }
        Command::Demo(options) => {
            cli::log::install(options.log, clock.clone());
            let listeners = bind(&options.listen_addresses).await?;
            demo::demo(listeners, clock, announce, stop_signal()?).await?;
        }
        Command::Simulator(options) => {
            cli::log::install(options.log, clock.clone());
            let listeners = bind(&options.listen_addresses).await?;
            demo::simulator(listeners, clock, announce, stop_signal()?).await?;
        }
        Command::Check(options) => {
            if !cli::check::run(&options, &clock, io::stdout()).await? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Metrics => io::stdout().write_all(catalogue::markdown().as_bytes())?,
        Command::Healthcheck(options) => cli::healthcheck::run(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn bind(addresses: &[String]) -> anyhow::Result<Vec<TcpListener>> {
    web::bind(addresses).await.map_err(|error| {
        let advice = match &error {
            ListenError::Bind(_, cause) if cause.kind() == ErrorKind::AddrInUse => {
                "another program listens there; stop it, or choose another --web.listen-address"
            }
            ListenError::Bind(..) => "choose another --web.listen-address, such as 127.0.0.1:10109",
            _ => return error.into(),
        };
        let text = told(&error.into());
        anyhow::anyhow!("{text}; {advice}")
    })
}

fn announce(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// SIGTERM or Ctrl-C. A second one does not wait for what is under way.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be received")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("Ctrl-C cannot be received")?;
    let mut asked = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(async move {
        asked().await;
        tokio::spawn(async move {
            asked().await;
            tracing::warn!("stopped at once, as a second signal asked for");
            std::process::exit(1);
        });
    })
}

/// An error and its causes in one line, each said once: some errors name
/// their cause themselves.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.ends_with(&cause) {
            continue;
        }
        if !told.is_empty() {
            told.push_str(": ");
        }
        told.push_str(&cause);
    }
    told
}

/// Whether the user has to mend something before the next start.
fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<amperity_exporter::config::ConfigError>()
        || error.is::<web::WebConfigError>()
        || matches!(error.downcast_ref(), Some(CheckError::Config(_)))
        || matches!(error.downcast_ref(), Some(ListenError::Address(_)))
        || matches!(error.downcast_ref(), Some(RunError::Tenant(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_in_use_is_told_once_with_what_to_do() {
        let taken = bind(&["127.0.0.1:0".to_owned()]).await.unwrap();
        let address = taken[0].local_addr().unwrap().to_string();
        let error = bind(std::slice::from_ref(&address)).await.unwrap_err();
        insta::assert_snapshot!(told(&error).replace(&address, "ADDRESS"), @"cannot listen on ADDRESS: Address already in use (os error 98); another program listens there; stop it, or choose another --web.listen-address");
        assert!(!is_usage(&error));
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_an_error_of_usage() {
        let error = bind(&["10109".to_owned()]).await.unwrap_err();
        insta::assert_snapshot!(told(&error), @r#"listen address "10109": expected HOST:PORT or :PORT, such as 127.0.0.1:10109"#);
        assert!(is_usage(&error));
    }

    #[test]
    fn a_broken_web_configuration_is_an_error_of_usage_that_names_the_flag() {
        let file = std::path::Path::new("/nowhere/web.yml");
        let outcome = web::Gate::from_file(file).context("--web.config.file");
        let error = outcome.unwrap_err();
        insta::assert_snapshot!(told(&error), @"--web.config.file: /nowhere/web.yml: No such file or directory (os error 2); check path and permissions");
        assert!(is_usage(&error));
    }
}
