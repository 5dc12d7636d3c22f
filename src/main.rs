//! Parses the command line, runs the command and maps its error to an exit
//! code: 1 for a failure at run time, 2 for bad usage or configuration.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use amperity_exporter::{cli, commands};
use anyhow::Context;

/// The system's allocator keeps memory for each thread that once rendered or
/// parsed a large answer. The feature `no_thp` is set because huge pages stay
/// resident when most of their contents are freed: they doubled the memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bad usage or configuration; the message says what to fix.
const USAGE: u8 = 2;

/// How long a write of the state may take at shutdown. A name lookup or a
/// remote file system may never return.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os(), |name| std::env::var_os(name)) {
        Ok(command) => command,
        Err(error) => error.exit(),
    };
    let outcome = tokio::runtime::Runtime::new()
        .context("cannot start the runtime")
        .and_then(|runtime| {
            let outcome = runtime.block_on(commands::run(command));
            runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
            outcome
        });
    outcome.unwrap_or_else(|error| {
        let message = commands::describe(&error);
        let _ = writeln!(io::stderr(), "amperity_exporter: {message}");
        ExitCode::from(if commands::is_usage(&error) { USAGE } else { 1 })
    })
}
