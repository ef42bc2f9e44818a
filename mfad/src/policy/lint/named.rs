//! Whom the settings name: users and groups that somebody must be, for what is said of them to be about anybody.

use mfa_proto::identity::{UnixTime, UserName, escaped};

use super::{
    super::{Admins, Conditions, Rules},
    Finding, entries,
};

/// A name in the settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Nobody {
    /// Of a user.
    User(UserName),
    /// Of a group.
    Group(String),
}

/// A name, and what names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    at: String,
    called: String,
    /// The name.
    pub name: Nobody,
}

impl Named {
    /// What to say of a name that nobody has.
    pub fn missing(&self) -> Finding {
        let what = match &self.name {
            Nobody::User(name) => format!("no user \"{name}\""),
            Nobody::Group(name) => format!("no group \"{}\"", escaped(name.as_bytes())),
        };
        Finding { at: self.at.clone(), said: format!("{}: there is {what} on this host", self.called) }
    }
}

/// All names, in the order of the settings: rules and exemptions that are not over, then all else. Administrators
/// only where they are said: no host has all of the groups that are the default.
pub fn named(rules: &Rules, now: UnixTime) -> Vec<Named> {
    let none = Conditions::default();
    let mut all: Vec<Named> = Vec::new();
    let mut add = |called: &str, at: &str, name: Nobody| {
        let named = Named { at: at.to_owned(), called: called.to_owned(), name };
        if !all.contains(&named) {
            all.push(named);
        }
    };
    for entry in entries(rules, &none).iter().filter(|entry| entry.until.is_none_or(|until| now < until)) {
        for conditions in [entry.when, entry.unless] {
            for user in conditions.user.iter().chain(&conditions.target) {
                add(&entry.called, entry.at, Nobody::User(user.clone()));
            }
            for group in &conditions.group {
                add(&entry.called, entry.at, Nobody::Group(group.clone()));
            }
        }
    }
    let place = |key: &str| rules.places.get(key).map_or("", String::as_str);
    for (group, _) in &rules.group_modes {
        let key = format!("group.{group}");
        add(&escaped(key.as_bytes()), place(&format!("{key}.mode")), Nobody::Group(group.clone()));
    }
    let accounts = ("policy.service_accounts", place("policy.service_accounts"));
    for user in &rules.service_accounts.users {
        add(accounts.0, accounts.1, Nobody::User(user.clone()));
    }
    for group in &rules.service_accounts.groups {
        add(accounts.0, accounts.1, Nobody::Group(group.clone()));
    }
    let defaults = Admins::default();
    for user in &rules.admins.users {
        add("admin.users", "", Nobody::User(user.as_str().into()));
    }
    for group in rules.admins.groups.iter().filter(|group| !defaults.groups.contains(group)) {
        add("admin.groups", "", Nobody::Group(group.clone()));
    }
    all
}
