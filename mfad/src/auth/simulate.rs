//! What other settings would do: logins of the audit are judged again, by the settings in force and by others.
//!
//! Each is judged as if it came again within the next seven days, at the same time of the week: the account, its
//! groups and what is remembered of it are as they are now, and the other settings as if they were taken now. So what
//! changes is what the settings change, and a date of theirs that comes within the week shows.
//!
//! It reads a little at a time, and logins go before: what it holds of the store, it holds for some of the audit's
//! rows.

use std::{collections::HashMap, sync::Arc};

use mfa_proto::{
    facts,
    fault::Fault,
    identity::{UnixTime, UserName},
    policy::{LONGEST_SETTINGS, Rejudged, Simulated, Simulation, Verdict},
};

use super::{
    Auth, Failure,
    administer::printable,
    decided::{AsIf, decided_as_if},
    grace::Taking,
    identify::{Subject, target},
    judge::standing,
    path,
    question::{Login, Via},
};
use crate::{
    account::{Anchor, Door},
    audit::{Event, Record},
    crypto::Keys,
    policy::{Groups, Rules, Signals, SuSubject},
    store::{Sound, StoreError},
    world::Moment,
};

/// Logins that one page tells of.
const PAGE: usize = 500;
/// Rows of the audit that one look reads.
const READ: u32 = 200;
/// Logins that one look judges.
const JUDGED: usize = 16;
/// How long one call works, in milliseconds; the next goes on.
const CALL_MS: u64 = 1000;
/// How far back the first row is looked for, in seconds: clocks were set back before.
const SLACK: u64 = 86_400;
/// Seconds of a week.
const WEEK: u64 = 7 * 86_400;

/// Settings to judge by.
#[derive(Clone)]
struct Side {
    rules: Arc<Rules>,
    /// Those that are not in force are taken at the moment of the simulation.
    taking: Option<Arc<Taking>>,
}

/// A login of the audit, as one side sees it.
#[derive(Clone)]
struct Again {
    login: Login,
    subject: Subject,
}

/// A login of the audit, as both see it.
struct Both {
    record: Record,
    now: Again,
    would: Again,
}

/// Who is behind a name, and the groups that one side asks for. For one call.
#[derive(Default)]
struct People {
    persons: HashMap<UserName, Subject>,
    groups: [HashMap<UserName, Option<Groups>>; 2],
    callers: HashMap<u32, Option<UserName>>,
}

impl Auth {
    /// Judges a page of logins again.
    pub async fn simulate(&self, asked: Simulation) -> Result<Simulated, Failure> {
        if asked.settings.len() > LONGEST_SETTINGS {
            return Err(Failure::new(Fault::InvalidArgument, "settings of over 1 MiB"));
        }
        let in_force = Side { rules: self.rules()?, taking: None };
        let read = self.policy.read(&asked.settings, &asked.path);
        let (rules, warnings) =
            read.map_err(|said| Failure::new(Fault::InvalidArgument, printable(&one_line(&said))))?;
        let taking = Some(Arc::new(Taking::now(self.world())));
        let others = Side { rules: Arc::new(rules), taking };
        let began = self.world().clock.now();
        let since = UnixTime(asked.since);
        let (after, last) = self.rows_of(&asked, since).await?;
        let mut page = Simulated {
            logins: Vec::new(),
            judged: 0,
            too_old: 0,
            unanswered: 0,
            by_program: 0,
            next: after,
            last,
            ended: false,
            warnings,
        };
        let mut people = People::default();
        while page.next < last {
            let from = page.next;
            let records = self.store.read(move |sound| sound.audit(from, READ)).await?;
            let records: Vec<Record> = records.into_iter().take_while(|record| record.seq <= last).collect();
            let Some(end) = records.last().map(|record| record.seq) else { break };
            let logins: Vec<Record> =
                records.into_iter().filter(|record| is_verdict(record) && record.time >= since).collect();
            page.too_old += count(logins.iter().filter(|record| record.judged.is_none()).count());
            let mut logins = logins.into_iter().filter(|record| record.judged.is_some()).peekable();
            while logins.peek().is_some() {
                let some: Vec<Record> = logins.by_ref().take(JUDGED).collect();
                self.rejudge(&in_force, &others, some, &mut people, &mut page, asked.all).await?;
                futures_lite::future::yield_now().await;
            }
            page.next = end;
            let worked = self.world().clock.now().boot_ms.saturating_sub(began.boot_ms);
            if worked >= CALL_MS || page.logins.len() + READ as usize > PAGE {
                break;
            }
            futures_lite::future::yield_now().await;
        }
        page.ended = page.next >= last;
        Ok(page)
    }

