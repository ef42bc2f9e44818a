//! One D-Bus connection, used without a runtime.
//!
//! A login makes one call after another and waits for each, so there is nothing to schedule: one
//! descriptor, no thread, no task, and the user's typing is just time between two calls. zbus makes
//! the messages and reads them; the bytes go out and come in here, never without a deadline.
//!
//! ```text
//!   ─► AUTH EXTERNAL uid · BEGIN · first call       all in one write: nothing that is said
//!   ◄─ OK guid                                      depends on the answer
//!   ◄─ first reply
//!   ─► next call …
//! ```

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, send};
use nix::unistd::geteuid;
use zbus::connection::socket::ReadHalf;
use zbus::export::async_trait::async_trait;
use zbus::message::{Body, Message, Type};

use crate::clock::Clock;
use crate::failed::Failed;

/// How much is read at once.
const CHUNK: usize = 4096;
/// The longest answer to a handshake, in bytes.
const LONGEST_LINE: usize = 256;
/// The longest body of a message, and the longest list of its header's fields, in bytes. A prompt
/// is a screenful; zbus alone would make room for 128 MiB in a login process.
const LONGEST: u32 = 64 << 10;
/// As much of a message as tells its lengths, in bytes.
const LENGTHS: usize = 16;

/// A connection to mfad, or to the bus.
#[derive(Debug)]
pub(crate) struct Line {
    incoming: Incoming,
    /// What goes out before the first call; empty once it has.
    greeting: Vec<u8>,
}

/// What comes in.
#[derive(Debug)]
struct Incoming {
    socket: OwnedFd,
    /// Read from the socket, and not yet taken.
    bytes: Vec<u8>,
    clock: Clock,
    /// Why reading failed, kept past the errors of zbus, which cannot hold it.
    failed: Option<Failed>,
}

impl Line {
    /// Takes over a connected socket, whose peer has been looked at.
    pub(crate) fn to_peer(socket: OwnedFd, clock: Clock) -> Self {
        Self { incoming: Incoming { socket, bytes: Vec::new(), clock, failed: None }, greeting: handshake() }
    }

    /// Takes over a socket that is connected to the bus, which wants to be told hello first.
    pub(crate) fn to_bus(socket: OwnedFd, clock: Clock) -> Result<Self, Failed> {
        let mut line = Self::to_peer(socket, clock);
        let dbus = "org.freedesktop.DBus";
        let hello = Message::method_call("/org/freedesktop/DBus", "Hello").destination(dbus).interface(dbus);
        line.greeting.extend_from_slice(hello.build(&())?.data());
        Ok(line)
    }

    /// From now on, this is the time there is.
    pub(crate) fn set_clock(&mut self, clock: Clock) {
        self.incoming.clock = clock;
    }

    /// Sends a call and waits for its reply. What else comes in is not for us: the bus tells us our
    /// name, for one.
    pub(crate) fn call(&mut self, call: &Message) -> Result<Body, Failed> {
        let greeted = self.greeting.is_empty();
        self.post(call)?;
        if !greeted && !self.incoming.line()?.starts_with(b"OK ") {
            return Err(Failed::Fault("handshake refused".into()));
        }
        loop {
            let message = self.incoming.message()?;
            if message.header().reply_serial() != Some(call.primary_header().serial_num()) {
                continue;
            }
            match message.message_type() {
                Type::MethodReturn => return Ok(message.body()),
                Type::Error => return Err(zbus::Error::from(message).into()),
                Type::MethodCall | Type::Signal => {}
            }
        }
    }

    /// Sends a call, after the greeting if that has not gone out yet, and waits for nothing.
    pub(crate) fn post(&mut self, call: &Message) -> Result<(), Failed> {
        let mut bytes = std::mem::take(&mut self.greeting);
        if bytes.is_empty() {
            return self.incoming.send(call.data());
        }
        bytes.extend_from_slice(call.data());
        self.incoming.send(&bytes)
    }
}

impl Incoming {
    fn send(&self, mut bytes: &[u8]) -> Result<(), Failed> {
        while !bytes.is_empty() {
            // A peer that is gone is an error, not a signal that would end the host.
            match send(self.socket.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(Errno::EAGAIN) => self.wait(PollFlags::POLLOUT)?,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        Ok(())
    }

    /// Reads at least one more byte.
    fn more(&mut self) -> Result<(), Failed> {
        let mut chunk = [0; CHUNK];
        loop {
            self.wait(PollFlags::POLLIN)?;
            match recv(self.socket.as_raw_fd(), &mut chunk, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => return Err(Failed::Lost),
                Ok(length) => {
                    self.bytes.extend_from_slice(&chunk[..length]);
                    return Ok(());
                }
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
    }

    /// Waits until the socket is ready, or the time is over.
    fn wait(&self, events: PollFlags) -> Result<(), Failed> {
        loop {
            let left = self.clock.left()?.as_millis() + 1; // rounded up, or the last one would spin
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.socket.as_fd(), events)], timeout) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(Failed::system(error)),
            }
        }
    }

    /// The next line of a handshake, without its end.
    fn line(&mut self) -> Result<Vec<u8>, Failed> {
        loop {
            if let Some(end) = self.bytes.windows(2).position(|two| two == b"\r\n") {
                let line = self.bytes[..end].to_vec();
                self.bytes.drain(..end + 2);
                return Ok(line);
            }
            if self.bytes.len() > LONGEST_LINE {
                return Err(Failed::NotUnderstood);
            }
            self.more()?;
        }
    }

    /// The next message, as zbus reads it. Its bytes come from [`Incoming::recvmsg`], which waits by
    /// itself, so the future is done when it is first looked at.
    fn message(&mut self) -> Result<Message, Failed> {
        while self.bytes.len() < LENGTHS {
            self.more()?;
        }
        if self.number_at(4) > LONGEST || self.number_at(12) > LONGEST {
            return Err(Failed::NotUnderstood);
        }
        let (mut before, mut descriptors) = (Vec::new(), Vec::new());
        let looked_at = {
            let reading = pin!(self.receive_message(0, &mut before, &mut descriptors));
            reading.poll(&mut Context::from_waker(Waker::noop()))
        };
        match looked_at {
            Poll::Ready(Ok(message)) => Ok(message),
            Poll::Ready(Err(error)) => Err(self.failed.take().unwrap_or_else(|| error.into())),
            Poll::Pending => Err(Failed::NotUnderstood),
        }
    }

    /// A number of the message that comes next, in the order of bytes that its first byte names.
    fn number_at(&self, place: usize) -> u32 {
        let bytes = [0, 1, 2, 3].map(|n| self.bytes[place + n]);
        if self.bytes[0] == b'B' { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

#[async_trait]
impl ReadHalf for Incoming {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        if self.bytes.is_empty()
            && let Err(failed) = self.more()
        {
            self.failed = Some(failed);
            return Err(io::ErrorKind::Other.into());
        }
        let length = buffer.len().min(self.bytes.len());
        buffer[..length].copy_from_slice(&self.bytes[..length]);
        self.bytes.drain(..length);
        Ok((length, Vec::new()))
    }
}

/// What a client says to begin with: who it is, which the kernel tells the peer anyway.
fn handshake() -> Vec<u8> {
    let uid: String = geteuid().to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
    format!("\0AUTH EXTERNAL {uid}\r\nBEGIN\r\n").into_bytes()
}

#[cfg(test)]
mod tests;
