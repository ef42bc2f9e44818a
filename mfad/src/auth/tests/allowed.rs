//! Which factors count, how many codes a set has, who may recover, and who is reminded.

use super::{
    life::{ask_for, reason, seed_of},
    *,
};
use crate::policy::{Factors, Recovery};
use mfa_proto::policy::Supposed;

const ALICE: u32 = 1000;
const BOB: u32 = 1001;

fn allow(host: &Host, kinds: &[&str]) {
    host.rule(|rules| rules.factors.allowed = kinds.iter().map(|kind| (*kind).to_owned()).collect());
}

fn wish(kind: &str) -> EnrollRequest {
    EnrollRequest { kind: kind.into(), ..ask_for(kind) }
}

#[test]
fn a_kind_that_is_not_allowed_is_neither_enrolled_nor_accepted() {
    let host = Host::new(Mode::Optional);
    let (seed, codes) = host.enrol_with_codes(ALICE);
    let begun = run(host.auth.enroll_begin(BOB, wish("totp"), None)).unwrap();
    allow(&host, &["hotp", "backup"]);

    let refused = run(host.auth.enroll_begin(BOB, wish("totp"), None)).unwrap_err();
    assert_eq!(refused.fault, Fault::NotPermitted);
    assert!(refused.said.contains("totp") && refused.said.contains("only: backup, hotp"), "{refused}");
    let confirmed = host.confirm(BOB, &begun.enrollment, &host.code(&seed_of(&begun.secret), 0));
    assert_eq!(confirmed, Err(Fault::Expired), "what was begun before is none either");
    assert!(run(host.auth.enroll_begin(BOB, wish("hotp"), None)).is_ok());

    let right = host.code(&seed, 0);
    let told = host.login("alice", &attested(HOME), &right);
    assert_eq!(reason(&told), (Kind::Ask, Some(Reason::KindNotAllowed)));
    assert!(told.text.contains("does not take codes of that kind"), "{}", told.text);
    let stranger = host.login("alice", &from(AWAY), &right);
    assert_eq!(stranger.text, "\nNot accepted.\nVerification code: ", "a stranger learns nothing");
    assert!(host.prove(ALICE, &right).is_none(), "nor does it prove a change");
    assert_eq!(host.audited().last().unwrap().1, "kind_not_allowed");
    assert_eq!(host.login("alice", &attested(HOME), &codes[0]).kind(), Kind::Proven, "others go on");

    allow(&host, &["totp"]);
    assert_eq!(host.login("alice", &attested(HOME), &right).kind(), Kind::Proven, "nothing was spent by it");
    let backup = host.login("alice", &attested(HOME), &codes[1]);
    assert_eq!(reason(&backup), (Kind::Ask, Some(Reason::KindNotAllowed)));
    let status = run(host.auth.status(ALICE)).unwrap();
    assert_eq!(status.allowed, ["totp"]);
}

#[test]
fn who_has_no_kind_that_is_taken_is_asked_and_it_is_explained_that_no_answer_is_right() {
    let host = Host::new(Mode::Optional);
    host.enrol_with_codes(ALICE);
    let besides = || {
        let supposed = Supposed { user: b"alice".to_vec(), service: b"sudo".to_vec(), ..Supposed::default() };
        let explained = run(host.auth.explain(supposed)).unwrap();
        assert_eq!(explained.verdict.decision, "ask");
        explained.besides.join("; ")
    };
    for kinds in [&["totp"][..], &["backup", "hotp"]] {
        allow(&host, kinds);
        assert_eq!(besides(), "");
    }
    allow(&host, &["hotp", "ssh_sk"]);
    assert_eq!(besides(), "the settings take no code of a factor of the account (factors.allowed)");
}

// S9: a code of a kind that is not taken is a guess like any other.
#[test]
fn guesses_at_what_is_not_taken_run_out() {
    let host = Host::new(Mode::Optional);
    let (seed, codes) = host.enrol_with_codes(ALICE);
    allow(&host, &["hotp"]);
    let tries = (0..9).map(|_| host.login("alice", &attested(HOME), &host.code(&seed, 0)).reason());
    assert_eq!(tries.filter(|reason| *reason == Some(Reason::Limited)).count(), 4);
    let tries = (0..9).map(|_| host.login("alice", &attested(HOME), &codes[0]).reason());
    assert_eq!(tries.filter(|reason| *reason == Some(Reason::Limited)).count(), 4);
}

