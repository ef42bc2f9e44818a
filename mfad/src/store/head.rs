//! The head: one row that stands for all others. It holds the end of the audit chain, a digest
//! of every account (id, uid, name, version of its state), and the clocks of the last commit.
//!
//! The digest is the exclusive or of one authentication code an account (an incremental set
//! hash), so a login changes it in two steps and a start checks 100,000 accounts in one pass.
//! Where it does not agree, absence proves nothing: who has no account is refused, not exempt.

use std::collections::{BTreeMap, BTreeSet};

use mfa_proto::identity::UnixTime;
use serde::{Deserialize, Serialize};

use super::{
    RosterEntry, Rows, StoreError, Txn,
    ended::{Ended, Since},
    rows::MetaKey,
};
use crate::{
    audit::NOTHING,
    crypto::{Keys, Purpose, Tag},
    world::Moment,
};

/// How long the clocks must have agreed before the wall clock is believed for good, in milliseconds.
const STEADY_MS: u64 = 3_600_000;

/// How old a boot must be before its wall clock is held to what it showed, in milliseconds: a machine without a clock
/// that runs while it is off begins somewhere in the past, and is set right by the network within that time.
const BOOTED_MS: u64 = 600_000;

/// What the host's own mode is called among those that demand a factor.
const POLICY: &str = "policy";

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The seq of the last audit row; 0 when there is none.
    pub audit_seq: u64,
    /// The code of the last audit row.
    pub audit_tag: Tag,
    /// How many accounts there are.
    pub accounts: u64,
    /// Of all accounts.
    pub digest: Tag,
    /// Of the last commit; `None` before the first.
    pub clock: Option<Moment>,
    /// How long machines with this store ran up to that commit, all boots together, in milliseconds:
    /// what a clock that is set back does not take back.
    pub ran_ms: u64,
    /// Since when the host's own mode demands a factor, on the wall clock and in `ran_ms`; `None` where it does
    /// not.
    pub required_since: Option<Since>,
    /// Written after the rest, where who does not know of it does not look.
    #[serde(skip)]
    pub later: Later,
    /// Written after that, likewise.
    #[serde(skip)]
    ended: Ended,
}

/// What a later release of mfad added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Later {
    /// Since when every other part of the rules that demands a factor does, by its name, as in
    /// [`Head::required_since`].
    others_since: BTreeMap<String, Since>,
    /// Of the exemptions that were granted from the command line, as they lie in their row; zeros where there is none.
    pub granted: Tag,
    /// Since when the wall clock has gone as the boot clock has.
    agrees_since: Option<Moment>,
    /// The latest that the wall clock showed when it had gone so for an hour: the dates that are over by then stay over.
    pub latest: UnixTime,
    /// When the wall clock was last trusted: codes of more than a day beyond what it makes now are of a wrong clock.
    pub(super) trusted: Option<Moment>,
    /// When tokens that are too old were last forgotten.
    pub(super) forgot: Option<Moment>,
}

impl Head {
    /// Gives a new store its first head: from then on, a store without one is not ours.
    pub(super) fn begin(txn: &mut dyn Txn, keys: &Keys) -> Result<(), StoreError> {
        let empty = Self {
            audit_seq: 0,
            audit_tag: NOTHING,
            accounts: 0,
            digest: [0; 32],
            clock: None,
            ran_ms: 0,
            required_since: None,
            later: Later::default(),
            ended: Ended::default(),
        };
        txn.set_meta(MetaKey::Head, &empty.encode(keys)?)
    }

    /// How long machines with this store ran up to `now`, in milliseconds. Over a reboot, the time
    /// since the machine started; what ran before it unseen is not counted.
    pub fn ran_ms_at(&self, now: &Moment) -> u64 {
        let since = match self.clock {
            Some(before) if before.boot == now.boot => now.boot_ms.saturating_sub(before.boot_ms),
            Some(_) => now.boot_ms,
            None => 0,
        };
        self.ran_ms.saturating_add(since)
    }

    /// Reads and verifies the head.
    pub fn read(rows: &mut dyn Rows, keys: &Keys) -> Result<Self, StoreError> {
        let stored = rows.meta(MetaKey::Head)?.ok_or(StoreError::WrongKey)?;
        let (tag, body) = stored.split_at_checked(32).ok_or(StoreError::Malformed("meta"))?;
        if !keys.verify(Purpose::Meta, &[b"head", body], tag) {
            return Err(StoreError::WrongKey);
        }
        let malformed = |_| StoreError::Malformed("meta");
        let (mut head, rest) = postcard::take_from_bytes::<Self>(body).map_err(malformed)?;
        if !rest.is_empty() {
            let (later, rest) = postcard::take_from_bytes(rest).map_err(malformed)?;
            head.later = later;
            if !rest.is_empty() {
                head.ended = postcard::from_bytes(rest).map_err(malformed)?;
            }
        }
        Ok(head)
    }

