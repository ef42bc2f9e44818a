//! Grace: who is not hindered yet for having no factor.
//!
//! It runs from the date on which a factor became required, which is stored, to an end that the
//! settings say. It is for accounts that were there on that date or were seen without a factor
//! before it, and not for those that nobody used for a month: an old account that nobody looks
//! after is the one that an attacker enrols. (S19)

use mfa_proto::identity::UnixTime;

use crate::{
    policy::{Mode, Rules},
    store::{Records, Seen, Sound, Store, StoreError},
    world::Moment,
};

/// Without a login for so long, an account is dormant, in seconds.
const DORMANT: u64 = 30 * 86_400;
/// So long after an enrolment was offered in a login it is not offered again, in seconds.
const OFFERED: u64 = 20 * 3600;

/// Until when the user of that uid is not hindered; `None` where that time is over or never was.
pub(super) fn ends(
    sound: &mut Sound<'_>,
    rules: &Rules,
    uid: Option<u32>,
    now: UnixTime,
) -> Result<Option<UnixTime>, StoreError> {
    if rules.mode != Mode::Required || rules.grace == 0 {
        return Ok(None);
    }
    let (Some(since), Some(uid)) = (sound.required_since()?, uid) else { return Ok(None) };
    let Some(seen) = sound.seen(uid)? else { return Ok(None) };
    let ends = since.plus(rules.grace);
    Ok((now < ends && now.since(seen.time) <= DORMANT).then_some(ends))
}

/// Whether the user of that uid is to be offered an enrolment in this login.
pub(super) fn is_to_be_offered(sound: &mut Sound<'_>, uid: u32, now: UnixTime) -> Result<bool, StoreError> {
    Ok(sound.seen(uid)?.is_none_or(|seen| seen.offered > now || now.since(seen.offered) >= OFFERED))
}

/// Records that the user of that uid was there without a factor, and whether an enrolment was offered.
pub(super) fn see(
    records: &mut Records<'_>,
    uid: u32,
    now: UnixTime,
    offered: bool,
) -> Result<(), StoreError> {
    let before = records.read().seen(uid)?.map_or(UnixTime(0), |seen| seen.offered);
    records.see(uid, Seen { time: now, offered: if offered { now } else { before } })
}

/// Stores the date on which a factor became required, and who was there; or that none is required.
pub async fn keep_date(store: &Store, rules: &Rules) -> Result<(), StoreError> {
    let required = rules.mode == Mode::Required;
    if store.read(|sound| sound.required_since()).await?.is_some() == required {
        return Ok(());
    }
    let uids = if required { store.world().names.uids_of_file().unwrap_or_default() } else { Vec::new() };
    let keep = store.write(move |records: &mut Records<'_>, now: Moment| {
        records.require_since(required.then_some(now.wall));
        for &uid in &uids {
            if records.read().seen(uid)?.is_none() {
                see(records, uid, now.wall, false)?;
            }
        }
        Ok(())
    });
    keep.await.map(crate::store::Committed::into_inner)
}
