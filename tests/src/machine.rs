//! A machine that runs.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use std::{fs, os::unix::fs::chown};

use crate::inside::Inside;
use crate::mfactl;
use crate::syslog::Log;
use crate::token::Token;
use crate::user::{Totp, User};
use crate::wait;

/// What the machine's process 1 does, run by bash in the new namespaces.
const INSIDE: &str = include_str!("machine.sh");

/// What stands outside of a machine that boots.
const OUTSIDE: &str = include_str!("booted.sh");

/// How long a machine, or a server in it, may take to get ready. The host may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// What runs as process 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Init {
    /// A shell that does nothing: what runs in the machine is what a test starts.
    Idle,
    /// systemd, which starts what is enabled.
    Systemd,
}

/// A disposable machine. Dropping it ends everything in it.
#[derive(Debug)]
pub struct Machine {
    hardware: Hardware,
    power: Power,
    sshd: OnceLock<()>,
    tokens: Mutex<HashMap<String, Token>>,
    backup_codes: Mutex<HashMap<String, Vec<String>>>,
}

/// What stays of a machine while it is off.
#[derive(Debug)]
pub(crate) struct Hardware {
    pub init: Init,
    /// The files that it begins with.
    pub root: PathBuf,
    /// Where it writes, if not to memory; removed with it.
    pub disk: Option<PathBuf>,
    /// Files of the outside, each with its path inside.
    pub bound: Vec<(PathBuf, String)>,
}

/// What there is only while a machine is on.
#[derive(Debug)]
struct Power {
    inside: Inside,
    process: Child,
    /// The machine lives until this is closed.
    lifeline: Option<ChildStdin>,
}

