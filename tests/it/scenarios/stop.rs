//! Stopping.

use amperity_simulator::{Fault, FaultKind};
use tokio::time::Instant;

use super::{job, world};
use crate::support::{Stage, minutes, seconds, settings, tenant};

#[tokio::test(start_paused = true)]
async fn stopping_cancels_the_refresh_in_flight_and_ends_all_requests() {
    let world = world([job("isj-1", -60, minutes(5))]);
    let stage = Stage::open(world, settings([tenant("socktown")])).await;
    stage.pass(seconds(10)).await;
    stage.simulator.inject(Fault::new(FaultKind::Hang));
    stage.pass(minutes(1)).await;
    let asked = stage.simulator.count(|_| true);
    assert!(asked > 1, "no refresh is under way");

    let before = Instant::now();
    stage.exporter.stop().await;
    assert_eq!(before.elapsed(), seconds(0));
    stage.pass(minutes(10)).await;
    assert_eq!(stage.simulator.count(|_| true), asked);
    assert!(stage.log().is_empty(), "{:#?}", stage.log());
}
