//! Security keys: enrolled by a signature, counted where sshd says that one opened the login.

use mfa_proto::policy::{Simulation, Supposed};

use super::{life::*, *};
use crate::{
    factor::ssh_sk::{KeyType, fake::Device},
    policy::{Conditions, Exemption},
};

/// What sshd reports where these keys passed.
fn passed(devices: &[&Device]) -> Facts {
    let mut facts = from(HOME);
    facts.insert(facts::SSH_AUTH_INFO.into(), devices.iter().flat_map(|device| device.passed()).collect());
    facts
}

fn yubikey(seed: u8) -> Device {
    Device::new(KeyType::Ed25519, seed)
}

impl Host {
    /// A fresh proof by the app, and then the next code's time.
    fn prove_and_wait(&self, uid: u32, seed: &[u8]) -> Option<crate::auth::step_up::FreshProof> {
        let proven = self.prove(uid, &self.code(seed, 0));
        self.clock.pass(30);
        assert!(proven.is_some());
        proven
    }

    /// Begins; the enrolment and its challenge.
    fn challenge(&self, uid: u32, seed: &[u8], label: &str) -> (String, String) {
        let proven = self.prove_and_wait(uid, seed);
        let begun = run(self.auth.ssh_key_begin(uid, label, "", proven)).unwrap();
        assert_eq!((begun.namespace.as_str(), begun.seconds), ("enroll@mfad", 900));
        (begun.enrollment, begun.challenge)
    }

    fn sign(&self, uid: u32, id: &str, signature: Vec<u8>) -> Result<String, (Fault, String)> {
        run(self.auth.ssh_key_confirm(uid, id, signature)).map_err(|failure| (failure.fault, failure.said))
    }

    fn enrol_key(&self, uid: u32, seed: &[u8], device: &Device) -> String {
        let (id, challenge) = self.challenge(uid, seed, "yubikey");
        self.sign(uid, &id, device.sign(format!("{challenge}\n").as_bytes())).unwrap()
    }

    fn last_reason(&self) -> String {
        let rows = self.audited();
        let (event, reason) = rows.last().unwrap();
        format!("{event} {reason}")
    }
}

/// What sshd reports of a certificate for that key.
fn certified(device: &Device) -> Facts {
    let mut facts = from(HOME);
    facts.insert(facts::SSH_AUTH_INFO.into(), format!("publickey {}\n", device.certificate()).into_bytes());
    facts
}

fn waived(step: &Step) -> bool {
    reason(step) == (Kind::Waived, Some(Reason::SecurityKey))
}

#[test]
fn an_enrolled_key_that_opened_the_login_is_not_asked_for_more() {
    for kind in [KeyType::Ed25519, KeyType::EcdsaP256] {
        for mode in [Mode::Optional, Mode::Required] {
            let host = Host::new(mode);
            let seed = host.enrol(ALICE);
            let device = Device::new(kind, 1);
            assert_eq!(
                host.begin("alice", "sshd", &passed(&[&device])).kind(),
                Kind::Ask,
                "not enrolled yet"
            );
            let id = host.enrol_key(ALICE, &seed, &device);
            assert!(waived(&host.begin("alice", "sshd", &passed(&[&device]))), "{kind:?} {mode:?}");
            assert_eq!(host.last_reason(), "waived security_key");
            let factor = run(host.auth.status(ALICE)).unwrap().factors.pop().unwrap();
            assert_eq!((factor.id, factor.kind.as_str(), factor.digits), (id, "ssh_sk", 0));
            assert_eq!((factor.key, factor.algorithm.as_str()), (device.print().to_string(), kind.word()));
            assert!(factor.last_used > 0 && !factor.pin && factor.application == "ssh:");
            // Of several keys that passed, one is enough.
            let other = yubikey(9);
            assert!(waived(&host.begin("alice", "sshd", &passed(&[&other, &device]))));
            assert_eq!(host.begin("alice", "sshd", &passed(&[&other])).kind(), Kind::Ask);
        }
    }
}

