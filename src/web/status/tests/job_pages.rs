//! The pages of jobs.

use super::*;

fn jobs(snapshot: Snapshot, page: usize) -> String {
    let tenant = Arc::clone(&snapshot.tenant);
    html(&[Arc::new(snapshot)], &View::Jobs(tenant, page))
}

#[test]
fn failed_jobs_come_first_and_then_the_newest() {
    let started = |hour: u32| format!("2024-07-01T{hour:02}:00:00Z");
    let mut all = vec![
        job("isj-1", "Customers", State::Succeeded, &started(10)),
        job("isj-2", "Orders", State::Running, &started(11)),
        job("isj-3", "Loyalty", State::Failed, &started(1)),
        job("isj-4", "Web_Events", State::Skipped, &started(9)),
        job("isj-5", "Returns", State::Canceled, &started(8)),
    ];
    all.push(Arc::new(Job {
        id: "isj-6".into(),
        ..Job::default()
    }));
    insta::assert_snapshot!(text(&jobs(tenant("socktown", vec![], all), 0)), @"
    amperity_exporter 0.1.0All tenantsFeeds of socktownMetricsService discoveryHealthReadiness
    Jobs of socktown✓ up
    Jobs of socktown, those that failed first, then the newest |
    | State | Table and job | Started (UTC) | Duration | Read | Inserted | Updated | Rejected | Errors
    | ✕ failed | Loyalty isj-3 df-Loyalty | 2024-07-01 01:00:00 11 h ago | 6 min 35 s | 1,204,331 | 602,165 | 301,082 | 3 | 0
    | ? no state | no tables yetisj-6 |  |  |  |  |  |  |
    | ▶ running | Orders isj-2 df-Orders | 2024-07-01 11:00:00 1 h ago | 1 h so far | 1,204,331 | 602,165 | 301,082 | 3 | 0
    | ✓ succeeded | Customers isj-1 df-Customers | 2024-07-01 10:00:00 2 h ago | 6 min 35 s | 1,204,331 | 602,165 | 301,082 | 3 | 0
    | – skipped | Web_Events isj-4 df-Web_Events | 2024-07-01 09:00:00 3 h ago | 6 min 35 s | 1,204,331 | 602,165 | 301,082 | 3 | 0
    | ■ canceled | Returns isj-5 df-Returns | 2024-07-01 08:00:00 4 h ago | 6 min 35 s | 1,204,331 | 602,165 | 301,082 | 3 | 0
    As of 2024-07-01 12:00:00 UTC. The page reloads itself every 30 seconds.
    ");
}

#[test]
fn a_failed_job_is_red_until_its_feed_succeeds() {
    let all = vec![
        job("isj-1", "Orders", State::Failed, "2024-07-01T10:00:00Z"),
        job("isj-2", "Returns", State::Failed, "2024-06-30T01:00:00Z"),
    ];
    let feeds = vec![failed("Orders"), nightly("Returns", 3)];
    let html = jobs(tenant("socktown", feeds, all), 0);
    let badges = html.matches("✕ <bdi>failed</bdi>").count();
    assert_eq!(
        (badges, html.matches("badge bad").count()),
        (2, 1),
        "{html}"
    );
    assert!(positions(&html, &["Orders</bdi>", "Returns</bdi>"]).is_sorted());
}

#[test]
fn jobs_are_paged() {
    let all = (0..1_000)
        .map(|index| {
            job(
                &format!("isj-{index:04}"),
                "Orders",
                State::Succeeded,
                "2024-07-01T10:00:00Z",
            )
        })
        .collect();
    let large = tenant("sock town", vec![], all);
    let rows = |html: &str| html.matches("<tr>").count() - 1;
    let first = tenant_page(large.clone());
    assert_eq!(rows(&first), 25);
    let all = r#"<a href="?tenant=sock+town&amp;show=jobs">All jobs</a>"#;
    assert!(first.contains(all) && !first.contains("page="));
    let third = jobs(large.clone(), 2);
    assert_eq!(rows(&third), 200);
    assert!(third.contains("Jobs 401 to 600 of 1,000"));
    assert!(third.contains("show=jobs&amp;page=2") && third.contains("show=jobs&amp;page=4"));
    assert!(jobs(large, usize::MAX).contains("Jobs 801 to 1,000 of 1,000"));
}
