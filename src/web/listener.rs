//! Listening sockets and connections, over TCP or a Unix socket.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::unix_socket::UnixSocket;

/// The kernel's buffer of unsent bytes of a connection, in bytes; Linux takes
/// twice as much. Without it, each client that does not read costs several MiB.
const SEND_BUFFER: usize = 128 * 1024;

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// Unix.
    Unix(UnixSocket),
}

/// A connection of a client.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Who connected. Clients of a Unix socket have no address.
#[derive(Clone, Copy, Debug)]
pub(super) enum Peer {
    Tcp(SocketAddr),
    Unix,
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl Listener {
    pub(super) fn poll_accept(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Stream, Peer)>> {
        Poll::Ready(Ok(match self {
            Self::Tcp(listener) => {
                let (stream, client) = ready!(listener.poll_accept(context))?;
                let _unimportant = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER);
                // Otherwise a small response may wait for an acknowledgement.
                let _unimportant = stream.set_nodelay(true);
                (Stream::Tcp(stream), Peer::Tcp(client))
            }
            Self::Unix(socket) => {
                let (stream, _) = ready!(socket.listener.poll_accept(context))?;
                let _unimportant = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER);
                (Stream::Unix(stream), Peer::Unix)
            }
        }))
    }
}

/// As `--web.listen-address` has it.
impl fmt::Display for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(formatter),
                Err(error) => error.fmt(formatter),
            },
            Self::Unix(socket) => write!(formatter, "unix:{}", socket.path().display()),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix => formatter.write_str("unix socket"),
        }
    }
}

impl Stream {
    /// Lets the kernel discard what is unsent when the connection is closed. Of
    /// a Unix socket it is in the client's queue, and goes with the client.
    pub(super) fn discard_unsent(&self) {
        if let Self::Tcp(stream) = self {
            let _unimportant = stream.set_zero_linger();
        }
    }
}

macro_rules! either {
    ($stream:expr, $pinned:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Tcp(stream) => {
                let $pinned = Pin::new(stream);
                $call
            }
            Stream::Unix(stream) => {
                let $pinned = Pin::new(stream);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(context))
    }
}
