//! Measurements: `cargo test --release --lib -- --ignored --nocapture in_numbers`

use jiff::SignedDuration;
use tokio::time::Instant;

use super::*;

/// An hourly run of each feed, an hour after 15 July, noon.
fn hour(feeds: usize, hour: i64) -> Vec<Job> {
    let begin = noon() + SignedDuration::from_hours(hour);
    let jobs = (0..feeds).map(|feed| {
        let id = format!("isj-20240715-{:05}-{hour:06}", feed % 99_999);
        let mut job = succeeded(&id, "15 12:01", "15 12:02");
        job.workflow_id = Some(format!("wf-20240715-{:05}-{hour:03}", feed / 10).into());
        let table = &mut job.tables[0];
        table.table = format!("table_{:03}", feed % 200).into();
        table.feed = format!("df-{feed:08}").into();
        table.rows.read = Some(12_345);
        table.rows.inserted = Some(2345);
        table.rows.updated = Some(10_000);
        table.rows.rejected = Some(0);
        table.rows.errors = Some(3);
        let offset = SignedDuration::from_secs(i64::try_from(feed % 3000).unwrap());
        table.started_at = Some(begin + offset);
        table.ended_at = Some(begin + offset + SignedDuration::from_mins(4));
        job
    });
    jobs.collect()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn size(path: &Path) -> String {
    let file = |ending: &str| std::fs::metadata(format!("{}{ending}", path.display()));
    let mega = |ending: &str| file(ending).map_or(0.0, |file| file.len() as f64 / 1e6);
    format!("{:.1} MB and {:.1} MB of log", mega(""), mega("-wal"))
}

#[tokio::test]
#[ignore = "a measurement"]
async fn writing_in_numbers() {
    for (feeds, days) in [(300, 35), (10_000, 7)] {
        let (_folder, path) = folder();
        let store = Store::open(&path, noon()).unwrap();
        let week: Vec<Job> = (-7 * 24..0).flat_map(|at| hour(feeds, at)).collect();
        let mut history = RunHistory::new();
        let start = Instant::now();
        history.observe(&week, noon());
        println!(
            "{feeds} feeds: first observation of seven days {:?}",
            start.elapsed()
        );
        let start = Instant::now();
        let saved = store.save("acme", &mut history).await;
        println!("  its write {:?} {saved:?}", start.elapsed());
        // One that took longer than a refresh waits for.
        drop(store.shared.database.lock().await);
        println!("  done {:?}; {}", start.elapsed(), size(&path));

        let (mut longest, mut sum, mut observing) =
            (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let hours = if days > 7 { (days - 7) * 24 } else { 24 };
        let mut refreshes = 0;
        for at in 0..hours {
            // A refresh a minute shows a sixtieth of the feeds' new runs.
            let runs = hour(feeds, at);
            for part in runs.chunks(feeds.div_ceil(60)) {
                let now = noon() + SignedDuration::from_hours(at + 1);
                let start = Instant::now();
                history.observe(part, now);
                observing += start.elapsed();
                let start = Instant::now();
                store.save("acme", &mut history).await.unwrap();
                longest = longest.max(start.elapsed());
                sum += start.elapsed();
                refreshes += 1;
            }
        }
        println!(
            "  each minute's: observe {:?}, write {:?}, at most {longest:?}; {}",
            observing / refreshes,
            sum / refreshes,
            size(&path)
        );
        let start = Instant::now();
        history.observe(&[], noon() + SignedDuration::from_hours(hours + 1));
        store.save("acme", &mut history).await.unwrap();
        println!("  write without a new run {:?}", start.elapsed());
        let all = hour(feeds, hours + 1);
        history.observe(&all, noon() + SignedDuration::from_hours(hours + 3));
        let start = Instant::now();
        let saved = store.save("acme", &mut history).await;
        drop(store.shared.database.lock().await);
        println!(
            "  write of one new run of every feed {:?} {saved:?}",
            start.elapsed()
        );
        let feed = history.take_updated().into_iter().next().unwrap();
        let start = Instant::now();
        let runs = store
            .runs("acme", HistoryKind::Feeds, &feed)
            .await
            .unwrap()
            .len();
        println!("  reading the {runs} runs of a feed {:?}", start.elapsed());
        drop(store);
        let start = Instant::now();
        drop(Store::open(&path, noon()).unwrap());
        println!("  opening {:?}; {}", start.elapsed(), size(&path));
    }
}
