//! `pam_host` inside a machine: a PAM host without habits, for answers and moments that no terminal has.

use std::time::Duration;

use serde_json::Value;

use crate::inside::{Inside, Ran};
use crate::machine::Machine;
use crate::product;

/// Where it is put.
const PROGRAM: &str = "/usr/local/bin/pam_host";

/// How many logins are made where many are to grow nothing. `MFA_LOGINS=1000000 tests/run grow_nothing` makes a million
/// of each kind, in about two hours.
pub fn many_logins() -> usize {
    std::env::var("MFA_LOGINS").map_or(1200, |count| count.parse().expect("MFA_LOGINS is a number"))
}

/// What `pam_host` reported of one login.
#[derive(Debug, Clone)]
pub struct Report(Value);

impl Machine {
    /// Puts `pam_host` into the machine.
    #[must_use]
    pub fn with_pam_host(self) -> Self {
        let program = std::fs::read(product::built("pam_host")).expect("it was built");
        self.write(PROGRAM, 0o755, program);
        self
    }
}

impl Inside {
    /// One login of `user` at `service` by `pam_host`, as root, with these further arguments.
    pub fn pam_host(&self, service: &str, user: &str, arguments: &[&str]) -> Report {
        Report::read(&self.exec(&[&[PROGRAM, "login", service, user], arguments].concat()))
    }

    /// Kills the process with this id; in the next moment comes this login.
    pub fn kill_and_log_in(&self, pid: &str, service: &str, user: &str) -> Report {
        let script = format!("kill -KILL {pid} && exec {PROGRAM} login {service} {user}");
        Report::read(&self.exec(&["sh", "-c", &script]))
    }
}

impl Report {
    fn read(ran: &Ran) -> Self {
        let report = serde_json::from_str(&ran.stdout);
        Self(report.unwrap_or_else(|error| panic!("no report: {error}\n{ran}")))
    }

    /// `PAM_SUCCESS`, or the first code that was none, as libpam names it.
    pub fn result(&self) -> &str {
        self.0["result"].as_str().expect("a report has a result")
    }

    /// How long all phases took together.
    pub fn took(&self) -> Duration {
        Duration::from_nanos(self.0["total_ns"].as_u64().expect("a report has a time"))
    }

    /// Whether every phase said yes.
    pub fn granted(&self) -> bool {
        self.result() == "PAM_SUCCESS"
    }

    /// What the phase of that name answered; none where it was not called.
    pub fn phase(&self, name: &str) -> Option<&str> {
        let phases = self.0["phases"].as_array().expect("phases");
        phases.iter().find(|phase| phase["phase"] == name).and_then(|phase| phase["code"].as_str())
    }

    /// How it was asked, or told: `echo_off`, `echo_on`, `error` or `text`, with the words.
    pub fn messages(&self) -> Vec<(&str, &str)> {
        let prompts = self.0["prompts"].as_array().expect("prompts").iter();
        prompts.filter_map(|prompt| Some((prompt["style"].as_str()?, prompt["text"].as_str()?))).collect()
    }

    /// The prompts that it had to answer.
    pub fn prompts(&self) -> Vec<&str> {
        let prompts = self.0["prompts"].as_array().expect("prompts").iter();
        prompts.filter_map(|prompt| prompt["text"].as_str()).collect()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
