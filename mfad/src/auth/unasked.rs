//! Logins that nobody is asked at: let by or denied in the auth phase, and those of an account phase that must show a
//! proof and has none.

use std::sync::Arc;

use mfa_proto::{
    facts::Facts,
    identity::{ServiceName, UserName},
    step::{Reason, Step},
};

use super::{
    Auth, Failure,
    decided::{decided_now, security_key},
    enrolling, grace,
    identify::{Subject, target},
    judge::{context, record_of, refuse_unread, standing},
    news,
    question::{Login, Target},
    verdict::{Outcome, Refusal, Ruling},
    words,
};
use crate::{
    audit::{Event, RecordedReason},
    policy::{Decision, Leave, Mode, Rules, Standing, may_enrol},
    store::{Records, Sound, StoreError},
    world::Moment,
};

/// Where a login is that is let by, or denied, unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before the account phase, which may refuse it yet.
    Auth {
        /// Whether its user is told of what is missing.
        reminds: bool,
    },
    /// In it: the whole auth stack has passed.
    Account,
}

impl Auth {
    /// Waives, or denies, in a write transaction of its own: looked up again there, where nobody else
    /// writes, and recorded before it is said.
    pub(super) async fn conclude_unasked(
        &self,
        rules: &Arc<Rules>,
        login: &Login,
        subject: &Subject,
        phase: Phase,
    ) -> Result<Outcome, StoreError> {
        let (store, login, subject) = (self.store.clone(), login.clone(), subject.clone());
        let rules = Arc::clone(rules);
        let rule = move |records: &mut Records<'_>, now: Moment| {
            let found = target(&mut records.read(), store.keys(), &login, &subject)?;
            let mut account = match found {
                Target::Account { id, uid } => records.read().account_of(id, uid, &[&login.subject])?,
                Target::Dummy { .. } => None,
            };
            let standing = standing(&found, account.as_ref());
            let of = (standing, account.as_ref());
            let (permitted, why) = match decided_now(records, &rules, &login, &found, of, now)? {
                Decision::Waive(permitted, why) => (permitted, why),
                Decision::Deny => {
                    let refusal = Refusal::new(Reason::Denied);
                    let account = match (account, found) {
                        (None, Target::Dummy { id, .. }) => Some(records.dummy(id)?),
                        (account, _) => account,
                    };
                    return refuse_unread(records, now.wall, account, &login, refusal);
                }
                Decision::Ask(_) | Decision::AskAndRefuse => {
                    return Ok(Ruling::Refused(Refusal::new(Reason::Altered)));
                }
            };
            // A stranger's visit is no sign that the account is looked after.
            if let (Standing::NotEnrolled, Some(uid), true) = (standing, found.uid(), login.attested) {
                grace::see(records, uid, now.wall, phase == Phase::Auth { reminds: true })?;
            }
            if let (Reason::SecurityKey, Some(account)) = (why, account.as_mut()) {
                let key = security_key(&rules, account, &login);
                for factor in account.state.factors.iter_mut().filter(|factor| Some(factor.id) == key) {
                    factor.last_used = Some(now.wall);
                }
                if phase == Phase::Account || !rules.learns_when_settled() {
                    account.state.later.visits.learn(login.visit(&rules), rules.seen_within, now.wall);
                }
                records.keep(account)?;
            }
            let event = Event::Waived { reason: RecordedReason(why) };
            records.audit(account.as_ref(), event, context(&login))?;
            Ok(Ruling::Waived(permitted, why))
        };
        self.store.write(rule).await.map(Outcome::from)
    }

    /// An account phase without a proof, at a service that must show one.
    pub async fn admit(&self, user: UserName, service: ServiceName, facts: &Facts) -> Result<Step, Failure> {
        let rules = self.rules()?;
        let enforced = rules.enforce_account.iter().any(|name| name.as_bytes() == service.as_bytes());
        if rules.is_off() || !enforced {
            return Ok(Step::waived(Reason::PolicyOff));
        }
        let (login, subject) = self.identify(&rules, user, service, facts).await?;
        let looked = self.look(&rules, &login, &subject).await?;
        if let Decision::Waive(..) = looked.decision
            && let Outcome::Waived(_, why) =
                self.conclude_unasked(&rules, &login, &subject, Phase::Account).await?
        {
            return Ok(Step::waived(why));
        }
        let reason = match looked.standing {
            Standing::NotEnrolled => Reason::NotEnrolled,
            _ => Reason::NoProof,
        };
        let refusal = Refusal::new(reason);
        let target = looked.target;
        let refused = self.store.write(move |records, now: Moment| {
            let account = record_of(records, target, &login)?;
            refuse_unread(records, now.wall, account, &login, refusal)
        });
        refused.await?.into_inner();
        Ok(Step::refused(
            refusal.reason,
            0,
            "A second factor is required here, and this login has none.".into(),
        ))
    }
}

/// What is said to a person who is let in without a factor, once a day, and never to a stranger: where a
/// session begins, for it is no question and must not be answered.
pub(super) fn reminder(
    sound: &mut Sound<'_>,
    rules: &Rules,
    login: &Login,
    target: &Target,
    standing: Standing,
    now: Moment,
) -> Result<Option<String>, StoreError> {
    let uid = target.uid().filter(|_| standing == Standing::NotEnrolled && login.attested);
    let Some(uid) = uid.filter(|uid| news::is_visit(Some(*uid), login)) else { return Ok(None) };
    if !grace::is_to_be_offered(sound, uid, now.wall)? {
        return Ok(None);
    }
    let demands = enrolling::demands(sound, rules, login, target, now)?;
    let grace = grace::ends(sound, rules, &demands.demanding, Some(uid), now)?;
    let may_enrol = may_enrol(rules, demands.is_any(), Leave::Wish, grace).is_some();
    let from = rules.required_from.filter(|_| demands.mode == Mode::Required);
    Ok(Some(words::reminder(from, now.wall, may_enrol)))
}
