//! Inside a machine: does what the bench asks, and tells what it saw.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::enrol;
use crate::logins::Logins;
use crate::protocol::{Memory, Reply, Request};
use crate::setup;

/// Seconds of a step: the default of RFC 6238, section 4.1.
const PERIOD_SECONDS: u64 = 30;

/// Answers requests from standard input until it ends.
pub(crate) fn serve() -> io::Result<()> {
    let mut agent = Agent { logins: None, last_step: 0 };
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let reply = match serde_json::from_str(&line?) {
            Ok(request) => agent.answer(&request).unwrap_or_else(Reply::Failed),
            Err(error) => Reply::Failed(error.to_string()),
        };
        let mut text = serde_json::to_string(&reply)?;
        text.push('\n');
        output.write_all(text.as_bytes())?;
        output.flush()?;
    }
    Ok(())
}

struct Agent {
    /// There once the people are.
    logins: Option<Logins>,
    /// The latest step of which a code may have been used.
    last_step: u64,
}

impl Agent {
    /// Does one thing. A failure is told in words, to be printed outside.
    fn answer(&mut self, request: &Request) -> Result<Reply, String> {
        match request {
            Request::Prepare(scene) => {
                setup::prepare(scene).map_err(|error| format!("setting up: {error}"))?;
                self.logins = Some(Logins::new(scene).map_err(|error| error.to_string())?);
                return Ok(Reply::Done);
            }
            Request::NewStep => {
                while step_now() <= self.last_step {
                    std::thread::sleep(Duration::from_millis(50));
                }
                return Ok(Reply::Done);
            }
            Request::Memory => return Ok(Reply::Memory(memory())),
            _ => {}
        }
        let logins = self.logins.as_ref().ok_or("nothing is set up yet")?;
        let reply = match *request {
            Request::Enrol { count } => enrol::enrol_many(logins.town(), count).map(|()| Reply::Done),
            Request::Fresh { stack, first, count } => {
                logins.forked(stack, first, count, 1).map(|(samples, _)| Reply::Samples(samples))
            }
            Request::OneProcess { stack, first, count } => {
                logins.one_process(stack, first, count).map(Reply::Samples)
            }
            Request::AtOnce { stack, first, count, at_once } => {
                let burst = logins.forked(stack, first, count, at_once);
                burst.map(|(samples, all_ns)| Reply::Burst { samples, all_ns })
            }
            Request::Left { stack, first, count } => logins.left(stack, first, count).map(Reply::Left),
            Request::Prepare(_) | Request::NewStep | Request::Memory => Ok(Reply::Done), // answered above
        };
        self.last_step = step_now();
        reply
    }
}

fn step_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs()) / PERIOD_SECONDS
}

/// What mfad takes, where one runs in this machine.
fn memory() -> Option<Memory> {
    let processes = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
    let mfad = processes.into_iter().find(|process| {
        fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim_end() == "mfad")
    })?;
    let status = fs::read_to_string(mfad.join("status")).ok()?;
    let rollup = fs::read_to_string(mfad.join("smaps_rollup")).ok()?;
    let entries = |folder: &Path| fs::read_dir(folder).map_or(0, Iterator::count);
    Some(Memory {
        resident_kib: line_value(&status, "VmRSS:")?,
        proportional_kib: line_value(&rollup, "Pss:")?,
        threads: u32::try_from(entries(&mfad.join("task"))).ok()?,
        descriptors: u32::try_from(entries(&mfad.join("fd"))).ok()?,
    })
}

/// The number behind `name` at the start of a line.
fn line_value(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}
