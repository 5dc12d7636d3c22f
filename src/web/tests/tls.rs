//! TLS and client certificates, with curl as the client.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::process::Command;
use tokio_rustls::client::TlsStream;

use super::pki::Pki;
use super::*;

/// Status and HTTP version, as curl sees them; status 000 if there was none.
pub(super) async fn curl(server: &Server, pki: &Pki, arguments: &[&str]) -> String {
    let port = server.address.port();
    let output = Command::new("curl")
        .args([
            "--silent",
            "--output",
            "/dev/null",
            "--max-time",
            "10",
            "--noproxy",
            "*",
        ])
        .args(["--write-out", "%{http_code} %{http_version}"])
        .args(["--resolve", &format!("localhost:{port}:127.0.0.1")])
        .arg("--cacert")
        .arg(pki.path("ca.pem"))
        .args(arguments)
        .arg(format!("https://localhost:{port}/metrics"))
        .output()
        .await
        .expect("curl is needed for this test");
    String::from_utf8(output.stdout).unwrap()
}

async fn status_with(server: &Server, pki: &Pki, certificate: Option<&str>) -> String {
    let Some(name) = certificate else {
        return curl(server, pki, &[]).await[..3].to_owned();
    };
    let cert = pki.path(&format!("{name}.pem"));
    let key = pki.path(&format!("{name}.key"));
    let arguments = [
        "--cert",
        cert.to_str().unwrap(),
        "--key",
        key.to_str().unwrap(),
    ];
    curl(server, pki, &arguments).await[..3].to_owned()
}

pub(super) async fn start(file: &std::path::Path) -> Server {
    Server::start(WebSecurity::from_file(file).unwrap(), Limits::default()).await
}

#[tokio::test]
async fn tls_offers_http2_unless_it_is_disabled() {
    let pki = Pki::new();
    let server = start(&pki.tls("")).await;
    assert_eq!(curl(&server, &pki, &[]).await, "200 2");
    assert_eq!(curl(&server, &pki, &["--http1.1"]).await, "200 1.1");
    assert_eq!(curl(&server, &pki, &["--tls-max", "1.2"]).await, "200 2");
    assert_eq!(curl(&server, &pki, &["--head"]).await, "200 2");
    let server = start(&pki.tls("http_server_config:\n  http2: false\n")).await;
    assert_eq!(curl(&server, &pki, &[]).await, "200 1.1");
}

#[tokio::test]
async fn client_certificates_are_required_and_verified_by_the_policy() {
    let pki = Pki::new();
    let ca = "  client_ca_file: ca.pem\n";
    let sans = "  client_ca_file: ca.pem\n  client_allowed_sans: [prometheus.example]\n";
    let no_sans = "  client_ca_file: ca.pem\n  client_allowed_sans: []\n";
    // Without a certificate; good; of another authority; of another name.
    let expected = [
        ("NoClientCert", "", ["200", "200", "200", "200"]),
        ("RequestClientCert", "", ["200", "200", "200", "200"]),
        ("RequestClientCert", ca, ["200", "200", "200", "200"]),
        ("RequireAnyClientCert", "", ["000", "200", "200", "200"]),
        ("RequireClientCert", "", ["000", "200", "200", "200"]),
        ("VerifyClientCertIfGiven", ca, ["200", "200", "000", "200"]),
        (
            "VerifyClientCertIfGiven",
            sans,
            ["000", "200", "000", "000"],
        ),
        (
            "RequireAndVerifyClientCert",
            ca,
            ["000", "200", "000", "200"],
        ),
        (
            "RequireAndVerifyClientCert",
            sans,
            ["000", "200", "000", "000"],
        ),
        ("RequireAndVerifyClientCert", no_sans, ["000"; 4]),
        ("VerifyClientCertIfGiven", no_sans, ["000"; 4]),
    ];
    for (policy, more, expected) in expected {
        let file = pki.tls(&format!("  client_auth_type: {policy}\n{more}"));
        let server = start(&file).await;
        let mut found = Vec::new();
        for certificate in [None, Some("good"), Some("wrong"), Some("other")] {
            found.push(status_with(&server, &pki, certificate).await);
        }
        assert_eq!(found, expected, "{policy} {more}");
    }
}

#[tokio::test]
async fn an_allowed_san_may_be_an_address_an_email_or_a_uri() {
    let pki = Pki::new();
    let cases = [
        ("spiffe://example/prometheus", "200"),
        ("ops@example.org", "200"),
        ("2001:db8:0::1", "200"),
        ("example/prometheus", "000"),
        ("example.org", "000"),
    ];
    for (san, expected) in cases {
        let file = pki.tls(&format!(
            "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: ['{san}']\n"
        ));
        let server = start(&file).await;
        assert_eq!(
            status_with(&server, &pki, Some("many")).await,
            expected,
            "{san}"
        );
    }
}

