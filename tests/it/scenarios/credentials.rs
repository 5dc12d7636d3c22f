//! Tokens that expire, rotate, are revoked, or cannot be fetched.

use std::fmt::Write;
use std::time::Duration;

use amperity_exporter::config::{Credentials, Secret, Settings};
use amperity_simulator::{Endpoint, Fault, Simulator, World};
use hyper::StatusCode;
use jiff::SignedDuration;

use super::{job, world};
use crate::support::{Stage, hours, minutes, oauth2, seconds, settings, start, tenant};

const UP: &str = r#"amperity_up{tenant="socktown"}"#;
const EXPIRY: &str = r#"amperity_access_token_expiry_timestamp_seconds{tenant="socktown"}"#;

fn a_world() -> World {
    world([job("isj-1", -600, minutes(1))])
}

/// Settings with the OAuth2 client of the simulated tenant.
fn with_oauth2() -> Settings {
    let simulated = Simulator::new(a_world(), start).credentials();
    let mut tenant = tenant("socktown");
    tenant.credentials = oauth2(&simulated[0]);
    settings([tenant])
}

fn is_token(entry: &amperity_simulator::Entry) -> bool {
    entry.endpoint == Some(Endpoint::Token)
}

#[tokio::test(start_paused = true)]
async fn a_token_is_fetched_once_and_renewed_before_it_ends() {
    let stage = Stage::open(a_world(), with_oauth2()).await;
    stage.pass(minutes(30)).await;
    assert_eq!(stage.simulator.count(is_token), 1);
    let page = stage.page().await;
    let expiry = page.value(EXPIRY).unwrap();
    assert!(
        (expiry - 1_719_838_800.0).abs() < 5.0,
        "{expiry}: an hour after the start"
    );

    stage.pass(hours(10)).await;
    let fetched = stage.simulator.count(is_token);
    assert!(
        (11..=16).contains(&fetched),
        "{fetched} tokens in ten and a half hours"
    );
    let refused = stage.simulator.count(|entry| entry.status == Some(401));
    assert_eq!(
        refused, 0,
        "no request was made with a token that had ended"
    );
    assert_eq!(stage.page().await.value(UP), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_token_revoked_between_two_refreshes_is_replaced_by_the_next_one() {
    let stage = Stage::open(a_world(), with_oauth2()).await;
    stage.pass(minutes(10)).await;
    stage.simulator.revoke_tokens("socktown");
    stage.pass(minutes(2)).await;
    assert_eq!(stage.page().await.value(UP), Some(1.0));
    assert_eq!(stage.simulator.count(is_token), 2);
    assert_eq!(stage.simulator.count(|entry| entry.status == Some(401)), 1);
    assert_eq!(stage.log(), [""; 0], "nobody has to do anything about it");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expires_during_a_refresh_is_renewed_once_for_all() {
    let ids: Vec<String> = (0..30).map(|n| format!("isj-{n}")).collect();
    let jobs = ids.iter().map(|id| job(id, -60, hours(1)));
    let mut settings = with_oauth2();
    let tenant = std::sync::Arc::make_mut(&mut settings.tenants[0]);
    tenant.jobs = ids.iter().map(|id| id.as_str().into()).collect();
    tenant.discovery = None;
    let stage = Stage::open(world(jobs), settings).await;
    // The refresh takes six seconds; its token is lost after two.
    stage.pass(seconds(2)).await;
    stage.simulator.revoke_tokens("socktown");
    stage.pass(seconds(20)).await;
    assert_eq!(stage.simulator.count(is_token), 2);
    let page = stage.page().await;
    assert_eq!(page.value(UP), Some(1.0));
    assert_eq!(page.jobs().len(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_is_down_is_an_outage_only_after_the_token_expired() {
    let stage = Stage::open(a_world(), with_oauth2()).await;
    stage.pass(minutes(10)).await;
    let down = Fault::status(StatusCode::SERVICE_UNAVAILABLE).endpoint(Endpoint::Token);
    stage.simulator.inject(down);
    stage.pass(minutes(46)).await;
    assert_eq!(
        stage.page().await.value(UP),
        Some(1.0),
        "the old token is still good"
    );
    stage.pass(minutes(30)).await;
    assert_eq!(stage.page().await.value(UP), Some(0.0));
    stage.simulator.clear_faults();
    stage.pass(minutes(3)).await;
    assert_eq!(stage.page().await.value(UP), Some(1.0));
    let log = stage.log();
    assert!(log.len() <= 6, "{log:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_rotated_credentials_file_works_within_one_refresh() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token.jwt");
    std::fs::write(&file, "token-of-socktown\n").unwrap();
    let mut tenant = tenant("socktown");
    tenant.credentials = Credentials::Token(Secret::File(file.clone()));
    let stage = Stage::open(a_world(), settings([tenant])).await;
    stage.pass(minutes(5)).await;
    let token = stage.simulator.make_token("socktown", hours(48)).unwrap();
    std::fs::write(&file, token).unwrap();
    stage.pass(minutes(1)).await;
    let page = stage.page().await;
    assert_eq!(page.value(UP), Some(1.0));
    let expiry = page.value(EXPIRY).expect("the new token is a JWT");
    assert!(expiry > 1_720_000_000.0, "{expiry}");
    assert_eq!(stage.log(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_key_shows_within_one_refresh_and_the_log_says_what_to_do() {
    let stage = Stage::open(a_world(), settings([tenant("socktown")])).await;
    stage.pass(minutes(5)).await;
    stage.simulator.revoke_tokens("socktown");
    stage.pass(minutes(1)).await;
    let page = stage.page().await;
    assert_eq!(page.value(UP), Some(0.0));
    let failures = r#"amperity_refresh_failures_total{tenant="socktown",reason="unauthorized"}"#;
    assert_eq!(page.value(failures), Some(1.0));
    let log = stage.log();
    assert_eq!(log.len(), 1, "{log:#?}");
    assert!(
        log[0].contains("unauthorized") && log[0].contains("token"),
        "{}",
        log[0]
    );
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_logged_or_shown_when_everything_fails() {
    let simulated = Simulator::new(a_world(), start).credentials().remove(0);
    for settings in [with_oauth2(), settings([tenant("socktown")])] {
        let mut shown = format!("{settings:?}");
        let stage = Stage::open(a_world(), settings).await;
        stage.pass(minutes(2)).await;
        stage.simulator.revoke_tokens("socktown");
        let _ = stage
            .simulator
            .set_client_secret("socktown", "another-secret");
        stage.pass(minutes(5)).await;
        let at = start() + SignedDuration::from_mins(10);
        let later = at + SignedDuration::from_mins(10);
        let down = Fault::status(StatusCode::INTERNAL_SERVER_ERROR).between(at, later);
        stage.simulator.inject(down);
        stage.pass(Duration::from_mins(15)).await;
        shown += &stage.page().await.0;
        shown += &stage.log().join("\n");
        let debug = (&stage.exporter, stage.exporter.snapshots());
        write!(shown, "{debug:?}").unwrap();
        assert!(stage.log().len() >= 2);
        for secret in [&simulated.token, &simulated.client_secret] {
            assert!(!shown.contains(secret.as_str()), "a secret in {shown}");
        }
        assert!(!shown.contains("eyJ"), "a token in {shown}");
    }
}
