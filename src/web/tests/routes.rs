use http_body_util::BodyExt;
use hyper::body::Body as _;
use hyper::header::HeaderValue;

use super::*;

async fn routes(tenants: &[&str]) -> Routes {
    Routes::new(exporter(tenants).await, "/metrics", None)
}

async fn ask(routes: &Routes, method: &str, target: &str) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", "exporter:10109")
        .body(())
        .unwrap();
    let response = routes.answer(&request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn pages_allow_get_and_head_and_a_reload_allows_post() {
    let routes = routes(&["socktown"]).await;
    let pages = [
        "/",
        "/metrics",
        "/probe?tenant=socktown&job=isj-1",
        "/sd",
        "/-/healthy",
        "/-/ready",
    ];
    for page in pages {
        assert_eq!(ask(&routes, "GET", page).await.0, 200, "{page}");
        let (status, body) = ask(&routes, "HEAD", page).await;
        assert_eq!((status, body.as_str()), (200, ""), "{page}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
            let (status, body) = ask(&routes, method, page).await;
            assert_eq!(status, 405, "{method} {page}");
            assert_eq!(body, "method not allowed; use GET, HEAD\n");
        }
    }
    let (status, body) = ask(&routes, "GET", "/-/reload").await;
    assert_eq!(status, 405);
    assert_eq!(body, "method not allowed; use POST, PUT\n");
}

#[tokio::test]
async fn a_head_request_has_the_length_of_the_page_it_stands_for() {
    let routes = routes(&["socktown"]).await;
    let head = Request::head("/-/healthy").body(()).unwrap();
    let response = routes.answer(&head).await;
    assert_eq!(response.headers()["content-length"], "8");
    assert!(response.body().is_end_stream());
}

#[tokio::test]
async fn a_405_lists_the_allowed_methods() {
    let routes = routes(&[]).await;
    let request = Request::get("/-/reload").body(()).unwrap();
    let response = routes.answer(&request).await;
    assert_eq!(response.headers()["allow"], "POST, PUT");
}

#[tokio::test]
async fn unknown_paths_are_not_found() {
    let routes = routes(&[]).await;
    for path in ["/metric", "/metrics/", "/-/quit", "//", "/favicon.ico"] {
        assert_eq!(ask(&routes, "GET", path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn everything_is_below_the_route_prefix() {
    let paths = Paths::new("/ops/amperity", "/metrics");
    let routes = Routes::new(exporter(&["socktown"]).await, paths, None);
    for page in [
        "/",
        "/metrics",
        "/sd",
        "/-/healthy",
        "/probe?tenant=socktown&job=isj-1",
    ] {
        let below = format!("/ops/amperity{page}");
        assert_eq!(ask(&routes, "GET", &below).await.0, 200, "{below}");
    }
    for page in ["/metrics", "/sd", "/-/healthy", "/ops", "/ops/amperity-2/"] {
        assert_eq!(ask(&routes, "GET", page).await.0, 404, "{page}");
    }
    for (from, to) in [
        ("/?tenant=t", "ops/amperity/?tenant=t"),
        ("/ops/amperity", "amperity/"),
    ] {
        let request = Request::get(from).body(()).unwrap();
        let response = routes.answer(&request).await;
        assert_eq!(response.status(), 302);
        assert_eq!(response.headers()["location"], to);
    }
    let (_, page) = ask(&routes, "GET", "/ops/amperity/").await;
    assert!(!page.contains("href=\"/"), "{page}");
}

#[tokio::test]
async fn the_metrics_path_is_configurable() {
    let routes = Routes::new(exporter(&[]).await, "/amperity", None);
    assert_eq!(ask(&routes, "GET", "/amperity").await.0, 200);
    assert_eq!(ask(&routes, "GET", "/metrics").await.0, 404);
}

#[tokio::test]
async fn health_and_readiness_are_503_before_the_first_configuration() {
    let unconfigured = Exporter::new(Environment {
        clock: Clock::system(),
        telemetry: Telemetry::new().unwrap(),
        store: crate::feeds::store::Store::in_memory(),
        connect: Arc::new(|_| unreachable!("there is no tenant")),
    });
    let routes = Routes::new(unconfigured, "/metrics", None);
    assert_eq!(ask(&routes, "GET", "/-/healthy").await.0, 503);
    assert_eq!(ask(&routes, "GET", "/-/ready").await.0, 503);
}

#[tokio::test]
async fn a_probe_needs_one_known_tenant_and_one_job() {
    let routes = routes(&["socktown"]).await;
    let cases = [
        ("/probe", "the parameter \"tenant\" is missing\n"),
        (
            "/probe?tenant=socktown",
            "the parameter \"job\" is missing\n",
        ),
        (
            "/probe?tenant=socktown&job=a&job=b",
            "the parameter \"job\" is given more than once\n",
        ),
        (
            "/probe?tenant=a&tenant=socktown&job=b",
            "the parameter \"tenant\" is given more than once\n",
        ),
        (
            "/probe?tenant=acme&job=isj-1",
            "no tenant \"acme\" is configured; /sd lists those that are\n",
        ),
    ];
    for (target, sentence) in cases {
        let (status, body) = ask(&routes, "GET", target).await;
        assert_eq!((status, body.as_str()), (400, sentence), "{target}");
    }
    assert_eq!(
        ask(&routes, "GET", "/probe?tenant=socktown&job=unknown")
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_scrape_can_be_restricted_to_known_tenants() {
    let routes = routes(&["acme", "socktown"]).await;
    assert_eq!(
        ask(&routes, "GET", "/metrics?tenant=acme&tenant=socktown")
            .await
            .0,
        200
    );
    let (status, body) = ask(&routes, "GET", "/metrics?tenant=acme&tenant=nobody").await;
    assert_eq!(status, 400);
    assert_eq!(
        body,
        "no tenant \"nobody\" is configured; /sd lists those that are\n"
    );
}

#[tokio::test]
async fn discovery_uses_the_host_of_the_request() {
    let routes = routes(&["socktown"]).await;
    let (_, body) = ask(&routes, "GET", "/sd").await;
    assert!(
        body.starts_with(r#"[{"targets":["exporter:10109"]"#),
        "{body}"
    );
    let request = Request::get("/sd").body(()).unwrap();
    assert_eq!(routes.answer(&request).await.status(), 400);
}

#[tokio::test]
async fn a_tenant_without_data_is_discovered_shown_and_scraped() {
    let waiting = config::Tenant {
        discovery: Some(Duration::from_hours(1)),
        ..tenant("socktown")
    };
    let exporter = exporter_over(Arc::new(NoResponse), [waiting]).await;
    assert_eq!(exporter.snapshots().len(), 0);
    let routes = Routes::new(exporter, "/metrics", None);
    let (_, body) = ask(&routes, "GET", "/sd").await;
    assert!(body.contains(r#""__param_tenant":"socktown""#), "{body}");
    let (status, body) = ask(&routes, "GET", "/metrics?tenant=socktown").await;
    assert_eq!(status, 200);
    assert!(body.contains(r#"amperity_refreshes_total{tenant="socktown"} 0"#));
    for path in ["/", "/?tenant=socktown"] {
        let (_, page) = ask(&routes, "GET", path).await;
        assert!(page.contains("first refresh in progress"), "{page}");
        assert!(page.contains("No feeds yet</"), "{page}");
    }
}

#[tokio::test]
async fn status_pages_of_a_tenant_its_jobs_and_its_feeds_have_addresses() {
    let routes = routes(&["socktown"]).await;
    let (_, page) = ask(&routes, "GET", "/?tenant=socktown").await;
    assert!(
        page.contains("\"?tenant=socktown&amp;show=jobs\""),
        "{page}"
    );
    let (_, jobs) = ask(&routes, "GET", "/?tenant=socktown&show=jobs").await;
    assert!(jobs.contains("<h1>Jobs of "), "{jobs}");
    let (status, body) = ask(&routes, "GET", "/?tenant=socktown&feed=unknown").await;
    let message = "the tenant has no such feed; its page lists its feeds\n";
    assert_eq!((status, body.as_str()), (404, message));
    let (status, _) = ask(&routes, "GET", "/?tenant=unknown&show=jobs").await;
    assert_eq!(status, 400);
}

/// A reload that always has this outcome.
fn reload(outcome: Result<(), &'static str>) -> Reload {
    let (reload, mut requests) = Reload::channel();
    tokio::spawn(async move {
        while let Some(request) = requests.recv().await {
            request.send(outcome.map_err(str::to_owned)).unwrap();
        }
    });
    reload
}

#[tokio::test]
async fn a_reload_reports_its_outcome_and_is_disabled_by_default() {
    let off = routes(&[]).await;
    let (status, body) = ask(&off, "POST", "/-/reload").await;
    assert_eq!(status, 403);
    assert!(body.contains("--web.enable-lifecycle"));

    let exporter = exporter(&[]).await;
    let on = |outcome| Routes::new(exporter.clone(), "/metrics", Some(reload(outcome)));
    let good = ask(&on(Ok(())), "POST", "/-/reload").await;
    assert_eq!(good, (200, "reloaded\n".to_owned()));
    let bad = ask(&on(Err("line 3: unknown field")), "POST", "/-/reload").await;
    let sentence = "the current configuration is kept: line 3: unknown field\n";
    assert_eq!(bad, (422, sentence.to_owned()));
}

#[tokio::test]
async fn a_reload_is_refused_to_pages_of_other_sites() {
    let routes = Routes::new(exporter(&[]).await, "/metrics", Some(reload(Ok(()))));
    let host = ("host", "exporter:10109");
    let cases: [(&[(&str, &str)], u16); 9] = [
        (&[host], 200),
        (&[host, ("sec-fetch-site", "same-origin")], 200),
        (&[host, ("sec-fetch-site", "none")], 200),
        (&[host, ("sec-fetch-site", "same-site")], 403),
        (&[host, ("sec-fetch-site", "cross-site")], 403),
        (&[host, ("origin", "http://exporter:10109")], 200),
        (&[host, ("origin", "http://exporter")], 403),
        (&[host, ("origin", "https://attacker.example")], 403),
        (&[host, ("origin", "null")], 403),
    ];
    for method in ["POST", "PUT"] {
        for (headers, expected) in cases {
            let mut request = Request::builder().method(method).uri("/-/reload");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = routes.answer(&request.body(()).unwrap()).await;
            assert_eq!(response.status().as_u16(), expected, "{headers:?}");
        }
    }
}

#[tokio::test]
async fn responses_vary_by_accept_and_accept_encoding() {
    let routes = routes(&[]).await;
    let mut request = Request::get("/metrics").body(()).unwrap();
    let gzip = HeaderValue::from_static("gzip");
    request.headers_mut().insert("accept-encoding", gzip);
    let response = routes.answer(&request).await;
    assert_eq!(response.headers()["vary"], "accept, accept-encoding");
}

#[tokio::test]
async fn a_probe_has_the_series_of_its_job_and_its_outcome_only() {
    let routes = routes(&["socktown"]).await;
    let (_, body) = ask(&routes, "GET", "/probe?tenant=socktown&job=isj-1").await;
    assert!(
        body.contains("\nprobe_success{tenant=\"socktown\",job_id=\"isj-1\"} 1\n"),
        "{body}"
    );
    assert!(body.contains("amperity_ingest_read_rows{"), "{body}");
    assert!(!body.contains("amperity_up"), "{body}");
    let (_, body) = ask(&routes, "GET", "/probe?tenant=socktown&job=unknown").await;
    assert!(
        body.contains("\nprobe_success{tenant=\"socktown\",job_id=\"unknown\"} 0\n"),
        "{body}"
    );
}
