//! Who a login is about and where it comes from, by what the login host reports.

use std::net::IpAddr;

use mfa_proto::{
    facts::{self, Facts},
    identity::{ServiceName, UserName},
};
use sha2::{Digest, Sha256};

use super::{
    Auth, Failure,
    passed_key::{fingerprint, fingerprint_of_key, is_security_key},
    question::{Login, NoAccount, Target, Via},
};
use crate::{
    account::{AccountId, Anchor, Door, Session},
    crypto::{Keys, Purpose},
    policy::{Fingerprint, Groups, Rules, Signals, SuSubject},
    store::{Found, Sound, StoreError},
    world::{Names, Person},
};

/// How many records all unknown names share.
const DUMMIES: u16 = 4096;

/// Somebody that a login may be about.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    /// A user of the host.
    Person(Person),
    /// Nobody, proven.
    Unknown,
    /// su did not say who calls.
    NoCaller,
}

impl Auth {
    /// Works out subject and door. An error of a name service is an error, never "unknown".
    pub(super) async fn identify(
        &self,
        rules: &Rules,
        user: UserName,
        service: ServiceName,
        facts: &Facts,
    ) -> Result<(Login, Subject), Failure> {
        let names = self.world().names.of_a_login();
        let caller = facts.get(facts::RUSER).filter(|name| !name.is_empty());
        let caller = caller.map(|name| UserName::new(name.as_slice()));
        let asks_caller = facts::is_su(service.as_bytes()) && rules.su == SuSubject::Caller;
        let subject_name = match (&caller, asks_caller) {
            (Some(caller), true) => caller.clone(),
            _ => user.clone(),
        };
        let subject = if asks_caller && caller.is_none() {
            Subject::NoCaller
        } else {
            names.by_name(&subject_name).await?.map_or(Subject::Unknown, Subject::Person)
        };
        let caller_uid = match (&subject, caller) {
            _ if facts::is_polkit(service.as_bytes()) => helpers_caller(facts),
            (Subject::Person(person), Some(caller)) if caller == subject_name => Some(person.uid),
            (_, Some(caller)) => names.by_name(&caller).await?.map(|person| person.uid),
            (Subject::Person(person), None) => Some(person.uid),
            (_, None) => None,
        };
        let door = door(&service, facts, caller_uid);
        let attested = facts::attested(service.as_bytes(), facts);
        let anchor = Anchor { host: self.world().host, session: self.session(&service, facts) };
        let mut signals = signals(&service, facts);
        signals.place = signals.address.and_then(|address| self.places.of(address));
        match &subject {
            Subject::Person(person) => {
                signals.groups = groups(&names, rules, person).await;
                signals.name = (person.name != subject_name).then(|| person.name.clone());
            }
            Subject::Unknown if !attested => names.groups_of_nobody(&subject_name, asked(rules)).await,
            Subject::Unknown | Subject::NoCaller => {}
        }
        let (via, keys) = (Via::Login, keys(&service, facts));
        let login =
            Login { via, user, subject: subject_name, service, door, attested, signals, keys, anchor };
        Ok((login, subject))
    }

    /// The session that sudo was called in.
    fn session(&self, service: &ServiceName, facts: &Facts) -> Option<Session> {
        let told = facts.get(facts::SESSION).filter(|_| facts::is_sudo(service.as_bytes()))?;
        let (leader, started) = std::str::from_utf8(told).ok()?.split_once(' ')?;
        let boot = self.world().clock.now().boot;
        Some(Session { leader: leader.parse().ok()?, started: started.parse().ok()?, boot })
    }

    /// Which of the groups that the rules name that user is in; `None` where that cannot be told now.
    pub(super) async fn groups(&self, rules: &Rules, person: &Person) -> Option<Groups> {
        groups(&self.world().names, rules, person).await
    }
}

/// The groups that the rules name.
fn asked(rules: &Rules) -> Vec<String> {
    rules.groups().into_iter().map(str::to_owned).collect()
}

