//! A small world of settings and logins, in words: small, so that they meet.

use std::fmt::Write as _;

use proptest::{collection::vec, option, prelude::*, sample::select, sample::subsequence};

/// Conditions by their keys, as in the settings.
pub(crate) type Conditions = Vec<(&'static str, Vec<&'static str>)>;

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) when: Conditions,
    pub(crate) unless: Conditions,
    pub(crate) then: &'static str,
    pub(crate) until: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) struct Exempt {
    pub(crate) reason: String,
    pub(crate) when: Conditions,
    pub(crate) until: &'static str,
}

/// Settings, as far as they decide about logins.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) mode: &'static str,
    pub(crate) group_modes: Vec<(&'static str, &'static str)>,
    pub(crate) required_from: Option<&'static str>,
    pub(crate) account_uids: Option<(u32, u32)>,
    pub(crate) account_groups: Vec<&'static str>,
    pub(crate) account_users: Vec<&'static str>,
    pub(crate) networks: Vec<(&'static str, Vec<&'static str>)>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) exempts: Vec<Exempt>,
}

/// A login; `None` is not known.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user: &'static str,
    pub(crate) uid: Option<u32>,
    pub(crate) service: Option<&'static str>,
    pub(crate) target: Option<&'static str>,
    pub(crate) now: Now,
    pub(crate) address: Option<&'static str>,
    pub(crate) key: Option<&'static str>,
    pub(crate) command: Option<&'static str>,
    pub(crate) tty: Option<&'static str>,
    pub(crate) groups: Option<Vec<&'static str>>,
    pub(crate) asn: Option<&'static str>,
    pub(crate) country: Option<&'static str>,
    pub(crate) device: Option<&'static str>,
    pub(crate) location: Option<&'static str>,
    pub(crate) travel: Option<bool>,
}

/// The same moment, said four times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) iso: &'static str,
    pub(crate) unix: u64,
    /// Monday is 0.
    pub(crate) weekday: usize,
    /// Of the day.
    pub(crate) minute: usize,
}

/// The first second of Monday, 2026-11-23.
const MONDAY: u64 = 1_795_392_000;

const fn now(iso: &'static str, days: u32, minute: u32) -> Now {
    let unix = MONDAY + days as u64 * 86_400 + minute as u64 * 60;
    Now { iso, unix, weekday: days as usize % 7, minute: minute as usize }
}

pub(crate) const NOWS: [Now; 7] = [
    now("2026-11-23T09:00:00Z", 0, 9 * 60),
    now("2026-11-24T23:30:00Z", 1, 23 * 60 + 30),
    now("2026-11-28T05:59:00Z", 5, 5 * 60 + 59),
    now("2026-11-28T06:00:00Z", 5, 6 * 60),
    now("2026-11-30T22:00:00Z", 7, 22 * 60),
    now("2026-12-01T00:00:00Z", 8, 0),
    now("2026-12-06T12:00:00Z", 13, 12 * 60),
];
pub(crate) const DATES: [&str; 5] =
    ["2026-11-24", "2026-11-30T22:00:00Z", "2026-11-30T22:00:01Z", "2026-12-01", "2027-03-01"];
pub(crate) const MODES: [&str; 4] = ["off", "observe", "optional", "required"];
pub(crate) const EFFECTS: [&str; 4] = ["skip", "ask", "ask_fresh", "deny"];
const USERS: [&str; 4] = ["alice", "bob", "root", "backup"];
const GROUPS: [&str; 3] = ["ops", "staff", "svc"];
const PREFIXES: [&str; 9] = [
    "192.0.2.0/24",
    "192.0.2.7",
    "192.0.2.128/25",
    "10.8.0.0/16",
    "10.0.0.0/7",
    "2001:db8::/32",
    "2001:db8:1::/48",
    "0.0.0.0/0",
    "::/0",
];
const KEYS: [&str; 2] = [
    "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
    "SHA256:gUjqHWyUSDW/WZLJN0VqThXKdZd2ShmItuw63DvfpBU",
];
/// What a condition may say, by its key.
const POOLS: [(&str, &[&str]); 15] = [
    ("user", &USERS),
    ("group", &GROUPS),
    ("service", &["sshd", "sudo", "su", "login"]),
    (
        "command",
        &["/bin/bash", "/usr/bin/su *", "*/vi?", "/bin/*", "/usr/bin/apt* -y*", "/usr/bin/bash *", "*"],
    ),
    ("target", &["root", "bob"]),
    ("tty", &["tty1", "pts/0", "/dev/tty1"]),
    ("address", &PREFIXES),
    ("network", &["office", "vpn", "home"]),
    ("key", &KEYS),
    (
        "time",
        &[
            "Mon-Fri 08:00-18:00",
            "Sat,Sun",
            "22:00-06:00",
            "Fri 22:00-06:00",
            "Sun-Mon 22:00-24:00",
            "Tue 00:00-00:01",
        ],
    ),
    ("asn", &["64500", "64501"]),
    ("country", &["DE", "FR"]),
    ("device", &["known", "new"]),
    ("location", &["known", "new"]),
    ("travel", &["impossible"]),
];
/// Those of which a rule has one value, not a list.
const SINGLE: [&str; 3] = ["device", "location", "travel"];
/// What an exemption may say.
const OF_EXEMPTIONS: [&str; 6] = ["user", "group", "service", "address", "network", "key"];

