//! The words after `pam_mfa.so` on a line of `/etc/pam.d`.
//!
//! They say how to ask and what is true of the stack; who is asked, and for what, is mfad's policy
//! and has no word here. A word that is not known is an error, since a misspelt word that was
//! skipped would leave a stack weaker than its administrator reads it.

use std::ffi::CStr;

/// What the module does when it is asked to authenticate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Task {
    /// Ask mfad.
    #[default]
    Verify,
    /// `key-passed`: only tell whether sshd has accepted a public key.
    KeyPassed,
}

/// Whether the stack itself says that the first factor passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FirstFactor {
    /// Nothing is said.
    #[default]
    Unknown,
    /// `first_factor=requisite`: every earlier auth line ends the stack when it fails.
    Requisite,
}

/// What the account phase does when this handle holds nothing that an auth phase proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Account {
    /// `PAM_IGNORE`, without a call.
    #[default]
    Ignore,
    /// `account_enforce`: ask mfad, for sshd.
    Enforce,
}

/// Whether what is typed is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Typing {
    /// As mfad says.
    #[default]
    AsAsked,
    /// `echo`: always shown.
    Shown,
}

/// The arguments of one line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Args {
    /// `key-passed`, or the ordinary task.
    pub(crate) task: Task,
    /// `first_factor=requisite`.
    pub(crate) first_factor: FirstFactor,
    /// `account_enforce`.
    pub(crate) account: Account,
    /// `echo`.
    pub(crate) typing: Typing,
    /// `prompt=TEXT`: stands in for the ordinary question.
    pub(crate) prompt: Option<String>,
    /// `debug`: log each step; never a code, a token or a secret.
    pub(crate) debug: bool,
}

/// The word that is not an argument of the module, as it stands in the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadArgument(pub(crate) Vec<u8>);

impl Args {
    /// Reads the words of a line.
    pub(crate) fn parse(words: &[&CStr]) -> Result<Self, BadArgument> {
        let mut args = Self::default();
        for word in words.iter().map(|word| word.to_bytes()) {
            match word {
                b"key-passed" => args.task = Task::KeyPassed,
                b"first_factor=requisite" => args.first_factor = FirstFactor::Requisite,
                b"account_enforce" => args.account = Account::Enforce,
                b"echo" => args.typing = Typing::Shown,
                b"debug" => args.debug = true,
                _ => args.prompt = Some(prompt(word).ok_or_else(|| BadArgument(word.to_vec()))?),
            }
        }
        Ok(args)
    }
}

/// The text of `prompt=TEXT`: not empty, and nothing that a terminal would act upon.
fn prompt(word: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(word.strip_prefix(b"prompt=")?).ok()?;
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_is_read() {
        let words = [c"echo", c"debug", c"first_factor=requisite", c"prompt=Code, please: "];
        let expected = Args {
            first_factor: FirstFactor::Requisite,
            typing: Typing::Shown,
            prompt: Some("Code, please: ".into()),
            debug: true,
            ..Args::default()
        };
        assert_eq!(Args::parse(&words), Ok(expected));
        assert_eq!(Args::parse(&[c"key-passed"]).unwrap().task, Task::KeyPassed);
        assert_eq!(Args::parse(&[c"account_enforce"]).unwrap().account, Account::Enforce);
        assert_eq!(Args::parse(&[]), Ok(Args::default()));
    }

    #[test]
    fn a_word_that_is_not_known_is_an_error() {
        for word in [
            c"",
            c"Echo",
            c"echo=yes",
            c"nullok",
            c"first_factor",
            c"first_factor=",
            c"first_factor=required",
            c"first_factor=requisite ",
            c"key_passed",
            c"account_enforce=yes",
            c"prompt",
            c"prompt=",
            c"prompt=\x1b[2Jcode",
            c"prompt=line\nline",
            c"prompt=\xff",
            c"try_first_pass",
        ] {
            let bad = Args::parse(&[c"echo", word, c"debug"]);
            assert_eq!(bad, Err(BadArgument(word.to_bytes().to_vec())), "{word:?}");
        }
    }
}
