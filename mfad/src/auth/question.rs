//! What travels between two calls of a login: sealed, so that only mfad reads or makes it, and
//! good once (its nonce is spent in the transaction that answers it).
//!
//! A token's age is taken on the boot clock: setting the wall clock neither ends nor extends it,
//! and none outlives a reboot.

use mfa_proto::{
    identity::{ServiceName, UserName},
    names::{QUESTION_SECONDS, TICKET_SECONDS},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::verdict::Binds;
use crate::{
    account::{AccountId, Anchor, Door, FactorId},
    crypto::{DoesNotOpen, Keys},
    policy::{Fingerprint, Signals},
    world::{Entropy, Moment, NoEntropy, random},
};

/// How mfad was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Via {
    /// By root, for a login of anybody.
    Login,
    /// By a user, for the own account: nothing is bound.
    Locker(u32),
    /// By a user, before a change of the own account.
    OwnChange(u32),
    /// By root, before an administrator's change.
    AdminChange,
}

/// Where a dialogue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The ordinary question.
    Code,
    /// The offer to enrol.
    Offer,
    /// The code of that enrolment, which this dialogue has shown.
    Shown(FactorId),
    /// The code of that enrolment, which an earlier login has shown: its secret is shown no more.
    Resumed(FactorId),
}

/// Who is asked, where and for what: the context that every row and word is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// How mfad was asked.
    pub via: Via,
    /// `PAM_USER`.
    pub user: UserName,
    /// Whose factor is asked: `user`, or who calls su.
    pub subject: UserName,
    /// The PAM service.
    pub service: ServiceName,
    /// Where it comes from.
    pub door: Door,
    /// Whether the first factor is known to be right.
    pub attested: bool,
    /// What else is known of it.
    pub signals: Signals,
    /// Every security key that passed, at sshd.
    pub keys: Vec<Fingerprint>,
    /// What more a memory of it is bound to.
    pub anchor: Anchor,
}

/// The record that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// An account, found for that uid.
    Account {
        /// Which.
        id: AccountId,
        /// The subject's uid.
        uid: u32,
    },
    /// Nobody's: the shared record of unknown names, and why.
    Dummy {
        /// One of 4,096.
        id: AccountId,
        /// Why there is no account.
        why: NoAccount,
        /// The subject's uid, where that is somebody's.
        uid: Option<u32>,
    },
}

impl Target {
    /// The account and the subject's uid, where there is one.
    pub fn account(&self) -> Option<(AccountId, u32)> {
        match self {
            Self::Account { id, uid } => Some((*id, *uid)),
            Self::Dummy { .. } => None,
        }
    }

    /// The subject's uid, where that is somebody's.
    pub fn uid(&self) -> Option<u32> {
        match self {
            Self::Account { uid, .. } => Some(*uid),
            Self::Dummy { uid, .. } => *uid,
        }
    }
}

/// Why nothing that is answered can be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoAccount {
    /// Nobody has that name.
    Unknown,
    /// A user of the host without a factor.
    NotEnrolled,
    /// The uid and the names lead to two accounts.
    Ambiguous,
    /// The roster was altered: absence is not proven.
    Unproven,
    /// su did not say who calls.
    NoCaller,
}

/// A question that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Spent by the answer.
    pub nonce: [u8; 16],
    /// When it was asked.
    pub asked: Moment,
    /// The login.
    pub login: Login,
    /// Whose record.
    pub target: Target,
    /// Where the dialogue is.
    pub stage: Stage,
    /// What came before it.
    pub so_far: SoFar,
}

/// How far a dialogue has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoFar {
    /// Answers of this login that were tries.
    pub tries: u8,
    /// Answers of this login, all of them.
    pub rounds: u8,
    /// Which news its user has not read: from this number on.
    pub heard: u64,
    /// Whether there was something to read.
    pub told: bool,
    /// When the login began, in milliseconds of its boot; 0: not known.
    pub began_ms: u64,
}

/// What an auth phase proved and did not bind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Spent by settling.
    pub nonce: [u8; 16],
    /// When it was proven.
    pub proven: Moment,
    /// The login.
    pub login: Login,
    /// Whose account.
    pub account: AccountId,
    /// The subject's uid.
    pub uid: u32,
    /// What is bound of a proof; `None` where a security key let the login by: what it came with is learnt, no more.
    pub binds: Option<Binds>,
    /// When the login began, in milliseconds of its boot; 0: not known.
    pub began_ms: u64,
}

/// A token of one kind.
pub trait Token: Serialize + DeserializeOwned {
    /// Keeps kinds apart.
    const KIND: &'static [u8];
    /// How long it is good, in seconds.
    const SECONDS: u32;
    /// When it was made.
    fn made(&self) -> Moment;

    /// Seals it.
    fn seal(&self, keys: &Keys, entropy: &dyn Entropy) -> Result<Vec<u8>, NoEntropy> {
        let bytes = postcard::to_allocvec(self).unwrap_or_default(); // to memory: cannot fail
        keys.seal_token(entropy, Self::KIND, &bytes)
    }

    /// Opens one, of whatever age.
    fn open(keys: &Keys, sealed: &[u8]) -> Result<Self, DoesNotOpen> {
        let bytes = keys.open_token(Self::KIND, sealed)?;
        postcard::from_bytes(bytes.expose()).map_err(|_| DoesNotOpen)
    }

    /// Whether it is still good at `now`.
    fn is_good(&self, now: &Moment) -> bool {
        now.boot_ms_since(&self.made()).is_some_and(|ms| ms < u64::from(Self::SECONDS) * 1000)
    }

    /// Until when its nonce must be remembered, in milliseconds of its boot.
    fn until_ms(&self) -> u64 {
        self.made().boot_ms.saturating_add(u64::from(Self::SECONDS) * 1000)
    }
}

impl Token for Question {
    const KIND: &'static [u8] = b"question";
    const SECONDS: u32 = QUESTION_SECONDS;
    fn made(&self) -> Moment {
        self.asked
    }
}

impl Token for Ticket {
    const KIND: &'static [u8] = b"ticket";
    const SECONDS: u32 = TICKET_SECONDS;
    fn made(&self) -> Moment {
        self.proven
    }
}

/// A nonce for a token.
pub fn nonce(entropy: &dyn Entropy) -> Result<[u8; 16], NoEntropy> {
    random(entropy)
}
