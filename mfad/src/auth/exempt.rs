//! Exemptions: all of them in one list, and those that an administrator gives and ends from the command line. (S25)

use mfa_proto::{
    admin::Why,
    fault::Fault,
    identity::UserName,
    rollout::{Exempt, Exemption, Exemptions},
    time,
};

use super::{Auth, Failure, administer::Authority, step_up::FreshProof};
use crate::{
    audit::{Act, Event},
    policy::{By, Conditions, Effect, Fingerprint, Grant, Network, Prefix, Rules, Seen, granted::LONGEST},
    store::{Context, Granted, Records, StoreError},
    world::{Moment, random},
};

/// The shortest that one lasts, in seconds.
const SHORTEST: u64 = 60;
/// How many may be on record at once: each login of an exempt user reads them all.
const MOST: usize = 256;
/// How many services and addresses one may name.
const MOST_CONDITIONS: usize = 16;
/// The longest name of a service, in bytes.
const LONGEST_SERVICE: usize = 64;
/// So long after its end one is still listed, in seconds.
const LISTED: u64 = 14 * 86_400;

impl Auth {
    /// Exempts a user for a time.
    pub async fn exempt_add(
        &self,
        wanted: Exempt,
        why: Why,
        proven: Option<FreshProof>,
    ) -> Result<Exemption, Failure> {
        let (break_glass, reason) = (why.break_glass.clone(), why.reason.clone());
        let authority = Authority::of(proven.as_ref(), why)?;
        let (service, address, key) = conditions(&wanted)?;
        let name = UserName::new(wanted.user);
        let Some(person) = self.world().names.by_name(&name).await? else {
            return Err(Failure::new(Fault::NotFound, format!("there is no user {name}")));
        };
        let by = authority.act().by;
        let give = move |records: &mut Records<'_>, now: Moment| {
            let (granted, ran_ms) = records.read().granted(&now)?;
            let Granted::Intact(mut all) = granted else { return Ok(Err(altered())) };
            all.retain(|grant| now.wall.since(grant.until) < LISTED);
            if all.len() >= MOST {
                return Ok(Err(Failure::new(Fault::Limited, format!("there are {MOST} of them already"))));
            }
            let mut id = random(records.entropy())?;
            while all.iter().any(|grant| grant.id == id) {
                id = random(records.entropy())?;
            }
            let grant = Grant {
                id,
                user: name.clone(),
                service: service.clone(),
                address: address.clone(),
                key,
                reason: reason.clone(),
                by: by.clone(),
                break_glass: break_glass.clone(),
                given: now.wall,
                until: now.wall.plus(wanted.seconds),
                until_ran_ms: ran_ms.saturating_add(wanted.seconds * 1000),
                uid: person.uid,
            };
            let event = Event::Exempted {
                act: authority.act(),
                id: grant.id(),
                only: only(&grant.when(), &[]).join(", "),
                until: grant.until,
            };
            records.audit(None, event, Context::user(&name))?;
            let told = listed(&grant, now, ran_ms);
            all.push(grant);
            records.grant(&all)?;
            Ok(Ok(told))
        };
        self.store.write(give).await?.into_inner()
    }

    /// Ends one of them before its time.
    pub async fn exempt_end(&self, id: &str, why: Why, proven: Option<FreshProof>) -> Result<(), Failure> {
        let authority = Authority::of(proven.as_ref(), why)?;
        let id = id.to_ascii_lowercase();
        let end = move |records: &mut Records<'_>, now: Moment| {
            let Granted::Intact(mut all) = records.read().granted(&now)?.0 else { return Ok(Err(altered())) };
            let Some(at) = all.iter().position(|grant| grant.id() == id) else {
                let said = "there is no such exemption from the command line; those of mfad.toml end there";
                return Ok(Err(Failure::new(Fault::NotFound, said)));
            };
            let ended = all.remove(at);
            let event = Event::ExemptionEnded { act: authority.act(), id: ended.id() };
            records.audit(None, event, Context::user(&ended.user))?;
            records.grant(&all)?;
            Ok(Ok(()))
        };
        self.store.write(end).await?.into_inner()
    }

    /// All exemptions.
    pub async fn exempt_list(&self) -> Result<Exemptions, Failure> {
        let (rules, now) = (self.rules()?, self.world().clock.now());
        let (granted, ran_ms) = self.store.read(move |sound| sound.granted(&now)).await?;
        let mut all = of_settings(&rules, now);
        let intact = granted != Granted::Altered;
        all.extend(granted.all().iter().map(|grant| listed(grant, now, ran_ms)));
        Ok(Exemptions { intact, time: now.wall.0, all })
    }

    /// What is to be said of exemptions whose end is near or has come, one sentence each.
    pub async fn exemptions_due(&self) -> Result<Vec<String>, Failure> {
        let Exemptions { time: now, all, .. } = self.exempt_list().await?;
        Ok(all.iter().filter(|exemption| exemption.is_due(now)).map(|due| ending(due, now)).collect())
    }
}

