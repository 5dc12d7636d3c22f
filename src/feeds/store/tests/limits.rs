//! How many runs are kept.

use super::*;
use crate::jobs::State;

/// A history of a feed with a run at this interval in minutes until 1 September.
async fn stored(every: i64, runs: i64, capacity: Option<u64>) -> Vec<Arc<Run>> {
    let (_folder, path) = folder();
    let end: Timestamp = "2024-09-01T00:00:00Z".parse().unwrap();
    let mut history = RunHistory::new();
    let store = Store::open(&path, noon()).unwrap();
    if let Some(capacity) = capacity {
        store.shared.database.lock().await.limit(capacity);
    }
    for run in (0..runs).rev() {
        let ended = end - jiff::SignedDuration::from_mins(every * run);
        let mut job = succeeded(&format!("isj-{run}"), "01 00:00", "01 00:01");
        job.tables[0].state = Some(State::Failed);
        job.tables[0].started_at = Some(ended - jiff::SignedDuration::from_mins(1));
        job.tables[0].ended_at = Some(ended);
        history.observe(&[job], ended);
        if run % 100 == 0 {
            store.save("acme", &mut history).await.unwrap();
        }
    }
    store
        .runs("acme", HistoryKind::Feeds, &customers())
        .await
        .unwrap()
}

#[tokio::test]
async fn runs_of_35_days_are_kept_and_always_the_last_hundred() {
    // Hourly: 35 days and the run at their very beginning.
    assert_eq!(stored(60, 1000, None).await.len(), 35 * 24 + 1);
    // Daily: one hundred, however old.
    assert_eq!(stored(24 * 60, 150, None).await.len(), 100);
}

#[tokio::test]
async fn of_a_feed_with_very_many_runs_two_thousand_are_kept() {
    let runs = stored(10, 2500, None).await;
    assert_eq!(runs.len(), 2000);
    assert_eq!(&*runs[1999].job, "isj-0");
}

#[tokio::test]
async fn keys_that_the_api_can_still_list_are_kept_whatever_the_limit() {
    let runs = stored(60, 400, Some(50)).await;
    assert!((7 * 24..8 * 24 + 3).contains(&runs.len()), "{}", runs.len());
}
