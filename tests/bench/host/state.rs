//! The state of this process that a PAM module must leave as it found it.
//!
//! Libraries that stay mapped and memory that a first login takes are told apart from it: libpam itself and
//! NSS leave both behind, and the caller judges them by their names and their growth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use mfa_tests::libpam;
use serde_json::{Value, json};

/// Lines of `/proc/self/status` that must not change. `Threads` is told by the tasks' names as well.
const STATUS: [&str; 12] = [
    "Umask",
    "Uid",
    "Gid",
    "Groups",
    "Threads",
    "SigBlk",
    "SigIgn",
    "SigCgt",
    "CapEff",
    "NoNewPrivs",
    "Seccomp",
    "ShdPnd",
];

/// The highest signal number of Linux.
const LAST_SIGNAL: i32 = 64;

/// What was found at one moment.
pub(crate) struct Snapshot {
    facts: BTreeMap<String, String>,
    libraries: BTreeSet<String>,
    memory: Memory,
}

/// Memory of this process; sizes in KiB.
struct Memory {
    resident_kib: u64,
    anonymous_kib: u64,
    mappings: usize,
}

/// What memory this process has of its own now, in KiB; looking takes none that stays.
pub(crate) fn anonymous_kib() -> u64 {
    kib(&fs::read_to_string("/proc/self/status").unwrap_or_default(), "RssAnon")
}

impl Snapshot {
    /// Looks at everything, and leaves nothing open.
    pub(crate) fn take() -> Self {
        let mut facts = BTreeMap::new();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        for line in status.lines() {
            if let Some((name, value)) = line.split_once(':')
                && STATUS.contains(&name)
            {
                facts.insert(format!("status {name}"), value.trim().to_owned());
            }
        }
        for task in names("/proc/self/task") {
            let comm = fs::read_to_string(format!("/proc/self/task/{task}/comm")).unwrap_or_default();
            facts.insert(format!("thread {task}"), comm.trim().to_owned());
        }
        let own = format!("/proc/{}/fd", std::process::id());
        for number in names("/proc/self/fd") {
            let target = fs::read_link(format!("/proc/self/fd/{number}"));
            // The listing's own descriptor is gone, or points to the listing.
            if let Ok(target) = target
                && target.as_os_str() != own.as_str()
            {
                facts.insert(format!("descriptor {number}"), target.display().to_string());
            }
        }
        for signal in 1..=LAST_SIGNAL {
            if let Some(found) = libpam::disposition(signal) {
                facts.insert(
                    format!("signal {signal}"),
                    format!("handler {:#x} flags {:#x}", found.handler, found.flags),
                );
            }
        }
        for (name, value) in std::env::vars_os() {
            facts.insert(format!("variable {}", name.display()), value.display().to_string());
        }
        facts.insert("locale".to_owned(), libpam::locale());
        facts.insert("working directory".to_owned(), link("/proc/self/cwd"));
        facts.insert("root directory".to_owned(), link("/proc/self/root"));
        for name in ["limits", "timers", "oom_score_adj", "loginuid"] {
            let text = fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
            facts.insert(format!("proc {name}"), text);
        }
        let (libraries, mappings) = mapped();
        let memory =
            Memory { resident_kib: kib(&status, "VmRSS"), anonymous_kib: kib(&status, "RssAnon"), mappings };
        Self { facts, libraries, memory }
    }

    /// What differs afterwards: each fact with its value before and after, null where it was not there.
    pub(crate) fn changes(&self, after: &Self) -> Vec<Value> {
        let keys: BTreeSet<&String> = self.facts.keys().chain(after.facts.keys()).collect();
        keys.into_iter()
            .filter(|key| self.facts.get(*key) != after.facts.get(*key))
            .map(|key| json!({"what": key, "before": self.facts.get(key), "after": after.facts.get(key)}))
            .collect()
    }

    /// Files that are mapped afterwards and were not before.
    pub(crate) fn libraries_added(&self, after: &Self) -> Vec<String> {
        after.libraries.difference(&self.libraries).cloned().collect()
    }

    /// The memory at this moment.
    pub(crate) fn memory(&self) -> Value {
        json!({
            "resident_kib": self.memory.resident_kib,
            "anonymous_kib": self.memory.anonymous_kib,
            "mappings": self.memory.mappings,
        })
    }
}

fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn link(path: &str) -> String {
    fs::read_link(path).map(|target| target.display().to_string()).unwrap_or_default()
}

/// The files mapped into this process, and the number of mappings.
fn mapped() -> (BTreeSet<String>, usize) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let files = maps.lines().filter_map(|line| line.find('/').map(|at| line[at..].to_owned()));
    (files.collect(), maps.lines().count())
}

/// The value of a line like `VmRSS:      1234 kB`.
fn kib(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
