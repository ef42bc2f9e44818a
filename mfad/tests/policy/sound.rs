//! What holds of any text that is read as settings: it is settings, or it is an error, and what passes can be kept and
//! decides. Used by tests here and by the fuzzer in `tests/fuzz`.

use mfa_proto::identity::UnixTime;
use mfad::{
    policy::{
        Already, Case, Databases, Decision, Effect, Groups, History, Place, Rules, Seen, Signals, Standing,
        decide, findings, named,
    },
    settings::Settings,
};

/// 2026-12-01.
const NOW: UnixTime = UnixTime(1_796_083_200);

/// Panics where something of it does not hold; whether the text is settings.
pub(crate) fn holds_of(text: &str) -> bool {
    let settings = match Settings::of_text(text, "f", "host") {
        Err(said) => {
            assert!(!said.is_empty(), "an error says why");
            return false;
        }
        Ok(settings) => settings,
    };
    let kept = Settings::parse(&settings.text, "host").expect("what passed is in order when it was kept");
    let without_places = |mut rules: Rules| {
        rules.places.clear(); // of the text, not of what is kept
        rules
    };
    let rules = without_places(settings.rules);
    assert_eq!(without_places(kept.rules), rules, "what is kept says the same");
    for rule in rules.rules.iter().filter(|rule| rule.then == Effect::Skip) {
        assert!(rule.until.is_some() && !rule.reason.is_empty() && !rule.when.is_empty(), "{rule:?}");
    }
    for exemption in &rules.exemptions {
        assert!(!exemption.reason.is_empty() && !exemption.when.is_empty(), "{exemption:?}");
    }
    for now in [UnixTime(0), NOW, UnixTime(u64::MAX)] {
        for databases in [Databases::default(), Databases { country: true, asn: true }] {
            let _ = findings(&rules, databases, now);
        }
        let _ = named(&rules, now);
        for uid in [Some(0), Some(1000), None] {
            let known = hardness(&rules, uid, &known(&rules), true, now);
            let unknown = hardness(&rules, uid, &Signals::default(), false, now);
            assert!(known.iter().zip(&unknown).all(|(known, unknown)| unknown >= known), "{uid:?} {now:?}");
        }
    }
    true
}

fn known(rules: &Rules) -> Signals {
    let first = rules.rules.first();
    let of = rules.groups().into_iter().take(1).map(str::to_owned).collect();
    Signals {
        address: "192.0.2.7".parse().ok(),
        key: "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU".parse().ok(),
        command: Some("/bin/bash -c id".into()),
        tty: first.and_then(|rule| rule.when.tty.first().cloned()).or(Some("tty1".into())),
        groups: Some(Groups { among: rules.mentioned, of }),
        place: Some(Place { asn: Some(64500), country: Some("DE".into()), coordinates: None }),
        name: None,
    }
}

/// How hard it is to get in for each that an account may be: 0 without a code, 1 with one, 2 not at all.
fn hardness(rules: &Rules, uid: Option<u32>, signals: &Signals, all: bool, now: UnixTime) -> Vec<u8> {
    let (user, service) = ("alice".into(), "sshd".into());
    let of_known =
        History { device: Some(Seen::Known), location: Some(Seen::New), impossible_travel: Some(false) };
    let history = if all { of_known } else { History::default() };
    let case = Case {
        subject: &user,
        uid,
        service: all.then_some(&service),
        target: all.then_some(&user),
        now,
        for_dates: now,
        signals,
        history,
    };
    let asked = rules.demand(case, &[]);
    let standings = [Standing::Enrolled, Standing::NotEnrolled, Standing::Unknown, Standing::Locked];
    let decisions = standings.map(|standing| decide(&asked, standing, None, Already::Nothing));
    let hardness = |decision| match decision {
        Decision::Waive(..) => 0,
        Decision::Ask(_) => 1,
        Decision::AskAndRefuse | Decision::Deny => 2,
    };
    decisions.map(hardness).into()
}
