//! One login through a PAM stack, as a host does it, timed from `pam_start` to `pam_end`.

use std::cell::RefCell;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use mfa_tests::libpam::{Code, Conversation, Flags, Item, Items, Prompt, Session, Style};
use serde_json::{Value, json};

use crate::args::{Args, Phase, Talk, Visitor};
use crate::hostile;

/// The longest that a held conversation waits; below sshd's grace time.
const HOLD_LIMIT: Duration = Duration::from_secs(60);

/// What one login came to.
pub(crate) struct Record {
    user: String,
    /// Each entry point that was called, what it answered, and how long it took in nanoseconds.
    phases: Vec<(&'static str, Code, u64)>,
    prompts: Vec<Prompt>,
    /// From before `pam_start` to after `pam_end`, in nanoseconds.
    pub(crate) total_ns: u64,
    user_after: Option<Vec<u8>>,
}

impl Record {
    /// The first failure that was not made good by another try, or success.
    pub(crate) fn result(&self) -> Code {
        let last_of_its_name = |at: usize| {
            let name = self.phases[at].0;
            self.phases[at + 1..].iter().all(|(other, ..)| *other != name)
        };
        let kept = self.phases.iter().enumerate().filter(|(at, _)| last_of_its_name(*at));
        let failed = kept.map(|(_, (_, code, _))| *code).find(|code| !code.is_success());
        failed.unwrap_or(Code::SUCCESS)
    }

    /// Whether every entry point said yes.
    pub(crate) fn granted(&self) -> bool {
        self.result().is_success()
    }

    /// All of it, for the report.
    pub(crate) fn to_json(&self) -> Value {
        let phases: Vec<Value> = self
            .phases
            .iter()
            .map(|(name, code, ns)| json!({"phase": name, "code": code.name(), "value": code.0, "ns": ns}))
            .collect();
        let prompts: Vec<Value> = self
            .prompts
            .iter()
            .map(
                |prompt| json!({"style": prompt.style.name(), "text": String::from_utf8_lossy(&prompt.text)}),
            )
            .collect();
        json!({
            "user": self.user,
            "user_after": self.user_after.as_deref().map(String::from_utf8_lossy),
            "result": self.result().name(),
            "phases": phases,
            "prompts": prompts,
            "total_ns": self.total_ns,
        })
    }
}

/// Logs `visitor` in once.
pub(crate) fn once(args: &Args, visitor: &Visitor) -> Record {
    let prompts = RefCell::new(Vec::new());
    let limits = hostile::enter(&args.hostile);
    let started = Instant::now();
    let mut phases = Vec::with_capacity(4);
    let mut user_after = None;
    match Session::start(&args.service, Some(visitor.name.as_bytes()), conversation(args, visitor, &prompts))
    {
        Ok(mut session) => {
            phases.push(("start", Code::SUCCESS, elapsed_ns(started)));
            let prepared = prepare(args, visitor, &mut session.items());
            if prepared.is_success() {
                walk(args, &mut session, &mut phases);
            } else {
                phases.push(("items", prepared, 0));
            }
            user_after = session.items().get(Item::User);
            session.end();
        }
        Err(code) => phases.push(("start", code, elapsed_ns(started))),
    }
    let total_ns = elapsed_ns(started);
    drop(limits);
    Record { user: visitor.name.clone(), phases, prompts: prompts.into_inner(), total_ns, user_after }
}

/// The items that the host named by `--as` sets, then those given singly.
fn prepare(args: &Args, visitor: &Visitor, items: &mut Items<'_>) -> Code {
    let from = visitor.from.as_deref().unwrap_or(&args.from);
    let mut codes = Vec::new();
    let mut set = |item, value: &str| codes.push(items.set(item, Some(value.as_bytes())));
    match args.role.as_deref() {
        Some("sshd") => {
            set(Item::Rhost, from);
            set(Item::Tty, "ssh");
            codes.push(items.put_env(&format!("SSH_CONNECTION={from} 50000 192.0.2.1 22")));
        }
        Some("sudo" | "su") => {
            set(Item::Ruser, &visitor.name);
            set(Item::Tty, "/dev/pts/0");
        }
        _ => {}
    }
    for (item, value) in [(Item::Rhost, &args.rhost), (Item::Ruser, &args.ruser), (Item::Tty, &args.tty)] {
        if let Some(value) = value {
            codes.push(items.set(item, Some(value.as_bytes())));
        }
    }
    codes.extend(args.env.iter().map(|variable| items.put_env(variable)));
    codes.into_iter().find(|code| !code.is_success()).unwrap_or(Code::SUCCESS)
}

/// Calls the chosen entry points in their order, until one fails.
fn walk(args: &Args, session: &mut Session<'_>, phases: &mut Vec<(&'static str, Code, u64)>) {
    let course = &args.course;
    let flags = if course.silent { Flags::SILENT } else { Flags::NONE };
    let mut step = |name, call: &mut dyn FnMut() -> Code| {
        let started = Instant::now();
        let code = call();
        phases.push((name, code, elapsed_ns(started)));
        code
    };
    for phase in &course.phases {
        let code = match phase {
            Phase::Auth => {
                let mut authenticate = || step("authenticate", &mut || session.authenticate(flags));
                let mut code = authenticate();
                for _again in 1..course.tries {
                    if code != Code::AUTH_ERR {
                        break;
                    }
                    code = authenticate();
                }
                code
            }
            Phase::Account => step("acct_mgmt", &mut || session.acct_mgmt(flags)),
            Phase::Cred => {
                let establish = flags.with(Flags::ESTABLISH_CRED);
                step("setcred", &mut || session.setcred(establish))
            }
            Phase::Session => match step("open_session", &mut || session.open_session(flags)) {
                Code::SUCCESS => step("close_session", &mut || session.close_session(flags)),
                failed => failed,
            },
        };
        if !code.is_success() && !course.keep_going {
            return;
        }
    }
}

