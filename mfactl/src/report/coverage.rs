//! `mfactl report coverage`: who is ready for a required factor, and who is not, by group.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;

use mfa_proto::identity::escaped;
use mfa_proto::rollout::{ASKED_AT_ONCE, Person};
use nix::unistd::{Gid, Group, User, getgrouplist};
use serde::Serialize;

use super::head::Head;
use crate::bus::Bus;
use crate::cli::Form;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;
use crate::print::time::{day, iso};
use crate::user::host::has_shell;
use crate::user::list::each;
use crate::user::who_log_in;

/// All of them, in a column of groups.
const ALL: &str = "(all)";

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct PersonRow {
    name: String,
    uid: u32,
    groups: Vec<String>,
    /// The mode in force for this user.
    mode: String,
    /// `enrolled`, `not_enrolled`, `exempt`, `service_account`, `unusable` or `unclear`.
    standing: String,
    factors: u32,
    codes: u32,
    locked: bool,
    /// Unix seconds; 0: no grace.
    grace_ends: u64,
    /// Whether something lets this user in without a factor somewhere.
    exempt_somewhere: bool,
}

const COLUMNS: [&str; 10] = [
    "name",
    "uid",
    "groups",
    "mode",
    "standing",
    "factors",
    "codes",
    "locked",
    "grace_ends",
    "exempt_somewhere",
];

impl PersonRow {
    fn of(person: &Person, groups: Vec<String>) -> Self {
        Self {
            name: escaped(&person.name),
            uid: person.uid,
            groups,
            mode: shown(&person.mode),
            standing: shown(&person.standing),
            factors: person.factors,
            codes: person.codes,
            locked: person.locked,
            grace_ends: person.grace_ends,
            exempt_somewhere: person.exempt_somewhere,
        }
    }

    fn is_ready(&self) -> bool {
        matches!(self.standing.as_str(), "enrolled" | "exempt" | "service_account")
    }

    fn cells(&self) -> Vec<String> {
        let word = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
        let Self { name, uid, groups, mode, standing, factors, codes, .. } = self.clone();
        let (factors, codes) = (factors.to_string(), codes.to_string());
        let (locked, somewhere) = (word(self.locked), word(self.exempt_somewhere));
        let ends = iso(self.grace_ends);
        vec![name, uid.to_string(), groups.join(" "), mode, standing, factors, codes, locked, ends, somewhere]
    }

    /// Why somebody is not ready.
    fn line(&self) -> String {
        let Self { name, uid, mode, standing, .. } = self;
        let mut text = format!("{name:<20} {uid:>8}  {mode:<8}  ");
        match (standing.as_str(), self.grace_ends) {
            ("unclear", _) => text.push_str("the record does not verify"),
            ("unusable", _) => text.push_str("no factor that the host takes"),
            (_, 0) => text.push_str("no factor"),
            (_, ends) => text.push_str(&format!("grace until {}", day(ends))),
        }
        if self.exempt_somewhere {
            text.push_str(", exempt in part");
        }
        text
    }
}

/// A group, counted. `people` = `enrolled` + `not_enrolled` + `exempt` + `service_accounts`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct GroupRow {
    group: String,
    people: u64,
    enrolled: u64,
    /// Not ready.
    not_enrolled: u64,
    /// Of those who are not enrolled.
    in_grace: u64,
    exempt: u64,
    service_accounts: u64,
    /// Of all.
    locked: u64,
    /// Of those who are enrolled: one lost phone from being locked out.
    single: u64,
}

impl GroupRow {
    fn count(group: &str, people: &[PersonRow]) -> Self {
        let members: Vec<&PersonRow> = people
            .iter()
            .filter(|person| group == ALL || person.groups.iter().any(|of| of == group))
            .collect();
        let count =
            |is: &dyn Fn(&PersonRow) -> bool| members.iter().filter(|person| is(person)).count() as u64;
        Self {
            group: group.to_owned(),
            people: members.len() as u64,
            enrolled: count(&|person| person.standing == "enrolled"),
            not_enrolled: count(&|person| !person.is_ready()),
            in_grace: count(&|person| person.grace_ends > 0),
            exempt: count(&|person| person.standing == "exempt"),
            service_accounts: count(&|person| person.standing == "service_account"),
            locked: count(&|person| person.locked),
            single: count(&|person| person.factors == 1 && person.codes == 0),
        }
    }

    fn line(&self) -> String {
        let Self {
            group,
            people,
            enrolled,
            not_enrolled,
            in_grace,
            exempt,
            service_accounts,
            locked,
            single,
        } = self;
        format!(
            "{group:<18} {people:>6} {enrolled:>8} {not_enrolled:>9} {in_grace:>5} {exempt:>6} \
             {service_accounts:>7} {locked:>6} {single:>6}"
        )
    }
}

const HEAD: &str = "GROUP              PEOPLE ENROLLED NOT READY GRACE EXEMPT SERVICE LOCKED SINGLE";

/// `mfactl report coverage --json`.
#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    head: &'a Head,
    groups: Vec<GroupRow>,
    people: Vec<PersonRow>,
}