#[test]
fn whatever_is_not_that_key_in_sshd_is_asked_as_ever() {
    let host = Host::new(Mode::Required);
    let (seed, bobs) = (host.enrol(ALICE), host.enrol(BOB));
    let (device, bobs_device) = (yubikey(1), yubikey(2));
    host.enrol_key(ALICE, &seed, &device);
    host.enrol_key(BOB, &bobs, &bobs_device);
    // Another's key, and the own key for another account.
    assert_eq!(host.begin("alice", "sshd", &passed(&[&bobs_device])).kind(), Kind::Ask);
    assert_eq!(host.begin("bob", "sshd", &passed(&[&device])).kind(), Kind::Ask);
    // The same point for another application is another key.
    let twin = Device { application: "ssh:other", ..yubikey(1) };
    assert_eq!(host.begin("alice", "sshd", &passed(&[&twin])).kind(), Kind::Ask);
    // Elsewhere nobody vouches for what is said to have passed.
    for service in ["sudo", "su", "login", "sshd2"] {
        assert_eq!(host.begin("alice", service, &passed(&[&device])).kind(), Kind::Ask, "{service}");
    }
    // Other words for it.
    let whole = String::from_utf8(device.passed()).unwrap();
    for info in [
        whole.replace("publickey ", "password "),
        whole.replace("publickey ", ""),
        whole.replace("publickey ", "publickey x "),
        whole.replace("AAAA", "AAAB"),
        whole.trim_end()[..whole.len() - 5].to_owned(),
    ] {
        let mut facts = from(HOME);
        facts.insert(facts::SSH_AUTH_INFO.into(), info.clone().into_bytes());
        assert_eq!(host.begin("alice", "sshd", &facts).kind(), Kind::Ask, "{info}");
    }
}

#[test]
fn a_key_of_a_locked_account_or_one_that_was_removed_opens_nothing() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(ALICE);
    let device = yubikey(1);
    let id = host.enrol_key(ALICE, &seed, &device);
    run(host.auth.user_lock("alice".into(), glass("lost laptop"), None)).unwrap();
    assert_eq!(host.begin("alice", "sshd", &passed(&[&device])).kind(), Kind::Ask);
    run(host.auth.user_unlock("alice".into(), false, glass("found"), None)).unwrap();
    assert!(waived(&host.begin("alice", "sshd", &passed(&[&device]))));
    let proven = host.prove_and_wait(ALICE, &seed);
    run(host.auth.factor_remove(ALICE, &id, proven)).unwrap();
    assert_eq!(host.begin("alice", "sshd", &passed(&[&device])).kind(), Kind::Ask);
}

// S30
#[test]
fn a_key_in_an_altered_record_opens_nothing() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(ALICE);
    let device = yubikey(1);
    host.enrol_key(ALICE, &seed, &device);
    host.sql("UPDATE account_state SET tag = zeroblob(32)");
    let asked = host.begin("alice", "sshd", &passed(&[&device]));
    assert_eq!(asked.kind(), Kind::Ask);
    assert_eq!(host.answer(&asked, &host.code(&seed, 0)).reason(), Some(Reason::Altered));
}

#[test]
fn a_pin_counts_where_it_is_asked_for() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(ALICE);
    let (plain, pin) = (yubikey(1), Device { flags: 0x05, ..yubikey(2) });
    host.enrol_key(ALICE, &seed, &plain);
    host.rule(|rules| rules.factors.ssh_key_pin = true);
    assert_eq!(host.begin("alice", "sshd", &passed(&[&plain])).kind(), Kind::Ask, "enrolled without");
    let (id, challenge) = host.challenge(ALICE, &seed, "pin");
    let (fault, said) = host.sign(ALICE, &id, yubikey(2).sign(challenge.as_bytes())).unwrap_err();
    assert!(fault == Fault::WrongCode && said.contains("PIN"), "{said}");
    host.sign(ALICE, &id, pin.sign(challenge.as_bytes())).unwrap();
    assert!(waived(&host.begin("alice", "sshd", &passed(&[&pin]))));
}

