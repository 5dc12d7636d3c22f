//! A proxy between one tenant and the simulator that can have a fault.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::matrix::{Action, Row, Target, Tls};

/// Longer than any timeout of the exporter's configuration.
const HANG: Duration = Duration::from_mins(5);

/// The API's answer to a token that is not valid any more.
const REFUSED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}";

/// One tenant's proxy; dropping it ends it.
pub(super) struct FaultProxy {
    pub(super) address: SocketAddr,
    /// The certificate authority of a proxy with TLS.
    pub(super) ca_file: Option<PathBuf>,
    pub(super) token_file: PathBuf,
    service: Arc<Service>,
    serving: Option<JoinHandle<()>>,
}

struct Service {
    upstream: SocketAddr,
    action: Action,
    target: Target,
    tenant: String,
    has_fault: AtomicBool,
    tls: Option<Arc<ServerConfig>>,
    bad_tls: Option<Arc<ServerConfig>>,
}

impl FaultProxy {
    pub(super) async fn serve(row: &Row, upstream: SocketAddr, folder: &Path) -> Self {
        let tenant = row.tenant();
        let token_file = folder.join(format!("{tenant}.token"));
        std::fs::write(&token_file, format!("token-of-{tenant}")).unwrap();
        let good = row.tls.map(|_| server("127.0.0.1", false));
        let bad = match row.tls {
            Some(Tls::UnknownAuthority) => Some(server("127.0.0.1", false)),
            Some(Tls::OtherName) => Some(server("api.example", false)),
            Some(Tls::Expired) => Some(server("127.0.0.1", true)),
            _ => None,
        };
        let trusted = [&good, &bad].into_iter().flatten();
        let trusted = trusted.take(if row.tls == Some(Tls::UnknownAuthority) {
            1
        } else {
            2
        });
        let trusted: String = trusted
            .map(|(_, certificate)| certificate.as_str())
            .collect();
        let ca_file = row.tls.map(|_| folder.join(format!("{tenant}.pem")));
        if let Some(file) = &ca_file {
            std::fs::write(file, trusted).unwrap();
        }
        let service = Arc::new(Service {
            upstream,
            action: row.action.clone(),
            target: row.target,
            tenant,
            has_fault: AtomicBool::new(false),
            tls: good.map(|(config, _)| config),
            bad_tls: bad.map(|(config, _)| config),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(accept(listener, Arc::clone(&service)));
        Self {
            address,
            ca_file,
            token_file,
            service,
            serving: Some(serving),
        }
    }

    pub(super) fn start_fault(&mut self) {
        self.service.has_fault.store(true, Ordering::SeqCst);
        match &self.service.action {
            Action::Refuse => drop(self.serving.take().map(|serving| serving.abort())),
            Action::TokenFile(text) => std::fs::write(&self.token_file, text).unwrap(),
            Action::NoTokenFile => std::fs::remove_file(&self.token_file).unwrap(),
            _ => {}
        }
    }

    pub(super) fn end_fault(&mut self) {
        self.service.has_fault.store(false, Ordering::SeqCst);
        let token = format!("token-of-{}", self.service.tenant);
        std::fs::write(&self.token_file, token).unwrap();
        if self.serving.is_none() {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            socket.bind(self.address).unwrap();
            let listener = socket.listen(64).unwrap();
            self.serving = Some(tokio::spawn(accept(listener, Arc::clone(&self.service))));
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

async fn accept(listener: TcpListener, service: Arc<Service>) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            let _ended_early = connection(stream, &service).await;
        });
    }
}

async fn connection(mut stream: TcpStream, service: &Service) -> std::io::Result<()> {
    let has_fault = service.has_fault.load(Ordering::SeqCst);
    if has_fault && matches!(service.action, Action::Reset) {
        stream.set_zero_linger()?;
    }
    if has_fault && service.target == Target::Connection {
        return fail(&mut stream, &service.action).await;
    }
    let Some(tls) = &service.tls else {
        return exchange(stream, service).await;
    };
    let tls = service
        .bad_tls
        .as_ref()
        .filter(|_| has_fault)
        .unwrap_or(tls);
    let stream = TlsAcceptor::from(Arc::clone(tls)).accept(stream).await?;
    exchange(stream, service).await
}

/// Answers one request.
async fn exchange<S>(mut stream: S, service: &Service) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let has_fault = service.has_fault.load(Ordering::SeqCst);
    if has_fault && service.target == Target::Session {
        return fail(&mut stream, &service.action).await;
    }
    let request = read_request(&mut stream).await?;
    let line = request.split("\r\n").next().unwrap_or_default();
    if has_fault && service.target.is_meant(line) {
        return fail(&mut stream, &service.action).await;
    }
    if has_fault && service.target == Target::Token {
        // So that a token is requested.
        return fail(&mut stream, &Action::Answer(REFUSED.to_vec())).await;
    }
    let mut upstream = TcpStream::connect(service.upstream).await?;
    upstream.write_all(forwarded(&request).as_bytes()).await?;
    tokio::io::copy(&mut upstream, &mut stream).await?;
    stream.shutdown().await
}

/// Head and body of a request.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.to_ascii_lowercase();
        let length = length.split("content-length: ").nth(1);
        let length = length.and_then(|text| text.split("\r\n").next()?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Ok(text.into_owned());
        }
    }
}

/// The request as the simulator reads it: without the host that a client of a
/// proxy puts into the path, and for one exchange only.
fn forwarded(request: &str) -> String {
    let (line, rest) = request.split_once("\r\n").unwrap_or((request, ""));
    let mut words: Vec<&str> = line.split(' ').collect();
    if let Some((_, path)) = words[1].split_once("://") {
        words[1] = &path[path.find('/').unwrap_or(0)..];
    }
    format!("{}\r\nConnection: close\r\n{rest}", words.join(" "))
}

async fn fail<S>(stream: &mut S, action: &Action) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match action {
        Action::Answer(bytes) => {
            stream.write_all(bytes).await?;
            stream.shutdown().await?;
            // Until the client has read it: closing with unread bytes resets.
            let mut rest = [0; 1024];
            while stream.read(&mut rest).await? > 0 {}
        }
        Action::AnswerAndHang(bytes) => {
            stream.write_all(bytes).await?;
            stream.flush().await?;
            tokio::time::sleep(HANG).await;
        }
        Action::Slowly(bytes) => {
            for byte in bytes {
                stream.write_all(&[*byte]).await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Action::Repeat(bytes) => loop {
            stream.write_all(bytes).await?;
        },
        Action::Close
        | Action::Reset
        | Action::Refuse
        | Action::TokenFile(_)
        | Action::NoTokenFile => {}
    }
    Ok(())
}

/// A TLS server's configuration and its certificate, which is its own authority.
fn server(name: &str, expired: bool) -> (Arc<ServerConfig>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let serial = fastrand::u64(..).to_string();
    params.distinguished_name.push(DnType::CommonName, serial);
    if expired {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 2, 1);
    }
    let certificate = params.self_signed(&key).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    let config = config
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    (Arc::new(config), certificate.pem())
}