    /// After which row it goes on, and which is the last.
    async fn rows_of(&self, asked: &Simulation, since: UnixTime) -> Result<(u64, u64), StoreError> {
        let (after, last) = (asked.after, asked.last);
        if after > 0 && last > 0 {
            return Ok((after, last));
        }
        self.store
            .read(move |sound| {
                let last = sound.head()?.audit_seq;
                // The rows lie in the order of their times, but for a clock that was set back.
                let from = UnixTime(since.0.saturating_sub(SLACK));
                let (mut low, mut high) = (0, last);
                while low < high {
                    let middle = low + (high - low) / 2;
                    match sound.audit(middle, 1)?.first() {
                        Some(record) if record.time < from => low = record.seq,
                        _ => high = middle,
                    }
                }
                Ok((low, last))
            })
            .await
    }

    /// Judges some logins.
    async fn rejudge(
        &self,
        in_force: &Side,
        others: &Side,
        records: Vec<Record>,
        people: &mut People,
        page: &mut Simulated,
        all: bool,
    ) -> Result<(), Failure> {
        let mut both = Vec::with_capacity(records.len());
        for record in records {
            let now = self.again(&record, in_force, 0, people).await;
            let would = self.again(&record, others, 1, people).await;
            let (Ok(now), Ok(would)) = (now, would) else {
                page.unanswered += 1;
                continue;
            };
            both.push(Both { record, now, would });
        }
        page.judged += count(both.len());
        let (store, at) = (self.store.clone(), self.world().clock.now());
        let (in_force, others) = (in_force.clone(), others.clone());
        let judge = move |sound: &mut Sound<'_>| {
            let mut judged = Vec::with_capacity(both.len());
            for Both { record, now, would } in both {
                let at = again_at(record.time, at);
                let now = side(sound, store.keys(), &in_force, &now, at)?;
                let would = side(sound, store.keys(), &others, &would, at)?;
                judged.push((record, now, would));
            }
            Ok(judged)
        };
        for (record, (now, unsure), (would, unsure_too)) in self.store.read(judge).await? {
            page.by_program += u64::from(unsure || unsure_too);
            let change = change(&now.decision, &would.decision);
            if all || change != "none" {
                page.logins.push(rejudged(record, now, would, change));
            }
        }
        Ok(())
    }

    /// A login of the audit as that side sees it: with the groups that it asks for, and whose factor it asks at su.
    async fn again(
        &self,
        record: &Record,
        Side { rules, .. }: &Side,
        number: usize,
        people: &mut People,
    ) -> Result<Again, Failure> {
        let service = record.service.clone().unwrap_or_else(|| "".into());
        let user = record.user.clone();
        let asks_caller = facts::is_su(service.as_bytes()) && rules.su == SuSubject::Caller;
        let subject_name = match (&record.subject, &record.door) {
            _ if !asks_caller => Some(user.clone()),
            (Some(caller), _) => Some(caller.clone()),
            // Recorded where the factor of whom one becomes was asked: of the caller there is the uid.
            (None, Some(Door::Local(uid))) => self.caller(*uid, people).await?,
            (None, _) => None,
        };
        let (name, subject) = match subject_name {
            None => (user.clone(), Subject::NoCaller),
            Some(name) => {
                let subject = self.subject(&name, people).await?;
                (name, subject)
            }
        };
        let groups = match (&subject, people.groups[number].get(&name)) {
            (_, Some(groups)) => groups.clone(),
            (Subject::Person(person), None) => {
                let groups = self.groups(rules, person).await;
                people.groups[number].insert(name.clone(), groups.clone());
                groups
            }
            (Subject::Unknown | Subject::NoCaller, None) => None,
        };
        let judged = record.judged.as_ref();
        let signals = judged.map(|judged| judged.signals.clone()).unwrap_or_default();
        let own = match &subject {
            Subject::Person(person) if person.name != name => Some(person.name.clone()),
            _ => None,
        };
        let signals = Signals { groups, name: own, ..signals };
        let door = record.door.clone().unwrap_or_else(|| Door::Service(service.clone()));
        let via = match (&door, &subject) {
            (Door::Locker, Subject::Person(person)) => Via::Locker(person.uid),
            _ => Via::Login,
        };
        // Not the key that rules are about: that one may have come as a certificate.
        let keys = judged.map(|judged| judged.keys.clone()).unwrap_or_default();
        let anchor = Anchor { host: self.world().host, session: None };
        let login = Login { via, user, subject: name, service, door, attested: true, signals, keys, anchor };
        Ok(Again { login, subject })
    }

    async fn subject(&self, name: &UserName, people: &mut People) -> Result<Subject, Failure> {
        if let Some(subject) = people.persons.get(name) {
            return Ok(subject.clone());
        }
        let person = self.world().names.by_name(name).await?;
        let subject = person.map_or(Subject::Unknown, Subject::Person);
        people.persons.insert(name.clone(), subject.clone());
        Ok(subject)
    }

    async fn caller(&self, uid: u32, people: &mut People) -> Result<Option<UserName>, Failure> {
        if let Some(name) = people.callers.get(&uid) {
            return Ok(name.clone());
        }
        let name = self.world().names.by_uid(uid).await?.map(|person| person.name);
        people.callers.insert(uid, name.clone());
        Ok(name)
    }
}

