//! A machine that boots: systemd as process 1, for packages, units and what they promise.

use std::collections::HashMap;
use std::ops::Deref;
use std::time::Duration;

use serde_json::Value;

use crate::inside::{Inside, Ran};
use crate::machine::Machine;
use crate::wait;

/// How long booting, or a unit, may take. The host may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A machine with systemd as process 1. What a [`Machine`] can do, it can.
#[derive(Debug)]
pub struct Booted(Machine);

impl Booted {
    pub(crate) fn new(machine: Machine) -> Self {
        Self(machine)
    }

    /// Puts `pam_host` into the machine.
    #[must_use]
    pub fn with_pam_host(self) -> Self {
        Self(self.0.with_pam_host())
    }

    /// Boots it again, after its power was cut: nothing that runs there is told. It must have been made with
    /// [`on_disk`](crate::Blueprint::on_disk), and has another name and process id then.
    pub fn reboot(&mut self) {
        self.0.switch_off_and_on();
        wait_until_booted(&self.0);
    }
}

impl Deref for Booted {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.0
    }
}

/// Units, where systemd is process 1.
impl Inside {
    /// `systemctl` with the words of `line` as its arguments.
    pub fn systemctl(&self, line: &str) -> Ran {
        let argv: Vec<&str> = std::iter::once("systemctl").chain(line.split_whitespace()).collect();
        self.exec(&argv)
    }

    /// A property of a unit, as systemd has it: `ActiveState`, `MainPID`, `NRestarts`.
    pub fn unit(&self, unit: &str, property: &str) -> String {
        let shown = self.systemctl(&format!("show --value --property={property} {unit}"));
        shown.stdout_of_success().trim().to_owned()
    }

    /// Waits until a unit is active; panics with its status where it is not in time.
    pub fn wait_active(&self, unit: &str) {
        let active = wait::until(PATIENCE, || (self.unit(unit, "ActiveState") == "active").then_some(()));
        assert!(active.is_some(), "{unit} is not active: {}", self.systemctl(&format!("status {unit}")));
    }

    /// What the journal holds of these matches (`_SYSTEMD_UNIT=mfad.service`, `MESSAGE_ID=…`), with its fields.
    pub fn journal(&self, matches: &[&str]) -> Vec<Value> {
        self.exec(&["journalctl", "--sync"]).stdout_of_success();
        let show = ["journalctl", "--quiet", "--no-pager", "--all", "--output=json"];
        let shown = self.exec(&[&show, matches].concat()).stdout_of_success();
        let entry = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        shown.lines().map(entry).collect()
    }

    /// Hashes of all files below a folder, by path: what must not have changed.
    pub fn hashes(&self, folder: &str) -> HashMap<String, String> {
        let listed = self.shell(&format!("find {folder} -type f -exec sha256sum {{}} +"));
        let line = |line: &str| line.split_once("  ").map(|(hash, path)| (path.to_owned(), hash.to_owned()));
        listed.lines().filter_map(line).collect()
    }
}

/// Waits until systemd has started all that is enabled, with no unit failed.
pub(crate) fn wait_until_booted(machine: &Machine) {
    let ended = |state: &str| ["running", "degraded"].contains(&state);
    let state = wait::until(PATIENCE, || {
        let ran = machine.exec(&["systemctl", "is-system-running"]);
        Some(ran.stdout.trim().to_owned()).filter(|state| ended(state))
    });
    assert_eq!(
        state.as_deref(),
        Some("running"),
        "the machine did not boot: {}",
        machine.systemctl("list-units --failed --no-pager")
    );
}
