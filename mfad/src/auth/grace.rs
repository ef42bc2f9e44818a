//! Grace: who is not hindered yet for having no factor.
//!
//! It runs from the date on which a factor became required, which is stored with how long machines
//! had run by then, so that a clock that is set back renews nothing. It is for accounts that were
//! there on that date or were seen without a factor before it, and not for those that nobody used
//! for a month, as far as the host's records or logins whose first factor passed can tell: an old
//! account that nobody looks after is the one that an attacker enrols. Whoever has had a factor has
//! none. (S19)

use std::collections::HashMap;

use mfa_proto::identity::UnixTime;

use crate::{
    policy::{By, Rules},
    store::{Head, Records, Seen, Sound, Store, StoreError},
    world::{Moment, Names, World},
};

/// Without a login for so long, an account is dormant, in seconds.
const DORMANT: u64 = 30 * 86_400;
/// So long after an enrolment was offered in a login it is not offered again, in seconds.
const OFFERED: u64 = 20 * 3600;

/// Until when the user of that uid is not hindered by any that is `demanding` a factor; `None` where that time is
/// over for one of them, or never was.
pub(super) fn ends(
    sound: &mut Sound<'_>,
    rules: &Rules,
    demanding: &[By],
    uid: Option<u32>,
    now: Moment,
) -> Result<Option<UnixTime>, StoreError> {
    if demanding.is_empty() || rules.grace == 0 {
        return Ok(None);
    }
    let (head, Some(uid)) = (sound.head()?, uid) else { return Ok(None) };
    let seen = sound.seen(uid)?;
    ends_by(sound, rules, demanding, (uid, seen), &head, now)
}

/// Settings that are taken at some moment, as [`keep_dates`] would do it then.
pub(super) struct Taking {
    at: Moment,
    /// The users of `/etc/passwd`, and when they were last there.
    people: HashMap<u32, UnixTime>,
}

impl Taking {
    /// Those, taken now.
    pub(super) fn now(world: &World) -> Self {
        let at = world.clock.now();
        let seen = |(uid, last): (u32, Option<UnixTime>)| (uid, last.unwrap_or(at.wall).min(at.wall));
        Self { at, people: last_logins(&world.names).map(seen).collect() }
    }
}

/// The same as [`ends`], by rules that were taken at that moment.
pub(super) fn would_end(
    sound: &mut Sound<'_>,
    rules: &Rules,
    demanding: &[By],
    uid: Option<u32>,
    now: Moment,
    taking: &Taking,
) -> Result<Option<UnixTime>, StoreError> {
    if demanding.is_empty() || rules.grace == 0 {
        return Ok(None);
    }
    let (mut head, Some(uid)) = (sound.head()?, uid) else { return Ok(None) };
    let mut seen = sound.seen(uid)?;
    let (demands, from) = (rules.demanding(), rules.required_from);
    if !head.has_taken(&demands, from) {
        let anew = head.begins_anew(from, taking.at.wall);
        head.demand(&demands, from, (taking.at.wall, head.ran_ms_at(&taking.at)));
        if let Some(last) = taking.people.get(&uid) {
            seen = Some(there(seen, *last, taking.at.wall, anew));
        }
    }
    ends_by(sound, rules, demanding, (uid, seen), &head, now)
}

