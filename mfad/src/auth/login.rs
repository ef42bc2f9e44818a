//! The login's dialogue: `Begin` asks or waives, `Answer` judges, `Settle` binds what `Answer`
//! proved, `Admit` stands at an account phase that must show a proof.
//!
//! ```text
//! Begin ──Ask──▶ Answer ──Ask──▶ Answer … at most three tries
//!   │              │  │
//!   └─Waived       │  └─Refused
//!                  └─Proven ──ticket──▶ Settle
//! ```

use std::sync::Arc;

use mfa_proto::{
    answer::{Answer, Code},
    facts::Facts,
    identity::{ServiceName, UnixTime, UserName},
    names::{QUESTION_SECONDS, TRIES},
    step::{Reason, Step},
};

use super::{
    Auth, Failure,
    identify::{Subject, target},
    question::{Login, NoAccount, Question, Target, Ticket, Token, Via, nonce},
    verdict::{Outcome, Refusal, Ruling},
    words,
};
use crate::{
    account::Door,
    audit::{Event, RecordedReason},
    factor::{FactorKind, Match, Totp},
    limits::Limited,
    policy::{Decision, Mode, Permitted, Rules, Standing, decide},
    store::{Account, Context, Records, Sound, StoreError},
    world::Moment,
};

/// Answers of one login, asking for help included.
const ROUNDS: u8 = 8;
/// How far a code's time may be ahead of what the stored clocks allow, in seconds.
const CLOCK_SLACK: u64 = 86_400;
/// Refusals of a door that has no tries left are recorded once in so many seconds.
const COLLAPSE: u64 = 60;
/// Matched against where there is no factor, so that the work is the same.
const NO_SEED: [u8; 20] = [0; 20];

impl Auth {
    /// A login begins: asks for a code, or says that none is asked.
    pub async fn begin(&self, user: UserName, service: ServiceName, facts: &Facts) -> Result<Step, Failure> {
        let rules = self.rules()?;
        if rules.mode == Mode::Off {
            return Ok(Step::waived(Reason::PolicyOff));
        }
        let (login, subject) = self.identify(&rules, user, service, facts).await?;
        self.open(&rules, login, subject).await
    }

    /// A locker begins, for the own account of `uid`.
    pub async fn begin_locker(&self, uid: u32, service: ServiceName) -> Result<Step, Failure> {
        let rules = self.rules()?;
        if rules.mode == Mode::Off {
            return Ok(Step::waived(Reason::PolicyOff));
        }
        let Some(person) = self.world().names.by_uid(uid).await? else {
            return Err(Failure::new(mfa_proto::fault::Fault::NotFound, "your uid has no name"));
        };
        let (user, door) = (person.name.clone(), Door::Locker);
        let login =
            Login { via: Via::Locker(uid), subject: user.clone(), user, service, door, attested: false };
        self.open(&rules, login, Subject::Person(person)).await
    }

    async fn open(&self, rules: &Rules, login: Login, subject: Subject) -> Result<Step, Failure> {
        // Twice at most: what looked as if nobody had to be asked may turn out otherwise where
        // nobody else writes.
        for _ in 0..2 {
            let (found, standing) = self.look(&login, &subject).await?;
            if let Decision::Waive(..) = decide(rules.mode, standing) {
                match self.waive(rules.mode, &login, &subject).await? {
                    Outcome::Waived(_, why) => return Ok(Step::waived(why)),
                    Outcome::Proven(_) | Outcome::Refused(_) => continue,
                }
            }
            // An attested user without a factor is told so before being asked in vain.
            let told = standing == Standing::NotEnrolled && login.attested;
            let reason = if told { Reason::NotEnrolled } else { Reason::Plain };
            return self.ask(login, found, (0, 0), Refusal::new(reason));
        }
        Ok(Step::refused(Reason::Altered, 0, words::farewell(Reason::Altered, login.attested, 0)))
    }

