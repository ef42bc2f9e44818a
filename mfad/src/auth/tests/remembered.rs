//! Logins that are remembered, from the first proof to what ends it.

use super::*;
use crate::policy::{Bind, Conditions, Effect, ForgetOn, Remember, Rule};

const KEY: &str = "publickey ssh-ed25519 AAAAC3Nz\n";
const OTHER_KEY: &str = "publickey ssh-ed25519 AAAAC3N0\n";
const HOUR: u64 = 3600;

/// What its user or an administrator does to alice's account; she has that seed.
type Change = fn(&Host, &[u8]);

/// A host that remembers, and alice's seed. She has no backup codes: they take long to make.
fn host(bind: &[Bind], service: &[&str]) -> (Host, Vec<u8>) {
    let host = Host::new(Mode::Required);
    give_factor(&host, 1000, "alice");
    let forget_on = vec![ForgetOn::NewKey, ForgetOn::NewNetwork, ForgetOn::Sensitive];
    let service = service.iter().map(ToString::to_string).collect();
    let remember = Remember { seconds: 8 * HOUR, bind: bind.to_vec(), service, forget_on };
    host.rule(|rules| rules.remember = Some(remember));
    (host, vec![1; 20])
}

fn give_factor(host: &Host, uid: u32, name: &'static str) {
    let write = host.auth.store.write(move |records, now| {
        let id = AccountId(random(records.entropy())?);
        let mut account = records.create(id, uid, &name.into())?;
        let (id, kind) = (FactorId(random(records.entropy())?), FactorKind::Totp(Totp::default()));
        records.put_seed(&account, id, 1, &kind, &[1; 20])?;
        let seed = records.fingerprint(&[1; 20]);
        account.state.factors.push(Factor::new(id, kind, "phone".to_owned(), seed, now.wall));
        records.keep(&mut account)
    });
    run(write).unwrap().into_inner();
}

fn at_home() -> (Host, Vec<u8>) {
    host(&[Bind::Key, Bind::Address], &["sshd"])
}

fn with_key(address: &str, key: &str) -> Facts {
    let mut facts = from(address);
    facts.insert(facts::SSH_AUTH_INFO.into(), key.as_bytes().to_vec());
    facts
}

fn in_session(tty: &str, session: &str) -> Facts {
    let facts = [
        (facts::RUSER, "alice"),
        (facts::TTY, tty),
        (facts::SESSION, session),
        (facts::FIRST_FACTOR, "requisite"),
    ];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect()
}

impl Host {
    /// Proves and settles, in a step of its own.
    fn settled(&self, service: &str, facts: &Facts, seed: &[u8]) {
        self.clock.pass(30);
        let proven = self.proven(service, facts, &self.code(seed, 0));
        assert_eq!(self.settle(&proven).kind(), Kind::Proven);
    }

    fn proven(&self, service: &str, facts: &Facts, typed: &str) -> Step {
        let asked = self.begin("alice", service, facts);
        assert_eq!(asked.kind(), Kind::Ask, "{service} {facts:?}");
        let proven = self.answer(&asked, typed);
        assert_eq!(proven.kind(), Kind::Proven, "{:?}", proven.reason());
        proven
    }

    fn asks(&self, service: &str, facts: &Facts) -> bool {
        let step = self.begin("alice", service, facts);
        assert!(step.kind() == Kind::Ask || step.reason() == Some(Reason::Remembered), "{:?}", step.reason());
        step.kind() == Kind::Ask
    }

    fn asks_at_home(&self) -> bool {
        self.asks("sshd", &with_key(HOME, KEY))
    }

    fn listed(&self, uid: u32) -> Vec<mfa_proto::account::Remembered> {
        run(self.auth.remembered(uid)).unwrap()
    }

    fn last_event(&self) -> String {
        self.audited().pop().unwrap().0
    }
}

