//! Random stacks, gone through by the libpam that is installed and by [`walk`](super::walk): both must come
//! to the same.
//!
//! Every module is `pam_debug.so`, which answers what its arguments say, so a stack has one way and one end.
//! The files are in a folder of their own (`pam_start_confdir`); those of this host are not read.
//! `MFA_SEED=7 MFA_STACKS=100000 cargo test -p mfactl against_libpam` goes further.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use mfa_tests::libpam::{Code, Conversation, Flags, Session};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::control::{Action, CODES, Control, IGNORE, RENEW, SUCCESS};
use super::line::Facility;
use super::stack::{Files, Step, UNDEFINED};
use super::walk::{Answer, Walk};

/// The files of a host, by name.
type Stacks = Vec<(&'static str, String)>;

/// What a service's stack comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comes {
    Grants,
    Renews,
    Refuses,
}

/// What stands for the folder in a text. Included files are named by their whole path: some libpams look for
/// others in `/etc/pam.d`, whatever folder they were started with.
const HERE: &str = "HERE";

/// A folder with those files.
struct Host {
    folder: tempfile::TempDir,
    files: Files,
}

impl Host {
    fn of(stacks: &Stacks) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files::of_this_host();
        for (name, text) in stacks {
            let text = text.replace(HERE, &folder.path().to_string_lossy());
            fs::write(folder.path().join(name), &text).unwrap();
            if ["service", "other"].contains(name) {
                files = files.with(&Path::new("/etc/pam.d").join(name), Some(text.into_bytes()));
            }
        }
        Self { folder, files }
    }

    fn really(&self, service: &str, facility: Facility) -> Comes {
        let silent = Conversation::answering(|_, _| Ok(None));
        // Files that libpam gives up refuse before anything is asked.
        let Ok(mut session) = Session::start_in(self.folder.path(), service, Some(b"nobody"), silent) else {
            return Comes::Refuses;
        };
        let code = match facility {
            Facility::Auth => session.authenticate(Flags::NONE),
            _ => session.acct_mgmt(Flags::NONE),
        };
        match usize::try_from(code.0) {
            Ok(SUCCESS) => Comes::Grants,
            Ok(RENEW) => Comes::Renews,
            _ => Comes::Refuses,
        }
    }

    fn steps(&self, service: &str, facility: Facility) -> Vec<Step> {
        self.files.stack(service, facility).unwrap()
    }
}

fn by_walk(steps: &[Step], facility: Facility) -> Comes {
    let says = |control: &Control, module: &str, arguments: &[String]| {
        vec![answer(control, module, arguments, facility)]
    };
    let ends = Walk::answering(steps, says).ends;
    assert_eq!(ends.len(), 1, "one way has one end: {ends:?} {steps:?}");
    match (ends[0].granted, ends[0].renews) {
        (true, _) => Comes::Grants,
        (_, true) => Comes::Renews,
        _ => Comes::Refuses,
    }
}

/// What `pam_debug.so` answers; any other module is not there.
fn answer(control: &Control, module: &str, arguments: &[String], facility: Facility) -> (Answer, Action) {
    let event = if facility == Facility::Auth { "auth=" } else { "acct=" };
    let named = arguments.iter().find_map(|argument| argument.strip_prefix(event));
    let code = match named {
        _ if module != "pam_debug" => "module_unknown",
        None => "success",
        Some(code) => code,
    };
    let code = CODES.iter().position(|name| *name == code).unwrap_or(SUCCESS);
    let answer = match code {
        SUCCESS => Answer::Success,
        RENEW => Answer::Renew,
        IGNORE => Answer::Ignore,
        _ => Answer::Failure,
    };
    (answer, control.on(code))
}

/// Whether both come to the same, as far as it is defined what libpam comes to.
fn same(stacks: &Stacks) -> Result<bool, TestCaseError> {
    let host = Host::of(stacks);
    let undefined = |facility| {
        let steps = host.steps("service", facility);
        steps
            .iter()
            .chain(&host.steps("nothing", facility))
            .any(|step| step.broken().is_some_and(|why| why.ends_with(UNDEFINED)))
    };
    // libpam may not survive it.
    if [Facility::Auth, Facility::Account, Facility::Password, Facility::Session].into_iter().any(undefined) {
        return Ok(false);
    }
    for service in ["service", "nothing"] {
        for facility in [Facility::Auth, Facility::Account] {
            let steps = host.steps(service, facility);
            let (walked, real) = (by_walk(&steps, facility), host.really(service, facility));
            // Below a control that it cannot read, libpam asks the module all the same, and may hand its wish
            // for a new password on. Such a line is never called protected, so nothing hangs on it.
            if steps.iter().any(|step| step.broken().is_some())
                && (walked, real) == (Comes::Refuses, Comes::Renews)
            {
                continue;
            }
            prop_assert_eq!(walked, real, "{} {}: (walked, real); {}", service, facility, shown(stacks));
        }
    }
    Ok(true)
}

fn shown(stacks: &Stacks) -> String {
    stacks.iter().map(|(name, text)| format!("\n--- {name}\n{text}")).collect()
}

const NAMES: [&str; 5] = ["service", "one", "two", "three", "other"];

fn word(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(words).prop_map(str::to_owned)
}

