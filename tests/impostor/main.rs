//! `impostor`: a false mfad, to be run by an attacker inside a disposable machine.
//!
//! It says yes to everything: every login is proven, every locker's owner is whoever was asked for. So
//! whoever believes it has been fooled, and whoever does not has looked at who was speaking. Only 999999 it refuses, at
//! once, as mfad never does: for hosts that are to see many refusals.
//!
//! ```text
//! impostor bus ADDRESS NAME    owns org.mfad1 on the bus at ADDRESS, and claims that NAME is who calls
//! impostor socket PATH [FILE]  listens at PATH, peer to peer, as mfad does for root's logins; with FILE,
//!                              each proof is to be settled, and the text in FILE comes of it
//! ```
//!
//! Each call that it answers is a line on standard output, with the answer that it was given; `ready` is
//! the first line.
#![forbid(unsafe_code)]
#![allow(
    clippy::needless_pass_by_value,
    clippy::unused_self,
    clippy::used_underscore_binding,
    reason = "zbus wants methods with named, owned arguments, and the impostor looks at none of them"
)]

use std::collections::HashMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::ExitCode;

use mfa_proto::account::{Codes, Status};
use zbus::connection::Builder;
use zbus::{Connection, Guid, interface};

/// As `mfa_proto` has it: kind, reason, echo, seconds, token, text.
type Step = (u32, u32, bool, u32, Vec<u8>, String);

/// "The factor is proven, and nothing is left to settle."
fn proven(call: &str) -> Step {
    println!("{call}");
    (1, 0, false, 0, Vec::new(), String::new())
}

/// A question, so that whoever comes also types a code into it.
fn ask(call: &str) -> Step {
    println!("{call}");
    (0, 0, false, 100, b"any".to_vec(), "Verification code: ".into())
}

struct Authenticator {
    /// What comes of settling, where there is anything to settle.
    settled: Option<String>,
}

#[interface(name = "org.mfad1.Authenticator")]
impl Authenticator {
    fn begin(&self, _user: Vec<u8>, _service: Vec<u8>, _facts: HashMap<String, Vec<u8>>) -> Step {
        ask("Authenticator.Begin")
    }

    fn answer(&self, _token: Vec<u8>, answer: Vec<u8>) -> Step {
        let mut step = proven(&format!("Authenticator.Answer {}", answer.escape_ascii()));
        if answer == b"999999" {
            return (3, 3, false, 60, Vec::new(), "Not accepted.".into());
        }
        if self.settled.is_some() {
            step.4 = b"ticket".to_vec();
        }
        step
    }

    fn settle(&self, ticket: Vec<u8>) -> Step {
        let mut step = proven(&format!("Authenticator.Settle {}", ticket.escape_ascii()));
        step.5 = self.settled.clone().unwrap_or_default();
        step
    }
}

struct Locker;

#[interface(name = "org.mfad1.Locker")]
impl Locker {
    fn begin(&self, _service: Vec<u8>) -> Step {
        ask("Locker.Begin")
    }

    fn answer(&self, _token: Vec<u8>, _answer: Vec<u8>) -> Step {
        proven("Locker.Answer")
    }
}

struct Account {
    caller: String,
}

#[interface(name = "org.mfad1.Account")]
impl Account {
    fn status(&self) -> Status {
        println!("Account.Status");
        Status {
            user: self.caller.clone().into_bytes(),
            mode: "required".into(),
            factors: Vec::new(),
            codes: Codes::default(),
            locked: false,
            allowed: Vec::new(),
            grace_ends: 0,
            time: 0,
            remembered: 0,
        }
    }
}

async fn on_a_bus(address: &str, caller: String) -> zbus::Result<()> {
    let connection = Builder::address(address)
        .serve_at("/org/mfad1", Authenticator { settled: None })
        .serve_at("/org/mfad1", Locker)
        .serve_at("/org/mfad1", Account { caller })
        .name("org.mfad1")
        .build()
        .await?;
    println!("ready");
    connection.closed().await;
    Ok(())
}

fn at_a_socket(path: &str, settled: Option<String>) -> Result<(), Box<dyn std::error::Error>> {
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o666))?;
    println!("ready");
    for stream in listener.incoming() {
        println!("somebody came");
        let served = zbus::block_on(async {
            let builder = Builder::unix_stream(stream?).server(Guid::generate()).p2p();
            let authenticator = Authenticator { settled: settled.clone() };
            let connection: Connection = builder.serve_at("/org/mfad1", authenticator).build().await?;
            connection.closed().await;
            zbus::Result::Ok(())
        });
        drop(served); // who hangs up in the middle was no victim
    }
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["bus", address, caller] => {
            zbus::block_on(on_a_bus(address, caller.into())).map_err(|error| error.to_string())
        }
        ["socket", path] => at_a_socket(path, None).map_err(|error| error.to_string()),
        ["socket", path, file] => std::fs::read_to_string(file)
            .map_err(Into::into)
            .and_then(|text| at_a_socket(path, Some(text)))
            .map_err(|error| error.to_string()),
        _ => Err("usage: impostor bus ADDRESS NAME | impostor socket PATH [FILE]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(said) => {
            eprintln!("impostor: {said}");
            ExitCode::FAILURE
        }
    }
}
