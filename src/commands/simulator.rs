//! `amperity_exporter simulator`: serves the simulated API alone.

use std::fmt::Write as _;

use amperity_simulator::{Credentials, Simulator};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{bind_tcp, demo, local_address, print, stop_signal};
use crate::clock::{Clock, before};
use crate::{cli, logging};

/// How many job ids are printed.
const SHOWN_JOBS: usize = 3;

/// Serves the simulated API until it is stopped; prints how to use it.
///
/// # Errors
/// If it cannot start.
pub(super) async fn run(options: cli::Simulator, clock: Clock) -> anyhow::Result<()> {
    logging::install(options.log, clock.clone());
    let listeners = bind_tcp(&options.listen_addresses).await?;
    let stop = stop_signal()?;
    let simulator = demo::simulate(clock);
    print(&usage(&simulator, &listeners)?)?;
    let mut servers = JoinSet::new();
    for listener in listeners {
        servers.spawn(amperity_simulator::serve(
            listener,
            simulator.clone(),
            std::future::pending(),
        ));
    }
    stop.await;
    servers.shutdown().await;
    Ok(())
}

/// Addresses, credentials and some job ids.
fn usage(simulator: &Simulator, listeners: &[TcpListener]) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut base_url = String::new();
    for listener in listeners.iter().rev() {
        base_url = format!("http://{}/api", local_address(listener)?);
        let _ = writeln!(text, "The simulated Amperity API is at {base_url}");
    }
    for credentials in simulator.credentials() {
        let Credentials {
            tenant,
            token,
            client_id,
            client_secret,
        } = credentials;
        let now = simulator.now();
        let since = before(now, jiff::SignedDuration::from_hours(1));
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
        "\nLike the real API, it requires a token and the headers amperity-tenant and\n\
         api-version: 2024-04-01, and allows 10 requests a second. Press Ctrl-C to stop.\n"
    );
    Ok(text)
}