#[test]
fn a_settled_proof_stands_for_the_next_from_the_same_place_and_for_no_other() {
    let (host, seed) = at_home();
    give_factor(&host, 1001, "bob");
    assert!(host.asks_at_home());
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    assert_eq!(host.last_event(), "remembered");
    assert!(!host.asks_at_home());
    assert_eq!(host.audited().pop().unwrap(), ("waived".into(), "remembered".into()));
    let both = [format!("{KEY}{OTHER_KEY}"), format!("{OTHER_KEY}{KEY}")].map(|keys| with_key(HOME, &keys));
    let [one, other] = &both;
    host.settled("sshd", one, &seed);
    assert!(host.asks("sshd", one), "of two keys neither is the one that it is bound to");
    assert!(host.asks_at_home(), "and a key that is not known is a new one");
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    assert!(!host.asks_at_home());
    for elsewhere in [
        with_key(HOME, OTHER_KEY),
        with_key(AWAY, KEY),
        attested(HOME),
        from(HOME),
        Facts::new(),
        one.clone(),
        other.clone(),
    ] {
        assert!(host.asks("sshd", &elsewhere), "{elsewhere:?}");
    }
    // The same key for two users, and names that are not there.
    for user in ["bob", "nobody-here", "Alice", "alice "] {
        assert_eq!(host.begin(user, "sshd", &with_key(HOME, KEY)).kind(), Kind::Ask, "{user}");
    }
    assert_eq!(host.begin("bob", "su", &in_session("pts/1", "7 8")).kind(), Kind::Ask);
    for service in ["sudo", "sudo-i", "login", "sshd-x"] {
        assert!(host.asks(service, &with_key(HOME, KEY)), "{service}");
    }
    let [only] = &host.listed(1000)[..] else { panic!() };
    assert_eq!((only.service.as_str(), only.address.as_str(), only.factor.as_str()), ("sshd", HOME, "phone"));
    assert!(only.key.starts_with("SHA256:") && only.tty.is_empty(), "{only:?}");
    assert_eq!(only.ends - only.made, 8 * HOUR);
    assert_eq!(run(host.auth.status(1000)).unwrap().remembered, 1);
    assert!(host.listed(1001).is_empty());
}

// S24
#[test]
fn what_was_proven_and_is_not_settled_is_not_remembered() {
    let (host, seed) = at_home();
    let here = with_key(HOME, KEY);
    let proven = host.proven("sshd", &here, &host.code(&seed, 0));
    assert!(!proven.token.is_empty(), "the account phase is to settle it, though the first factor was right");
    assert!(host.asks_at_home());
    host.clock.pass(120);
    assert_eq!(host.settle(&proven).kind(), Kind::Refused);
    assert!(host.asks_at_home() && host.listed(1000).is_empty());
}

// S21: whoever did not pass a first factor learns nothing of it.
#[test]
fn a_stranger_from_the_same_address_is_asked_like_everybody() {
    let (host, seed) = host(&[Bind::Address], &["sshd"]);
    host.settled("sshd", &attested(HOME), &seed);
    assert!(!host.asks("sshd", &attested(HOME)));
    assert!(host.asks("sshd", &from(HOME)));
    host.settled("sshd", &from(AWAY), &seed);
    assert!(host.asks("sshd", &attested(AWAY)), "where nothing attests, nothing is remembered");
}

#[test]
fn what_was_let_by_is_no_proof() {
    let (host, seed) = at_home();
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    for _ in 0..7 {
        host.clock.pass(HOUR);
        assert!(!host.asks_at_home());
    }
    host.clock.pass(HOUR);
    assert!(host.asks_at_home(), "eight hours after the code, not after the last login");
    assert!(host.listed(1000).is_empty());
    assert_eq!(run(host.auth.status(1000)).unwrap().remembered, 0);
}

// S6, S16
#[test]
fn neither_a_clock_set_back_nor_a_reboot_makes_it_last() {
    let (mut host, seed) = at_home();
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    let made = crate::world::Clock::now(&*host.clock).wall.0;
    host.clock.reboot(60);
    host.restart();
    assert!(!host.asks_at_home(), "a reboot alone ends nothing");
    for _ in 0..8 {
        host.clock.pass(HOUR);
        assert_eq!(host.asks_at_home(), crate::world::Clock::now(&*host.clock).boot_ms > 8 * HOUR * 1000);
        host.clock.set_wall(made + 60);
    }
    assert!(host.asks_at_home());
    host.clock.set_wall(made - 1);
    assert!(host.asks_at_home());
}

