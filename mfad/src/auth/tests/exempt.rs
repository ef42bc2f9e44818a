//! Exemptions from the command line: whom they let in, where, for how long, and what spoils them.

use mfa_proto::rollout::{Exempt, Exemption};

use super::{life::*, *};
use crate::policy::{Conditions, Effect, Rule};

const DAY: u64 = 86_400;

impl Host {
    fn exempt(&self, wanted: Exempt) -> Result<Exemption, Fault> {
        run(self.auth.exempt_add(wanted, glass("CHG-7"), None)).map_err(|failure| failure.fault)
    }

    fn row(&self) -> Vec<u8> {
        let db = rusqlite::Connection::open(self.db()).unwrap();
        db.query_row("SELECT value FROM meta WHERE key = 'granted'", [], |row| row.get(0)).unwrap()
    }

    fn set_row(&self, row: &[u8]) {
        let db = rusqlite::Connection::open(self.db()).unwrap();
        db.execute("UPDATE meta SET value = ?1 WHERE key = 'granted'", [row]).unwrap();
    }
}

fn of(user: &str, seconds: u64) -> Exempt {
    Exempt { user: user.into(), seconds, ..Exempt::default() }
}

/// How a login by that user begins.
fn begun(host: &Host, user: &str, service: &str, address: &str) -> (Kind, Option<Reason>) {
    let step = host.begin(user, service, &attested(address));
    (step.kind(), step.reason())
}

const EXEMPT: (Kind, Option<Reason>) = (Kind::Waived, Some(Reason::Exempt));

// S25
#[test]
fn an_exemption_lets_in_its_user_where_it_says_and_nowhere_else() {
    let host = Host::new(Mode::Required);
    host.enrol(ALICE);
    let wanted =
        Exempt { service: vec!["sshd".into()], address: vec!["192.0.2.0/24".into()], ..of("alice", DAY) };
    let granted = host.exempt(wanted).unwrap();
    assert_eq!((granted.until, granted.given), (NOON + 30 + DAY, NOON + 30));
    assert_eq!(begun(&host, "alice", "sshd", HOME), EXEMPT);
    for (user, service, address) in [("alice", "sshd", AWAY), ("alice", "sudo", HOME), ("bob", "sshd", HOME)]
    {
        assert_eq!(begun(&host, user, service, address).0, Kind::Ask, "{user} {service} {address}");
    }
    // Nothing is known of the address: it is not taken for the right one.
    assert_eq!(host.begin("alice", "sshd", &Facts::new()).kind(), Kind::Ask);
    let rows = run(host.auth.audit(0, 500, Vec::new())).unwrap();
    let exempted = rows.iter().find(|row| row.event == "exempted").unwrap();
    for part in [&granted.id, "service sshd, address 192.0.2.0/24", "GLASS BROKEN", "CHG-7"] {
        assert!(exempted.detail.contains(part), "{}", exempted.detail);
    }
    run(host.auth.exempt_end(&granted.id, glass("done"), None)).unwrap();
    assert_eq!(begun(&host, "alice", "sshd", HOME).0, Kind::Ask);
    assert_eq!(run(host.auth.exempt_end(&granted.id, glass("x"), None)).unwrap_err().fault, Fault::NotFound);
}

#[test]
fn what_cannot_be_granted_is_refused() {
    let host = Host::new(Mode::Required);
    let refused = |wanted: Exempt, fault| assert_eq!(host.exempt(wanted).unwrap_err(), fault);
    refused(of("alice", 7 * DAY + 1), Fault::InvalidArgument);
    refused(of("alice", 59), Fault::InvalidArgument);
    refused(of("nobody-there", DAY), Fault::NotFound);
    refused(Exempt { address: vec!["office".into()], ..of("alice", DAY) }, Fault::InvalidArgument);
    refused(Exempt { service: vec!["ss hd".into()], ..of("alice", DAY) }, Fault::InvalidArgument);
    refused(Exempt { key: "MD5:00".into(), ..of("alice", DAY) }, Fault::InvalidArgument);
    host.exempt(of("alice", 7 * DAY)).unwrap();
    // S18: it loosens, and takes what other changes take.
    let without = Why { reason: "because".into(), break_glass: String::new() };
    let refused = run(host.auth.exempt_add(of("alice", DAY), without.clone(), None)).unwrap_err();
    assert_eq!(refused.fault, Fault::NeedsProof);
    let id = run(host.auth.exempt_list()).unwrap().all[0].id.clone();
    assert_eq!(run(host.auth.exempt_end(&id, without, None)).unwrap_err().fault, Fault::NeedsProof);
}

