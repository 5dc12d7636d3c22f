//! The rules of the web configuration file: requests, values, errors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::pki::Pki;
use super::*;

/// `htpasswd -nbBC 4 prometheus secret`, at the lowest cost.
fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

async fn ask(
    security: &WebSecurity,
    path: &str,
    credentials: Option<&str>,
) -> (u16, hyper::HeaderMap) {
    let mut request = Request::get(path);
    if let Some(credentials) = credentials {
        let value = format!("Basic {}", STANDARD.encode(credentials));
        request = request.header("authorization", value);
    }
    match security.check(&request.body(()).unwrap()).await {
        Ok(()) => (200, hyper::HeaderMap::new()),
        Err(refusal) => (refusal.status().as_u16(), refusal.headers().clone()),
    }
}

fn security(pki: &Pki, text: &str) -> WebSecurity {
    WebSecurity::from_file(&pki.write("web.yml", text)).unwrap()
}

/// The error of a file that cannot be used, without its folder.
fn error(text: &str) -> String {
    let pki = Pki::new();
    pki.write("none.pem", "no certificate\n");
    let file = pki.write("web.yml", text);
    let error = WebSecurity::from_file(&file).unwrap_err().to_string();
    let folder = format!("{}/", file.parent().unwrap().display());
    error.replace(&folder, "")
}

fn tls_error(more: &str) -> String {
    error(&format!(
        "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n{more}\n"
    ))
}

#[tokio::test]
async fn only_users_of_the_file_with_their_password_are_allowed() {
    let pki = Pki::new();
    let text = format!("basic_auth_users:\n  prometheus: {}\n", hash("secret"));
    let security = security(&pki, &text);
    for wrong in [
        None,
        Some("prometheus:wrong"),
        Some("nobody:secret"),
        Some("prometheus"),
        Some(":"),
    ] {
        let (status, headers) = ask(&security, "/metrics", wrong).await;
        assert_eq!(status, 401, "{wrong:?}");
        let realm = "Basic realm=\"amperity_exporter\", charset=\"UTF-8\"";
        assert_eq!(headers["www-authenticate"], realm);
    }
    for _ in 0..2 {
        assert_eq!(
            ask(&security, "/metrics", Some("prometheus:secret"))
                .await
                .0,
            200
        );
    }
    assert_eq!(
        ask(&security, "/metrics", Some("prometheus:wrong")).await.0,
        401
    );
}

#[tokio::test]
async fn health_and_readiness_need_no_credentials() {
    let pki = Pki::new();
    let text = format!("basic_auth_users:\n  prometheus: {}\n", hash("secret"));
    let security = security(&pki, &text);
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(ask(&security, path, None).await.0, 200, "{path}");
    }
    for path in ["/-/reload", "/-/healthy/", "/sd"] {
        assert_eq!(ask(&security, path, None).await.0, 401, "{path}");
    }
}

#[tokio::test]
async fn a_changed_password_applies_at_once() {
    let pki = Pki::new();
    let file = |password: &str| format!("basic_auth_users:\n  prometheus: {}\n", hash(password));
    let security = security(&pki, &file("old"));
    assert_eq!(ask(&security, "/", Some("prometheus:old")).await.0, 200);
    pki.write("web.yml", &file("newer"));
    assert_eq!(ask(&security, "/", Some("prometheus:old")).await.0, 401);
    assert_eq!(ask(&security, "/", Some("prometheus:newer")).await.0, 200);
}

