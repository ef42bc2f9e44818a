//! The command line of `pam_host`, read by hand: a login's process must start fast.

use std::path::PathBuf;

use crate::answer::{Answer, from_hex};

pub(crate) const USAGE: &str = "\
usage: pam_host login SERVICE USER [OPTION…]          one login
       pam_host loop  SERVICE USER N [OPTION…]        N logins in this process
       pam_host state SERVICE USER N [OPTION…]        the same, with the state of the host before and after
       pam_host fork  SERVICE USER N [OPTION…]        N logins in a forked child each, as in sshd; --at-once K of them
who and what
  --users FILE          lines \"NAME SECRET [ADDRESS]\" taken in turn; USER is then written as -
  --answer TEXT | --answer-hex HEX | --secret-base32 SECRET[,offset=N][,digits=N][,period=N][,algorithm=A]
                        answers the next prompt; repeat it for more prompts; a prompt without one fails
  --step-offset N       for secrets that name no offset of their own
  --one-answer          the first answer for every prompt that hides what is typed, the user's name for every
                        other: hosts that ask their user once, such as OpenVPN
  --as sshd|sudo|su|locker   sets the items that this host sets
  --from ADDRESS        the client's address for --as sshd (192.0.2.7)
  --rhost V  --ruser V  --tty V  --env NAME=VALUE (pam_putenv)
  --phases LIST         of auth,account,cred,session (auth,account); ends at the first failure
  --keep-going          goes on after a failure, as no good host does
  --tries N             calls pam_authenticate again after AUTH_ERR, as sudo does
  --silent              passes PAM_SILENT
a bad host or a bad moment
  --no-conversation | --failing-conversation | --null-replies
  --change-user NAME    sets PAM_USER between prompt and answer; --at-prompt N: at the Nth prompt only
                        --at-text: at a text that asks nothing instead
  --hold FILE           makes FILE.asked at a prompt, and answers when FILE exists (60 s at most)
  --closed-stdio  --nofile N  --fsize N  --block-signals  --ignore-sigchld  --umask OCTAL
  --uid N               runs as this user and group
  --prefix-env NAME=VALUE    set in the process environment from the start (by running itself again)";

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Login,
    Loop,
    State,
    Fork,
}

/// How the conversation behaves.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Talk {
    #[default]
    Answers,
    Absent,
    Fails,
    NullReplies,
}

/// What is wrong with this host.
#[derive(Default)]
pub(crate) struct Hostile {
    pub(crate) closed_stdio: bool,
    pub(crate) open_files_limit: Option<u64>,
    pub(crate) file_size_limit_bytes: Option<u64>,
    pub(crate) block_signals: bool,
    pub(crate) ignore_child_signals: bool,
    pub(crate) umask: Option<u32>,
}

/// An entry point, or a pair of them, that the host calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Auth,
    Account,
    Cred,
    Session,
}

/// Which entry points are called, and how.
pub(crate) struct Course {
    /// In this order.
    pub(crate) phases: Vec<Phase>,
    pub(crate) keep_going: bool,
    pub(crate) silent: bool,
    /// How often `pam_authenticate` may be called.
    pub(crate) tries: u32,
}

/// Who logs in, with what to type.
pub(crate) struct Visitor {
    pub(crate) name: String,
    /// Where the client is, where not all come from one place.
    pub(crate) from: Option<String>,
    pub(crate) answers: Vec<Answer>,
}

/// The whole command line.
pub(crate) struct Args {
    pub(crate) verb: Verb,
    pub(crate) service: String,
    user: String,
    pub(crate) count: usize,
    /// Forked children at one time.
    pub(crate) at_once: usize,
    users: Option<PathBuf>,
    answers: Vec<Answer>,
    step_offset: i64,
    /// Which host's items to set.
    pub(crate) role: Option<String>,
    pub(crate) from: String,
    pub(crate) rhost: Option<String>,
    pub(crate) ruser: Option<String>,
    pub(crate) tty: Option<String>,
    pub(crate) env: Vec<String>,
    pub(crate) course: Course,
    pub(crate) talk: Talk,
    /// Answers each prompt alike.
    pub(crate) one_answer: bool,
    pub(crate) change_user: Option<String>,
    /// The only prompt at which the user is changed, counted from one.
    pub(crate) at_prompt: Option<usize>,
    /// Changes the user at a text that asks nothing, and at no prompt.
    pub(crate) at_text: bool,
    pub(crate) hold: Option<PathBuf>,
    pub(crate) hostile: Hostile,
    pub(crate) uid: Option<u32>,
    pub(crate) prefix_env: Vec<(String, String)>,
    /// The arguments again, without those that running again has fulfilled.
    pub(crate) rest: Vec<String>,
}

