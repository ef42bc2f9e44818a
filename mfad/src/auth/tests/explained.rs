//! Explanations and simulations agree with each other and with what is decided.

use std::time::{Duration, Instant};

use mfa_proto::policy::{Simulated, Simulation, Supposed};

use super::*;
use crate::{
    account::Door,
    audit::{Event, RecordedReason},
    policy::Signals,
    store::Context,
};

/// Pieces of settings; any of them hold together.
const PIECES: [&str; 10] = [
    "[networks]\nhome = \"192.0.2.0/24\"\n[[rule]]\nname = \"home\"\nwhen = { network = \"home\" }\nthen = \"deny\"\n",
    "[[rule]]\nname = \"skips\"\nwhen = { address = \"192.0.2.7\" }\nthen = \"skip\"\nreason = \"r\"\nuntil = 2999-01-01\n",
    "[[rule]]\nname = \"weekend\"\nwhen = { time = \"Sat,Sun\" }\nthen = \"ask_fresh\"\n",
    "[[rule]]\nname = \"shell\"\nwhen = { command = \"/bin/bash\" }\nunless = { service = \"sshd\" }\nthen = \"deny\"\n",
    "[[rule]]\nname = \"new\"\nwhen = { device = \"new\", service = \"sshd\" }\nthen = \"ask\"\n",
    "[[rule]]\nname = \"group\"\nwhen = { group = \"ops\" }\nthen = \"ask\"\n",
    "[[exempt]]\nuser = \"alice\"\nservice = \"su\"\nreason = \"r\"\nuntil = 2999-01-01\n",
    "[[exempt]]\nuser = \"bob\"\nreason = \"r\"\nuntil = 2020-01-01\n",
    "[group.ops]\nmode = \"required\"\n",
    "[service.su]\nsubject = \"target\"\n",
];

/// The settings of some of the pieces.
fn text(mode: &str, pieces: usize) -> String {
    let chosen = PIECES.iter().enumerate().filter(|(at, _)| (pieces >> at) & 1 == 1).map(|(_, piece)| *piece);
    format!("[policy]\nmode = \"{mode}\"\ngrace = \"3d\"\n{}", chosen.collect::<String>())
}

/// Some of many, in an order of no meaning.
fn texts() -> impl Iterator<Item = String> {
    let modes = ["off", "observe", "optional", "required"];
    (0..40usize).map(move |n| text(modes[n % 4], (n.wrapping_mul(0x9e37) >> 3) & 0x3ff))
}

impl Host {
    fn put(&self, text: &str) {
        let settings = crate::settings::Settings::of_text(text, "mfad.toml", "host");
        self.policy.set(Some(settings.unwrap_or_else(|error| panic!("{error}:\n{text}")).rules));
    }

    fn simulate(&self, text: &str, all: bool) -> Simulated {
        let (settings, path) = (text.to_owned(), "new.toml".to_owned());
        let mut asked = Simulation { settings, path, since: 0, after: 0, last: 0, all };
        let mut pages = run(self.auth.simulate(asked.clone())).unwrap();
        while !pages.ended {
            (asked.after, asked.last) = (pages.next, pages.last);
            let page = run(self.auth.simulate(asked.clone())).unwrap();
            assert!(page.ended || page.next > asked.after);
            let logins = pages.logins.into_iter().chain(page.logins).collect();
            pages = Simulated { logins, judged: pages.judged + page.judged, ..page };
        }
        pages
    }
}

/// Logins of all kinds, and what of each `explain` is told.
fn logins() -> Vec<(&'static str, &'static str, Facts, Supposed)> {
    let supposed = |user: &str, service: &str| Supposed {
        user: user.into(),
        service: service.into(),
        ..Supposed::default()
    };
    let by = |ruser: &str, more: Option<(&str, &str)>| {
        let facts = [(facts::RUSER, ruser), (facts::FIRST_FACTOR, "requisite")].into_iter().chain(more);
        facts.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect::<Facts>()
    };
    let at = |user: &str, address: &str| Supposed { address: address.into(), ..supposed(user, "sshd") };
    let bash = ("sudo_command", "/bin/bash");
    vec![
        ("alice", "sshd", attested(HOME), at("alice", HOME)),
        ("alice", "sshd", attested(AWAY), at("alice", AWAY)),
        ("bob", "sshd", attested(HOME), at("bob", HOME)),
        ("nobody", "sshd", attested(AWAY), at("nobody", AWAY)),
        (
            "alice",
            "sudo",
            by("alice", Some(bash)),
            Supposed { command: b"/bin/bash".to_vec(), ..supposed("alice", "sudo") },
        ),
        ("root", "su", by("alice", None), supposed("alice", "su")),
        ("bob", "su", by("bob", None), Supposed { target: b"bob".to_vec(), ..supposed("bob", "su") }),
    ]
}