    /// Whose record is judged, by what was last committed.
    async fn look(&self, login: &Login, subject: &Subject) -> Result<(Target, Standing), StoreError> {
        let (store, login, subject) = (self.store.clone(), login.clone(), subject.clone());
        let look = move |sound: &mut Sound<'_>| {
            let found = target(sound, store.keys(), &login, &subject)?;
            let account = match found {
                Target::Account { id, uid } => sound.account_of(id, uid, &[&login.subject])?,
                Target::Dummy { id, .. } => sound.account(id)?, // the same work
            };
            Ok((found, standing(&found, account.as_ref())))
        };
        self.store.read(look).await
    }

    /// Waives in a write transaction of its own: looked up again there, where nobody else writes,
    /// and recorded before it is said.
    async fn waive(&self, mode: Mode, login: &Login, subject: &Subject) -> Result<Outcome, StoreError> {
        let (store, login, subject) = (self.store.clone(), login.clone(), subject.clone());
        let rule = move |records: &mut Records<'_>, _: Moment| {
            let found = target(&mut records.read(), store.keys(), &login, &subject)?;
            let account = match found {
                Target::Account { id, uid } => records.read().account_of(id, uid, &[&login.subject])?,
                Target::Dummy { .. } => None,
            };
            let Decision::Waive(permitted, why) = decide(mode, standing(&found, account.as_ref())) else {
                return Ok(Ruling::Refused(Refusal::new(Reason::Altered)));
            };
            let event = Event::Waived { reason: RecordedReason(why) };
            records.audit(account.as_ref(), event, context(&login))?;
            Ok(Ruling::Waived(permitted, why))
        };
        self.store.write(rule).await.map(Outcome::from)
    }

    /// Asks, saying first why the last answer was refused. `(tries, rounds)`: answers so far.
    fn ask(
        &self,
        login: Login,
        target: Target,
        (tries, rounds): (u8, u8),
        Refusal { reason, seconds }: Refusal,
    ) -> Result<Step, Failure> {
        let (entropy, asked) = (&*self.world().entropy, self.world().clock.now());
        let left = match reason {
            Reason::Spent => u32::try_from(Totp::default().seconds_left(asked.wall)).unwrap_or(u32::MAX),
            _ => seconds,
        };
        let text = words::prompt(reason, login.attested, left);
        let question = Question { nonce: nonce(entropy)?, asked, login, target, tries, rounds };
        let token = question.seal(self.store.keys(), entropy)?;
        Ok(Step::ask(reason, reason == Reason::Visible, QUESTION_SECONDS, token, text))
    }

    /// An answer to a question of `begin`, or of `begin_locker` by that same uid.
    pub async fn answer(&self, via: Via, token: &[u8], answer: Answer) -> Result<Step, Failure> {
        let rules = self.rules()?;
        let question = match Question::open(self.store.keys(), token) {
            Ok(question) if question.login.via == via => question,
            _ => return Ok(Step::refused(Reason::Expired, 0, words::farewell(Reason::Expired, false, 0))),
        };
        let judged = {
            let (question, mode) = (Arc::new(question.clone()), rules.mode);
            self.store.write(move |records, now| rule(records, now, mode, &question, &answer)).await?
        };
        match Outcome::from(judged) {
            Outcome::Proven(proof) if proof.pending => Ok(Step::proven(self.ticket(question)?)),
            Outcome::Proven(_) => Ok(Step::proven(Vec::new())),
            Outcome::Waived(_, why) => Ok(Step::waived(why)),
            Outcome::Refused(refusal) => self.after(question, refusal),
        }
    }

    /// What follows a refused answer: another question, or the end.
    fn after(&self, question: Question, refusal: Refusal) -> Result<Step, Failure> {
        let Question { login, target, tries, rounds, .. } = question;
        let Refusal { reason, seconds } = refusal;
        let was_try = !matches!(reason, Reason::Help | Reason::Visible);
        let (tries, rounds) = (tries + u8::from(was_try), rounds + 1);
        let ends = match reason {
            // Nothing that is answered can help. All else is said in another prompt, since that is
            // what every host shows; strangers are asked again alike, so that nothing is told.
            Reason::Altered | Reason::Ambiguous | Reason::Clock | Reason::NoCaller => login.attested,
            _ => false,
        };
        if ends || u32::from(tries) >= TRIES || rounds >= ROUNDS {
            return Ok(Step::refused(reason, seconds, words::farewell(reason, login.attested, seconds)));
        }
        self.ask(login, target, (tries, rounds), refusal)
    }

    fn ticket(&self, question: Question) -> Result<Vec<u8>, Failure> {
        let Target::Account { id, uid } = question.target else { return Ok(Vec::new()) };
        let entropy = &*self.world().entropy;
        let (nonce, proven) = (nonce(entropy)?, self.world().clock.now());
        let ticket = Ticket { nonce, proven, login: question.login, account: id, uid };
        Ok(ticket.seal(self.store.keys(), entropy)?)
    }

    /// Binds what an auth phase proved: hosts call the account phase only after the whole auth
    /// stack passed.
    pub async fn settle(&self, sealed: &[u8]) -> Result<Step, Failure> {
        let expired = || Step::refused(Reason::Expired, 0, String::new());
        let Ok(ticket) = Ticket::open(self.store.keys(), sealed) else { return Ok(expired()) };
        let settled = self
            .store
            .write(move |records, now| {
                let login = &ticket.login;
                let fresh = records.txn().spend(&ticket.nonce, &ticket.proven.boot, ticket.until_ms())?;
                let account = records.read().account_of(ticket.account, ticket.uid, &[&login.subject])?;
                let Some(mut account) = account.filter(|_| fresh && ticket.is_good(&now)) else {
                    refuse(records, None, login, Refusal::new(Reason::Expired), 0)?;
                    return Ok(false);
                };
                account.state.settle(&login.door, now.wall);
                records.keep(&mut account)?;
                records.audit(Some(&account), Event::Settled, context(login))?;
                Ok(true)
            })
            .await?;
        Ok(if settled.into_inner() { Step::proven(Vec::new()) } else { expired() })
    }

    /// An account phase without a proof, at a service that must show one.
    pub async fn admit(&self, user: UserName, service: ServiceName, facts: &Facts) -> Result<Step, Failure> {
        let rules = self.rules()?;
        let enforced = rules.account_enforce.iter().any(|name| name.as_bytes() == service.as_bytes());
        if rules.mode == Mode::Off || !enforced {
            return Ok(Step::waived(Reason::PolicyOff));
        }
        let (login, subject) = self.identify(&rules, user, service, facts).await?;
        let step = self.open(&rules, login.clone(), subject).await?;
        if step.kind() != mfa_proto::step::Kind::Ask {
            return Ok(step);
        }
        let refusal =
            Refusal::new(step.reason().filter(|r| *r == Reason::NotEnrolled).unwrap_or(Reason::NoProof));
        self.store.write(move |records, _| refuse(records, None, &login, refusal, 0)).await?.into_inner();
        Ok(Step::refused(
            refusal.reason,
            0,
            "A second factor is required here, and this login has none.".into(),
        ))
    }
}