    /// The bytes of its row.
    pub(super) fn encode(&self, keys: &Keys) -> Result<Vec<u8>, StoreError> {
        let mut body = postcard::to_allocvec(self).map_err(|_| StoreError::Malformed("meta"))?;
        let has_ended = self.ended != Ended::default();
        if has_ended || self.later != Later::default() {
            body = postcard::to_extend(&self.later, body).map_err(|_| StoreError::Malformed("meta"))?;
        }
        if has_ended {
            body = postcard::to_extend(&self.ended, body).map_err(|_| StoreError::Malformed("meta"))?;
        }
        Ok([&keys.tag(Purpose::Meta, &[b"head", &body])[..], &body].concat())
    }

    /// Takes note of the clocks of a commit; `jumped`: whether the wall clock did since the one before. One that is set
    /// forward by mistake ends no date for good, where it is set right within the hour.
    pub(super) fn tell_time(&mut self, now: Moment, jumped: bool) {
        let since = self.later.agrees_since.filter(|_| !jumped);
        let agreed_ms = since.and_then(|since| now.boot_ms_since(&since));
        let steady = agreed_ms >= Some(STEADY_MS);
        if agreed_ms.is_none() {
            self.later.agrees_since = Some(now);
        } else if steady {
            self.later.latest = self.later.latest.max(now.wall);
        }
        let same_boot = self.later.trusted.map(|trusted| trusted.boot == now.boot);
        match same_boot {
            Some(true) if !steady => {} // goes on by the boot clock, wherever the wall clock was set
            None | Some(false) if now.boot_ms < BOOTED_MS => {}
            _ => self.later.trusted = Some(now),
        }
    }

    /// Whether the wall clock has gone as the boot clock has for an hour.
    pub fn is_steady_at(&self, now: &Moment) -> bool {
        self.later.agrees_since.and_then(|since| now.boot_ms_since(&since)) >= Some(STEADY_MS)
    }

    /// The wall clock is right as it is, whatever it showed before: by the word of somebody who may say so.
    pub(super) fn trust(&mut self, now: Moment) {
        self.later.trusted = Some(now);
        self.later.agrees_since = Some(now);
        self.later.latest = self.later.latest.min(now.wall);
    }

    /// What the wall clock should show now, by the one that was last trusted and the boot clock since; `None` where
    /// nothing can be said, and it is believed as it is.
    ///
    /// Trusted is a clock that has gone as the boot clock has for an hour. One that is set years ahead is not, however
    /// many commits see it and whoever makes them, so it poisons no mark. Over a reboot nothing is known of how long the
    /// machine was off: the first ten minutes believe any clock, and after them the one that is met first. So whoever can
    /// boot the host with a wrong clock, or answers for its time server just then, still poisons the marks of those
    /// who log in; and so does who keeps the clock wrong for an hour unseen, though the alarm of the jump was raised.
    pub fn trusted_at(&self, now: &Moment) -> Option<UnixTime> {
        let trusted = self.later.trusted?;
        let gone_ms = now.boot_ms_since(&trusted)?;
        Some(trusted.wall.plus(gone_ms / 1000).max(self.later.latest))
    }

    /// All that demands a factor, by name, in order.
    pub fn demanding(&self) -> BTreeSet<&str> {
        let policy = self.required_since.map(|_| POLICY);
        policy.into_iter().chain(self.later.others_since.keys().map(String::as_str)).collect()
    }

    /// Since when that part of the rules demands a factor.
    pub fn demanded_since(&self, name: &str) -> Option<Since> {
        if name == POLICY { self.required_since } else { self.later.others_since.get(name).copied() }
    }

    /// Whether that is what it has: these demand a factor, and the settings have modes do so from that date on.
    pub fn has_taken(&self, demanding: &[String], from: Option<UnixTime>) -> bool {
        self.demanding() == demanding.iter().map(String::as_str).collect()
            && (demanding.is_empty() || self.ended.from == from)
    }

    /// Whether settings with that date begin anew: it is another one, and still ahead.
    pub fn begins_anew(&self, from: Option<UnixTime>, now: UnixTime) -> bool {
        self.ended.from != from && from.is_some_and(|from| from > now)
    }

    /// From now on these demand a factor, and no others. Those that did keep their date, and those that did once have
    /// it again: gives these.
    pub fn demand(
        &mut self,
        demanding: &[String],
        from: Option<UnixTime>,
        now: Since,
    ) -> Vec<(String, UnixTime)> {
        let mut before = std::mem::take(&mut self.later.others_since);
        before.extend(self.required_since.take().map(|since| (POLICY.to_owned(), since)));
        let mut again = Vec::new();
        for name in demanding {
            let since = before.remove(name).or_else(|| {
                let since = self.ended.take(name)?;
                again.push((name.clone(), since.0));
                Some(since)
            });
            let since = since.unwrap_or(now);
            if name == POLICY {
                self.required_since = Some(since);
            } else {
                self.later.others_since.insert(name.clone(), since);
            }
        }
        for (name, since) in before {
            self.ended.put(&name, since);
        }
        if !demanding.is_empty() {
            self.ended.from = from;
        }
        again
    }

