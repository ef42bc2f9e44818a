//! The way to mfad's socket.
//!
//! The way is fixed, and each step of it is root's: `/run` is, so whoever owns `/run/mfad` was given
//! it by root, and what listens there must be that owner. systemd may listen for it, as root.
//! A caller of su or sudo has no part in it: no variable is read and no name is looked up. (S27)
//! The kernel tells who listened, as it was when that process called `listen`.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use mfa_proto::names;
use nix::errno::Errno;
use nix::sys;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, getsockopt, socket, sockopt};
use zbus::message::Message;

use crate::clock::Clock;
use crate::failed::Failed;
use crate::line::Line;

/// How long to wait before a socket that was absent or busy is tried again.
const RETRY: Duration = Duration::from_millis(20);
/// Group and others must not be able to put a socket of their own there.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// Where mfad is, and how long it may take. Fixed in the product; a test has its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The folder of the socket.
    pub(crate) folder: &'a Path,
    /// The socket.
    pub(crate) socket: &'a Path,
    /// The socket of the bus, which can start mfad.
    pub(crate) bus: &'a Path,
    /// How long everything between two prompts may take in all.
    pub(crate) span: Duration,
}

impl Place<'static> {
    /// The one place of the product.
    pub(crate) fn fixed() -> Self {
        Self {
            folder: Path::new(names::RUN_DIR),
            socket: Path::new(names::SOCKET),
            bus: Path::new(names::SYSTEM_BUS.trim_start_matches("unix:path=")),
            span: Duration::from_secs(names::CALL_SECONDS),
        }
    }
}

/// What one knock at the socket came to, when it was not a connection.
#[derive(Debug, PartialEq, Eq)]
enum Closed {
    /// Nobody listens.
    Absent,
    /// So many wait that there is no room: who listens hangs, or has much to do.
    Full,
    /// This is not to be tried again.
    Failed(Failed),
}

/// Connects to mfad, having it started by the bus when nobody listens.
pub(crate) fn reach(place: Place<'_>, clock: Clock) -> Result<OwnedFd, Failed> {
    let mut starting = None;
    loop {
        match knock(place) {
            Ok(socket) => return Ok(socket),
            Err(Closed::Failed(failed)) => return Err(failed),
            // The bus is asked once, and not waited for: one that hangs, or has no mfad to start,
            // must not keep us from an mfad that comes up by itself. Nothing that it says is
            // believed: what counts is whether there is then a socket, and whose.
            Err(Closed::Absent) if starting.is_none() => starting = start(place.bus, clock).ok(),
            Err(Closed::Absent | Closed::Full) => {}
        }
        clock.wait(RETRY).map_err(|_| Failed::Unreachable)?;
    }
}

/// Connects to the bus, waiting for room in its queue.
pub(crate) fn reach_bus(bus: &Path, clock: Clock) -> Result<OwnedFd, Failed> {
    loop {
        match connect(bus) {
            Ok(socket) => return Ok(socket),
            Err(Closed::Failed(failed)) => return Err(failed),
            Err(Closed::Absent) => return Err(Failed::Unreachable),
            Err(Closed::Full) => clock.wait(RETRY).map_err(|_| Failed::Unreachable)?,
        }
    }
}

/// Asks the bus to start mfad. What is handed back is to be kept until mfad is there: a bus may
/// forget a request whose caller is gone.
fn start(bus: &Path, clock: Clock) -> Result<Line, Failed> {
    let socket = connect(bus).map_err(|_| Failed::Unreachable)?;
    let dbus = "org.freedesktop.DBus";
    let request = Message::method_call("/org/freedesktop/DBus", "StartServiceByName")
        .destination(dbus)
        .interface(dbus)
        .build(&(names::BUS_NAME, 0_u32))?;
    let mut line = Line::to_bus(socket, clock)?;
    line.post(&request)?;
    Ok(line)
}

/// Connects to mfad once, and looks who is there before a byte is sent.
fn knock(place: Place<'_>) -> Result<OwnedFd, Closed> {
    let owner = owner(place.folder)?;
    let socket = connect(place.socket)?;
    let peer = getsockopt(&socket, sockopt::PeerCredentials).map_err(closed)?.uid();
    if peer != owner && peer != 0 {
        return Err(Closed::Failed(Failed::Untrusted("another user listens at the socket")));
    }
    Ok(socket)
}

/// Who owns the folder of the socket, if it is a folder that nobody else can write to.
fn owner(folder: &Path) -> Result<u32, Closed> {
    let found = match fs::symlink_metadata(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Closed::Absent),
        Err(error) => return Err(Closed::Failed(Failed::system(error))),
    };
    if !found.is_dir() {
        return Err(Closed::Failed(Failed::Untrusted("the folder of the socket is no folder")));
    }
    if found.mode() & OTHERS_MAY_WRITE != 0 {
        return Err(Closed::Failed(Failed::Untrusted("others can write to the folder of the socket")));
    }
    Ok(found.uid())
}

/// Connects without ever waiting: where the queue of a listener is full, a connection that could
/// wait would do so for ever.
fn connect(path: &Path) -> Result<OwnedFd, Closed> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(closed)?;
    let address = UnixAddr::new(path).map_err(closed)?;
    sys::socket::connect(socket.as_raw_fd(), &address).map_err(closed)?;
    Ok(socket)
}

fn closed(error: Errno) -> Closed {
    match error {
        Errno::ENOENT | Errno::ECONNREFUSED => Closed::Absent,
        Errno::EAGAIN | Errno::EINTR => Closed::Full,
        error => Closed::Failed(Failed::system(error)),
    }
}
