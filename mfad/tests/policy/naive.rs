//! A second evaluator, which shares nothing with the first: it works on the words that are written, compares
//! strings, walks through all of everything, and says what must come out, in words.

use std::collections::BTreeSet;

use crate::world::{Conditions, EFFECTS, Login, MODES, Now, Written};

/// What must come out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) decision: String,
    /// All that demands a factor.
    pub(crate) demanding: BTreeSet<String>,
    /// Those of whom one may be named as the cause.
    pub(crate) causes: BTreeSet<String>,
}

/// `over`: whether the grace of that part is over.
pub(crate) fn answer(
    written: &Written,
    login: &Login,
    standing: &str,
    already: &str,
    over: &dyn Fn(&str) -> bool,
) -> Answer {
    let (mode, set_by) = mode(written, login);
    let mut demanding = BTreeSet::new();
    let mut causes = set_by.clone();
    if mode == "off" {
        return Answer { decision: "let in: policy_off".into(), demanding, causes };
    }
    // What the mode asks: "factor", or why one without a factor is let in.
    let mut asks = "factor";
    if mode == "optional" || mode == "required" && is_before(login.now, written.required_from) {
        asks = "optional";
    } else if is_service_account(written, login) {
        asks = "service_account";
        causes = BTreeSet::from(["service accounts".to_owned()]);
    }
    if asks == "factor" {
        demanding = set_by;
    }
    // All rules and exemptions that are taken, by effect and name.
    let mut taken: Vec<(&str, String)> = Vec::new();
    for rule in &written.rules {
        let ended = rule.until.is_some() && !is_before(login.now, rule.until);
        let when = all(&rule.when, written, login);
        let unless = if rule.unless.is_empty() { Some(false) } else { all(&rule.unless, written, login) };
        let is_taken = match (rule.then, when, unless) {
            _ if ended => false,
            ("skip", Some(true), Some(false)) => true,
            ("skip", ..) => false,
            (_, Some(false), _) | (_, _, Some(true)) => false,
            _ => true,
        };
        if is_taken {
            taken.push((rule.then, format!("rule {}", rule.name)));
        }
    }
    for exempt in &written.exempts {
        if is_before(login.now, Some(exempt.until)) && all(&exempt.when, written, login) == Some(true) {
            taken.push(("skip", format!("exemption {}", exempt.reason)));
        }
    }
    for (effect, name) in &taken {
        if *effect == "ask" || *effect == "ask_fresh" {
            demanding.insert(name.clone());
        }
    }
    let worst = EFFECTS.iter().rev().find(|effect| taken.iter().any(|(its, _)| its == *effect)).copied();
    if let Some(worst) = worst {
        causes = taken.iter().filter(|(effect, _)| *effect == worst).map(|(_, name)| name.clone()).collect();
    }
    let in_grace = !demanding.is_empty() && !demanding.iter().any(|name| over(name));
    let decision = if mode == "observe" {
        "let in: observed"
    } else if worst == Some("deny") {
        "deny"
    } else if standing == "locked" || standing == "unclear" {
        "refuse"
    } else if worst == Some("skip") {
        "let in: exempt"
    } else if standing == "enrolled" {
        match already {
            "security_key" => "let in: security_key",
            "remembered" if worst != Some("ask_fresh") => "let in: remembered",
            _ => "ask",
        }
    } else if worst.is_none() && asks == "optional" {
        "let in: optional"
    } else if worst.is_none() && asks == "service_account" {
        "let in: service_account"
    } else if standing == "not_enrolled" && in_grace {
        "let in: grace"
    } else {
        "refuse"
    };
    Answer { decision: decision.into(), demanding, causes }
}

/// The mode, and all that may have set it.
fn mode(written: &Written, login: &Login) -> (&'static str, BTreeSet<String>) {
    let mut may: Vec<(&str, String)> = Vec::new();
    for (group, mode) in &written.group_modes {
        if login.groups.as_ref().is_none_or(|groups| groups.contains(group)) {
            may.push((mode, format!("group {group}")));
        }
    }
    if login.groups.is_none() || may.is_empty() {
        may.push((written.mode, "policy".into()));
    }
    let mode = MODES.iter().rev().find(|mode| may.iter().any(|(its, _)| its == *mode)).unwrap();
    (mode, may.into_iter().filter(|(its, _)| its == mode).map(|(_, name)| name).collect())
}

fn is_service_account(written: &Written, login: &Login) -> bool {
    let Some(uid) = login.uid else { return false };
    let by_uid = written.account_uids.is_some_and(|(first, last)| (first..=last).any(|each| each == uid));
    let by_group = login.groups.iter().flatten().any(|group| written.account_groups.contains(group));
    uid != 0 && (by_uid || by_group || written.account_users.contains(&login.user))
}

/// Dates sort as text.
fn is_before(now: Now, date: Option<&str>) -> bool {
    date.is_some_and(|date| {
        let whole = if date.len() == 10 { format!("{date}T00:00:00Z") } else { date.to_owned() };
        now.iso < whole.as_str()
    })
}