/// A condition: its key with some of what it may say.
fn condition(at: usize) -> impl Strategy<Value = (&'static str, Vec<&'static str>)> {
    let (key, pool) = POOLS[at];
    let most = if SINGLE.contains(&key) { 1 } else { 3.min(pool.len()) };
    subsequence(pool.to_vec(), 1..=most).prop_map(move |entries| (key, entries))
}

/// Up to three conditions, of these keys.
fn conditions(keys: Vec<usize>) -> impl Strategy<Value = Conditions> {
    subsequence(keys, 0..=3).prop_flat_map(|keys| keys.into_iter().map(condition).collect::<Vec<_>>())
}

fn any_conditions() -> impl Strategy<Value = Conditions> {
    conditions((0..POOLS.len()).collect())
}

/// A rule; its name is given to it by [`named`].
pub(crate) fn rule(effects: &'static [&'static str]) -> impl Strategy<Value = Rule> {
    let unless = prop_oneof![Just(Conditions::new()), any_conditions()];
    (any_conditions(), unless, select(effects), select(&DATES[..]), select(&USERS[..])).prop_map(
        |(mut when, mut unless, then, until, user)| {
            unless.retain(|(key, _)| *key != "travel");
            let until = (then == "skip").then_some(until);
            if until.is_some() {
                when.retain(|(key, _)| *key != "travel");
                if when.is_empty() {
                    when.push(("user", vec![user]));
                }
            }
            Rule { name: String::new(), when, unless, then, until }
        },
    )
}

pub(crate) fn exempt() -> impl Strategy<Value = Exempt> {
    let keys = (0..POOLS.len()).filter(|at| OF_EXEMPTIONS.contains(&POOLS[*at].0)).collect();
    (conditions(keys), select(&DATES[..]), select(&USERS[..])).prop_map(|(mut when, until, user)| {
        if !when.iter().any(|(key, _)| ["user", "group"].contains(key)) {
            when.push(("user", vec![user]));
        }
        Exempt { reason: String::new(), when, until }
    })
}

pub(crate) fn written() -> impl Strategy<Value = Written> {
    let accounts = (
        option::weighted(0.3, select(vec![(1, 999), (34, 34)])),
        subsequence(GROUPS.to_vec(), 0..2),
        subsequence(vec!["backup", "bob"], 0..2),
    );
    let prefixes = || subsequence(PREFIXES.to_vec(), 1..3);
    let modes = subsequence(GROUPS.to_vec(), 0..3).prop_flat_map(|groups| {
        groups.into_iter().map(|group| (Just(group), select(&MODES[..]))).collect::<Vec<_>>()
    });
    let mode = select(vec!["off", "observe", "optional", "optional", "required", "required", "required"]);
    let rest = (vec(rule(&EFFECTS), 0..5), vec(exempt(), 0..3));
    (
        mode,
        modes,
        option::weighted(0.3, select(&DATES[..])),
        accounts,
        (prefixes(), prefixes(), prefixes()),
        rest,
    )
        .prop_map(|(mode, group_modes, required_from, accounts, (office, vpn, home), (rules, exempts))| {
            Written {
                mode,
                group_modes,
                required_from,
                account_uids: accounts.0,
                account_groups: accounts.1,
                account_users: accounts.2,
                networks: vec![("office", office), ("vpn", vpn), ("home", home)],
                rules,
                exempts,
            }
        })
        .prop_map(named)
}

