//! The login's dialogue: `Begin` asks or waives, `Answer` judges, and `Settle` binds what `Answer`
//! proved. Who is not asked: `unasked`.
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
    facts::{self, Facts},
    identity::{ServiceName, UserName},
    names::{QUESTION_SECONDS, TRIES},
    step::{Reason, Step},
};

use super::{
    Auth, Failure,
    decided::decided,
    enrolling::{self, Opening, Showing, opening, rule_offer, rule_shown},
    grace,
    identify::{Subject, groups, target},
    judge::{rule, standing},
    news,
    question::{Login, Question, SoFar, Stage, Target, Ticket, Token, Via, nonce},
    show,
    unasked::{Phase, reminder},
    verdict::{Binds, Outcome, Refusal},
    words,
};
use crate::{
    account::{Anchor, Door},
    policy::{Decision, Rules, Signals, Standing},
    store::{Records, Sound, StoreError},
    world::Moment,
};

/// Answers of one login, asking for help included.
const ROUNDS: u8 = 8;

/// Where a login comes from, as far as it is counted before it is judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Whence {
    /// The door.
    pub door: Door,
    /// Whether the first factor is known to be right.
    pub attested: bool,
}

/// How a login begins.
#[derive(Clone, Debug)]
pub struct Begun {
    /// What its host is told.
    pub step: Step,
    /// Where it comes from; `None` where nobody is looked at.
    pub from: Option<Whence>,
    /// Whether name services were asked for the groups of somebody whose first factor is not known to be right.
    pub asked_groups: bool,
}

/// What a first look found.
pub(super) struct Looked {
    pub(super) target: Target,
    pub(super) standing: Standing,
    pub(super) decision: Decision,
    opening: Opening,
    /// What who is let in without a factor is to read.
    reminder: Option<String>,
    /// What the user is to read first.
    news: Option<String>,
    /// The number of the next of the news, where they are read.
    heard: u64,
    /// Whether a security key lets it by, whose device or place is to be learnt when it is settled.
    teaches: bool,
}

impl Auth {
    /// A login begins: asks for a code, or says that none is asked.
    pub async fn begin(&self, user: UserName, service: ServiceName, facts: &Facts) -> Result<Begun, Failure> {
        let rules = self.rules()?;
        if rules.is_off() {
            return Ok(Begun { step: Step::waived(Reason::PolicyOff), from: None, asked_groups: false });
        }
        // When the stack was read for it, where the module knows: the password has come since.
        let now = self.world().clock.now().boot_ms;
        let began_ms = facts::loaded(facts).map_or(now, |loaded| loaded.min(now));
        let (login, subject) = self.identify(&rules, user, service, facts).await?;
        let from = Some(Whence { door: login.door.clone(), attested: login.attested });
        let asked_groups = !login.attested && !rules.groups().is_empty();
        Ok(Begun { step: self.open(&rules, login, subject, began_ms).await?, from, asked_groups })
    }

    /// A locker begins, for the own account of `uid`.
    pub async fn begin_locker(&self, uid: u32, service: ServiceName) -> Result<Step, Failure> {
        let rules = self.rules()?;
        if rules.is_off() {
            return Ok(Step::waived(Reason::PolicyOff));
        }
        let names = self.world().names.of_a_login();
        let Some(person) = names.by_uid(uid).await? else {
            return Err(Failure::new(mfa_proto::fault::Fault::NotFound, "your uid has no name"));
        };
        let (user, door) = (person.name.clone(), Door::Locker);
        let signals = Signals { groups: groups(&names, &rules, &person).await, ..Signals::default() };
        let anchor = Anchor::default();
        let (via, subject, keys) = (Via::Locker(uid), user.clone(), Vec::new());
        let login = Login { via, subject, user, service, door, attested: false, signals, keys, anchor };
        self.open(&rules, login, Subject::Person(person), 0).await
    }

