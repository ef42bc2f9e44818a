//! Hands on mfad and on the system bus of a machine: what an operator, a crash or an attacker does to them.

use std::time::Duration;

use crate::inside::{Inside, Ran};
use crate::product::ACTIVATION;
use crate::wait;

/// How long a daemon may take to come or to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// The daemon of a machine. It runs or not; the bus starts it when it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Mfad<'a>(&'a Inside);

/// The system bus of a machine.
#[derive(Debug, Clone, Copy)]
pub struct Bus<'a>(&'a Inside);

impl Inside {
    /// Its mfad.
    pub fn mfad(&self) -> Mfad<'_> {
        Mfad(self)
    }

    /// Its system bus.
    pub fn bus(&self) -> Bus<'_> {
        Bus(self)
    }

    /// The process ids, as the machine counts, of the programs of this name.
    pub fn processes(&self, name: &str) -> Vec<String> {
        self.exec(&["pgrep", "-x", name]).stdout.lines().map(str::to_owned).collect()
    }

    fn signal(&self, name: &str, signal: &str) {
        for pid in self.processes(name) {
            let _ = self.exec(&["kill", signal, &pid]); // gone already is as good
        }
    }

    fn wait_gone(&self, name: &str) {
        wait::for_condition(&format!("{name} is gone"), PATIENCE, || self.processes(name).is_empty());
    }
}

impl<'a> Mfad<'a> {
    /// Its process id as the machine counts, where it runs.
    pub fn pid(self) -> Option<String> {
        self.0.processes("mfad").into_iter().next()
    }

    /// Whether it is a unit of systemd's, which starts it again when it ends.
    fn is_a_unit(self) -> bool {
        self.0.exists("/run/systemd/system")
    }

    fn systemctl(self, verb: &str) {
        self.0.systemctl(&format!("{verb} mfad.service")).stdout_of_success();
    }

    /// Asks the bus to start it, as the first caller does without saying so.
    pub fn start(self) {
        let mut call: Vec<&str> =
            "dbus-send --system --print-reply --dest=org.freedesktop.DBus".split(' ').collect();
        call.extend(["/org/freedesktop/DBus", "org.freedesktop.DBus.StartServiceByName"]);
        call.extend(["string:org.mfad1", "uint32:0"]);
        self.0.exec(&call).stdout_of_success();
    }

    /// Kills it, as a crash would; the bus may start it again.
    pub fn kill(self) {
        self.0.signal("mfad", "-KILL");
        self.0.wait_gone("mfad");
    }

    /// The machine that it is in.
    pub(crate) fn inside(self) -> &'a Inside {
        self.0
    }

    /// Waits until it serves, socket and bus.
    pub(crate) fn wait_serving(self) {
        let mut ask: Vec<&str> =
            "dbus-send --system --print-reply --dest=org.freedesktop.DBus".split(' ').collect();
        ask.extend(["/org/freedesktop/DBus", "org.freedesktop.DBus.GetNameOwner", "string:org.mfad1"]);
        let owned = || self.0.exec(&ask).status.success();
        wait::for_condition("mfad serves", PATIENCE, || self.0.exists("/run/mfad/pam.sock") && owned());
    }

    /// Has it read its settings again, and waits until it says which are in force.
    pub fn reload(self) {
        let told = || self.0.log().matching("in force").len();
        let before = told();
        self.0.signal("mfad", "-HUP");
        wait::for_condition("mfad says which settings are in force", PATIENCE, || told() > before);
    }

    /// Ends it in order, and starts it again.
    pub fn restart(self) {
        if self.is_a_unit() {
            return self.systemctl("restart");
        }
        self.stop();
        self.start();
    }

    /// Ends it in order; the bus, or the socket of systemd, may start it again.
    pub fn stop(self) {
        if self.is_a_unit() {
            return self.systemctl("stop");
        }
        self.0.signal("mfad", "-TERM");
        self.0.wait_gone("mfad");
    }

    /// Hangs it: it takes connections and answers nothing.
    pub fn hang(self) {
        self.0.signal("mfad", "-STOP");
    }

    /// Lets it go on.
    pub fn resume(self) {
        self.0.signal("mfad", "-CONT");
    }

    /// Kills it for good: nothing can start it any more.
    pub fn remove(self) {
        let _ = self.0.exec(&["rm", "-f", ACTIVATION]).assert_exit(0);
        let _ = self.0.bus().reload(); // no bus starts nothing either
        if self.is_a_unit() {
            self.0.systemctl("mask --quiet --runtime --now mfad.socket mfad.service").stdout_of_success();
        }
        self.kill();
    }

    /// The kilobytes of memory it has resident.
    pub fn resident_kib(self) -> u64 {
        let pid = self.pid().expect("mfad runs");
        let status = self.0.read(format!("/proc/{pid}/status"));
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Bus<'_> {
    /// Starts it; it accepts when this returns.
    pub fn start(self) {
        self.0.shell("mkdir -p /run/dbus; rm -f /run/dbus/pid; dbus-daemon --system --fork");
    }

    /// Kills it.
    pub fn stop(self) {
        self.0.signal("dbus-daemon", "-KILL");
        self.0.wait_gone("dbus-daemon");
    }

    /// Kills the system's own and no other, where a user runs one too.
    pub fn stop_system(self) {
        let running = || self.0.exec(&["pgrep", "-x", "-f", "dbus-daemon --system --fork"]).status.success();
        self.0.shell("pkill -KILL -x -f 'dbus-daemon --system --fork'");
        wait::for_condition("the system bus is gone", PATIENCE, || !running());
    }

    /// Has it read its services and policies again.
    pub fn reload(self) -> Ran {
        let call = "dbus-send --system --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
                    org.freedesktop.DBus.ReloadConfig";
        self.0.exec(&call.split_whitespace().collect::<Vec<_>>())
    }
}