// S6, S16, S25
#[test]
fn an_exemption_ends_by_the_earlier_of_two_clocks() {
    let host = Host::new(Mode::Required);
    host.enrol(ALICE);
    host.exempt(of("alice", DAY)).unwrap();
    host.clock.pass(DAY - 60);
    assert_eq!(begun(&host, "alice", "sshd", HOME), EXEMPT);
    // Set back, it is none the longer.
    host.clock.set_wall(NOON);
    assert_eq!(begun(&host, "alice", "sshd", HOME), EXEMPT);
    host.clock.pass(61);
    assert_eq!(begun(&host, "alice", "sshd", HOME).0, Kind::Ask);
    let listed = run(host.auth.exempt_list()).unwrap();
    assert!(listed.intact && listed.all[0].over);
    // Set ahead, it is the shorter.
    host.exempt(of("alice", DAY)).unwrap();
    assert_eq!(begun(&host, "alice", "sshd", HOME), EXEMPT);
    host.clock.set_wall(NOON + 2 * DAY);
    assert_eq!(begun(&host, "alice", "sshd", HOME).0, Kind::Ask);
}

// S22, S30
#[test]
fn exemptions_that_were_altered_in_the_store_let_nobody_in_and_alarm_once() {
    let host = Host::new(Mode::Required);
    host.enrol(ALICE);
    let first = host.exempt(of("alice", DAY)).unwrap();
    let older = host.row();
    run(host.auth.exempt_end(&first.id, glass("done"), None)).unwrap();
    let spoil = |host: &Host, row: &[u8]| {
        host.set_row(row);
        for _ in 0..2 {
            assert_eq!(begun(host, "alice", "sshd", HOME).0, Kind::Ask);
        }
    };
    // An exemption that was ended is not put back: there is none at all, and the row is not read.
    spoil(&host, &older);
    assert!(run(host.auth.exempt_list()).unwrap().all.is_empty());

    let alarms =
        |host: &Host| host.audited().iter().filter(|(event, _)| event == "exemptions_altered").count();
    let mut flipped = older.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for (at, row) in [older.as_slice(), &flipped, b"", b"\xff\xff\xff\xff"].into_iter().enumerate() {
        host.exempt(of("alice", DAY)).unwrap();
        assert_eq!(begun(&host, "alice", "sshd", HOME), EXEMPT);
        spoil(&host, row);
        let listed = run(host.auth.exempt_list()).unwrap();
        assert!(!listed.intact && listed.all.is_empty(), "{at}");
        assert_eq!(host.exempt(of("alice", DAY)).unwrap_err(), Fault::Unavailable);
        // Any login that is judged ends them, and says so once.
        for _ in 0..2 {
            host.login("alice", &attested(HOME), "000000");
        }
        assert_eq!(alarms(&host), at + 1);
        assert!(run(host.auth.exempt_list()).unwrap().intact);
    }
    // A row that is gone.
    host.exempt(of("alice", DAY)).unwrap();
    host.sql("DELETE FROM meta WHERE key = 'granted'");
    assert_eq!(begun(&host, "alice", "sshd", HOME).0, Kind::Ask);
}

#[test]
fn who_is_locked_is_not_let_in_by_an_exemption() {
    let host = Host::new(Mode::Required);
    host.enrol(ALICE);
    host.exempt(of("alice", DAY)).unwrap();
    run(host.auth.user_lock(b"alice".to_vec(), glass("left"), None)).unwrap();
    assert_eq!(begun(&host, "alice", "sshd", HOME).0, Kind::Ask);
}

