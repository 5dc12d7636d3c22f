//! One module per subcommand, and what they share: sockets, signals, errors.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::amperity::ApiError;
use crate::cli::Command;
use crate::clock::Clock;
use crate::config::ConfigError;
use crate::exporter::RunError;
use crate::web::{self, ListenError, WebConfigError};

mod backfill;
mod check;
mod demo;
mod healthcheck;
mod metrics;
mod serve;
mod simulator;

/// Runs a command until it ends by itself or is stopped by a signal.
///
/// # Errors
/// If the command fails; [`is_usage`] tells the two kinds apart.
pub async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    match command {
        Command::Serve(options) => serve::run(options, clock).await?,
        Command::Demo(options) => demo::run(options, clock).await?,
        Command::Simulator(options) => simulator::run(options, clock).await?,
        Command::Check(options) => {
            if !check::run(&options, &clock, print).await? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Backfill(options) => backfill::run(options, &clock, &mut io::stdout()).await?,
        Command::Metrics => metrics::run()?,
        Command::Healthcheck(options) => healthcheck::run(options).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// An error and its causes in one line. A cause that its error already
/// contains is not repeated.
#[must_use]
pub fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

/// Whether the user has to change flags or configuration before the next
/// start.
#[must_use]
pub fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<ConfigError>()
        || error.is::<ApiError>()
        || error.is::<WebConfigError>()
        || matches!(error.downcast_ref(), Some(ListenError::Address(_)))
        || matches!(error.downcast_ref(), Some(RunError::Tenant(_)))
}

/// Binds every address.
async fn bind(addresses: &[String]) -> anyhow::Result<Vec<web::Listener>> {
    web::bind(addresses).await.map_err(with_advice)
}

/// As [`bind`], without Unix sockets.
async fn bind_tcp(addresses: &[String]) -> anyhow::Result<Vec<TcpListener>> {
    web::bind_tcp(addresses).await.map_err(with_advice)
}

fn with_advice(error: ListenError) -> anyhow::Error {
    let advice = match &error {
        ListenError::Bind(_, cause) if cause.kind() == ErrorKind::AddrInUse => {
            "another program listens there; stop it, or choose another --web.listen-address"
        }
        ListenError::Bind(..) => "choose another --web.listen-address, such as 127.0.0.1:10109",
        _ => return error.into(),
    };
    let text = describe(&error.into());
    anyhow::anyhow!("{text}; {advice}")
}

/// The address that a browser on this machine can open.
fn local_address(listener: &TcpListener) -> io::Result<String> {
    let address = listener.local_addr()?;
    Ok(if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    })
}

/// Writes to standard output. A reader that has gone, as in
/// `amperity_exporter check | head -1`, is not an error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("cannot write to standard output"),
    }
}

/// Resolves on SIGTERM or Ctrl-C. The second signal ends the process at once.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot receive SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot receive SIGINT")?;
    let mut received = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(async move {
        received().await;
        tokio::spawn(async move {
            received().await;
            tracing::warn!("received a second signal, exiting immediately");
            std::process::exit(1);
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_in_use_says_what_to_do() {
        let taken = bind(&["127.0.0.1:0".to_owned()]).await.unwrap();
        let address = taken[0].to_string();
        let error = bind(std::slice::from_ref(&address)).await.unwrap_err();
        insta::assert_snapshot!(describe(&error).replace(&address, "ADDRESS"), @"cannot listen on ADDRESS: Address already in use (os error 98); another program listens there; stop it, or choose another --web.listen-address");
        assert!(!is_usage(&error));
    }

    #[tokio::test]
    async fn an_invalid_address_is_a_usage_error() {
        let error = bind(&["10109".to_owned()]).await.unwrap_err();
        insta::assert_snapshot!(describe(&error), @r#"listen address "10109": expected HOST:PORT or :PORT, such as 127.0.0.1:10109; the exporter can also listen on unix:PATH"#);
        assert!(is_usage(&error));
    }

    #[test]
    fn an_invalid_web_configuration_is_a_usage_error_that_names_the_flag() {
        let file = std::path::Path::new("/nowhere/web.yml");
        let outcome = web::WebSecurity::from_file(file).context("--web.config.file");
        let error = outcome.unwrap_err();
        insta::assert_snapshot!(describe(&error), @"--web.config.file: /nowhere/web.yml: No such file or directory (os error 2); check path and permissions");
        assert!(is_usage(&error));
    }
}
