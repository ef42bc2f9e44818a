//! The words after `pam_mfa.so` on a line of `/etc/pam.d`.
//!
//! They say how to ask and what is true of the stack; who is asked, and for what, is mfad's policy
//! and has no word here. A word that is not known is an error, since a misspelt word that was
//! skipped would leave a stack weaker than its administrator reads it.

use std::ffi::CStr;

use mfa_proto::answer::DIGITS;

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

/// Where the first answer comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Source {
    /// From a prompt of this module.
    #[default]
    Prompt,
    /// `try_first_pass`: what an earlier module had typed, where that can hold a code; else a prompt.
    TryFirst,
    /// `use_first_pass`: what an earlier module had typed, whatever it is. Nobody is prompted.
    UseFirst,
}

/// What is typed into one field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Field {
    /// A code.
    #[default]
    Code,
    /// `forward_pass`: a password, and the code behind it.
    PasswordAndCode,
}

/// The arguments of one line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Args {
    /// `key-passed`, or the ordinary task.
    pub(crate) task: Task,
    /// `first_factor=requisite`.
    pub(crate) first_factor: FirstFactor,
    /// `account_enforce`.
    pub(crate) account: Account,
    /// `try_first_pass`, `use_first_pass`.
    pub(crate) source: Source,
    /// `forward_pass`.
    pub(crate) field: Field,
    /// `digits=N`: how many digits stand behind the password.
    pub(crate) digits: usize,
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

impl Default for Args {
    fn default() -> Self {
        Self {
            task: Task::default(),
            first_factor: FirstFactor::default(),
            account: Account::default(),
            source: Source::default(),
            field: Field::default(),
            digits: *DIGITS.start(),
            typing: Typing::default(),
            prompt: None,
            debug: false,
        }
    }
}

impl Args {
    /// Reads the words of a line.
    pub(crate) fn parse(words: &[&CStr]) -> Result<Self, BadArgument> {
        let mut args = Self::default();
        for word in words.iter().map(|word| word.to_bytes()) {
            match word {
                b"key-passed" => args.task = Task::KeyPassed,
                b"first_factor=requisite" => args.first_factor = FirstFactor::Requisite,
                b"account_enforce" => args.account = Account::Enforce,
                b"try_first_pass" if args.source != Source::UseFirst => args.source = Source::TryFirst,
                b"use_first_pass" if args.source != Source::TryFirst => args.source = Source::UseFirst,
                b"forward_pass" => args.field = Field::PasswordAndCode,
                b"echo" => args.typing = Typing::Shown,
                b"debug" => args.debug = true,
                _ => match (digits(word), prompt(word)) {
                    (Some(digits), _) => args.digits = digits,
                    (None, Some(text)) => args.prompt = Some(text),
                    (None, None) => return Err(BadArgument(word.to_vec())),
                },
            }
        }
        Ok(args)
    }
}

/// The number of `digits=N`.
fn digits(word: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(word.strip_prefix(b"digits=")?).ok()?;
    DIGITS.into_iter().find(|digits| digits.to_string() == text)
}

/// The text of `prompt=TEXT`: not empty, and nothing that a terminal would act upon.
fn prompt(word: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(word.strip_prefix(b"prompt=")?).ok()?;
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

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
    fn every_line_of_the_manual_is_read() {
        let page = include_str!("../../packaging/man/pam_mfa.8").replace("\\-", "-");
        let (_, examples) = page.split_once("\n.SH EXAMPLES\n").unwrap();
        let lines: Vec<&str> = examples
            .lines()
            .filter_map(|line| line.split_once(" pam_mfa.so"))
            .map(|(_, rest)| rest)
            .collect();
        assert!(lines.len() > 6, "{lines:?}");
        for line in lines {
            let words: Vec<CString> =
                line.split_whitespace().map(|word| CString::new(word).unwrap()).collect();
            let words: Vec<&CStr> = words.iter().map(CString::as_c_str).collect();
            assert!(Args::parse(&words).is_ok(), "{line}");
        }
    }

    #[test]
    fn the_family_of_the_first_pass_is_read() {
        let parse = |words: &[&CStr]| Args::parse(words).map(|args| (args.source, args.field, args.digits));
        assert_eq!(parse(&[]), Ok((Source::Prompt, Field::Code, 6)));
        assert_eq!(parse(&[c"try_first_pass"]), Ok((Source::TryFirst, Field::Code, 6)));
        let words = [c"use_first_pass", c"forward_pass", c"digits=8"];
        assert_eq!(parse(&words), Ok((Source::UseFirst, Field::PasswordAndCode, 8)));
        assert_eq!(parse(&[c"digits=6"]), Ok((Source::Prompt, Field::Code, 6)));
        // Never to prompt and to prompt: whichever was meant, the other is not to be done instead.
        for words in [[c"try_first_pass", c"use_first_pass"], [c"use_first_pass", c"try_first_pass"]] {
            assert_eq!(parse(&words), Err(BadArgument(words[1].to_bytes().to_vec())));
        }
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
            c"digits=",
            c"digits=5",
            c"digits=9",
            c"digits=06",
            c"digits=+6",
            c"digits",
            c"forward_pass=yes",
            c"first_pass",
            c"expose_account",
        ] {
            let bad = Args::parse(&[c"echo", word, c"debug"]);
            assert_eq!(bad, Err(BadArgument(word.to_bytes().to_vec())), "{word:?}");
        }
    }
}
