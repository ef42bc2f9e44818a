//! A login's socket, as zbus reads and writes it.
//!
//! Our own, since zbus asks NSS for all groups of a peer whose stream it is given: a scan of the
//! user database at each login, in a thread. Here the uid is known already, and no descriptor can
//! be passed in.

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
    sync::Arc,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use zbus::{
    connection::socket::{ReadHalf, Socket, Split, WriteHalf},
    export::async_trait::async_trait,
    fdo::ConnectionCredentials,
};
use zruntime::{Shared, net::unix::UnixStream};

use super::CallerUid;

/// An accepted connection and whose it is.
#[derive(Debug)]
pub(super) struct Stream {
    stream: Arc<UnixStream<Shared>>,
    peer: CallerUid,
}

impl Stream {
    pub(super) fn new(stream: UnixStream<Shared>, peer: CallerUid) -> Self {
        Self { stream: Arc::new(stream), peer }
    }

    fn credentials(&self) -> ConnectionCredentials {
        ConnectionCredentials::default().set_unix_user_id(self.peer.number())
    }
}

impl Socket for Stream {
    type ReadHalf = Self;
    type WriteHalf = Self;

    fn split(self) -> Split<Self, Self> {
        let other = Self { stream: Arc::clone(&self.stream), peer: self.peer };
        Split::new(self, other)
    }
}

#[async_trait]
impl ReadHalf for Stream {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        Ok(((&*self.stream).read(buffer).await?, Vec::new()))
    }

    async fn peer_credentials(&mut self) -> io::Result<ConnectionCredentials> {
        Ok(self.credentials())
    }
}

#[async_trait]
impl WriteHalf for Stream {
    async fn sendmsg(&mut self, buffer: &[u8], _: &[BorrowedFd<'_>]) -> io::Result<usize> {
        (&*self.stream).write(buffer).await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown(std::net::Shutdown::Both)
    }

    async fn peer_credentials(&mut self) -> io::Result<ConnectionCredentials> {
        Ok(self.credentials())
    }
}
