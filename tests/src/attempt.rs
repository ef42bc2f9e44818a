//! Somebody comes to a host program and wants in.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::inside::Inside;
use crate::machine::Machine;
use crate::outcome::{Exchange, Outcome, Verdict, asks_password};
use crate::terminal::{Next, Terminal};

/// What the command says that runs only where access was granted, before the name of its user.
const GRANTED: &str = "mfa-granted:";

/// How long a whole attempt may take, where a test says nothing else.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many of the log's last lines an outcome keeps.
const LOG_LINES: usize = 20;

/// The program that is asked, and what it is asked for.
#[derive(Debug, Clone)]
enum Host {
    Ssh { user: String, options: Vec<String>, method: &'static str },
    Sudo { caller: String, target: String },
    Su { caller: String, target: String },
    Login { user: String },
    Pamtester { service: String, user: String, caller: String, operations: Vec<String> },
}

/// Runs while the code is about to be typed.
type Hook = Box<dyn FnOnce() + Send>;

/// An attempt that is not made yet: who comes, by which program, and what will be answered.
///
/// Answers are given in their order, passwords to prompts for a password and codes to all others. Where none
/// is left, the attempt is given up as a person does it, by Ctrl-C.
#[must_use]
pub struct Attempt {
    inside: Inside,
    host: Host,
    environment: Vec<String>,
    passwords: VecDeque<String>,
    codes: VecDeque<String>,
    before_code: Option<Hook>,
    patience: Duration,
}

impl Machine {
    /// `ssh user@127.0.0.1`, by keyboard-interactive.
    pub fn ssh(&self, user: &str) -> Attempt {
        self.start_sshd();
        let method = "keyboard-interactive";
        Attempt::new(self.inside(), Host::Ssh { user: user.into(), options: Vec::new(), method })
    }

    /// `sudo` by `caller`, to become root.
    pub fn sudo(&self, caller: &str) -> Attempt {
        Attempt::new(self.inside(), Host::Sudo { caller: caller.into(), target: "root".into() })
    }

    /// `su` by `caller`, to become root.
    pub fn su(&self, caller: &str) -> Attempt {
        Attempt::new(self.inside(), Host::Su { caller: caller.into(), target: "root".into() })
    }

    /// `login` of `user`, at the machine's console.
    pub fn login(&self, user: &str) -> Attempt {
        // Only a login's shell reads this: sshd runs a command, and so do sudo and su here.
        let said = format!("echo {GRANTED}$(id -un)\nexit\n");
        self.write("/etc/profile.d/granted.sh", 0o644, said);
        Attempt::new(self.inside(), Host::Login { user: user.into() })
    }

    /// `pamtester`, as root: `user` authenticates to `service`, then the account is asked.
    pub fn pamtester(&self, service: &str, user: &str) -> Attempt {
        let host = Host::Pamtester {
            service: service.into(),
            user: user.into(),
            caller: "root".into(),
            operations: ["authenticate", "acct_mgmt"].map(String::from).into(),
        };
        Attempt::new(self.inside(), host)
    }
}

impl Attempt {
    fn new(inside: &Inside, host: Host) -> Self {
        Self {
            inside: inside.clone(),
            host,
            environment: Vec::new(),
            passwords: VecDeque::new(),
            codes: VecDeque::new(),
            before_code: None,
            patience: PATIENCE,
        }
    }

    /// Answers the next prompt for a password with this.
    pub fn password(mut self, password: &str) -> Self {
        self.passwords.push_back(password.into());
        self
    }

    /// Answers the next prompt for anything else with this.
    pub fn code(mut self, code: &str) -> Self {
        self.codes.push_back(code.into());
        self
    }

    /// To become this user instead of root (`sudo`, `su`).
    pub fn to(mut self, user: &str) -> Self {
        match &mut self.host {
            Host::Sudo { target, .. } | Host::Su { target, .. } => *target = user.into(),
            other => panic!("nobody becomes another by {other:?}"),
        }
        self
    }

    /// Run by this user instead of root (`pamtester`): a host program without rights, as screen lockers are.
    pub fn run_by(mut self, user: &str) -> Self {
        match &mut self.host {
            Host::Pamtester { caller, .. } => *caller = user.into(),
            other => panic!("{other:?} says by itself who runs it"),
        }
        self
    }

