//! What mfactl ends with: one closed set of exit codes, for people's scripts.

use std::process::ExitCode;

use mfa_proto::fault::Fault;
use mfa_proto::step::Reason;

macro_rules! exits {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $means:literal;)*) => {
        /// How a run ended. The numbers are a contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Exit { $($(#[$doc])* $name,)* }

        impl Exit {
            /// Every exit, in the order of the numbers.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];
            /// The number that the shell sees.
            pub(crate) const fn number(self) -> u8 { match self { $(Self::$name => $number),* } }
            /// What it means, for the help.
            pub(crate) const fn means(self) -> &'static str { match self { $(Self::$name => $means),* } }
        }
    };
}

exits! {
    /// Done, or granted.
    Done = 0, "ok";
    /// The answer is no.
    Refused = 1, "refused or negative";
    /// The command line, or what was given as input, is not usable.
    Usage = 2, "usage";
    /// The account has no factor.
    NotEnrolled = 3, "not enrolled";
    /// Not this caller's to do.
    NotPermitted = 4, "not permitted";
    /// No mfad that could answer.
    Unreachable = 5, "mfad unreachable";
    /// Too many tries or calls.
    Limited = 6, "limited, try later";
    /// A dry run found something to change.
    Differs = 7, "would change, or differs";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

impl From<Fault> for Exit {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotPermitted | Fault::NeedsProof => Self::NotPermitted,
            Fault::NotEnrolled => Self::NotEnrolled,
            Fault::AlreadyEnrolled | Fault::NotFound | Fault::WrongCode | Fault::Expired => Self::Refused,
            Fault::InvalidArgument => Self::Usage,
            Fault::Limited => Self::Limited,
            Fault::Unavailable => Self::Unreachable,
        }
    }
}

impl Exit {
    /// What a refusal for `reason` ends with. A reason that is not known is a plain refusal.
    pub(crate) fn of_refusal(reason: Option<Reason>) -> Self {
        match reason {
            Some(Reason::NotEnrolled | Reason::Optional) => Self::NotEnrolled,
            Some(Reason::Limited) => Self::Limited,
            _ => Self::Refused,
        }
    }

    /// The lines under `mfactl --help`.
    pub(crate) fn help() -> String {
        let lines: Vec<String> =
            Self::ALL.iter().map(|exit| format!("  {}  {}", exit.number(), exit.means())).collect();
        format!("Exit codes:\n{}", lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_codes_are_the_contract() {
        let numbers: Vec<u8> = Exit::ALL.iter().map(|exit| exit.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(Exit::help().contains("\n  6  limited, try later\n"));
    }

    #[test]
    fn every_fault_has_its_exit_code_and_none_is_success() {
        let expected = [
            (Fault::NotPermitted, 4),
            (Fault::NeedsProof, 4),
            (Fault::NotEnrolled, 3),
            (Fault::AlreadyEnrolled, 1),
            (Fault::NotFound, 1),
            (Fault::InvalidArgument, 2),
            (Fault::WrongCode, 1),
            (Fault::Expired, 1),
            (Fault::Limited, 6),
            (Fault::Unavailable, 5),
        ];
        assert_eq!(expected.map(|(fault, _)| fault), *Fault::ALL);
        for (fault, number) in expected {
            assert_eq!(Exit::from(fault).number(), number, "{fault:?}");
        }
    }

    #[test]
    fn a_refused_login_is_never_success() {
        for &reason in Reason::ALL {
            assert_ne!(Exit::of_refusal(Some(reason)), Exit::Done, "{reason:?}");
        }
        assert_eq!(Exit::of_refusal(Some(Reason::Limited)), Exit::Limited);
        assert_eq!(Exit::of_refusal(None), Exit::Refused);
    }
}
