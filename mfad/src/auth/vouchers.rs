//! What administrators hand out: invitations and recovery codes. Each is one code, good once and
//! for a time that two clocks count, and it logs nobody in: it lets its user enrol. (S16, S17, S19)

use mfa_proto::{
    admin::Why,
    fault::Fault,
    one_time::{ENTROPY_BYTES, OneTimeCode, Purpose},
};

use super::{Auth, Failure, administer::Authority, own::altered, step_up::FreshProof};
use crate::{
    account::{AccountId, ChangeKind, OpenVoucher, Voucher},
    audit::Event,
    store::{Context, Found, Hashes, Records},
    world::{Moment, Person, random},
};

/// The longest an invitation may be good, in hours.
const LONGEST_HOURS: u32 = 30 * 24;
/// How long an invitation is good where nothing is said, in hours.
const DEFAULT_HOURS: u32 = 72;

impl Auth {
    /// Invites a user without a factor to enrol.
    pub async fn user_invite(
        &self,
        user: Vec<u8>,
        hours: u32,
        why: Why,
        proven: Option<FreshProof>,
    ) -> Result<String, Failure> {
        let authority = Authority::of(proven.as_ref(), why)?;
        let hours = if hours == 0 { DEFAULT_HOURS } else { hours };
        if hours > LONGEST_HOURS {
            return Err(Failure::new(Fault::InvalidArgument, "an invitation is good for 30 days at most"));
        }
        let event = move || Event::Invited { act: authority.act(), hours };
        self.hand_out(user, Voucher::Invitation, hours, event).await
    }

    /// Lets a user who lost everything enrol again, where policy has administrators do that. The old factors go on
    /// until then. Gives the code, and for how many hours it is good.
    pub async fn user_recover(
        &self,
        user: Vec<u8>,
        verified_by: String,
        ticket: String,
        why: Why,
        proven: Option<FreshProof>,
    ) -> Result<(String, u32), Failure> {
        let authority = Authority::of(proven.as_ref(), why)?;
        let recovery = self.rules()?.recovery.clone();
        if !recovery.by_administrator {
            let said =
                "no administrator recovers accounts here: [recovery] admin_recovery = \"never\" in mfad.toml";
            return Err(Failure::new(Fault::NotPermitted, said));
        }
        if verified_by.trim().is_empty() || verified_by.len() + ticket.len() > 512 {
            let said = "how the user's identity was verified is needed, in at most 512 bytes";
            return Err(Failure::new(Fault::InvalidArgument, said));
        }
        let event = move || Event::RecoveryGiven {
            act: authority.act(),
            verified_by: verified_by.clone(),
            ticket: ticket.clone(),
        };
        let code = self.hand_out(user, Voucher::Recovery, recovery.hours, event).await?;
        Ok((code, recovery.hours))
    }

    async fn hand_out(
        &self,
        user: Vec<u8>,
        what: Voucher,
        hours: u32,
        event: impl Fn() -> Event + Send + 'static,
    ) -> Result<String, Failure> {
        let name = mfa_proto::identity::UserName::new(user);
        let person = self.world().names.by_name(&name).await?;
        let person =
            person.ok_or_else(|| Failure::new(Fault::NotFound, format!("there is no user {name}")))?;
        let (id, is_new) = self.account_for(&person).await?;
        let purpose = match what {
            Voucher::Invitation => Purpose::Invitation,
            Voucher::Recovery => Purpose::Recovery,
        };
        let entropy = zeroize::Zeroizing::new(random::<ENTROPY_BYTES>(&*self.world().entropy)?);
        let code = OneTimeCode::new(purpose, &entropy);
        let hash = self.hash(id, &code).await?;
        let row = random(&*self.world().entropy)?;
        let give = move |records: &mut Records<'_>, now: Moment| {
            let mut account = match records.read().find(person.uid, &[&person.name])? {
                Found::One(found) if found == id => match records.read().account(id)? {
                    Some(account) => account,
                    None => return Ok(Err(altered())),
                },
                Found::Nobody if is_new => records.create(id, person.uid, &person.name)?,
                _ => return Ok(Err(changed())),
            };
            if what == Voucher::Invitation && account.state.is_enrolled() {
                let said = "that user has a factor; who lost it is recovered (mfactl user recover)";
                return Ok(Err(Failure::new(Fault::AlreadyEnrolled, said)));
            }
            if let Some(before) = account.state.voucher.take() {
                records.end(before.hash)?;
            }
            // What was begun on an earlier one ends with it.
            if let Some(pending) = account.state.pending.take_if(|pending| pending.by.is_some()) {
                records.discard(pending.id.0)?;
            }
            if what == Voucher::Recovery {
                account.state.news.add(now.wall, ChangeKind::RecoveryGiven);
            }
            records.put_hashes(&account, row, Hashes::Voucher(what), &[hash])?;
            let seconds = u64::from(hours) * 3600;
            account.state.voucher = Some(OpenVoucher {
                hash: row,
                what,
                made: now.wall,
                ends: now.wall.plus(seconds),
                ends_ran_ms: records.ran_ms().saturating_add(seconds * 1000),
            });
            records.keep(&mut account)?;
            records.audit(Some(&account), event(), Context::user(&person.name))?;
            Ok(Ok(()))
        };
        self.store.write(give).await?.into_inner()?;
        Ok(code.for_people().to_string())
    }

    /// The account of a user of this host; or the id of the one that is to be made, and that it is.
    async fn account_for(&self, person: &Person) -> Result<(AccountId, bool), Failure> {
        let (who, new) = (person.clone(), AccountId(random(&*self.world().entropy)?));
        let found = self.store.read(move |sound| sound.find(who.uid, &[&who.name])).await?;
        match found {
            Found::One(id) => Ok((id, false)),
            Found::Nobody => Ok((new, true)),
            Found::Ambiguous | Found::Unproven => Err(altered()),
        }
    }
}

/// Somebody else made or removed the account meanwhile.
fn changed() -> Failure {
    Failure::new(Fault::Unavailable, "that account changed at this moment: try again")
}
