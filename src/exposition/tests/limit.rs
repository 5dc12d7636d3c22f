//! The size limit of a page.

use super::*;

fn job(number: i64) -> Job {
    let mut job = documented_job();
    job.id = format!("isj-{number:04}").into();
    job.tables[0].started_at = Some(time(1_717_214_574_433 + number));
    job
}

fn feed(number: i64) -> Feed {
    Feed {
        feed: format!("df-{number:04}").into(),
        created: time(1_717_200_000_500 - number),
        ..documented_feed()
    }
}

fn full() -> Snapshot {
    let jobs = (0..500).map(job).collect();
    snapshot("t", jobs, (0..500).map(feed).collect())
}

fn length(snapshot: &Snapshot) -> u64 {
    let page = page(std::slice::from_ref(snapshot));
    let body = page.body(
        Format::OpenMetrics,
        Encoding::Identity,
        &Gathered::default(),
    );
    body.length() as u64
}

#[test]
fn a_page_within_its_limit_is_unchanged() {
    let mut limited = full();
    let limit = length(&limited) * 2;
    assert!(!limit_page(&mut limited, limit));
    assert_eq!((limited.jobs.len(), limited.feeds.len()), (500, 500));
    assert_eq!(limited.status, full().status);
}

#[test]
fn a_page_over_its_limit_keeps_the_newest_jobs_and_the_oldest_feeds() {
    let mut limited = full();
    limited.configured = [("isj-0000".into(), true)].into();
    let limit = length(&limited) / 3;
    assert!(limit_page(&mut limited, limit));
    assert!(length(&limited) <= limit, "{} {limit}", length(&limited));
    let (jobs, feeds) = (limited.jobs.len(), limited.feeds.len());
    assert!((50..500).contains(&jobs) && (50..500).contains(&feeds));
    assert_eq!(&*limited.jobs[0].id, "isj-0000");
    assert_eq!(&*limited.jobs[1].id, format!("isj-{:04}", 501 - jobs));
    assert_eq!(&*limited.feeds[0].feed, format!("df-{:04}", 500 - feeds));
    let status = &limited.status;
    assert_eq!((status.jobs, status.jobs_dropped), (jobs, 500 - jobs));
    assert_eq!(status.feeds_dropped, 500 - feeds);
}

#[test]
fn long_and_escaped_labels_count_with_the_bytes_they_take() {
    let mut limited = full();
    for job in Arc::make_mut(&mut limited.jobs) {
        Arc::make_mut(job).tables[0].table = "\n".repeat(1000).into();
    }
    assert!(limit_page(&mut limited, 4_000_000));
    assert!(length(&limited) <= 4_000_000, "{}", length(&limited));
    assert!(limited.jobs.len() > 20);
}

#[test]
fn long_labels_of_feeds_and_workflows_count_with_all_their_lines() {
    let long: Arc<str> = "x".repeat(1000).into();
    let mut limited = full();
    for job in Arc::make_mut(&mut limited.jobs) {
        Arc::make_mut(job).tables[0].table = Arc::clone(&long);
    }
    for feed in Arc::make_mut(&mut limited.feeds) {
        *feed = Feed {
            table: Arc::clone(&long),
            feed: Arc::clone(&feed.feed),
            ..feed_with_all_lines()
        };
    }
    limited.workflows = Arc::clone(&limited.feeds);
    assert!(limit_page(&mut limited, 4_000_000));
    assert!(length(&limited) <= 4_000_000, "{}", length(&limited));
    assert!(limited.feeds.len() > 20 && limited.workflows.len() > 5);
    let dropped = 500 - limited.workflows.len();
    assert_eq!(limited.status.workflows_dropped, dropped);
}
