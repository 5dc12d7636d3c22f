//! A listening Unix socket at a path. What a process that was killed left there
//! is replaced; a socket on which somebody listens, and anything else that is
//! there, is left alone.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

use super::listen::BACKLOG;

/// Owner and group may connect.
const MODE: u32 = 0o660;

/// A listening Unix socket. One that was bound here is removed when it is
/// dropped.
#[derive(Debug)]
pub struct UnixSocket {
    pub(super) listener: UnixListener,
    #[expect(dead_code, reason = "it removes the socket when it is dropped")]
    bound: Option<Bound>,
}

#[derive(Debug)]
struct Bound {
    path: PathBuf,
    identity: Identity,
}

/// Device and inode.
type Identity = (u64, u64);

impl UnixSocket {
    /// Binds a path. The mode is set before anybody can connect.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        let address = SockAddr::unix(path)?;
        remove_stale(path, &address)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&address)?;
        let bound = Bound {
            path: path.to_path_buf(),
            identity: identity(&path.symlink_metadata()?),
        };
        fs::set_permissions(path, Permissions::from_mode(MODE))?;
        socket.listen(BACKLOG.cast_signed())?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            listener: UnixListener::from_std(socket.into())?,
            bound: Some(bound),
        })
    }

    /// A socket that somebody else bound and will remove.
    pub(super) fn inherited(listener: UnixListener) -> Self {
        Self {
            listener,
            bound: None,
        }
    }

    /// Its path; empty if it has none.
    pub(super) fn path(&self) -> PathBuf {
        let address = self.listener.local_addr().ok();
        let path = address.as_ref().and_then(|address| address.as_pathname());
        path.map(Path::to_path_buf).unwrap_or_default()
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let present = self.path.symlink_metadata();
        if present.is_ok_and(|present| identity(&present) == self.identity) {
            let _unimportant = fs::remove_file(&self.path);
        }
    }
}

/// Removes the socket of a process that has ended.
fn remove_stale(path: &Path, address: &SockAddr) -> io::Result<()> {
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        let text = "there is something that is not a socket";
        return Err(io::Error::new(ErrorKind::AlreadyExists, text));
    }
    let client = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // With a full queue the connection would have to wait.
    client.set_nonblocking(true)?;
    match client.connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            let present = path.symlink_metadata()?;
            if identity(&present) == identity(&found) {
                fs::remove_file(path)?;
            }
            Ok(())
        }
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Err(ErrorKind::AddrInUse.into()),
    }
}

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_for_owner_and_group_and_is_removed_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exporter.sock");
        let socket = UnixSocket::bind(&path).unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        assert_eq!(socket.path(), path);
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exporter.sock");
        // A listener of the standard library leaves its socket behind.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = UnixSocket::bind(&path).unwrap();
        let error = UnixSocket::bind(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        tokio::net::UnixStream::connect(&path).await.unwrap();
        drop(socket);
    }

    #[tokio::test]
    async fn what_is_not_a_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exporter.sock");
        fs::write(&path, "precious").unwrap();
        let error = UnixSocket::bind(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn the_socket_of_a_successor_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exporter.sock");
        let socket = UnixSocket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let successor = UnixSocket::bind(&path).unwrap();
        drop(socket);
        tokio::net::UnixStream::connect(&path).await.unwrap();
        drop(successor);
    }
}