fn conversation<'c>(
    args: &'c Args,
    visitor: &'c Visitor,
    prompts: &'c RefCell<Vec<Prompt>>,
) -> Conversation<'c> {
    match args.talk {
        Talk::Absent => return Conversation::Absent,
        Talk::Fails => return Conversation::Failing(Code::CONV_ERR),
        Talk::NullReplies => return Conversation::NullReplies,
        Talk::Answers => {}
    }
    let mut answers = visitor.answers.iter();
    let mut asked = 0;
    Conversation::answering(move |prompt, items| {
        prompts.borrow_mut().push(prompt.clone());
        if !prompt.style.asks() {
            if let Some(other) = args.change_user.as_ref().filter(|_| args.at_text) {
                items.set(Item::User, Some(other.as_bytes()));
            }
            return Ok(None);
        }
        if let Some(file) = &args.hold {
            hold(file)?;
        }
        asked += 1;
        if let Some(other) = &args.change_user
            && !args.at_text
            && args.at_prompt.is_none_or(|only| only == asked)
        {
            items.set(Item::User, Some(other.as_bytes()));
        }
        if args.one_answer {
            return match (prompt.style, visitor.answers.first()) {
                (Style::EchoOff, Some(answer)) => Ok(Some(answer.typed())),
                (Style::EchoOff, None) => Err(Code::CONV_ERR),
                _ => Ok(Some(visitor.name.clone().into_bytes())),
            };
        }
        answers.next().map(|answer| Some(answer.typed())).ok_or(Code::CONV_ERR)
    })
}

/// Tells that the prompt is there, and waits until `file` exists.
fn hold(file: &Path) -> Result<(), Code> {
    let mut asked = file.as_os_str().to_owned();
    asked.push(".asked");
    File::create(asked).map_err(|_| Code::CONV_ERR)?;
    let started = Instant::now();
    while !file.exists() {
        if started.elapsed() > HOLD_LIMIT {
            return Err(Code::CONV_ERR);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Nanoseconds since a moment.
pub(crate) fn elapsed_ns(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