#[tokio::test]
async fn versions_suites_and_curves_are_restricted_by_the_file() {
    let pki = Pki::new();
    let server = start(&pki.tls("  min_version: TLS13\n  curve_preferences: [CurveP384]\n")).await;
    assert_eq!(curl(&server, &pki, &["--tls-max", "1.2"]).await, "000 0");
    assert_eq!(curl(&server, &pki, &["--curves", "X25519"]).await, "000 0");
    assert_eq!(curl(&server, &pki, &["--curves", "P-384"]).await, "200 2");
    let suites =
        "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n";
    let server = start(&pki.tls(suites)).await;
    let with = |suite| ["--tls-max", "1.2", "--ciphers", suite];
    let good = with("ECDHE-ECDSA-AES256-GCM-SHA384");
    let other = with("ECDHE-ECDSA-AES128-GCM-SHA256");
    assert_eq!(curl(&server, &pki, &good).await, "200 2");
    assert_eq!(curl(&server, &pki, &other).await, "000 0");
}

#[tokio::test]
async fn a_replaced_certificate_is_used_at_once_and_a_mismatched_key_is_not() {
    let pki = Pki::new();
    let server = start(&pki.tls("")).await;
    assert_eq!(curl(&server, &pki, &[]).await, "200 2");
    let old = std::fs::read_to_string(pki.path("server.key")).unwrap();
    pki.issue_server();
    let new = std::fs::read_to_string(pki.path("server.key")).unwrap();
    pki.write("server.key", &old);
    assert_eq!(
        curl(&server, &pki, &[]).await,
        "200 2",
        "the old pair stays"
    );
    pki.write("server.key", &new);
    assert_eq!(curl(&server, &pki, &[]).await, "200 2");
    let chain = curl(&server, &pki, &["--write-out", "%{certs}"]).await;
    let file = std::fs::read_to_string(pki.path("server.pem")).unwrap();
    let line = file.lines().nth(1).unwrap();
    assert!(chain.contains(line), "the new one is served");
}

#[tokio::test]
async fn an_invalid_file_answers_500_until_it_is_fixed() {
    let pki = Pki::new();
    let file = pki.tls("");
    let server = start(&file).await;
    pki.write("web.yml", "tls_server_config: [oops\n");
    assert_eq!(curl(&server, &pki, &[]).await, "500 2");
    pki.tls("  client_auth_type: RequestClientCert\n  client_ca_file: gone.pem\n");
    assert_eq!(curl(&server, &pki, &[]).await, "500 2");
    pki.tls("# fixed\n");
    assert_eq!(curl(&server, &pki, &[]).await, "200 2");
}

/// A client that requests the page with a flow-control window of 0 bytes.
async fn stalled(server: &Server, pki: &Pki) -> TlsStream<TcpStream> {
    const FRAMES: [&[u8]; 3] = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        // SETTINGS: SETTINGS_INITIAL_WINDOW_SIZE is 0.
        b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0",
        // HEADERS of stream 1, complete: GET https://x/metrics.
        b"\0\0\x0f\x01\x05\0\0\0\x01\x82\x87\x04\x08/metrics\x41\x01x",
    ];
    let mut roots = rustls::RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(pki.path("ca.pem")).unwrap();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = "localhost".try_into().unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = connector
        .connect(name, server.connect().await)
        .await
        .unwrap();
    stream.write_all(&FRAMES.concat()).await.unwrap();
    stream
}

#[tokio::test]
async fn http2_clients_with_an_empty_window_make_room_for_a_scrape() {
    let pki = Pki::new();
    let limits = Limits {
        connections: 4,
        ..Limits::default()
    };
    let security = WebSecurity::from_file(&pki.tls("")).unwrap();
    let server = Server::start(security, limits).await;
    let mut clients = Vec::new();
    for _ in 0..limits.connections {
        clients.push(stalled(&server, &pki).await);
    }
    // The answers are ready by now.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(curl(&server, &pki, &[]).await, "200 2");
}

#[tokio::test]
async fn an_http2_client_with_an_empty_window_is_disconnected() {
    let pki = Pki::new();
    let limits = Limits {
        response: Duration::from_millis(300),
        ..Limits::default()
    };
    let security = WebSecurity::from_file(&pki.tls("")).unwrap();
    let server = Server::start(security, limits).await;
    let mut client = stalled(&server, &pki).await;
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(10), client.read_to_end(&mut rest));
    assert!(closed.await.is_ok(), "{rest:?}");
    assert!(rest.len() > 9, "it answered: {rest:?}");
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_refused() {
    let pki = Pki::new();
    let server = start(&pki.tls("")).await;
    server
        .exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true)
        .await;
    server.exchange(b"\x16\x03\x01\xff\xff garbage", true).await;
    assert_eq!(curl(&server, &pki, &[]).await, "200 2");
}