/// What is wrong with settings, without the picture of the line that a parser draws.
fn one_line(said: &str) -> String {
    let drawn = |line: &&str| {
        let line = line.trim_start();
        line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|')
    };
    said.lines().filter(|line| !drawn(line)).collect::<Vec<_>>().join(": ")
}

/// Whether it is the verdict on a login: not on a change of an account, which no policy decides.
fn is_verdict(record: &Record) -> bool {
    let event = matches!(record.event, Event::Granted { .. } | Event::Refused { .. } | Event::Waived { .. });
    event && record.service.is_some() && record.door != Some(Door::Change)
}

/// When it would come again: at the same time of the week, within the next seven days.
fn again_at(time: UnixTime, now: Moment) -> Moment {
    let weeks = now.wall.since(time).div_ceil(WEEK);
    let wall = time.plus(weeks * WEEK);
    let boot_ms = now.boot_ms.saturating_add(wall.since(now.wall).saturating_mul(1000));
    Moment { wall, boot_ms, ..now }
}

/// What one side does with it, and whether that hangs on arguments of a command that are not on record.
fn side(
    sound: &mut Sound<'_>,
    keys: &Keys,
    Side { rules, taking }: &Side,
    Again { login, subject }: &Again,
    at: Moment,
) -> Result<(Verdict, bool), StoreError> {
    let target = target(sound, keys, login, subject)?;
    let account = match target.account() {
        Some((id, uid)) => sound.account_of(id, uid, &[&login.subject])?,
        None => None,
    };
    let standing = standing(&target, account.as_ref());
    let as_if = AsIf { taken: taking.as_deref(), by_program: true, tell: &mut |_| {} };
    let decided = decided_as_if(sound, rules, login, &target, (standing, account.as_ref()), at, as_if)?;
    let unsure = login.signals.command.as_ref().is_some_and(|program| rules.asks_arguments_of(program));
    Ok((path::verdict(rules, standing, &decided), unsure))
}

/// What kind of change it is, from one decision's word to another's.
fn change(now: &str, would: &str) -> &'static str {
    let refused = |word: &str| !matches!(word, "ask" | "let_in");
    match would {
        same if same == now => "none",
        "ask" => "newly_asked",
        "let_in" => "newly_let_in",
        _ if refused(now) => "other",
        _ => "newly_refused",
    }
}

fn rejudged(record: Record, now: Verdict, would: Verdict, change: &str) -> Rejudged {
    Rejudged {
        seq: record.seq,
        time: record.time.0,
        user: record.user.as_bytes().to_vec(),
        subject: record.subject.map(|name| name.as_bytes().to_vec()).unwrap_or_default(),
        service: record.service.map(|name| name.as_bytes().to_vec()).unwrap_or_default(),
        door: record.door.map(|door| door.to_string()).unwrap_or_default(),
        now,
        would,
        change: change.to_owned(),
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
