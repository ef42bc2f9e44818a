//! Somebody lets a crowd of logins stand at the prompt, so that no other gets to it.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mfa_proto::facts::{self, Facts};
use mfa_proto::names::{AUTHENTICATOR, OBJECT_PATH};
use mfa_tests::{Machine, Stack};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use zbus::Message;
use zbus::message::Type;

use crate::people::enrolled;

/// More than mfad takes in all.
const CROWD: usize = 1400;
/// What one user may let stand, at su and sudo.
const OF_ONE_USER: usize = 32;

/// A login that su began, without su: root's end of mfad's socket, said hello to.
fn connect(machine: &Machine) -> io::Result<UnixStream> {
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

/// Begins the login that su begins for `caller`, and leaves it at the question. Whether it was asked.
fn begin(wire: &mut UnixStream, caller: &str) -> io::Result<bool> {
    let facts = Facts::from([
        (facts::RUSER.to_owned(), caller.as_bytes().to_vec()),
        (facts::FIRST_FACTOR.to_owned(), facts::REQUISITE.to_vec()), // it is the caller's own password
    ]);
    let call = Message::method_call(OBJECT_PATH, "Begin").and_then(|call| call.interface(AUTHENTICATOR));
    let call = call.and_then(|call| call.build(&(caller.as_bytes(), &b"su"[..], &facts))).expect("a call");
    wire.write_all(call.data())?;
    let mut head = [0; 16];
    wire.read_exact(&mut head)?;
    let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four")) as usize;
    let (body, fields) = (number(4), number(12));
    let mut rest = vec![0; fields.next_multiple_of(8) + body];
    wire.read_exact(&mut rest)?;
    Ok(head[1] == Type::MethodReturn as u8)
}

// S28, S11
#[test]
fn who_lets_a_thousand_logins_stand_at_the_prompt_keeps_nobody_else_from_it() {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit can be read");
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(8192).max(soft), hard).expect("a limit can be raised");
    let machine = Machine::new()
        .users(["root", "alice", "mallory"].map(enrolled))
        .pam("sshd", Stack::password_then_mfa())
        .pam("su", Stack::password_then_mfa())
        .settings("[service.su]\nsubject = \"caller\"\n")
        .start();
    machine.start_sshd();
    let mut silent = connect(&machine).expect("mfad accepts");

    let mut asked = Vec::new();
    for _ in 0..CROWD {
        // Where nobody is served any more, there is nothing to hold.
        let Ok(mut wire) = connect(&machine) else { continue };
        if begin(&mut wire, "mallory").unwrap_or(false) {
            asked.push(wire);
        }
    }
    assert_eq!(asked.len(), OF_ONE_USER, "of mallory's logins are asked");
    let further = machine.su("mallory").password("pw").assert_refused();
    assert!(further.code_prompts().is_empty(), "{further}");

    for user in ["root", "alice"] {
        let outcome = machine.ssh(user).password("pw").code(&machine.token(user).code()).assert_granted();
        let _ = outcome.assert_within(Duration::from_secs(2));
    }
    assert!(machine.log().wait_for("logins are turned away").contains("local uid"), "and it is told why");
    assert_eq!(machine.log().matching("logins are turned away").len(), 1, "once a minute");
    // What never asked anything was not kept either.
    let mut nothing = Vec::new();
    assert_eq!(silent.read_to_end(&mut nothing).expect("closed by mfad"), 0);
    // A login that is open stays so, and whoever hangs up leaves the seat.
    let mut first = asked.swap_remove(0);
    first.set_read_timeout(Some(Duration::from_millis(100))).expect("a time");
    assert_eq!(first.read(&mut [0]).expect_err("still open").kind(), io::ErrorKind::WouldBlock);
    drop(first);
    let again = || begin(&mut connect(&machine).expect("mfad accepts"), "mallory").expect("an answer");
    mfa_tests::wait::for_condition("a seat is free", Duration::from_secs(5), again);
}