// S13, S14
#[test]
fn what_its_user_must_read_is_asked_for_and_nothing_that_a_stranger_can_bring_about() {
    let (host, seed) = at_home();
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    for _ in 0..3 {
        host.login("alice", &from(AWAY), "000000");
    }
    assert!(!host.asks_at_home(), "who does not know the password");
    host.login("alice", &attested(AWAY), "000000");
    let asked = host.begin("alice", "sshd", &with_key(HOME, KEY));
    assert!(asked.text.contains("after the right password!"), "{:?}", asked.text);
    assert_eq!(host.answer(&asked, &host.code(&seed, 1)).kind(), Kind::Proven);
    assert!(!host.asks_at_home(), "once it was read");
}

#[test]
fn a_backup_code_is_not_remembered() {
    let (host, seed) = at_home();
    host.clock.pass(30);
    let code = host.code(&seed, 0);
    let asked = run(host.auth.step_up_begin(1000)).unwrap();
    let answer = Answer::parse(code.as_bytes());
    let (_, proof) = run(host.auth.step_up_answer(Via::OwnChange(1000), &asked.token, answer)).unwrap();
    let codes = run(host.auth.codes_renew(1000, proof)).unwrap();
    let here = with_key(HOME, KEY);
    let proven = host.proven("sshd", &here, &codes[0]);
    assert_eq!(host.settle(&proven).kind(), Kind::Proven);
    assert!(host.asks_at_home() && host.listed(1000).is_empty());
    // One of another's ends nothing, and is told before anybody is let by.
    host.settled("sshd", &here, &seed);
    assert!(!host.asks_at_home());
    host.proven("sshd", &attested(AWAY), &codes[1]);
    let asked = host.begin("alice", "sshd", &here);
    assert!(asked.text.contains("A backup code was used"), "{:?}", asked.text);
}

#[test]
fn every_change_of_factors_ends_it() {
    let changes: [(&str, Change); 6] = [
        ("codes renewed", |host, seed| {
            let proof = host.fresh(seed);
            run(host.auth.codes_renew(1000, Some(proof))).unwrap();
        }),
        ("another factor", |host, seed| {
            let proof = host.fresh(seed);
            let begun = run(host.auth.enroll_begin(1000, EnrollRequest::default(), Some(proof))).unwrap();
            let second = data_encoding::BASE32_NOPAD.decode(begun.secret.as_bytes()).unwrap();
            host.confirm_enrolment(1000, &begun.enrollment, &host.code(&second, 0));
        }),
        ("recovery given", |host, _| {
            let (by, ticket) = ("passport".to_owned(), String::new());
            run(host.auth.user_recover(b"alice".to_vec(), by, ticket, glass("x"), None)).unwrap();
        }),
        ("locked and unlocked", |host, _| {
            run(host.auth.user_lock(b"alice".to_vec(), glass("x"), None)).unwrap();
            assert!(host.asks_at_home());
            run(host.auth.user_unlock(b"alice".to_vec(), false, glass("x"), None)).unwrap();
        }),
        ("not me", |host, _| {
            run(host.auth.not_me(1000)).unwrap();
            assert!(host.asks_at_home());
            run(host.auth.user_unlock(b"alice".to_vec(), false, glass("x"), None)).unwrap();
        }),
        ("reset", |host, _| {
            assert_eq!(run(host.auth.user_reset(b"alice".to_vec(), glass("x"), None)).unwrap(), 2);
        }),
    ];
    let (host, seed) = at_home();
    for (what, change) in changes {
        host.settled("sshd", &with_key(HOME, KEY), &seed);
        assert!(!host.asks_at_home(), "{what}");
        change(&host, &seed);
        assert!(host.asks_at_home() && host.listed(1000).is_empty(), "{what}");
    }
}

impl Host {
    fn fresh(&self, seed: &[u8]) -> crate::auth::step_up::FreshProof {
        self.clock.pass(30);
        let asked = run(self.auth.step_up_begin(1000)).unwrap();
        let answer = Answer::parse(self.code(seed, 0).as_bytes());
        run(self.auth.step_up_answer(Via::OwnChange(1000), &asked.token, answer)).unwrap().1.unwrap()
    }
}

