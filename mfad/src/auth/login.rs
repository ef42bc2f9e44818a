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
    answer::Answer,
    facts::Facts,
    identity::{ServiceName, UserName},
    names::{QUESTION_SECONDS, TRIES},
    step::{Reason, Step},
};

use super::{
    Auth, Failure,
    identify::{Subject, target},
    judge::{context, refuse, rule, standing},
    question::{Login, Question, Target, Ticket, Token, Via, nonce},
    verdict::{Outcome, Refusal, Ruling},
    words,
};
use crate::{
    account::Door,
    audit::{Event, RecordedReason},
    factor::Totp,
    policy::{Decision, Mode, Rules, Standing, decide},
    store::{Records, Sound, StoreError},
    world::Moment,
};

/// Answers of one login, asking for help included.
const ROUNDS: u8 = 8;

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
