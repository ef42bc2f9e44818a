//! What a login host reports of a login. Nothing here is believed beyond what its source is worth:
//! each name says where it comes from.

use std::collections::HashMap;

/// The longest value of one fact, in bytes; a longer one is left out, which is the stricter side.
pub const LONGEST: usize = 4096;

/// `PAM_RHOST`: for display only, since it may be a name.
pub const RHOST: &str = "rhost";
/// `PAM_TTY`.
pub const TTY: &str = "tty";
/// `PAM_RUSER`: who called su or sudo.
pub const RUSER: &str = "ruser";
/// `pam_getenv("SSH_CONNECTION")`, in sshd's services only: the real peer address.
pub const SSH_CONNECTION: &str = "ssh_connection";
/// `pam_getenv("SSH_AUTH_INFO_0")`, in sshd's services only: the methods that passed.
pub const SSH_AUTH_INFO: &str = "ssh_auth_info";
/// `SUDO_COMMAND`, in sudo's services only.
pub const SUDO_COMMAND: &str = "sudo_command";
/// In sudo's services only: the session that it was called in, as the process id of its leader, a space, and when
/// that process began, in ticks since the machine started. From `/proc`, so from the kernel.
pub const SESSION: &str = "session";
/// In polkit's service only: the real uid of the process, in digits: who called its helper. `PAM_RUSER` is there who
/// is to be authenticated, by the word of whoever calls.
pub const UID: &str = "uid";
/// The module line's `first_factor=`: a fact about the stack.
pub const FIRST_FACTOR: &str = "first_factor";
/// The value of [`FIRST_FACTOR`] that attests: every earlier auth line ends the stack on failure.
pub const REQUISITE: &[u8] = b"requisite";

/// When libpam read the stack, and loaded the module for it: milliseconds since boot, in digits. Left out where the
/// process had the module from an earlier login.
pub const LOADED: &str = "loaded";

/// Facts by name; unknown names are ignored by the daemon.
pub type Facts = HashMap<String, Vec<u8>>;

/// Whether `service` is sshd, whose PAM environment sshd itself fills.
pub fn is_sshd(service: &[u8]) -> bool {
    service == b"sshd"
}

/// Whether `service` is sudo, whose `SUDO_COMMAND` sudo itself sets.
pub fn is_sudo(service: &[u8]) -> bool {
    matches!(service, b"sudo" | b"sudo-i")
}

/// Whether `service` is su, where `PAM_USER` is who one becomes, not who one is.
pub fn is_su(service: &[u8]) -> bool {
    matches!(service, b"su" | b"su-l")
}

/// Whether `service` is polkit, whose helper any user may call for anybody.
pub fn is_polkit(service: &[u8]) -> bool {
    service == b"polkit-1"
}

/// Whether `info` (the text of `SSH_AUTH_INFO_0`) names a method that passed.
pub fn names_a_method(info: &[u8]) -> bool {
    info.split(|&b| b == b'\n').any(|line| {
        let method = line.split(|&b| b == b' ').next().unwrap_or_default();
        matches!(
            method,
            b"publickey" | b"password" | b"keyboard-interactive" | b"hostbased" | b"gssapi-with-mic"
        )
    })
}

/// The public key or certificate (type and base64 text) that passed, if `info` shows one.
pub fn passed_key(info: &[u8]) -> Option<&[u8]> {
    passed_keys(info).next().filter(|key| !key.is_empty())
}

/// All of them: sshd may ask for more than one (`AuthenticationMethods publickey,publickey`).
pub fn passed_keys(info: &[u8]) -> impl Iterator<Item = &[u8]> {
    info.split(|&b| b == b'\n').filter_map(|line| line.strip_prefix(b"publickey "))
}

/// The value of [`LOADED`], where there is one.
pub fn loaded(facts: &Facts) -> Option<u64> {
    std::str::from_utf8(facts.get(LOADED)?).ok()?.parse().ok()
}

/// Whether the first factor is known to have passed when `auth` runs (sshd names a passed method,
/// or the stack itself says so). Where it is not known, nothing may be told or bound.
pub fn attested(service: &[u8], facts: &Facts) -> bool {
    let sshd_says = is_sshd(service) && facts.get(SSH_AUTH_INFO).is_some_and(|info| names_a_method(info));
    sshd_says || facts.get(FIRST_FACTOR).is_some_and(|said| said == REQUISITE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(name: &str, value: &[u8]) -> Facts {
        Facts::from([(name.to_owned(), value.to_vec())])
    }

    #[test]
    fn only_sshd_or_the_stack_attests() {
        let key = b"publickey ssh-ed25519 AAAA\n";
        assert!(attested(b"sshd", &facts(SSH_AUTH_INFO, key)));
        assert!(!attested(b"sudo", &facts(SSH_AUTH_INFO, key)));
        assert!(!attested(b"sshd", &facts(SSH_AUTH_INFO, b"")));
        assert!(!attested(b"sshd", &facts(SSH_AUTH_INFO, b"none\npublickeyish x")));
        assert!(attested(b"su", &facts(FIRST_FACTOR, b"requisite")));
        assert!(!attested(b"su", &facts(FIRST_FACTOR, b"required")));
    }

    #[test]
    fn when_the_stack_was_read_is_told_in_digits() {
        assert_eq!(loaded(&facts(LOADED, b"1234")), Some(1234));
        for odd in [&b""[..], b"-1", b"1.5", b"99999999999999999999999", b"\xff"] {
            assert_eq!(loaded(&facts(LOADED, odd)), None, "{odd:?}");
        }
        assert_eq!(loaded(&Facts::new()), None);
    }

    #[test]
    fn the_passed_key_is_the_text_after_its_method() {
        assert_eq!(passed_key(b"password\npublickey ssh-rsa AAAB\n"), Some(&b"ssh-rsa AAAB"[..]));
        assert_eq!(passed_key(b"password\n"), None);
        assert_eq!(passed_key(b"publickey \n"), None);
        let two = b"publickey ssh-rsa AAAB\npassword\npublickey ssh-rsa AAAC\n";
        assert_eq!(passed_keys(two).collect::<Vec<_>>(), [b"ssh-rsa AAAB", b"ssh-rsa AAAC"]);
    }
}