#[test]
fn a_settled_login_with_a_new_key_or_from_a_new_network_ends_what_was_before() {
    for elsewhere in [with_key(HOME, OTHER_KEY), with_key(AWAY, KEY)] {
        let (host, seed) = at_home();
        host.settled("sshd", &with_key(HOME, KEY), &seed);
        let proven = host.proven("sshd", &elsewhere, &host.code(&seed, 1));
        assert!(!host.asks_at_home(), "not settled yet");
        assert_eq!(host.settle(&proven).kind(), Kind::Proven);
        assert!(host.asks_at_home() && !host.asks("sshd", &elsewhere));
        let events: Vec<_> = host.audited().into_iter().map(|(event, _)| event).collect();
        assert!(events.contains(&"forgotten".to_owned()), "{events:?}");
        // Both are known from now on.
        host.clock.pass(60);
        host.settled("sshd", &with_key(HOME, KEY), &seed);
        assert!(!host.asks_at_home() && !host.asks("sshd", &elsewhere));
    }
}

#[test]
fn where_the_key_alone_is_bound_a_new_network_is_asked_all_the_same() {
    let (host, seed) = host(&[Bind::Key], &["sshd"]);
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    assert!(!host.asks_at_home());
    assert!(host.asks("sshd", &with_key(AWAY, KEY)));
    host.rule(|rules| rules.remember.as_mut().unwrap().forget_on.clear());
    assert!(!host.asks("sshd", &with_key(AWAY, KEY)), "unless it is not to matter");
}

#[test]
fn a_rule_that_wants_a_fresh_code_gets_one_and_ends_the_rest() {
    let (host, seed) = at_home();
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    host.rule(|rules| {
        let when = Conditions { service: vec!["sudo".into()], ..Conditions::default() };
        rules.rules.push(rule("fresh at sudo", when, Effect::AskFresh));
    });
    let sudo = in_session("/dev/pts/1", "700 1234");
    let proven = host.proven("sudo", &sudo, &host.code(&seed, 1));
    assert!(!host.asks_at_home(), "not settled yet");
    assert_eq!(host.settle(&proven).kind(), Kind::Proven);
    assert_eq!(host.last_event(), "forgotten");
    assert!(host.asks_at_home());
    host.rule(|rules| rules.rules[0].when = Conditions::default());
    host.clock.pass(30);
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    assert!(host.asks_at_home(), "a code each time");
}

fn rule(name: &str, when: Conditions, then: Effect) -> Rule {
    let (reason, defined_at, unless) = (String::new(), String::new(), Conditions::default());
    Rule { name: name.into(), when, unless, then, reason, until: None, defined_at }
}

// What is learnt of a login with its verdict makes it no less new.
#[test]
fn a_fresh_code_for_a_new_device_is_one() {
    let (host, seed) = at_home();
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    host.rule(|rules| {
        let when = Conditions { device: Some(crate::policy::Seen::New), ..Conditions::default() };
        rules.rules.push(rule("fresh for a new device", when, Effect::AskFresh));
    });
    assert!(!host.asks_at_home());
    host.settled("sshd", &with_key(HOME, OTHER_KEY), &seed);
    assert_eq!(host.last_event(), "forgotten", "and nothing is remembered");
    assert!(host.asks_at_home());
}

#[test]
fn a_network_that_has_a_name_is_one_place() {
    let (host, seed) = host(&[Bind::Key], &["sshd"]);
    host.rule(|rules| {
        rules.networks = vec![crate::policy::Network {
            name: "office".into(),
            prefixes: vec!["192.0.2.0/24".parse().unwrap()],
            defined_at: String::new(),
        }];
    });
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    assert!(!host.asks("sshd", &with_key("192.0.2.99", KEY)));
    assert!(host.asks("sshd", &with_key(AWAY, KEY)));
}