#[test]
fn where_keys_are_not_allowed_none_is_enrolled_and_none_counts() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(ALICE);
    let device = yubikey(1);
    host.enrol_key(ALICE, &seed, &device);
    let (id, challenge) = host.challenge(ALICE, &seed, "another");
    host.rule(|rules| assert!(rules.factors.allowed.remove("ssh_sk")));
    assert_eq!(host.begin("alice", "sshd", &passed(&[&device])).kind(), Kind::Ask);
    let signed = host.sign(ALICE, &id, yubikey(2).sign(challenge.as_bytes()));
    assert_eq!(signed.unwrap_err().0, Fault::NotPermitted);
    let proven = host.prove_and_wait(ALICE, &seed);
    let begun = run(host.auth.ssh_key_begin(ALICE, "", "", proven));
    assert_eq!(begun.unwrap_err().fault, Fault::NotPermitted);
}

#[test]
fn a_challenge_is_good_once_for_one_account_and_a_quarter_of_an_hour() {
    let host = Host::new(Mode::Required);
    let (seed, bobs) = (host.enrol(ALICE), host.enrol(BOB));
    let device = yubikey(1);
    let (id, challenge) = host.challenge(ALICE, &seed, "one");
    let signature = device.sign(challenge.as_bytes());
    // Bob cannot confirm it, nor his own with it.
    assert_eq!(host.sign(BOB, &id, signature.clone()).unwrap_err().0, Fault::NotFound);
    let (of_bob, _) = host.challenge(BOB, &bobs, "one");
    assert_eq!(host.sign(BOB, &of_bob, signature.clone()).unwrap_err().0, Fault::WrongCode);
    assert!(host.sign(ALICE, &id, signature.clone()).is_ok());
    assert_eq!(host.sign(ALICE, &id, signature.clone()).unwrap_err().0, Fault::NotFound, "twice");
    let (again, _) = host.challenge(ALICE, &seed, "two");
    assert_eq!(host.sign(ALICE, &again, signature).unwrap_err().0, Fault::WrongCode, "replayed");

    let (late, challenge) = host.challenge(ALICE, &seed, "late");
    host.clock.pass(15 * 60 + 1);
    let device = yubikey(2);
    assert_eq!(host.sign(ALICE, &late, device.sign(challenge.as_bytes())).unwrap_err().0, Fault::Expired);
}

#[test]
fn five_signatures_that_do_not_hold_end_the_enrolment() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(ALICE);
    let (id, challenge) = host.challenge(ALICE, &seed, "key");
    let untouched = Device { flags: 0, ..yubikey(1) };
    for _ in 0..4 {
        let (fault, said) = host.sign(ALICE, &id, untouched.sign(challenge.as_bytes())).unwrap_err();
        assert!(fault == Fault::WrongCode && said.contains("not touched"), "{said}");
    }
    assert_eq!(host.sign(ALICE, &id, b"junk".to_vec()).unwrap_err().0, Fault::Expired);
    assert_eq!(host.sign(ALICE, &id, yubikey(1).sign(challenge.as_bytes())).unwrap_err().0, Fault::NotFound);
}

// S18
#[test]
fn a_key_comes_after_an_app_by_a_fresh_code_of_it() {
    let host = Host::new(Mode::Optional);
    let begin = |proven| run(host.auth.ssh_key_begin(ALICE, "", "", proven)).map_err(|failure| failure.fault);
    assert_eq!(begin(None), Err(Fault::NotEnrolled));
    let seed = host.enrol(ALICE);
    assert_eq!(begin(None), Err(Fault::NeedsProof));
    let bobs = host.enrol(BOB);
    assert_eq!(begin(host.prove_and_wait(BOB, &bobs)), Err(Fault::NeedsProof));
    assert!(begin(host.prove_and_wait(ALICE, &seed)).is_ok());
    // Neither confirms the other's enrolment.
    let (id, challenge) = host.challenge(ALICE, &seed, "key");
    assert_eq!(host.confirm(ALICE, &id, "123456"), Err(Fault::NotFound));
    let proven = host.prove_and_wait(ALICE, &seed);
    let app = run(host.auth.enroll_begin(ALICE, ask_for("tablet"), proven)).unwrap();
    let signature = yubikey(1).sign(challenge.as_bytes());
    assert_eq!(host.sign(ALICE, &app.enrollment, signature).unwrap_err().0, Fault::NotFound);
}