fn standing(target: &Target, account: Option<&Account>) -> Standing {
    match (target, account) {
        (Target::Account { .. }, Some(account)) if account.state.is_enrolled() => Standing::Enrolled,
        (Target::Account { .. }, Some(_)) => Standing::NotEnrolled,
        (Target::Account { .. }, None) => Standing::Unclear,
        (Target::Dummy { why, .. }, _) => match why {
            NoAccount::Unknown => Standing::Unknown,
            NoAccount::NotEnrolled => Standing::NotEnrolled,
            NoAccount::Ambiguous | NoAccount::Unproven | NoAccount::NoCaller => Standing::Unclear,
        },
    }
}

fn context(login: &Login) -> Context<'_> {
    Context {
        user: &login.user,
        subject: Some(&login.subject),
        service: Some(&login.service),
        door: Some(&login.door),
    }
}

/// Records a refusal and gives its ruling.
fn refuse(
    records: &mut Records<'_>,
    account: Option<&Account>,
    login: &Login,
    refusal: Refusal,
    collapsed: u32,
) -> Result<Ruling, StoreError> {
    let (reason, attested) = (RecordedReason(refusal.reason), login.attested);
    records.audit(account, Event::Refused { reason, attested, collapsed }, context(login))?;
    Ok(Ruling::Refused(refusal))
}

