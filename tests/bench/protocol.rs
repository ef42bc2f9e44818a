//! What the bench asks of its agent inside a machine: one JSON request a line, one JSON answer a line.

use serde::{Deserialize, Serialize};

use crate::people::Town;
use crate::stack::Stack;

/// Something to do inside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Make the people, the services and the peers' files.
    Prepare(Scene),
    /// Enrol people with ours: so many from the first on.
    Enrol { count: u32 },
    /// One login each, one after the other, in a fresh process each.
    Fresh { stack: Stack, first: u32, count: u32 },
    /// One login each, all in one process.
    OneProcess { stack: Stack, first: u32, count: u32 },
    /// One login each, in fresh processes, so many at once.
    AtOnce { stack: Stack, first: u32, count: u32, at_once: u32 },
    /// What is left in a process after so many logins.
    Left { stack: Stack, first: u32, count: u32 },
    /// Wait until every code that was used is of a step gone by.
    NewStep,
    /// The memory of mfad.
    Memory,
}

/// What a machine is set up with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Scene {
    pub(crate) town: Town,
    /// People in `/etc/passwd`.
    pub(crate) people: u32,
    /// Of them, those whom the peers know; the others exist for ours only.
    pub(crate) of_peers: u32,
    pub(crate) stacks: Vec<Stack>,
    /// The folder for state, on a disk.
    pub(crate) state: String,
    /// Whether `/etc/pam.d/other` is as Debian ships it, which loads `pam_unix` at each `pam_start`, or only denies.
    pub(crate) other_denies: bool,
}

/// One login. Times in nanoseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) person: u32,
    /// From before `pam_start` to after `pam_end`, by the clock of the process that logged in.
    pub(crate) inside_ns: u64,
    /// From before the process was started to after its end; zero where it served others too.
    pub(crate) around_ns: u64,
    /// The PAM code that decided.
    pub(crate) result: String,
}

impl Sample {
    /// Whether the login was let in.
    pub(crate) fn granted(&self) -> bool {
        self.result == "PAM_SUCCESS"
    }
}

/// What the agent found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Done,
    Samples(Vec<Sample>),
    /// The samples, and the time from the first start to the last end in nanoseconds.
    Burst {
        samples: Vec<Sample>,
        all_ns: u64,
    },
    Left(Left),
    /// Absent where no mfad runs.
    Memory(Option<Memory>),
    /// It could not be done.
    Failed(String),
}

/// What a process still had after its logins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Left {
    pub(crate) logins: u32,
    pub(crate) threads: u32,
    pub(crate) descriptors: u32,
    /// Everything else that differs, by name.
    pub(crate) others: Vec<String>,
    /// Files mapped that were not before.
    pub(crate) libraries: Vec<String>,
    /// Growth of anonymous memory between the first login and the last, in KiB.
    pub(crate) growth_kib: i64,
}

/// Memory of mfad, in KiB.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) resident_kib: u64,
    pub(crate) proportional_kib: u64,
    pub(crate) threads: u32,
    pub(crate) descriptors: u32,
}
