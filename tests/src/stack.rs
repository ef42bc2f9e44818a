//! The PAM stacks that the services of a machine have.
//!
//! How libpam reads them decides what these tests prove, so each says what ends it and what lets it go on:
//!
//! - A jump (`[success=1 …]`) counts as *ignored*: something after it must succeed, or the whole stack fails.
//!   That is Debian's `pam_permit`, which stands where only the right password leads.
//! - A failed `required` goes on to the end and fails there: what comes after it never knows.

/// A service's file in `/etc/pam.d`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Stack {
    auth: Vec<String>,
    rest: Vec<String>,
}

const UNIX_OR_END: [&str; 3] = [
    "auth [success=1 default=ignore] pam_unix.so nodelay",
    "auth requisite pam_deny.so",
    "auth required pam_permit.so",
];

impl Stack {
    fn of(auth: &[&str], account: &[&str]) -> Self {
        let session = ["session required pam_permit.so", "password required pam_deny.so"];
        Self {
            auth: auth.iter().map(ToString::to_string).collect(),
            rest: account.iter().chain(&session).map(ToString::to_string).collect(),
        }
    }

    fn with_mfa(auth: &[&str]) -> Self {
        Self::of(auth, &["account requisite pam_unix.so", "account required pam_mfa.so"])
    }

    /// A password and nothing else; nothing of the product.
    pub fn password_only() -> Self {
        Self::of(&UNIX_OR_END, &["account required pam_unix.so"])
    }

    /// A password, then a code of `pam_google_authenticator`: what people have today.
    pub fn password_then_google() -> Self {
        let google = "auth required pam_google_authenticator.so";
        Self::of(&[&UNIX_OR_END[..], &[google]].concat(), &["account required pam_unix.so"])
    }

    /// A password, then a code of `pam_oath`, from `/etc/users.oath`.
    pub fn password_then_oath() -> Self {
        let oath = "auth required pam_oath.so usersfile=/etc/users.oath window=3 digits=6";
        Self::of(&[&UNIX_OR_END[..], &[oath]].concat(), &["account required pam_unix.so"])
    }

    /// As on Debian: only the right password leads to the second factor, which is told so (attested).
    pub fn password_then_mfa() -> Self {
        Self::with_mfa(&[&UNIX_OR_END[..], &["auth required pam_mfa.so first_factor=requisite"]].concat())
    }

    /// The second factor is asked whatever the password was, and cannot know (not attested).
    pub fn password_then_mfa_unattested() -> Self {
        Self::with_mfa(&["auth required pam_unix.so nodelay", "auth required pam_mfa.so"])
    }

    /// For sshd with `publickey,keyboard-interactive`: who has shown a key is not asked for the password,
    /// everyone else is, and the second factor follows either.
    pub fn key_passed_or_password() -> Self {
        let key = "auth [success=2 default=ignore] pam_mfa.so key-passed";
        Self::with_mfa(
            &[&[key], &UNIX_OR_END[..], &["auth required pam_mfa.so first_factor=requisite"]].concat(),
        )
    }

    /// For hosts that ask once: one field takes password and code, and the password goes on to who knows it.
    pub fn password_and_code_in_one_field() -> Self {
        Self::with_mfa(&[
            "auth required pam_mfa.so forward_pass",
            "auth required pam_unix.so nodelay use_first_pass",
        ])
    }

    /// Another module asks, and does not mind what is typed; ours takes it from there.
    pub fn asked_by_another_then_mfa(arguments: &str) -> Self {
        Self::with_mfa(&[
            "auth [default=ignore] pam_unix.so nodelay",
            &format!("auth required pam_mfa.so {arguments}"),
        ])
    }

    /// The second factor alone, for a service that only a test has.
    pub fn mfa_alone() -> Self {
        Self::with_mfa(&["auth required pam_mfa.so"])
    }

    /// A whole file, as it is.
    pub fn raw(text: &str) -> Self {
        Self { auth: Vec::new(), rest: text.lines().map(str::to_owned).collect() }
    }

    /// Root is asked for nothing, as `su` has it everywhere.
    pub fn root_passes(mut self) -> Self {
        self.auth.insert(0, "auth sufficient pam_rootok.so".into());
        self
    }

    /// With further arguments on the line that asks for the second factor.
    pub fn mfa_arguments(mut self, arguments: &str) -> Self {
        let asks =
            self.auth.iter_mut().rfind(|line| line.contains("pam_mfa.so")).expect("a stack with pam_mfa.so");
        asks.push(' ');
        asks.push_str(arguments);
        self
    }

    /// With a line ahead of all others.
    pub fn first(mut self, line: &str) -> Self {
        self.auth.insert(0, line.into());
        self
    }

    /// With a line after the last auth line.
    pub fn last(mut self, line: &str) -> Self {
        self.auth.push(line.into());
        self
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let mut text =
            self.auth.iter().chain(&self.rest).fold(String::new(), |text, line| text + line + "\n");
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    /// Whether any line of it is the product's.
    pub(crate) fn has_mfa(&self) -> bool {
        self.auth.iter().chain(&self.rest).any(|line| line.contains("pam_mfa.so"))
    }
}
