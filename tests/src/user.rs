//! The people of a machine.

/// A user that a machine is to have.
#[derive(Debug, Clone)]
#[must_use]
pub struct User {
    pub(crate) name: String,
    pub(crate) password: Option<String>,
    pub(crate) factor: Option<Totp>,
    pub(crate) ssh_key: bool,
}

impl User {
    /// A user without a password, a key or a factor. `root` is there anyhow, and may be given these.
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), password: None, factor: None, ssh_key: false }
    }

    /// With this password in `/etc/shadow`.
    pub fn password(self, password: &str) -> Self {
        Self { password: Some(password.into()), ..self }
    }

    /// Enrolled by `mfactl`, by the user's own hand, before the machine is handed over.
    pub fn enrolled(self, factor: Totp) -> Self {
        Self { factor: Some(factor), ..self }
    }

    /// With an SSH key of the user's own, which the machine's sshd accepts.
    pub fn ssh_key(self) -> Self {
        Self { ssh_key: true, ..self }
    }
}

/// What kind of TOTP factor a user enrols.
#[derive(Debug, Clone)]
#[must_use]
pub struct Totp {
    arguments: Vec<String>,
}

impl Totp {
    /// What `mfactl enroll` offers when nothing is said: SHA-1, six digits, 30 seconds.
    pub fn sha1() -> Self {
        Self { arguments: Vec::new() }
    }

    /// With SHA-256.
    pub fn sha256() -> Self {
        Self::sha1().option("--algorithm", "sha256")
    }

    /// With SHA-512.
    pub fn sha512() -> Self {
        Self::sha1().option("--algorithm", "sha512")
    }

    /// With codes of 6, 7 or 8 digits.
    pub fn digits(self, digits: u8) -> Self {
        self.option("--digits", &digits.to_string())
    }

    fn option(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.into(), value.into()]);
        self
    }

    /// The arguments that tell `mfactl enroll begin` of it.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &str> {
        self.arguments.iter().map(String::as_str)
    }
}
