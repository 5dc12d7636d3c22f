//! Unix sockets, sockets passed by systemd, and a route prefix, with curl and
//! the health check.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use super::*;

/// What a program prints, and its exit code.
async fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text)
}

async fn health(arguments: &[&str]) -> Option<i32> {
    let arguments: Vec<_> = std::iter::once("healthcheck")
        .chain(arguments.iter().copied())
        .collect();
    run(binary().get_program(), &arguments).await.0
}

/// The arguments of an exporter of a simulated tenant.
fn arguments(upstream: &Upstream, folder: &Path, more: &[&str]) -> Vec<String> {
    let file = folder.join("amperity_exporter.yml");
    std::fs::write(&file, upstream.configuration("")).unwrap();
    let mut arguments = vec![format!("--config.file={}", file.display())];
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    arguments
}

#[tokio::test]
async fn a_unix_socket_has_tls_passwords_and_the_health_check() {
    let pki = Pki::new();
    let hash = bcrypt::hash("correct horse", 4).unwrap();
    pki.tls(&format!("basic_auth_users: {{prometheus: {hash}}}\n"));
    let folder = tempfile::tempdir().unwrap();
    let upstream = upstream().await;
    let socket = folder.path().join("exporter.sock").display().to_string();
    let listen = format!("--web.listen-address=unix:{socket}");
    let web = format!("--web.config.file={}", pki.path("web.yml").display());
    let started = arguments(&upstream, folder.path(), &[&listen, &web]);
    let mut exporter = Process::spawn(&started);
    exporter.listening().await;

    let ca = pki.path("ca.pem").display().to_string();
    let status = async |user: &str| {
        let curl = [
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--unix-socket",
        ];
        let request = ["--cacert", &*ca, "-u", user, "https://localhost/metrics"];
        let arguments = [&curl[..], &[&*socket], &request].concat();
        run("curl", &arguments).await.1
    };
    assert_eq!(status("prometheus:correct horse").await, "200");
    assert_eq!(status("prometheus:wrong").await, "401");
    assert_eq!(
        health(&[&format!("--pid={}", exporter.id())]).await,
        Some(0)
    );
    assert_eq!(health(&[&listen, &web]).await, Some(0));
    assert_eq!(health(&[&listen]).await, Some(1), "without TLS");

    // A second one does not take the socket away; a killed one leaves it.
    let second = Process::spawn(&started).ended().await;
    assert_eq!(second.code, Some(1));
    assert!(
        second
            .log
            .concat()
            .contains("another program listens there")
    );
    exporter.kill().await;
    assert!(Path::new(&socket).exists());
    let mut exporter = Process::spawn(&started);
    exporter.listening().await;
    assert_eq!(status("prometheus:correct horse").await, "200");
    assert_eq!(exporter.terminate().await.code, Some(0));
    assert!(!Path::new(&socket).exists());
}

#[tokio::test]
async fn systemd_passes_tcp_and_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = upstream().await;
    let socket = folder.path().join("exporter.sock");
    let unix = UnixListener::bind(&socket).unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let script = "LISTEN_FDS=2 LISTEN_PID=$$ exec \"$0\" \"$@\" 3<&0 4<&1";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(binary().get_program());
    command.args(arguments(
        &upstream,
        folder.path(),
        &["--web.systemd-socket"],
    ));
    command
        .stdin(Stdio::from(OwnedFd::from(unix)))
        .stdout(Stdio::from(OwnedFd::from(tcp)));
    let mut exporter = command.kill_on_drop(true).spawn().unwrap();
    let path = socket.display().to_string();
    let ready = [
        "-sf",
        "--retry",
        "20",
        "--retry-all-errors",
        "--retry-delay",
        "1",
    ];
    let over_unix = [
        &ready[..],
        &["--unix-socket", &path, "http://exporter/-/ready"],
    ]
    .concat();
    assert_eq!(run("curl", &over_unix).await.1.trim(), "ready");
    let url = format!("http://{address}/-/ready");
    let over_tcp = [&ready[..], &[&*url]].concat();
    assert_eq!(run("curl", &over_tcp).await.1.trim(), "ready");
    exporter.kill().await.unwrap();
    // It is systemd's to remove.
    assert!(socket.exists());
}

#[tokio::test]
async fn every_page_is_below_the_path_of_the_external_url() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = upstream().await;
    let external = "--web.external-url=https://example.com/ops/amperity/";
    let mut exporter = Process::spawn(&arguments(&upstream, folder.path(), &[external]));
    let address = exporter.listening().await;
    let pages = ["", "metrics", "sd", "-/healthy"];
    for page in pages {
        let (status, _) = exporter
            .get(&format!("/ops/amperity/{page}"))
            .await
            .unwrap();
        assert_eq!(status, 200, "{page}");
        let (status, _) = exporter.get(&format!("/{page}")).await.unwrap();
        assert_eq!(status, if page.is_empty() { 302 } else { 404 }, "{page}");
    }
    let redirected = [
        "-sL",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %{url_effective}",
    ];
    for from in ["", "ops/amperity"] {
        let url = format!("http://{address}/{from}");
        let (_, reached) = run("curl", &[&redirected[..], &[&url]].concat()).await;
        assert_eq!(reached, format!("200 http://{address}/ops/amperity/"));
    }
    let (_, targets) = exporter.get("/ops/amperity/sd").await.unwrap();
    assert!(
        targets.contains(r#""__metrics_path__":"/ops/amperity/metrics""#),
        "{targets}"
    );
    let (_, status_page) = exporter.get("/ops/amperity/").await.unwrap();
    assert!(!status_page.contains(r#"href="/"#), "{status_page}");
    let pid = format!("--pid={}", exporter.id());
    assert_eq!(health(&[&pid]).await, Some(0));
    let listen = format!("--web.listen-address={address}");
    assert_eq!(
        health(&[&listen, "--web.route-prefix=ops/amperity"]).await,
        Some(0)
    );
    assert_eq!(health(&[&listen]).await, Some(1));
}