#[tokio::test]
async fn an_invalid_file_answers_500_except_for_health_and_readiness() {
    let pki = Pki::new();
    let security = security(&pki, "");
    assert_eq!(ask(&security, "/metrics", None).await.0, 200);
    std::fs::remove_file(pki.path("web.yml")).unwrap();
    assert_eq!(ask(&security, "/metrics", None).await.0, 500);
    assert_eq!(ask(&security, "/-/healthy", None).await.0, 200);
    pki.write("web.yml", "# here again\n");
    assert_eq!(ask(&security, "/metrics", None).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_rate_limit_are_refused_before_credentials_are_checked() {
    let pki = Pki::new();
    let text = format!(
        "basic_auth_users:\n  prometheus: {}\nrate_limit:\n  interval: 1s\n  burst: 3\n",
        hash("secret")
    );
    let security = security(&pki, &text);
    for expected in [401, 401, 401, 429, 429] {
        assert_eq!(ask(&security, "/metrics", None).await.0, expected);
    }
    assert_eq!(ask(&security, "/-/healthy", None).await.0, 200);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(
        ask(&security, "/metrics", Some("prometheus:secret"))
            .await
            .0,
        200
    );
    assert_eq!(
        ask(&security, "/metrics", Some("prometheus:secret"))
            .await
            .0,
        429
    );
}

#[tokio::test]
async fn configured_headers_are_on_every_response_including_refusals() {
    let pki = Pki::new();
    let text = format!(
        "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    \
         Content-Security-Policy: default-src 'self'\n    X-Content-Type-Options: nosniff\n    \
         X-XSS-Protection: '1'\n    Strict-Transport-Security: max-age=60\nbasic_auth_users:\n  \
         p: {}\n",
        hash("secret")
    );
    let server = Server::start(security(&pki, &text), Limits::default()).await;
    for (path, status) in [("/-/healthy", "200"), ("/metrics", "401")] {
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        let answer = server.exchange(request.as_bytes(), false).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.0 {status}")),
            "{answer}"
        );
        for header in [
            "x-frame-options: deny\r\n",
            "content-security-policy: default-src 'self'\r\n",
            "x-content-type-options: nosniff\r\n",
            "x-xss-protection: 1\r\n",
            "strict-transport-security: max-age=60\r\n",
        ] {
            assert!(answer.contains(header), "{header}: {answer}");
        }
    }
}

#[tokio::test]
async fn the_status_page_keeps_its_style_under_a_configured_policy() {
    let pki = Pki::new();
    let text = "http_server_config: {headers: {Content-Security-Policy: \"default-src 'self'\"}}\n";
    let server = Server::start(security(&pki, text), Limits::default()).await;
    let status = server.exchange(b"GET / HTTP/1.0\r\n\r\n", false).await;
    let allowed = "content-security-policy: default-src 'self'; style-src 'self' 'sha256-";
    assert!(status.contains(allowed), "{status}");
}

#[tokio::test]
async fn an_empty_file_requires_nothing() {
    let pki = Pki::new();
    for text in [
        "",
        "# nothing\n",
        "---\n",
        "tls_server_config: {}\n",
        "basic_auth_users: {}\n",
        "basic_auth_users:\ntls_server_config:\nhttp_server_config:\nrate_limit:\n",
        "http_server_config: {headers: }\n",
        "http_server_config: {headers: {X-Frame-Options: ''}}\n",
        "tls_server_config: {cert_file: '', key_file: '', client_auth_type: ''}\n",
        "tls_server_config: {cert_file: , cipher_suites: , curve_preferences: []}\n",
        "rate_limit: {interval: 0, burst: 0}\n",
        "rate_limit: {interval: 0s}\n",
        "rate_limit: {interval: '', burst: }\n",
    ] {
        let security = security(&pki, text);
        assert_eq!(ask(&security, "/metrics", None).await.0, 200, "{text}");
        assert!(security.tls().await.is_none(), "{text}");
    }
}

/// A file that requires a password and a client certificate, line by line.
fn protected() -> String {
    format!(
        "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  \
         client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  \
         client_allowed_sans:\n  - prometheus.example\nbasic_auth_users:\n  prometheus: {}\n",
        hash("secret")
    )
}

#[tokio::test]
async fn a_truncated_file_never_opens_the_exporter() {
    let pki = Pki::new();
    let text = protected();
    let security = security(&pki, &text);
    for end in 0..text.len() {
        pki.write("web.yml", &text[..end]);
        let (status, _) = ask(&security, "/metrics", None).await;
        assert!(status == 500 || status == 401, "{status}: {}", &text[..end]);
        assert!(security.tls().await.is_some(), "{}", &text[..end]);
    }
    pki.write("web.yml", &text);
    let allowed = ask(&security, "/metrics", Some("prometheus:secret")).await;
    assert_eq!(allowed.0, 200);
}

#[tokio::test]
async fn a_file_that_loses_a_protection_is_invalid_until_it_is_back() {
    let pki = Pki::new();
    let text = protected();
    let security = security(&pki, &text);
    let lost = [
        (text.replace("prometheus: $", "other: $"), 200),
        (
            text.split("basic_auth_users").next().unwrap().to_owned(),
            500,
        ),
        (
            format!(
                "basic_auth_users{}",
                text.split("basic_auth_users").nth(1).unwrap()
            ),
            500,
        ),
        (
            text.replace("  client_allowed_sans:\n  - prometheus.example\n", ""),
            500,
        ),
        (
            text.replace("  client_allowed_sans:\n  - prometheus.example\n", "")
                .replace("RequireAndVerifyClientCert", "RequestClientCert"),
            500,
        ),
        ("# empty\n".to_owned(), 500),
        (String::new(), 500),
        ("basic_auth_users: {}\n".to_owned(), 500),
    ];
    for (changed, expected) in lost {
        pki.write("web.yml", &changed);
        let user = if changed.contains("other: $") {
            "other"
        } else {
            "prometheus"
        };
        let pair = format!("{user}:secret");
        assert_eq!(
            ask(&security, "/metrics", Some(&pair)).await.0,
            expected,
            "{changed}"
        );
        pki.write("web.yml", &text);
        let pair = "prometheus:secret";
        assert_eq!(
            ask(&security, "/metrics", Some(pair)).await.0,
            200,
            "{changed}"
        );
    }
}

#[tokio::test]
async fn an_empty_file_is_invalid_if_it_had_content_at_the_start() {
    let pki = Pki::new();
    let security = security(
        &pki,
        "http_server_config: {headers: {X-Frame-Options: deny}}\n",
    );
    assert_eq!(ask(&security, "/metrics", None).await.0, 200);
    pki.write("web.yml", "");
    assert_eq!(ask(&security, "/metrics", None).await.0, 500);
}

#[test]
fn booleans_may_have_any_spelling_of_yaml_1_1() {
    let pki = Pki::new();
    for value in ["true", "yes", "on", "Yes", "OFF", "n", "'false'"] {
        security(&pki, &format!("http_server_config: {{http2: {value}}}\n"));
    }
    insta::assert_snapshot!(error("http_server_config: {http2: 2}\n"), @"web.yml: http_server_config.http2: expected true or false");
}

#[test]
fn errors_of_the_file_are_one_line_without_secrets() {
    insta::assert_snapshot!(error("tls_config: {}\n"), @r#"web.yml: line 1: unknown field "tls_config" at the top level; expected one of tls_server_config, http_server_config, basic_auth_users, rate_limit"#);
    insta::assert_snapshot!(error("basic_auth_users: hunter2\n"), @"web.yml: line 1: basic_auth_users: expected a mapping (`field: value`)");
    insta::assert_snapshot!(error("basic_auth_users:\n  p: hunter2\n"), @r#"web.yml: basic_auth_users: the value of "p" is not a bcrypt hash; make one with: htpasswd -nB p"#);
    insta::assert_snapshot!(error("basic_auth_users:\n  p: [hunter2]\n"), @"web.yml: line 2: basic_auth_users.p: expected a single value");
    insta::assert_snapshot!(error("basic_auth_users:\n  p: a\n  p: b\n"), @r#"web.yml: line 3: repeated field "p" in basic_auth_users; keep one of them"#);
    insta::assert_snapshot!(error("http_server_config:\n  headers:\n    Server: x\n"), @r#"web.yml: http_server_config.headers: "Server" cannot be set; only Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-Protection can"#);
    insta::assert_snapshot!(error("http_server_config:\n  headers:\n    X-Frame-Options: maybe\n"), @"web.yml: http_server_config.headers: X-Frame-Options must be deny or sameorigin");
    insta::assert_snapshot!(error("http_server_config:\n  headers:\n    X-Content-Type-Options: sniff\n"), @"web.yml: http_server_config.headers: X-Content-Type-Options must be nosniff");
    insta::assert_snapshot!(error("basic_auth_users:\n  p:\n"), @r#"web.yml: basic_auth_users: the value of "p" is not a bcrypt hash; make one with: htpasswd -nB p"#);
    insta::assert_snapshot!(error("rate_limit:\n  interval: often\n"), @"web.yml: rate_limit.interval: expected a duration such as 100ms, 1s or 1m");
    insta::assert_snapshot!(error("rate_limit:\n  interval: 1s\n  burst: 0\n"), @"web.yml: rate_limit.burst: 0 would refuse every request; use at least 1");
    insta::assert_snapshot!(error("rate_limit:\n  burst: 5\n"), @"web.yml: rate_limit: burst needs an interval, such as 1s");
}

#[test]
fn errors_of_tls_are_one_line_with_advice() {
    insta::assert_snapshot!(error("tls_server_config:\n  key_file: server.key\n"), @"web.yml: tls_server_config: cert_file is missing");
    insta::assert_snapshot!(error("tls_server_config:\n  cert_file: server.pem\n"), @"web.yml: tls_server_config: key_file is missing");
    insta::assert_snapshot!(error("tls_server_config:\n  cert_file: gone.pem\n  key_file: server.key\n"), @"web.yml: tls_server_config: cert_file gone.pem: No such file or directory (os error 2); check path and permissions");
    insta::assert_snapshot!(error("tls_server_config:\n  cert_file: server.pem\n  key_file: good.key\n"), @"web.yml: tls_server_config: cert_file server.pem and key_file good.key: keys may not be consistent: KeyMismatch");
    insta::assert_snapshot!(error("tls_server_config:\n  cert_file: none.pem\n  key_file: server.key\n"), @"web.yml: tls_server_config: cert_file none.pem: no PEM certificate found");
    insta::assert_snapshot!(tls_error("  key: hunter2"), @"web.yml: tls_server_config: both key and key_file are given; keep one of them");
    insta::assert_snapshot!(tls_error("  client_ca_file: ca.pem"), @"web.yml: tls_server_config: client_ca_file needs a client_auth_type, such as RequireAndVerifyClientCert");
    insta::assert_snapshot!(tls_error("  client_ca_file: none.pem\n  client_auth_type: RequireAndVerifyClientCert"), @"web.yml: tls_server_config: client_ca_file none.pem: no PEM certificate found");
    insta::assert_snapshot!(tls_error("  client_auth_type: RequireAndVerifyClientCert"), @"web.yml: tls_server_config: client_auth_type verifies certificates and needs a client_ca_file");
    insta::assert_snapshot!(tls_error("  client_auth_type: Perhaps"), @"web.yml: tls_server_config: client_auth_type: expected one of NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert");
    insta::assert_snapshot!(tls_error("  client_auth_type: RequestClientCert\n  client_allowed_sans: [a]"), @"web.yml: tls_server_config: client_allowed_sans needs verified certificates: set client_auth_type to RequireAndVerifyClientCert or VerifyClientCertIfGiven");
    insta::assert_snapshot!(tls_error("  min_version: TLS10"), @"web.yml: tls_server_config: min_version: TLS10 is not secure and not supported; TLS12 is the oldest");
    insta::assert_snapshot!(tls_error("  min_version: TLS13\n  max_version: TLS12"), @"web.yml: tls_server_config: min_version is above max_version");
    insta::assert_snapshot!(tls_error("  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]"), @r#"web.yml: tls_server_config: cipher_suites: "TLS_RSA_WITH_AES_128_CBC_SHA" is not supported (no CBC, RC4 or RSA key exchange); use some of TLS_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"#);
    insta::assert_snapshot!(tls_error("  curve_preferences: [CurveP521]"), @r#"web.yml: tls_server_config: curve_preferences: "CurveP521" is not supported; use some of X25519, CurveP256, CurveP384"#);
}

#[tokio::test]
#[ignore = "measures time; run it alone"]
async fn an_unknown_user_takes_as_long_as_a_wrong_password() {
    let pki = Pki::new();
    let (cheap, dear) = (bcrypt::hash("a", 5).unwrap(), bcrypt::hash("b", 9).unwrap());
    let security = security(
        &pki,
        &format!("basic_auth_users:\n  cheap: {cheap}\n  dear: {dear}\n"),
    );
    let pairs = ["cheap:wrong", "dear:wrong", "nobody:wrong"];
    let mut times = [const { Vec::new() }; 3];
    // In turn, so that the machine's other work weighs on all of them alike.
    for _ in 0..51 {
        for (times, credentials) in times.iter_mut().zip(pairs) {
            let started = tokio::time::Instant::now();
            ask(&security, "/metrics", Some(credentials)).await;
            times.push(started.elapsed());
        }
    }
    let medians = times.map(|mut times| {
        times.sort();
        times[25]
    });
    println!("{pairs:?}: {medians:?}");
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(
        most.as_secs_f64() < least.as_secs_f64() * 1.1,
        "{medians:?}"
    );
}
