//! Why a service is not protected by us, with the line to place by hand.

use std::fmt;
use std::path::PathBuf;

use super::proof::Flaw;

/// Why no place was found.
#[derive(Debug)]
pub(crate) enum Unplaced {
    /// The service has no file: it may not be installed.
    NoFile,
    /// Its file is a link to another: who else uses that, and who will write it anew, cannot be known.
    Link(PathBuf),
    /// Something of it could not be read.
    Unread(String),
    /// A line of ours that somebody placed by hand is not right.
    ByHand(usize, Vec<Flaw>),
    /// No line of the service's file brings a first factor that is known.
    NoFirstFactor,
    /// The module to replace is not in the service's own file.
    NotThere(String),
    /// The module to replace takes password and code in one field.
    OneField(String),
    /// This line of it would make way for the key, and brings more than what asks for a password.
    BringsMore(usize),
    /// No place is proved to protect; what is wrong with the best one.
    NotProved(Vec<Flaw>),
}

impl fmt::Display for Unplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by_hand = "place it by hand, behind the lines that ask for the password:\n  \
                       auth     required   pam_mfa.so\nand before the account lines:\n  account  required   pam_mfa.so";
        let list = |flaws: &[Flaw]| flaws.iter().map(|flaw| format!("\n  {flaw}")).collect::<String>();
        match self {
            Self::NoFile => write!(f, "it has no PAM file; is it installed?"),
            Self::Link(target) => write!(
                f,
                "its PAM file is a link to {}, which others may use or write anew; make a file of it first \
                 (cp --remove-destination)",
                target.display()
            ),
            Self::Unread(why) => write!(f, "its PAM files cannot be read: {why}"),
            Self::ByHand(line, flaws) => {
                write!(f, "line {line} was placed by hand, and the stack does not protect:{}", list(flaws))
            }
            Self::NoFirstFactor => write!(f, "no line of it brings a first factor that is known; {by_hand}"),
            Self::NotThere(module) => write!(f, "no auth line of its own asks {module}; nothing to replace"),
            Self::OneField(module) => {
                write!(f, "{module} takes password and code in one field here (forward_pass); {by_hand}")
            }
            Self::BringsMore(line) => write!(
                f,
                "line {line} brings more than auth lines, so it cannot make way for the key; put one include a kind of \
                 lines there (auth include ..., account include ...)"
            ),
            Self::NotProved(flaws) => write!(f, "no place is proved to protect:{}\n{by_hand}", list(flaws)),
        }
    }
}
