//! Logins in forked children, some of them at one time, as sshd has them.
//!
//! The parent never starts PAM itself, so that each child loads its modules afresh. A child sends one small
//! record through a pipe, which a pipe passes whole, and ends.

use std::collections::HashMap;
use std::io::{self, Read, Write, pipe};
use std::time::Instant;

use mfa_tests::libpam::{Code, in_child};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::wait::wait;
use serde_json::{Value, json};

use crate::args::{Args, Visitor};
use crate::login;

/// The visitor's index, the time of the login in nanoseconds, and the PAM code.
const RECORD_BYTES: usize = 8 + 8 + 4;

/// What became of all of them.
pub(crate) struct Children {
    logins: Vec<Login>,
    /// From the first fork to the end of the last child, in nanoseconds.
    all_ns: u64,
}

struct Login {
    /// Absent where the child ended without a word.
    code: Option<Code>,
    inside_ns: u64,
    /// From before the fork to after the child's end.
    around_ns: u64,
}

/// Logs all visitors in, `args.at_once` of them at a time.
pub(crate) fn all<'v>(args: &Args, visitors: impl Iterator<Item = &'v Visitor>) -> io::Result<Children> {
    let (mut reader, mut writer) = pipe()?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let mut logins = Vec::with_capacity(args.count);
    let mut running = HashMap::new();
    let mut visitors = visitors.enumerate();
    let started = Instant::now();
    loop {
        while running.len() < args.at_once.max(1)
            && let Some((index, visitor)) = visitors.next()
        {
            logins.push(Login { code: None, inside_ns: 0, around_ns: 0 });
            let forked = Instant::now();
            let child = in_child(|| {
                let record = login::once(args, visitor);
                let sent = writer.write_all(&packed(index, record.total_ns, record.result()));
                u8::from(sent.is_err() || !record.granted())
            })?;
            running.insert(child, (index, forked));
        }
        if running.is_empty() {
            break;
        }
        let ended = wait()?.pid().map_or(0, nix::unistd::Pid::as_raw);
        if let Some((index, forked)) = running.remove(&ended) {
            logins[index].around_ns = login::elapsed_ns(forked);
        }
        collect(&mut reader, &mut logins);
    }
    Ok(Children { logins, all_ns: login::elapsed_ns(started) })
}

/// Takes what children have sent so far: their records come before their ends.
fn collect(reader: &mut impl Read, logins: &mut [Login]) {
    let mut bytes = [0; RECORD_BYTES];
    while reader.read_exact(&mut bytes).is_ok() {
        let (index, rest) = bytes.split_at(8);
        let (time, code) = rest.split_at(8);
        let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
        let Some(login) = usize::try_from(number(index)).ok().and_then(|index| logins.get_mut(index)) else {
            continue;
        };
        login.inside_ns = number(time);
        login.code = code.try_into().ok().map(|code| Code(i32::from_ne_bytes(code)));
    }
}

fn packed(index: usize, time_ns: u64, code: Code) -> [u8; RECORD_BYTES] {
    let mut bytes = [0; RECORD_BYTES];
    bytes[..8].copy_from_slice(&(index as u64).to_ne_bytes());
    bytes[8..16].copy_from_slice(&time_ns.to_ne_bytes());
    bytes[16..].copy_from_slice(&code.0.to_ne_bytes());
    bytes
}

impl Children {
    /// Whether all were let in.
    pub(crate) fn granted(&self) -> bool {
        self.logins.iter().all(|login| login.code.is_some_and(Code::is_success))
    }

    /// One entry a login, in the order of the visitors.
    pub(crate) fn to_json(&self) -> Value {
        let each = |value: fn(&Login) -> Value| self.logins.iter().map(value).collect::<Vec<_>>();
        json!({
            "all_ns": self.all_ns,
            "results": each(|login| json!(login.code.map_or("no word", Code::name))),
            "total_ns": each(|login| json!(login.inside_ns)),
            "around_ns": each(|login| json!(login.around_ns)),
        })
    }
}
