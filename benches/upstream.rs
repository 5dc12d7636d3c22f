//! A simulated API of a given size for the benchmark scripts: tenants with some
//! feeds, by default five, each with a run every ten minutes.
//!
//! `upstream ADDRESS RUNS [TENANTS] [FEEDS]`: each feed has had this many runs. A
//! run is 21 series on the exporter's page, so 951 of each of five feeds are a
//! page of 100,000.

use std::time::Duration;

use amperity_exporter::clock::Clock;
use amperity_simulator::{Simulator, World, WorldParameters};
use anyhow::{Context, Result};
use tokio::net::TcpListener;

const PERIOD: Duration = Duration::from_mins(10);

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments
        .next()
        .context("usage: upstream ADDRESS RUNS [TENANTS] [FEEDS]")?;
    let runs: u32 = arguments.next().context("how many runs?")?.parse()?;
    let tenants = arguments.next().map_or(Ok(1), |number| number.parse())?;
    let feeds = arguments.next().map_or(Ok(5), |number| number.parse())?;
    let clock = Clock::system();
    let world = World::generated(&WorldParameters {
        seed: 1,
        start: clock.now(),
        tenants,
        feeds,
        period: PERIOD,
        duration: Duration::from_mins(1),
        history: PERIOD * runs,
    });
    let listener = TcpListener::bind(address).await?;
    let simulator = Simulator::new(world, move || clock.now());
    amperity_simulator::serve(listener, simulator, std::future::pending()).await;
    Ok(())
}
