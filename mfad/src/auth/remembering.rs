//! Logins that are remembered: a settled proof stands for the second factor of later logins from the same place.
//!
//! ```text
//!  proven by a factor ──account phase──▶ remembered ──the same place, in time──▶ no code asked
//!                                            │
//!                     any change of factors, a new key or network, a fresh code, its user's wish ──▶ forgotten
//! ```
//!
//! It stands only where the first factor is known to be right. Elsewhere a stranger would learn by the missing
//! question who has an account here, and where that user comes from; so strangers are asked like everybody, (S21)
//! and where no line of the stack attests, nothing is remembered. It grants nothing either: a login that is let by
//! rests on the first factor alone, so the module answers `PAM_SUCCESS` only where sshd names a method that passed.
//!
//! It does not stand where its user has something to read that cannot wait: that is read in the question. (S13, S14)
//!
//! What was let by is no proof, and is not remembered again. Neither is a backup code: who is at the end of the list
//! of codes, or has found it, is asked each time.

use mfa_proto::facts;

use super::{
    decided::{asked, history},
    news,
    question::{Login, Via},
    verdict::Binds,
};
use crate::{
    account::{Coming, Door, Memory, MemoryId, Place},
    audit::{Event, Forgot},
    policy::{Demand, ForgetOn, History, Remember, Rules, Seen},
    store::{Account, Records, Sound, StoreError},
    world::{Moment, random},
};

/// Whether an earlier proof stands for the second factor of this login.
pub(super) fn stands(
    sound: &mut Sound<'_>,
    rules: &Rules,
    account: &Account,
    login: &Login,
    now: Moment,
) -> Result<bool, StoreError> {
    let state = &account.state;
    let may = login.via == Via::Login && login.attested && !state.later.remembered.is_empty();
    let may = may && !news::is_urgent(state, login);
    let Some(terms) = rules.remember.as_ref().filter(|terms| may && is_listed(terms, login)) else {
        return Ok(false);
    };
    let Some(coming) = coming(login) else { return Ok(false) };
    let times = (now.wall, sound.head()?.ran_ms_at(&now));
    // What a settled login would end does not stand for one that is never settled.
    let is_new = new(rules, terms, account, login, now).is_some();
    Ok(!is_new && state.remembers(&coming, (terms, &rules.factors), times))
}

/// What of a login that is proven now ends all that is remembered, once it is settled: a fresh code was asked, or it
/// has something new. Asked before anything is learnt of it.
pub(super) fn forgets(rules: &Rules, account: &Account, login: &Login, now: Moment) -> Option<ForgetOn> {
    let terms = rules.remember.as_ref().filter(|_| login.via == Via::Login)?;
    let asked = || asked(rules, login, account.state.uid, Some(account), &[], now).demand;
    let matters = terms.forget_on.contains(&ForgetOn::Sensitive);
    if matters && asked() == (Demand::Factor { fresh: true }) {
        return Some(ForgetOn::Sensitive);
    }
    new(rules, terms, account, login, now)
}

/// What a settled login changes: ends what it is to end, then is remembered itself where it may be. The account is
/// kept, and what is given recorded, by the caller.
pub(super) fn settle(
    records: &mut Records<'_>,
    rules: &Rules,
    account: &mut Account,
    (login, binds): (&Login, &Binds),
    now: Moment,
) -> Result<Vec<Event>, StoreError> {
    let Some(terms) = rules.remember.as_ref().filter(|_| login.via == Via::Login) else {
        return Ok(Vec::new());
    };
    let times = (now.wall, records.ran_ms());
    let mut events = Vec::new();
    if let Some(why) = binds.forgets
        && let proofs @ 1.. = account.state.forget(None, times)
    {
        events.push(Event::Forgotten { proofs, why: Forgot::Login(why) });
    }
    // An enrolment has changed the factors, and by a code that proved nothing of before.
    let Some(coming) = coming(login).filter(|_| binds.enrols.is_none()) else { return Ok(events) };
    let counts = login.attested && is_listed(terms, login) && coming.place.tells(&terms.bind);
    let factor = binds.factor.filter(|_| counts && binds.forgets != Some(ForgetOn::Sensitive));
    let seconds = factor.map_or(0, |_| terms.seconds);
    if seconds > 0 {
        events.push(Event::Remembered { place: coming.place.to_string(), seconds });
    }
    account.state.remember(Memory {
        id: MemoryId(random(records.entropy())?),
        user: coming.user.clone(),
        place: coming.place,
        bind: terms.bind.clone(),
        host: coming.host,
        factor,
        made: times.0,
        made_ran_ms: times.1,
        seconds,
    });
    Ok(events)
}

/// What is new of who comes to sshd: a device or a location as rules have it, where neither a memory has that key or
/// that address. What is not known is new.
fn new(rules: &Rules, terms: &Remember, account: &Account, login: &Login, now: Moment) -> Option<ForgetOn> {
    let coming = coming(login)?;
    let History { device, location, .. } = history(rules, Some(account), login, now);
    let is_new = |on: &ForgetOn| match on {
        ForgetOn::NewKey => device != Some(Seen::Known) && !account.state.saw_key(&coming, now.wall),
        ForgetOn::NewNetwork => {
            location != Some(Seen::Known) && !account.state.saw_network(&coming, now.wall)
        }
        ForgetOn::Sensitive => false, // not of a place
    };
    terms.forget_on.iter().copied().find(is_new)
}

/// Whether logins at its service are remembered.
fn is_listed(terms: &Remember, login: &Login) -> bool {
    terms.service.iter().any(|name| name.as_bytes() == login.service.as_bytes())
}

/// Who comes and from where; none where the service does not tell, or the host has no identity.
fn coming(login: &Login) -> Option<Coming<'_>> {
    let service = login.service.as_bytes();
    let place = if facts::is_sshd(service) {
        Place::Ssh { key: login.signals.key, network: login.signals.address.map(Into::into) }
    } else if facts::is_sudo(service) {
        let Door::Local(caller) = login.door else { return None };
        Place::Sudo { caller, tty: login.signals.tty.clone()?, session: login.anchor.session? }
    } else {
        return None;
    };
    Some(Coming { user: &login.user, place, host: login.anchor.host? })
}