/// One answer, judged in one transaction. The nonce first, then the limit, then the match.
fn rule(
    records: &mut Records<'_>,
    now: Moment,
    mode: Mode,
    question: &Question,
    answer: &Answer,
) -> Result<Ruling, StoreError> {
    let login = &question.login;
    let fresh = records.txn().spend(&question.nonce, &question.asked.boot, question.until_ms())?;
    records.forget_spent_tokens()?;
    let account = match question.target {
        Target::Account { id, uid } => records.read().account_of(id, uid, &[&login.subject])?,
        Target::Dummy { id, .. } => Some(records.dummy(id)?),
    };
    if !fresh || !question.is_good(&now) {
        return refuse(records, account.as_ref(), login, Refusal::new(Reason::Expired), 0);
    }
    let standing = standing(&question.target, account.as_ref());
    let Some(account) = account else {
        return refuse(records, None, login, Refusal::new(Reason::Altered), 0);
    };
    let code = match answer {
        Answer::Code(code) => code,
        Answer::Help => return Ok(Ruling::Refused(Refusal::new(Reason::Help))),
        Answer::Visible => return Ok(Ruling::Refused(Refusal::new(Reason::Visible))),
        Answer::NoCode => return refuse(records, Some(&account), login, Refusal::new(Reason::NoCode), 0),
    };
    let permitted = match decide(mode, standing) {
        Decision::Ask(permitted) => Some(permitted),
        Decision::AskAndRefuse => None,
        Decision::Waive(permitted, why) => {
            let event = Event::Waived { reason: RecordedReason(why) };
            records.audit(Some(&account), event, context(login))?;
            return Ok(Ruling::Waived(permitted, why));
        }
    };
    judge(records, now, account, login, code, permitted, &question.target)
}

fn judge(
    records: &mut Records<'_>,
    now: Moment,
    mut account: Account,
    login: &Login,
    code: &Code,
    permitted: Option<Permitted>,
    target: &Target,
) -> Result<Ruling, StoreError> {
    let admitted = match account.state.admit(&login.door, now.wall) {
        Ok(admitted) => admitted,
        Err(limited) => return limit(records, now.wall, account, login, limited),
    };
    let Some(found) = matching(records, &account, code, now.wall)? else {
        records.keep(&mut account)?;
        return refuse(records, Some(&account), login, Refusal::new(Reason::Altered), 0);
    };
    let reason = match (found, permitted) {
        ((Match::Fresh(matched), Some(at)), Some(permitted)) => {
            if clock_allows(records, now, &account, at, matched.step()) {
                return grant(records, now, account, login, at, matched, permitted);
            }
            Reason::Clock // neither stored nor counted: the clock is at fault, not the user
        }
        ((Match::Spent, _), Some(_)) => Reason::Spent, // costs no try
        _ => {
            account.state.fail(admitted, &login.door, login.attested, now.wall);
            why_not(&account, target)
        }
    };
    records.keep(&mut account)?;
    refuse(records, Some(&account), login, Refusal::new(reason), 0)
}

