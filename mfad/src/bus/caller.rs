//! Who calls. Identity is the uid that the kernel or the bus reports, never a pid, never what the
//! caller says; where there is none, there is no answer.

use std::{io::ErrorKind, time::Duration};

use mfa_proto::fault::Fault;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use zbus::{Connection, connection::Builder, message::Header};
use zruntime::{Shared, net::unix::UnixStream};

use crate::auth::Failure;

/// A caller's uid, as the kernel or the bus gave it. Only this module makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallerUid(u32);

impl CallerUid {
    /// The number.
    pub fn number(self) -> u32 {
        self.0
    }

    /// Root.
    pub fn is_root(self) -> bool {
        self.0 == 0
    }

    /// Of a socket's peer (`SO_PEERCRED`).
    pub(super) fn of_socket(stream: &UnixStream<Shared>) -> Option<Self> {
        getsockopt(stream, PeerCredentials).ok().map(|peer| Self(peer.uid()))
    }
}

/// Who asks the bus who calls, over a connection of its own: on the one that calls come over, the answers would lie
/// behind them, and a flood of calls would wait for itself.
#[derive(Clone)]
pub(super) struct Callers(Connection);

/// Why the bus did not say who calls.
pub(super) enum Unasked {
    /// It does not know, or does not say.
    Unknown(Failure),
    /// The connection is lost.
    Lost,
}

impl Callers {
    /// How long the bus may take.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// Connects to the bus at `address`.
    pub(super) async fn connect(address: &str) -> zbus::Result<Self> {
        Builder::address(address).method_timeout(Self::PATIENCE).build().await.map(Self)
    }

    /// The uid of a message's sender, asked at each call: a unique name is never used twice, so there is nothing to
    /// win by remembering.
    pub(super) async fn of_message(&self, header: &Header<'_>) -> Result<CallerUid, Unasked> {
        let unknown =
            || Unasked::Unknown(Failure::new(Fault::NotPermitted, "the bus does not say who you are"));
        let sender = header.sender().ok_or_else(unknown)?;
        let (name, path) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
        let reply =
            self.0.call_method(Some(name), path, Some(name), "GetConnectionUnixUser", &(sender,)).await;
        let reply = reply.map_err(|error| match error {
            zbus::Error::MethodError(..) => unknown(),
            zbus::Error::InputOutput(error) if error.kind() == ErrorKind::TimedOut => unknown(),
            _ => Unasked::Lost,
        })?;
        reply.body().deserialize::<u32>().map(CallerUid).map_err(|_| unknown())
    }
}
