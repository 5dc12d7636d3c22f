//! The pages of all tenants and of one.

use super::*;

#[test]
fn the_overview_shows_outages_and_then_the_feeds_in_trouble() {
    insta::assert_snapshot!(text(&overview(&example())), @"
    amperity_exporter 0.1.0MetricsService discoveryHealthReadiness
    No data from 1 tenant, 1 feed failed, 1 late, 1 stopped, 1 unusual
    1 of 3 tenants up · 10 feeds
    No data from acme-sb-12345
    The API rejected the access token.401 from GET /ingest/jobs: token expired (request_id 7f3a): make a new token, or use oauth2
    Failing since 2024-07-01 09:30:10 UTC, 2 h ago. What is shown is from 2024-07-01 09:29:40 UTC, 2 h ago.
    1 failed: Loyalty members, nightly (socktown)
    1 late: Inventory (socktown)
    1 stopped: Stores (socktown)
    1 unusual: Prices (socktown)
    acme-sb-12345✕ failingNo data0 jobs
    Feeds of acme-sb-12345, those with problems first |
    | State | Feed | Last success | Due | Latest runs | Rows and duration
    | ✓ succeeded | Ordersdf-Orders | 9 h ago 2024-07-01 02:30:00 | in 16 h 2024-07-02 04:10:00 |
    |
    10,000 rows, 30 min
    socktown✓ up1 feed failed, 1 late, 1 stopped, 1 unusual4 jobs
    Feeds of socktown, those with problems first |
    | State | Feed | Last success | Due | Latest runs | Rows and duration
    | ✕ failed | Loyalty members, nightlyLoyalty_Members df-Loyalty_Members team crm | 9 h ago 2024-07-01 02:30:00 | in 16 h 2024-07-02 04:10:00 |
    |
    120 rows, 20 min
    | ! late | Inventorydf-Inventory | 9 h ago 2024-07-01 02:30:00 | 2 h 9 min late 2024-07-01 09:50:00 |
    |
    10,000 rows, 30 min
    | ■ canceled | Storesdf-Stores | 9 h ago 2024-07-01 02:30:00 | in 16 h 2024-07-02 04:10:00 |
    |
    40 rows, 20 min
    | △ few rows below 8,000 | Pricesdf-Prices | 1 h ago 2024-07-01 10:20:00 | in 16 h 2024-07-02 04:10:00 |
    |
    900 rows, 20 min
    | ✕ failed no alerts | Sandboxdf-Sandbox | 9 h ago 2024-07-01 02:30:00 | in 16 h 2024-07-02 04:10:00 |
    |
    120 rows, 20 min
    | ▶ running for 8 min 30 s | Web_Eventsdf-Web_Events | 9 h ago 2024-07-01 02:30:00 | in 16 h 2024-07-02 04:10:00 |
    |
    10,000 rows, 30 min
    | ✓ succeeded | Customersdf-Customers | 9 h ago 2024-07-01 02:30:00 | in 16 h 2024-07-02 04:10:00 |
    |
    10,000 rows, 30 min
    | ✓ succeeded | Ad hoc uploaddf-Ad hoc upload | 8 d ago 2024-06-23 04:03:00 | no schedule |
    |
    12 rows, 3 min
    | ✓ succeeded | Returnsdf-Returns | 9 h ago 2024-07-01 02:30:00 | in 16 h 2024-07-02 04:10:00 |
    |
    10,000 rows, 30 min
    shoes○ first refresh in progressNo feeds yet0 jobs
    No feeds and no jobs yet.
    The latest 20 runs, the newest at the right:
    succeeded
    failed
    failed, later succeeded
    stopped or canceled
    skipped
    in progress
    rows read
    duration
    As of 2024-07-01 12:00:00 UTC. The page reloads itself every 30 seconds.
    ");
}

#[test]
fn the_page_of_a_tenant_shows_its_figures_and_feeds() {
    let socktown = Snapshot::clone(&example()[2]);
    insta::assert_snapshot!(text(&tenant_page(socktown)), @"
    amperity_exporter 0.1.0All tenantsMetricsService discoveryHealthReadiness
    socktown: 1 feed failed, 1 late, 1 stopped, 1 unusual✓ up
    Last successful refresh18 s ago 2024-07-01 11:59:42
    Refresh duration1.2 s 3 requests
    Access tokenexpires in 7 d 2024-07-09 08:00:00
    Jobs4 jobs
    Feeds
    Feeds of socktown, those with problems first |
    | State | Feed | Last success | Due | Latest runs | Rows and duration
    | ✕ failed | Loyalty members, nightlyLoyalty_Members df-Loyalty_Members team crm | 9 h ago 2024-07-01 02:30:00 | in 16 h 2024-07-02 04:10:00 |
    |
    120 rows, 20 min
    | ! late | Inventorydf-Inventory | 9 h ago 2024-07-01 02:30:00 | 2 h 9 min late 2024-07-01 09:50:00 |
    |
    10,000 rows, 30 min
    | ■ canceled | Storesdf-Stores | 9 h ago 2024-07-01 02:30:00 | in 16 h 2024-07-02 04:10:00 |
    |
    40 rows, 20 min
    | △ few rows below 8,000 | Pricesdf-Prices | 1 h ago 2024-07-01 10:20:00 | in 16 h 2024-07-02 04:10:00 |
    |
    900 rows, 20 min
    | ✕ failed no alerts | Sandboxdf-Sandbox | 9 h ago 2024-07-01 02:30:00 | in 16 h 2024-07-02 04:10:00 |
    |
    120 rows, 20 min
    | ▶ running for 8 min 30 s | Web_Eventsdf-Web_Events | 9 h ago 2024-07-01 02:30:00 | in 16 h 2024-07-02 04:10:00 |
    |
    10,000 rows, 30 min
    | ✓ succeeded | Customersdf-Customers | 9 h ago 2024-07-01 02:30:00 | in 16 h 2024-07-02 04:10:00 |
    |
    10,000 rows, 30 min
    | ✓ succeeded | Ad hoc uploaddf-Ad hoc upload | 8 d ago 2024-06-23 04:03:00 | no schedule |
    |
    12 rows, 3 min
    | ✓ succeeded | Returnsdf-Returns | 9 h ago 2024-07-01 02:30:00 | in 16 h 2024-07-02 04:10:00 |
    |
    10,000 rows, 30 min
    The latest 20 runs, the newest at the right:
    succeeded
    failed
    failed, later succeeded
    stopped or canceled
    skipped
    in progress
    rows read
    duration
    As of 2024-07-01 12:00:00 UTC. The page reloads itself every 30 seconds.
    ");
}

#[test]
fn a_row_is_a_table_row_with_marks_and_bars_that_have_words() {
    let page = tenant_page(tenant("socktown", vec![failed("Orders")], vec![]));
    let row = page.split_once("<tbody>").unwrap().1;
    let row = row.split_once("</tbody>").unwrap().0;
    insta::assert_snapshot!(row.replace("><", ">\n<"), @r#"
    <tr>
    <td class="state">
    <span class="badge bad">✕ <bdi>failed</bdi>
    </span>
    </td>
    <th class="what" scope="row">
    <a href="?tenant=socktown&amp;table=Orders&amp;feed=df-Orders">
    <bdi>Orders</bdi>
    </a>
    <span class="id">
    <span>
    <bdi>df-Orders</bdi>
    </span>
    </span>
    </th>
    <td class="when" data-label="Last success">9 h ago <small>
    <time datetime="2024-07-01T02:30:00Z">2024-07-01 02:30:00</time>
    </small>
    </td>
    <td class="when" data-label="Due">in 16 h <small>
    <time datetime="2024-07-02T04:10:00Z">2024-07-02 04:10:00</time>
    </small>
    </td>
    <td class="pic">
    <svg class="marks" viewBox="0 0 147 12" role="img" aria-label="Oldest first: 19 succeeded, 1 failed">
    <path class="succeeded" d="M0 1v10h5v-10zM7 1v10h5v-10zM14 1v10h5v-10zM21 1v10h5v-10zM28 1v10h5v-10zM35 1v10h5v-10zM42 1v10h5v-10zM49 1v10h5v-10zM56 1v10h5v-10zM63 1v10h5v-10zM70 1v10h5v-10zM77 1v10h5v-10zM84 1v10h5v-10zM91 1v10h5v-10zM98 1v10h5v-10zM105 1v10h5v-10zM112 1v10h5v-10zM119 1v10h5v-10zM126 1v10h5v-10z">
    </path>
    <path class="failed" d="M133 1l5 10m0-10l-5 10">
    </path>
    </svg>
    </td>
    <td class="pic">
    <svg class="spark" viewBox="0 0 147 26" role="img" aria-label="120 to 11,800 rows, 20 min to 48 min">
    <path class="rows" d="M0 26v-24h5v24zM7 26v-24h5v24zM14 26v-24h5v24zM21 26v-24h5v24zM28 26v-24h5v24zM35 26v-23h5v23zM42 26v-23h5v23zM49 26v-23h5v23zM56 26v-23h5v23zM63 26v-23h5v23zM70 26v-22h5v22zM77 26v-22h5v22zM84 26v-22h5v22zM91 26v-22h5v22zM98 26v-22h5v22zM105 26v-21h5v21zM112 26v-21h5v21zM119 26v-21h5v21zM126 26v-21h5v21zM133 26v-1h5v1z">
    </path>
    <path class="time" d="M0 2h4L7.5 2L14.5 3L21.5 3L28.5 4L35.5 4L42.5 5L49.5 5L56.5 6L63.5 6L70.5 7L77.5 7L84.5 8L91.5 8L98.5 9L105.5 9L112.5 10L119.5 10L126.5 11L133.5 16">
    </path>
    </svg>
    <small>120 rows, 20 min</small>
    </td>
    </tr>
    "#);
}

#[test]
fn feeds_are_ordered_by_trouble() {
    let page = overview(&example());
    let feeds = [
        "Loyalty members, nightly</bdi></a><span",
        "Inventory</bdi></a><span",
        "Stores</bdi></a><span",
        "Prices</bdi></a><span",
        "Sandbox</bdi></a><span",
        "Web_Events</bdi></a><span",
        "Customers</bdi></a><span",
        "Returns</bdi></a><span",
    ];
    assert!(positions(&page, &feeds).is_sorted());
}

#[test]
fn the_title_says_what_is_wrong() {
    let of = |feeds| overview(&[Arc::new(tenant("socktown", feeds, vec![]))]);
    let cases = [
        (vec![], "No feeds yet"),
        (vec![nightly("a", 3)], "1 feed fine"),
        (vec![nightly("a", 3), running("b")], "All 2 feeds fine"),
        (
            vec![nightly("a", 3), muted(failed("b"))],
            "1 feed fine, 1 without alerts",
        ),
        (
            vec![failed("a"), late("b"), late("c")],
            "1 feed failed, 2 late",
        ),
        (vec![late("a"), late("b"), nightly("c", 3)], "2 feeds late"),
        (
            vec![nightly_and("a", State::Succeeded, 1)],
            "1 feed unusual",
        ),
    ];
    for (feeds, expected) in cases {
        let page = of(feeds);
        assert_eq!(title(&page), format!("{expected} – amperity_exporter"));
        assert!(page.contains(&format!("<h1>{expected}</h1>")), "{page}");
    }
    let outage = "No data from 1 tenant, 1 feed failed, 1 late, 1 stopped, 1 unusual";
    assert_eq!(
        title(&overview(&example())),
        format!("{outage} – amperity_exporter")
    );
    let page = tenant_page(unreachable("acme", vec![failed("a")]));
    assert_eq!(
        title(&page),
        "No data, 1 feed failed – acme – amperity_exporter"
    );
    let page = feed_page(&Arc::new(unreachable("acme", vec![late("a")])), "a");
    assert_eq!(title(&page), "No data, a fine – acme – amperity_exporter");
    assert_eq!(
        title(&overview(&[])),
        "No tenant is configured – amperity_exporter"
    );
}

#[test]
fn only_what_is_wrong_now_is_red() {
    let mut recovered = vec![run(60, 5, State::Failed, 10)];
    recovered.extend(nightly("Orders", 2).recent_runs.iter().cloned());
    let mut recovered = feed("Orders", recovered);
    recovered.expected = nightly("Orders", 1).expected;
    let page = tenant_page(tenant("socktown", vec![recovered], vec![]));
    let body = page.split_once("<body>").unwrap().1;
    for red in ["badge bad", "note bad", "loud", "class=\"failed\""] {
        let in_tables = body
            .split_once("<p class=\"legend\"")
            .map_or(body, |parts| parts.0);
        assert!(!in_tables.contains(red), "{red}: {in_tables}");
    }
    assert!(body.contains("1 failed, 2 succeeded"), "{body}");
}

#[test]
fn every_value_is_escaped() {
    let evil = "<script>alert(1)</script>\"'&";
    let other = State::Other(evil.into());
    let feeds = vec![
        failed(evil),
        named(nightly_and(evil, other.clone(), 1), evil, evil),
    ];
    let jobs = vec![job(evil, evil, other, "2024-07-01T10:00:00Z")];
    let mut snapshot = tenant(evil, feeds, jobs);
    snapshot.status.up = false;
    snapshot.status.failure = Some(Failure {
        reason: Reason::Malformed,
        message: evil.to_owned(),
        since: now(),
    });
    snapshot.configured = Arc::new([(evil.into(), false)]);
    let snapshot = Arc::new(snapshot);
    let two = [Arc::clone(&snapshot), Arc::clone(&snapshot)];
    let jobs = View::Jobs(evil.into(), 0);
    for page in [
        overview(&two),
        feed_page(&snapshot, evil),
        html(&two, &jobs),
    ] {
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("\"'&"), "{page}");
    }
}

#[test]
fn names_are_isolated_from_the_direction_of_the_text_and_visible_if_blank() {
    let reversed = "Orders\u{202e}sredrO";
    let mut feeds = vec![failed(""), late("\u{a0} "), failed(reversed)];
    feeds[0].feed = "".into();
    let snapshot = Arc::new(tenant(reversed, feeds, vec![]));
    let page = overview(&[Arc::clone(&snapshot), snapshot.clone()]);
    let isolated = [
        format!("<bdi>{reversed}</bdi>"),
        format!("<bdi>df-{reversed}</bdi>"),
    ];
    let found: usize = isolated.iter().map(|name| page.matches(name).count()).sum();
    assert_eq!(found, page.matches(reversed).count(), "{page}");
    assert!(
        page.contains("<i class=\"quiet\">(empty)</i></a>"),
        "{page}"
    );
    assert!(
        page.contains("<i class=\"quiet\">(blank)</i></a>"),
        "{page}"
    );
    let page = feed_page(&snapshot, reversed);
    let plain = "OrderssredrO failed – OrderssredrO – amperity_exporter";
    assert_eq!(title(&page), plain);
    assert!(title(&feed_page(&snapshot, "")).starts_with("(no name) failed"));
}

#[test]
fn a_tenant_without_feeds_shows_its_jobs() {
    let jobs = vec![job(
        "isj-1",
        "Orders",
        State::Failed,
        "2024-07-01T10:00:00Z",
    )];
    let page = overview(&[Arc::new(tenant("socktown", vec![], jobs))]);
    assert!(
        page.contains("No feeds.") && page.contains("isj-1"),
        "{page}"
    );
}

#[test]
fn headers_have_a_scope_and_tables_a_caption() {
    let example = example();
    let socktown = &example[2];
    let jobs = View::Jobs(Arc::clone(&socktown.tenant), 0);
    let pages = [
        overview(&example),
        overview(&sizes::many_tenants(30)),
        feed_page(socktown, "Web_Events"),
        html(&example, &jobs),
    ];
    for page in pages {
        let headers = page.matches("<th ").count() + page.matches("<th>").count();
        let scoped = page.matches("scope=\"").count();
        assert!(headers > 0 && headers == scoped, "{headers} {scoped}");
        let tables = page.matches("<table").count();
        assert_eq!(tables, page.matches("<caption>").count());
        let pictures = page.matches("<svg").count();
        let with_words =
            page.matches("aria-label=\"").count() + page.matches("aria-hidden").count();
        assert!(with_words > pictures, "{page}");
        assert_eq!(page.matches("<h1>").count(), 1);
    }
}
