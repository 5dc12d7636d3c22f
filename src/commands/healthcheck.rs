//! Asks a running exporter whether it is healthy, for images without a shell:
//! `HEALTHCHECK ["amperity_exporter", "healthcheck"]`. Plain HTTP on the
//! loopback address and nothing else, in a process of its own that lives for
//! one answer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::cli::Healthcheck;

/// More than a healthy exporter ever needs.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks once. Blocks.
///
/// # Errors
/// If there is no exporter, or if it is not healthy.
pub(super) fn run(options: &Healthcheck) -> io::Result<()> {
    let (address, mut stream) = connect(&options.listen_address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // In one piece: whoever answers early must not break what is left of it.
    let request =
        format!("GET /-/healthy HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(16).read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200") {
        return Ok(());
    }
    Err(io::Error::other(format!("not healthy: {}", said(&answer))))
}

/// The status, or what came in its place.
fn said(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    match text
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
    {
        Some(status) => format!("it answers {status}; its log says more"),
        None => "it does not answer in plain HTTP, which is all this check speaks".to_owned(),
    }
}

/// Connects to what listens on `listen`.
fn connect(listen: &str) -> io::Result<(SocketAddr, TcpStream)> {
    let listen = match listen.strip_prefix(':') {
        Some(port) => format!("localhost:{port}"),
        None => listen
            .replace("0.0.0.0:", "127.0.0.1:")
            .replace("[::]:", "[::1]:"),
    };
    let mut last = io::Error::other("no such address");
    for address in listen.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok((address, stream)),
            Err(error) => last = error,
        }
    }
    let kind = last.kind();
    let text = format!(
        "nothing answers at {listen}: {last}; is the exporter running, and is this its \
         --web.listen-address?"
    );
    Err(io::Error::new(kind, text))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn ask(answer: &'static str) -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen_address = format!(":{}", listener.local_addr().unwrap().port());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 256];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            assert!(request[..length].starts_with(b"GET /-/healthy "));
        });
        let result = run(&Healthcheck { listen_address });
        server.join().unwrap();
        result
    }

    #[test]
    fn only_an_answer_of_200_is_healthy() {
        ask("HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let error = ask("HTTP/1.1 503 Service Unavailable\r\n\r\n").unwrap_err();
        let told = error.to_string();
        assert_eq!(told, "not healthy: it answers 503; its log says more");
        let told = ask("").unwrap_err().to_string();
        assert!(told.contains("plain HTTP"), "{told}");
    }

    #[test]
    fn where_nothing_listens_the_error_names_the_address() {
        // Port 0 cannot be connected to.
        let listen_address = "127.0.0.1:0".to_owned();
        let error = run(&Healthcheck { listen_address }).unwrap_err();
        insta::assert_snapshot!(error, @"nothing answers at 127.0.0.1:0: Connection refused (os error 111); is the exporter running, and is this its --web.listen-address?");
    }
}
