//! Why a login's dialogue ended as it did, for the person at it.

use mfa_proto::step::Reason;

/// What `reason` means, as the end of a sentence.
pub(crate) fn why(reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::Plain) | None => "mfad gives no reason",
        Some(Reason::WrongCode) => "the code is not right",
        Some(Reason::Spent) => "the code was used before; wait for the next one",
        Some(Reason::Limited) => "too many tries",
        Some(Reason::NotEnrolled) => "a factor is required and you have none; run `mfactl enroll`",
        Some(Reason::DoorClosed) => "too many wrong codes from here; an administrator has to unlock it",
        Some(Reason::NoCode) => "what was typed cannot be a code",
        Some(Reason::Busy) => "too many codes are being checked at this moment; try again",
        Some(Reason::Ahead) => "your token has run ahead; type the next code that it shows",
        Some(Reason::Expired) => "the question had expired; start again",
        Some(Reason::Help | Reason::Visible) => "no code was given",
        Some(Reason::PolicyOff) => "the mode is `off`, nobody is asked",
        Some(Reason::Observed) => "the mode is `observe`, codes are judged and hinder nobody",
        Some(Reason::Optional) => "you have no factor, and the mode is `optional`; run `mfactl enroll`",
        Some(Reason::UnknownUser) => "mfad does not know your user",
        Some(Reason::Altered) => "your account's record does not verify; tell an administrator",
        Some(Reason::Disabled) => "your factor was switched off after too many wrong codes",
        Some(Reason::Ambiguous) => "your name and your uid belong to two accounts; tell an administrator",
        Some(Reason::Clock) => "the server's clock cannot be believed; tell an administrator",
        Some(Reason::NoCaller) => "mfad could not tell who asks",
        Some(Reason::NoSettings) => "mfad has no settings that it can use; tell an administrator",
        Some(Reason::NoProof) => "no proof was given",
        Some(Reason::Locked) => "your account is locked; tell an administrator",
        Some(Reason::Grace) => "you have no factor yet, and will need one soon; run `mfactl enroll`",
        Some(Reason::Enrolling) => "a factor is being enrolled",
        Some(Reason::MayNotEnrol) => "you may not enrol by yourself; ask an administrator for an invitation",
        Some(Reason::Exempt) => "an exemption, or a rule that skips, lets you in without a code",
        Some(Reason::ServiceAccount) => "this is an account of a program, and has no factor",
        Some(Reason::Remembered) => "an earlier proof of yours is remembered",
        Some(Reason::SecurityKey) => "your security key counts as the second factor",
        Some(Reason::Denied) => "the policy of this host lets nobody in here",
        Some(Reason::KindNotAllowed) => "this host does not take codes of that kind",
        Some(Reason::TriesUsedUp) => "no try is left in this login; start again",
    }
}
