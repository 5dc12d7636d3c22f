//! `amperity_exporter healthcheck`: checks the exporter on this machine, for
//! images without a shell. It follows the exporter's address and TLS.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::StatusCode;

use crate::cli::{self, Command, Healthcheck};
use crate::web::{self, WebSecurity};

/// For the whole check; the image allows 5 seconds.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Requests `/-/healthy` once.
///
/// # Errors
/// If there is no exporter, or it is not healthy.
pub(super) async fn run(options: Healthcheck) -> anyhow::Result<()> {
    let (target, web_config_file) = match options {
        Healthcheck::Exporter {
            route_prefix,
            listen_addresses,
            web_config_file,
        } => {
            let target = Target::new(&listen_addresses, route_prefix, Path::new(""));
            (target, web_config_file)
        }
        Healthcheck::Process(pid) => flags_of(pid)?,
    };
    let mut outcome = Ok(());
    for scheme in schemes(web_config_file.as_deref()) {
        let request = request(scheme, &target);
        outcome = tokio::time::timeout(TIMEOUT, request)
            .await
            .unwrap_or_else(|_| bail!("{} does not respond within 4s", target.address));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// The schemes to try. The exporter keeps its last valid web configuration, so
/// that a file that is not valid now does not tell.
fn schemes(web_config_file: Option<&Path>) -> &'static [&'static str] {
    match web_config_file.map(WebSecurity::from_file) {
        Some(Ok(security)) if security.uses_tls() => &["https"],
        None | Some(Ok(_)) => &["http"],
        Some(Err(_)) => &["https", "http"],
    }
}

async fn request(scheme: &str, target: &Target) -> anyhow::Result<()> {
    let Target {
        address,
        socket,
        prefix,
    } = target;
    // The process-wide provider that reqwest uses; fails if there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The certificate is rarely issued for localhost, and nothing secret is sent.
    let mut client = reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    let mut host = &**address;
    if let Some(socket) = socket {
        client = client.unix_socket(&**socket);
        host = "localhost";
    }
    let url = format!("{scheme}://{host}{prefix}/-/healthy");
    let response = client.build()?.get(url).send().await;
    let response = response.with_context(|| {
        format!(
            "no {scheme} response from {address}; is the exporter running, with this \
             --web.listen-address and --web.config.file?"
        )
    })?;
    match response.status() {
        StatusCode::OK => Ok(()),
        status => bail!("not healthy: {address} responds with {status}; see its log"),
    }
}

/// Where to reach an exporter from this machine.
#[derive(Debug)]
struct Target {
    /// Of a Unix socket, as the flag has it.
    address: String,
    socket: Option<PathBuf>,
    prefix: String,
}

impl Target {
    /// The first of an exporter's addresses; a relative path is below `folder`.
    fn new(addresses: &[String], prefix: String, folder: &Path) -> Self {
        let address = addresses.first().map_or("", String::as_str);
        let socket = web::unix_path(address);
        Self {
            address: local(address),
            socket: socket.map(|path| folder.join(path)),
            prefix,
        }
    }
}

/// The host and port of a listen address on this machine.
fn local(listen_address: &str) -> String {
    match listen_address.trim().rsplit_once(':') {
        Some(("" | "0.0.0.0" | "[::]", port)) => format!("localhost:{port}"),
        _ => listen_address.to_owned(),
    }
}

/// Address and web configuration file of the exporter that runs as this process.
fn flags_of(pid: u32) -> anyhow::Result<(Target, Option<PathBuf>)> {
    let process = Path::new("/proc").join(pid.to_string());
    let path = process.join("cmdline");
    let line = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let line = String::from_utf8_lossy(&line);
    let arguments = line.trim_end_matches('\0').split('\0');
    // An init process, such as Docker's, has the command after its own name.
    let is_program = |argument: &&str| Path::new(argument).ends_with(env!("CARGO_PKG_NAME"));
    let arguments = arguments.skip_while(|argument| !is_program(argument));
    let arguments: Vec<OsString> = arguments.map(Into::into).collect();
    if arguments.is_empty() {
        bail!("process {pid} is not amperity_exporter");
    }
    let command = cli::parse(arguments, |name| std::env::var_os(name));
    match command.with_context(|| format!("flags of process {pid}"))? {
        Command::Serve(serve) if serve.web.systemd_socket => {
            bail!("the exporter listens on a socket passed by systemd; give --web.listen-address=…")
        }
        Command::Serve(serve) => {
            let folder = process.join("cwd");
            let web = serve.web;
            let target = Target::new(&web.listen_addresses, web.route_prefix, &folder);
            Ok((target, web.config_file.map(|file| folder.join(file))))
        }
        Command::Demo(demo) => {
            let target = Target::new(&demo.listen_addresses, String::new(), &process.join("cwd"));
            Ok((target, None))
        }
        _ => bail!("process {pid} serves no metrics"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// The outcome for an exporter that sends this response.
    async fn check(response: &'static str) -> anyhow::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 256];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(response.as_bytes()).await.unwrap();
            assert!(request[..length].starts_with(b"GET /-/healthy "));
        });
        let outcome = run(Healthcheck::Exporter {
            route_prefix: String::new(),
            listen_addresses: vec![format!("0.0.0.0:{port}")],
            web_config_file: None,
        })
        .await;
        server.await.unwrap();
        outcome
    }

    #[tokio::test]
    async fn only_status_200_is_healthy() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        let response = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        let error = check(response).await.unwrap_err().to_string();
        assert!(error.ends_with("responds with 503 Service Unavailable; see its log"));
        let error = check("").await.unwrap_err().to_string();
        assert!(
            error.starts_with("no http response from localhost:"),
            "{error}"
        );
    }

    #[test]
    fn unspecified_addresses_are_checked_on_localhost() {
        let addresses = [
            ":1",
            "0.0.0.0:1",
            "[::]:1",
            "[::1]:1",
            "10.0.0.1:1",
            "name:1",
        ];
        assert_eq!(
            addresses.map(local),
            [
                "localhost:1",
                "localhost:1",
                "localhost:1",
                "[::1]:1",
                "10.0.0.1:1",
                "name:1"
            ]
        );
    }

    #[test]
    fn another_process_is_an_error() {
        let error = flags_of(std::process::id()).unwrap_err();
        assert!(error.to_string().contains("process "), "{error}");
    }
}