impl Power {
    /// Under [`Init::Idle`] nothing runs in it yet, under [`Init::Systemd`] it has begun to boot.
    fn on(hardware: &Hardware) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(1);
        let name = format!("machine{}", STARTED.fetch_add(1, Ordering::Relaxed));
        let Hardware { init, root, disk, bound } = hardware;
        let mut process = outside(*init, &name)
            .args(["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"])
            .args(["--fork", "--kill-child=KILL", "--propagation", "private", "--"])
            .args(["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"])
            .args(["bash", "-c", INSIDE, "machine.sh"])
            .arg(root)
            .arg(name)
            .arg(disk.as_deref().unwrap_or(Path::new("")))
            .arg(if *init == Init::Systemd { "systemd" } else { "idle" })
            .args(bound.iter().map(|(outside, inside)| format!("{}={inside}", outside.display())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare starts");
        let lifeline = process.stdin.take();
        let mut said = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let pid = said
            .next()
            .and_then(|line| line.strip_prefix("pid ")?.parse().ok())
            .expect("a machine says its process id first");
        assert_eq!(said.next().as_deref(), Some("ready"), "the machine did not start: see above");
        let log = match init {
            Init::Idle => Log::listen(&PathBuf::from(format!("/proc/{pid}/root/dev/log"))),
            Init::Systemd => Log::of_the_journal(pid),
        };
        Self { inside: Inside::new(pid, log), process, lifeline }
    }

    /// Ends all that runs there: what is off already stays so.
    fn cut(&mut self) {
        self.inside.log().stop();
        drop(self.lifeline.take());
        // Process 1 ends by itself and the kernel ends the rest before it is reaped; if not, by force.
        if wait::until(PATIENCE, || self.process.try_wait().transpose()).is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

impl Machine {
    pub(crate) fn new_on(hardware: Hardware) -> Self {
        Self {
            power: Power::on(&hardware),
            hardware,
            sshd: OnceLock::new(),
            tokens: Mutex::default(),
            backup_codes: Mutex::default(),
        }
    }

    /// Cuts its power and switches it on again, with what it wrote to its disk.
    pub(crate) fn switch_off_and_on(&mut self) {
        assert!(self.hardware.disk.is_some(), "a machine that writes to memory alone forgets it: on_disk()");
        self.power.cut();
        self.power = Power::on(&self.hardware);
        self.sshd = OnceLock::new();
    }

    /// A way into it for what outlives a borrow.
    pub fn inside(&self) -> &Inside {
        &self.power.inside
    }

    /// Starts sshd where none runs yet, and waits until it accepts.
    pub fn start_sshd(&self) {
        self.sshd.get_or_init(|| {
            let start: &[&str] = match self.hardware.init {
                Init::Idle => &["/usr/sbin/sshd"],
                Init::Systemd => &["systemctl", "start", "ssh.service"],
            };
            self.exec(start).stdout_of_success();
            let sockets = format!("/proc/{}/net/tcp", self.pid());
            wait::for_condition("sshd listens on port 22", PATIENCE, || {
                fs::read_to_string(&sockets).is_ok_and(|table| table.contains(":0016 00000000:0000 0A"))
            });
        });
    }

    /// The codes of an enrolled user.
    pub fn token(&self, user: &str) -> Token {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(user).unwrap_or_else(|| panic!("{user} is not enrolled")).clone()
    }

    /// The backup codes that a user was given along with the first factor.
    pub fn backup_codes(&self, user: &str) -> Vec<String> {
        let codes = self.backup_codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.get(user).unwrap_or_else(|| panic!("{user} has no backup codes")).clone()
    }

    /// Enrols `user` by `mfactl`, as the user, confirmed with the code of the step before this one.
    pub fn enrol(&self, user: &str, factor: &Totp) -> Token {
        self.enrol_with(user, factor, &[], "")
    }

    /// The same, by an administrator's invitation.
    pub fn enrol_invited(&self, user: &str, factor: &Totp) -> Token {
        let invite =
            ["mfactl", "user", "invite", user, "--reason", "test", "--break-glass", "test", "--json"];
        let invited = self.exec(&invite).stdout_of_success();
        let invited: serde_json::Value = serde_json::from_str(&invited).expect("JSON");
        let code = invited["invitation"].as_str().expect("an invitation");
        self.enrol_with(user, factor, &["--invitation"], code)
    }

    fn enrol_with(&self, user: &str, factor: &Totp, options: &[&str], input: &str) -> Token {
        let argv: Vec<&str> = ["mfactl", "enroll", "begin", "--json"]
            .into_iter()
            .chain(factor.arguments())
            .chain(options.iter().copied())
            .collect();
        let begun = self.exec_with(user, &argv, format!("{input}\n").as_bytes()).stdout_of_success();
        let token = Token::begun(&begun);
        let (enrolment, code) = (token.enrolment(), token.code_at(-1));
        let confirm = ["mfactl", "enroll", "confirm", enrolment, &code, "--json"];
        let confirmed = self.exec_as(user, &confirm).stdout_of_success();
        let mut codes = self.backup_codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.insert(user.into(), mfactl::backup_codes(&confirmed));
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(user.into(), token.clone());
        token
    }

    /// Writes the users into `/etc`, as `useradd` would, with cheap password hashes: what a hash costs is not tested.
    pub(crate) fn add_users(&self, users: &[User]) {
        let append = |file: &str, line: String| {
            let opened = fs::OpenOptions::new().append(true).open(self.path(file));
            opened
                .and_then(|mut file| file.write_all(line.as_bytes()))
                .expect("the files of users are there");
        };
        let mut passwords = Vec::new();
        for (uid, user) in (1001..).zip(users) {
            let name = &user.name;
            if name != "root" {
                append("/etc/passwd", format!("{name}:x:{uid}:{uid}::/home/{name}:/bin/bash\n"));
                append("/etc/group", format!("{name}:x:{uid}:\n"));
                append("/etc/shadow", format!("{name}:!:20000:0:99999:7:::\n"));
                let home = self.path(format!("/home/{name}"));
                fs::create_dir(&home).and_then(|()| chown(&home, Some(uid), Some(uid))).expect("a new home");
            }
            if let Some(password) = &user.password {
                passwords.push(format!("{name}:{password}\n"));
            }
            if user.ssh_key {
                let home = if name == "root" { "/root".into() } else { format!("/home/{name}") };
                self.shell(&format!(
                    "mkdir -p /root/keys; ssh-keygen -q -t ed25519 -N '' -C {name} -f /root/keys/{name}
                     install -d -o {name} -g {name} -m 700 {home}/.ssh
                     install -o {name} -g {name} -m 600 /root/keys/{name}.pub {home}/.ssh/authorized_keys"
                ));
            }
        }
        if !passwords.is_empty() {
            let hash = ["chpasswd", "-c", "SHA256", "-s", "1000"];
            self.exec_with("root", &hash, passwords.concat().as_bytes()).stdout_of_success();
        }
    }
}

/// The command that makes namespaces, to be told which.
fn outside(init: Init, name: &str) -> Command {
    let unshare = Command::new("unshare");
    match init {
        Init::Idle => unshare,
        Init::Systemd => {
            let mut bash = Command::new("bash");
            // The whole host has these groups, so this process is in their name.
            let group = format!("mfad-tests-{}-{name}", std::process::id());
            bash.args(["-c", OUTSIDE, "booted.sh", &group]).arg(unshare.get_program());
            bash
        }
    }
}

impl Deref for Machine {
    type Target = Inside;

    fn deref(&self) -> &Inside {
        &self.power.inside
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.power.cut();
        if let Some(disk) = &self.hardware.disk {
            let _ = fs::remove_dir_all(disk); // the next run makes another one
        }
    }
}
