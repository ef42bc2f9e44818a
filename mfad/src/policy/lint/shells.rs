//! Shells of root that a rule about shells is not about: `sudo -i` starts one too, and is a PAM service of its own on
//! Debian, Red Hat and SUSE.

use super::{
    super::{Effect, Truth},
    Entry,
};

const SUDO: &str = "sudo";
const SUDO_LOGIN: &str = "sudo-i";
const SHELLS: [&str; 6] = ["/bin/sh", "/bin/bash", "/bin/dash", "/bin/ksh", "/bin/zsh", "/bin/fish"];

/// Why one that asks for a code before a shell does not ask everywhere, where no other does so.
pub(super) fn unasked(entries: &[Entry<'_>], at: usize) -> Option<String> {
    let entry = &entries[at];
    let names = |entry: &Entry<'_>, wanted: &str| entry.when.service.iter().any(|name| name == wanted);
    let is_shell = entry
        .when
        .command
        .iter()
        .any(|pattern| SHELLS.iter().any(|shell| pattern.may_match(shell) != Truth::No));
    let other_asks = || entries.iter().any(|other| other.then >= entry.then && names(other, SUDO_LOGIN));
    let is_found = entry.then > Effect::Skip
        && is_shell
        && names(entry, SUDO)
        && !names(entry, SUDO_LOGIN)
        && !other_asks();
    is_found.then(|| {
        format!("is not about `sudo -i`, which starts a shell as well: it is the service {SUDO_LOGIN:?}")
    })
}
