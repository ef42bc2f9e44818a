//! What a login is known by: learnt when it is settled, and asked for by rules.

use super::*;
use crate::policy::{Conditions, Effect, Network, Rule, Seen};

const KEY: &str = "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAUE=\n";
const OTHER_KEY: &str = "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAUI=\n";

/// A login with a key: of it sshd knows that a first factor passed.
fn with_key(key: &str) -> Facts {
    let mut facts = from(HOME);
    facts.insert(facts::SSH_AUTH_INFO.into(), key.as_bytes().to_vec());
    facts
}

fn rule(when: Conditions, then: Effect) -> Rule {
    let until = (then == Effect::Skip).then_some(UnixTime(u64::MAX));
    Rule {
        name: "r".into(),
        when,
        unless: Conditions::default(),
        then,
        reason: "test".into(),
        until,
        defined_at: String::new(),
    }
}

/// A host whose rule does that at such logins.
fn host(when: Conditions, then: Effect) -> Host {
    let host = Host::new(Mode::Required);
    host.rule(|rules| {
        rules.seen_within = 90 * 86_400;
        rules.rules = vec![rule(when, then)];
        let office = Network {
            name: "home".into(),
            prefixes: vec!["192.0.2.0/24".parse().unwrap()],
            defined_at: String::new(),
        };
        rules.networks = vec![office];
    });
    host
}

fn is_denied(host: &Host, facts: &Facts) -> bool {
    host.begin("alice", "sshd", facts).reason() == Some(Reason::Denied)
}

// S24: an address that was seen is no factor, and who only knows the password teaches nothing.
#[test]
fn a_device_is_known_once_its_login_is_settled() {
    let host = host(Conditions { device: Some(Seen::Known), ..Conditions::default() }, Effect::Skip);
    let seed = host.enrol(1000);
    let asks = |facts: &Facts| host.begin("alice", "sshd", facts).kind() == Kind::Ask;
    let key = with_key(KEY);
    host.login("alice", &key, "000000");
    assert!(asks(&key), "a wrong code teaches no device");
    let proven = host.login("alice", &key, &host.code(&seed, 0));
    assert!(proven.kind() == Kind::Proven && !proven.token.is_empty());
    assert!(asks(&key), "what comes after the code may refuse the login yet");
    assert_eq!(host.settle(&proven).kind(), Kind::Proven);
    assert!(!asks(&key));
    assert!(asks(&with_key(OTHER_KEY)) && asks(&attested(HOME)), "another key, or none");
    assert_eq!(host.begin("bob", "sshd", &key).kind(), Kind::Ask, "a device is one user's");
    host.clock.pass(90 * 86_400);
    assert!(!asks(&key));
    host.clock.pass(1);
    assert!(asks(&key), "not for ever");
}

// S24: the client chooses which key it shows first.
#[test]
fn of_two_keys_that_passed_neither_order_gets_round_a_rule() {
    let (one, both) = (KEY, [format!("{KEY}{OTHER_KEY}"), format!("{OTHER_KEY}{KEY}")]);
    let print = |text: &str| {
        let key = text.trim_end().trim_start_matches("publickey ").as_bytes();
        super::super::passed_key::fingerprint_of_key(key).unwrap()
    };
    let about = |text: &str| Conditions { key: vec![print(text)], ..Conditions::default() };
    for (when, then) in [(about(OTHER_KEY), Effect::Deny), (about(KEY), Effect::Skip)] {
        let host = host(when, then);
        let seed = host.enrol(1000);
        let lax = if then == Effect::Skip { Kind::Waived } else { Kind::Ask };
        assert_eq!(host.begin("alice", "sshd", &with_key(one)).kind(), lax);
        for both in &both {
            let step = host.begin("alice", "sshd", &with_key(both));
            let strict = if then == Effect::Skip { Kind::Ask } else { Kind::Refused };
            assert_eq!(step.kind(), strict, "{then:?}: {both}");
        }
        // Nor is either known by such a login.
        host.rule(|rules| rules.rules.clear());
        assert_eq!(host.login("alice", &with_key(&both[0]), &host.code(&seed, 0)).kind(), Kind::Proven);
        host.rule(|rules| {
            let device = Some(Seen::Known);
            rules.rules = vec![rule(Conditions { device, ..Conditions::default() }, Effect::Skip)];
        });
        for key in [KEY, OTHER_KEY, &both[0], &both[1]] {
            assert_eq!(host.begin("alice", "sshd", &with_key(key)).kind(), Kind::Ask, "{key}");
        }
    }
}

