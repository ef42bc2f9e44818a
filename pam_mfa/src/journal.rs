//! Writes the module's lines to the system's log: `sudo[123]: pam_mfa(sudo:auth): LINE`.
//!
//! In the words of `pam_syslog`, but over a socket of our own. `pam_syslog` leaves libc's connection
//! to the log open in a host that had none, and waits for a log daemon that has stopped reading:
//! neither may happen to a login. It is what remains where there is no log to be reached by name,
//! as in a host that has changed its root since it opened its own connection. No time is written:
//! who receives a line over this socket knows when, and libc would read a time zone for it.

use std::os::fd::AsRawFd;
use std::process;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, sendto, socket};
use pam::module::PamHandle;

use crate::context::{Handle, Item};
use crate::record::{Phase, word};
use crate::shims;

/// Where the log listens, whichever daemon it is.
const LOG: &str = "/dev/log";
/// `LOG_AUTHPRIV`, as part of a priority.
const AUTHPRIV: i32 = 10 << 3;

/// How grave a line is (`<syslog.h>`; the same numbers on every Linux).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Somebody has to act: what answers at the socket is not mfad.
    Alert = 1,
    /// The module cannot do its work: mfad out of reach, or a bad argument.
    Error = 3,
    /// Set up in a way that has no effect.
    Warning = 4,
    /// A refusal.
    Notice = 5,
    /// A success.
    Info = 6,
    /// What `debug` asks for.
    Debug = 7,
}

/// Writes one line, without ever waiting. Its words are escaped already.
pub(crate) fn log(handle: &PamHandle, phase: Phase, level: Level, line: &str) {
    let service = word(&handle.item(Item::Service).unwrap_or_default());
    let (program, process) = (word(&shims::program()), process::id());
    let priority = AUTHPRIV | level as i32;
    let entry = format!("<{priority}>{program}[{process}]: pam_mfa({service}:{}): {line}", phase.in_short());
    match post(entry.as_bytes()) {
        // Full: the line is lost, and the login is not.
        Ok(_) | Err(Errno::EAGAIN | Errno::ENOBUFS) => {}
        Err(_) => shims::pam_log(handle, level as i32, line),
    }
}

fn post(entry: &[u8]) -> nix::Result<usize> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
    sendto(socket.as_raw_fd(), entry, &UnixAddr::new(LOG)?, MsgFlags::MSG_NOSIGNAL)
}