// S14
#[test]
fn a_set_has_as_many_codes_as_the_settings_say_or_there_is_none() {
    let host = Host::new(Mode::Optional);
    for (uid, user, size) in [(ALICE, "alice", 1), (BOB, "bob", 3)] {
        host.rule(|rules| rules.factors = Factors { backup_codes: size, ..Factors::default() });
        let (seed, codes) = host.enrol_with_codes(uid);
        let left = || run(host.auth.status(uid)).unwrap().codes.left;
        assert_eq!((codes.len(), left()), (usize::from(size), u32::from(size)));
        assert_eq!(host.login(user, &attested(HOME), codes.last().unwrap()).kind(), Kind::Proven);
        assert_eq!(left(), u32::from(size) - 1);
        host.rule(|rules| rules.factors.backup_codes = 10);
        let renewed = run(host.auth.codes_renew(uid, host.prove(uid, &host.code(&seed, 0)))).unwrap();
        assert_eq!(renewed.len(), 10);
    }
    let host = Host::new(Mode::Optional);
    allow(&host, &["totp"]);
    let (seed, codes) = host.enrol_with_codes(ALICE);
    assert!(codes.is_empty());
    let fresh = host.prove(ALICE, &host.code(&seed, 0));
    assert_eq!(run(host.auth.codes_renew(ALICE, fresh)).unwrap_err().fault, Fault::NotPermitted);
}

// S16
#[test]
fn where_no_administrator_recovers_no_recovery_code_is_given_nor_taken() {
    let host = Host::new(Mode::Required);
    host.enrol(ALICE);
    let recover = || {
        run(host.auth.user_recover(b"alice".to_vec(), "passport".into(), String::new(), glass("lost"), None))
    };
    host.rule(|rules| rules.recovery = Recovery { by_administrator: true, hours: 3 });
    let (code, hours) = recover().unwrap();
    assert_eq!(hours, 3);
    host.rule(|rules| rules.recovery.by_administrator = false);
    let refused = recover().unwrap_err();
    assert!(refused.fault == Fault::NotPermitted && refused.said.contains("admin_recovery"), "{refused}");
    assert_eq!(host.login("alice", &attested(HOME), &code).reason(), Some(Reason::WrongCode));
    let request = || EnrollRequest { code: code.clone().into(), ..Default::default() };
    assert_eq!(run(host.auth.enroll_begin(ALICE, request(), None)).unwrap_err().fault, Fault::WrongCode);
    host.rule(|rules| rules.recovery.by_administrator = true);
    host.clock.pass(3 * 3600);
    assert_eq!(
        host.login("alice", &attested(HOME), &code).reason(),
        Some(Reason::WrongCode),
        "its time is over"
    );
    let (code, _) = recover().unwrap();
    assert_eq!(host.login("alice", &attested(HOME), &code).reason(), Some(Reason::Enrolling));
}

// What the manual says that it does not stop, and what it would be of no use to stop: removing the account and making
// another comes to the same. Either is an administrator's act, in the audit with the reason.
#[test]
fn where_no_administrator_recovers_a_reset_and_an_invitation_are_on_record() {
    let host = Host::new(Mode::Required);
    host.enrol(ALICE);
    host.rule(|rules| rules.recovery.by_administrator = false);
    run(host.auth.user_reset(b"alice".to_vec(), glass("lost phone"), None)).unwrap();
    let code = run(host.auth.user_invite(b"alice".to_vec(), 0, glass("saw her"), None)).unwrap();
    assert_eq!(host.login("alice", &attested(HOME), &code).reason(), Some(Reason::Enrolling));
    let rows = run(host.auth.audit(0, 500, Vec::new())).unwrap();
    for (event, why) in [("reset", "lost phone"), ("invited", "saw her")] {
        let row = rows.iter().find(|row| row.event == event).unwrap();
        assert!(row.detail.contains(why) && row.detail.contains("GLASS BROKEN"), "{}", row.detail);
    }
}

// S19, S21
#[test]
fn who_has_no_factor_is_reminded_once_a_day_and_a_stranger_never() {
    let host = Host::new(Mode::Optional);
    let bob = |facts: &Facts, service: &str| {
        let step = host.begin("bob", service, facts);
        assert_eq!(reason(&step), (Kind::Waived, Some(Reason::Optional)));
        step.text
    };
    assert_eq!(bob(&from(HOME), "sshd"), "", "whose password may be wrong");
    assert_eq!(bob(&attested(HOME), "sudo"), "", "no visit");
    assert_eq!(bob(&attested(HOME), "sshd"), "Your account has no second factor. Set one up: mfactl enroll");
    assert_eq!(bob(&attested(HOME), "sshd"), "", "once a day");
    host.clock.pass(20 * 3600);
    host.rule(|rules| {
        rules.mode = Mode::Required;
        rules.required_from = Some(UnixTime(NOON + 12 * 86_400));
    });
    let text = bob(&attested(HOME), "sshd");
    assert!(text.starts_with("A second factor is required here from 2027-01-27 on: "), "{text}");
    assert_eq!(host.begin("nobody", "sshd", &attested(HOME)).text, "");
}