    async fn open(
        &self,
        rules: &Arc<Rules>,
        login: Login,
        subject: Subject,
        began_ms: u64,
    ) -> Result<Step, Failure> {
        // Twice at most: what looked as if nobody had to be asked may turn out otherwise where
        // nobody else writes.
        for _ in 0..2 {
            let looked = self.look(rules, &login, &subject).await?;
            let (target, plain) = (looked.target, Refusal::new(Reason::Plain));
            let (heard, told) = (looked.heard, looked.news.is_some());
            let so_far = SoFar { heard, told, began_ms, ..SoFar::default() };
            match looked.opening {
                Opening::Offer(ends) => {
                    self.offered(target).await?;
                    let text = words::offer(ends, self.world().clock.now().wall);
                    return self.question(login, target, Stage::Offer, so_far, Reason::Grace, false, text);
                }
                Opening::Resume(factor) => {
                    let text = words::resume();
                    let stage = Stage::Resumed(factor);
                    return self.question(login, target, stage, so_far, Reason::Enrolling, true, text);
                }
                Opening::Plain => {}
            }
            // Strangers are asked all the same, and told nothing.
            let denied = looked.decision == Decision::Deny && login.attested;
            if denied || matches!(looked.decision, Decision::Waive(..)) {
                let phase = Phase::Auth { reminds: looked.reminder.is_some() };
                match self.conclude_unasked(rules, &login, &subject, phase).await? {
                    Outcome::Waived(_, why) => {
                        // Who comes by a security key reads here what others read in the question.
                        let news = looked.news.filter(|_| why == Reason::SecurityKey);
                        let step = Step::waived_and_told(why, looked.reminder.or(news).unwrap_or_default());
                        if why != Reason::SecurityKey || !looked.teaches {
                            return Ok(step);
                        }
                        return Ok(Step { token: self.ticket(login, target, began_ms, None)?, ..step });
                    }
                    Outcome::Refused(Refusal { reason: Reason::Denied, .. }) => {
                        let text = words::farewell(Reason::Denied, login.attested, 0);
                        return Ok(Step::refused(Reason::Denied, 0, text));
                    }
                    Outcome::Proven(_) | Outcome::Refused(_) | Outcome::Enrolling(_) => continue,
                }
            }
            // An attested user without a factor is told so before being asked in vain.
            let told = looked.standing == Standing::NotEnrolled && login.attested;
            if told {
                return self.ask(login, target, Stage::Code, so_far, Refusal::new(Reason::NotEnrolled));
            }
            return match looked.news {
                Some(news) => {
                    let text = words::with_news(&news);
                    self.question(login, target, Stage::Code, so_far, Reason::Plain, false, text)
                }
                None => self.ask(login, target, Stage::Code, so_far, plain),
            };
        }
        Ok(Step::refused(Reason::Altered, 0, words::farewell(Reason::Altered, login.attested, 0)))
    }

    /// Records that an enrolment is offered, before it is: a program that hangs at the offer meets it
    /// once a day and no more.
    async fn offered(&self, target: Target) -> Result<(), StoreError> {
        let Some(uid) = target.uid() else { return Ok(()) };
        let see = move |records: &mut Records<'_>, now: Moment| grace::see(records, uid, now.wall, true);
        self.store.write(see).await.map(crate::store::Committed::into_inner)
    }

