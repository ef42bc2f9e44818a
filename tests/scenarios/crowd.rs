//! Somebody lets a crowd of logins stand at the prompt, so that no other gets to it.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mfa_proto::facts::{self, Facts};
use mfa_tests::{Machine, Stack};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::people::enrolled;
use crate::wire::{self, connect};

/// More than mfad takes in all.
const CROWD: usize = 1400;
/// What one user may let stand, at su and sudo.
const OF_ONE_USER: usize = 32;

/// Begins the login that su begins for `caller`, whose own password was right. Whether it was asked.
fn begin(wire: &mut UnixStream, caller: &str) -> io::Result<bool> {
    let facts = Facts::from([
        (facts::RUSER.to_owned(), caller.as_bytes().to_vec()),
        (facts::FIRST_FACTOR.to_owned(), facts::REQUISITE.to_vec()),
    ]);
    wire::begin(wire, caller, "su", &facts)
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
        .settings("[policy]\nmode = \"optional\"\n[service.su]\nsubject = \"caller\"\n")
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
