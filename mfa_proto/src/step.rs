//! The one answer to every call of a login: what to do next.

use serde::{Deserialize, Serialize};
use zbus::Type;

/// A step of the dialogue, as it travels: `(uubuays)`.
///
/// `kind` and `reason` are numbers on the wire so that a newer daemon can be understood in part:
/// read them by [`Step::kind`] and [`Step::reason`]. An unknown kind is a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Step {
    /// [`Kind`] as a number.
    pub kind: u32,
    /// [`Reason`] as a number.
    pub reason: u32,
    /// Ask: whether what is typed may be shown.
    pub echo: bool,
    /// Ask: how long the question stays open. Refused: how long to wait. In seconds.
    pub seconds: u32,
    /// Ask: to be sent back with the answer. Proven and Waived: the ticket to settle with; empty when
    /// nothing is pending.
    pub token: Vec<u8>,
    /// Ask: the whole prompt, the question last. Proven: what the user must read now (backup codes),
    /// to be shown in a prompt; mostly empty. Otherwise what the user may be told, or empty.
    pub text: String,
}

/// What a step asks of the login process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Show `text`, read an answer, send it with `token`.
    Ask,
    /// The factor is proven, and the proof is on disk.
    Proven,
    /// Policy does not ask here. Never the outcome of an error.
    Waived,
    /// No.
    Refused,
}

impl Kind {
    const fn number(self) -> u32 {
        match self {
            Self::Ask => 0,
            Self::Proven => 1,
            Self::Waived => 2,
            Self::Refused => 3,
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $word:literal;)*) => {
        /// Why a step is what it is: for the log of the login host and the audit.
        ///
        /// What the user is told is in [`Step::text`], and is less.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// The number on the wire.
            pub const fn number(self) -> u32 { match self { $(Self::$name => $number),* } }
            /// The word in logs: `snake_case`, stable.
            pub const fn word(self) -> &'static str { match self { $(Self::$name => $word),* } }
            /// The reason that a number of the wire stands for.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
            /// The reason of that word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    /// Nothing to add: the first question, or a plain proof.
    Plain = 0, "plain";
    /// The code is not one of the account's.
    WrongCode = 1, "wrong_code";
    /// The code is right and was used before, or is older than one that was.
    Spent = 2, "spent_code";
    /// Too many tries from this door: `seconds` says how long to wait.
    Limited = 3, "limited";
    /// A factor is required and the account has none.
    NotEnrolled = 4, "not_enrolled";
    /// The door was closed by 100 failures in a row: an administrator opens it again.
    DoorClosed = 5, "door_closed";
    /// What was typed cannot be a code.
    NoCode = 6, "no_code";
    /// The question had expired, or was answered before.
    Expired = 7, "expired";
    /// Help was asked for.
    Help = 8, "help";
    /// A visible prompt was asked for.
    Visible = 9, "visible";
    /// The mode `off`: nobody is asked.
    PolicyOff = 10, "policy_off";
    /// The mode `observe`: the login was judged and not hindered.
    Observed = 11, "observed";
    /// The mode `optional`, and the account has no factor.
    Optional = 12, "optional";
    /// No such user.
    UnknownUser = 13, "unknown_user";
    /// The account's record does not verify: altered, or sealed under another key.
    Altered = 14, "altered_record";
    /// Every factor of the account is disabled, by 100 attested failures.
    Disabled = 15, "factor_disabled";
    /// The name and the uid belong to two different accounts.
    Ambiguous = 16, "ambiguous_account";
    /// The clock cannot be believed: the code's time is a day off what the stored clocks allow.
    Clock = 17, "clock_suspect";
    /// su did not say who calls it.
    NoCaller = 18, "no_caller";
    /// The host never had settings that can be used.
    NoSettings = 19, "no_settings";
    /// An account phase that must show a proof, and none was given in this login.
    NoProof = 20, "no_proof";
    /// Three tries were answered, or too many questions in one login.
    TriesUsedUp = 21, "tries_used_up";
    /// An administrator or the user locked the account.
    Locked = 22, "locked";
    /// A factor will be required, and until then nobody without one is hindered.
    Grace = 23, "grace";
    /// A factor is being enrolled in this login.
    Enrolling = 24, "enrolling";
    /// The host's policy does not let this account enrol by itself.
    MayNotEnrol = 25, "may_not_enrol";
    /// The code is of a counter too far ahead: the next one in a row is accepted.
    Ahead = 26, "token_ahead";
    /// Too many one-time codes are being checked at this moment: not judged, not counted.
    Busy = 27, "busy";
    /// An exemption, or a rule that skips.
    Exempt = 28, "exempt";
    /// An account of a program, without a factor.
    ServiceAccount = 29, "service_account";
    /// A proof of an earlier login is remembered.
    Remembered = 30, "remembered";
    /// An enrolled security key opened this login.
    SecurityKey = 31, "security_key";
    /// A rule lets nobody in.
    Denied = 32, "denied";
    /// The code is of a kind of factor that the host does not take.
    KindNotAllowed = 33, "kind_not_allowed";
}

impl Step {
    /// A question. `token` comes back with the answer.
    pub fn ask(reason: Reason, echo: bool, seconds: u32, token: Vec<u8>, text: String) -> Self {
        Self { kind: Kind::Ask.number(), reason: reason.number(), echo, seconds, token, text }
    }

    /// The factor is proven. `ticket` is empty when nothing is left to settle.
    pub fn proven(ticket: Vec<u8>) -> Self {
        Self { token: ticket, ..Self::last(Kind::Proven, Reason::Plain) }
    }

    /// Policy does not ask.
    pub fn waived(reason: Reason) -> Self {
        Self::last(Kind::Waived, reason)
    }

    /// Policy does not ask, and the user is to read `text`, if that is not empty.
    pub fn waived_and_told(reason: Reason, text: String) -> Self {
        Self { text, ..Self::waived(reason) }
    }

    /// No, and what the user may know of it.
    pub fn refused(reason: Reason, seconds: u32, text: String) -> Self {
        Self { seconds, text, ..Self::last(Kind::Refused, reason) }
    }

    fn last(kind: Kind, reason: Reason) -> Self {
        let (kind, reason) = (kind.number(), reason.number());
        Self { kind, reason, echo: false, seconds: 0, token: Vec::new(), text: String::new() }
    }

    /// What to do. A number that is not known is a refusal.
    pub fn kind(&self) -> Kind {
        match self.kind {
            0 => Kind::Ask,
            1 => Kind::Proven,
            2 => Kind::Waived,
            _ => Kind::Refused,
        }
    }

    /// Why, if the number is known.
    pub fn reason(&self) -> Option<Reason> {
        Reason::from_number(self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_on_the_wire_is_the_contract() {
        assert_eq!(Step::SIGNATURE.to_string(), "(uubuays)");
    }

    #[test]
    fn an_unknown_kind_is_a_refusal() {
        for kind in [3, 4, 7, u32::MAX] {
            let step = Step { kind, ..Step::proven(Vec::new()) };
            assert_eq!(step.kind(), Kind::Refused);
        }
    }

    #[test]
    fn reasons_have_one_number_and_one_word_each() {
        for (n, &reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason.number() as usize, n);
            assert_eq!(Reason::from_number(reason.number()), Some(reason));
            assert_eq!(Reason::from_word(reason.word()), Some(reason));
        }
        assert_eq!(Reason::from_number(u32::try_from(Reason::ALL.len()).unwrap()), None);
    }
}
