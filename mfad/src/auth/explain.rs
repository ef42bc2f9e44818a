//! Why a login is decided as it is: one that did not happen is put to the same policy, by the same way, as one that
//! does. Nothing is counted, recorded or changed.

use std::{net::IpAddr, sync::Arc};

use data_encoding::HEXLOWER;
use mfa_proto::{
    facts::{self, Facts},
    fault::Fault,
    identity::{ServiceName, UnixTime, UserName, escaped},
    policy::{Explained, File, Known, Settings, Supposed},
    time,
};

use super::{
    Auth, Failure, Source,
    administer::printable,
    decided::{AsIf, Decided, decided_as_if},
    identify::target,
    judge::standing,
    passed_key::fingerprint,
    path,
    question::Login,
};
use crate::{
    policy::{Case, Demand, Fingerprint, History, Rules, Seen, Standing, Weighed},
    store::{Account, Sound},
    world::Moment,
};

/// The longest user, service, command or terminal, in bytes.
const LONGEST: usize = 4096;

impl Auth {
    /// The path of the decision on a login that did not happen.
    pub async fn explain(&self, supposed: Supposed) -> Result<Explained, Failure> {
        let rules = self.rules()?;
        let now = self.moment_of(supposed.time);
        let (user, service, facts) = as_reported(&supposed)?;
        let (mut login, subject) = self.identify(&rules, user, service, &facts).await?;
        if let Some(key) = fingerprint_alone(&supposed)?
            && facts::is_sshd(login.service.as_bytes())
        {
            (login.signals.key, login.keys) = (Some(key), vec![key]);
        }
        let (store, asked) = (self.store.clone(), (Arc::clone(&rules), login.clone(), subject));
        let judge = move |sound: &mut Sound<'_>| {
            let (rules, login, subject) = asked;
            let target = target(sound, store.keys(), &login, &subject)?;
            let account = match target.account() {
                Some((id, uid)) => sound.account_of(id, uid, &[&login.subject])?,
                None => None,
            };
            let standing = standing(&target, account.as_ref());
            let mut weighed = Vec::new();
            let as_if = AsIf { taken: None, by_program: false, tell: &mut |this| weighed.push(this) };
            let of = (standing, account.as_ref());
            let decided = decided_as_if(sound, &rules, &login, &target, of, now, as_if)?;
            let besides = besides(&rules, &login, standing, account.as_ref(), now);
            Ok(Judged { standing, uid: target.uid(), decided, weighed, besides })
        };
        let judged = self.store.read(judge).await?;
        Ok(explained(&rules, &login, judged, self.policy.source(), now, &supposed))
    }

    /// That time, as it will be or was on this machine; 0: now.
    fn moment_of(&self, time: u64) -> Moment {
        let now = self.world().clock.now();
        if time == 0 {
            return now;
        }
        let wall = UnixTime(time);
        let boot_ms = now.boot_ms.saturating_add(wall.since(now.wall).saturating_mul(1000));
        Moment { wall, boot_ms: boot_ms.saturating_sub(now.wall.since(wall).saturating_mul(1000)), ..now }
    }
}

/// What the store had to say.
struct Judged {
    standing: Standing,
    uid: Option<u32>,
    decided: Decided,
    weighed: Vec<Weighed>,
    besides: Vec<String>,
}

/// The key, where its fingerprint alone is given: then it is taken for a key, and for no certificate.
fn fingerprint_alone(Supposed { key, .. }: &Supposed) -> Result<Option<Fingerprint>, Failure> {
    if key.is_empty() || key.contains(' ') {
        return Ok(None);
    }
    key.parse().map(Some).map_err(no_argument)
}

/// What a login host would report of it, whose first factor passed.
fn as_reported(supposed: &Supposed) -> Result<(UserName, ServiceName, Facts), Failure> {
    let Supposed { user, service, target, address, key, command, tty, .. } = supposed;
    if service.is_empty() || [user, service, target, command, tty].iter().any(|text| text.len() > LONGEST) {
        return Err(no_argument("no service, or something of over 4 KiB"));
    }
    let mut facts = Facts::from([(facts::FIRST_FACTOR.into(), facts::REQUISITE.to_vec())]);
    let mut report = |name: &str, value: &[u8]| {
        // The module leaves out what is longer.
        if (1..=facts::LONGEST).contains(&value.len()) {
            facts.insert(name.into(), value.to_vec());
        }
    };
    if key.contains(' ') {
        if key.contains('\n') || fingerprint(key.as_bytes()).is_none() {
            return Err(no_argument("the key is no public key, and no certificate"));
        }
        report(facts::SSH_AUTH_INFO, format!("publickey {key}\n").as_bytes());
    }
    if !address.is_empty() {
        let address: IpAddr =
            address.parse().map_err(|_| no_argument(format!("{address:?} is no address")))?;
        report(facts::SSH_CONNECTION, format!("{address} 0 {address} 22").as_bytes());
    }
    report(facts::SUDO_COMMAND, command);
    report(facts::TTY, tty);
    let is_su = facts::is_su(service);
    if is_su || facts::is_sudo(service) {
        report(facts::RUSER, user);
    }
    let user = match (is_su, target.is_empty()) {
        (true, true) => UserName::from("root"),
        (true, false) => UserName::new(target.clone()),
        (false, _) => UserName::new(user.clone()),
    };
    Ok((user, ServiceName::new(service.clone()), facts))
}

fn no_argument(said: impl Into<String>) -> Failure {
    Failure::new(Fault::InvalidArgument, printable(&said.into()))
}

