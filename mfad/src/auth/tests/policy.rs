//! Rules at work in logins.

use super::*;
use crate::settings::Settings;

/// Puts those settings in force, after `mode`.
fn settings(host: &Host, mode: &str, text: &str) {
    let text = format!("[policy]\nmode = \"{mode}\"\n{text}");
    host.policy.set(Some(Settings::parse(&text, "host").unwrap().rules));
    run(crate::auth::grace::keep_dates(&host.auth.store, &host.policy.get().unwrap())).unwrap();
}

fn ended(step: &Step) -> (Kind, Option<Reason>) {
    (step.kind(), step.reason())
}

const FROM_AWAY: &str = "[networks]\naway = [\"198.51.100.0/24\"]\n[[rule]]\nname = \"away\"\n";

#[test]
fn who_is_denied_is_told_at_once_and_a_stranger_is_asked_and_told_nothing() {
    let host = Host::new(Mode::Optional);
    let seed = host.enrol(1000);
    settings(&host, "optional", &format!("{FROM_AWAY}when = {{ network = [\"away\"] }}\nthen = \"deny\"\n"));
    assert_eq!(ended(&host.begin("alice", "sshd", &attested(AWAY))), (Kind::Refused, Some(Reason::Denied)));
    let strange = host.login("alice", &from(AWAY), &host.code(&seed, 0));
    assert_eq!(strange.text, "\nNot accepted.\nVerification code: ", "the right code is not accepted");
    assert_eq!(host.audited().last().unwrap().1, "denied");
    assert_eq!(host.login("alice", &from(HOME), &host.code(&seed, 0)).kind(), Kind::Proven, "nor spent");
}

#[test]
fn denied_answers_fill_no_audit() {
    let host = Host::new(Mode::Optional);
    host.enrol(1000);
    settings(&host, "optional", &format!("{FROM_AWAY}when = {{ network = [\"away\"] }}\nthen = \"deny\"\n"));
    let before = host.audited().len();
    for _ in 0..40 {
        host.login("alice", &from(AWAY), "123456");
    }
    assert!(host.audited().len() - before <= 7, "{:?}", &host.audited()[before..]);
}

// S19: what a rule demands of somebody, no wish of theirs gets round.
#[test]
fn a_rule_that_asks_is_for_who_has_no_factor_too_and_has_a_grace_of_its_own() {
    let host = Host::new(Mode::Optional);
    let rule = "grace = \"2d\"\n[[rule]]\nname = \"sudo\"\nwhen = { service = [\"sudo\"] }\nthen = \"ask\"\n";
    settings(&host, "optional", rule);
    let sudo = || ended(&host.begin("bob", "sudo", &Facts::new()));
    let enrol = || run(host.auth.enroll_begin(1001, EnrollRequest::default(), None));
    assert_eq!(sudo(), (Kind::Waived, Some(Reason::Grace)));
    assert_eq!(ended(&host.begin("bob", "sshd", &from(HOME))), (Kind::Waived, Some(Reason::Optional)));
    assert!(enrol().is_ok());
    host.clock.pass(2 * 86_400);
    assert_eq!(sudo().0, Kind::Ask);
    assert_eq!(enrol().unwrap_err().fault, Fault::NotPermitted);
    settings(&host, "optional", "");
    assert!(enrol().is_ok());
}

// S19
#[test]
fn what_a_rule_demands_at_night_no_wish_gets_round_by_day() {
    let host = Host::new(Mode::Optional);
    let rule = "[[rule]]\nname = \"night\"\nwhen = { time = \"22:00-06:00\" }\nthen = \"ask\"\n";
    settings(&host, "optional", rule);
    let sudo = || ended(&host.begin("bob", "sudo", &Facts::new()));
    assert_eq!(sudo(), (Kind::Waived, Some(Reason::Optional)), "NOON is by day");
    let enrol = run(host.auth.enroll_begin(1001, EnrollRequest::default(), None));
    assert_eq!(enrol.unwrap_err().fault, Fault::NotPermitted);
    host.clock.pass(15 * 3600);
    assert_eq!(sudo().0, Kind::Ask);
}

#[test]
fn grace_of_a_group_does_not_begin_before_its_own_day() {
    let host = Host::new(Mode::Optional);
    settings(&host, "optional", "grace = \"2d\"\n[group.staff]\nmode = \"required\"\n");
    host.clock.pass(3 * 86_400);
    settings(&host, "required", "grace = \"2d\"\n[group.staff]\nmode = \"required\"\n");
    assert_eq!(ended(&host.begin("bob", "sudo", &Facts::new())), (Kind::Waived, Some(Reason::Grace)));
    host.clock.pass(2 * 86_400);
    assert_eq!(host.begin("bob", "sudo", &Facts::new()).kind(), Kind::Ask);
}

#[test]
fn a_date_from_which_it_is_required_is_waited_for() {
    let host = Host::new(Mode::Optional);
    // NOON is 2027-01-15 08:00 UTC.
    settings(&host, "required", "required_from = 2027-01-17\ngrace = \"1d\"\n");
    let sudo = || ended(&host.begin("bob", "sudo", &Facts::new()));
    assert_eq!(sudo(), (Kind::Waived, Some(Reason::Optional)));
    host.clock.pass(2 * 86_400);
    assert_eq!(sudo(), (Kind::Waived, Some(Reason::Grace)));
    host.clock.pass(86_400);
    assert_eq!(sudo().0, Kind::Ask);
}