#[test]
fn the_last_app_stays_while_there_is_a_key_and_a_key_takes_no_app_s_place() {
    let host = Host::new(Mode::Optional);
    let seed = host.enrol(ALICE);
    let key = host.enrol_key(ALICE, &seed, &yubikey(1));
    let app = run(host.auth.status(ALICE)).unwrap().factors[0].id.clone();
    let proven = host.prove_and_wait(ALICE, &seed);
    let begin = |replace: &str| run(host.auth.ssh_key_begin(ALICE, "", replace, proven.clone()));
    assert_eq!(begin("phone").unwrap_err().fault, Fault::NotPermitted);
    assert_eq!(begin("nothing").unwrap_err().fault, Fault::NotFound);
    let remove = |id: &str| run(host.auth.factor_remove(ALICE, id, proven.clone()));
    let refused = remove(&app).unwrap_err();
    assert!(refused.fault == Fault::NotPermitted && refused.said.contains("over ssh only"), "{refused:?}");
    // The same key once more is none, but in its own place it is.
    let (id, challenge) = host.challenge(ALICE, &seed, "again");
    let (_, said) = host.sign(ALICE, &id, yubikey(1).sign(challenge.as_bytes())).unwrap_err();
    assert!(said.contains("enrolled already"), "{said}");
    let again = begin("yubikey").unwrap();
    host.sign(ALICE, &again.enrollment, yubikey(1).sign(again.challenge.as_bytes())).unwrap();
    assert_eq!(host.factors(ALICE), ["phone", "yubikey"]);
    assert_ne!(again.enrollment, key);
    remove(&again.enrollment).unwrap();
    remove(&app).unwrap();
    assert!(host.factors(ALICE).is_empty());
}

/// A rule about such logins at sshd.
fn rule(when: crate::policy::Conditions, then: crate::policy::Effect) -> crate::policy::Rule {
    use crate::policy::{Conditions, Effect, Rule};
    let until = (then == Effect::Skip).then_some(UnixTime(u64::MAX));
    let (unless, service) = (Conditions::default(), vec!["sshd".into()]);
    let (reason, defined_at) = (String::new(), String::new());
    Rule { name: "r".into(), when: Conditions { service, ..when }, unless, then, reason, until, defined_at }
}

// S24
#[test]
fn a_login_by_an_enrolled_key_makes_its_device_known_once_it_is_settled() {
    use crate::policy::{Conditions, Effect, Seen};
    let host = Host::new(Mode::Required);
    let (seed, device) = (host.enrol(ALICE), yubikey(1));
    let id = host.enrol_key(ALICE, &seed, &device);
    let facts = passed(&[&device]);
    let is_new = Conditions { device: Some(Seen::New), ..Conditions::default() };
    let deny = rule(is_new, Effect::Deny);
    host.rule(|rules| (rules.seen_within, rules.rules) = (90 * 86_400, vec![deny]));
    let denied = || host.begin("alice", "sshd", &facts).reason() == Some(Reason::Denied);
    assert!(denied(), "as with every device that was never there");
    host.rule(|rules| rules.rules[0].then = Effect::Ask);
    let waived_with_ticket = || {
        let step = host.begin("alice", "sshd", &facts);
        assert!(waived(&step));
        step
    };
    let unsettled = waived_with_ticket();
    assert!(!unsettled.token.is_empty() && !waived_with_ticket().token.is_empty(), "not learnt yet");
    // It teaches this account while the key counts, and once.
    host.rule(|rules| assert!(rules.factors.allowed.remove("ssh_sk")));
    assert_eq!(host.settle(&unsettled).kind(), Kind::Refused);
    host.rule(|rules| assert!(rules.factors.allowed.insert("ssh_sk".into())));
    let step = waived_with_ticket();
    let rows = host.audited().len();
    assert_eq!(host.settle(&step).kind(), Kind::Proven);
    assert_eq!(host.audited().len(), rows, "a proof is not settled");
    assert!(waived_with_ticket().token.is_empty(), "the same again is not worth a call");
    assert_eq!(host.settle(&step).kind(), Kind::Refused);
    host.rule(|rules| rules.rules[0].then = Effect::Deny);
    assert!(!denied());
    assert_eq!(host.begin("bob", "sshd", &facts).reason(), Some(Reason::Denied), "one user's");
    host.clock.pass(90 * 86_400 + 1);
    assert!(denied(), "not for ever");

    // The key of a factor that has ended is no known device: it may have ended since it was stolen.
    host.rule(|rules| rules.rules.clear());
    assert!(waived_with_ticket().token.is_empty(), "where no rule looks it is learnt at once");
    let is_known = Conditions { device: Some(Seen::Known), ..Conditions::default() };
    host.rule(|rules| rules.rules = vec![rule(is_known, Effect::Skip)]);
    assert_eq!(host.begin("alice", "sshd", &facts).kind(), Kind::Waived);
    let proven = host.prove_and_wait(ALICE, &seed);
    run(host.auth.factor_remove(ALICE, &id, proven)).unwrap();
    assert_eq!(host.begin("alice", "sshd", &facts).kind(), Kind::Ask);
}