fn ends_by(
    sound: &mut Sound<'_>,
    rules: &Rules,
    demanding: &[By],
    (uid, seen): (u32, Option<Seen>),
    head: &Head,
    now: Moment,
) -> Result<Option<UnixTime>, StoreError> {
    let Some(seen) = seen else { return Ok(None) };
    if let Some(id) = sound.rows().account_of_uid(uid)?
        && sound.account(id)?.is_none_or(|account| account.state.had_factor)
    {
        return Ok(None); // there was a factor once
    }
    if now.wall.since(seen.time) > DORMANT {
        return Ok(None);
    }
    let ran_ms = head.ran_ms_at(&now);
    let end = |by: &By| {
        let (since, since_ran_ms) = head.demanded_since(&rules.name(*by))?;
        let begins = rules.grace_begins(*by, since);
        if seen.first > begins {
            return None; // who came later was never without
        }
        let ends = begins.plus(rules.grace);
        let ran_ms = ran_ms.saturating_sub(since_ran_ms);
        (now.wall < ends && ran_ms < ends.since(since).saturating_mul(1000)).then_some(ends)
    };
    let all: Option<Vec<UnixTime>> = demanding.iter().map(end).collect();
    Ok(all.and_then(|ends| ends.into_iter().min()))
}

/// Whether the user of that uid is to be offered an enrolment in this login.
pub(super) fn is_to_be_offered(sound: &mut Sound<'_>, uid: u32, now: UnixTime) -> Result<bool, StoreError> {
    Ok(sound.seen(uid)?.is_none_or(|seen| seen.offered > now || now.since(seen.offered) >= OFFERED))
}

/// Records that the user of that uid was there without a factor, and whether an enrolment was offered.
pub(super) fn see(
    records: &mut Records<'_>,
    uid: u32,
    now: UnixTime,
    offered: bool,
) -> Result<(), StoreError> {
    let before = records.read().seen(uid)?;
    let before = before.unwrap_or(Seen { first: now, time: now, offered: UnixTime(0) });
    records.see(uid, Seen { time: now, offered: if offered { now } else { before.offered }, ..before })
}

/// What is on record of a user of `/etc/passwd`, who last logged in then, once settings are taken. Those that begin
/// `anew` ask again who is there.
fn there(seen: Option<Seen>, last: UnixTime, now: UnixTime, anew: bool) -> Seen {
    match seen {
        None => Seen { first: now, time: last, offered: UnixTime(0) },
        Some(seen) if anew => Seen { time: seen.time.max(last), ..seen },
        Some(seen) => seen,
    }
}

/// Stores from which date on each part of the rules demands a factor, and who was there. Gives those that demanded one
/// before and do again, where grace goes on from that day.
pub async fn keep_dates(store: &Store, rules: &Rules) -> Result<Vec<(String, UnixTime)>, StoreError> {
    let (demanding, from) = (rules.demanding(), rules.required_from);
    let wanted = demanding.clone();
    if store.read(move |sound| Ok(sound.head()?.has_taken(&wanted, from))).await? {
        return Ok(Vec::new());
    }
    let names = &store.world().names;
    let last: Vec<_> = if demanding.is_empty() { Vec::new() } else { last_logins(names).collect() };
    let keep = store.write(move |records: &mut Records<'_>, now: Moment| {
        let anew = records.begins_anew(from);
        let again = records.demand(&demanding, from);
        for (uid, last) in &last {
            let before = records.read().seen(*uid)?;
            let seen = there(before, last.unwrap_or(now.wall).min(now.wall), now.wall, anew);
            if before != Some(seen) {
                records.see(*uid, seen)?;
            }
        }
        Ok(again)
    });
    let again = keep.await?.into_inner().into_iter();
    let goes_on = |(name, since): &(String, UnixTime)| {
        let mut parts = rules.all_demanding();
        parts.any(|by| rules.name(by) == *name && rules.grace_begins(by, *since) == *since)
    };
    Ok(again.filter(goes_on).collect())
}

/// The users of `/etc/passwd`, and when each last logged in. Who has logged in before was there then, who never did is
/// dormant; of whom nothing is known, and of root, whom many hosts let in by other ways only, it is said that they are
/// there now.
fn last_logins(names: &Names) -> impl Iterator<Item = (u32, Option<UnixTime>)> + '_ {
    let of = |uid| if uid == 0 { None } else { names.last_login(uid) };
    names.uids_of_file().unwrap_or_default().into_iter().map(move |uid| (uid, of(uid)))
}
