//! Entering a machine that runs: commands and files, for everything that holds on to it.

use std::io::{Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::syslog::Log;
use crate::wait;

/// The environment that commands start with, whatever the environment of the tests is.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long a command of [`Inside::exec`] may take before it fails its test.
const EXEC_PATIENCE: Duration = Duration::from_secs(60);

/// How long output may lag behind the end of its command, where something that it left holds the pipe open.
const LAG: Duration = Duration::from_millis(200);

/// A way into a machine. It keeps nothing alive: the machine ends when its `Machine` is dropped.
#[derive(Debug, Clone)]
pub struct Inside {
    pid: u32,
    /// Whose network it has.
    net: u32,
    log: Arc<Log>,
}

/// What a command inside did.
#[derive(Debug, Clone)]
#[must_use]
pub struct Ran {
    /// The command, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// What it printed to standard error.
    pub stderr: String,
}

impl Ran {
    /// Its standard output, where it succeeded; panics with all of it where not.
    pub fn stdout_of_success(self) -> String {
        assert!(self.status.success(), "{self}");
        self.stdout
    }

    /// Panics where it did not end with exit code `code`.
    pub fn assert_exit(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self}");
        self
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`{}`: {}\n--- stdout\n{}\n--- stderr\n{}",
            self.command, self.status, self.stdout, self.stderr
        )
    }
}

impl Inside {
    /// A way into the machine whose process 1 is `pid` as the host counts.
    pub(crate) fn new(pid: u32, log: Arc<Log>) -> Self {
        Self { pid, net: pid, log }
    }

    /// The machine's process 1, as the host counts.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The same machine at the other's network: its clients reach the servers of that one.
    #[must_use]
    pub fn at_the_network_of(&self, other: &Self) -> Self {
        Self { net: other.pid, ..self.clone() }
    }

    /// What the machine's programs sent to syslog.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A command that enters the machine as `user` (root may be named too), with a clean environment.
    ///
    /// The rights of the user are those of a login, without PAM having been asked: no session, no tty.
    pub fn command(&self, user: &str, argv: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["-t", &self.pid.to_string(), "-m", "-u", "-i", &format!("-n/proc/{}/ns/net", self.net)])
            .args(["-p", "-C", "-r", "-w", "--"])
            .args(["env", "-i", PATH, "LANG=C.UTF-8", "TERM=xterm"])
            .arg(format!("USER={user}"))
            .arg(if user == "root" { "HOME=/root".into() } else { format!("HOME=/home/{user}") });
        if user != "root" {
            let (uid, gid) = self.ids(user);
            command.args(["setpriv", &format!("--reuid={uid}"), &format!("--regid={gid}"), "--init-groups"]);
            command.args(["--inh-caps=-all", "--"]);
        }
        command.args(argv);
        command
    }

    /// Runs a command as root and waits for its end.
    pub fn exec(&self, argv: &[&str]) -> Ran {
        self.exec_as("root", argv)
    }

    /// Runs a command as `user` and waits for its end.
    pub fn exec_as(&self, user: &str, argv: &[&str]) -> Ran {
        self.exec_with(user, argv, b"")
    }

    /// Runs a command as `user`, with `input` on its standard input, and waits for its end, not for the end of
    /// what it left running.
    pub fn exec_with(&self, user: &str, argv: &[&str], input: &[u8]) -> Ran {
        let mut child = self
            .command(user, argv)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("nsenter starts");
        let stdout = Collected::from(child.stdout.take().expect("piped"));
        let stderr = Collected::from(child.stderr.take().expect("piped"));
        let mut stdin = child.stdin.take().expect("piped");
        let _ = stdin.write_all(input); // a command need not read what it is given
        drop(stdin);
        let command = argv.join(" ");
        let ended = wait::until(EXEC_PATIENCE, || child.try_wait().transpose());
        let Some(status) = ended else {
            let _ = child.kill();
            panic!("`{command}` did not end in {EXEC_PATIENCE:?}: {} {}", stdout.text(), stderr.text());
        };
        let status = status.expect("a child can be waited for");
        Ran { command, status, stdout: stdout.text(), stderr: stderr.text() }
    }

    /// Runs a shell script as root; panics where it fails.
    pub fn shell(&self, script: &str) -> String {
        self.exec(&["bash", "-euc", script]).stdout_of_success()
    }

    /// The uid and gid of a user, from the machine's `/etc/passwd`.
    pub fn ids(&self, user: &str) -> (u32, u32) {
        let passwd = self.read("/etc/passwd");
        let mut fields = passwd
            .lines()
            .map(|line| line.split(':'))
            .find(|line| line.clone().next() == Some(user))
            .unwrap_or_else(|| panic!("{user} is no user of this machine"))
            .skip(2)
            .map(|id| id.parse().expect("an id is a number"));
        (fields.next().expect("a uid"), fields.next().expect("a gid"))
    }
}

/// The output of a command, read while it runs.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Collected {
    fn from(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let (end, ended) = mpsc::channel();
        let collecting = Arc::clone(&bytes);
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                collecting.lock().unwrap_or_else(PoisonError::into_inner).extend(&buffer[..length]);
            }
            let _ = end.send(());
        });
        Self { bytes, ended }
    }

    fn text(&self) -> String {
        let _ = self.ended.recv_timeout(LAG);
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
