//! What became of a factor: mfad's answers, and what ended before mfad was asked.

use mfa_proto::admin::Imported;

use super::unread::Unread;

/// What became of a factor, the harmless first: of a user's several, the last of this order is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// There is no file.
    NoFile,
    /// No line of the file is the user's.
    NoLine,
    /// The account has that seed already.
    Known,
    /// There is nothing to refresh.
    Nothing,
    /// The mark was raised.
    Refreshed,
    /// It came over.
    Imported,
    /// It can come over, as far as is known without mfad.
    NotAsked,
    /// The file cannot be read now: whether there is a factor is not known.
    Unreadable,
    /// The seed is short, and was not to be taken.
    Weak,
    /// The account had that seed, and it was ended.
    Ended,
    /// Its user has a factor of the user's own: nothing is put beside it.
    Enrolled,
    /// Its user had a factor, which was ended: the next one is chosen by nobody else.
    HadFactor,
    /// The account has as many factors as it may.
    Full,
    /// Anything else that stands against it.
    Refused,
}

impl Outcome {
    /// What mfad answered; `None` for a word that this mfactl does not know.
    pub(crate) fn of_answer(answer: &Imported) -> Option<Self> {
        match answer.outcome.as_str() {
            "imported" => Some(Self::Imported),
            "known" => Some(Self::Known),
            "refreshed" => Some(Self::Refreshed),
            "weak" => Some(Self::Weak),
            "ended" => Some(Self::Ended),
            "enrolled" => Some(Self::Enrolled),
            "had_factor" => Some(Self::HadFactor),
            "full" => Some(Self::Full),
            "nothing" => Some(Self::Nothing),
            _ => None,
        }
    }

    /// What a file that was not read comes to.
    pub(crate) fn of_unread(unread: Unread) -> Self {
        match unread {
            Unread::NoFile => Self::NoFile,
            unread if unread.is_for_now() => Self::Unreadable,
            _ => Self::Refused,
        }
    }

    /// For programs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NoFile => "no_file",
            Self::NoLine => "no_line",
            Self::Known => "known",
            Self::Nothing => "nothing",
            Self::Refreshed => "refreshed",
            Self::Imported => "imported",
            Self::NotAsked => "not_asked",
            Self::Unreadable => "cannot_be_read_now",
            Self::Weak => "weak",
            Self::Ended => "ended",
            Self::Enrolled => "enrolled",
            Self::HadFactor => "had_factor",
            Self::Full => "full",
            Self::Refused => "refused",
        }
    }

    /// For people.
    pub(crate) fn said(self, dry_run: bool) -> &'static str {
        match (self, dry_run) {
            (Self::NoFile, _) => "no file",
            (Self::NoLine, _) => "no line",
            (Self::Known, _) => "known already",
            (Self::Nothing, _) => "nothing to refresh",
            (Self::Refreshed, false) => "refreshed",
            (Self::Refreshed, true) => "would be refreshed",
            (Self::Imported, false) => "imported",
            (Self::Imported, true) => "would be imported",
            (Self::NotAsked, false) => "left undone",
            (Self::NotAsked, true) => "can come over; mfad was not asked",
            (Self::Unreadable, _) => "cannot be read now",
            (Self::Weak, _) => "refused as weak; --allow-weak takes it",
            (Self::Ended, _) => "refused: the account had it, and it was ended",
            (Self::Enrolled, _) => "refused: the user has a factor of the user's own already",
            (Self::HadFactor, _) => {
                "refused: the user had a factor here, and nobody else chooses the next one; mfactl user invite \
                 lets the user enrol"
            }
            (Self::Full, _) => "refused: the account has no room for a further factor",
            (Self::Refused, _) => "refused",
        }
    }

    /// Whether something changed, or would.
    pub(crate) fn is_change(self) -> bool {
        matches!(self, Self::Imported | Self::Refreshed | Self::NotAsked)
    }

    /// Whether somebody has to look after it.
    pub(crate) fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::Unreadable
                | Self::Weak
                | Self::Ended
                | Self::Enrolled
                | Self::HadFactor
                | Self::Full
                | Self::Refused
        )
    }

    /// Whether there is nothing that could come over.
    pub(crate) fn is_absence(self) -> bool {
        matches!(self, Self::NoFile | Self::NoLine)
    }

    /// Whether mfad has the factor.
    pub(crate) fn is_with_mfad(self) -> bool {
        matches!(self, Self::Imported | Self::Known | Self::Refreshed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_of_mfad_is_known_and_no_other() {
        let of =
            |word: &str| Outcome::of_answer(&Imported { outcome: word.into(), scratch_codes: 0, bits: 0 });
        for word in
            ["imported", "known", "refreshed", "weak", "ended", "enrolled", "had_factor", "full", "nothing"]
        {
            assert_eq!(of(word).map(Outcome::word), Some(word));
        }
        assert_eq!(of("Imported"), None);
        assert_eq!(of("no_file"), None);
    }

    #[test]
    fn a_home_that_is_not_there_is_not_taken_for_one_without_a_file() {
        assert_eq!(Outcome::of_unread(Unread::NoFile), Outcome::NoFile);
        for unread in [Unread::NoHome, Unread::BareHome, Unread::Denied, Unread::Failed, Unread::Late] {
            assert_eq!(Outcome::of_unread(unread), Outcome::Unreadable, "{unread}");
        }
        assert_eq!(Outcome::of_unread(Unread::Link), Outcome::Refused);
    }
}
