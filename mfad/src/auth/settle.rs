//! What an auth phase proved is bound: hosts call the account phase only after the whole auth
//! stack passed. (design: nothing is bound before)

use std::time::Duration;

use mfa_proto::step::{Reason, Step};

use super::{
    Auth, Failure,
    codes::Replace,
    decided::security_key,
    judge::{context, refuse},
    news, pending,
    question::{Login, Ticket, Token},
    remembering,
    verdict::Refusal,
    words,
};
use crate::{
    account::{Origin, Pending},
    audit::Event,
    policy::Rules,
    store::{Account, Records, StoreError},
    world::{Moment, Person},
};

/// How long a login waits for backup codes: less than the module waits for mfad.
const CODES: Duration = Duration::from_secs(3);

/// What was bound.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Settled {
    /// The ticket was old, or used before.
    Expired,
    /// A login, with what its user is to read now.
    Login(Option<String>),
    /// A login that ended an enrolment.
    Enrolled,
}

impl Auth {
    /// Binds what the ticket says. The answer's text, if there is one, must be read by the user now.
    pub async fn settle(&self, sealed: &[u8]) -> Result<Step, Failure> {
        let expired = || Step::refused(Reason::Expired, 0, String::new());
        let Ok(ticket) = Ticket::open(self.store.keys(), sealed) else { return Ok(expired()) };
        let rules = self.rules()?;
        let person = Person { name: ticket.login.subject.clone(), uid: ticket.uid };
        let takes_codes = rules.factors.allow("backup");
        let event = if self.began_watched(ticket.began_ms) { Event::SettledNew } else { Event::Settled };
        let settled =
            self.store.write(move |records, now| settle(records, now, &rules, &ticket, &event)).await?;
        Ok(match settled.into_inner() {
            Settled::Expired => expired(),
            Settled::Login(None) => Step::proven(Vec::new()),
            Settled::Login(Some(news)) => Step { text: words::told(&news), ..Step::proven(Vec::new()) },
            Settled::Enrolled => {
                // The factor stands whatever becomes of these: they can be made at any time, and a login
                // that waited for them too long would be refused.
                let codes = self.make_codes(&person, Replace::OnlyNone, CODES).await;
                let codes = codes.unwrap_or_default();
                let codes = takes_codes.then_some(codes.as_slice());
                Step { text: words::enrolled(codes), ..Step::proven(Vec::new()) }
            }
        })
    }
}

/// What a login came with that a security key has let by. Nothing was proven here, so no count is set back and nothing
/// is remembered; it was recorded when it was let by.
fn learn(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    mut account: Account,
    login: &Login,
) -> Result<Settled, StoreError> {
    if security_key(rules, &account, login).is_none() {
        refuse(records, Some(&account), login, Refusal::new(Reason::Expired), 0)?;
        return Ok(Settled::Expired);
    }
    account.state.later.visits.learn(login.visit(rules), rules.seen_within, now.wall);
    records.keep(&mut account)?;
    Ok(Settled::Login(None))
}

fn settle(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    ticket: &Ticket,
    event: &Event,
) -> Result<Settled, StoreError> {
    let login = &ticket.login;
    let fresh = records.txn().spend(&ticket.nonce, &ticket.proven.boot, ticket.until_ms())?;
    let account = records.read().account_of(ticket.account, ticket.uid, &[&login.subject])?;
    let open = |account: &Account| fresh && ticket.is_good(&now) && account.state.locked.is_none();
    let Some(mut account) = account.filter(open) else {
        refuse(records, None, login, Refusal::new(Reason::Expired), 0)?;
        return Ok(Settled::Expired);
    };
    let Some(binds) = &ticket.binds else {
        return learn(records, now, rules, account, login);
    };
    if let Some(id) = binds.enrols {
        let pending = account.state.pending.clone();
        let is_it = |pending: &Pending| pending.id == id && pending.origin == Origin::Login;
        let pending = pending.filter(|pending| is_it(pending) && pending::still_allowed(&account, pending));
        let pending = pending.filter(|pending| rules.factors.allow(pending.kind.word()));
        let Some(pending) = pending else {
            refuse(records, Some(&account), login, Refusal::new(Reason::Expired), 0)?;
            return Ok(Settled::Expired);
        };
        pending::bind(records, &mut account, pending, now.wall, context(login))?;
    }
    account.state.settle(&login.door, binds.shape, now.wall);
    account.state.later.visits.learn(login.visit(rules), rules.seen_within, now.wall);
    // What this login itself did is no news to who did it, and stays for who comes next.
    let untold = &mut account.state.news.backup_used;
    let own = untold.iter().position(|used| Some(*used) == binds.backup_used);
    let own = own.map(|at| untold.remove(at));
    // Where the first factor was known to be right, the prompt has told the rest.
    let told = if login.attested { None } else { news::of(&account.state, &rules.factors, login, now.wall) };
    let was_there = news::was_there(&account.state, binds.factor);
    let news = &mut account.state.news;
    if told.is_some() {
        news.settled(now.wall, true, news.next, was_there); // all of it, up to this moment
    } else if binds.enrols.is_some() {
        news.settled(now.wall, false, binds.heard, was_there);
    }
    if let Some(own) = own {
        let at = news.backup_used.partition_point(|used| used.number < own.number);
        news.backup_used.insert(at, own);
    }
    let of_memories = remembering::settle(records, rules, &mut account, (login, binds), now)?;
    records.keep(&mut account)?;
    records.audit(Some(&account), event.clone(), context(login))?;
    for event in of_memories {
        records.audit(Some(&account), event, context(login))?;
    }
    Ok(if binds.enrols.is_some() { Settled::Enrolled } else { Settled::Login(told) })
}