/// The same, by `names`.
pub(super) async fn groups(names: &Names, rules: &Rules, person: &Person) -> Option<Groups> {
    let asked = asked(rules);
    if asked.is_empty() {
        return Some(Groups { among: rules.mentioned, of: asked });
    }
    let of = names.groups_of(person, asked).await.ok()?;
    if of.iter().map(String::len).sum::<usize>() > LONGEST_GROUPS {
        return None; // a token that holds them would be longer than one may be
    }
    Some(Groups { among: rules.mentioned, of })
}

/// The longest command and the longest name of a terminal that rules are put to, in bytes; longer ones are not
/// known.
const LONGEST_COMMAND: usize = 1024;
const LONGEST_TTY: usize = 64;
/// The longest that the names of a user's groups may be together, in bytes, likewise.
const LONGEST_GROUPS: usize = 8192;

/// What the login host reports, as far as its source can be believed at that service.
fn signals(service: &ServiceName, facts: &Facts) -> Signals {
    let text = |name: &str, longest: usize| {
        let text = facts.get(name).filter(|text| text.len() <= longest)?;
        String::from_utf8(text.clone()).ok()
    };
    let is_sshd = facts::is_sshd(service.as_bytes());
    let ssh = |name: &str| facts.get(name).filter(|_| is_sshd);
    Signals {
        address: ssh(facts::SSH_CONNECTION).and_then(|text| peer(text)).map(|address| address.to_canonical()),
        key: ssh(facts::SSH_AUTH_INFO).and_then(|info| the_key(info)),
        command: text(facts::SUDO_COMMAND, LONGEST_COMMAND).filter(|_| facts::is_sudo(service.as_bytes())),
        tty: text(facts::TTY, LONGEST_TTY).filter(|tty| !tty.is_empty()),
        groups: None,
        place: None,
        name: None,
    }
}

/// The key that passed. Where there are several, it is the client that chose their order, so none of them is it.
fn the_key(info: &[u8]) -> Option<Fingerprint> {
    let mut keys = facts::passed_keys(info).map(fingerprint_of_key);
    let first = keys.next()?;
    first.filter(|_| keys.all(|key| key == first))
}

/// Every security key that passed, where sshd says so. A certificate for one is none: it has options of its own.
fn keys(service: &ServiceName, facts: &Facts) -> Vec<Fingerprint> {
    let info = facts.get(facts::SSH_AUTH_INFO).filter(|_| facts::is_sshd(service.as_bytes()));
    let passed = info.iter().flat_map(|info| facts::passed_keys(info));
    passed.filter(|key| is_security_key(key)).filter_map(fingerprint).collect()
}

/// The record that stands for `subject` in the store.
pub(super) fn target(
    sound: &mut Sound<'_>,
    keys: &Keys,
    login: &Login,
    subject: &Subject,
) -> Result<Target, StoreError> {
    let why = match subject {
        Subject::Person(person) => match sound.find(person.uid, &[&login.subject, &person.name])? {
            Found::One(id) => return Ok(Target::Account { id, uid: person.uid }),
            Found::Nobody => NoAccount::NotEnrolled,
            Found::Ambiguous => NoAccount::Ambiguous,
            Found::Unproven => NoAccount::Unproven,
        },
        Subject::Unknown => NoAccount::Unknown,
        Subject::NoCaller => NoAccount::NoCaller,
    };
    let uid = match subject {
        Subject::Person(person) => Some(person.uid),
        Subject::Unknown | Subject::NoCaller => None,
    };
    Ok(Target::Dummy { id: dummy(keys, &login.subject), why, uid })
}

/// One of the shared records, by the name: the same name always has the same.
fn dummy(keys: &Keys, name: &UserName) -> AccountId {
    let tag = keys.tag(Purpose::Dummy, &[name.as_bytes()]);
    let number = u16::from_le_bytes([tag[0], tag[1]]) % DUMMIES;
    let mut id = *b"unknown names\0\0\0";
    id[14..].copy_from_slice(&number.to_le_bytes());
    AccountId(id)
}

/// Who called polkit's helper. Root started it where polkit runs it as a service, and then nobody knows for whom.
fn helpers_caller(facts: &Facts) -> Option<u32> {
    let uid = std::str::from_utf8(facts.get(facts::UID)?).ok()?;
    uid.parse().ok().filter(|uid| *uid != 0)
}