/// Each part by a name of its own.
pub(crate) fn named(mut written: Written) -> Written {
    for (at, rule) in written.rules.iter_mut().enumerate() {
        rule.name = format!("r{at}");
    }
    for (at, exempt) in written.exempts.iter_mut().enumerate() {
        exempt.reason = format!("e{at}");
    }
    written
}

/// Known more often than not.
fn known<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = Option<T>> + use<T> {
    option::weighted(0.75, select(values.to_vec()))
}

pub(crate) fn login() -> impl Strategy<Value = Login> {
    let people = select(vec![("alice", 1000), ("bob", 1001), ("root", 0), ("backup", 34)]);
    let who =
        (people, option::weighted(0.9, Just(())), option::weighted(0.8, subsequence(GROUPS.to_vec(), 0..3)));
    let what = (
        option::weighted(0.95, select(vec!["sshd", "sudo", "su", "login"])),
        known(&["root", "bob"]),
        known(&[
            "/bin/bash",
            "/bin/bash -c id",
            "/bin/bashful",
            "/usr/bin/su",
            "/usr/bin/su -",
            "/usr/bin/bash -l",
            "/bin/su",
            "/usr/bin/vim",
            "/usr/bin/vi2 x",
            "/usr/bin/apt-get install -y x",
        ]),
        known(&["tty1", "/dev/pts/0", "pts/0"]),
    );
    let whence = (
        known(&[
            "192.0.2.7",
            "192.0.2.200",
            "::ffff:192.0.2.7",
            "10.8.3.3",
            "11.0.0.1",
            "2001:db8:1::7",
            "2001:db9::",
            "::1",
        ]),
        known(&KEYS),
        known(&["64500", "64501", "64502"]),
        known(&["DE", "FR", "US"]),
    );
    let history = (known(&["known", "new"]), known(&["known", "new"]), known(&[true, false]));
    (who, what, whence, history, select(&NOWS[..])).prop_map(
        |((person, uid, groups), (service, target, command, tty), whence, history, now)| Login {
            user: person.0,
            uid: uid.map(|()| person.1),
            service,
            target,
            now,
            address: whence.0,
            key: whence.1,
            command,
            tty,
            groups,
            asn: whence.2,
            country: whence.3,
            device: history.0,
            location: history.1,
            travel: history.2,
        },
    )
}

impl Written {
    /// As an administrator writes it.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("[policy]\nmode = \"{}\"\n", self.mode);
        let mut say = |line: String| writeln!(text, "{line}").expect("a string");
        if let Some(from) = self.required_from {
            say(format!("required_from = {from}"));
        }
        say("[policy.service_accounts]".into());
        if let Some((first, last)) = self.account_uids {
            say(format!("uids = \"{first}-{last}\""));
        }
        say(format!("groups = {:?}\nusers = {:?}", self.account_groups, self.account_users));
        say("[networks]".into());
        for (name, prefixes) in &self.networks {
            say(format!("{name} = {prefixes:?}"));
        }
        for (group, mode) in &self.group_modes {
            say(format!("[group.{group}]\nmode = {mode:?}"));
        }
        for rule in &self.rules {
            say(format!("[[rule]]\nname = {:?}\nthen = {:?}", rule.name, rule.then));
            for (key, conditions) in [("when", &rule.when), ("unless", &rule.unless)] {
                if !conditions.is_empty() {
                    say(format!("{key} = {{ {} }}", pairs(conditions).join(", ")));
                }
            }
            if let Some(until) = rule.until {
                say(format!("reason = \"CHG\"\nuntil = {until}"));
            }
        }
        for exempt in &self.exempts {
            say(format!("[[exempt]]\nreason = {:?}\nuntil = {}", exempt.reason, exempt.until));
            for pair in pairs(&exempt.when) {
                say(pair);
            }
        }
        text
    }
}

fn pairs(conditions: &Conditions) -> Vec<String> {
    let pair = |(key, entries): &(&str, Vec<&str>)| match *key {
        "asn" => format!("asn = [{}]", entries.join(", ")),
        key if SINGLE.contains(&key) => format!("{key} = {:?}", entries[0]),
        key => format!("{key} = {entries:?}"),
    };
    conditions.iter().map(pair).collect()
}
