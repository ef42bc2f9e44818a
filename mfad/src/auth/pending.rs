//! An enrolment that waits for its code: put in place, counted, and made a factor of.

use mfa_proto::identity::UnixTime;

use crate::{
    account::{Factor, Pending, Visits, Voucher},
    audit::Event,
    store::{Account, Context, Records, StoreError},
};

/// How long an enrolment waits for its code, in seconds.
pub(super) const PENDING: u64 = 15 * 60;
/// Wrong codes that end an enrolment.
const WRONG: u32 = 5;

/// Whether an enrolment can still be confirmed. A clock that was set back to before the beginning
/// does not make it live longer.
pub(super) fn is_open(pending: &Pending, now: UnixTime) -> bool {
    now >= pending.began && now.since(pending.began) < PENDING
}

/// Whether an enrolment may still become a factor: what it was begun on may have passed. A first
/// factor by wish is none any more where another has come.
pub(super) fn still_allowed(account: &Account, pending: &Pending) -> bool {
    let first = !account.state.is_enrolled() || pending.proven || pending.by == Some(Voucher::Recovery);
    account.state.locked.is_none() && first
}

/// Puts an enrolment into the account, in place of an earlier one, and seals its seed.
pub(super) fn put(
    records: &mut Records<'_>,
    account: &mut Account,
    pending: Pending,
    seed: &[u8],
) -> Result<(), StoreError> {
    if let Some(before) = account.state.pending.take() {
        records.discard(before.id.0)?;
    }
    records.put_seed(account, pending.id, 1, &pending.kind, seed)?;
    account.state.pending = Some(pending);
    Ok(())
}

/// Counts a wrong confirmation; whether the enrolment is still open after it. Keeps the account.
pub(super) fn count_wrong(
    records: &mut Records<'_>,
    account: &mut Account,
    pending: Pending,
) -> Result<bool, StoreError> {
    if pending.failures + 1 >= WRONG {
        give_up(records, account)?;
        return Ok(false);
    }
    account.state.pending = Some(Pending { failures: pending.failures + 1, ..pending });
    records.keep(account)?;
    Ok(true)
}

/// Ends an enrolment that did not become a factor. Keeps the account.
pub(super) fn give_up(records: &mut Records<'_>, account: &mut Account) -> Result<(), StoreError> {
    if let Some(pending) = account.state.pending.take() {
        records.discard(pending.id.0)?;
    }
    records.keep(account)
}

/// Makes a factor of an enrolment whose code was right, and ends what it replaces: one factor, or
/// after a recovery all of them with their backup codes. Keeps the account.
pub(super) fn bind(
    records: &mut Records<'_>,
    account: &mut Account,
    pending: Pending,
    now: UnixTime,
    context: Context<'_>,
) -> Result<(), StoreError> {
    let (replaces, by) = (pending.replaces, pending.by);
    let ends = |factor: &Factor| by == Some(Voucher::Recovery) || Some(factor.id) == replaces;
    let (ended, kept): (Vec<_>, Vec<_>) =
        std::mem::take(&mut account.state.factors).into_iter().partition(ends);
    for factor in &ended {
        account.state.forget_device_of(factor);
        records.end(factor.id.0)?;
    }
    account.state.factors = kept;
    if by.is_some()
        && let Some(voucher) = account.state.voucher.take()
    {
        records.end(voucher.hash)?;
    }
    if by == Some(Voucher::Recovery) {
        account.state.later.visits = Visits::default(); // who has the lost factor may have what was seen with it
    }
    if by == Some(Voucher::Recovery)
        && let Some(set) = account.state.backup.take()
    {
        set.hashes.map_or(Ok(()), |row| records.end(row))?;
    }
    let factor = confirmed(pending, now);
    let label = factor.label.clone();
    account.state.factors.push(factor);
    account.state.had_factor = true;
    account.state.pending = None;
    if let Some(uid) = account.state.uid {
        records.unsee(uid)?; // whoever has had a factor has no grace
    }
    records.keep(account)?;
    for factor in ended {
        records.audit(Some(account), Event::Ended { label: factor.label }, context)?;
    }
    records.audit(Some(account), Event::Enrolled { label }, context)
}

/// The factor that an enrolment becomes.
pub(super) fn confirmed(pending: Pending, now: UnixTime) -> Factor {
    let Pending { id, kind, label, seed, .. } = pending;
    Factor::new(id, kind, label, seed, now)
}