/// What a login is told at once.
fn decision_of(step: &Step) -> &'static str {
    match step.kind() {
        Kind::Waived => "let_in",
        Kind::Refused => "deny",
        // Whether an answer can be right is not told.
        Kind::Ask if step.reason() == Some(Reason::Grace) => "let_in",
        Kind::Ask | Kind::Proven => "ask",
    }
}

#[test]
fn what_is_explained_is_decided() {
    let host = Host::new(Mode::Optional);
    host.enrol(1000);
    for text in texts() {
        host.put(&text);
        run(super::super::grace::keep_dates(&host.auth.store, &host.policy.get().unwrap())).unwrap();
        for (user, service, facts, supposed) in logins() {
            let explained = run(host.auth.explain(supposed)).unwrap();
            let decided = decision_of(&host.begin(user, service, &facts));
            let said = match explained.verdict.decision.as_str() {
                "refuse" => "ask",
                other => other,
            };
            assert_eq!(said, decided, "{user} at {service} under\n{text}{}", explained.sentence);
            let taken = explained.weighed.iter().any(|weighed| weighed.taken);
            assert!(taken && explained.weighed.iter().all(|weighed| !weighed.what.is_empty()));
        }
    }
}

#[test]
fn the_settings_in_force_change_nothing_and_every_login_is_judged_as_it_is_explained() {
    let host = Host::new(Mode::Optional);
    host.enrol(1000);
    host.put("[policy]\nmode = \"required\"\n");
    for (user, service, facts, _) in logins() {
        let asked = host.begin(user, service, &facts);
        host.answer(&asked, "000000");
    }
    let verdicts = host.simulate("[policy]\nmode = \"off\"\n", true).logins;
    assert_eq!(verdicts.len(), logins().len());
    for text in texts() {
        host.put(&text);
        run(super::super::grace::keep_dates(&host.auth.store, &host.policy.get().unwrap())).unwrap();
        let simulated = host.simulate(&text, true);
        assert_eq!(simulated.judged, verdicts.len() as u64);
        for (login, (.., supposed)) in simulated.logins.iter().zip(logins()) {
            assert_eq!(login.change, "none", "{login:?} under\n{text}");
            assert_eq!((&login.now.decision, &login.now.by), (&login.would.decision, &login.would.by));
            // At the time at which it is judged: the same of the week, and not gone by.
            let explained = run(host.auth.explain(Supposed { time: NOON + 30, ..supposed })).unwrap();
            let week = text.contains("Sat,Sun") || text.contains("device");
            assert!(week || explained.verdict == login.now, "{login:?} is not {explained:?} under\n{text}");
        }
    }
}

#[test]
fn what_other_settings_would_do_begins_with_them() {
    let host = Host::new(Mode::Optional);
    host.enrol(1000);
    let _ = host.begin("bob", "sshd", &attested(HOME));
    host.clock.pass(86_400);
    let kinds = |text: &str| {
        let logins = host.simulate(text, false).logins;
        logins.into_iter().map(|login| (login.change, login.would.why)).collect::<Vec<_>>()
    };
    let required = "[policy]\nmode = \"required\"\n";
    assert_eq!(kinds(required), [("newly_refused".to_owned(), "not_enrolled".to_owned())]);
    // The login comes again in six days: within one grace, and not within the other, which both begin now.
    assert_eq!(kinds(&format!("{required}grace = \"7d\"\n")), []);
    assert_eq!(kinds(&format!("{required}grace = \"5d\"\n")).len(), 1);
    // And a date that is beyond the week is none.
    assert_eq!(kinds(&format!("{required}required_from = 2999-01-01\n")), []);
    host.clock.pass(30 * 86_400);
    assert_eq!(kinds(&format!("{required}grace = \"7d\"\n")).len(), 1, "bob has not been seen for a month");
}

