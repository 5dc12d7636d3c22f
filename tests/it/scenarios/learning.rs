//! What is expected of a feed, from the first day.

use jiff::{SignedDuration, Timestamp};

use super::{job_of, world};
use crate::support::{Stage, hours, minutes, settings, start, tenant};
use amperity_simulator::Outcome;

const DUE: &str =
    r#"amperity_feed_due_timestamp_seconds{tenant="socktown",table="Customers",feed="df-1"}"#;
const LAST_SUCCESS: &str = r#"amperity_feed_last_success_timestamp_seconds{tenant="socktown",table="Customers",feed="df-1"}"#;

#[expect(clippy::cast_precision_loss, reason = "far less than 2^53")]
fn second(time: Timestamp) -> f64 {
    time.as_second() as f64
}

/// The exporter starts at noon on an empty state. The API lists seven nights of
/// a load at about 02:00 that takes 20 minutes, and the eighth night has none.
#[tokio::test(start_paused = true)]
async fn a_nightly_load_that_does_not_run_on_the_first_night_is_late_within_two_hours() {
    // Some minutes earlier or later each night.
    let nights = [-3, 2, 0, 4, -1, 1, 3].into_iter().zip(1_i64..);
    let jobs = nights.map(|(minute, night)| {
        let offset = (14 - 24 * night) * 3600 + minute * 60;
        let id = format!("isj-{night}");
        job_of(&id, "df-1", offset, minutes(20), Outcome::Succeeded)
    });
    let stage = Stage::open(world(jobs), settings([tenant("socktown")])).await;
    stage.pass(minutes(5)).await;

    let page = stage.page().await;
    let last_night = start() - SignedDuration::from_hours(10);
    let last_success = page.value(LAST_SUCCESS).unwrap();
    assert!(last_success > second(last_night));
    let usual_end = last_night + SignedDuration::from_mins(24 * 60 + 20);
    let due = page.value(DUE).expect("seven nights are enough");
    let bound = usual_end + SignedDuration::from_hours(2);
    assert!(second(usual_end) < due && due <= second(bound), "{due}");

    // The night passes without a run, and the due time stays.
    stage.pass(hours(20)).await;
    let page = stage.page().await;
    assert_eq!(page.value(DUE), Some(due));
    assert_eq!(page.value(LAST_SUCCESS), Some(last_success));
}
