//! What there is to import, before mfad is asked: files found, read and understood.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::args::{Google, Oath};
use super::people::{self, Person};
use super::place::{Pattern, Place};
use super::reader::{Owner, fetch};
use super::token::{Note, Token};
use super::unread::Unread;
use super::{google, oath};
use crate::failure::Failure;

/// What stands against importing a factor, known without mfad.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Hurdle {
    #[error("{0}")]
    Unread(Unread),
    #[error("the file cannot be used: {0}")]
    Google(google::Broken),
    #[error("line {0} cannot be used: {1}")]
    Oath(usize, oath::Broken),
    #[error("no line of the file is this user's")]
    NoLine,
    #[error("there is no such user")]
    NoUser,
    #[error("the name services gave an error")]
    NoAnswer,
}

/// A user, and what was found for them.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) user: Vec<u8>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) tokens: Vec<Result<Token, Hurdle>>,
}

impl Candidate {
    fn without(user: Vec<u8>, file: Option<PathBuf>, hurdle: Hurdle) -> Self {
        Self { user, file, tokens: vec![Err(hurdle)] }
    }
}

/// Whom the files of `pam_google_authenticator` are looked for: everyone, or those named.
pub(crate) fn google_users(asked: &Google) -> Result<Vec<Result<Person, Candidate>>, Failure> {
    let local = local_people()?;
    if asked.whom.all {
        return Ok(local.into_iter().filter(people::is_person).map(Ok).collect());
    }
    let find = |name: &[u8]| {
        let name = name.to_vec();
        match people::named(&name, &local) {
            Ok(Some(person)) => Ok(person),
            Ok(None) => Err(Candidate::without(name, None, Hurdle::NoUser)),
            Err(_) => Err(Candidate::without(name, None, Hurdle::NoAnswer)),
        }
    };
    Ok(asked.whom.users.iter().map(|name| find(name.as_bytes())).collect())
}

/// Whose the files are, where it is not each user.
pub(crate) fn google_owner(asked: &Google) -> Result<Option<Owner>, Failure> {
    let Some(name) = &asked.owner else { return Ok(None) };
    let found = people::named(name.as_bytes(), &local_people()?).map_err(Failure::Input)?;
    let owner =
        found.ok_or_else(|| Failure::Usage("the owner that --owner names is no user here".to_owned()))?;
    Ok(Some(owner.owner))
}

fn local_people() -> Result<Vec<Person>, Failure> {
    people::local().map_err(|error| Failure::Usage(format!("cannot read {}: {error}", people::PASSWD)))
}

/// Reads the file of one person.
pub(crate) fn google_file(person: Person, pattern: &Pattern, owner: Option<Owner>) -> Candidate {
    let Person { name, owner: own, home } = person;
    let place = match pattern.of(&name, &home) {
        Ok(place) => place,
        Err(unread) => return Candidate::without(name, None, Hurdle::Unread(unread)),
    };
    let file = Some(place.path());
    let token =
        fetch(&place, owner.unwrap_or(own), google::LONGEST).map_err(Hurdle::Unread).and_then(|content| {
            let mut token = google::parse(&content.bytes).map_err(Hurdle::Google)?;
            if content.exposed {
                token.notes.push(Note::Exposed);
            }
            Ok(token)
        });
    Candidate { user: name, file, tokens: vec![token] }
}

/// Reads the users file of `pam_oath`, and picks out whom it is asked for.
pub(crate) fn oath_users(asked: &Oath) -> Result<Vec<Candidate>, Failure> {
    let shown = mfa_proto::identity::escaped(asked.file.as_os_str().as_bytes());
    let unusable = |why: &dyn std::fmt::Display| Failure::Usage(format!("{shown} cannot be used: {why}"));
    let place = Place::absolute(&asked.file).ok_or_else(|| unusable(&Unread::Name))?;
    let content = fetch(&place, Owner::ROOT, oath::LONGEST).map_err(|unread| unusable(&unread))?;
    let lines = oath::parse(&content.bytes).map_err(|error| unusable(&error))?;
    let named: Vec<&[u8]> = asked.whom.users.iter().map(|name| name.as_bytes()).collect();
    let file = Some(place.path());
    let mut candidates = oath_candidates(lines, &named, asked.whom.all, file.as_ref());
    if content.exposed {
        let tokens = candidates.iter_mut().flat_map(|candidate| &mut candidate.tokens).flatten();
        tokens.for_each(|token| token.notes.push(Note::Exposed));
    }
    Ok(candidates)
}

fn oath_candidates(
    lines: Vec<oath::Line>,
    named: &[&[u8]],
    all: bool,
    file: Option<&PathBuf>,
) -> Vec<Candidate> {
    let mut order: Vec<Vec<u8>> = named.iter().map(|name| name.to_vec()).collect();
    let mut found = std::collections::HashMap::<Vec<u8>, Vec<_>>::new();
    for line in lines {
        let tokens = found.entry(line.user.clone()).or_default();
        if all && tokens.is_empty() {
            order.push(line.user);
        }
        tokens.push((line.number, line.token));
    }
    let candidate = |user: Vec<u8>| {
        let Some(tokens) = found.remove(&user) else {
            return Candidate::without(user, file.cloned(), Hurdle::NoLine);
        };
        let whole =
            |(number, token): (usize, Result<Token, _>)| token.map_err(|broken| Hurdle::Oath(number, broken));
        Candidate { user, file: file.cloned(), tokens: oath::merge(tokens).into_iter().map(whole).collect() }
    };
    order.into_iter().map(candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"HOTP a - 00\nHOTP b x 00\nHOTP a - 01\nHOTP c - zz\n";

    fn candidates(named: &[&[u8]], all: bool) -> Vec<(String, Vec<String>)> {
        let told = |token: &Result<Token, Hurdle>| match token {
            Ok(token) => format!("{} bits", token.bits()),
            Err(hurdle) => hurdle.to_string().chars().take(22).collect(),
        };
        oath_candidates(oath::parse(FILE).unwrap(), named, all, None)
            .iter()
            .map(|found| {
                (String::from_utf8_lossy(&found.user).into_owned(), found.tokens.iter().map(told).collect())
            })
            .collect()
    }

    #[test]
    fn all_are_those_of_the_file_in_its_order() {
        assert_eq!(
            candidates(&[], true),
            [
                ("a".into(), vec!["8 bits".into(), "8 bits".into()]),
                ("b".into(), vec!["line 2 cannot be used:".to_owned()]),
                ("c".into(), vec!["line 4 cannot be used:".to_owned()]),
            ]
        );
    }

    #[test]
    fn a_named_user_without_a_line_is_told() {
        let found = candidates(&[b"d", b"a"], false);
        assert_eq!(found[0], ("d".into(), vec!["no line of the file is".into()]));
        assert_eq!(found[1].1.len(), 2);
        assert_eq!(found.len(), 2);
    }
}
