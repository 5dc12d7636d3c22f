//! The bucket's arithmetic.

use proptest::prelude::*;

use super::*;
use crate::amperity::pacing::NotSent;
use crate::amperity::pacing::{Bucket, Pacer};

/// An event for a bucket, some milliseconds after the last one.
#[derive(Clone, Debug)]
enum Event {
    Request,
    Refusal,
    Pause(u64),
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let event = prop_oneof![
        20 => Just(Event::Request),
        1 => Just(Event::Refusal),
        1 => (0..100_000_u64).prop_map(Event::Pause),
    ];
    proptest::collection::vec((0..400_u64, event), 1..300)
}

proptest! {
    #[test]
    fn no_span_of_time_lets_more_than_rate_and_burst_pass(rate in 0.1..10.0_f64, events in events()) {
        let burst = rate.min(10.0 - rate).max(1.0);
        let mut now = runtime_now();
        let mut bucket = Bucket::new(rate, now);
        let mut passed: Vec<Instant> = Vec::new();
        for (wait, event) in events {
            now += Duration::from_millis(wait);
            match event {
                Event::Request => {
                    if bucket.take(now).is_ok() {
                        passed.push(now);
                    }
                }
                Event::Refusal => bucket.slow_down(now, now),
                Event::Pause(length) => bucket.pause(Duration::from_millis(length), Reason::RateLimited, now),
            }
        }
        for (first, start) in passed.iter().enumerate() {
            for (last, end) in passed.iter().enumerate().skip(first) {
                let most = rate * (*end - *start).as_secs_f64() + burst + 0.001;
                let seen = u32::try_from(last - first + 1).unwrap();
                prop_assert!(f64::from(seen) <= most, "{seen} of {most}");
            }
        }
    }

    #[test]
    fn a_token_is_there_soon_after_the_time_to_try_again(events in events()) {
        let mut now = runtime_now();
        let mut bucket = Bucket::new(5.0, now);
        for (wait, event) in events {
            now += Duration::from_millis(wait);
            match event {
                Event::Request => drop(bucket.take(now)),
                Event::Refusal => bucket.slow_down(now, now),
                Event::Pause(length) => bucket.pause(Duration::from_millis(length), Reason::RateLimited, now),
            }
        }
        let asked = now;
        let mut questions = 0;
        while let Err(next) = bucket.take(now) {
            prop_assert!(next > now);
            now = next;
            questions += 1;
        }
        prop_assert!(questions <= 3);
        // The longest pause and the wait for one token at the slowest rate.
        prop_assert!(now - asked <= Duration::from_secs(60 + 13));
    }

    #[test]
    fn after_five_quiet_minutes_the_full_rate_is_back(refusals in 1..20_u32, rate in 0.1..10.0_f64) {
        let mut now = runtime_now();
        let mut bucket = Bucket::new(rate, now);
        for _ in 0..refusals {
            bucket.slow_down(now, now);
            now += Duration::from_secs(1);
        }
        prop_assert!(bucket.delay(now) == NotSent::SlowedDown && bucket.rate() < rate);
        let _ = bucket.take(now + Duration::from_mins(5));
        prop_assert!(bucket.delay(now + Duration::from_mins(5)) == NotSent::NoTime);
    }
}

/// Some instant; the arithmetic needs no runtime.
fn runtime_now() -> Instant {
    Instant::now()
}

#[test]
fn refusals_of_requests_sent_together_slow_the_bucket_once() {
    let sent = Instant::now();
    let mut bucket = Bucket::new(8.0, sent);
    for milliseconds in [100, 200, 300] {
        bucket.slow_down(sent, sent + Duration::from_millis(milliseconds));
    }
    assert!((4.0..4.1).contains(&bucket.rate()), "{}", bucket.rate());
}

#[test]
fn an_invalid_rate_still_gives_a_bucket() {
    let now = Instant::now();
    for rate in [f64::NAN, f64::INFINITY, -1.0, 0.0, f64::MIN_POSITIVE] {
        let mut bucket = Bucket::new(rate, now);
        assert!(bucket.take(now).is_ok());
        while bucket.take(now).is_ok() && rate <= 10.0 {}
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_requests_are_sent_in_order_of_arrival() {
    let pacer = Arc::new(Pacer::new(5.0));
    let served = Arc::new(Mutex::new(Vec::new()));
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..15 {
        let (pacer, served) = (Arc::clone(&pacer), Arc::clone(&served));
        tasks.spawn(async move {
            pacer.turn(Priority::Refresh, within(60)).await.unwrap();
            served.lock().unwrap().push(number);
        });
    }
    tasks.join_all().await;
    assert_eq!(*served.lock().unwrap(), (0..15).collect::<Vec<_>>());
    // Five at once, then one each 200 ms.
    assert_eq!(began.elapsed().as_millis() / 10, 200);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_wait_does_not_block_the_queue() {
    let pacer = Pacer::new(1.0);
    pacer.turn(Priority::Refresh, within(60)).await.unwrap();
    let began = Instant::now();
    let impatient = tokio::time::timeout(
        Duration::from_millis(10),
        pacer.turn(Priority::Refresh, within(60)),
    );
    assert!(impatient.await.is_err());
    pacer.turn(Priority::Refresh, within(60)).await.unwrap();
    assert!(began.elapsed() <= Duration::from_millis(1_010));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_would_come_too_late_is_refused_at_once_with_the_reason() {
    let pacer = Pacer::new(1.0);
    pacer.turn(Priority::Refresh, within(60)).await.unwrap();
    let began = Instant::now();
    let soon = began + Duration::from_millis(500);
    let refused = async |deadline| pacer.turn(Priority::Refresh, deadline).await.unwrap_err();
    assert_eq!(refused(soon).await, NotSent::NoTime);
    pacer.slow_down(began);
    assert_eq!(refused(soon).await, NotSent::SlowedDown);
    pacer.pause(Duration::from_hours(1), Reason::ServerError);
    let paused = NotSent::Paused(Reason::ServerError);
    assert_eq!(refused(within(30)).await, paused);
    assert_eq!(began.elapsed(), Duration::ZERO);
    pacer.turn(Priority::Refresh, within(70)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_refresh_go_before_all_waiting_probes() {
    let pacer = Arc::new(Pacer::new(5.0));
    let mut probes = tokio::task::JoinSet::new();
    for _ in 0..450 {
        let pacer = Arc::clone(&pacer);
        probes.spawn(async move { pacer.turn(Priority::Probe, within(3600)).await });
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    for _ in 0..3 {
        let began = Instant::now();
        for _ in 0..5 {
            pacer.turn(Priority::Refresh, within(60)).await.unwrap();
        }
        assert!(began.elapsed() <= Duration::from_millis(1_050));
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert!(probes.join_all().await.iter().all(Result::is_ok));
}
