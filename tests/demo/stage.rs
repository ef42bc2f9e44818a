//! Three machines and the wires between them.
//!
//! ```text
//!   laptop 192.0.2.10 ─────── 192.0.2.1    server    203.0.113.1 ─────── 203.0.113.66 elsewhere
//!   alice                     sshd, sudo, bus, mfad                                    mallory
//! ```

use std::process::Command;

use mfa_tests::{Machine, Stack, User};

/// What alice types before her code.
pub(crate) const PASSWORD: &str = "swordfish";

/// How many lines of the server's log are shown when something went wrong.
const LOG_LINES: usize = 12;

/// Where the story plays. Dropping it ends everything in it.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Where sshd, sudo, the bus and mfad run.
    pub(crate) server: Machine,
    /// Where alice sits.
    pub(crate) laptop: Machine,
    /// Where somebody else sits.
    pub(crate) elsewhere: Machine,
}

impl Stage {
    /// Starts the machines.
    pub(crate) fn set() -> Self {
        let server = Machine::new()
            .user(User::named("alice").password(PASSWORD))
            .pam("sshd", Stack::password_then_mfa())
            .pam("sudo", Stack::password_then_mfa())
            .pam("sudo-i", Stack::password_then_mfa())
            .sshd("ListenAddress 192.0.2.1\nListenAddress 203.0.113.1\nAcceptEnv LANG")
            .start();
        let laptop = Machine::bare().user(User::named("alice")).start();
        let elsewhere = Machine::bare().user(User::named("mallory")).start();
        connect(&server, "192.0.2.1/24", &laptop, "192.0.2.10/24", "laptop");
        connect(&server, "203.0.113.1/24", &elsewhere, "203.0.113.66/24", "elsewhere");
        let host_key = server.read("/etc/ssh/ssh_host_ed25519_key.pub");
        for (machine, name, address) in [
            (&server, "server", "192.0.2.1"),
            (&laptop, "laptop", "192.0.2.1"),
            (&elsewhere, "elsewhere", "203.0.113.1"),
        ] {
            let own = if name == "server" { String::new() } else { format!("127.0.1.1 {name}\n") };
            machine.write("/etc/hosts", 0o644, format!("127.0.0.1 localhost\n{own}{address} server\n"));
            machine.write("/etc/hostname", 0o644, format!("{name}\n"));
            machine.exec(&["hostname", name]).stdout_of_success();
            // Alice and mallory have met the server before: no question about its key.
            machine.write("/etc/ssh/ssh_known_hosts", 0o644, format!("server {host_key}"));
        }
        server.start_sshd();
        Self { server, laptop, elsewhere }
    }

    /// The end of the server's log.
    pub(crate) fn log(&self) -> Vec<String> {
        let lines = self.server.log().lines();
        lines[lines.len().saturating_sub(LOG_LINES)..].to_vec()
    }
}

/// Lays a wire from `server`, where its end is named after the other machine, to that machine's `eth0`.
fn connect(server: &Machine, near: &str, other: &Machine, far: &str, name: &str) {
    // In the server's net and with the server's `ip`, but counting processes as the host does.
    let made = Command::new("nsenter")
        .args(["-t", &server.pid().to_string(), "-m", "-n", "--", "/sbin/ip", "link", "add", name])
        .args(["type", "veth", "peer", "name", "eth0", "netns", &other.pid().to_string()])
        .output()
        .expect("nsenter starts");
    assert!(made.status.success(), "no wire: {}", String::from_utf8_lossy(&made.stderr));
    for (machine, device, address) in [(server, name, near), (other, "eth0", far)] {
        machine.exec(&["ip", "address", "add", address, "dev", device]).stdout_of_success();
        machine.exec(&["ip", "link", "set", device, "up"]).stdout_of_success();
    }
}