/// Whether all hold: no, where one does not; unknown, where else one is.
fn all(conditions: &Conditions, written: &Written, login: &Login) -> Option<bool> {
    let each: Vec<Option<bool>> =
        conditions.iter().map(|(key, entries)| holds(key, entries, written, login)).collect();
    if each.contains(&Some(false)) {
        return Some(false);
    }
    if each.contains(&None) { None } else { Some(true) }
}

fn holds(key: &str, entries: &[&str], written: &Written, login: &Login) -> Option<bool> {
    let is_one = |known: Option<&str>| known.map(|known| entries.contains(&known));
    match key {
        "user" => is_one(Some(login.user)),
        "service" => is_one(login.service),
        "target" => is_one(login.target),
        "tty" => login.tty.map(|tty| entries.iter().any(|entry| bare(entry) == bare(tty))),
        "key" => is_one(login.key),
        "asn" => is_one(login.asn),
        "country" => is_one(login.country),
        "device" => is_one(login.device),
        "location" => is_one(login.location),
        "travel" => login.travel,
        "group" => login.groups.as_ref().map(|groups| groups.iter().any(|group| entries.contains(group))),
        "command" => {
            login.command.and_then(|command| is_any(entries, |pattern| is_command(pattern, command)))
        }
        "time" => Some(entries.iter().any(|time| is_at(time, login.now))),
        "address" => login.address.map(|address| entries.iter().any(|prefix| is_in(prefix, address))),
        "network" => login.address.map(|address| {
            let named = written.networks.iter().filter(|(name, _)| entries.contains(name));
            named.flat_map(|(_, prefixes)| prefixes).any(|prefix| is_in(prefix, address))
        }),
        other => panic!("{other}"),
    }
}

/// Whether one of them is: unknown, where none surely is and one may be.
fn is_any(entries: &[&str], is: impl Fn(&str) -> Option<bool>) -> Option<bool> {
    let each: Vec<Option<bool>> = entries.iter().map(|entry| is(entry)).collect();
    if each.contains(&Some(true)) { Some(true) } else { (!each.contains(&None)).then_some(false) }
}

/// A terminal without the folder of all of them.
fn bare(tty: &str) -> &str {
    tty.strip_prefix("/dev/").unwrap_or(tty)
}

/// Yes by the words that sudo says; unknown by other words for the same.
fn is_command(pattern: &str, command: &str) -> Option<bool> {
    let is_this = |command: &String| {
        let program = command.split_whitespace().next().unwrap();
        is_like(pattern, if pattern.contains(' ') { command } else { program })
    };
    let mut words = vec![command.to_owned()];
    for folder in ["/bin/", "/sbin/"] {
        if command.starts_with(folder) {
            words.push(format!("/usr{command}"));
        }
        if command.starts_with(&format!("/usr{folder}")) {
            words.push(command[4..].to_owned());
        }
    }
    if !command.contains(' ') {
        words.extend(words.clone().iter().map(|word| format!("{word} ")));
    }
    if is_this(&words[0]) { Some(true) } else { (!words.iter().any(is_this)).then_some(false) }
}

/// `*` is any text, `?` one letter.
fn is_like(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len()).any(|at| is_like(&pattern[1..], &text[at..])),
        Some('?') => !text.is_empty() && is_like(&pattern[1..], &text[1..]),
        Some(_) => !text.is_empty() && pattern[..1] == text[..1] && is_like(&pattern[1..], &text[1..]),
    }
}

/// An address as a text of zeros and ones, after its family.
fn ones(address: &str) -> String {
    let bits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:08b}")).collect::<String>();
    if let Some(v4) = address.strip_prefix("::ffff:") {
        return ones(v4);
    }
    match address.parse().unwrap() {
        std::net::IpAddr::V4(v4) => format!("4{}", bits(&v4.octets())),
        std::net::IpAddr::V6(v6) => format!("6{}", bits(&v6.octets())),
    }
}

fn is_in(prefix: &str, address: &str) -> bool {
    let (first, length) = prefix.split_once('/').unwrap_or((prefix, "128"));
    let first: String = ones(first).chars().take(1 + length.parse::<usize>().unwrap()).collect();
    ones(address).starts_with(&first)
}

/// Walks through the minutes of the week from Monday.
fn is_at(time: &str, now: Now) -> bool {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let (days, hours) = match time.split_once(' ') {
        Some((days, hours)) => (days, hours),
        None if time.contains(':') => ("Mon-Sun", time),
        None => (time, "00:00-24:00"),
    };
    let minutes = |text: &str| -> usize {
        let (hour, minute) = text.split_once(':').unwrap();
        hour.parse::<usize>().unwrap() * 60 + minute.parse::<usize>().unwrap()
    };
    let (from, to) = hours.split_once('-').unwrap();
    let (from, mut to) = (minutes(from), minutes(to));
    if to <= from {
        to += 24 * 60;
    }
    let mut week = vec![false; 7 * 24 * 60];
    for part in days.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let at = |name: &str| DAYS.iter().position(|day| *day == name).unwrap();
        let mut day = at(first);
        loop {
            for minute in from..to {
                week[(day * 24 * 60 + minute) % (7 * 24 * 60)] = true;
            }
            if day == at(last) {
                break;
            }
            day = (day + 1) % 7;
        }
    }
    week[now.weekday * 24 * 60 + now.minute]
}
