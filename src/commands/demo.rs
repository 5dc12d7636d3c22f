//! `amperity_exporter demo`: serves the simulated API on a local socket and
//! runs the real exporter against it, with OAuth2 and a state file. It needs
//! no configuration and removes its files when it ends.

use std::fmt::Write as _;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use amperity_simulator::{Credentials, Simulator, World};
use anyhow::Context;
use tokio::net::TcpListener;

use super::{bind_tcp, local_address, print, stop_signal};
use crate::clock::Clock;
use crate::exporter::{self, Options};
use crate::{cli, config, logging, web};

/// Every start gives the same simulated data, except for the time at which it begins.
const SEED: u64 = 1;

/// Exports a simulated tenant until it is stopped; prints the addresses to
/// open.
///
/// # Errors
/// If it cannot start.
pub(super) async fn run(options: cli::Demo, clock: Clock) -> anyhow::Result<()> {
    logging::install(options.log, clock.clone());
    let listeners = bind_tcp(&options.listen_addresses).await?;
    let stop = stop_signal()?;
    let api = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("cannot listen for the simulated API")?;
    let base_url = format!("http://{}/api", api.local_addr()?);
    let simulator = simulate(clock.clone());
    let folder = Folder::create().context("cannot create a folder for the demo's files")?;
    let file = folder.0.join("amperity_exporter.yml");
    std::fs::write(&file, configuration(&simulator, &base_url))?;
    let options = Options {
        settings: config::Source::file(&file).load()?,
        reloading: None,
        paths: "/metrics".into(),
        enable_lifecycle: false,
        security: Arc::new(web::WebSecurity::disabled()),
        clock,
    };
    print(&introduction(&listeners, &base_url, &file)?)?;
    let server = tokio::spawn(amperity_simulator::serve(
        api,
        simulator,
        std::future::pending(),
    ));
    let listeners = listeners.into_iter().map(web::Listener::Tcp).collect();
    let outcome = exporter::run(options, listeners, stop).await;
    server.abort();
    Ok(outcome?)
}

/// A simulator of the demo's data, which begins now.
pub(super) fn simulate(clock: Clock) -> Simulator {
    Simulator::new(World::demo(SEED, clock.now()), move || clock.now())
}

/// A configuration file for the simulated tenant, as a user would write it.
fn configuration(simulator: &Simulator, base_url: &str) -> String {
    let mut text = format!(
        "refresh: {{interval: 5s}}\n\
         api: {{base_url: {base_url}}}\n\
         state: {{file: state.db}}\n\
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

/// What the demo prints at its start.
fn introduction(listeners: &[TcpListener], base_url: &str, file: &Path) -> io::Result<String> {
    let mut text =
        "Exporting a simulated Amperity tenant; none of its data is real.\n\n".to_owned();
    for listener in listeners {
        let address = local_address(listener)?;
        let _ = writeln!(text, "  status page    http://{address}/");
        let _ = writeln!(text, "  metrics        http://{address}/metrics");
    }
    let _ = write!(
        text,
        "  simulated API  {base_url}\n  \
           configuration  {}\n\n\
         Jobs start, progress, fail and finish within seconds. Press Ctrl-C to stop.\n",
        file.display()
    );
    Ok(text)
}

/// A temporary folder that is removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn create() -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        // In a container the process id is the same at every start, and a demo
        // that was killed leaves its folder behind: hence the random number.
        let (process, number) = (std::process::id(), fastrand::u32(..));
        let name = format!("amperity_exporter-demo-{process}-{number:08x}");
        let path = std::env::temp_dir().join(name);
        // Fails if the folder exists, so that no other user can provide it.
        let created = std::fs::DirBuilder::new().mode(0o700).create(&path);
        created.map_err(|error| {
            let path = path.display();
            let text = format!("{path}: {error}; set TMPDIR to a writable folder");
            io::Error::new(error.kind(), text)
        })?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The system cleans up what cannot be removed here.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_killed_demo_does_not_prevent_the_next_start() {
        let (killed, next) = (Folder::create().unwrap(), Folder::create().unwrap());
        assert_ne!(killed.0, next.0);
        let path = next.0.clone();
        drop(next);
        assert!(!path.exists());
    }
}
