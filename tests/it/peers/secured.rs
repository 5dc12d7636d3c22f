//! TLS and authentication with real clients: Prometheus with certificates and
//! passwords, and curl while certificates are rotated.

use std::path::Path;
use std::time::Duration;

use amperity_simulator::{SimulatedTenant, World};
use tokio::process::Command;
use tokio::time::Instant;

use crate::support::process::{Process, binary};
use crate::support::prometheus::Prometheus;
use crate::support::upstream::Upstream;

#[path = "../../../src/web/tests/pki.rs"]
mod pki;
mod sockets;

use pki::Pki;

/// How long certificates are rotated.
const ROTATING: Duration = Duration::from_secs(4);

/// An exporter of a simulated tenant with this web configuration file.
fn start(upstream: &Upstream, folder: &Path, web: &Path) -> Process {
    let file = folder.join("amperity_exporter.yml");
    std::fs::write(&file, upstream.configuration("")).unwrap();
    Process::spawn(&[
        format!("--config.file={}", file.display()),
        format!("--web.config.file={}", web.display()),
    ])
}

async fn upstream() -> Upstream {
    Upstream::serve(World::empty().tenant(SimulatedTenant::new("socktown"))).await
}

#[tokio::test]
async fn prometheus_needs_its_certificate_and_its_password() {
    let _permit = crate::support::permit().await;
    let pki = Pki::new();
    let hash = bcrypt::hash("correct horse", 4).unwrap();
    let web = pki.tls(&format!(
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  \
         client_allowed_sans: [prometheus.example]\nbasic_auth_users:\n  prometheus: {hash}\n"
    ));
    let folder = tempfile::tempdir().unwrap();
    let upstream = upstream().await;
    let mut exporter = start(&upstream, folder.path(), &web);
    let address = exporter.listening().await;

    let job = |name: &str, certificate: Option<&str>, password: &str| {
        let file = |name: String| pki.path(&name).display().to_string();
        let certificate = certificate.map_or_else(String::new, |name| {
            let (pem, key) = (file(format!("{name}.pem")), file(format!("{name}.key")));
            format!(", cert_file: {pem}, key_file: {key}")
        });
        let ca = file("ca.pem".to_owned());
        format!(
            "  - job_name: {name}\n    scheme: https\n    \
             tls_config: {{ca_file: {ca}, server_name: localhost{certificate}}}\n    \
             basic_auth: {{username: prometheus, password: {password}}}\n    \
             static_configs: [{{targets: ['{address}']}}]\n"
        )
    };
    let jobs = [
        job("good", Some("good"), "correct horse"),
        job("wrong_password", Some("good"), "battery"),
        job("no_certificate", None, "correct horse"),
        job("wrong_certificate", Some("wrong"), "correct horse"),
        job("certificate_of_another", Some("other"), "correct horse"),
    ];
    let intervals = "global: {scrape_interval: 500ms, scrape_timeout: 500ms}";
    let jobs = jobs.concat();
    let prometheus = Prometheus::start(&format!("{intervals}\nscrape_configs:\n{jobs}")).await;
    let all_but = "count(up == 0)";
    prometheus
        .query_until("amperity_up{job='good'} == 1", |found| found.len() == 1)
        .await;
    let refused = prometheus
        .query_until(all_but, |found| {
            found.len() == 1 && found[0].samples[0].1 == 4.0
        })
        .await;
    assert_eq!(refused[0].samples[0].1, 4.0);
    let good = prometheus
        .query("min_over_time(up{job='good'}[1m])", None)
        .await;
    assert_eq!(good[0].samples[0].1, 1.0);
}

#[tokio::test]
async fn certificates_are_rotated_under_load_without_a_failed_scrape() {
    let _permit = crate::support::permit().await;
    let pki = Pki::new();
    let web = pki.tls("");
    let folder = tempfile::tempdir().unwrap();
    let upstream = upstream().await;
    let mut exporter = start(&upstream, folder.path(), &web);
    let port = exporter.listening().await.port();
    let ca = pki.path("ca.pem").display().to_string();
    let until = Instant::now() + ROTATING;
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (ca, resolve) = (ca.clone(), format!("localhost:{port}:127.0.0.1"));
            tokio::spawn(async move {
                let mut scrapes = 0;
                while Instant::now() < until {
                    // Each is a new connection with a new handshake.
                    let output = Command::new("curl")
                        .args(["-sSf", "-o", "/dev/null", "--cacert", &ca])
                        .args(["--noproxy", "*", "--resolve", &resolve])
                        .arg(format!("https://localhost:{port}/metrics"))
                        .output()
                        .await
                        .unwrap();
                    let errors = String::from_utf8_lossy(&output.stderr);
                    assert!(output.status.success(), "{errors}");
                    scrapes += 1;
                }
                scrapes
            })
        })
        .collect();
    let mut rotations = 0;
    while Instant::now() < until {
        pki.issue_server();
        rotations += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut scrapes = 0;
    for client in clients {
        scrapes += client.await.unwrap();
    }
    assert!(
        scrapes > 20 && rotations > 10,
        "{scrapes} scrapes, {rotations} rotations"
    );
}

#[tokio::test]
async fn the_health_check_follows_address_and_tls() {
    let pki = Pki::new();
    let folder = tempfile::tempdir().unwrap();
    let upstream = upstream().await;
    let mut exporter = start(&upstream, folder.path(), &pki.tls(""));
    let address = exporter.listening().await;
    let check = async |arguments: &[String]| {
        let mut command = Command::from(binary());
        command.arg("healthcheck").args(arguments);
        command.output().await.unwrap().status.code()
    };
    let listen = format!("--web.listen-address={address}");
    let web = format!("--web.config.file={}", pki.path("web.yml").display());
    assert_eq!(check(&[format!("--pid={}", exporter.id())]).await, Some(0));
    assert_eq!(check(&[listen.clone(), web]).await, Some(0));
    assert_eq!(check(&[listen]).await, Some(1), "without TLS");
    assert_eq!(
        check(&["--web.listen-address=127.0.0.1:1".to_owned()]).await,
        Some(1)
    );
}
