//! Step-up: a fresh proof of a factor before a change, whatever the session. (S18)
//!
//! It is the login's dialogue over the bus. A proof belongs to the connection that answered and to
//! the account whose code it was; the door keeps it there, for five minutes at most.

use mfa_proto::{
    answer::Answer,
    fault::Fault,
    identity::{ServiceName, UserName},
    step::Step,
};

use super::{
    Auth, Failure,
    identify::Subject,
    question::{Login, SoFar, Stage, Via},
    verdict::{Outcome, Refusal},
};
use crate::{
    account::{Anchor, Door},
    policy::{Rules, Signals, Standing},
    world::Person,
};

/// The service that the audit names.
const SERVICE: &str = "mfactl";

/// A proof of an account's factor that was given just now. Only a step-up makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreshProof {
    uid: u32,
    name: UserName,
    /// Whether it was asked for as an administrator's.
    administrator: bool,
}

impl FreshProof {
    /// Whether it is of that account, for its own affairs.
    pub(super) fn is_of(&self, uid: u32) -> bool {
        !self.administrator && self.uid == uid
    }

    /// The administrator who proved it; none where it was for an own account.
    pub(super) fn administrator(&self) -> Option<&UserName> {
        self.administrator.then_some(&self.name)
    }

    /// What is answered where there is none.
    pub(super) fn needed() -> Failure {
        Failure::new(Fault::NeedsProof, "this takes a code of a factor of yours first")
    }
}

impl Auth {
    /// Asks the caller for a code of the own account, whatever the mode.
    pub async fn step_up_begin(&self, uid: u32) -> Result<Step, Failure> {
        let person = self.person(uid).await?;
        self.ask_before_change(person, Via::OwnChange(uid)).await
    }

    /// Asks for a code of the administrator who acts as root.
    pub async fn admin_step_up_begin(&self, name: Vec<u8>) -> Result<Step, Failure> {
        let (rules, name) = (self.rules()?, UserName::new(name));
        let person = self.world().names.by_name(&name).await?;
        let person =
            person.ok_or_else(|| Failure::new(Fault::NotFound, format!("there is no user {name}")))?;
        if !self.is_administrator(&rules, &person).await? {
            let said = format!("{name} is no administrator of this host: see [admin] in mfad.toml");
            return Err(Failure::new(Fault::NotPermitted, said));
        }
        self.ask_before_change(person, Via::AdminChange).await
    }

    async fn is_administrator(&self, rules: &Rules, person: &Person) -> Result<bool, Failure> {
        let named = |user: &String| user.as_bytes() == person.name.as_bytes();
        if person.uid == 0 || rules.admins.users.iter().any(named) {
            return Ok(true);
        }
        Ok(self.world().names.is_in(person, &rules.admins.groups).await?)
    }

    async fn ask_before_change(&self, person: Person, via: Via) -> Result<Step, Failure> {
        let rules = self.rules()?;
        let user = person.name.clone();
        let service = ServiceName::from(SERVICE);
        let (subject, door, signals) = (user.clone(), Door::Change, Signals::default());
        let (keys, anchor) = (Vec::new(), Anchor::default());
        let login = Login { via, subject, user, service, door, attested: false, signals, keys, anchor };
        let looked = self.look(&rules, &login, &Subject::Person(person)).await?;
        if !matches!(looked.standing, Standing::Enrolled | Standing::Locked) {
            return Err(Failure::new(Fault::NotEnrolled, "there is no factor to prove this with"));
        }
        let plain = Refusal::new(mfa_proto::step::Reason::Plain);
        self.ask(login, looked.target, Stage::Code, SoFar::default(), plain)
    }

    /// An answer; with the proof, where it was right. `via` says who asks.
    pub async fn step_up_answer(
        &self,
        via: Via,
        token: &[u8],
        answer: Answer,
    ) -> Result<(Step, Option<FreshProof>), Failure> {
        let (step, question, outcome) = self.judge_answer(via, token, answer).await?;
        let proven = match (outcome, question) {
            (Some(Outcome::Proven(_)), Some(question)) => question.target.uid().map(|uid| FreshProof {
                uid,
                name: question.login.subject.clone(),
                administrator: via == Via::AdminChange,
            }),
            _ => None,
        };
        Ok((step, proven))
    }
}
