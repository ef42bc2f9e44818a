//! The people and hosts that most scenarios have.

use mfa_tests::{Blueprint, Machine, Stack, Totp, User};

/// Everyone must have a factor.
pub(crate) const REQUIRED: &str = "[policy]\nmode = \"required\"\n";

/// A user who has enrolled an app on the telephone.
pub(crate) fn enrolled(name: &str) -> User {
    User::named(name).password("pw").enrolled(Totp::sha1())
}

/// A user who has a password and nothing else.
pub(crate) fn not_enrolled(name: &str) -> User {
    User::named(name).password("pw")
}

/// Alice, enrolled, before an sshd and a sudo that ask for a password and then for a code.
pub(crate) fn alice_at_sshd_and_sudo() -> Blueprint {
    Machine::new()
        .user(enrolled("alice"))
        .pam("sshd", Stack::password_then_mfa())
        .pam("sudo", Stack::password_then_mfa())
}

/// Alice, enrolled, before an sshd that asks for a code whatever the password was.
pub(crate) fn alice_at_an_unattested_sshd() -> Blueprint {
    Machine::new().user(enrolled("alice")).pam("sshd", Stack::password_then_mfa_unattested())
}

/// The backup codes that a screen shows, in their order.
pub(crate) fn backup_codes(screen: &str) -> Vec<String> {
    let is_code = |word: &&str| word.len() == 18 && word.split('-').map(str::len).eq([1, 5, 5, 4]);
    screen.split_whitespace().filter(is_code).map(str::to_owned).collect()
}
