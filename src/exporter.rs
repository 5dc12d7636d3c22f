//! Runs an exporter: opens the state, starts the refreshes, serves HTTP and
//! reloads the configuration.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::config::{self, ConfigError, Settings};
use crate::feeds::store::{Store, StoreError};
use crate::refresh::{Environment, Exporter};
use crate::telemetry::Telemetry;
use crate::{amperity, web};

/// What an exporter is run with.
#[derive(Debug)]
pub(crate) struct Options {
    /// The settings to start with.
    pub(crate) settings: Settings,
    /// How the settings are reloaded; `None`: they are not.
    pub(crate) reloading: Option<Reloading>,
    /// The paths of the endpoints.
    pub(crate) paths: web::Paths,
    /// Whether `POST /-/reload` is answered.
    pub(crate) enable_lifecycle: bool,
    /// The rules of the web configuration file.
    pub(crate) security: Arc<web::WebSecurity>,
    /// The wall clock.
    pub(crate) clock: Clock,
}

/// Where settings are reloaded from, and on which signal.
#[derive(Debug)]
pub(crate) struct Reloading {
    /// The files, flags and variables.
    pub(crate) source: config::Source,
    /// SIGHUP, registered by the caller before anything else: an earlier one
    /// would end the process.
    pub(crate) hangup: Signal,
}

/// Why an exporter could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] StoreError),
    /// No client can be built from a tenant's settings.
    #[error("{0}")]
    Tenant(#[from] amperity::ApiError),
    /// Two of the exporter's own metrics have the same name.
    #[error("the exporter's own metrics cannot be registered: {0}")]
    Telemetry(#[from] prometheus::Error),
}

/// Runs until `shutdown` resolves, then completes the requests in progress.
///
/// # Errors
/// If it cannot start; once it serves, only `shutdown` ends it.
pub(crate) async fn run(
    options: Options,
    listeners: Vec<web::Listener>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let telemetry = Telemetry::new()?;
    let store = match &options.settings.state_file {
        Some(path) => Store::open(path, options.clock.now())?,
        None => Store::in_memory(),
    };
    let persistent = options.settings.state_file.is_some();
    telemetry.state_persistent.set(persistent.into());
    let exporter = Exporter::new(Environment {
        clock: options.clock.clone(),
        telemetry: telemetry.clone(),
        store,
        connect: Arc::new(amperity::network),
    });
    apply(&exporter, options.settings).await?;
    telemetry.config_reload(true, options.clock.now());

    let (reload, requests) = web::Reload::channel();
    let reloads = options
        .reloading
        .map(|reloading| tokio::spawn(run_reloads(exporter.clone(), reloading, requests)));
    let reload = (options.enable_lifecycle && reloads.is_some()).then_some(reload);
    let routes = web::Routes::new(exporter.clone(), options.paths, reload);
    let limits = web::Limits::of_process();
    let security = options.security;
    web::serve(listeners, routes, security, &telemetry, limits, shutdown).await;
    if let Some(reloads) = reloads {
        reloads.abort();
    }
    // Otherwise the refreshes would log errors while the runtime shuts down.
    exporter.stop().await;
    Ok(())
}

/// Applies a configuration and logs its warnings.
async fn apply(exporter: &Exporter, settings: Settings) -> Result<(), amperity::ApiError> {
    let warnings = settings.warnings();
    exporter.apply(settings).await?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// Reloads on each SIGHUP and on each request, one reload after the other, so
/// that the last one asked for wins. A reload is completed even if the client
/// that asked for it disconnects.
async fn run_reloads(
    exporter: Exporter,
    Reloading { source, mut hangup }: Reloading,
    mut requests: mpsc::Receiver<web::ReloadRequest>,
) {
    loop {
        let request = tokio::select! {
            Some(()) = hangup.recv() => None,
            Some(request) = requests.recv() => Some(request),
            else => return,
        };
        // The outcome is logged where it is known.
        let outcome = reload(&exporter, source.clone()).await;
        if let Some(request) = request {
            let _ = request.send(outcome);
        }
    }
}

/// Loads the configuration and applies all of it or nothing.
async fn reload(exporter: &Exporter, source: config::Source) -> Result<(), String> {
    let loaded = tokio::task::spawn_blocking(move || source.load()).await;
    let outcome = match loaded {
        Ok(Ok(settings)) => apply(exporter, settings).await.map_err(|e| e.to_string()),
        Ok(Err(error)) => Err(ConfigError::to_string(&error)),
        Err(error) => Err(error.to_string()),
    };
    let now = exporter.clock().now();
    exporter.telemetry().config_reload(outcome.is_ok(), now);
    match &outcome {
        Ok(()) => tracing::info!("configuration reloaded"),
        Err(error) => tracing::error!(
            error,
            "configuration reload failed, keeping the current configuration"
        ),
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::signal::unix::{SignalKind, signal};
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_reload_continues_when_its_client_disconnects() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("amperity_exporter.yml");
        let text = "api: {base_url: 'http://127.0.0.1:1/api'}\n\
                    tenants:\n  - {tenant: socktown, authorization: {credentials: t}, jobs: [a]}\n";
        std::fs::write(&file, text).unwrap();
        let exporter = Exporter::new(Environment {
            clock: Clock::system(),
            telemetry: Telemetry::new().unwrap(),
            store: crate::feeds::store::Store::in_memory(),
            connect: Arc::new(amperity::network),
        });
        let reloading = Reloading {
            source: config::Source::file(&file),
            hangup: signal(SignalKind::hangup()).unwrap(),
        };
        let (requests, received) = mpsc::channel(1);
        tokio::spawn(run_reloads(exporter.clone(), reloading, received));
        requests.send(oneshot::channel().0).await.unwrap();
        let applied = async {
            while exporter.tenants().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        let timeout = Duration::from_secs(30);
        tokio::time::timeout(timeout, applied).await.unwrap();
    }
}