pub(super) async fn report(bus: &Bus, head: &Head, group: Option<&str>, form: Form) -> Result<(), Failure> {
    let mut people = everybody(bus).await?;
    if let Some(group) = group {
        if Group::from_name(group).ok().flatten().is_none() {
            return Err(Failure::Usage(format!("there is no group {}", shown(group))));
        }
        people.retain(|person| person.groups.iter().any(|of| of == group));
    }
    let names: Vec<String> = match group {
        Some(group) => vec![group.to_owned()],
        None => std::iter::once(ALL.to_owned()).chain(groups_of(&people)).collect(),
    };
    let groups: Vec<GroupRow> = names.iter().map(|name| GroupRow::count(name, &people)).collect();
    let mut out = Out::stdout()?;
    if form.json {
        out.json(&View { head, groups, people })?;
    } else if form.csv {
        head.csv(&mut out, &COLUMNS, &people.iter().map(PersonRow::cells).collect::<Vec<_>>())?;
    } else {
        head.lines().iter().try_for_each(|line| out.line(line))?;
        out.line("")?;
        out.line(HEAD)?;
        groups.iter().try_for_each(|group| out.line(&group.line()))?;
        let waiting: Vec<&PersonRow> = people.iter().filter(|person| !person.is_ready()).collect();
        out.line("")?;
        out.line(if waiting.is_empty() { "Everybody is ready." } else { "Not ready:" })?;
        waiting.iter().try_for_each(|person| out.line(&person.line()))?;
    }
    out.flush()?;
    Ok(())
}

/// The people of this host, and whoever else has an account, each as mfad sees them.
async fn everybody(bus: &Bus) -> Result<Vec<PersonRow>, Failure> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut known = BTreeSet::new();
    for person in who_log_in()? {
        known.insert(person.uid);
        names.push(person.name);
    }
    each(bus, |row| {
        if !known.contains(&row.uid) && has_shell(&row.name) {
            names.push(row.name.clone());
        }
        Ok(())
    })
    .await?;
    let mut people = Vec::new();
    let mut seen = Groups::default();
    for some in names.chunks(ASKED_AT_ONCE) {
        let some: Vec<&[u8]> = some.iter().map(Vec::as_slice).collect();
        for person in bus.coverage(&some).await? {
            let groups = seen.of(&person.name);
            people.push(PersonRow::of(&person, groups));
        }
    }
    Ok(people)
}

/// Groups by number, looked up once each.
#[derive(Default)]
struct Groups(BTreeMap<u32, Option<String>>);

impl Groups {
    /// The groups that this user is in, by NSS; none where that cannot be told.
    fn of(&mut self, name: &[u8]) -> Vec<String> {
        let user = std::str::from_utf8(name).ok().and_then(|name| User::from_name(name).ok().flatten());
        let (Some(user), Ok(name)) = (user, CString::new(name)) else { return Vec::new() };
        let gids = getgrouplist(&name, user.gid).unwrap_or_else(|_| vec![user.gid]);
        let named = gids.into_iter().filter_map(|gid| self.name(gid));
        named.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn name(&mut self, gid: Gid) -> Option<String> {
        let look_up = || Group::from_gid(gid).ok().flatten().map(|group| shown(&group.name));
        self.0.entry(gid.as_raw()).or_insert_with(look_up).clone()
    }
}

/// The groups that somebody is in, but for those that a user has alone and by the own name.
fn groups_of(people: &[PersonRow]) -> Vec<String> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for person in people {
        for group in &person.groups {
            groups.entry(group).or_default().push(&person.name);
        }
    }
    let is_own = |group: &str, members: &[&str]| members == [group];
    groups
        .into_iter()
        .filter(|(group, members)| !is_own(group, members))
        .map(|(group, _)| group.into())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::head;
    use super::*;
    use crate::print::schema;

    fn person(name: &str, standing: &str, groups: &[&str]) -> PersonRow {
        let told = Person { name: name.into(), standing: standing.into(), ..Person::default() };
        PersonRow::of(&told, groups.iter().map(|group| (*group).to_owned()).collect())
    }

    #[test]
    fn people_are_counted_by_group_and_each_once() {
        let people = [
            PersonRow { factors: 1, ..person("al", "enrolled", &["al", "ops"]) },
            PersonRow { grace_ends: 7, ..person("bo", "not_enrolled", &["bo", "ops", "web"]) },
            person("cy", "exempt", &["cy"]),
            PersonRow { locked: true, ..person("dee", "unclear", &["web"]) },
            person("job", "service_account", &["job"]),
            person("eve", "unusable", &["eve"]),
        ];
        assert_eq!(groups_of(&people), ["ops", "web"]);
        let all = GroupRow::count(ALL, &people);
        assert_eq!((all.people, all.enrolled, all.not_enrolled, all.in_grace), (6, 1, 3, 1));
        assert_eq!((all.exempt, all.service_accounts, all.locked, all.single), (1, 1, 1, 1));
        assert_eq!(all.people, all.enrolled + all.not_enrolled + all.exempt + all.service_accounts);
        let web = GroupRow::count("web", &people);
        assert_eq!((web.people, web.not_enrolled, web.enrolled), (2, 2, 0));
        assert!(people[1].line().ends_with("grace until 1970-01-01"));
        assert!(people[5].line().ends_with("no factor that the host takes"));
        assert_eq!(HEAD.len(), all.line().len());
        assert_eq!(people[0].cells().len(), COLUMNS.len());
        let view = View { head: &head(), groups: vec![web], people: people[..1].to_vec() };
        schema::holds("report-coverage", &view);
    }
}