#[test]
fn sudo_remembers_a_session_at_a_terminal_where_that_is_set() {
    let here = in_session("/dev/pts/1", "700 1234");
    let (off, seed) = at_home();
    off.settled("sudo", &here, &seed);
    assert!(off.asks("sudo", &here) && off.listed(1000).is_empty(), "off by default");

    let (host, seed) = host(&[Bind::Key, Bind::Address], &["sudo"]);
    host.settled("sudo", &here, &seed);
    assert!(!host.asks("sudo", &here));
    assert!(host.asks("sudo-i", &here), "not listed");
    let mut unattested = here.clone();
    unattested.remove(facts::FIRST_FACTOR);
    let mut by_bob = here.clone();
    by_bob.insert(facts::RUSER.into(), b"bob".to_vec());
    let mut no_session = here.clone();
    no_session.remove(facts::SESSION);
    // What a caller writes into variables of sshd's is nothing at sudo.
    let mut forged = with_key(HOME, KEY);
    forged.extend(no_session.clone());
    for other in [
        in_session("/dev/pts/2", "700 1234"),
        in_session("/dev/pts/1", "701 1234"),
        in_session("/dev/pts/1", "700 1235"),
        in_session("/dev/pts/1", "700"),
        in_session("/dev/pts/1", "700 1234 "),
        in_session("", "700 1234"),
        unattested,
        by_bob,
        no_session,
        forged,
    ] {
        assert!(host.asks("sudo", &other), "{other:?}");
    }
    host.clock.reboot(1);
    assert!(host.asks("sudo", &here), "the same numbers after another start are another session");
}

#[test]
fn it_is_forgotten_by_its_user_and_by_root() {
    let (host, seed) = at_home();
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    let id = host.listed(1000)[0].id.clone();
    let forget = |uid, id: &str| run(host.auth.remembered_forget(uid, id)).map_err(|failure| failure.fault);
    assert_eq!(forget(1001, &id), Err(Fault::NotFound));
    assert_eq!(forget(1001, ""), Ok(0));
    for odd in ["00", "x", &id[1..], &id.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A")] {
        assert_eq!(forget(1000, odd), Err(Fault::NotFound), "{odd}");
    }
    assert!(!host.asks_at_home());
    assert_eq!(forget(1000, &id), Ok(1));
    assert_eq!(host.last_event(), "forgotten");
    assert_eq!(forget(1000, &id), Err(Fault::NotFound));
    assert!(host.asks_at_home());
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    assert_eq!(run(host.auth.user_remembered(b"alice".to_vec())).unwrap(), host.listed(1000));
    assert_eq!(run(host.auth.user_forget(b"alice".to_vec(), "")).unwrap(), 1);
    assert!(host.asks_at_home());
    assert!(run(host.auth.user_forget(b"nobody-here".to_vec(), "")).is_err());
}

// S30
#[test]
fn an_older_row_is_not_accepted_for_the_sake_of_what_it_remembers() {
    let (host, seed) = at_home();
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    host.sql("CREATE TABLE kept AS SELECT * FROM account_state");
    run(host.auth.remembered_forget(1000, "")).unwrap();
    host.sql("UPDATE account_state SET (version, body, tag) = (SELECT version, body, tag FROM kept WHERE kept.account = account_state.account)");
    let mut host = host;
    host.restart();
    assert!(host.asks_at_home());
    host.clock.pass(30);
    let refused = host.login("alice", &with_key(HOME, KEY), &host.code(&seed, 0));
    assert_ne!(refused.kind(), Kind::Proven);
}

#[test]
fn what_a_kind_of_factor_proved_counts_only_while_that_kind_does() {
    let (host, seed) = at_home();
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    assert!(!host.asks_at_home());
    host.rule(|rules| assert!(rules.factors.allowed.remove("totp")));
    assert!(host.listed(1000).is_empty());
    assert_eq!(host.begin("alice", "sshd", &with_key(HOME, KEY)).kind(), Kind::Ask);
}

#[test]
fn settings_that_remember_nothing_let_nobody_by() {
    let (host, seed) = at_home();
    host.settled("sshd", &with_key(HOME, KEY), &seed);
    let before = host.policy.get().unwrap();
    host.rule(|rules| rules.remember = None);
    assert!(host.asks_at_home() && host.listed(1000).is_empty());
    let proven = host.proven("sshd", &with_key(HOME, KEY), &host.code(&seed, 1));
    assert!(proven.token.is_empty(), "nothing pending, no call");
    host.policy.set(Some(Rules::clone(&before)));
    assert!(!host.asks_at_home());
}