#[test]
fn an_exemption_survives_a_restart_and_is_told_of_on_its_last_day() {
    let mut host = Host::new(Mode::Required);
    host.enrol(ALICE);
    host.exempt(of("alice", 3 * DAY)).unwrap();
    host.restart();
    assert_eq!(begun(&host, "alice", "sshd", HOME), EXEMPT);
    assert!(run(host.auth.exemptions_due()).unwrap().is_empty());
    host.clock.pass(2 * DAY + 60);
    let due = run(host.auth.exemptions_due()).unwrap();
    assert!(
        due[0].starts_with("the exemption of alice (CHG-7, ") && due[0].contains("ends in 1 day"),
        "{due:?}"
    );
}

/// How alice and bob stand to the policy, and whether something may exempt them somewhere.
fn standings(host: &Host) -> Vec<(String, bool)> {
    let users = ["alice", "bob", "nobody-there"].map(|name| name.as_bytes().to_vec()).to_vec();
    let told = run(host.auth.coverage(users)).unwrap();
    told.into_iter().map(|person| (person.standing, person.exempt_somewhere)).collect()
}

fn said(text: &str, somewhere: bool) -> (String, bool) {
    (text.to_owned(), somewhere)
}

#[test]
fn coverage_tells_who_is_ready() {
    let host = Host::new(Mode::Required);
    host.enrol_with_codes(ALICE);
    assert_eq!(standings(&host), [said("enrolled", false), said("not_enrolled", false)]);
    host.exempt(Exempt { service: vec!["sshd".into()], ..of("bob", DAY) }).unwrap();
    assert_eq!(standings(&host), [said("enrolled", false), said("not_enrolled", true)], "at sshd alone");
    host.exempt(of("bob", DAY)).unwrap();
    assert_eq!(standings(&host), [said("enrolled", false), said("exempt", true)]);
    host.clock.pass(DAY);
    host.rule(|rules| rules.service_accounts.users.push("bob".into()));
    assert_eq!(standings(&host)[1], said("service_account", false));
}

/// A rule for sudo alone.
fn at_sudo(then: Effect) -> Rule {
    let when = Conditions { service: vec!["sudo".into()], ..Conditions::default() };
    let (name, defined_at) = ("at sudo".into(), "mfad.toml:9".into());
    Rule { name, when, unless: Conditions::default(), then, reason: String::new(), until: None, defined_at }
}

// A rule asks them as it asks others: who has no factor is refused there.
#[test]
fn who_is_exempt_but_for_a_rule_that_asks_is_not_ready() {
    for (then, ready) in [(Effect::Ask, false), (Effect::AskFresh, false), (Effect::Deny, true)] {
        let host = Host::new(Mode::Required);
        host.exempt(of("alice", DAY)).unwrap();
        host.rule(|rules| {
            rules.service_accounts.users.push("bob".into());
            rules.rules.push(at_sudo(then));
        });
        let both = if ready {
            [said("exempt", true), said("service_account", false)]
        } else {
            [said("not_enrolled", true), said("not_enrolled", true)]
        };
        for mode in [Mode::Observe, Mode::Required] {
            host.rule(|rules| rules.mode = mode);
            assert_eq!(standings(&host), both, "{then:?} {mode:?}");
        }
        for user in ["alice", "bob"] {
            let let_in = host.begin(user, "sudo", &attested(HOME)).kind() == Kind::Waived;
            assert!(!let_in, "{user} is not let in at sudo, where a rule says {then:?}");
        }
    }
    // Nor who is exempt at some times of the week, and it is one of them.
    let host = Host::new(Mode::Required);
    let mut skips = at_sudo(Effect::Skip);
    skips.when = Conditions { time: vec!["00:00-23:59".parse().unwrap()], ..Conditions::default() };
    skips.until = Some(UnixTime(NOON + DAY));
    host.rule(|rules| rules.rules.push(skips));
    assert_eq!(standings(&host)[0], said("not_enrolled", true));
}

