//! Security keys of OpenSSH, in the hand of a person who sits at another machine: root's, here.
//!
//! `libsk_provider.so` is the device. ssh-sk-helper loads it as it loads the library of a real one.

use serde_json::Value;

use crate::attempt::{Attempt, quoted};
use crate::machine::Machine;
use crate::mfactl::text;
use crate::product::built;

/// Where OpenSSH finds the device.
const PROVIDER: &str = "/usr/lib/sk_provider.so";

/// A key pair whose private half only the device can use.
#[derive(Debug)]
pub struct SecurityKey<'machine> {
    machine: &'machine Machine,
    name: String,
    /// What the device and its user do at a signature.
    environment: Vec<String>,
}

/// A challenge that mfad wants signed.
#[derive(Debug, Clone)]
pub struct Challenge(Value);

impl Challenge {
    /// From what `mfactl enroll begin --type ssh-key --json` printed.
    pub fn begun(json: &str) -> Self {
        Self(serde_json::from_str(json).unwrap_or_else(|error| panic!("no JSON: {error}\n{json}")))
    }

    /// Names it in `mfactl enroll confirm`.
    pub fn enrolment(&self) -> String {
        text(&self.0, "enrollment")
    }

    /// What is to be signed.
    pub fn text(&self) -> String {
        text(&self.0, "challenge")
    }

    /// The line that users are told to run.
    pub fn command(&self) -> String {
        text(&self.0, "command")
    }

    /// Whether a PIN is asked for.
    pub fn pin(&self) -> bool {
        self.0["pin"].as_bool().expect("it says so")
    }
}

impl Machine {
    /// Makes a key by `ssh-keygen -t KIND OPTIONS`, kept as `/root/keys/NAME`.
    pub fn security_key(&self, name: &str, kind: &str, options: &str) -> SecurityKey<'_> {
        let device = std::fs::read(built("libsk_provider.so")).expect("built");
        self.write(PROVIDER, 0o755, device);
        self.write("/root/pin", 0o755, "#!/bin/sh\necho 123456\n");
        let environment = [
            format!("SSH_SK_PROVIDER={PROVIDER}"),
            "SSH_ASKPASS=/root/pin".to_owned(), // who types the PIN
            "SSH_ASKPASS_REQUIRE=force".to_owned(),
        ];
        let key = SecurityKey { machine: self, name: name.into(), environment: environment.into() };
        key.shell(&format!(
            "mkdir -p /root/keys; ssh-keygen -q -t {kind} -N '' -C {name} -f {} {options}",
            key.path()
        ));
        key
    }

    /// Begins the enrolment of a security key as `user`, by a code of a factor.
    pub fn challenge(&self, user: &str, wish: &str, code: &str) -> Challenge {
        let begun = self.mfactl_with(user, &format!("enroll begin --type ssh-key --json {wish}"), code);
        Challenge::begun(&begun.stdout_of_success())
    }
}

impl SecurityKey<'_> {
    /// Its private file, of which the public one is beside.
    pub fn path(&self) -> String {
        format!("/root/keys/{}", self.name)
    }

    /// The environment in which OpenSSH uses it.
    pub fn environment(&self) -> &[String] {
        &self.environment
    }

    /// Its fingerprint, as OpenSSH shows it.
    pub fn fingerprint(&self) -> String {
        let shown = self.machine.shell(&format!("ssh-keygen -lf {}.pub", self.path()));
        shown.split_whitespace().nth(1).expect("a fingerprint").to_owned()
    }

    /// Has sshd accept it for `user`, with these options.
    pub fn authorize(&self, user: &str, options: &str) {
        self.machine.shell(&format!(
            "install -d -o {user} -g {user} -m 700 /home/{user}/.ssh
             {{ printf '%s' '{options}'; cat {}.pub; }} >>/home/{user}/.ssh/authorized_keys
             chown {user}: /home/{user}/.ssh/authorized_keys",
            self.path()
        ));
    }

    /// Its signature of that challenge, by the command that users are told to run.
    pub fn sign(&self, challenge: &Challenge) -> String {
        self.shell(&challenge.command().replace("~/.ssh/id_ed25519_sk", &self.path()))
    }

    /// The same with a device that lies about how it was used: 1 touched, 4 with a PIN.
    pub fn sign_with_flags(&self, flags: u8, challenge: &Challenge) -> String {
        let command = challenge.command().replace("~/.ssh/id_ed25519_sk", &self.path());
        self.shell(&format!("export SK_PROVIDER_FLAGS={flags}; {command}"))
    }

    /// `ssh user@127.0.0.1` with it, then keyboard-interactive.
    pub fn ssh(&self, user: &str) -> Attempt {
        self.machine.ssh(user).key(&self.name).option(&format!("-oSecurityKeyProvider={PROVIDER}"))
    }

    /// The same where the key asks for its PIN. Whatever else is asked gets the PIN too, unseen.
    pub fn ssh_with_pin(&self, user: &str) -> Attempt {
        self.ssh(user).environment(&self.environment)
    }

    fn shell(&self, script: &str) -> String {
        let environment: String =
            self.environment.iter().map(|variable| format!("export {}\n", quoted(variable))).collect();
        self.machine.shell(&format!("{environment}{script}"))
    }
}
