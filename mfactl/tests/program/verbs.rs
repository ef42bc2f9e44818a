//! Every verb, by what it does with its standard input. A verb that is missing here fails a test.

use std::collections::BTreeSet;

use crate::{alone, text};

/// What asks, so that it needs a terminal or a line: the words, and a line that answers.
pub(crate) const ASKING: &[(&str, &str)] = &[
    ("enroll begin", "123456"),
    ("enroll begin --json", "123456"),
    ("enroll begin --qr utf8", "123456"),
    ("enroll begin --qr ascii", "123456"),
    ("enroll begin --invitation", "I-7KQ2M-X4TPD-H9WC"),
    ("enroll begin --recovery --json", "R-7KQ2M-X4TPD-H9WC"),
    ("enroll confirm 00ff", "123456"),
    ("enroll confirm 00ff - --json", "123456"),
    ("test", "123456"),
    ("test --json", "123456"),
    ("factor rename phone tablet", "123456"),
    ("factor rename phone tablet --json", "123456"),
    ("factor remove phone", "123456"),
    ("codes renew", "123456"),
    ("codes renew --json", "123456"),
    ("user invite alice --reason new", "123456"),
    ("user recover alice --verified-by passport", "123456"),
    ("user reset alice --reason lost", "123456"),
    ("user lock alice --reason lost", "123456"),
    ("user unlock alice --reason found", "123456"),
    ("user remove alice --reason left", "123456"),
    ("exempt add alice --reason CHG-7 --service sshd", "123456"),
    ("exempt add alice --reason CHG-7 --for 3d --json", "123456"),
    ("exempt end 00ff --reason done", "123456"),
    ("exempt end 00ff --reason done --json", "123456"),
    ("import oath root --file {folder}/users.oath", "123456"),
    ("import google-authenticator root --file {folder}/${USER}.google --owner root --json", "123456"),
];

/// What asks nobody.
pub(crate) const ASKING_NOTHING: &[&str] = &[
    "enroll cancel 00ff",
    "status",
    "status --json",
    "factor list",
    "factor list --json",
    "codes",
    "not-me",
    "not-me --json",
    "remembered list",
    "remembered list --user alice --json",
    "remembered forget 00ff",
    "remembered forget --all --user alice --json",
    "user list",
    "user list --gone",
    "user list --single --json",
    "user list --not-enrolled",
    "user show alice",
    "user show alice --json",
    "policy explain alice",
    "policy explain alice --all --json",
    "policy simulate --with {folder}/new.toml",
    "policy simulate --with {folder}/new.toml --all --json",
    "policy simulate --with {folder}/new.toml --csv",
    "exempt list",
    "exempt list --json",
    "exempt list --csv",
    "report coverage",
    "report coverage --json",
    "report coverage --csv",
    "report exemptions --all-since 90d",
    "report exemptions --json",
    "report recoveries",
    "report recoveries --since 2000-01-01 --csv",
    "report failures --since 1970-01-01",
    "report failures --since 1970-01-01 --json",
    "audit",
    "audit --json",
    "audit verify",
    "import oath --all --file {folder}/nobody.oath --dry-run",
    // Without it, this host itself would be looked at.
    "doctor --list",
    "completions bash",
    "completions zsh",
    "completions fish",
];

/// Needs a terminal, whatever its input is.
pub(crate) const AT_A_TERMINAL: &str = "enroll";

/// What looks at the host's own PAM stack: run in disposable machines, never here.
const OF_THE_HOST: [&str; 5] =
    ["pam plan sshd", "pam apply sshd", "pam status", "pam rollback", "pam remove sshd"];

/// How `line` ends that would end in `code` for root: an import is root's, before anything is asked.
pub(crate) fn ending(line: &str, code: i32) -> i32 {
    if line.starts_with("import ") && !nix::unistd::geteuid().is_root() { 4 } else { code }
}

/// Verbs that are only the name of others.
const GROUPS: [&str; 9] = ["", "exempt", "factor", "import", "pam", "policy", "remembered", "report", "user"];

/// Every verb that the help shows, as `user recover`; mfactl itself is the empty one.
pub(crate) fn all() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    look_below("", &mut found);
    found
}

fn look_below(verb: &str, found: &mut BTreeSet<String>) {
    let help = text(&alone(verb.split_whitespace().chain(["-h"])).stdout);
    let below = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap());
    let names = below.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    for name in names.filter(|name| !matches!(*name, "" | "help")) {
        look_below(format!("{verb} {name}").trim_start(), found);
    }
    found.insert(verb.to_owned());
}

#[test]
fn every_verb_is_in_one_of_the_lists() {
    let verbs = all();
    assert!(verbs.contains("enroll confirm") && verbs.contains("user recover"), "{verbs:?}");
    let verb_of = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let known = |count: &usize| verbs.contains(&words[..*count].join(" "));
        let longest = (1..=words.len()).rev().find(known).unwrap_or_else(|| panic!("no verb in {line:?}"));
        words[..longest].join(" ")
    };
    let lines = ASKING.iter().map(|(line, _)| *line).chain(ASKING_NOTHING.iter().copied());
    let mut listed: BTreeSet<String> = lines.chain([AT_A_TERMINAL]).chain(OF_THE_HOST).map(verb_of).collect();
    listed.extend(GROUPS.map(str::to_owned));
    assert_eq!(listed, verbs);
}
