//! mfad's socket without a login host: what a host says, said by a test. Root's end, for whoever may be root.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mfa_proto::facts::Facts;
use mfa_proto::names::{AUTHENTICATOR, OBJECT_PATH};
use mfa_tests::Machine;
use zbus::Message;
use zbus::message::Type;

/// A connection to the mfad of `machine`, said hello to.
pub(crate) fn connect(machine: &Machine) -> io::Result<UnixStream> {
    let mut wire = UnixStream::connect(format!("/proc/{}/root/run/mfad/pam.sock", machine.pid()))?;
    wire.set_read_timeout(Some(Duration::from_secs(10)))?;
    wire.write_all(b"\0AUTH EXTERNAL 30\r\n")?;
    let mut said = Vec::new();
    while !said.ends_with(b"\r\n") {
        let mut byte = [0];
        wire.read_exact(&mut byte)?;
        said.push(byte[0]);
    }
    assert!(said.starts_with(b"OK "), "{}", said.escape_ascii());
    wire.write_all(b"BEGIN\r\n")?;
    Ok(wire)
}

/// Begins a login, and leaves it at the question. Whether it was asked.
pub(crate) fn begin(wire: &mut UnixStream, user: &str, service: &str, facts: &Facts) -> io::Result<bool> {
    let call = Message::method_call(OBJECT_PATH, "Begin").interface(AUTHENTICATOR);
    let call = call.build(&(user.as_bytes(), service.as_bytes(), facts)).expect("a call");
    wire.write_all(call.data())?;
    let mut head = [0; 16];
    wire.read_exact(&mut head)?;
    let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four")) as usize;
    let (body, fields) = (number(4), number(12));
    let mut rest = vec![0; fields.next_multiple_of(8) + body];
    wire.read_exact(&mut rest)?;
    Ok(head[1] == Type::MethodReturn as u8)
}