/// What policy does not decide, and hinders the login all the same.
fn besides(
    rules: &Rules,
    login: &Login,
    standing: Standing,
    account: Option<&Account>,
    now: Moment,
) -> Vec<String> {
    let Some(account) = account.filter(|_| standing == Standing::Enrolled) else { return Vec::new() };
    let mut besides = Vec::new();
    let state = &account.state;
    let is_taken = |kind: &str| rules.factors.allow(kind);
    let takes_a_code = state.usable().any(|factor| is_taken(factor.kind.word()))
        || state.backup.is_some() && is_taken("backup");
    if state.usable().next().is_none() && state.backup.is_none() {
        besides.push("every factor of the account is disabled, by 100 wrong codes".to_owned());
    } else if !takes_a_code {
        besides.push("the settings take no code of a factor of the account (factors.allowed)".to_owned());
    }
    if let Some(door) = account.state.doors.iter().find(|state| state.door == login.door) {
        match door.failures.wait_left(now.wall) {
            _ if door.failures.is_closed() => {
                besides.push(format!("the door {} is closed, by 100 wrong codes", door.door));
            }
            0 => {}
            seconds => besides.push(format!("the door {} judges no code for {seconds} s", door.door)),
        }
    }
    besides
}

/// Whose factor it is, where that is another's than who one becomes.
fn subject_note(login: &Login) -> String {
    if login.subject == login.user { String::new() } else { format!("to become {}", login.user) }
}

fn explained(
    rules: &Rules,
    login: &Login,
    Judged { standing, uid, decided, weighed, besides }: Judged,
    source: Source,
    now: Moment,
    supposed: &Supposed,
) -> Explained {
    let grounds = &decided.grounds;
    let case = login.case(uid, now, grounds.for_dates, grounds.history);
    let sight = rules.sight(case);
    let mode = rules.mode_of(case);
    let service = escaped(login.service.as_bytes());
    let sentence = path::sentence(rules, (&login.subject, &service), (mode, standing), &decided, now.wall);
    Explained {
        sentence: printable(&sentence),
        verdict: path::verdict(rules, standing, &decided),
        settings: settings(source),
        known: known(login, case, supposed),
        mode: mode.word().to_owned(),
        weighed: weighed.into_iter().map(|this| path::weighed(rules, grounds, &sight, this)).collect(),
        asked: path::asked_word(grounds.asked.demand).to_owned(),
        observed: grounds.asked.observed && grounds.asked.demand != Demand::Off,
        standing: path::standing_word(standing).to_owned(),
        grace_ends: grounds.grace.map_or(0, |ends| ends.0),
        already: path::already_word(grounds.already).to_owned(),
        besides,
    }
}

fn settings(source: Source) -> Settings {
    let file = |file: super::File| File { path: file.path, sha256: HEXLOWER.encode(&file.sha256) };
    Settings {
        files: source.files.into_iter().map(file).collect(),
        taken: source.taken.0,
        fault: printable(&source.fault),
    }
}

/// All that policy looks at, and why what is not known is not.
fn known(login: &Login, case: Case<'_>, supposed: &Supposed) -> Vec<Known> {
    let (signals, service) = (case.signals, login.service.as_bytes());
    let only_at = |given: bool, says: bool, host: &str| match (given, says) {
        (false, _) => "not given".to_owned(),
        (true, true) => "not usable as it is given".to_owned(),
        (true, false) => format!("given, but only {host} tells it"),
    };
    let is_sshd = facts::is_sshd(service);
    let text = |value: Option<String>, missing: String| (value.unwrap_or_default(), missing);
    let seen = |seen: Option<Seen>| {
        seen.map(|seen| match seen {
            Seen::Known => "known".to_owned(),
            Seen::New => "new".to_owned(),
        })
    };
    let History { device, location, impossible_travel } = case.history;
    let travel = impossible_travel.map(|is| if is { "impossible" } else { "possible" }.to_owned());
    let places = |of: fn(&crate::policy::Place) -> Option<String>| signals.place.as_ref().and_then(of);
    let groups = signals.groups.as_ref().map(|groups| {
        let names: Vec<String> = groups.of.iter().map(|name| escaped(name.as_bytes())).collect();
        if names.is_empty() { "none that the settings name".to_owned() } else { names.join(", ") }
    });
    let escape = |text: &String| escaped(text.as_bytes());
    let no_place = || "no database says where it is".to_owned();
    let rows = [
        ("service", text(Some(escaped(service)), String::new())),
        ("user", (login.subject.to_string(), subject_note(login))),
        ("target", text(case.target.map(ToString::to_string), "sudo does not tell whom one becomes".into())),
        ("time", text(Some(time::utc(case.now.0)), String::new())),
        (
            "address",
            text(
                signals.address.map(|address| address.to_string()),
                only_at(!supposed.address.is_empty(), is_sshd, "sshd"),
            ),
        ),
        (
            "key",
            text(signals.key.map(|key| key.to_string()), only_at(!supposed.key.is_empty(), is_sshd, "sshd")),
        ),
        (
            "command",
            text(
                signals.command.as_ref().map(escape),
                only_at(!supposed.command.is_empty(), facts::is_sudo(service), "sudo"),
            ),
        ),
        ("tty", text(signals.tty.as_ref().map(escape), only_at(!supposed.tty.is_empty(), true, ""))),
        ("groups", text(groups, "the name services do not tell".into())),
        ("asn", text(places(|place| place.asn.map(|asn| asn.to_string())), no_place())),
        ("country", text(places(|place| place.country.clone()), no_place())),
        ("device", text(seen(device), "no key, or no past of this account".into())),
        ("location", text(seen(location), "no place, or no past of this account".into())),
        ("travel", text(travel, "no place, or no past of this account".into())),
    ];
    let row = |(what, (value, note)): (&str, (String, String))| {
        let note = if value.is_empty() || what == "user" { note } else { String::new() };
        Known { what: what.to_owned(), value: printable(&value), note }
    };
    rows.map(row).into()
}