#[test]
fn a_login_by_an_enrolled_key_is_where_the_next_one_comes_from() {
    use crate::places::{Databases, Places, mmdb};
    use crate::policy::{Conditions, Effect};
    let mut host = Host::new(Mode::Required);
    let (seed, device) = (host.enrol(ALICE), yubikey(1));
    host.enrol_key(ALICE, &seed, &device);
    let places = mmdb::file(&[
        ("192.0.2.0/24", mmdb::country("DE", Some((52.52, 13.4)))),
        ("198.51.100.0/24", mmdb::country("AU", Some((-33.87, 151.21)))),
    ]);
    let path = host.dir.path().join("places.mmdb");
    std::fs::write(&path, places).unwrap();
    let places = Places::default();
    assert_eq!(places.read(&Databases { country: Some(path), asn: None }), [""; 0]);
    host.auth = host.auth.clone().with_places(places);
    let travel = Conditions { impossible_travel: true, ..Conditions::default() };
    host.rule(|rules| (rules.seen_within, rules.rules) = (90 * 86_400, vec![rule(travel, Effect::Deny)]));
    let by_key = |host: &Host, address: &str| {
        let mut facts = passed(&[&device]);
        facts.insert(facts::SSH_CONNECTION.into(), format!("{address} 1 192.0.2.1 22").into_bytes());
        host.begin("alice", "sshd", &facts)
    };
    let by_code = |host: &Host, address: &str| {
        let proven = host.login("alice", &attested(address), &host.code(&seed, 0));
        assert_eq!(host.settle(&proven).kind(), Kind::Proven);
        host.clock.pass(86_400);
    };
    by_code(&host, HOME);
    assert_eq!(host.settle(&by_key(&host, AWAY)).kind(), Kind::Proven, "a day later");
    assert!(by_key(&host, AWAY).token.is_empty(), "the same a moment later");
    assert_eq!(by_key(&host, HOME).reason(), Some(Reason::Denied), "nobody comes back so fast");
    assert_eq!(host.begin("alice", "sshd", &attested(HOME)).reason(), Some(Reason::Denied));
    host.clock.pass(86_400);
    by_code(&host, HOME);
}

// S10: what no code is compared with is switched off by none.
#[test]
fn guesses_switch_off_apps_and_no_key() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(ALICE);
    let device = yubikey(1);
    host.enrol_key(ALICE, &seed, &device);
    for n in 0..101u32 {
        host.clock.pass(86_400);
        host.login("alice", &attested(&format!("192.0.2.{n}")), "000000");
    }
    let disabled: Vec<_> =
        run(host.auth.status(ALICE)).unwrap().factors.iter().map(|factor| factor.disabled).collect();
    assert_eq!(disabled, [true, false]);
    assert!(waived(&host.begin("alice", "sshd", &passed(&[&device]))));
}

// S15, S17
#[test]
fn a_reset_or_a_recovery_ends_keys_too() {
    let host = Host::new(Mode::Optional);
    let seed = host.enrol(ALICE);
    let device = yubikey(1);
    host.enrol_key(ALICE, &seed, &device);
    assert_eq!(run(host.auth.user_reset("alice".into(), glass("left"), None)).unwrap(), 2);
    let step = host.begin("alice", "sshd", &passed(&[&device]));
    assert_eq!(step.reason(), Some(Reason::Optional));
}

