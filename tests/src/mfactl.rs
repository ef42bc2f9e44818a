//! `mfactl` in a machine, as a program runs it: arguments, a line of standard input, an answer.

use serde_json::Value;

use crate::inside::{Inside, Ran};
use crate::token::Token;

/// What an administrator says who acts without a factor.
pub const BROKEN_GLASS: &str = "--reason test --break-glass test";

impl Inside {
    /// `mfactl` by `user`, with the words of `line` as its arguments and nothing on standard input.
    pub fn mfactl(&self, user: &str, line: &str) -> Ran {
        self.mfactl_with(user, line, "")
    }

    /// The same, with `input` as a line of standard input: a code, mostly.
    pub fn mfactl_with(&self, user: &str, line: &str, input: &str) -> Ran {
        let argv: Vec<&str> = std::iter::once("mfactl").chain(line.split_whitespace()).collect();
        let input = if input.is_empty() { String::new() } else { format!("{input}\n") };
        self.exec_with(user, &argv, input.as_bytes())
    }

    /// By root, for an account of another, with the glass broken; what it answers.
    pub fn administer(&self, line: &str) -> Value {
        json(&self.mfactl("root", &format!("{line} {BROKEN_GLASS} --json")).stdout_of_success())
    }

    /// Begins an enrolment as `user`, with these further arguments and a line of standard input.
    pub fn begin_enrolment(&self, user: &str, wish: &str, input: &str) -> Token {
        let begun = self.mfactl_with(user, &format!("enroll begin --json {wish}"), input);
        Token::begun(&begun.stdout_of_success())
    }

    /// Confirms it with `code`; the backup codes that came of it.
    pub fn confirm_enrolment(&self, user: &str, token: &Token, code: &str) -> Vec<String> {
        let line = format!("enroll confirm {} {code} --json", token.enrolment());
        backup_codes(&self.mfactl(user, &line).stdout_of_success())
    }

    /// What `mfactl LINE --json` answers to `user`, one value a line.
    pub fn told(&self, user: &str, line: &str) -> Vec<Value> {
        let said = self.mfactl(user, &format!("{line} --json")).stdout_of_success();
        said.lines().map(json).collect()
    }

    /// The labels of the user's factors, in order.
    pub fn factor_labels(&self, user: &str) -> Vec<String> {
        let ran = self.mfactl(user, "factor list --json");
        ran.stdout.lines().map(|line| text(&json(line), "label")).collect()
    }
}

/// A field that must be there.
pub fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}

/// The backup codes in what `mfactl` answered.
pub fn backup_codes(answer: &str) -> Vec<String> {
    let answer = json(answer);
    let codes = answer["backup_codes"].as_array().unwrap_or_else(|| panic!("no codes in {answer}"));
    codes.iter().map(|code| code.as_str().expect("a code is text").to_owned()).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON: {error}\n{text}"))
}
