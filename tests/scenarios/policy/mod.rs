//! Policy over real programs: who is asked, when, and why.

mod conditions;
mod effects;
mod hostile;
mod kinds;
mod modes;
mod places;
mod reloads;
mod reminders;

use mfa_tests::{Attempt, Blueprint, Machine, Stack, User, Verdict};

use crate::people::{enrolled, not_enrolled};

/// Where an administrator writes.
const FILE: &str = "/etc/mfad/mfad.toml";

/// What somebody meets who comes with the right password, or with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    /// Let in, and asked for no code.
    Nobody,
    /// Asked for a code.
    Question,
    /// Refused, and asked for none.
    Refusal,
}

/// What this one meets. Nobody answers a question: so no code is spent, and no try.
fn met(attempt: Attempt) -> Met {
    let outcome = attempt.run();
    let asked = outcome.prompts().iter().any(|prompt| prompt.ends_with("Verification code: "));
    match (asked, outcome.verdict) {
        (true, _) => Met::Question,
        (false, Verdict::Granted) => Met::Nobody,
        (false, Verdict::Refused) => Met::Refusal,
        (false, Verdict::Unjudged) => panic!("{outcome}"),
    }
}

/// Alice, who has a factor and a key, bob and carol, who have none, and root, before every program; of `ops` is carol.
fn people() -> Blueprint {
    Machine::new()
        .user(enrolled("alice").ssh_key())
        .user(not_enrolled("bob"))
        .user(not_enrolled("carol"))
        .user(User::named("root").password("pw"))
        .pam("sshd", Stack::key_passed_or_password())
        .pam("sudo", Stack::password_then_mfa())
        .pam("su", Stack::password_then_mfa().root_passes())
        .pam("login", Stack::password_then_mfa())
        .sshd("AuthenticationMethods publickey,keyboard-interactive keyboard-interactive")
        .sshd("ListenAddress ::1")
        .file("/etc/sudoers.d/all", 0o440, "ALL ALL=(ALL) ALL\n")
}

fn start() -> Machine {
    with_ops(people().start())
}

fn with_ops(machine: Machine) -> Machine {
    machine.shell("groupadd --gid 3000 ops; usermod --append --groups ops carol");
    machine
}

/// Puts that text in force, whole, without a restart.
fn set(machine: &Machine, mode: &str, rest: &str) {
    machine.write(FILE, 0o644, format!("[policy]\nmode = \"{mode}\"\n{rest}"));
    machine.mfad().reload();
}

fn ssh(machine: &Machine, user: &str) -> Attempt {
    machine.ssh(user).password("pw")
}

fn sudo(machine: &Machine, user: &str) -> Attempt {
    machine.sudo(user).password("pw")
}
