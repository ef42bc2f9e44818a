//! The policy that is tested, asked about settings and logins of the small world.

use std::collections::BTreeSet;

use mfa_proto::identity::{ServiceName, UnixTime, UserName};
use mfad::{
    policy::{
        Already, Asked, Case, Decision, Exemption, Groups, History, Place, Rules, Seen, Signals, Standing,
        decide,
    },
    settings::Settings,
};

use crate::world::{Login, Written};

pub(crate) const STANDINGS: [(&str, Standing); 5] = [
    ("enrolled", Standing::Enrolled),
    ("not_enrolled", Standing::NotEnrolled),
    ("unknown", Standing::Unknown),
    ("locked", Standing::Locked),
    ("unclear", Standing::Unclear),
];
pub(crate) const ALREADY: [(&str, Already); 3] = [
    ("nothing", Already::Nothing),
    ("remembered", Already::Remembered),
    ("security_key", Already::SecurityKey),
];

pub(crate) fn read(text: &str) -> Rules {
    Settings::of_text(text, "", "host").unwrap_or_else(|said| panic!("{said}\n{text}")).rules
}

pub(crate) fn rules(written: &Written) -> Rules {
    read(&written.text())
}

pub(crate) fn asked(rules: &Rules, login: &Login, granted: &[Exemption]) -> Asked {
    with_case(rules, login, |case| rules.demand(case, granted))
}

pub(crate) fn with_case<T>(rules: &Rules, login: &Login, ask: impl FnOnce(Case<'_>) -> T) -> T {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let groups = login.groups.as_ref();
    // Those that the rules do not name were not looked up.
    let named = rules.groups();
    let of = |groups: &Vec<&str>| {
        groups.iter().filter(|name| named.contains(*name)).map(|name| (*name).to_owned()).collect()
    };
    let groups = groups.map(|groups| Groups { among: rules.mentioned, of: of(groups) });
    let place = Place {
        asn: login.asn.map(|asn| asn.parse().unwrap()),
        country: owned(login.country),
        coordinates: None,
    };
    let signals = Signals {
        address: login.address.map(|address| address.parse().unwrap()),
        key: login.key.map(|key| key.parse().unwrap()),
        command: owned(login.command),
        tty: owned(login.tty),
        groups,
        place: (place != Place::default()).then_some(place),
        name: None,
    };
    let seen = |word: Option<&str>| word.map(|word| if word == "known" { Seen::Known } else { Seen::New });
    let history = History {
        device: seen(login.device),
        location: seen(login.location),
        impossible_travel: login.travel,
    };
    let (user, target) = (UserName::from(login.user), login.target.map(UserName::from));
    let service = login.service.map(ServiceName::from);
    ask(Case {
        subject: &user,
        uid: login.uid,
        service: service.as_ref(),
        target: target.as_ref(),
        now: UnixTime(login.now.unix),
        for_dates: UnixTime(login.now.unix),
        signals: &signals,
        history,
    })
}

/// The names of all that demand a factor.
pub(crate) fn demanding(rules: &Rules, asked: &Asked) -> BTreeSet<String> {
    asked.demanding.iter().map(|by| rules.name(*by)).collect()
}

/// Until when nobody is hindered, as the store would have it: until the first of their graces ends.
pub(crate) fn grace(rules: &Rules, asked: &Asked, over: &dyn Fn(&str) -> bool) -> Option<UnixTime> {
    let demanding = demanding(rules, asked);
    (!demanding.is_empty() && !demanding.iter().any(|name| over(name))).then_some(UnixTime(u64::MAX))
}

/// In words, as the second evaluator has it.
pub(crate) fn in_words(decision: Decision) -> String {
    match decision {
        Decision::Ask(_) => "ask".into(),
        Decision::AskAndRefuse => "refuse".into(),
        Decision::Deny => "deny".into(),
        Decision::Waive(_, reason) => format!("let in: {}", reason.word()),
    }
}

/// How hard it is to get in, whatever the account is and whatever it has already: 0 without a code, 1 with one, 2
/// not at all.
pub(crate) fn hardness(rules: &Rules, asked: &Asked, over: &dyn Fn(&str) -> bool) -> Vec<u8> {
    let grace = grace(rules, asked, over);
    let all =
        STANDINGS.iter().flat_map(|standing| ALREADY.iter().map(move |already| (standing.1, already.1)));
    all.map(|(standing, already)| match decide(asked, standing, grace, already) {
        Decision::Waive(..) => 0,
        Decision::Ask(_) => 1,
        Decision::AskAndRefuse | Decision::Deny => 2,
    })
    .collect()
}

/// Whether nobody gets in more easily than before.
pub(crate) fn is_no_looser(before: &[u8], after: &[u8]) -> bool {
    before.iter().zip(after).all(|(before, after)| after >= before)
}

/// Whose grace is over: a half of all parts, another by each seed.
pub(crate) fn over(seed: u64) -> impl Fn(&str) -> bool {
    move |name| {
        let mixed =
            name.bytes().fold(seed, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        (mixed ^ mixed >> 7).is_multiple_of(2)
    }
}