impl Args {
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut words = words.peekable();
        let mut next = |what: &str| words.next().ok_or_else(|| format!("{what} is missing"));
        let verb_name = next("the verb")?;
        let verb = match verb_name.as_str() {
            "login" => Verb::Login,
            "loop" => Verb::Loop,
            "state" => Verb::State,
            "fork" => Verb::Fork,
            other => return Err(format!("unknown verb {other}")),
        };
        let (service, user) = (next("SERVICE")?, next("USER")?);
        let mut rest = vec![verb_name, service.clone(), user.clone()];
        let mut count = 1;
        if verb != Verb::Login {
            let text = next("N")?;
            count = text.parse().map_err(|_| "N is a number".to_owned())?;
            rest.push(text);
        }
        let mut args = Self::new(verb, service, user, count, rest);
        // Offsets apply wherever they stand, so secrets are read when all words are known.
        let mut secrets = Vec::new();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--uid" => args.uid = Some(number(&value()?)?),
                "--prefix-env" => {
                    let text = value()?;
                    let (name, value) = text.split_once('=').ok_or("--prefix-env wants NAME=VALUE")?;
                    args.prefix_env.push((name.to_owned(), value.to_owned()));
                }
                "--secret-base32" | "--totp" => {
                    let text = value()?;
                    args.rest.extend([word, text.clone()]);
                    secrets.push((args.answers.len(), text));
                    args.answers.push(Answer::Bytes(Vec::new()));
                }
                flag if args.flag(flag)? => args.rest.push(word),
                option => {
                    let value = value()?;
                    args.option(option, &value)?;
                    args.rest.extend([word, value]);
                }
            }
        }
        for (at, text) in secrets {
            args.answers[at] = Answer::totp(&text, args.step_offset)?;
        }
        Ok(args)
    }

    fn new(verb: Verb, service: String, user: String, count: usize, rest: Vec<String>) -> Self {
        Self {
            verb,
            service,
            user,
            count,
            at_once: 1,
            users: None,
            answers: Vec::new(),
            step_offset: 0,
            role: None,
            from: "192.0.2.7".to_owned(),
            rhost: None,
            ruser: None,
            tty: None,
            env: Vec::new(),
            course: Course {
                phases: vec![Phase::Auth, Phase::Account],
                keep_going: false,
                silent: false,
                tries: 1,
            },
            talk: Talk::Answers,
            one_answer: false,
            change_user: None,
            at_prompt: None,
            at_text: false,
            hold: None,
            hostile: Hostile::default(),
            uid: None,
            prefix_env: Vec::new(),
            rest,
        }
    }

    /// Whether `word` is an option without a value, which is then set.
    fn flag(&mut self, word: &str) -> Result<bool, String> {
        match word {
            "--keep-going" => self.course.keep_going = true,
            "--silent" => self.course.silent = true,
            "--one-answer" => self.one_answer = true,
            "--at-text" => self.at_text = true,
            "--no-conversation" => self.talk = Talk::Absent,
            "--failing-conversation" => self.talk = Talk::Fails,
            "--null-replies" => self.talk = Talk::NullReplies,
            "--closed-stdio" => self.hostile.closed_stdio = true,
            "--block-signals" => self.hostile.block_signals = true,
            "--ignore-sigchld" => self.hostile.ignore_child_signals = true,
            word if word.starts_with("--") => return Ok(false),
            other => return Err(format!("unexpected {other}")),
        }
        Ok(true)
    }

    fn option(&mut self, option: &str, value: &str) -> Result<(), String> {
        let text = || Some(value.to_owned());
        match option {
            "--users" => self.users = Some(value.into()),
            "--answer" => self.answers.push(Answer::Bytes(value.into())),
            "--answer-hex" => self.answers.push(Answer::Bytes(from_hex(value)?)),
            "--step-offset" => self.step_offset = number(value)?,
            "--at-once" => self.at_once = number(value)?,
            "--as" => self.role = text(),
            "--from" => value.clone_into(&mut self.from),
            "--rhost" => self.rhost = text(),
            "--ruser" => self.ruser = text(),
            "--tty" => self.tty = text(),
            "--env" => self.env.push(value.to_owned()),
            "--phases" => self.course.choose(value)?,
            "--tries" => self.course.tries = number(value)?,
            "--change-user" => self.change_user = text(),
            "--at-prompt" => self.at_prompt = Some(number(value)?),
            "--hold" => self.hold = Some(value.into()),
            "--nofile" => self.hostile.open_files_limit = Some(number(value)?),
            "--fsize" => self.hostile.file_size_limit_bytes = Some(number(value)?),
            "--umask" => {
                let bits = u32::from_str_radix(value, 8).map_err(|_| "--umask wants octal digits")?;
                self.hostile.umask = Some(bits);
            }
            other => return Err(format!("unknown option {other}")),
        }
        Ok(())
    }

    /// Who logs in, in turn. Never empty.
    pub(crate) fn visitors(&self) -> Result<Vec<Visitor>, String> {
        let Some(file) = &self.users else {
            return Ok(vec![Visitor { name: self.user.clone(), from: None, answers: self.answers.clone() }]);
        };
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let visitors = text
            .lines()
            .map(|line| {
                let mut words = line.split(' ');
                let (Some(name), Some(secret)) = (words.next(), words.next()) else {
                    return Err("a line of the users' file is \"NAME SECRET [ADDRESS]\"".to_owned());
                };
                let answers = vec![Answer::totp(secret, self.step_offset)?];
                Ok(Visitor { name: name.to_owned(), from: words.next().map(str::to_owned), answers })
            })
            .collect::<Result<Vec<_>, String>>()?;
        if visitors.is_empty() { Err("the users' file is empty".to_owned()) } else { Ok(visitors) }
    }
}

impl Course {
    fn choose(&mut self, list: &str) -> Result<(), String> {
        let phases = list.split(',').map(|phase| match phase {
            "auth" => Ok(Phase::Auth),
            "account" => Ok(Phase::Account),
            "cred" => Ok(Phase::Cred),
            "session" => Ok(Phase::Session),
            other => Err(format!("unknown phase {other}")),
        });
        self.phases = phases.collect::<Result<_, _>>()?;
        Ok(())
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{text} is not a number in range"))
}
