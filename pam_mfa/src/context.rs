//! Who logs in where, and what the host tells of it.
//!
//! Every value here comes from libpam. One more comes from the process's environment: sudo's
//! `SUDO_COMMAND`, in sudo's services only. At that time the environment is otherwise the caller's:
//! a variable that was believed elsewhere would be a caller's word about himself.

use std::ffi::CStr;

use mfa_proto::facts::{self, Facts};
use mfa_proto::identity::{ServiceName, UserName};
use nix::unistd::getuid;

use crate::args::FirstFactor;
use crate::session;

/// The items of a PAM handle that the module reads, as raw bytes: names may hold anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// `PAM_SERVICE`.
    Service,
    /// `PAM_USER`.
    User,
    /// `PAM_RHOST`.
    RHost,
    /// `PAM_TTY`.
    Tty,
    /// `PAM_RUSER`.
    RUser,
}

/// A PAM handle, as far as this module reads it.
pub(crate) trait Handle {
    /// An item, where it is set.
    fn item(&self, item: Item) -> Option<Vec<u8>>;
    /// A variable of the handle's own environment.
    fn env(&self, name: &CStr) -> Option<Vec<u8>>;
}

/// One login, as it was when the module was entered.
#[derive(Debug)]
pub(crate) struct Context {
    /// `PAM_USER`.
    pub(crate) user: UserName,
    /// `PAM_SERVICE`.
    pub(crate) service: ServiceName,
    /// What mfad is told.
    pub(crate) facts: Facts,
    /// `PAM_RUSER` as it came: in su it says whose factor is asked.
    caller: Option<Vec<u8>>,
    /// `SSH_AUTH_INFO_0` as sshd set it, in sshd's service only.
    passed: Option<Vec<u8>>,
}

impl Context {
    /// Reads the handle. `None` when it names no user or no service.
    pub(crate) fn read(handle: &impl Handle, first_factor: FirstFactor) -> Option<Self> {
        let user = handle.item(Item::User)?;
        let service = handle.item(Item::Service)?;
        let caller = handle.item(Item::RUser);
        let (mut connection, mut passed, mut command, mut session, mut uid) = (None, None, None, None, None);
        if facts::is_sshd(&service) {
            connection = handle.env(c"SSH_CONNECTION");
            passed = handle.env(c"SSH_AUTH_INFO_0");
        } else if facts::is_sudo(&service) {
            command = sudo_command();
            session = session::of_caller();
        } else if facts::is_polkit(&service) {
            uid = Some(getuid().to_string().into_bytes());
        }
        let first_factor = (first_factor == FirstFactor::Requisite).then(|| facts::REQUISITE.to_vec());
        let told = [
            (facts::RHOST, handle.item(Item::RHost)),
            (facts::TTY, handle.item(Item::Tty)),
            (facts::RUSER, caller.clone()),
            (facts::SSH_CONNECTION, connection),
            (facts::SSH_AUTH_INFO, passed.clone()),
            (facts::SUDO_COMMAND, command),
            (facts::SESSION, session),
            (facts::UID, uid),
            (facts::FIRST_FACTOR, first_factor),
        ];
        let facts = told
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .filter(|(_, value)| value.len() <= facts::LONGEST)
            .collect();
        Some(Self { user: UserName::new(user), service: ServiceName::new(service), facts, caller, passed })
    }

    /// Tells mfad when libpam read the stack, in milliseconds since boot.
    pub(crate) fn tell_loaded(&mut self, boot_ms: u64) {
        self.facts.insert(facts::LOADED.to_owned(), boot_ms.to_string().into_bytes());
    }

    /// Whether the handle still says what it said, byte for byte: another module, or the host in
    /// its conversation, may have changed it since, and what was proven is this user's. (S24)
    pub(crate) fn still_holds(&self, handle: &impl Handle) -> bool {
        handle.item(Item::User).as_deref() == Some(self.user.as_bytes())
            && handle.item(Item::Service).as_deref() == Some(self.service.as_bytes())
            && handle.item(Item::RUser) == self.caller
    }

    /// Whether the first factor is known to have passed.
    pub(crate) fn is_attested(&self) -> bool {
        facts::attested(self.service.as_bytes(), &self.facts)
    }

    /// Whether the service is sshd.
    pub(crate) fn is_sshd(&self) -> bool {
        facts::is_sshd(self.service.as_bytes())
    }

    /// Whether sshd says that a method has passed already.
    pub(crate) fn method_passed(&self) -> bool {
        self.passed.as_deref().is_some_and(facts::names_a_method)
    }

    /// Whether sshd says that a public key has passed already.
    pub(crate) fn key_passed(&self) -> bool {
        self.passed.as_deref().is_some_and(|info| facts::passed_key(info).is_some())
    }

    /// `PAM_RHOST`, for the log.
    pub(crate) fn rhost(&self) -> &[u8] {
        self.facts.get(facts::RHOST).map_or(b"", Vec::as_slice)
    }
}

/// The command that sudo is to run, which sudo itself sets before it calls PAM. A sudo that does not set it would hand
/// on what its caller has set: so what the process was started with is not believed, and then no command is known.
#[expect(clippy::disallowed_methods, reason = "the one variable that is read, and only under sudo")]
fn sudo_command() -> Option<Vec<u8>> {
    let command = std::env::var_os("SUDO_COMMAND").map(std::os::unix::ffi::OsStringExt::into_vec)?;
    let started_with = std::fs::read("/proc/self/environ").ok()?;
    (!is_among(&started_with, &command)).then_some(command)
}