// S25
#[test]
fn an_exemption_holds_until_its_end_and_for_nobody_who_is_locked() {
    let host = Host::new(Mode::Required);
    host.enrol(1000);
    settings(
        &host,
        "required",
        "[[exempt]]\nuser = \"alice\"\nservice = \"sshd\"\naddress = \"192.0.2.7\"\nreason = \"CHG-118\"\nuntil = 2027-01-16\n",
    );
    let exempt = (Kind::Waived, Some(Reason::Exempt));
    assert_eq!(ended(&host.begin("alice", "sshd", &from(HOME))), exempt);
    for (user, service, address) in [("alice", "sshd", AWAY), ("alice", "sudo", HOME), ("bob", "sshd", HOME)]
    {
        assert_eq!(host.begin(user, service, &from(address)).kind(), Kind::Ask, "{user} {service} {address}");
    }
    run(host.auth.user_lock(b"alice".to_vec(), glass("left"), None)).unwrap();
    assert_eq!(host.begin("alice", "sshd", &from(HOME)).kind(), Kind::Ask);
    run(host.auth.user_unlock(b"alice".to_vec(), false, glass("back"), None)).unwrap();
    assert_eq!(ended(&host.begin("alice", "sshd", &from(HOME))), exempt);
    host.clock.pass(86_400);
    assert_eq!(host.begin("alice", "sshd", &from(HOME)).kind(), Kind::Ask);
}

// S6, S25
#[test]
fn a_clock_that_is_set_back_brings_no_exemption_back_and_puts_no_date_off() {
    let host = Host::new(Mode::Optional);
    let exempt = "[[exempt]]\nuser = \"bob\"\nservice = \"sshd\"\nreason = \"CHG-118\"\nuntil = 2027-01-16\n";
    settings(&host, "required", &format!("required_from = 2027-01-16\n{exempt}"));
    let reason = |service| ended(&host.begin("bob", service, &from(HOME))).1;
    assert_eq!((reason("sshd"), reason("sudo")), (Some(Reason::Exempt), Some(Reason::Optional)));
    for _ in 0..3 {
        host.clock.pass(86_400);
        host.login("bob", &from(HOME), "123456"); // a commit
    }
    host.clock.set_wall(NOON);
    for service in ["sshd", "sudo"] {
        assert_eq!(host.begin("bob", service, &from(HOME)).kind(), Kind::Ask, "{service}");
    }
    let enrol = run(host.auth.enroll_begin(1001, EnrollRequest::default(), None));
    assert_eq!(enrol.unwrap_err().fault, Fault::NotPermitted);
}

// A clock that is wrong for a while must not end for good what is to last for years.
#[test]
fn a_clock_that_was_set_forward_by_mistake_ends_no_exemption_for_good() {
    let host = Host::new(Mode::Required);
    settings(&host, "required", "[[exempt]]\nuser = \"bob\"\nreason = \"CHG-118\"\nuntil = 2027-06-01\n");
    let is_exempt = || ended(&host.begin("bob", "sshd", &from(HOME))).1 == Some(Reason::Exempt);
    assert!(is_exempt());
    host.clock.set_wall(NOON + 365 * 86_400);
    for _ in 0..3 {
        assert!(!is_exempt());
        host.login("alice", &from(HOME), "123456"); // a commit
        host.clock.pass(900);
    }
    host.clock.set_wall(NOON + 2700);
    assert!(is_exempt());
}

// S19
#[test]
fn who_comes_later_has_no_grace_whatever_the_settings_do_then() {
    let host = Host::new(Mode::Optional);
    let carol = |service| ended(&host.begin("carol", service, &attested(HOME)));
    settings(&host, "required", "grace = \"30d\"\n");
    host.clock.pass(5 * 86_400);
    let passwd = host.dir.path().join("passwd");
    let before = std::fs::read_to_string(&passwd).unwrap();
    std::fs::write(&passwd, format!("{before}carol:x:1002:\n")).unwrap();
    host.clock.pass(60);
    assert_eq!(carol("sshd").0, Kind::Ask);
    // Another part that demands a factor, and a login that is let by.
    let more = "grace = \"30d\"\n[[rule]]\nname = \"sudo\"\nwhen = { service = \"sudo\" }\nthen = \"ask\"\n\
                [[exempt]]\nuser = \"carol\"\nservice = \"login\"\nreason = \"r\"\nuntil = 2030-01-01\n";
    settings(&host, "required", more);
    assert_eq!(carol("login"), (Kind::Waived, Some(Reason::Exempt)));
    assert_eq!(carol("sshd").0, Kind::Ask);
    assert_eq!(
        run(host.auth.enroll_begin(1002, EnrollRequest::default(), None)).unwrap_err().fault,
        Fault::NotPermitted
    );
    assert_eq!(ended(&host.begin("bob", "sudo", &from(HOME))).1, Some(Reason::Grace), "who was there has it");
    // An evening of another mode, and what was lost and is put back, when the grace of everybody is over.
    host.clock.pass(40 * 86_400);
    let asked = |host: &Host| {
        ["bob", "carol"].map(|user| {
            (host.begin(user, "sshd", &from(HOME)).kind(), host.begin(user, "sudo", &from(HOME)).kind())
        })
    };
    assert_eq!(asked(&host), [(Kind::Ask, Kind::Ask); 2]);
    for meanwhile in ["", "[[rule]]\nname = \"other\"\nthen = \"ask\"\n"] {
        settings(&host, "observe", &format!("grace = \"30d\"\n{meanwhile}"));
        for user in ["bob", "carol"] {
            assert_eq!(ended(&host.begin(user, "sshd", &attested(HOME))).1, Some(Reason::Observed));
        }
        host.clock.pass(3600);
        settings(&host, "required", more);
        assert_eq!(asked(&host), [(Kind::Ask, Kind::Ask); 2], "{meanwhile}");
    }
    assert_eq!(
        run(host.auth.enroll_begin(1001, EnrollRequest::default(), None)).unwrap_err().fault,
        Fault::NotPermitted
    );
}

