//! A server that plays mfad or the bus, for the tests.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::thread;
use std::time::Duration;

use serde::Serialize;
use zbus::connection::Builder;
use zbus::export::futures_core::Stream;
use zbus::message::{Message, Type};
use zbus::{DynamicType, Guid, MessageStream};

use crate::socket::Place;

/// What the server does about one call.
pub(super) enum Move {
    /// Sends this.
    Send(Message),
    /// Sends this and hangs up.
    SendLast(Message),
    /// Hangs up.
    Close,
    /// Never replies.
    Hang,
}

/// Replies by a body of any shape.
pub(super) fn reply(call: &Message, body: &(impl Serialize + DynamicType)) -> Move {
    Move::Send(Message::method_return(&call.header()).build(body).unwrap())
}

/// Replies by an error.
pub(super) fn fault(call: &Message, name: &'static str) -> Move {
    Move::Send(Message::error(&call.header(), name).build(&"a sentence").unwrap())
}

/// A folder with a socket in it, and the socket of a bus.
pub(super) struct Site {
    root: tempfile::TempDir,
    pub(super) folder: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) bus_socket: PathBuf,
    pub(super) span: Duration,
}

impl Site {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        // Others may pass, as they may through /run.
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let folder = root.path().join("mfad");
        fs::create_dir(&folder).unwrap();
        let (socket, bus_socket) = (folder.join("pam.sock"), root.path().join("bus"));
        Self { root, folder, socket, bus_socket, span: Duration::from_secs(5) }
    }

    pub(super) fn patient_for(self, milliseconds: u64) -> Self {
        Self { span: Duration::from_millis(milliseconds), ..self }
    }

    pub(super) fn place(&self) -> Place<'_> {
        Place { folder: &self.folder, socket: &self.socket, bus: &self.bus_socket, span: self.span }
    }

    pub(super) fn root(&self) -> &Path {
        self.root.path()
    }
}

/// Serves at `socket`, a thread a connection; `moves` says what to do about each call.
pub(super) fn serve(socket: &Path, moves: impl Fn(&Message) -> Move + Clone + Send + 'static) {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let moves = moves.clone();
            thread::spawn(move || zbus::block_on(converse(stream.unwrap(), moves)));
        }
    });
}

async fn converse(stream: UnixStream, moves: impl Fn(&Message) -> Move) -> zbus::Result<()> {
    let connection = Builder::unix_stream(stream).server(Guid::generate()).p2p().build().await?;
    let mut calls = MessageStream::from(&connection);
    while let Some(call) = std::future::poll_fn(|context| Pin::new(&mut calls).poll_next(context)).await {
        let call = call?;
        if call.message_type() != Type::MethodCall {
            continue;
        }
        match moves(&call) {
            Move::Send(reply) => connection.send(&reply).await?,
            Move::SendLast(reply) => return connection.send(&reply).await,
            Move::Close => return Ok(()),
            Move::Hang => std::future::pending().await,
        }
    }
    Ok(())
}

/// The member that a call names.
pub(super) fn member(call: &Message) -> String {
    call.header().member().unwrap().to_string()
}
