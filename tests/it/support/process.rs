//! The real binary as a process, to test signals, exit codes, and what a kill
//! leaves behind.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hyper::Response;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Page, http};

/// For anything a test waits for, on a busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

const LISTEN: &str = "--web.listen-address";

/// A running exporter. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    log: Log,
    address: SocketAddr,
    reading: JoinHandle<()>,
}

/// An exporter that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code, unless a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// Everything it wrote to standard error.
    pub(crate) log: Vec<String>,
}

/// Lines of standard error so far.
type Log = Arc<Mutex<Vec<String>>>;

impl Process {
    /// Starts the binary with these arguments and waits until it is ready. It
    /// listens on a free port of 127.0.0.1 unless the arguments give one.
    pub(crate) async fn start(arguments: &[impl AsRef<OsStr>]) -> Self {
        let mut process = Self::spawn(arguments);
        process.until_ready().await;
        process
    }

    /// Starts the binary without waiting.
    pub(crate) fn spawn(arguments: &[impl AsRef<OsStr>]) -> Self {
        let mut command = binary();
        command.args(arguments);
        Self::of(command)
    }

    /// Starts a [`binary`] without waiting.
    pub(crate) fn of(mut command: std::process::Command) -> Self {
        let given = command.get_args().find_map(|argument| {
            let address = argument.to_str()?.strip_prefix(LISTEN)?.strip_prefix('=')?;
            // A Unix socket is given besides.
            address.parse().ok()
        });
        let address = given.unwrap_or_else(|| {
            let address = free_address([127, 0, 0, 1]);
            command.arg(format!("{LISTEN}={address}"));
            address
        });
        let mut command = Command::from(command);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let log = Log::default();
        let stderr = child.stderr.take().unwrap();
        let reading = tokio::spawn(read_log(stderr, Arc::clone(&log)));
        Self {
            child,
            log,
            address,
            reading,
        }
    }

    /// Waits until it accepts connections; returns its address.
    pub(crate) async fn listening(&mut self) -> SocketAddr {
        let deadline = Instant::now() + TIMEOUT;
        while TcpStream::connect(self.address).await.is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(
                !(ended.is_some() || Instant::now() > deadline),
                "it does not listen ({ended:?}): {:#?}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.address
    }

    /// Waits until `/-/ready` returns 200.
    pub(crate) async fn until_ready(&mut self) {
        self.listening().await;
        let ready = async {
            while self
                .get("/-/ready")
                .await
                .is_none_or(|(code, _)| code != 200)
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ready = tokio::time::timeout(TIMEOUT, ready).await;
        assert!(ready.is_ok(), "it does not get ready: {:#?}", self.log());
    }

    /// Status and body of a GET; `None` without a complete response.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.get_as(path, "*/*").await?;
        Some((answer.status().as_u16(), answer.into_body()))
    }

    /// The response to a GET with this `Accept` header.
    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Option<Response<String>> {
        http::get(self.address, path, accept).await
    }

    /// The response to a GET with these headers.
    pub(crate) async fn get_bytes(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Option<Response<Bytes>> {
        http::get_bytes(self.address, path, headers).await
    }

    /// The metrics page.
    pub(crate) async fn page(&self) -> Page {
        let answer = self.get("/metrics").await;
        let (code, body) = answer.unwrap_or_else(|| panic!("no answer: {:#?}", self.log()));
        assert_eq!(code, 200, "{body}");
        Page(body)
    }

    /// The largest resident memory it ever had, in bytes.
    pub(crate) fn peak_memory(&self) -> usize {
        self.status("VmHWM:") * 1024
    }

    /// A number of `/proc/PID/status`.
    pub(crate) fn status(&self, field: &str) -> usize {
        let path = format!("/proc/{}/status", self.id());
        let status = std::fs::read_to_string(path).unwrap();
        let mut words = status.split_whitespace().skip_while(|word| *word != field);
        words.nth(1).unwrap().parse().unwrap()
    }

    /// The lines it has written to standard error.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Kills it (SIGKILL).
    pub(crate) async fn kill(mut self) -> Ended {
        self.child.start_kill().unwrap();
        self.ended().await
    }

    /// Sends SIGTERM and waits until it ends.
    pub(crate) async fn terminate(self) -> Ended {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Sends SIGHUP.
    pub(crate) async fn hang_up(&self) {
        self.signal("HUP").await;
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    async fn signal(&self, name: &str) {
        let id = self.id();
        let kill = format!("kill -{name} {id}");
        let sent = Command::new("sh").args(["-c", &kill]).status().await;
        assert!(sent.unwrap().success(), "{:#?}", self.log());
    }

    /// Waits until it ends.
    pub(crate) async fn ended(mut self) -> Ended {
        let ended = tokio::time::timeout(TIMEOUT, self.child.wait()).await;
        let Ok(status) = ended else {
            panic!("it does not end: {:#?}", self.log());
        };
        let status = status.unwrap();
        // The rest of the log.
        self.reading.await.unwrap();
        let log = self.log.lock().unwrap().clone();
        Ended {
            code: status.code(),
            signal: status.signal(),
            log,
        }
    }
}

/// The real binary, without the variables of this process that it reads.
pub(crate) fn binary() -> std::process::Command {
    binary_at(env!("CARGO_BIN_EXE_amperity_exporter"))
}

/// The same, at another path.
pub(crate) fn binary_at(path: impl AsRef<OsStr>) -> std::process::Command {
    let mut command = std::process::Command::new(path);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AMPERITY_")) {
        command.env_remove(name);
    }
    command
}

/// An address of this host with a port that is free now.
pub(crate) fn free_address(host: [u8; 4]) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::from(host), 0)).unwrap();
    listener.local_addr().unwrap()
}

/// Collects the lines of a log.
pub(super) async fn read_log(stderr: impl AsyncRead + Unpin, log: Log) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        log.lock().unwrap().push(line);
    }
}
