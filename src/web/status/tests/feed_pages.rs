//! The page of one feed, and how it is found.

use super::*;
use crate::web::query::Query;

#[test]
fn the_page_of_a_feed_shows_what_is_wrong_and_its_runs() {
    let mut failed = failed("Orders");
    failed.recent_runs = failed.recent_runs.iter().skip(17).cloned().collect();
    failed.expected.due = Some(hours_ago(1));
    let snapshot = Arc::new(tenant("socktown", vec![failed], vec![]));
    insta::assert_snapshot!(text(&feed_page(&snapshot, "Orders")), @"
    amperity_exporter 0.1.0All tenantsFeeds of socktownMetricsService discoveryHealthReadiness
    Orders✕ failed
    df-Orders of tenant socktown
    Failed1 run failed or stopped since the last success. In Amperity, the run history of the workflow shows the error.
    LateThe next success was due 59 min 42 s ago.
    Last success9 h ago 2024-07-01 02:30:00
    Unsuccessful runs since1
    Next success due59 min 42 s late 2024-07-01 11:00:00
    Expectations from20 runs
    Latest runs
    Rows read
    Expected of the newest run: usually 10,500, from 8,000 to 14,000.
    14,0002024-06-30 02:00, 10,100, succeeded2024-07-01 02:00, 10,000, succeeded2024-07-01 10:00, 120, failed
    Duration
    Expected of the newest run: usually 31 min 40 s, at most 1 h 6 min.
    46 min 30 s2024-06-30 02:00, 31 min, succeeded2024-07-01 02:00, 30 min, succeeded2024-07-01 10:00, 20 min, failed
    Each bar is a run, the newest at the right; hollow bars did not succeed. The shaded range is expected of the newest run, the dashed line is usual for it.
    The latest 20 runs, and up to 30 earlier ones that did not succeed, the newest first |
    | State | Started (UTC) and job | Duration | Read | Inserted | Updated | Rejected | Errors | Files
    | ✕ failed | 2024-07-01 10:00:00 2 h agoisj-2 | 20 min | 120 | 60 | 30 | 3 | 0 | 1
    | ✓ succeeded | 2024-07-01 02:00:00 10 h agoisj-10 | 30 min | 10,000 | 5,000 | 2,500 | 3 | 0 | 1
    | ✓ succeeded | 2024-06-30 02:00:00 34 h agoisj-34 | 31 min | 10,100 | 5,050 | 2,525 | 3 | 0 | 1
    As of 2024-07-01 12:00:00 UTC. The page reloads itself every 30 seconds.
    ");
}

#[test]
fn a_run_in_progress_is_shown_with_its_rows_so_far() {
    let job = job("isj-9", "Orders", State::Running, "2024-07-01T11:51:30Z");
    let snapshot = Arc::new(tenant("socktown", vec![running("Orders")], vec![job]));
    let page = feed_page(&snapshot, "Orders");
    let row = page.split_once("<tbody>").unwrap().1;
    let row = row.split_once("</tr>").unwrap().0;
    for words in ["▶ <bdi>running", "isj-9", "8 min 30 s so far", "1,204,331"] {
        assert!(row.contains(words), "{words}: {row}");
    }
}

#[test]
fn a_feed_without_runs_has_a_page() {
    let snapshot = Arc::new(tenant("socktown", vec![feed("Orders", vec![])], vec![]));
    let page = feed_page(&snapshot, "Orders");
    assert!(
        page.contains("No runs yet.") && page.contains("No values yet."),
        "{page}"
    );
}

#[test]
fn charts_show_the_usual_range_behind_the_runs() {
    let snapshot = Arc::new(tenant("socktown", vec![nightly("Orders", 2)], vec![]));
    let page = feed_page(&snapshot, "Orders");
    let chart = page.split_once("<figure>").unwrap().1;
    let chart = chart.split_once("</figure>").unwrap().0;
    insta::assert_snapshot!(chart.replace("><", ">\n<"), @r#"
    <figcaption>
    <h3>Rows read</h3>
    <p>Expected of the newest run: usually 10,500, from 8,000 to 14,000.</p>
    </figcaption>
    <div class="plot">
    <span class="top">14,000</span>
    <svg viewBox="0 0 200 100" preserveAspectRatio="none" role="img" aria-label="Rows read of the latest 2 runs, oldest first from 10,000 to 10,100">
    <rect class="band" width="200" y="0" height="42.9">
    </rect>
    <rect class="succeeded" x="181" width="8" y="27.9" height="72.1">
    <title>2024-06-30 02:00, 10,100, succeeded</title>
    </rect>
    <rect class="succeeded" x="191" width="8" y="28.6" height="71.4">
    <title>2024-07-01 02:00, 10,000, succeeded</title>
    </rect>
    <path class="usual" d="M0 25h200">
    </path>
    </svg>
    </div>
    "#);
}

#[test]
fn a_feed_is_found_by_its_id_and_table() {
    let mut one = nightly("Orders", 1);
    let mut other = nightly("Returns", 1);
    one.feed = "df-1".into();
    other.feed = "df-1".into();
    let snapshots = [Arc::new(tenant("socktown", vec![one, other], vec![]))];
    let view = |query: &str| {
        let query = Query::parse(Some(query));
        View::from_query(&query, Some("socktown".into()), &snapshots)
    };
    let table = |query: &str| match view(query) {
        Ok(View::Feed(_, id)) => id.table.to_string(),
        other => format!("{other:?}"),
    };
    assert_eq!(table("feed=df-1"), "Orders");
    assert_eq!(table("feed=df-1&table=Returns"), "Returns");
    let unknown = "the tenant has no such feed; its page lists its feeds";
    assert_eq!(view("feed=df-1&table=Stores"), Err(unknown.to_owned()));
    assert_eq!(view("page=3"), Ok(View::Tenant("socktown".into(), 2)));
    assert_eq!(
        view("show=jobs&page=x"),
        Ok(View::Jobs("socktown".into(), 0))
    );
}
