//! `amperity_exporter demo` and `simulator`: the simulated API on a socket,
//! and for the demo the real exporter against it, OAuth2 and state file
//! included. Nothing has to be configured and nothing is left behind.

use std::fmt::Write as _;
use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::clock::{Clock, before};
use crate::config::{self, ConfigError};
use crate::{Options, RunError, run, web};
use amperity_simulator::{Credentials, Simulator, World};

/// The same world at each start; only the time it begins differs.
const SEED: u64 = 1;

/// How many job ids the simulator shows to try.
const SHOWN_JOBS: usize = 3;

/// Why a demo could not begin.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No socket for the simulated API, or no folder for the demo's files.
    #[error("the demo cannot be set up: {0}")]
    Setup(#[from] io::Error),
    /// The demo's own configuration is bad: a mistake in this file.
    #[error("the demo's configuration: {0}")]
    Config(#[from] ConfigError),
    /// The exporter could not begin.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Exports a simulated tenant until `shutdown`. `announce` is told what to
/// open before the first request is answered.
///
/// # Errors
/// If it cannot begin.
pub async fn demo(
    listeners: Vec<TcpListener>,
    clock: Clock,
    announce: impl FnOnce(&str),
    shutdown: impl Future<Output = ()>,
) -> Result<(), DemoError> {
    let api = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let base_url = format!("http://{}/api", api.local_addr()?);
    let simulator = simulate(clock.clone());
    let folder = Folder::make()?;
    let file = folder.0.join("amperity_exporter.yml");
    std::fs::write(&file, configuration(&simulator, &base_url))?;
    let source = config::Source::file(&file);
    let options = Options {
        settings: source.load()?,
        reloading: None,
        telemetry_path: "/metrics".to_owned(),
        enable_lifecycle: false,
        gate: Arc::new(web::Gate::open()),
        clock,
    };
    announce(&announcement(&listeners, &base_url, &file));
    let (_ended, end) = oneshot::channel::<()>();
    let serving = tokio::spawn(amperity_simulator::serve(api, simulator, async {
        let _ = end.await;
    }));
    let outcome = run(options, listeners, shutdown).await;
    serving.abort();
    Ok(outcome?)
}

/// Runs the simulated API alone until `shutdown`; `announce` is told how to
/// get in.
///
/// # Errors
/// If no address of the listeners can be told.
pub async fn simulator(
    listeners: Vec<TcpListener>,
    clock: Clock,
    announce: impl FnOnce(&str),
    shutdown: impl Future<Output = ()>,
) -> Result<(), DemoError> {
    let simulator = simulate(clock);
    let Some(first) = listeners.first() else {
        return Ok(());
    };
    announce(&invitation(
        &simulator,
        &format!("http://{}/api", reachable(first)?),
    ));
    let mut serving = tokio::task::JoinSet::new();
    for listener in listeners {
        serving.spawn(amperity_simulator::serve(
            listener,
            simulator.clone(),
            std::future::pending(),
        ));
    }
    shutdown.await;
    serving.shutdown().await;
    Ok(())
}

/// The demo's world, from now on.
fn simulate(clock: Clock) -> Simulator {
    Simulator::new(World::demo(SEED, clock.now()), move || clock.now())
}

/// A configuration such as a user writes, for the simulated tenant.
fn configuration(simulator: &Simulator, base_url: &str) -> String {
    let mut text = format!(
        "refresh: {{interval: 5s}}\n\
         api: {{base_url: {base_url}}}\n\
         state: {{file: state.json}}\n\
         tenants:\n"
    );
    for credentials in simulator.credentials() {
        let Credentials {
            tenant,
            client_id,
            client_secret,
            ..
        } = credentials;
        let _ = write!(
            text,
            "  - tenant: {tenant}\n    \
                 discovery: {{window: 1h}}\n    \
                 oauth2:\n      \
                   client_id: {client_id}\n      \
                   client_secret: {client_secret}\n      \
                   token_url: {base_url}/v0/oauth2/token\n"
        );
    }
    text
}

fn announcement(listeners: &[TcpListener], base_url: &str, file: &Path) -> String {
    let mut text =
        "A simulated Amperity tenant is being exported; nothing of it is real.\n\n".to_owned();
    for page in listeners
        .iter()
        .filter_map(|listener| reachable(listener).ok())
    {
        let _ = writeln!(text, "  status page    http://{page}/");
        let _ = writeln!(text, "  metrics        http://{page}/metrics");
    }
    let _ = write!(
        text,
        "  simulated API  {base_url}\n  \
           configuration  {}\n\n\
         Jobs start, progress, fail and finish within seconds. Ctrl-C ends it.\n",
        file.display()
    );
    text
}

fn invitation(simulator: &Simulator, base_url: &str) -> String {
    let mut text = format!("The simulated Amperity API is at {base_url}\n");
    for credentials in simulator.credentials() {
        let Credentials {
            tenant,
            token,
            client_id,
            client_secret,
        } = credentials;
        let now = simulator.now();
        let hour = jiff::SignedDuration::from_hours(1);
        let since = before(now, hour);
        let mut jobs = simulator.job_ids(&tenant, since..now);
        let newest = jobs.split_off(jobs.len().saturating_sub(SHOWN_JOBS));
        let _ = write!(
            text,
            "\n  \
               tenant         {tenant}\n  \
               access token   {token}\n  \
               client id      {client_id}\n  \
               client secret  {client_secret}\n  \
               token URL      {base_url}/v0/oauth2/token\n  \
               jobs to try    {}\n",
            newest.join(" ")
        );
    }
    let _ = write!(
        text,
        "\nIt asks for what the vendor asks for: a token, the headers amperity-tenant and\n\
         api-version: 2024-04-01, at most 10 requests a second. Ctrl-C ends it.\n"
    );
    text
}

/// The address a browser on this machine can open.
fn reachable(listener: &TcpListener) -> io::Result<String> {
    let address = listener.local_addr()?;
    Ok(if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    })
}

/// A folder of the demo's own, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        // In a container the process id is the same each time, and a demo that
        // was killed has left its folder: the number tells them apart.
        let (process, number) = (std::process::id(), fastrand::u32(..));
        let name = format!("amperity_exporter-demo-{process}-{number:08x}");
        let path = std::env::temp_dir().join(name);
        // Fails if it is there already: nobody else's folder is written to.
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| {
            let path = path.display();
            let text = format!("{path}: {error}; TMPDIR can name a folder to write to");
            io::Error::new(error.kind(), text)
        })?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_demo_left_behind_does_not_stop_the_next_one() {
        let (killed, next) = (Folder::make().unwrap(), Folder::make().unwrap());
        assert_ne!(killed.0, next.0);
        let path = next.0.clone();
        drop(next);
        assert!(!path.exists());
    }
}