#[test]
fn a_factor_that_the_host_does_not_take_makes_nobody_ready() {
    let host = Host::new(Mode::Required);
    let (seed, codes) = host.enrol_with_codes(ALICE);
    host.rule(|rules| rules.factors.allowed = ["hotp".to_owned(), "backup".to_owned()].into());
    let alice = || run(host.auth.coverage(vec![b"alice".to_vec()])).unwrap().remove(0);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).kind(), Kind::Ask);
    let told = alice();
    assert_eq!((told.standing.as_str(), told.factors), ("unusable", 0));
    assert_eq!(told.codes, u32::try_from(codes.len()).unwrap(), "they get in some times more");
    host.rule(|rules| rules.factors.allowed = ["totp".to_owned()].into());
    let told = alice();
    assert_eq!((told.standing.as_str(), told.factors, told.codes), ("enrolled", 1, 0));
    // A hundred wrong codes after the right password switch it off.
    for n in 0..100u32 {
        host.clock.pass(86_400);
        host.login("alice", &attested(&format!("192.0.2.{n}")), "000000");
    }
    let told = alice();
    assert_eq!((told.standing.as_str(), told.factors), ("unusable", 0));
    run(host.auth.user_unlock(b"alice".to_vec(), false, glass("back"), None)).unwrap();
    assert_eq!(alice().standing, "enrolled");
}

#[test]
fn who_is_exempt_meets_no_offer_to_enrol() {
    let host = Host::new(Mode::Required);
    host.rule(|rules| rules.grace = 30 * DAY);
    host.keep_date();
    assert_eq!(begun(&host, "bob", "sshd", HOME), (Kind::Ask, Some(Reason::Grace)), "the offer");
    host.exempt(of("alice", DAY)).unwrap();
    assert_eq!(begun(&host, "alice", "sshd", HOME), EXEMPT);
}

/// Makes alice a user of that uid.
fn alice_is(host: &Host, uid: u32) {
    let text = format!("root:x:0:\nalice:x:{uid}:\nbob:x:1001:\n");
    std::fs::write(host.dir.path().join("passwd"), text).unwrap();
}

#[test]
fn who_has_the_name_next_has_not_the_exemption() {
    let host = Host::new(Mode::Required);
    host.exempt(of("alice", 7 * DAY)).unwrap();
    assert_eq!(begun(&host, "alice", "sshd", HOME), EXEMPT);
    alice_is(&host, 2000);
    assert_eq!(begun(&host, "alice", "sshd", HOME).0, Kind::Ask);
    assert_eq!(standings(&host)[0], said("not_enrolled", false));
    assert_eq!(run(host.auth.exempt_list()).unwrap().all.len(), 1, "until its end it is on record");
    alice_is(&host, ALICE);
    assert_eq!(begun(&host, "alice", "sshd", HOME), EXEMPT);
}

#[test]
fn with_an_account_its_exemptions_are_removed() {
    let host = Host::new(Mode::Required);
    host.enrol(ALICE);
    let ids = ["alice", "bob"].map(|user| host.exempt(of(user, DAY)).unwrap().id);
    run(host.auth.user_remove(b"alice".to_vec(), glass("left"), None)).unwrap();
    // Somebody else comes by the same name and uid.
    assert_eq!(begun(&host, "alice", "sshd", HOME).0, Kind::Ask);
    assert_eq!(begun(&host, "bob", "sshd", HOME), EXEMPT);
    let left = run(host.auth.exempt_list()).unwrap();
    assert_eq!(left.all.iter().map(|left| &left.id).collect::<Vec<_>>(), [&ids[1]]);
    let rows = run(host.auth.audit(0, 500, Vec::new())).unwrap();
    let ended: Vec<_> = rows.iter().filter(|row| row.event == "exemption_ended").collect();
    assert!(ended.len() == 1 && ended[0].detail.contains(&ids[0]), "{ended:?}");
    // Bob never enrolled, and may go and come back as another all the same.
    assert_eq!(run(host.auth.user_remove(b"bob".to_vec(), glass("left"), None)).unwrap(), 0);
    assert!(run(host.auth.exempt_list()).unwrap().all.is_empty());
    assert_eq!(begun(&host, "bob", "sshd", HOME).0, Kind::Ask);
    assert!(
        run(host.auth.user_remove(b"bob".to_vec(), glass("left"), None)).is_err(),
        "nothing is left of him"
    );
}
