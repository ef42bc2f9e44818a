//! What a machine is to be, said before it starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::booted::{self, Booted};
use crate::clock;
use crate::image::{self, Suite};
use crate::machine::{Hardware, Init, Machine};
use crate::product;
use crate::rights;
use crate::stack::Stack;
use crate::user::User;

/// How much of a step must be left when a machine with enrolled users starts, in seconds.
///
/// The code that confirms an enrolment is of the step before, so a test has the present one and the next.
const SECONDS_LEFT: u64 = 10;

/// A machine that is not started yet.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Blueprint {
    pub(crate) product: bool,
    pub(crate) users: Vec<User>,
    stacks: Vec<(String, Stack)>,
    settings: Option<String>,
    sshd: Vec<String>,
    files: Vec<(String, u32, Vec<u8>)>,
    on_disk: bool,
    suite: Suite,
}

impl Machine {
    /// A machine with the product, a system bus, and mfad to be started by that bus when first asked for.
    #[allow(clippy::new_ret_no_self, reason = "what is new here is the plan of a machine")]
    pub fn new() -> Blueprint {
        Blueprint { product: true, ..Blueprint::default() }
    }

    /// A machine with nothing of the product, and no bus.
    pub fn bare() -> Blueprint {
        Blueprint::default()
    }
}

impl Blueprint {
    /// With this user.
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// With these users.
    pub fn users(mut self, users: impl IntoIterator<Item = User>) -> Self {
        self.users.extend(users);
        self
    }

    /// With this stack for `service`, in place of what Debian ships.
    pub fn pam(mut self, service: &str, stack: Stack) -> Self {
        self.stacks.push((service.into(), stack));
        self
    }

    /// With this text as `/etc/mfad/mfad.toml`.
    pub fn settings(mut self, toml: &str) -> Self {
        self.settings = Some(toml.into());
        self
    }

    /// With a line of sshd's settings, ahead of those that every machine has: the first value wins.
    pub fn sshd(mut self, line: &str) -> Self {
        self.sshd.push(line.into());
        self
    }

    /// With a line for sudo, after those that every machine has: the last match wins.
    pub fn sudoers(self, line: &str) -> Self {
        let name = format!("/etc/sudoers.d/test{}", self.files.len());
        self.file(&name, 0o440, format!("{line}\n"))
    }

    /// With what it writes on this host's disk, below `target`, where fsync costs what it costs, and from where it can
    /// boot again.
    pub fn on_disk(mut self) -> Self {
        self.on_disk = true;
        self
    }

    /// With the programs of that release of Debian.
    pub fn suite(mut self, suite: Suite) -> Self {
        self.suite = suite;
        self
    }

    /// With a file of root's.
    pub fn file(mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.into(), mode, content.into()));
        self
    }

    /// Starts it, and enrols who is to be enrolled.
    pub fn start(self) -> Machine {
        self.start_with(Init::Idle)
    }

    /// Boots it, with systemd as process 1, and enrols who is to be enrolled. As on any Debian machine, sshd's
    /// settings are beside those that are shipped; unlike there, sshd runs when it is first needed.
    pub fn boot(self) -> Booted {
        Booted::new(self.start_with(Init::Systemd))
    }

    fn start_with(self, init: Init) -> Machine {
        rights::assert_reduced();
        let product = self.product;
        assert!(
            product || self.stacks.iter().all(|(_, stack)| !stack.has_mfa()),
            "a bare machine has no pam_mfa.so"
        );

        let bound = if product { product::bound() } else { Vec::new() };
        let root = image::root(self.suite);
        let knows_penalties = knows_penalties(&root);
        let machine = Machine::new_on(Hardware { init, root, disk: self.on_disk.then(new_folder), bound });
        for (path, mode, content) in &self.files {
            machine.write(path, *mode, content);
        }
        for (service, stack) in &self.stacks {
            machine.write(format!("/etc/pam.d/{service}"), 0o644, stack.text());
        }
        let sshd = match init {
            Init::Idle => "/etc/ssh/sshd_config",
            Init::Systemd => "/etc/ssh/sshd_config.d/90-machine.conf", // ahead of what Debian says
        };
        machine.write(sshd, 0o644, sshd_config(&self.sshd, knows_penalties));
        machine.add_users(&self.users);
        if init == Init::Systemd {
            booted::wait_until_booted(&machine);
        }
        let enrols = self.users.iter().any(|user| user.factor.is_some());
        // Where a factor is required nobody gets a first one by wish: people enrolled before it was.
        let (early, late) = match &self.settings {
            Some(settings) if enrols && settings.contains("\"required\"") => (None, Some(settings)),
            settings => (settings.as_deref(), None),
        };
        if product {
            if init == Init::Systemd {
                product::install_units(&machine);
            }
            product::install(&machine, early);
            match init {
                Init::Idle => machine.bus().start(),
                Init::Systemd => product::start_units(&machine),
            }
        }
        if enrols {
            clock::with_seconds_left(SECONDS_LEFT);
        }
        for user in &self.users {
            if let Some(factor) = &user.factor {
                machine.enrol(&user.name, factor);
            }
        }
        if let Some(settings) = late {
            machine.write(product::SETTINGS, 0o644, settings);
            machine.exec(&["mfad", "--check"]).stdout_of_success();
            machine.mfad().restart();
        }
        machine
    }
}

/// A folder of its own on the disk.
fn new_folder() -> PathBuf {
    static MADE: AtomicUsize = AtomicUsize::new(1);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../target/machines/{}-{number}", std::process::id()));
    fs::create_dir_all(&path).and_then(|()| fs::canonicalize(&path)).expect("a folder below target")
}

/// Whether the sshd there punishes who fails, as OpenSSH does from 9.8 on.
fn knows_penalties(root: &Path) -> bool {
    root.join("usr/lib/openssh/sshd-session").exists() // came with the same release
}

/// Everything goes through PAM's conversation; limits that would drop honest logins by chance are off.
fn sshd_config(own: &[String], knows_penalties: bool) -> String {
    own.join("\n")
        + if knows_penalties { "\nPerSourcePenalties no" } else { "" }
        + "
ListenAddress 127.0.0.1
UsePAM yes
KbdInteractiveAuthentication yes
PasswordAuthentication no
PermitRootLogin yes
MaxStartups 200
MaxSessions 100
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
"
}
