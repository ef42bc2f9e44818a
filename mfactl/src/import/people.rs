//! Who there is to import for.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use mfa_proto::identity::UserName;

use super::reader::Owner;

/// Where local accounts are.
pub(crate) const PASSWD: &str = "/etc/passwd";
/// The first uid of a person.
const FIRST_PERSON: u32 = 1000;
/// The uid that stands for nobody.
const NOBODY: u32 = 65534;

/// An account: what its entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: Vec<u8>,
    pub(crate) owner: Owner,
    pub(crate) home: PathBuf,
}

/// The local accounts.
pub(crate) fn local() -> std::io::Result<Vec<Person>> {
    fs::read(PASSWD).map(|passwd| entries(&passwd))
}

/// Whether it is a person's account: root, or a uid from 1000 up but that of nobody.
pub(crate) fn is_person(person: &Person) -> bool {
    person.owner.uid == 0 || (person.owner.uid >= FIRST_PERSON && person.owner.uid != NOBODY)
}

/// The account of that name: of the local ones, else what the name services say.
pub(crate) fn named(name: &[u8], local: &[Person]) -> Result<Option<Person>, std::io::Error> {
    if let Some(person) = local.iter().find(|person| person.name == name) {
        return Ok(Some(person.clone()));
    }
    let Ok(text) = std::str::from_utf8(name) else { return Ok(None) };
    let found = nix::unistd::User::from_name(text)?;
    Ok(found.map(|user| Person {
        name: name.to_vec(),
        owner: Owner { uid: user.uid.as_raw(), gid: user.gid.as_raw() },
        home: user.dir,
    }))
}

/// The entries of a passwd file, the first of a name only; what is no entry is skipped.
fn entries(passwd: &[u8]) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    let mut names = std::collections::HashSet::new();
    for line in passwd.split(|&byte| byte == b'\n') {
        people.extend(entry(line).filter(|person| names.insert(person.name.clone())));
    }
    people
}

fn entry(line: &[u8]) -> Option<Person> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b':').collect();
    let [name, _, uid, gid, _, home, _] = fields[..] else { return None };
    let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse::<u32>().ok();
    if !UserName::new(name).is_plausible() || matches!(name[0], b'+' | b'-') {
        return None; // a line for NIS
    }
    Some(Person {
        name: name.to_vec(),
        owner: Owner { uid: number(uid)?, gid: number(gid)? },
        home: OsString::from_vec(home.to_vec()).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &[u8] = b"root:x:0:0:root:/root:/bin/bash\n\
        daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n\
        nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n\
        alice:x:1000:1000:Alice:/home/alice:/bin/bash\n\
        alice:x:1001:1001:again:/home/eve:/bin/bash\n\
        bob:x:70000:100::/srv/bob:/bin/sh\n\
        +::::::\n+eve:x:1002:1002::/home/eve:/bin/sh\nbroken:x:one:1::/:/bin/sh\nshort:x:1003\n\n";

    #[test]
    fn people_are_root_and_uids_from_1000_up() {
        let people: Vec<_> = entries(SAMPLE).into_iter().filter(is_person).collect();
        let names: Vec<_> = people.iter().map(|person| person.name.as_slice()).collect();
        assert_eq!(names, [&b"root"[..], b"alice", b"bob"]);
        assert_eq!(people[1].owner, Owner { uid: 1000, gid: 1000 });
        assert_eq!(people[2].home, PathBuf::from("/srv/bob"));
    }

    #[test]
    fn a_named_user_may_be_any_account() {
        let local = entries(SAMPLE);
        assert_eq!(named(b"daemon", &local).unwrap().unwrap().owner.uid, 1);
        assert_eq!(named(b"\xff\xfe", &local).unwrap(), None);
    }
}
