//! Listening sockets: addresses as Prometheus components write them (`:10109`,
//! `0.0.0.0:80`, `[::1]:80`, `localhost:80`), Unix sockets
//! (`unix:/run/amperity_exporter.sock`), or sockets passed by systemd.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpSocket, UnixListener, lookup_host};

use super::listener::Listener;
use super::unix_socket::UnixSocket;

/// Connections the kernel queues until they are accepted, so that a burst does
/// not make a scrape wait for a retransmission.
pub(super) const BACKLOG: u32 = 4096;

/// There is no socket to listen on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is malformed: a usage error.
    #[error(
        "listen address {0:?}: expected HOST:PORT or :PORT, such as 127.0.0.1:10109; \
         the exporter can also listen on unix:PATH"
    )]
    Address(String),
    /// The address cannot be used.
    #[error("cannot listen on {0}: {1}")]
    Bind(String, #[source] io::Error),
    /// systemd passed no socket.
    #[error(
        "--web.systemd-socket: systemd passed no socket; \
         start the service through its .socket unit (ListenStream=)"
    )]
    NoInheritedSocket,
    /// A socket passed by systemd cannot be used.
    #[error(
        "cannot use the socket passed by systemd: {0}; \
         its .socket unit must have ListenStream= and Accept=no"
    )]
    Inherited(#[source] io::Error),
}

/// Binds every address. `:PORT` means all addresses of the machine, IPv6 and
/// IPv4, or IPv4 alone on a machine without IPv6. `unix:PATH` is a Unix socket
/// for owner and group.
///
/// # Errors
/// If one of them is malformed or cannot be bound.
pub async fn bind(addresses: &[String]) -> Result<Vec<Listener>, ListenError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        if let Some(path) = unix_path(address) {
            let socket = UnixSocket::bind(path);
            let socket = socket.map_err(|error| ListenError::Bind(address.clone(), error))?;
            listeners.push(Listener::Unix(socket));
        } else {
            let bound = bind_tcp(std::slice::from_ref(address)).await?;
            listeners.extend(bound.into_iter().map(Listener::Tcp));
        }
    }
    Ok(listeners)
}

/// As [`bind`], without Unix sockets.
///
/// # Errors
/// As those of `bind`.
pub async fn bind_tcp(addresses: &[String]) -> Result<Vec<TcpListener>, ListenError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let (host, port) = split(address).ok_or_else(|| ListenError::Address(address.clone()))?;
        let bound = if host.is_empty() {
            bind_all(port)
        } else {
            bind_host(host, port).await.map(|one| vec![one])
        };
        listeners.extend(bound.map_err(|error| ListenError::Bind(address.clone(), error))?);
    }
    Ok(listeners)
}

/// The path of a Unix socket's address.
pub(crate) fn unix_path(address: &str) -> Option<&Path> {
    let path = address.trim().strip_prefix("unix:");
    path.filter(|path| !path.is_empty()).map(Path::new)
}

/// The sockets that systemd opened for this process.
///
/// # Errors
/// If there is none, or one that is not a listening TCP or Unix socket.
pub fn inherited() -> Result<Vec<Listener>, ListenError> {
    let mut handed = ListenFd::from_env();
    let mut listeners = Vec::with_capacity(handed.len());
    for index in 0..handed.len() {
        let taken = take(&mut handed, index).map_err(ListenError::Inherited)?;
        listeners.extend(taken);
    }
    if listeners.is_empty() {
        return Err(ListenError::NoInheritedSocket);
    }
    Ok(listeners)
}

/// An inherited socket. One that is not of a kind is still there to be taken as
/// another.
fn take(handed: &mut ListenFd, index: usize) -> io::Result<Option<Listener>> {
    if let Ok(Some(socket)) = handed.take_unix_listener(index) {
        socket.set_nonblocking(true)?;
        let listener = UnixListener::from_std(socket)?;
        return Ok(Some(Listener::Unix(UnixSocket::inherited(listener))));
    }
    let Some(socket) = handed.take_tcp_listener(index)? else {
        return Ok(None);
    };
    socket.set_nonblocking(true)?;
    Ok(Some(Listener::Tcp(TcpListener::from_std(socket)?)))
}

/// Usually one IPv6 socket accepts IPv4 connections too. Where the kernel keeps
/// the two apart, a second socket is needed; elsewhere binding it fails because
/// the first has the address.
fn bind_all(port: u16) -> io::Result<Vec<TcpListener>> {
    let Ok(both) = listen(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) else {
        let only = listen(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
        return Ok(vec![only]);
    };
    let port = both.local_addr()?.port();
    match listen(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))) {
        Ok(second) => Ok(vec![both, second]),
        Err(_) => Ok(vec![both]),
    }
}

/// The first address of a host that can be bound.
async fn bind_host(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut failed = io::ErrorKind::AddrNotAvailable.into();
    for address in lookup_host((host, port)).await? {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart does not wait for connections of the old process to time out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.trim().rsplit_once(':')?;
    let port = port.parse().ok()?;
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']')?,
        // `::1:80` is ambiguous.
        None if host.contains(':') => return None,
        None => host,
    };
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_at_its_last_colon_and_ipv6_needs_brackets() {
        assert_eq!(split(":10109"), Some(("", 10109)));
        assert_eq!(split("[::1]:80"), Some(("::1", 80)));
        assert_eq!(split("0.0.0.0:80"), Some(("0.0.0.0", 80)));
        assert_eq!(split("localhost:0"), Some(("localhost", 0)));
        for wrong in ["10109", "::1:80", "[::1:80", "host:http", "host:70000", ""] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_port_alone_listens_on_ipv4() {
        let listeners = bind_tcp(&[":0".into(), "127.0.0.1:0".into()])
            .await
            .unwrap();
        assert!(listeners.len() >= 2);
        let port = listeners[0].local_addr().unwrap().port();
        tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn an_address_in_use_is_an_error_that_names_it() {
        let first = bind(&["127.0.0.1:0".into()]).await.unwrap();
        let address = first[0].to_string();
        let error = bind(std::slice::from_ref(&address)).await.unwrap_err();
        assert!(error.to_string().contains(&address), "{error}");
    }
}
