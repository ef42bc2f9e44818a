//! The one line that each verdict leaves in the log of the login host, in the shape of `pam_unix`.
//!
//! `authentication failure; rhost=192.0.2.7 user=alice reason=wrong_code try=2/3`
//!
//! Names come from strangers: each is escaped, cut, and quoted where a space in it could pass for
//! the next word. (S29) No code, token or text that was typed ever gets here. (S8)

use std::fmt::Write;

use mfa_proto::identity::escaped;
use mfa_proto::names::TRIES;

use crate::context::Context;
use crate::dialogue::Verdict;
use crate::failed::Failed;

/// As much of a name as a line holds, in bytes of the name.
const LONGEST: usize = 128;

/// A phase of a login that has a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `auth`.
    Authentication,
    /// `account`.
    Account,
}

impl Phase {
    const fn word(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Account => "account",
        }
    }

    /// The word in the name of the module's line.
    pub(crate) const fn in_short(self) -> &'static str {
        match self {
            Self::Authentication => "auth",
            Self::Account => "account",
        }
    }
}

/// The line of a verdict; `result` is `success`, `failure` or `not asked`.
pub(crate) fn verdict(phase: Phase, result: &str, context: &Context, verdict: &Verdict) -> String {
    let reason = verdict.reason.map_or("unknown", mfa_proto::step::Reason::word);
    let mut line = reasoned(phase, result, context, reason);
    if verdict.tries > 0 {
        let _ = write!(line, " try={}/{TRIES}", verdict.tries); // to a String: cannot fail
    }
    line
}

/// The line of a phase that came to no verdict.
pub(crate) fn failure(phase: Phase, context: &Context, failed: &Failed) -> String {
    let mut line = reasoned(phase, "failure", context, failed.word());
    if !failed.detail().is_empty() {
        let _ = write!(line, " detail={}", word(failed.detail().as_bytes())); // to a String: cannot fail
    }
    line
}

/// A line with a reason of the module's own.
pub(crate) fn reasoned(phase: Phase, result: &str, context: &Context, reason: &str) -> String {
    let (rhost, user) = (word(context.rhost()), word(context.user.as_bytes()));
    format!("{} {result}; rhost={rhost} user={user} reason={reason}", phase.word())
}

/// Bytes as one word of a line, whatever they hold.
pub(crate) fn word(bytes: &[u8]) -> String {
    let (shown, more) = match bytes.get(..LONGEST) {
        Some(start) if bytes.len() > LONGEST => (start, "..."),
        _ => (bytes, ""),
    };
    let text = escaped(shown) + more;
    if text.contains([' ', '=']) { format!("\"{text}\"") } else { text }
}

#[cfg(test)]
mod tests {
    use mfa_proto::step::Reason;

    use super::*;
    use crate::context::Item;
    use crate::context::tests::Table;
    use crate::dialogue::Ended;

    fn refused(reason: Option<Reason>, tries: u32) -> Verdict {
        Verdict { ended: Ended::Refused(String::new()), reason, tries }
    }

    #[test]
    fn a_refusal_reads_like_one_of_pam_unix() {
        let context = Table::login("sshd", b"alice").with(Item::RHost, b"192.0.2.7").read();
        let line = verdict(Phase::Authentication, "failure", &context, &refused(Some(Reason::WrongCode), 2));
        assert_eq!(line, "authentication failure; rhost=192.0.2.7 user=alice reason=wrong_code try=2/3");
        let line = verdict(Phase::Account, "failure", &context, &refused(None, 0));
        assert_eq!(line, "account failure; rhost=192.0.2.7 user=alice reason=unknown");
    }

    #[test]
    fn a_failure_tells_what_failed() {
        let context = Table::login("sudo", b"alice").read();
        let fault = Failed::Fault("org.mfad1.Error.Unavailable".into());
        assert_eq!(
            failure(Phase::Authentication, &context, &fault),
            "authentication failure; rhost= user=alice reason=mfad_fault detail=org.mfad1.Error.Unavailable"
        );
        let line = failure(Phase::Account, &context, &Failed::Silent);
        assert_eq!(line, "account failure; rhost= user=alice reason=mfad_silent");
    }

    /// S29.
    #[test]
    fn a_name_cannot_forge_a_line_or_a_word_of_one() {
        assert_eq!(word(b"alice"), "alice");
        assert_eq!(word(b"x user=root"), "\"x user=root\"");
        assert_eq!(word(b"x\" user=root"), "\"x\\\" user=root\"");
        assert_eq!(word(b"a\nsshd: ok\x1b[2J%n\xff"), "\"a\\x0asshd: ok\\x1b[2J%n\\xff\"");
        assert_eq!(word(&[b'a'; 300]), "a".repeat(128) + "...");
        assert_eq!(word(&[b'a'; 128]), "a".repeat(128));
        assert_eq!(word(b""), "");
    }
}