    /// Whose record is judged, by what was last committed.
    pub(super) async fn look(
        &self,
        rules: &Arc<Rules>,
        login: &Login,
        subject: &Subject,
    ) -> Result<Looked, StoreError> {
        let (store, login, subject) = (self.store.clone(), login.clone(), subject.clone());
        let (rules, now) = (Arc::clone(rules), self.world().clock.now());
        let look = move |sound: &mut Sound<'_>| {
            let target = target(sound, store.keys(), &login, &subject)?;
            let account = match target {
                Target::Account { id, uid } => sound.account_of(id, uid, &[&login.subject])?,
                Target::Dummy { id, .. } => sound.account(id)?, // the same work
            };
            let standing = standing(&target, account.as_ref());
            let of = (standing, account.as_ref());
            let decision = decided(sound, &rules, &login, &target, of, now)?.decision;
            let opening = match decision {
                // Whom an exemption or a rule lets by meets no question at all: it may be a program that comes.
                Decision::Deny | Decision::Waive(_, Reason::Exempt | Reason::ServiceAccount) => {
                    Opening::Plain
                }
                _ => opening(sound, &rules, &login, &target, of, now)?,
            };
            let reminder = match (decision, opening) {
                (Decision::Waive(_, Reason::Optional), Opening::Plain) => {
                    reminder(sound, &rules, &login, &target, standing, now)?
                }
                _ => None,
            };
            let has_factor = matches!(standing, Standing::Enrolled | Standing::Locked);
            let reads = account.as_ref().filter(|_| has_factor && login.attested);
            let (news, heard) = reads.map_or((None, 0), |account| {
                (news::of(&account.state, &rules.factors, &login, now.wall), account.state.news.next)
            });
            let by_key = matches!(decision, Decision::Waive(_, Reason::SecurityKey));
            let teaches = account.as_ref().filter(|_| by_key && rules.learns_when_settled());
            let teaches = teaches.is_some_and(|account| {
                account.state.later.visits.learning_matters(&login.visit(&rules), now.wall)
            });
            Ok(Looked { target, standing, decision, opening, reminder, news, heard, teaches })
        };
        self.store.read(look).await
    }

    /// Asks, saying first why the last answer was refused.
    pub(super) fn ask(
        &self,
        login: Login,
        target: Target,
        stage: Stage,
        so_far: SoFar,
        Refusal { reason, seconds, .. }: Refusal,
    ) -> Result<Step, Failure> {
        let now = self.world().clock.now().wall;
        let enrolling = matches!(stage, Stage::Shown(_) | Stage::Resumed(_));
        let question = if enrolling { words::CONFIRM } else { words::QUESTION };
        let text = words::prompt(question, reason, login.attested, seconds, now);
        let echo = reason == Reason::Visible || enrolling;
        self.question(login, target, stage, so_far, reason, echo, text)
    }

    #[expect(clippy::too_many_arguments, reason = "a question is all of this, and only here put together")]
    fn question(
        &self,
        login: Login,
        target: Target,
        stage: Stage,
        so_far: SoFar,
        reason: Reason,
        echo: bool,
        text: String,
    ) -> Result<Step, Failure> {
        let (entropy, asked) = (&*self.world().entropy, self.world().clock.now());
        let question = Question { nonce: nonce(entropy)?, asked, login, target, stage, so_far };
        let token = question.seal(self.store.keys(), entropy)?;
        Ok(Step::ask(reason, echo, QUESTION_SECONDS, token, text))
    }

    /// An answer to a question of `begin`, or of `begin_locker` by that same uid.
    pub async fn answer(&self, via: Via, token: &[u8], answer: Answer) -> Result<Step, Failure> {
        self.judge_answer(via, token, answer).await.map(|(step, ..)| step)
    }

    /// An answer, with its question and the outcome where there is a verdict.
    pub(super) async fn judge_answer(
        &self,
        via: Via,
        token: &[u8],
        answer: Answer,
    ) -> Result<(Step, Option<Question>, Option<Outcome>), Failure> {
        let rules = self.rules()?;
        let question = match Question::open(self.store.keys(), token) {
            Ok(question) if question.login.via == via => Arc::new(question),
            _ => {
                let text = words::farewell(Reason::Expired, false, 0);
                return Ok((Step::refused(Reason::Expired, 0, text), None, None));
            }
        };
        let remembers = rules.remember.is_some();
        let outcome = self.judge_at(rules, &question, answer).await?;
        let asked = Question::clone(&question);
        let settles = via == Via::Login && (self.is_watched() || remembers);
        let step = match &outcome {
            Outcome::Proven(proof) if proof.pending || settles => {
                let Question { login, target, so_far, .. } = asked;
                Step::proven(self.ticket(login, target, so_far.began_ms, Some(proof.binds))?)
            }
            Outcome::Proven(_) => Step::proven(Vec::new()),
            Outcome::Waived(_, why) => Step::waived(*why),
            Outcome::Enrolling(showing) => self.show(asked, showing)?,
            Outcome::Refused(refusal) => self.after(asked, *refusal)?,
        };
        Ok((step, Some(Arc::unwrap_or_clone(question)), Some(outcome)))
    }

    /// Judges by where the dialogue is.
    async fn judge_at(
        &self,
        rules: Arc<Rules>,
        question: &Arc<Question>,
        answer: Answer,
    ) -> Result<Outcome, Failure> {
        let (stage, asked) = (question.stage, Arc::clone(question));
        let answer = match answer {
            Answer::OneTime(code) => return self.try_one_time(rules, question, code).await,
            answer => answer,
        };
        let new = enrolling::NewSeed::new(&*self.world().entropy)?;
        let judged = self.store.write(move |records, now| match stage {
            Stage::Code => rule(records, now, &rules, &asked, &answer),
            Stage::Offer => rule_offer(records, now, &rules, &asked, &answer, &new),
            Stage::Shown(_) | Stage::Resumed(_) => rule_shown(records, now, &rules, &asked, &answer, &new),
        });
        Ok(Outcome::from(judged.await?))
    }

    /// Shows an enrolment and asks for its code.
    fn show(&self, question: Question, showing: &Showing) -> Result<Step, Failure> {
        let Question { login, target, so_far, .. } = question;
        if so_far.rounds >= ROUNDS {
            return Ok(Step::refused(Reason::TriesUsedUp, 0, String::new()));
        }
        let rules = self.rules()?;
        let target = match target {
            // An account that was made for this enrolment has a record of its own now.
            Target::Dummy { uid: Some(uid), .. } => Target::Account { id: showing.account, uid },
            target => target,
        };
        let text = show::text(&rules.entry, &login.subject, showing);
        let stage = Stage::Shown(showing.factor);
        let so_far = SoFar { rounds: so_far.rounds + 1, ..so_far };
        self.question(login, target, stage, so_far, Reason::Enrolling, true, text)
    }

    /// What follows a refused answer: another question, or the end.
    fn after(&self, question: Question, refusal: Refusal) -> Result<Step, Failure> {
        let Question { login, target, stage, so_far, .. } = question;
        let Refusal { reason, seconds, heard } = refusal;
        let was_try = match reason {
            Reason::Help | Reason::Visible => false,
            // Not even looked at. At sshd a stranger's counts: what is typed for a name that is nobody's is
            // junk there, and never comes to this.
            Reason::Busy => !login.attested && facts::is_sshd(login.service.as_bytes()),
            _ => true,
        };
        let so_far = SoFar {
            tries: so_far.tries + u8::from(was_try),
            rounds: so_far.rounds + 1,
            heard: so_far.heard + u64::from(heard),
            ..so_far
        };
        let ends = match reason {
            // Nothing that is answered can help. All else is said in another prompt, since that is
            // what every host shows; strangers are asked again alike, so that nothing is told.
            Reason::Altered | Reason::Ambiguous | Reason::Clock | Reason::NoCaller => login.attested,
            _ => false,
        };
        if ends || u32::from(so_far.tries) >= TRIES || so_far.rounds >= ROUNDS {
            return Ok(Step::refused(reason, seconds, words::farewell(reason, login.attested, seconds)));
        }
        self.ask(login, target, stage, so_far, refusal)
    }

    fn ticket(
        &self,
        login: Login,
        target: Target,
        began_ms: u64,
        binds: Option<Binds>,
    ) -> Result<Vec<u8>, Failure> {
        let Target::Account { id, uid } = target else { return Ok(Vec::new()) };
        let entropy = &*self.world().entropy;
        let (nonce, proven) = (nonce(entropy)?, self.world().clock.now());
        let ticket = Ticket { nonce, proven, login, account: id, uid, binds, began_ms };
        Ok(ticket.seal(self.store.keys(), entropy)?)
    }
}
