//! Who calls. Identity is the uid that the kernel or the bus reports, never a pid, never what the
//! caller says; where there is none, there is no answer.

use mfa_proto::fault::Fault;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use zbus::{Connection, message::Header};
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

    /// Of a message's sender, asked of the bus at each call: a unique name is never used twice,
    /// so there is nothing to win by remembering.
    pub(super) async fn of_message(bus: &Connection, header: &Header<'_>) -> Result<Self, Failure> {
        let unknown = || Failure::new(Fault::NotPermitted, "the bus does not say who you are");
        let sender = header.sender().ok_or_else(unknown)?;
        let (name, path) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
        let reply = bus.call_method(Some(name), path, Some(name), "GetConnectionUnixUser", &(sender,)).await;
        let reply = reply.map_err(|_| unknown())?;
        reply.body().deserialize::<u32>().map(Self).map_err(|_| unknown())
    }
}