/// Whether that environment, as the kernel shows it, has that command.
fn is_among(environment: &[u8], command: &[u8]) -> bool {
    let of = |variable: &[u8]| variable.strip_prefix(b"SUDO_COMMAND=").is_some_and(|value| value == command);
    environment.split(|byte| *byte == 0).any(of)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashMap;

    use super::*;

    /// A handle that is a table.
    #[derive(Clone, Default)]
    pub(crate) struct Table {
        pub(crate) items: HashMap<i32, Vec<u8>>,
        pub(crate) env: HashMap<&'static str, Vec<u8>>,
    }

    impl Table {
        pub(crate) fn login(service: &str, user: &[u8]) -> Self {
            Self::default().with(Item::Service, service.as_bytes()).with(Item::User, user)
        }

        pub(crate) fn with(mut self, item: Item, value: &[u8]) -> Self {
            self.items.insert(item as i32, value.to_vec());
            self
        }

        pub(crate) fn env(mut self, name: &'static str, value: &[u8]) -> Self {
            self.env.insert(name, value.to_vec());
            self
        }

        pub(crate) fn read(&self) -> Context {
            Context::read(self, FirstFactor::Unknown).expect("a user and a service")
        }
    }

    impl Handle for Table {
        fn item(&self, item: Item) -> Option<Vec<u8>> {
            self.items.get(&(item as i32)).cloned()
        }

        fn env(&self, name: &CStr) -> Option<Vec<u8>> {
            self.env.get(name.to_str().expect("ASCII")).cloned()
        }
    }

    const KEY: &[u8] = b"publickey ssh-ed25519 AAAA\n";

    #[test]
    fn sshd_variables_are_read_in_sshd_only() {
        let table = |service| {
            Table::login(service, b"alice")
                .env("SSH_CONNECTION", b"192.0.2.7 1 192.0.2.1 22")
                .env("SSH_AUTH_INFO_0", KEY)
                .env("SUDO_COMMAND", b"/bin/false")
        };
        let context = table("sshd").read();
        assert_eq!(context.facts[facts::SSH_AUTH_INFO], KEY);
        assert_eq!(context.facts[facts::SSH_CONNECTION], b"192.0.2.7 1 192.0.2.1 22");
        assert!(context.is_attested() && context.key_passed() && context.method_passed());

        for service in ["sudo", "su", "login", "sshd-session", "SSHD", "sshd "] {
            let mut context = table(service).read();
            let session = context.facts.remove(facts::SESSION); // the kernel's word, not the handle's
            assert!(session.is_none() || service == "sudo", "{service} tells of a session");
            assert!(context.facts.is_empty(), "{service}: {:?}", context.facts);
            assert!(!context.is_attested() && !context.key_passed() && !context.method_passed());
        }
    }

    #[test]
    fn polkits_helper_is_called_by_whom_the_kernel_says() {
        let of = |service| Table::login(service, b"alice").with(Item::RUser, b"alice").read();
        assert_eq!(of("polkit-1").facts[facts::UID], getuid().to_string().as_bytes());
        assert!(!of("su").facts.contains_key(facts::UID));
    }

    #[test]
    fn a_command_that_sudo_was_started_with_is_its_callers_word() {
        let started = b"PATH=/bin\0SUDO_COMMAND=/usr/bin/true\0HOME=/\0";
        assert!(is_among(started, b"/usr/bin/true"));
        for other in [&b"/bin/bash"[..], b"/usr/bin/true x", b"", b"/usr/bin/tru"] {
            assert!(!is_among(started, other));
        }
        assert!(!is_among(b"XSUDO_COMMAND=/bin/sh\0", b"/bin/sh"));
    }

    #[test]
    fn what_the_stack_says_is_a_fact() {
        let table = Table::login("su", b"root").with(Item::RUser, b"alice").with(Item::Tty, b"/dev/pts/3");
        let context = Context::read(&table, FirstFactor::Requisite).unwrap();
        assert!(context.is_attested());
        assert_eq!(context.facts[facts::FIRST_FACTOR], facts::REQUISITE);
        assert_eq!(context.facts[facts::RUSER], b"alice");
        assert_eq!(context.facts[facts::TTY], b"/dev/pts/3");
        assert!(!table.read().is_attested());
    }

    #[test]
    fn a_fact_too_long_is_left_out() {
        let longest = vec![b'x'; facts::LONGEST];
        let table = Table::login("sshd", b"alice").with(Item::RHost, &longest);
        assert_eq!(table.read().facts[facts::RHOST], longest);
        let longer = Table::login("sshd", b"alice").with(Item::RHost, &[b'x'; facts::LONGEST + 1]);
        assert!(longer.read().facts.is_empty());
        assert_eq!(longer.read().rhost(), b"");
    }

    #[test]
    fn a_handle_without_a_user_or_a_service_is_no_login() {
        assert!(Context::read(&Table::default(), FirstFactor::Unknown).is_none());
        let nameless = Table::default().with(Item::Service, b"sshd");
        assert!(Context::read(&nameless, FirstFactor::Unknown).is_none());
    }

    #[test]
    fn a_change_of_user_service_or_caller_is_seen() {
        let table = Table::login("su", b"alice\xff").with(Item::RUser, b"bob");
        let context = table.read();
        assert!(context.still_holds(&table));
        for changed in [
            table.clone().with(Item::User, b"alice"),
            table.clone().with(Item::User, b"alice\xfe"),
            table.clone().with(Item::User, b"alice\xff "),
            table.clone().with(Item::Service, b"su-l"),
            table.clone().with(Item::RUser, b"root"),
            Table::login("su", b"alice\xff"),
            Table::default(),
        ] {
            assert!(!context.still_holds(&changed));
        }
    }
}
