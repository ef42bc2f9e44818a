//! The state of one account: who it is, its factors and their replay marks, its doors and their
//! counts. One value, one version, one authentication code: it is read whole, decided upon and
//! written whole, so no part of it can be older than another.
//!
//! Unknown names have a state too, one of 4,096 shared ones without factors, so that they run out
//! of tries as real accounts do.

pub mod doors;
mod news;
mod open;
mod refusals;
mod remembered;
mod visits;

use mfa_proto::identity::{UnixTime, UserName};
use serde::{Deserialize, Serialize};

pub use doors::{Admitted, Door, DoorState, Doors, Network, Shape};
pub use news::{Change, ChangeKind, News, Used, Worry};
pub use open::{OpenVoucher, Origin, Pending, Voucher};
pub use refusals::{Refusals, Run};
pub use remembered::{Anchor, Coming, MEMORIES, Memory, MemoryId, Place, Remembered, Session, Times};
pub use visits::{Visit, Visits};

use crate::{
    factor::{BackupCodes, FactorKind, History, Matched, MovingFactor, SshSk},
    limits::ATTESTED_FAILURES,
    policy::Fingerprint,
};

/// The most guesses one answer is compared with, over all factors.
pub const CANDIDATES: usize = 24;

/// The most seeds whose marks an account keeps.
pub const SEEDS: usize = 64;

/// Names one generation of an account: random, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccountId(pub [u8; 16]);

/// Names a factor: random, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FactorId(pub [u8; 16]);

/// A keyed fingerprint of a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedPrint(pub [u8; 16]);

impl FactorId {
    /// 32 hexadecimal digits.
    pub fn hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }

    /// Reads [`FactorId::hex`].
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

/// A factor, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// Names its sealed row.
    pub id: FactorId,
    /// Counts the writes of its sealed row.
    pub version: u32,
    /// What it is.
    pub kind: FactorKind,
    /// What its user calls it.
    pub label: String,
    /// When it was confirmed.
    pub created: UnixTime,
    /// When it was last accepted.
    pub last_used: Option<UnixTime>,
    /// Whose mark counts.
    pub seed: SeedPrint,
    /// Failures in a row that were known to come after a right first factor.
    pub attested_failures: u32,
    /// The counter of the last code that was right and too far ahead.
    pub ahead: Option<MovingFactor>,
    /// Whether it came from another system, by an administrator's hand.
    pub imported: bool,
}

impl Factor {
    /// A factor that nobody has used, at the first version of its sealed seed.
    pub fn new(id: FactorId, kind: FactorKind, label: String, seed: SeedPrint, created: UnixTime) -> Self {
        Self {
            id,
            version: 1,
            kind,
            label,
            created,
            last_used: None,
            seed,
            attested_failures: 0,
            ahead: None,
            imported: false,
        }
    }

    /// Whether attested failures switched it off.
    pub fn is_disabled(&self) -> bool {
        self.attested_failures >= ATTESTED_FAILURES
    }
}

/// The replay mark of a seed. Outlives the factor, so that the same seed enrolled again revives
/// no code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedMark {
    /// Which seed.
    pub seed: SeedPrint,
    /// The highest moving factor that was accepted; none yet for a counter that never gave a code.
    pub mark: Option<MovingFactor>,
}

/// Why an account is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lock {
    /// An administrator did it.
    Administrator,
    /// The user did, who was attacked.
    NotMe,
}

/// Everything about an account but its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The uid, for a real account.
    pub uid: Option<u32>,
    /// The names it is found by, the one it was enrolled under first.
    pub names: Vec<UserName>,
    /// When it was made.
    pub created: UnixTime,
    /// Oldest first.
    pub factors: Vec<Factor>,
    /// Of every seed that ever was one of this account's.
    pub seeds: Vec<SeedMark>,
    /// Known and other doors.
    pub doors: Doors,
    /// At most one at a time.
    pub pending: Option<Pending>,
    /// At most one set.
    pub backup: Option<BackupCodes>,
    /// At most one at a time.
    pub voucher: Option<OpenVoucher>,
    /// Whether nobody gets in.
    pub locked: Option<Lock>,
    /// Whether there ever was a factor: then there is no grace.
    pub had_factor: bool,
    /// For the user.
    pub news: News,
    /// Written after the rest, where who does not know of it does not look.
    #[serde(skip)]
    pub later: Later,
}

/// What a later release of mfad added to the state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Later {
    /// What settled logins came with, and from where.
    pub visits: Visits,
    /// Proofs that count again for a time.
    pub remembered: Remembered,
    /// What cost no try and was refused lately.
    pub refusals: Refusals,
}

impl State {
    /// An account that nothing happened to yet.
    pub fn new(uid: Option<u32>, names: Vec<UserName>, now: UnixTime) -> Self {
        Self {
            uid,
            names,
            created: now,
            factors: Vec::new(),
            seeds: Vec::new(),
            doors: Doors::default(),
            pending: None,
            backup: None,
            voucher: None,
            locked: None,
            had_factor: false,
            news: News::default(),
            later: Later::default(),
        }
    }