// S19
#[test]
fn what_settings_that_come_again_would_do_goes_by_the_day_that_they_had() {
    let host = Host::new(Mode::Optional);
    let required = "[policy]\nmode = \"required\"\n";
    for (text, days) in [(&*format!("{required}grace = \"7d\"\n"), 5), ("[policy]\nmode = \"optional\"\n", 0)]
    {
        host.put(text);
        run(super::super::grace::keep_dates(&host.auth.store, &host.policy.get().unwrap())).unwrap();
        host.clock.pass(days * 86_400);
    }
    assert_eq!(host.begin("bob", "sshd", &attested(HOME)).kind(), Kind::Waived);
    host.clock.pass(86_400); // and six more until he comes again: the twelfth
    let refused = |text: &str| host.simulate(&format!("{required}{text}"), false).logins.len();
    assert_eq!((refused("grace = \"7d\"\n"), refused("grace = \"20d\"\n")), (1, 0));
    // The 24th is the ninth.
    assert_eq!(refused("grace = \"7d\"\nrequired_from = 2027-01-24\n"), 0);
    assert_eq!(refused("grace = \"1d\"\nrequired_from = 2027-01-24\n"), 1);
}

#[test]
fn settings_that_are_not_in_order_are_told_in_one_line() {
    let host = Host::new(Mode::Optional);
    let (settings, path) = ("[policy]\nmode = \"of\"\n".to_owned(), "new.toml".to_owned());
    let asked = Simulation { settings, path, ..Simulation::default() };
    let failure = run(host.auth.simulate(asked)).unwrap_err();
    assert_eq!(failure.fault, Fault::InvalidArgument);
    assert!(failure.said.contains("line 2") && !failure.said.contains(['\n', '|']), "{}", failure.said);
}

/// Writes so many verdicts into the audit.
fn fill(host: &Host, verdicts: u32) {
    for part in 0..verdicts / 1000 {
        let write = host.auth.store.write(move |records, _| {
            records.because("policy".to_owned());
            for number in 0..1000 {
                let user = format!("user{}", (part * 1000 + number) % 700).as_str().into();
                let address = std::net::Ipv4Addr::from(0xc000_0200 + number % 256).into();
                let signals = Signals { address: Some(address), ..Signals::default() };
                let (service, door) = ("sshd".into(), Door::Address(address.into()));
                let (service, door, signals) = (Some(&service), Some(&door), Some(&signals));
                let context = Context { user: &user, subject: None, service, door, signals, keys: &[] };
                let event = Event::Waived { reason: RecordedReason(Reason::Optional) };
                records.audit(None, event, context)?;
            }
            Ok(())
        });
        run(write).unwrap().into_inner();
    }
}

/// The median and the longest of how long a login's first answer takes, until `done`, in microseconds.
fn begins(host: &Host, done: &dyn Fn(usize) -> bool) -> (u128, u128, usize) {
    let mut took = Vec::new();
    while !done(took.len()) {
        let began = now();
        let _ = host.begin("alice", "sshd", &attested(AWAY));
        took.push(began.elapsed().as_micros());
        std::thread::sleep(Duration::from_millis(2));
    }
    took.sort_unstable();
    (took[took.len() / 2], *took.last().unwrap(), took.len())
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is what is measured")]
fn now() -> Instant {
    Instant::now()
}

/// Prints what logins take alone and beside a simulation of 100,000 verdicts. As CONTRIBUTING says of figures:
/// `cargo test -p mfad --release --lib -- --ignored --nocapture logins_beside_a_simulation`.
#[test]
#[ignore = "a measurement"]
fn logins_beside_a_simulation() {
    let host = Host::new(Mode::Optional);
    host.enrol(1000);
    fill(&host, 100_000);
    let alone = begins(&host, &|number| number >= 500);
    let (auth, began) = (host.auth.clone(), now());
    let simulation = std::thread::spawn(move || {
        let settings = text("required", 0x3ff);
        let mut asked = Simulation { settings, path: "new.toml".into(), ..Simulation::default() };
        let mut told = 0;
        loop {
            let page = run(auth.simulate(asked.clone())).unwrap();
            told += page.logins.len();
            (asked.after, asked.last) = (page.next, page.last);
            if page.ended {
                return told;
            }
        }
    });
    let beside = begins(&host, &|_| simulation.is_finished());
    let took = began.elapsed();
    println!("a login's Begin, microseconds: (median, longest, number) alone {alone:?}, beside {beside:?}");
    println!("the simulation: {} changes of 100,000 verdicts in {took:?}", simulation.join().unwrap());
}