    /// Does these instead of `authenticate` and `acct_mgmt` (`pamtester`).
    pub fn operations(mut self, wanted: &[&str]) -> Self {
        match &mut self.host {
            Host::Pamtester { operations, .. } => {
                *operations = wanted.iter().map(ToString::to_string).collect();
            }
            other => panic!("{other:?} has operations of its own"),
        }
        self
    }

    /// Comes from this address of the loopback net (`ssh`): another door.
    pub fn from(self, address: &str) -> Self {
        self.option("-b").option(address)
    }

    /// Shows the key of `user` first, then keyboard-interactive (`ssh`).
    pub fn key(mut self, user: &str) -> Self {
        if let Host::Ssh { method, .. } = &mut self.host {
            *method = "publickey,keyboard-interactive";
        }
        self.option("-i").option(&format!("/root/keys/{user}")).option("-oIdentitiesOnly=yes")
    }

    /// By these authentication methods, as sshd names them (`ssh`).
    pub fn methods(mut self, methods: &'static str) -> Self {
        match &mut self.host {
            Host::Ssh { method, .. } => *method = methods,
            other => panic!("no methods of sshd at {other:?}"),
        }
        self
    }

    /// With a further argument for the client (`ssh`).
    pub fn option(mut self, option: &str) -> Self {
        match &mut self.host {
            Host::Ssh { options, .. } => options.push(option.into()),
            other => panic!("no option of ssh at {other:?}"),
        }
        self
    }

    /// With these variables, each `NAME=value`, in the environment that the program is started in.
    pub fn environment(mut self, variables: &[String]) -> Self {
        self.environment.extend_from_slice(variables);
        self
    }

    /// Does `hook` when the first prompt for a code is there, and answers only then.
    pub fn before_code(mut self, hook: impl FnOnce() + Send + 'static) -> Self {
        self.before_code = Some(Box::new(hook));
        self
    }

    /// May take this long, from start to end.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Makes the attempt.
    pub fn run(mut self) -> Outcome {
        let started = Instant::now();
        let deadline = started + self.patience;
        let (user, command) = self.host.command_line();
        let environment: String = self.environment.iter().map(|variable| quoted(variable) + " ").collect();
        let mut terminal = Terminal::open(&self.inside, &user, &format!("env {environment}{command}"));
        let mut exchanges: Vec<Exchange> = Vec::new();
        let mut exit = None;
        let mut asked = started;
        loop {
            let next = terminal.next(deadline);
            if let Some(last) = exchanges.last_mut() {
                last.then = asked.elapsed();
            }
            match next {
                Next::Prompt(prompt) => {
                    let answer = self.next_answer(&prompt);
                    exchanges.push(Exchange { prompt, answer: answer.clone(), then: Duration::ZERO });
                    asked = Instant::now();
                    let Some(answer) = answer else {
                        terminal.give_up();
                        break;
                    };
                    terminal.answer(answer.as_bytes());
                }
                Next::Ended(code) => {
                    exit = code;
                    break;
                }
                Next::Silent => {
                    terminal.give_up();
                    break;
                }
            }
        }
        let took = started.elapsed();
        let transcript = terminal.transcript();
        let log = self.inside.log().lines();
        let verdict = self.host.verdict(&transcript, took < self.patience);
        let log = log[log.len().saturating_sub(LOG_LINES)..].to_vec();
        Outcome { attempt: self.host.to_string(), verdict, exchanges, transcript, exit, took, log }
    }

    /// Makes the attempt in a thread of its own.
    pub fn spawn(self) -> thread::JoinHandle<Outcome> {
        thread::spawn(move || self.run())
    }

    /// Makes the attempt, which must be granted.
    pub fn assert_granted(self) -> Outcome {
        self.run().assert_granted()
    }

    /// Makes the attempt, which must be refused.
    pub fn assert_refused(self) -> Outcome {
        self.run().assert_refused()
    }