// S19: what an administrator says with a date.
#[test]
fn a_date_ahead_begins_grace_anew_for_who_is_there_then() {
    let host = Host::new(Mode::Optional);
    let asked = |service| ["alice", "bob"].map(|user| ended(&host.begin(user, service, &from(HOME))));
    let grace = (Kind::Waived, Some(Reason::Grace));
    settings(&host, "required", "grace = \"1d\"\n");
    let passwd = host.dir.path().join("passwd");
    let before = std::fs::read_to_string(&passwd).unwrap();
    host.clock.pass(60 * 86_400); // to 2027-03-16 08:00 UTC
    std::fs::write(&passwd, format!("{before}carol:x:1002:\n")).unwrap();
    assert_eq!(asked("sshd").map(|(kind, _)| kind), [Kind::Ask; 2]);
    let anew = "required_from = 2027-03-18\ngrace = \"1d\"\n";
    settings(&host, "required", anew);
    assert_eq!(asked("sshd"), [(Kind::Waived, Some(Reason::Optional)); 2]);
    host.clock.pass(2 * 86_400);
    assert_eq!(asked("sshd"), [grace; 2]);
    assert_eq!(ended(&host.begin("carol", "sshd", &from(HOME))), grace, "made before that day");
    std::fs::write(&passwd, format!("{before}carol:x:1002:\ndave:x:1003:\n")).unwrap();
    host.clock.pass(60);
    assert_eq!(host.begin("dave", "sshd", &from(HOME)).kind(), Kind::Ask, "made after it");
    host.clock.pass(86_400);
    // The date is past: that it goes and comes back begins nothing.
    settings(&host, "required", "grace = \"1d\"\n");
    settings(&host, "required", anew);
    assert_eq!(asked("sshd").map(|(kind, _)| kind), [Kind::Ask; 2]);
}

#[test]
fn another_spelling_of_a_name_gets_round_no_rule_and_into_no_exemption() {
    let host = Host::new(Mode::Optional);
    let rule = "[[rule]]\nname = \"not bob\"\nwhen = { user = \"bob\" }\nthen = \"deny\"\n";
    let exempt = "[[exempt]]\nuser = \"BOB\"\nreason = \"r\"\nuntil = 2030-01-01\n";
    settings(&host, "optional", &format!("{rule}{exempt}"));
    let rules = host.policy.get().unwrap();
    let signals = crate::policy::Signals { name: Some("bob".into()), ..Default::default() };
    let (typed, service) = ("BOB".into(), "sshd".into());
    let case = crate::policy::Case {
        subject: &typed,
        uid: Some(1001),
        service: Some(&service),
        target: None,
        now: UnixTime(NOON),
        for_dates: UnixTime(NOON),
        signals: &signals,
        history: crate::policy::History::default(),
    };
    assert_eq!(rules.demand(case, &[]).demand, crate::policy::Demand::Deny);
    settings(&host, "required", exempt);
    assert_ne!(host.policy.get().unwrap().demand(case, &[]).demand, crate::policy::Demand::Nothing);
}

#[test]
fn the_audit_says_what_decided_and_what_would_have_been() {
    let host = Host::new(Mode::Optional);
    settings(&host, "observe", &format!("{FROM_AWAY}when = {{ network = [\"away\"] }}\nthen = \"deny\"\n"));
    let because = |address: &str| {
        assert_eq!(ended(&host.begin("bob", "sshd", &from(address))), (Kind::Waived, Some(Reason::Observed)));
        let last = run(host.auth.store.read(|sound| sound.audit(0, 500))).unwrap().pop().unwrap();
        last.judged.unwrap()
    };
    assert_eq!(because(HOME).because, "policy: would refuse");
    let away = because(AWAY);
    assert_eq!(away.because, "rule away: would deny");
    assert_eq!(away.signals.address, Some(AWAY.parse().unwrap()));
}