/// Ends what was granted to somebody who is gone, before another has name and uid. Gives how many these were.
pub(super) fn end_grants_of(
    records: &mut Records<'_>,
    is_theirs: impl Fn(&Grant) -> bool,
    act: &Act,
    now: Moment,
) -> Result<u32, StoreError> {
    let (granted, ran_ms) = records.read().granted(&now)?;
    let Granted::Intact(all) = granted else { return Ok(0) };
    let is_ended = |grant: &Grant| !grant.is_over(now.wall, ran_ms) && is_theirs(grant);
    let (ended, kept): (Vec<Grant>, Vec<Grant>) = all.into_iter().partition(is_ended);
    for grant in &ended {
        let event = Event::ExemptionEnded { act: act.clone(), id: grant.id() };
        records.audit(None, event, Context::user(&grant.user))?;
    }
    if !ended.is_empty() {
        records.grant(&kept)?;
    }
    Ok(u32::try_from(ended.len()).unwrap_or(u32::MAX))
}

/// `the exemption of ansible (CHG-118, /etc/mfad/mfad.toml:12) ends in 9 days, on 2027-03-01 00:00:00 UTC`.
fn ending(exemption: &Exemption, now: u64) -> String {
    let users = exemption.users.iter().map(|name| UserName::new(name.clone()).to_string());
    let groups = exemption.groups.iter().map(|group| format!("group {group}"));
    let who: Vec<String> = users.chain(groups).collect();
    let who = if who.is_empty() { "everybody".to_owned() } else { who.join(", ") };
    let (reason, until) = (&exemption.reason, time::utc(exemption.until));
    let place = if exemption.defined_at.is_empty() { &exemption.id } else { &exemption.defined_at };
    let whose = format!("the exemption of {who} ({reason}, {place})");
    if exemption.over {
        return format!("{whose} is over since {until}");
    }
    format!("{whose} ends in {}, on {until}", time::days_until(exemption.until, now))
}

type Limits = (Vec<String>, Vec<Prefix>, Option<Fingerprint>);