    /// The bytes of its row.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let body = postcard::to_allocvec(self).ok()?;
        if self.later == Later::default() { Some(body) } else { postcard::to_extend(&self.later, body).ok() }
    }

    /// Reads [`State::encode`].
    pub fn decode(body: &[u8]) -> Option<Self> {
        let (state, rest) = postcard::take_from_bytes::<Self>(body).ok()?;
        let later = if rest.is_empty() { Later::default() } else { postcard::from_bytes(rest).ok()? };
        Some(Self { later, ..state })
    }

    /// Whether it has a factor, disabled ones included: a disabled factor is still required.
    pub fn is_enrolled(&self) -> bool {
        !self.factors.is_empty()
    }

    /// The apps and tokens: what gives a code, which every service takes.
    pub fn apps(&self) -> impl Iterator<Item = &Factor> {
        self.factors.iter().filter(|factor| factor.kind.gives_codes())
    }

    /// The security keys.
    pub fn ssh_keys(&self) -> impl Iterator<Item = &Factor> {
        self.factors.iter().filter(|factor| factor.kind.ssh_sk().is_some())
    }

    /// The security key among `passed` that is a second factor of this account: enrolled, by a
    /// signature with a PIN where `pin` asks for that, and the account not locked.
    pub fn ssh_key_among(&self, passed: &[Fingerprint], pin: bool) -> Option<FactorId> {
        let counts = |factor: &&Factor| {
            let key = factor.kind.ssh_sk().and_then(SshSk::signed);
            key.is_some_and(|signed| passed.contains(&signed.key) && (signed.pin || !pin))
        };
        self.factors.iter().filter(|_| self.locked.is_none()).find(counts).map(|factor| factor.id)
    }

    /// The factors a guess is compared with: as many as the candidate budget allows.
    pub fn usable(&self) -> impl Iterator<Item = &Factor> {
        let mut left = CANDIDATES;
        self.apps().filter(|factor| !factor.is_disabled()).take_while(move |factor| {
            let fits = factor.kind.candidates() <= left;
            left = left.saturating_sub(factor.kind.candidates());
            fits
        })
    }

    /// Whether one more factor of that kind would still be compared with every guess.
    pub fn has_room_for(&self, kind: &FactorKind, instead_of: Option<FactorId>) -> bool {
        let others = self.factors.iter().filter(|factor| Some(factor.id) != instead_of);
        others.map(|factor| factor.kind.candidates()).sum::<usize>() + kind.candidates() <= CANDIDATES
    }

    /// The factor that `name` means: its id, or a label that only one has.
    pub fn factor_named(&self, name: &str) -> Option<&Factor> {
        let by_id =
            FactorId::from_hex(name).and_then(|id| self.factors.iter().find(|factor| factor.id == id));
        let mut by_label = self.factors.iter().filter(|factor| factor.label == name);
        match (by_id, by_label.next(), by_label.next()) {
            (Some(factor), _, _) | (None, Some(factor), None) => Some(factor),
            _ => None,
        }
    }

    /// The replay mark of `seed`.
    pub fn mark(&self, seed: SeedPrint) -> Option<MovingFactor> {
        self.seeds.iter().find(|known| known.seed == seed)?.mark
    }

    /// Whether `seed` is, or ever was, one of this account's.
    pub fn knows(&self, seed: SeedPrint) -> bool {
        self.seeds.iter().any(|known| known.seed == seed)
    }

    /// What is known of the past of a factor's seed.
    pub fn history(&self, factor: &Factor) -> History {
        History { mark: self.mark(factor.seed), ahead: factor.ahead }
    }

    /// Raises the mark of `seed`; never lowers it. The marks of the seeds in use and of the latest
    /// others are kept: a seed that this daemon made and that ended comes back only by an
    /// administrator's hand, and then with a mark of its own.
    pub fn raise(&mut self, seed: SeedPrint, to: Option<MovingFactor>) {
        if let Some(known) = self.seeds.iter_mut().find(|known| known.seed == seed) {
            known.mark = known.mark.max(to);
            return;
        }
        let ended = |known: &SeedMark| !self.factors.iter().any(|factor| factor.seed == known.seed);
        if self.seeds.len() >= SEEDS
            && let Some(oldest) = self.seeds.iter().position(ended)
        {
            self.seeds.remove(oldest);
        }
        self.seeds.push(SeedMark { seed, mark: to });
    }

    /// Marks what matched as accepted; false where it was already, which two guesses at one backup
    /// code can come to.
    pub fn spend(&mut self, seed: Option<SeedPrint>, matched: Matched, now: UnixTime) -> bool {
        match (matched.moving_factor(), seed, matched.backup_place(), &mut self.backup) {
            (Some(moving), Some(seed), _, _) => {
                self.raise(seed, Some(moving));
                true
            }
            (_, _, Some(place), Some(backup)) => {
                let spent = backup.spend(place, now);
                if spent {
                    self.news.used(now);
                }
                spent
            }
            _ => false,
        }
    }

    /// Counts a wrong guess from `door` in a dialogue that has read the news before number `heard`, for every factor too when the first factor was known to be
    /// right, and for the news.
    pub fn fail(&mut self, admitted: Admitted, door: &Door, attested: bool, now: UnixTime, heard: u64) {
        self.reserve(admitted, door, attested, now);
        self.news.worry(now, door, attested, heard);
    }

    /// Counts a guess as wrong before it is judged: what costs a hash is counted first.
    pub fn reserve(&mut self, admitted: Admitted, door: &Door, attested: bool, now: UnixTime) {
        self.doors.fail(admitted, door, now);
        if attested {
            // What no code is compared with is switched off by none.
            for factor in self.factors.iter_mut().filter(|factor| factor.kind.gives_codes()) {
                factor.attested_failures = factor.attested_failures.saturating_add(1);
            }
        }
    }

    /// Takes back one failure that was counted before it was known that the guess was right.
    pub fn take_back(&mut self, door: &Door, attested: bool, now: UnixTime) {
        self.doors.take_back(door, Shape::OneTime, now);
        if attested {
            for factor in &mut self.factors {
                factor.attested_failures = factor.attested_failures.saturating_sub(1);
            }
        }
    }

    /// What a settled proof changes: the door is known, and no failure counts.
    pub fn settle(&mut self, door: &Door, shape: Shape, now: UnixTime) {
        self.doors.settle(door, shape, now);
        for factor in &mut self.factors {
            factor.attested_failures = 0;
        }
    }

    /// Whether settling a proof from `door` would change anything worth a transaction.
    pub fn settling_matters(&self, door: &Door, now: UnixTime) -> bool {
        self.factors.iter().any(|factor| factor.attested_failures > 0)
            || self.doors.settling_matters(door, now)
    }

    /// Opens every door and forgets every failure. Gives how many doors were closed or waiting.
    pub fn unlock(&mut self, now: UnixTime) -> u32 {
        for factor in &mut self.factors {
            factor.attested_failures = 0;
        }
        self.locked = None;
        self.doors.unlock(now)
    }

    /// Forgets what was seen of a factor that has ended: the key that it is opens nothing as a known device.
    pub fn forget_device_of(&mut self, ended: &Factor) {
        if let Some(signed) = ended.kind.ssh_sk().and_then(SshSk::signed) {
            self.later.visits.forget_device(signed.key);
        }
    }

    /// When a factor was last accepted.
    pub fn last_used(&self) -> Option<UnixTime> {
        self.factors.iter().filter_map(|factor| factor.last_used).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(n: u8) -> Factor {
        let kind = FactorKind::Totp(crate::factor::Totp::default());
        Factor::new(FactorId([n; 16]), kind, format!("phone {n}"), SeedPrint([n; 16]), UnixTime(0))
    }

    fn state() -> State {
        State::new(Some(1000), vec!["alice".into()], UnixTime(0))
    }

    // S10: only attested failures disable.
    #[test]
    fn a_factor_is_disabled_by_a_hundred_attested_failures_only() {
        for (attested, disabled) in [(false, false), (true, true)] {
            let mut state = state();
            state.factors.push(factor(1));
            let mut judged = 0;
            for n in 0..400u64 {
                let (door, now) =
                    (Door::Address(Network::V4([192, 0, 2, (n % 250) as u8])), UnixTime(n * 86_500));
                if let Ok(admitted) = state.doors.admit(&door, Shape::Numeric, now) {
                    state.fail(admitted, &door, attested, now, 0);
                    judged += 1;
                }
            }
            assert!(judged >= 100);
            assert_eq!(state.factors[0].is_disabled(), disabled);
            assert!(state.is_enrolled(), "a disabled factor is still required");
        }
    }

    #[test]
    fn candidates_stay_within_their_budget() {
        let mut state = state();
        for n in 0..20 {
            let kind = factor(n).kind;
            assert_eq!(state.has_room_for(&kind, None), n < 8);
            state.factors.push(factor(n));
        }
        assert_eq!(state.usable().map(|f| f.kind.candidates()).sum::<usize>(), CANDIDATES);
    }

    #[test]
    fn a_factor_is_named_by_its_id_or_by_a_label_of_its_own() {
        let mut state = state();
        state.factors.extend([factor(1), factor(2)]);
        let id = |name: &str| state.factor_named(name).map(|factor| factor.id);
        assert_eq!(id("phone 2"), Some(FactorId([2; 16])));
        assert_eq!(id(&FactorId([1; 16]).hex()), Some(FactorId([1; 16])));
        assert_eq!(id("phone"), None);
        state.factors[0].label = "phone 2".into();
        assert_eq!(state.factor_named("phone 2").map(|factor| factor.id), None, "which of the two?");
    }
}
