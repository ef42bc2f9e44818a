//! What this host knows of names: NSS for one name, `/etc/passwd` and `/etc/login.defs` for the
//! people who log in here.

use std::io;
use std::ops::RangeInclusive;

use nix::unistd::User;

use crate::failure::Failure;
use crate::pam::glass::root_logs_in;

const PASSWD: &str = "/etc/passwd";
const LOGIN_DEFS: &str = "/etc/login.defs";
/// The longest such file that is read, in bytes.
const LONGEST: u64 = 64 << 20;

/// How an account stands to the names of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OnHost {
    /// The name has the account's uid.
    Here,
    /// Nobody has the name.
    Gone,
    /// The name has this other uid now.
    OtherUid(u32),
    /// The name could not be looked up, for this reason. Never taken for gone: a directory that is
    /// away for an hour would empty the list of accounts to keep.
    Unknown(String),
}

impl OnHost {
    /// Looks `name` up, whose account has `uid`.
    pub(crate) fn of(name: &[u8], uid: u32) -> Self {
        Self::found(uid, look_up(name))
    }

    fn found(uid: u32, found: Result<Option<u32>, String>) -> Self {
        match found {
            Ok(Some(now)) if now == uid => Self::Here,
            Ok(Some(now)) => Self::OtherUid(now),
            Ok(None) => Self::Gone,
            Err(why) => Self::Unknown(why),
        }
    }
}

/// The uid of `name`, by NSS.
fn look_up(name: &[u8]) -> Result<Option<u32>, String> {
    let Ok(name) = std::str::from_utf8(name) else { return Err("the name is not UTF-8".to_owned()) };
    match User::from_name(name) {
        Ok(user) => Ok(user.map(|user| user.uid.as_raw())),
        Err(error) => Err(error.desc().to_owned()),
    }
}

/// One who may log in here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// As it stands there.
    pub(crate) name: Vec<u8>,
    /// The number.
    pub(crate) uid: u32,
}

/// The people of `/etc/passwd`: root, and the uids that `/etc/login.defs` gives to people, each with
/// a shell that lets in. Those of a directory are not listed there.
pub(crate) fn people() -> Result<Vec<Person>, Failure> {
    let defs = match read(LOGIN_DEFS) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read.map_err(|error| Failure::Unread(LOGIN_DEFS.to_owned(), error))?,
    };
    let passwd = read(PASSWD).map_err(|error| Failure::Unread(PASSWD.to_owned(), error))?;
    let uids = uids_of_people(&defs);
    Ok(passwd.split(|&byte| byte == b'\n').filter_map(|line| person(line, &uids)).collect())
}

/// Those of [`people`] who can log in: root only where root has a password, or a key where sshd looks for one. On
/// many hosts root has neither, and would be counted as one who is not ready for ever.
pub(crate) fn who_log_in() -> Result<Vec<Person>, Failure> {
    let mut people = people()?;
    if people.iter().any(|person| person.uid == 0) && !root_logs_in() {
        people.retain(|person| person.uid != 0);
    }
    Ok(people)
}

/// Whether that name is one of somebody who may log in here, by NSS.
pub(crate) fn has_shell(name: &[u8]) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let name = std::str::from_utf8(name).ok();
    let user = name.and_then(|name| User::from_name(name).ok().flatten());
    user.is_some_and(|user| lets_in(user.shell.as_os_str().as_bytes()))
}

fn read(path: &str) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `name:password:uid:gid:gecos:home:shell`; lines of NIS (`+`, `-`) and comments are nobody's.
fn person(line: &[u8], uids: &RangeInclusive<u32>) -> Option<Person> {
    if matches!(line.first(), None | Some(b'+' | b'-' | b'#')) {
        return None;
    }
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b':').collect();
    let &[name, _, uid, _, _, _, shell] = fields.as_slice() else { return None };
    let uid: u32 = std::str::from_utf8(uid).ok()?.parse().ok()?;
    let is_person = !name.is_empty() && (uid == 0 || uids.contains(&uid)) && lets_in(shell);
    is_person.then(|| Person { name: name.to_vec(), uid })
}

/// An empty shell is `/bin/sh`.
fn lets_in(shell: &[u8]) -> bool {
    let program = shell.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    !matches!(program, b"nologin" | b"false")
}

/// `UID_MIN` to `UID_MAX` (login.defs(5)).
fn uids_of_people(defs: &[u8]) -> RangeInclusive<u32> {
    let number = |name: &str, default| {
        let of_line = |line: &[u8]| {
            let mut words = std::str::from_utf8(line).ok()?.split_whitespace();
            if words.next() == Some(name) { c_number(words.next()?) } else { None }
        };
        defs.split(|&byte| byte == b'\n').filter_map(of_line).next_back().unwrap_or(default)
    };
    number("UID_MIN", 1000)..=number("UID_MAX", 60_000)
}

/// As C writes numbers: decimal, `0x` hexadecimal, `0` octal.
fn c_number(text: &str) -> Option<u32> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(digits, 16).ok();
    }
    match text.strip_prefix('0') {
        Some(digits) if !digits.is_empty() => u32::from_str_radix(digits, 8).ok(),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_looked_up_is_never_gone() {
        assert_eq!(OnHost::found(7, Ok(Some(7))), OnHost::Here);
        assert_eq!(OnHost::found(7, Ok(Some(8))), OnHost::OtherUid(8));
        assert_eq!(OnHost::found(7, Ok(None)), OnHost::Gone);
        assert_eq!(OnHost::found(7, Err("away".into())), OnHost::Unknown("away".into()));
        assert!(matches!(OnHost::of(b"\xff", 7), OnHost::Unknown(_)));
    }

    #[test]
    fn this_host_knows_root() {
        assert_eq!(OnHost::of(b"root", 0), OnHost::Here);
        assert_eq!(OnHost::of(b"root", 7), OnHost::OtherUid(0));
    }

    #[test]
    fn people_are_those_with_a_uid_of_people_and_a_shell() {
        let uids = 1000..=60_000;
        let who = |line: &str| person(line.as_bytes(), &uids).map(|person| person.uid);
        assert_eq!(who("root:x:0:0::/root:/bin/bash"), Some(0));
        assert_eq!(who("al:x:1000:1000:Al,,,:/home/al:/bin/zsh"), Some(1000));
        assert_eq!(who("bo:x:60000:1::/:"), Some(60_000));
        for nobody in [
            "daemon:x:1:1::/:/bin/sh",
            "nobody:x:65534:65534::/:/usr/sbin/nologin",
            "svc:x:1001:1::/:/usr/sbin/nologin",
            "svc:x:1001:1::/:/bin/false",
            "+al:x:1000:1::/:/bin/sh",
            "#al:x:1000:1::/:/bin/sh",
            ":x:1000:1::/:/bin/sh",
            "al:x:-1:1::/:/bin/sh",
            "al:x:1000",
            "",
        ] {
            assert_eq!(who(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn the_uids_of_people_are_those_of_login_defs() {
        assert_eq!(uids_of_people(b""), 1000..=60_000);
        assert_eq!(
            uids_of_people(b"# UID_MIN 7\nUID_MIN\t\t 500\nSYS_UID_MIN 100\nUID_MAX 0x10000\n"),
            500..=65_536
        );
        assert_eq!(uids_of_people(b"UID_MIN 010\nUID_MAX lots\n\xff\n"), 8..=60_000);
    }
}