#[test]
fn there_are_only_so_many_keys() {
    let host = Host::new(Mode::Optional);
    let seed = host.enrol(ALICE);
    for n in 1..=8 {
        host.enrol_key(ALICE, &seed, &yubikey(n));
    }
    let proven = host.prove_and_wait(ALICE, &seed);
    let full = run(host.auth.ssh_key_begin(ALICE, "", "", proven)).unwrap_err();
    assert_eq!(full.fault, Fault::AlreadyEnrolled);
}

/// What of a login with a key is explained, and what a simulation by the settings in force says of the last login.
fn told_of(host: &Host, key: &str) -> [(String, String); 2] {
    let (user, service) = (b"alice".to_vec(), b"sshd".to_vec());
    let supposed = Supposed { user, service, address: HOME.into(), key: key.into(), ..Supposed::default() };
    let explained = run(host.auth.explain(supposed)).unwrap().verdict;
    let settings = "[policy]\nmode = \"required\"\n".to_owned();
    let asked = Simulation { settings, path: "new.toml".into(), all: true, ..Simulation::default() };
    let simulated = run(host.auth.simulate(asked)).unwrap().logins.pop().unwrap().would;
    [explained, simulated].map(|verdict| (verdict.decision, verdict.why))
}

// What counts by itself is a key, and no certificate for it: explained and simulated as it happens.
#[test]
fn a_certificate_for_a_security_key_is_told_as_it_is_asked() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(ALICE);
    let device = yubikey(1);
    host.enrol_key(ALICE, &seed, &device);
    let line = |facts: &Facts| {
        let info = String::from_utf8(facts[facts::SSH_AUTH_INFO].clone()).unwrap();
        info.trim_end().strip_prefix("publickey ").unwrap().to_owned()
    };
    let said = |decision: &str, why: &str| (decision.to_owned(), why.to_owned());
    let asked = host.begin("alice", "sshd", &certified(&device));
    assert_eq!(asked.kind(), Kind::Ask);
    assert_eq!(host.answer(&asked, &host.code(&seed, 0)).kind(), Kind::Proven);
    let both = told_of(&host, &line(&certified(&device)));
    assert_eq!(both, [said("ask", ""), said("ask", "")]);
    // The key itself is let in, by whichever name it is given.
    assert!(waived(&host.begin("alice", "sshd", &passed(&[&device]))));
    for key in [line(&passed(&[&device])), device.print().to_string()] {
        let let_in = said("let_in", "security_key");
        assert_eq!(told_of(&host, &key), [let_in.clone(), let_in], "{key}");
    }
    // Of two keys the second counts too.
    assert!(waived(&host.begin("alice", "sshd", &passed(&[&yubikey(9), &device]))));
    assert_eq!(told_of(&host, "")[1], said("let_in", "security_key"));
}

#[test]
fn a_rule_about_a_key_is_explained_of_its_certificate_too() {
    let host = Host::new(Mode::Required);
    host.enrol(ALICE);
    let device = yubikey(1);
    let when = Conditions { key: vec![device.print()], ..Conditions::default() };
    let (reason, defined_at, until) = ("r".into(), "mfad.toml:7".into(), UnixTime(u64::MAX));
    host.rule(|rules| rules.exemptions.push(Exemption { when, reason, until, defined_at }));
    assert_eq!(host.begin("alice", "sshd", &certified(&device)).reason(), Some(Reason::Exempt));
    let [explained, _] = told_of(&host, &device.certificate());
    assert_eq!(explained, ("let_in".to_owned(), "exempt".to_owned()));
    for bad in ["SHA256:short", "ssh-ed25519 *", "ssh-ed25519 AAAA\npassword"] {
        let (user, service) = (b"alice".to_vec(), b"sshd".to_vec());
        let supposed = Supposed { user, service, key: bad.into(), ..Supposed::default() };
        assert_eq!(run(host.auth.explain(supposed)).unwrap_err().fault, Fault::InvalidArgument, "{bad}");
    }
}