#[test]
fn a_location_is_learnt_by_the_account_phase_where_nothing_is_attested() {
    let host = host(Conditions { location: Some(Seen::Known), ..Conditions::default() }, Effect::Skip);
    let seed = host.enrol(1000);
    let asks = |address: &str| host.begin("alice", "sshd", &from(address)).kind() == Kind::Ask;
    let proven = host.login("alice", &from(HOME), &host.code(&seed, 0));
    assert!(!proven.token.is_empty() && asks(HOME), "nothing is bound before");
    assert_eq!(host.settle(&proven).kind(), Kind::Proven);
    assert!(!asks(HOME) && !asks("192.0.2.200"), "a location is the network, not the address");
    assert!(asks(AWAY), "of which no database says anything");
    host.rule(|rules| rules.rules.clear());
    let login = |host: &Host| {
        host.clock.pass(30);
        host.login("alice", &from("192.0.2.200"), &host.code(&seed, 0))
    };
    assert_eq!(host.settle(&login(&host)).kind(), Kind::Proven, "another address is another door");
    assert!(login(&host).token.is_empty(), "the same again is not worth a call");
    host.clock.pass(2 * 86_400);
    assert!(!login(&host).token.is_empty(), "before its time is over it is");
}

// What nobody looks at is not worth a call.
#[test]
fn where_no_rule_looks_at_devices_an_attested_proof_teaches_them_and_settles_nothing() {
    let host = host(Conditions { device: Some(Seen::Known), ..Conditions::default() }, Effect::Skip);
    let rules = host.policy.get().unwrap().rules.clone();
    host.rule(|rules| rules.rules.clear());
    let seed = host.enrol(1000);
    let proven = host.login("alice", &with_key(KEY), &host.code(&seed, 0));
    assert!(proven.kind() == Kind::Proven && proven.token.is_empty());
    host.rule(|now| now.rules = rules);
    assert_eq!(host.begin("alice", "sshd", &with_key(KEY)).kind(), Kind::Waived);
    host.clock.pass(2 * 86_400);
    let again = |host: &Host, key| {
        host.rule(|rules| rules.rules[0].then = Effect::AskFresh);
        let proven = host.login("alice", &with_key(key), &host.code(&seed, 0));
        host.clock.pass(30);
        assert_eq!(proven.kind(), Kind::Proven);
        proven
    };
    let late = again(&host, KEY);
    assert!(!late.token.is_empty(), "before its time is over it is");
    assert_eq!(host.settle(&late).kind(), Kind::Proven);
    assert!(again(&host, KEY).token.is_empty(), "and then it is known");
}

#[test]
fn whoever_says_not_me_is_known_nowhere() {
    let host = host(Conditions { device: Some(Seen::New), ..Conditions::default() }, Effect::Deny);
    let rules = host.policy.get().unwrap().rules.clone();
    host.rule(|rules| rules.rules.clear());
    let seed = host.enrol(1000);
    assert_eq!(host.login("alice", &with_key(KEY), &host.code(&seed, 0)).kind(), Kind::Proven);
    host.rule(|now| now.rules = rules);
    assert!(!is_denied(&host, &with_key(KEY)));
    assert!(is_denied(&host, &with_key(OTHER_KEY)));
    assert!(is_denied(&host, &attested(HOME)), "no key: the stricter side");
    run(host.auth.not_me(1000)).unwrap();
    run(host.auth.user_unlock(b"alice".to_vec(), false, glass("it was me"), None)).unwrap();
    assert!(is_denied(&host, &with_key(KEY)));
}

#[test]
fn where_places_are_not_known_travel_is_impossible() {
    let host = host(Conditions { impossible_travel: true, ..Conditions::default() }, Effect::Deny);
    host.enrol(1000);
    assert!(is_denied(&host, &attested(HOME)), "no database");
    let mut nowhere = attested(HOME);
    nowhere.remove(facts::SSH_CONNECTION);
    assert!(is_denied(&host, &nowhere), "no address");
}