/// An action of a table; jumps are short, so that most land.
fn action() -> impl Strategy<Value = String> {
    word(&["ignore", "ok", "done", "bad", "die", "reset", "1", "2", "3", "1", "12"])
}

fn code() -> impl Strategy<Value = String> {
    word(&[
        "success",
        "success",
        "success",
        "auth_err",
        "ignore",
        "new_authtok_reqd",
        "user_unknown",
        "perm_denied",
    ])
}

fn table() -> impl Strategy<Value = String> {
    let name = prop_oneof![4 => code(), 2 => word(&["default"]), 1 => word(&["module_unknown", "SUCCESS", "succes"])];
    let equals = word(&["=", "=", "=", " = ", "= "]);
    let pair = (name, equals, action()).prop_map(|(name, equals, action)| format!("{name}{equals}{action}"));
    let between = word(&[" ", " ", " ", "\t", ""]);
    (prop::collection::vec(pair, 1..4), between)
        .prop_map(|(pairs, between)| format!("[{}]", pairs.join(&between)))
}

fn control() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => word(&["required", "requisite", "sufficient", "optional", "Required", "SUFFICIENT", "[optional]"]),
        6 => table(),
        1 => word(&["success=ok", "mandatory", "[]", "[success=1", "[success=0]", "[success=often]"]),
    ]
}

fn facility() -> impl Strategy<Value = String> {
    prop_oneof![
        30 => word(&["auth", "account"]),
        2 => word(&["AUTH", "-auth", "-account", "[auth]", "session", "password"]),
        1 => word(&["authentic", "-", "[]"]),
    ]
}

/// A line of a file whose includes are `below`.
fn line(below: &'static [&'static str]) -> impl Strategy<Value = String> {
    let blank = || word(&[" ", " ", " ", "\t", "   ", " \\\n", "\t\\ \n\t"]);
    let module = prop_oneof![
        20 => word(&["pam_debug.so"]),
        1 => word(&["pam_not_there.so", "[pam_debug.so]", "pam_debug.so\r", "pam_debug"]),
    ];
    let asks = (facility(), blank(), control(), blank(), module, code(), code()).prop_map(
        |(facility, a, control, b, module, auth, account)| {
            format!("{facility}{a}{control}{b}{module} auth={auth} acct={account}")
        },
    );
    let include = prop_oneof![12 => select(below).prop_map(|file| format!("{HERE}/{file}")), 1 => word(&["gone", "./one", "HERE/gone", "[HERE/empty]"])];
    let how = word(&["include", "substack", "substack", "Include"]);
    let includes = (facility(), how, include.clone())
        .prop_map(|(facility, how, file)| format!("{facility} {how} {file}"));
    let all = (word(&["@include", "@include", "@Include"]), include)
        .prop_map(|(how, file)| format!("{how} {file}"));
    let odd = word(&[
        "",
        "# all of it",
        "auth",
        "account optional",
        "auth optional",
        "\r",
        "auth sufficient # pam_debug.so",
        "\\",
    ]);
    let tail = word(&["", "", "", "", " ", " # said", " \\", "#\\"]);
    let kind = prop_oneof![12 => asks, 5 => includes, 2 => all, 1 => odd];
    (kind, tail).prop_map(|(line, tail)| line + &tail)
}

fn text(below: &'static [&'static str]) -> impl Strategy<Value = String> {
    let end = word(&["\n", "\n", "\n", ""]);
    (prop::collection::vec(line(below), 0..7), end).prop_map(|(lines, end)| lines.join("\n") + &end)
}

/// A service, what it includes, three deep, and `other`.
fn stacks() -> impl Strategy<Value = Stacks> {
    let texts = (
        text(&["one", "two", "three"]),
        text(&["two", "three"]),
        text(&["three"]),
        text(&["empty"]),
        text(&["one", "three"]),
    );
    texts.prop_map(|(service, one, two, three, other)| {
        let texts = [service, one, two, three, other];
        NAMES.into_iter().zip(texts).chain([("empty", String::new())]).collect()
    })
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how far a run goes is said to the test, not to the program")]
fn the_walk_comes_to_what_libpam_comes_to() {
    let works = Host::of(&vec![("service", "auth required pam_debug.so auth=auth_err\n".into())]);
    let answered = Session::start_in(
        works.folder.path(),
        "service",
        Some(b"nobody"),
        Conversation::answering(|_, _| Ok(None)),
    )
    .map(|mut session| session.authenticate(Flags::NONE));
    assert_eq!(answered, Ok(Code::AUTH_ERR), "pam_debug.so of libpam-modules is not there");

    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u32>().ok());
    let (cases, seed) = (number("MFA_STACKS").unwrap_or(2000), number("MFA_SEED").unwrap_or(1));
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.to_le_bytes().repeat(8));
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let compared = Cell::new(0);
    let ran = TestRunner::new_with_rng(config, rng).run(&stacks(), |stacks| {
        compared.set(compared.get() + u32::from(same(&stacks)?));
        Ok(())
    });
    ran.unwrap_or_else(|failure| panic!("MFA_SEED={seed} MFA_STACKS={cases}: {failure}"));
    assert!(compared.get() > cases / 2, "{} of {cases} compared", compared.get());
}