/// What a wish is limited to, or why it cannot be granted.
fn conditions(wanted: &Exempt) -> Result<Limits, Failure> {
    let bad = |said: String| Failure::new(Fault::InvalidArgument, said);
    if wanted.seconds > LONGEST {
        let said = "from the command line seven days at most: what is to last longer is written in \
                    /etc/mfad/mfad.toml, as [[exempt]]";
        return Err(bad(said.into()));
    }
    if wanted.seconds < SHORTEST {
        return Err(bad("an exemption lasts a minute at least".into()));
    }
    if wanted.service.len().max(wanted.address.len()) > MOST_CONDITIONS {
        return Err(bad(format!("{MOST_CONDITIONS} services and {MOST_CONDITIONS} addresses at most")));
    }
    let is_name = |name: &String| {
        (1..=LONGEST_SERVICE).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if let Some(other) = wanted.service.iter().find(|name| !is_name(name)) {
        return Err(bad(format!("{other:?} is no PAM service")));
    }
    let address: Result<_, String> = wanted.address.iter().map(|text| text.parse()).collect();
    let key = match wanted.key.as_str() {
        "" => None,
        text => Some(text.parse().map_err(bad)?),
    };
    Ok((wanted.service.clone(), address.map_err(bad)?, key))
}

fn altered() -> Failure {
    let said = "the exemptions in the store were altered: none of them holds, and the next login ends them; \
                then give anew what is needed";
    Failure::new(Fault::Unavailable, said)
}

fn names(of: &[UserName]) -> Vec<Vec<u8>> {
    of.iter().map(|name| name.as_bytes().to_vec()).collect()
}

/// Those of the settings.
fn of_settings(rules: &Rules, now: Moment) -> Vec<Exemption> {
    let mut all = Vec::new();
    let accounts = &rules.service_accounts;
    if !accounts.is_empty() {
        let uids = accounts.uids.iter().map(|uids| format!("uid {}-{}", uids.start(), uids.end()));
        all.push(Exemption {
            kind: "service_accounts".into(),
            users: names(&accounts.users),
            groups: accounts.groups.clone(),
            only: uids.collect(),
            reason: "accounts of programs, as long as they have no factor".into(),
            defined_at: "policy.service_accounts".into(),
            ..Exemption::default()
        });
    }
    for (at, (group, mode)) in rules.group_modes.iter().enumerate().filter(|(_, (_, its))| *its < rules.mode)
    {
        all.push(Exemption {
            kind: "group".into(),
            groups: vec![group.clone()],
            reason: format!(
                "mode {} for its members, where the host's is {}",
                mode.word(),
                rules.mode.word()
            ),
            defined_at: rules.place(By::Group(at)).to_owned(),
            ..Exemption::default()
        });
    }
    for rule in rules.rules.iter().filter(|rule| rule.then == Effect::Skip) {
        let unless = only(&rule.unless, &rules.networks).into_iter().map(|part| format!("unless {part}"));
        let unless_who = rule.unless.user.iter().map(|name| format!("unless user {name}"));
        let unless_in = rule.unless.group.iter().map(|group| format!("unless group {group}"));
        let when = only(&rule.when, &rules.networks).into_iter();
        all.push(Exemption {
            kind: "rule".into(),
            id: rule.name.clone(),
            users: names(&rule.when.user),
            groups: rule.when.group.clone(),
            only: when.chain(unless_who).chain(unless_in).chain(unless).collect(),
            reason: rule.reason.clone(),
            until: rule.until.map_or(0, |until| until.0),
            over: rule.until.is_some_and(|until| now.wall >= until),
            defined_at: rule.defined_at.clone(),
            ..Exemption::default()
        });
    }
    for exemption in &rules.exemptions {
        all.push(Exemption {
            kind: "exempt".into(),
            users: names(&exemption.when.user),
            groups: exemption.when.group.clone(),
            only: only(&exemption.when, &rules.networks),
            reason: exemption.reason.clone(),
            until: exemption.until.0,
            over: now.wall >= exemption.until,
            defined_at: exemption.defined_at.clone(),
            ..Exemption::default()
        });
    }
    all
}

fn listed(grant: &Grant, now: Moment, ran_ms: u64) -> Exemption {
    Exemption {
        kind: "granted".into(),
        id: grant.id(),
        users: names(std::slice::from_ref(&grant.user)),
        groups: Vec::new(),
        only: only(&grant.when(), &[]),
        reason: grant.reason.clone(),
        until: grant.until.0,
        over: grant.is_over(now.wall, ran_ms),
        given: grant.given.0,
        by: grant.by.clone(),
        break_glass: grant.break_glass.clone(),
        defined_at: String::new(),
    }
}

/// What must hold besides who it is, for people.
fn only(when: &Conditions, networks: &[Network]) -> Vec<String> {
    fn joined<T>(what: &str, of: &[T], text: impl Fn(&T) -> String) -> Option<String> {
        let all: Vec<String> = of.iter().map(text).collect();
        (!all.is_empty()).then(|| format!("{what} {}", all.join(", ")))
    }
    let seen = |what: &str, seen: Option<Seen>| {
        seen.map(|seen| format!("{what} {}", if seen == Seen::Known { "known" } else { "new" }))
    };
    let network = |at: &usize| networks.get(*at).map_or_else(String::new, |network| network.name.clone());
    [
        joined("service", &when.service, String::clone),
        joined("address", &when.address, ToString::to_string),
        joined("network", &when.network, network),
        joined("key", &when.key, ToString::to_string),
        joined("target", &when.target, ToString::to_string),
        joined("command", &when.command, |pattern| pattern.text().to_owned()),
        joined("tty", &when.tty, String::clone),
        joined("asn", &when.asn, ToString::to_string),
        joined("country", &when.country, String::clone),
        (!when.time.is_empty()).then(|| "some times of the week".to_owned()),
        seen("device", when.device),
        seen("location", when.location),
    ]
    .into_iter()
    .flatten()
    .collect()
}
