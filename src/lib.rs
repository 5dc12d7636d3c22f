//! A Prometheus exporter for Amperity ingest jobs.
//!
//! Data flows one way through these rooms:
//!
//! ```text
//! config → wire → jobs → amperity → feeds → snapshot → exposition → refresh → web
//! ```
//!
//! [`config`] says whom to ask and how. What the API answers has the types of
//! [`wire`], and its meaning is a [`jobs::Job`]. A tenant's
//! [`amperity::Client`] asks for them, the [`feeds::Ledger`] counts each
//! finished run once. [`refresh`] decides what to ask and when, makes a
//! [`snapshot::Snapshot`] of the outcome and publishes it as the page of bytes
//! that [`exposition`] writes and [`web`] sends. Each uses only what stands
//! left of it, and the leaves [`clock`] and [`telemetry`]; a test sees to it.
//! This file alone joins the ends, in
//! [`run`].

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tokio::task::JoinHandle;

pub mod amperity;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod exposition;
pub mod feeds;
pub mod jobs;
pub mod refresh;
pub mod snapshot;
pub mod telemetry;
#[cfg(test)]
mod tests;
pub mod web;
pub mod wire;

use clock::Clock;
use config::{ConfigError, Settings};
use feeds::store::{Store, StoreError};
use refresh::{Environment, Exporter};
use telemetry::Telemetry;

/// What an exporter is run with.
#[derive(Debug)]
pub struct Options {
    /// The settings to begin with.
    pub settings: Settings,
    /// How they are read again; without it that is not possible.
    pub reloading: Option<Reloading>,
    /// The path of the metrics page.
    pub telemetry_path: String,
    /// Whether `POST /-/reload` is answered.
    pub enable_lifecycle: bool,
    /// The rules of the web configuration file.
    pub gate: Arc<web::Gate>,
    /// The wall clock.
    pub clock: Clock,
}

/// Where settings are read again, and what asks for it besides
/// `POST /-/reload`.
#[derive(Debug)]
pub struct Reloading {
    /// The files, flags and variables.
    pub source: config::Source,
    /// SIGHUP. Listened to from the beginning, since one that came before
    /// would end the process.
    pub hangup: Signal,
}

/// Why an exporter could not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] StoreError),
    /// A tenant's API cannot be connected to by its settings.
    #[error("{0}")]
    Tenant(#[from] amperity::ApiError),
    /// Two of the exporter's own metrics have one name.
    #[error("the exporter's own metrics cannot be registered: {0}")]
    Telemetry(#[from] prometheus::Error),
}

/// Exports until `shutdown`, then lets requests under way end. The caller owns
/// the sockets and says when to stop.
///
/// # Errors
/// If it cannot begin; once it serves, nothing ends it but `shutdown`.
pub async fn run(
    options: Options,
    listeners: Vec<TcpListener>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let telemetry = Telemetry::new()?;
    let store = match &options.settings.state_file {
        Some(path) => Some(Store::open(path, options.clock.now())?),
        None => None,
    };
    let exporter = Exporter::new(Environment {
        clock: options.clock.clone(),
        telemetry: telemetry.clone(),
        store,
        connect: Arc::new(amperity::network),
    });
    take(&exporter, options.settings).await?;
    telemetry.config_reload(true, options.clock.now());

    let (reload, on_hangup) = options
        .reloading
        .map(|Reloading { source, hangup }| {
            let reload = reloading(exporter.clone(), source);
            (Arc::clone(&reload), reload_on_hangup(hangup, reload))
        })
        .unzip();
    let reload = reload.filter(|_| options.enable_lifecycle);
    let routes = web::Routes::new(exporter.clone(), &options.telemetry_path, reload);
    let limits = web::Limits::default();
    web::serve(listeners, routes, options.gate, limits, shutdown).await;
    if let Some(on_hangup) = on_hangup {
        on_hangup.abort();
    }
    // Else they would meet a runtime that is going away, and report it.
    exporter.stop().await;
    Ok(())
}

/// Takes a configuration, and says what in it deserves a second look.
async fn take(exporter: &Exporter, settings: Settings) -> Result<(), amperity::ApiError> {
    let warnings = settings.warnings();
    exporter.apply(settings).await?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// Reloads on each SIGHUP from now on.
fn reload_on_hangup(mut hangup: Signal, reload: web::Reload) -> JoinHandle<()> {
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            // The outcome is logged where it is known.
            let _ = reload().await;
        }
    })
}

/// What reloads, one reload after the other: the one that was asked for last
/// must not be overtaken. Each goes on when nobody waits for it any more, for a
/// client that hangs up must not leave a configuration taken by half.
fn reloading(exporter: Exporter, source: config::Source) -> web::Reload {
    let turn = Arc::new(tokio::sync::Mutex::new(()));
    Arc::new(move || {
        let (exporter, source) = (exporter.clone(), source.clone());
        let turn = Arc::clone(&turn);
        let reloading = tokio::spawn(async move {
            let _turn = turn.lock().await;
            reload(exporter, source).await
        });
        Box::pin(async move {
            reloading
                .await
                .unwrap_or_else(|error| Err(error.to_string()))
        })
    })
}

/// Reads the configuration again and takes it, whole or not at all.
async fn reload(exporter: Exporter, source: config::Source) -> Result<(), String> {
    let loaded = tokio::task::spawn_blocking(move || source.load()).await;
    let outcome = match loaded {
        Ok(Ok(settings)) => take(&exporter, settings).await.map_err(|e| e.to_string()),
        Ok(Err(error)) => Err(ConfigError::to_string(&error)),
        Err(error) => Err(error.to_string()),
    };
    let now = exporter.clock().now();
    exporter.telemetry().config_reload(outcome.is_ok(), now);
    match &outcome {
        Ok(()) => tracing::info!("configuration reloaded"),
        Err(error) => tracing::error!(
            error,
            "the configuration was not reloaded; the old one keeps running"
        ),
    }
    outcome
}