fn door(service: &ServiceName, facts: &Facts, caller: Option<u32>) -> Door {
    let other = || Door::Service(service.clone());
    match service.as_bytes() {
        name if facts::is_sshd(name) => {
            let key = facts.get(facts::SSH_AUTH_INFO).and_then(|info| facts::passed_key(info));
            let address = || facts.get(facts::SSH_CONNECTION).and_then(|text| peer(text));
            match key {
                Some(key) => Door::Key(Sha256::digest(key).into()),
                None => address().map_or_else(other, |address| Door::Address(address.into())),
            }
        }
        b"sudo" | b"sudo-i" | b"su" | b"su-l" | b"polkit-1" => caller.map_or_else(other, Door::Local),
        b"login" => Door::Console,
        _ => other(),
    }
}

/// The peer's address in `SSH_CONNECTION`: `address port address port`.
fn peer(connection: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(connection).ok()?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(service: &str, facts: &[(&str, &str)], caller: Option<u32>) -> Door {
        let facts = facts.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect();
        door(&service.into(), &facts, caller)
    }

    #[test]
    fn doors_are_what_the_service_can_vouch_for() {
        let connection = (facts::SSH_CONNECTION, "192.0.2.7 5022 198.51.100.1 22");
        let key = (facts::SSH_AUTH_INFO, "publickey ssh-ed25519 AAAA");
        assert_eq!(of("sshd", &[connection], None).to_string(), "address 192.0.2.7");
        assert!(matches!(of("sshd", &[connection, key], None), Door::Key(_)));
        assert_eq!(of("sshd", &[(facts::RHOST, "192.0.2.7")], None).to_string(), "service sshd");
        assert_eq!(of("sudo", &[connection, key], Some(1000)), Door::Local(1000));
        assert_eq!(of("login", &[], None), Door::Console);
        let called = |uid: &str| helpers_caller(&Facts::from([(facts::UID.into(), uid.into())]));
        assert_eq!([called("1000"), called("0"), called("-1"), called("")], [Some(1000), None, None, None]);
        assert_eq!(of("vsftpd", &[connection], None).to_string(), "service vsftpd");
        assert_eq!(
            of("sshd", &[(facts::SSH_CONNECTION, "example.org 1 2 3")], None).to_string(),
            "service sshd"
        );
    }

    #[test]
    fn of_several_keys_none_is_the_key_whatever_their_order() {
        let key = |info: &str| {
            let facts = Facts::from([(facts::SSH_AUTH_INFO.to_owned(), info.as_bytes().to_vec())]);
            let login = (signals(&"sshd".into(), &facts).key, keys(&"sshd".into(), &facts).len());
            assert_eq!(signals(&"sudo".into(), &facts).key, None, "sshd alone tells of keys");
            login
        };
        let [a, b] = ["AAAA", "BBBB"].map(|key| format!("publickey sk-ssh-ed25519@openssh.com {key}\n"));
        let of_a = fingerprint_of_key(b"sk-ssh-ed25519@openssh.com AAAA");
        assert!(of_a.is_some());
        assert_eq!(key(&a), (of_a, 1));
        assert_eq!(key(&format!("password\n{a}")), (of_a, 1));
        assert_eq!(key(&format!("{a}{b}")), (None, 2));
        assert_eq!(key(&format!("{b}{a}")), (None, 2));
        assert_eq!(key(&format!("{a}{a}")), (of_a, 2), "one key, shown twice");
        // One that cannot be read is another.
        for odd in ["publickey ssh-ed25519 *\n", "publickey \n", "publickey x-cert-v01@openssh.com AAAA\n"] {
            assert_eq!(key(&format!("{odd}{a}")).0, None, "{odd}");
            assert_eq!(key(&format!("{a}{odd}")).0, None, "{odd}");
        }
    }

    #[test]
    fn a_name_always_has_the_same_one_of_4096_records() {
        let keys = Keys::new(&mfa_proto::secret::Secret::new([1; 32]));
        assert_eq!(dummy(&keys, &"nobody".into()), dummy(&keys, &"nobody".into()));
        let all: std::collections::HashSet<_> =
            (0..50_000).map(|n| dummy(&keys, &format!("u{n}").as_str().into())).collect();
        assert_eq!(all.len(), usize::from(DUMMIES));
    }
}
