//! Root by key over ssh: what sshd and the account lines make of it.

use std::path::Path;

use super::{account, keys};
use crate::pam::line::Facility;
use crate::pam::place::ROOTS;
use crate::pam::sshd::{CONFIG, Effective, Visitor};
use crate::pam::stack::Files;
use crate::pam::walk::{OURS, Walk};

/// Whether root comes in by key alone from that address, where sshd does as wanted there; an error says why not.
pub(super) fn opens_from(
    files: &Files,
    address: String,
    does: impl FnOnce(&Effective) -> Result<(), String>,
) -> Result<(), String> {
    let sshd = as_root(address)?;
    does(&sshd)?;
    if !needs_no_module(files) {
        return Err(format!(
            "it needs the file of pam_mfa.so, whose account line was placed by hand; before it belong:\n  {}",
            ROOTS.join("\n  ")
        ));
    }
    if !lets_root_in(&sshd) {
        return Err(NOT_BY_NAME.to_owned());
    }
    account::is_open().map_err(|shut| shut.to_string())?;
    keys::taken(&sshd)
}

/// Why sshd does not let root in, or not for sure.
pub(crate) const NOT_BY_NAME: &str =
    "AllowUsers, DenyUsers, AllowGroups and DenyGroups must let root in by name";

/// Whether somebody passes the account lines of sshd, which come after a key too, with our module's file gone.
fn needs_no_module(files: &Files) -> bool {
    let account = files.stack("sshd", Facility::Account);
    account.is_ok_and(|steps| Walk::without_us(&steps).ends.iter().any(|end| end.granted))
}

/// What sshd says of root from that address.
pub(super) fn as_root(address: String) -> Result<Effective, String> {
    Effective::of(Path::new(CONFIG), &Visitor { user: "root".into(), address, ..Visitor::anybody() })
}

/// Whether root has a key that this sshd takes.
pub(crate) fn roots_key(sshd: &Effective) -> bool {
    keys::taken(sshd).is_ok()
}

/// Whether sshd lets root in at all, by the lists of who may come. Where a pattern leaves it open, it does not.
pub(crate) fn lets_root_in(sshd: &Effective) -> bool {
    let is_roots = |group: &str| {
        let found = nix::unistd::Group::from_name(group).ok().flatten();
        found.is_some_and(|group| group.gid.as_raw() == 0 || group.mem.iter().any(|name| name == "root"))
    };
    let may = |list: &str, is: &dyn Fn(&str) -> bool| {
        let allowed: Vec<&str> = sshd.all(list).collect();
        allowed.is_empty()
            || !allowed.iter().any(|name| name.contains('!'))
                && allowed.iter().any(|name| *name == "*" || is(name))
    };
    let surely_another = |name: &str, is: &dyn Fn(&str) -> bool| {
        let name = name.split('@').next().unwrap_or_default();
        !name.contains(['*', '?', '!']) && !is(name)
    };
    let is_root = |name: &str| name == "root";
    sshd.all("denyusers").all(|name| surely_another(name, &is_root))
        && sshd.all("denygroups").all(|name| surely_another(name, &is_roots))
        && may("allowusers", &is_root)
        && may("allowgroups", &is_roots)
}

/// Whether sshd, as it is, takes root's key and asks for nothing else.
pub(super) fn takes_key_alone(files: &Files, sshd: &Effective) -> bool {
    let unasked =
        files.stack("sshd", Facility::Auth).is_ok_and(|steps| !steps.iter().any(|step| step.asks(OURS)));
    let methods = sshd.methods();
    let enough = methods == "any" || methods.split(' ').any(|list| list == "publickey");
    let root = sshd.value("permitrootlogin");
    let by_key = sshd.is("pubkeyauthentication") && root != "no" && root != "forced-commands-only";
    enough && by_key && (unasked || methods != "any")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pam::stack::tests::host;

    #[test]
    fn root_by_key_may_need_our_modules_file() {
        let needs_none = |account: &str| needs_no_module(&host(&[("sshd", account)]));
        let rest = "account required pam_unix.so\n";
        let ours = "account required pam_mfa.so\n";
        let roots = ROOTS.map(|line| format!("{line}\n")).concat();
        assert!(needs_none(rest) && needs_none(&format!("{roots}{ours}{rest}")));
        assert!(!needs_none(&format!("{ours}{rest}")));
    }

    #[test]
    fn root_is_let_in_only_where_that_is_sure() {
        let lets = |text: &str| lets_root_in(&Effective::parse(text));
        for text in [
            "",
            "allowusers alice\nallowusers root",
            "allowusers *",
            "denyusers alice@10.0.0.1",
            "allowgroups root",
        ] {
            assert!(lets(text), "{text}");
        }
        for text in [
            "allowusers alice",
            "allowusers ro*",
            "allowusers root@10.0.0.0/8",
            "allowusers *\nallowusers !root",
            "denyusers root",
            "denyusers r?ot@10.0.0.1",
            "denyusers *",
            "allowgroups no-such-group",
            "denygroups root",
        ] {
            assert!(!lets(text), "{text}");
        }
    }
}