    /// Takes the account with its state's version into the digest, or out of it again.
    pub(super) fn toggle(&mut self, keys: &Keys, entry: &RosterEntry) {
        toggle(&mut self.digest, keys, entry);
    }

    /// Whether the roster is as the head says.
    pub(super) fn roster_agrees(rows: &mut dyn Rows, keys: &Keys) -> Result<bool, StoreError> {
        let head = Self::read(rows, keys)?;
        let (mut digest, mut found) = ([0; 32], 0);
        rows.each_account(&mut |entry| {
            toggle(&mut digest, keys, entry);
            found += 1;
        })?;
        Ok(digest == head.digest && found == head.accounts)
    }
}

fn toggle(digest: &mut Tag, keys: &Keys, entry: &RosterEntry) {
    let (uid, version) = (entry.uid.to_le_bytes(), entry.version.to_le_bytes());
    let tag = keys.tag(Purpose::Meta, &[b"roster", &entry.id.0, &uid, entry.name.as_bytes(), &version]);
    for (byte, other) in digest.iter_mut().zip(tag) {
        *byte ^= other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let later = Later { latest: UnixTime(7), ..Later::default() };
        Head {
            audit_seq: 3,
            audit_tag: [1; 32],
            accounts: 2,
            digest: [2; 32],
            clock: None,
            ran_ms: 9,
            required_since: None,
            later,
            ended: Ended::default(),
        }
    }

    fn body(head: &Head) -> Vec<u8> {
        let keys = Keys::new(&mfa_proto::secret::Secret::new([1; crate::crypto::KEY_BYTES]));
        head.encode(&keys).unwrap()[32..].to_vec()
    }

    // S6: a store that is new when its host boots for the first time, before the network has set its clock.
    #[test]
    fn the_first_clock_of_all_is_trusted_once_its_boot_is_ten_minutes_old() {
        let (mut head, boot) = (head(), [1; 16]);
        let at = |boot_ms, wall| Moment { wall: UnixTime(wall), boot_ms, boot };
        head.tell_time(at(1000, 5), false);
        assert_eq!(head.trusted_at(&at(2000, 6)), None);
        head.tell_time(at(600_000, 1_000_000), true);
        assert_eq!(head.trusted_at(&at(601_000, 9)), Some(UnixTime(1_000_001)));
    }

    // S6: a clock that was years ahead for long enough to be believed.
    #[test]
    fn the_word_that_the_clock_is_right_takes_back_what_it_showed() {
        let (mut head, boot) = (head(), [1; 16]);
        let at = |boot_ms, wall| Moment { wall: UnixTime(wall), boot_ms, boot };
        head.tell_time(at(1_000_000, 9_000_000), false);
        head.tell_time(at(5_000_000, 9_004_000), false);
        assert_eq!(head.later.latest, UnixTime(9_004_000));
        head.trust(at(5_001_000, 400));
        assert_eq!(head.later.latest, UnixTime(400));
        assert_eq!(head.trusted_at(&at(5_003_000, 402)), Some(UnixTime(402)));
        assert!(!head.is_steady_at(&at(5_003_000, 402)));
        assert!(head.is_steady_at(&at(8_601_000, 4000)));
    }

    // S19
    #[test]
    fn what_demands_again_has_the_date_that_it_had() {
        let (mut head, day) = (head(), |n| (UnixTime(n), n));
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let all = names(&["policy", "group ops", "rule r"]);
        assert_eq!(head.demand(&all, None, day(1)), []);
        assert_eq!(head.demand(&[], None, day(2)), []);
        assert_eq!(head.demanded_since("rule r"), None);
        let again = head.demand(&all, None, day(3));
        assert_eq!(again.len(), 3);
        assert!(all.iter().all(|name| head.demanded_since(name) == Some(day(1))), "{head:?}");
        let _ = head.demand(&names(&["rule r", "rule s"]), None, day(4));
        assert_eq!(
            [head.demanded_since("rule r"), head.demanded_since("rule s")],
            [Some(day(1)), Some(day(4))]
        );
    }

    // What the release before reads of it, and writes again, lacks what that does not know.
    #[test]
    fn the_release_before_reads_this_head_and_this_one_its() {
        let (mut new, demanding) = (head(), ["rule r".to_owned()]);
        let _ = new.demand(&demanding, Some(UnixTime(5)), (UnixTime(1), 1));
        let _ = new.demand(&["policy".to_owned()], Some(UnixTime(5)), (UnixTime(2), 2));
        let bytes = body(&new);
        let (mut old, rest) = postcard::take_from_bytes::<Head>(&bytes).unwrap();
        old.later = postcard::from_bytes(rest).unwrap();
        assert_eq!((old.required_since, old.later.latest), (Some((UnixTime(2), 2)), UnixTime(7)));
        assert_eq!(Head { ended: new.ended.clone(), ..old.clone() }, new);
        let mut written = postcard::to_allocvec(&old).unwrap();
        written = postcard::to_extend(&old.later, written).unwrap();
        assert_eq!(body(&old), written, "without anything that ended it is as it was");
    }
}
