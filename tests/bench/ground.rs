//! A machine to measure in, with its agent at the other end of a pipe.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use mfa_tests::Machine;

use crate::protocol::{Reply, Request};

/// Where the bench's own programs lie in a disposable machine.
const PROGRAMS: &str = "/opt/bench";

/// A machine that answers requests.
pub(crate) struct Ground {
    agent: Child,
    requests: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
    /// Kept, since a machine ends when it is dropped.
    _machine: Option<Machine>,
}

/// Where to measure.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// A disposable machine, with the product in it or without.
    Disposable { product: bool },
    /// A machine of another kind: the words of a command that runs what is appended in it (`ssh host`, `docker
    /// exec -i name`), where this program and `pam_host` lie in `/opt/bench`.
    Entered(&'a [String]),
}

impl Ground {
    /// Starts the machine and its agent.
    pub(crate) fn start(place: Place<'_>) -> io::Result<Self> {
        let agent = format!("{PROGRAMS}/bench");
        let (machine, mut command) = match place {
            Place::Disposable { product } => {
                let plan = if product { Machine::new() } else { Machine::bare() };
                let machine = plan.on_disk().start();
                let own = std::env::current_exe()?;
                for name in ["bench", "pam_host"] {
                    let program = fs::read(own.with_file_name(name))?;
                    machine.write(Path::new(PROGRAMS).join(name), 0o755, program);
                }
                let command = machine.command("root", &[&agent, "agent"]);
                (Some(machine), command)
            }
            Place::Entered(words) => {
                let (program, first) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
                let mut command = Command::new(program);
                command.args(first).args([&agent, "agent"]);
                (None, command)
            }
        };
        let mut agent = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let requests = agent.stdin.take();
        let replies = BufReader::new(agent.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        Ok(Self { agent, requests, replies, _machine: machine })
    }

    /// Asks for one thing and waits for it.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Reply, String> {
        let gone = |error: io::Error| format!("the agent is gone: {error}");
        let text = serde_json::to_string(request).map_err(|error| error.to_string())? + "\n";
        let requests = self.requests.as_mut().ok_or("the agent is gone")?;
        requests.write_all(text.as_bytes()).map_err(gone)?;
        let mut line = String::new();
        self.replies.read_line(&mut line).map_err(gone)?;
        match serde_json::from_str(&line) {
            Ok(Reply::Failed(why)) => Err(why),
            Ok(reply) => Ok(reply),
            Err(error) => Err(format!("the agent said {line:?}: {error}")),
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        drop(self.requests.take());
        let _ = self.agent.wait(); // it ends with its input
    }
}
