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
    decided::asked,
    news,
    question::{Login, Ticket, Via},
};
use crate::{
    account::{Coming, Door, Memory, MemoryId, Place},
    audit::{Event, Forgot},
    policy::{Demand, ForgetOn, Remember, Rules},
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
    let is_new = new(terms, account, &coming, now).is_some();
    Ok(!is_new && state.remembers(&coming, terms, times))
}

/// What a settled login changes: ends what it is to end, then is remembered itself where it may be. The account is
/// kept, and what is given recorded, by the caller.
pub(super) fn settle(
    records: &mut Records<'_>,
    rules: &Rules,
    account: &mut Account,
    Ticket { login, uid, binds, .. }: &Ticket,
    now: Moment,
) -> Result<Vec<Event>, StoreError> {
    let Some(terms) = rules.remember.as_ref().filter(|_| login.via == Via::Login) else {
        return Ok(Vec::new());
    };
    let (times, coming) = ((now.wall, records.ran_ms()), coming(login));
    let fresh =
        asked(rules, login, Some(*uid), Some(account), &[], now).demand == Demand::Factor { fresh: true };
    let sensitive = (fresh && terms.forget_on.contains(&ForgetOn::Sensitive)).then_some(ForgetOn::Sensitive);
    let why = sensitive.or_else(|| coming.as_ref().and_then(|coming| new(terms, account, coming, now)));
    let mut events = Vec::new();
    if let Some(why) = why
        && let proofs @ 1.. = account.state.forget(None, times)
    {
        events.push(Event::Forgotten { proofs, why: Forgot::Login(why) });
    }
    // An enrolment has changed the factors, and by a code that proved nothing of before.
    let Some(coming) = coming.filter(|_| binds.enrols.is_none()) else { return Ok(events) };
    let counts = login.attested && is_listed(terms, login) && coming.place.tells(&terms.bind);
    let factor = binds.factor.filter(|_| counts && sensitive.is_none());
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

/// What is new of who comes, and ends what is remembered where it settles. At sshd alone; what is not known is new.
fn new(terms: &Remember, account: &Account, coming: &Coming<'_>, now: Moment) -> Option<ForgetOn> {
    let seen = |on: &ForgetOn| match on {
        ForgetOn::NewKey => account.state.saw_key(coming, now.wall),
        ForgetOn::NewNetwork => account.state.saw_network(coming, now.wall),
        ForgetOn::Sensitive => true, // not of a place
    };
    terms.forget_on.iter().copied().find(|on| !seen(on))
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
