//! `amperity_exporter`: serves metrics of the configured tenants.

use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::{bind, stop_signal};
use crate::cli;
use crate::clock::Clock;
use crate::exporter::{self, Options, Reloading};
use crate::{logging, web};

/// Serves until it is stopped.
///
/// # Errors
/// If it cannot start.
pub(super) async fn run(options: cli::Serve, clock: Clock) -> anyhow::Result<()> {
    logging::install(options.log, clock.clone());
    // Before anything else: a signal without a handler ends the process.
    let stop = stop_signal()?;
    let hangup = signal(SignalKind::hangup()).context("cannot receive SIGHUP")?;
    let settings = options.settings.load()?;
    let security = match &options.web.config_file {
        Some(file) => web::WebSecurity::from_file(file).context("--web.config.file")?,
        None => web::WebSecurity::disabled(),
    };
    let security = security.below(&options.web.route_prefix);
    let listeners = if options.web.systemd_socket {
        web::inherited()?
    } else {
        bind(&options.web.listen_addresses).await?
    };
    for listener in &listeners {
        tracing::info!(address = %listener, "listening");
    }
    let options = Options {
        settings,
        reloading: Some(Reloading {
            source: options.settings,
            hangup,
        }),
        paths: web::Paths::new(&options.web.route_prefix, &options.web.telemetry_path),
        enable_lifecycle: options.web.enable_lifecycle,
        security: Arc::new(security),
        clock,
    };
    exporter::run(options, listeners, stop).await?;
    tracing::info!("stopped");
    Ok(())
}
