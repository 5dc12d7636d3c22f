//! The real binary as a process of its own, for what cannot be shown inside
//! one: signals, exit codes, and what a kill leaves behind.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::Response;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Page, http};

/// How long anything a test waits for may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const LISTEN: &str = "--web.listen-address";

/// A running exporter. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    log: Log,
    /// Where it listens, as soon as it says so.
    address: watch::Receiver<Option<SocketAddr>>,
    reading: JoinHandle<()>,
}

/// An exporter that is no more.
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
    /// Starts the binary with these arguments and waits until it is ready.
    /// It listens on a free port of loopback unless the arguments say where.
    pub(crate) async fn start(arguments: &[impl AsRef<OsStr>]) -> Self {
        let mut process = Self::spawn(arguments);
        process.until_ready().await;
        process
    }

    /// Starts the binary and waits for nothing.
    pub(crate) fn spawn(arguments: &[impl AsRef<OsStr>]) -> Self {
        let mut command = binary();
        command.args(arguments);
        Self::of(command)
    }

    /// Runs a [`binary`] with whatever it was given, and waits for nothing.
    pub(crate) fn of(mut command: std::process::Command) -> Self {
        let listens = |argument: &OsStr| argument.to_string_lossy().starts_with(LISTEN);
        if !command.get_args().any(listens) {
            command.arg(format!("{LISTEN}=127.0.0.1:0"));
        }
        let mut command = Command::from(command);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let log = Log::default();
        let (found, address) = watch::channel(None);
        let stderr = child.stderr.take().unwrap();
        let reading = tokio::spawn(read_log(stderr, Arc::clone(&log), "msg=listening ", found));
        Self {
            child,
            log,
            address,
            reading,
        }
    }

    /// Waits until it listens, and tells where.
    pub(crate) async fn listening(&mut self) -> SocketAddr {
        let listening = self.address.wait_for(Option::is_some);
        let address = match tokio::time::timeout(PATIENCE, listening).await {
            Ok(Ok(address)) => *address,
            _ => None,
        };
        address.unwrap_or_else(|| panic!("it does not listen: {:#?}", self.log()))
    }

    /// Waits until `/-/ready` says so.
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
        let ready = tokio::time::timeout(PATIENCE, ready).await;
        assert!(ready.is_ok(), "it does not get ready: {:#?}", self.log());
    }

    /// Status and body of a GET; `None` if nobody answers.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.get_as(path, "*/*").await?;
        Some((answer.status().as_u16(), answer.into_body()))
    }

    /// The whole answer to a GET, in a format that is asked for.
    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Option<Response<String>> {
        let address = (*self.address.borrow())?;
        http::get(address, path, accept).await
    }

    /// The metrics page.
    pub(crate) async fn page(&self) -> Page {
        let answer = self.get("/metrics").await;
        let (code, body) = answer.unwrap_or_else(|| panic!("no answer: {:#?}", self.log()));
        assert_eq!(code, 200, "{body}");
        Page(body)
    }

    /// What it wrote to standard error so far, line by line.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Ends it at once, as a crash would (SIGKILL).
    pub(crate) async fn kill(mut self) -> Ended {
        self.child.start_kill().unwrap();
        self.ended().await
    }

    /// Asks it to end (SIGTERM) and waits.
    pub(crate) async fn terminate(self) -> Ended {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Asks it to read its configuration again (SIGHUP).
    pub(crate) async fn hang_up(&self) {
        self.signal("HUP").await;
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap();
        let kill = format!("kill -{name} {id}");
        let sent = Command::new("sh").args(["-c", &kill]).status().await;
        assert!(sent.unwrap().success(), "{:#?}", self.log());
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(mut self) -> Ended {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let Ok(status) = ended else {
            panic!("it does not end: {:#?}", self.log());
        };
        let status = status.unwrap();
        // To the end of what it said.
        self.reading.await.unwrap();
        let log = self.log.lock().unwrap().clone();
        Ended {
            code: status.code(),
            signal: status.signal(),
            log,
        }
    }
}

/// The real binary, with nothing of our own environment that it would read.
pub(crate) fn binary() -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_amperity_exporter"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AMPERITY_")) {
        command.env_remove(name);
    }
    command
}

/// Keeps the lines of a log, and finds the address in the one that has `mark`.
pub(super) async fn read_log(
    stderr: impl AsyncRead + Unpin,
    log: Log,
    mark: &'static str,
    found: watch::Sender<Option<SocketAddr>>,
) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.contains(mark)
            && let Some((_, address)) = line.split_once("address=")
        {
            let address = address.split(' ').next().unwrap_or_default();
            found.send_replace(address.parse().ok());
        }
        log.lock().unwrap().push(line);
    }
}