    fn next_answer(&mut self, prompt: &str) -> Option<String> {
        if asks_password(prompt) {
            return self.passwords.pop_front();
        }
        if let Some(hook) = self.before_code.take() {
            hook();
        }
        self.codes.pop_front()
    }
}

/// Makes all attempts at one moment: each waits with its first code until every other has come as far.
///
/// One that never asks for a code holds the others up for 10 seconds and no longer.
pub fn together(attempts: impl IntoIterator<Item = Attempt>) -> Vec<Outcome> {
    let attempts: Vec<Attempt> = attempts.into_iter().collect();
    let gate = Arc::new((Mutex::new(attempts.len()), Condvar::new()));
    let running: Vec<_> = attempts
        .into_iter()
        .map(|attempt| {
            let gate = Arc::clone(&gate);
            attempt
                .before_code(move || {
                    let (missing, all_here) = &*gate;
                    let mut missing = missing.lock().unwrap_or_else(PoisonError::into_inner);
                    *missing -= 1;
                    all_here.notify_all();
                    let patience = Duration::from_secs(10);
                    drop(all_here.wait_timeout_while(missing, patience, |missing| *missing > 0));
                })
                .spawn()
        })
        .collect();
    running.into_iter().map(|attempt| attempt.join().expect("an attempt does not panic")).collect()
}

impl Host {
    /// Who sits at the terminal, and what is typed there.
    fn command_line(&self) -> (String, String) {
        let proof = quoted(&format!("echo {GRANTED}$(id -un)"));
        match self {
            Self::Ssh { user, options, method } => {
                let options: Vec<String> = options.iter().map(|option| quoted(option)).collect();
                // The first value of an option wins, so those of the attempt come first.
                let fixed = "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
                             -o ConnectTimeout=10 -o NumberOfPasswordPrompts=1";
                let (options, user) = (options.join(" "), quoted(user));
                let line = format!(
                    "ssh {options} {fixed} -o PreferredAuthentications={method} -l {user} 127.0.0.1 {proof}"
                );
                ("root".into(), line)
            }
            Self::Sudo { caller, target } => {
                (caller.clone(), format!("sudo -k -u {} sh -c {proof}", quoted(target)))
            }
            Self::Su { caller, target } => (caller.clone(), format!("su {} -c {proof}", quoted(target))),
            Self::Login { user } => ("root".into(), format!("login {}", quoted(user))),
            Self::Pamtester { service, user, caller, operations } => {
                let user = quoted(user);
                let line = format!(
                    "pamtester {} {user} {} && echo {GRANTED}{user}",
                    quoted(service),
                    operations.join(" ")
                );
                (caller.clone(), line)
            }
        }
    }

    /// Who the command would run as.
    fn wanted(&self) -> &str {
        match self {
            Self::Ssh { user, .. } | Self::Login { user } | Self::Pamtester { user, .. } => user,
            Self::Sudo { target, .. } | Self::Su { target, .. } => target,
        }
    }

    fn verdict(&self, transcript: &str, in_time: bool) -> Verdict {
        let proof = format!("{GRANTED}{}", self.wanted());
        if transcript.lines().any(|line| line == proof) {
            return Verdict::Granted;
        }
        assert!(!transcript.contains(GRANTED), "granted, but as somebody else: {transcript}");
        // What the programs say when they refuse; all say something of it, whatever the reason.
        let refusals =
            ["denied", "ailure", "orry", "incorrect", "required", "Too many", "pamtester:", "sudo:", "su:"];
        let judged = transcript.contains("assword: ") || transcript.contains("ode: ");
        if in_time && (judged || refusals.iter().any(|word| transcript.contains(word))) {
            Verdict::Refused
        } else {
            Verdict::Unjudged
        }
    }
}

/// What was tried, in a few words.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssh { user, .. } => write!(f, "ssh by {user}"),
            Self::Sudo { caller, target } => write!(f, "sudo by {caller} to {target}"),
            Self::Login { user } => write!(f, "login of {user}"),
            Self::Su { caller, target } => write!(f, "su by {caller} to {target}"),
            Self::Pamtester { service, user, .. } => write!(f, "pamtester {service} {user}"),
        }
    }
}

/// A word for the shell, whatever is in it.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