/// The best match over the usable factors, with the factor's place; `None` when a seed does not
/// open. Every candidate is compared.
fn matching(
    records: &mut Records<'_>,
    account: &Account,
    code: &Code,
    now: UnixTime,
) -> Result<Option<(Match, Option<usize>)>, StoreError> {
    let mut best = (Match::No, None);
    if !account.state.is_enrolled() {
        let kind = FactorKind::Totp(Totp::default());
        std::hint::black_box(kind.matches(&NO_SEED, code, now, None));
    }
    for factor in account.state.usable() {
        let Some(seed) = records.read().seed(account, factor)? else { return Ok(None) };
        let found = factor.kind.matches(seed.expose(), code, now, account.state.mark(factor.seed));
        let at = account.state.factors.iter().position(|other| other.id == factor.id);
        best = match (best.0, found) {
            (Match::No, Match::Spent | Match::Fresh(_)) | (Match::Spent, Match::Fresh(_)) => (found, at),
            _ => best,
        };
    }
    Ok(Some(best))
}

/// Whether the step's time is at most a day ahead of what the stored clocks allow. Over a reboot
/// they allow anything.
fn clock_allows(
    records: &Records<'_>,
    now: Moment,
    account: &Account,
    at: usize,
    step: crate::factor::TimeStep,
) -> bool {
    let Some(before) = records.clock_before() else { return true };
    let Some(gone_ms) = now.boot_ms_since(&before) else { return true };
    let FactorKind::Totp(totp) = &account.state.factors[at].kind;
    totp.begins(step) <= before.wall.plus(gone_ms / 1000).plus(CLOCK_SLACK)
}

fn grant(
    records: &mut Records<'_>,
    now: Moment,
    mut account: Account,
    login: &Login,
    at: usize,
    matched: crate::factor::Matched,
    permitted: Permitted,
) -> Result<Ruling, StoreError> {
    let seed = account.state.factors[at].seed;
    account.state.spend(seed, matched);
    account.state.factors[at].last_used = Some(now.wall);
    let binds = login.via == Via::Login;
    if binds && login.attested {
        account.state.settle(&login.door, now.wall);
    }
    let pending = binds && account.state.settling_matters(&login.door, now.wall);
    records.keep(&mut account)?;
    records.audit(Some(&account), Event::Granted { attested: login.attested }, context(login))?;
    Ok(Ruling::Proven { matched, permitted, pending })
}

/// A try that is not judged: refused, and recorded once a minute.
fn limit(
    records: &mut Records<'_>,
    now: UnixTime,
    mut account: Account,
    login: &Login,
    limited: Limited,
) -> Result<Ruling, StoreError> {
    let refusal = match limited {
        Limited::Wait(seconds) => Refusal { reason: Reason::Limited, seconds },
        Limited::Closed => Refusal::new(Reason::DoorClosed),
    };
    let state = account.state.door(&login.door, now);
    let (recorded, collapsed) = state.collapsed;
    let quiet = now >= recorded && now.since(recorded) < COLLAPSE;
    state.collapsed = if quiet { (recorded, collapsed.saturating_add(1)) } else { (now, 0) };
    records.keep(&mut account)?;
    if quiet {
        return Ok(Ruling::Refused(refusal));
    }
    refuse(records, Some(&account), login, refusal, collapsed)
}

fn why_not(account: &Account, target: &Target) -> Reason {
    match target {
        Target::Account { .. } if !account.state.is_enrolled() => Reason::NotEnrolled,
        Target::Account { .. } if account.state.factors.iter().all(crate::account::Factor::is_disabled) => {
            Reason::Disabled
        }
        Target::Account { .. } => Reason::WrongCode,
        Target::Dummy { why, .. } => match why {
            NoAccount::Unknown => Reason::UnknownUser,
            NoAccount::NotEnrolled => Reason::NotEnrolled,
            NoAccount::Ambiguous => Reason::Ambiguous,
            NoAccount::Unproven => Reason::Altered,
            NoAccount::NoCaller => Reason::NoCaller,
        },
    }
}
